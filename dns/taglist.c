/*
 * taglist.c - tag lists taken apart (RFC 6376 s3.2): tag-spec = name "=" value, between semicolons, the last one optional.
 */
#include "dns/taglist.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define BLANKS    " \t\r\n" /* folding white space, as it survives in a TXT */
#define QUOTE_MAX 80

bool
span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

bool
span_is_nocase(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

struct span
span_trim(struct span s)
{
	while (s.len != 0 && strchr(BLANKS, s.at[0]) != NULL) {
		s.at++;
		s.len--;
	}
	while (s.len != 0 && strchr(BLANKS, s.at[s.len - 1]) != NULL)
		s.len--;
	return s;
}

bool
span_cut(struct span *list, char sep, struct span *piece_out)
{
	const char *end;
	size_t len, used;

	if (list->len == 0)
		return false;
	end = memchr(list->at, sep, list->len);
	len = end != NULL ? (size_t)(end - list->at) : list->len;
	used = end != NULL ? len + 1 : len;
	*piece_out = span_trim((struct span){list->at, len});
	list->at += used;
	list->len -= used;
	return true;
}

/* tag-name = ALPHA *(ALPHA / DIGIT / "_"). */
static bool
is_tag_name(struct span s)
{
	if (s.len == 0 || !isalpha((unsigned char)s.at[0]))
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!isalnum((unsigned char)s.at[i]) && s.at[i] != '_')
			return false;
	}
	return true;
}

static bool
split(struct span piece, struct tag *out)
{
	struct span rest = piece;

	if (piece.len == 0 || memchr(piece.at, '=', piece.len) == NULL || !span_cut(&rest, '=', &out->name))
		return false;
	out->value = span_trim(rest);
	return is_tag_name(out->name);
}

bool
taglist_first(const char *text, struct tag *out)
{
	struct span rest = {text, strnlen(text, TAGLIST_TEXT_MAX_BYTES)}, piece;

	return span_cut(&rest, ';', &piece) && split(piece, out);
}

static const struct tag *
find(const struct taglist *l, struct span name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->tags[i].name.len == name.len && memcmp(l->tags[i].name.at, name.at, name.len) == 0)
			return &l->tags[i];
	}
	return NULL;
}

int
taglist_parse(const char *text, bool lenient, struct taglist *out, struct err *err)
{
	struct span rest = {text, strnlen(text, TAGLIST_TEXT_MAX_BYTES + 1)}, piece;
	struct tag t;

	out->n = 0;
	out->stray = (struct span){0};
	if (rest.len > TAGLIST_TEXT_MAX_BYTES)
		return err_set(err, CR_EPARSE, "longer than %d bytes", TAGLIST_TEXT_MAX_BYTES);
	while (span_cut(&rest, ';', &piece)) {
		/* The list may end in a semicolon; an empty piece elsewhere says nothing and harms nobody. */
		if (piece.len == 0)
			continue;
		if (!split(piece, &t)) {
			if (lenient && out->stray.len == 0)
				out->stray = piece;
			if (lenient)
				continue;
			return err_set(err, CR_EPARSE, "not a tag: '%.*s'",
			               (int)(piece.len < QUOTE_MAX ? piece.len : QUOTE_MAX), piece.at);
		}
		if (find(out, t.name) != NULL)
			return err_set(err, CR_EPARSE, "tag '%.*s' stands twice",
			               (int)(t.name.len < QUOTE_MAX ? t.name.len : QUOTE_MAX), t.name.at);
		if (out->n == TAGLIST_MAX)
			return err_set(err, CR_EPARSE, "more than %d tags", TAGLIST_MAX);
		out->tags[out->n++] = t;
	}
	return CR_OK;
}

const struct tag *
taglist_find(const struct taglist *l, const char *name)
{
	return find(l, (struct span){name, strlen(name)});
}
