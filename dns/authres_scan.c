/*
 * authres_scan.c - blanks, comments, quoted strings and words.
 *
 * Sources: RFC 5322 s3.2.1 (quoted pairs), s3.2.2 (folding, comments), s3.2.4 (quoted strings); RFC 2045 s5.1 (token).
 *
 * Invariant: what opens has to close.  A value that ends within a comment or a quote is broken as a whole: somebody else's text may have
 * opened it, and everything before it may belong inside.
 */
#include "dns/authres_scan.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Of RFC 2045's token; bytes above ASCII are UTF-8 (RFC 8601 s5 allows it through RFC 6532). */
static bool
is_token(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* Of a dot-atom; also what DKIM and SPF's senders have in a local part. */
static bool
is_local(char c)
{
	return is_token(c) || c == '/' || c == '=' || c == '?';
}

static void
put(struct authres_scan *s, char c)
{
	if (s->used == s->size)
		s->broken = true;
	else
		s->room[s->used++] = c;
}

/* The byte at s->at as it stands within quotes or a comment: a pair gives its second byte, folding a blank. */
static void
put_inner(struct authres_scan *s)
{
	if (*s->at == '\\' && s->at + 1 < s->end)
		s->at++;
	if (*s->at == '\r' || *s->at == '\n') {
		while (s->at + 1 < s->end && is_blank(s->at[1]))
			s->at++;
		put(s, ' ');
	} else {
		put(s, *s->at);
	}
	s->at++;
}

/* At '('.  Nesting is counted, not walked: its depth costs nothing. */
static void
skip_comment(struct authres_scan *s)
{
	const bool keep = s->comment == NULL;
	const size_t from = s->used;
	size_t depth = 0;

	while (s->at < s->end) {
		const char c = *s->at;

		if (c == '(' && depth++ == 0) {
			s->at++;
			continue;
		}
		if (c == ')' && --depth == 0)
			break;
		put_inner(s);
	}
	if (s->at == s->end) {
		s->broken = true;
		return;
	}
	s->at++;
	put(s, '\0');
	if (keep)
		s->comment = s->room + from;
	else
		s->used = from;
}

bool
authres_scan_cfws(struct authres_scan *s)
{
	const char *from = s->at;

	while (s->at < s->end && !s->broken) {
		if (is_blank(*s->at))
			s->at++;
		else if (*s->at == '(')
			skip_comment(s);
		else
			break;
	}
	return s->at != from;
}

bool
authres_scan_char(struct authres_scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

const char *
authres_scan_keyword(struct authres_scan *s, bool *plain_out)
{
	const char *kept = s->room + s->used;
	const char *from = s->at;

	for (; s->at < s->end && is_word(*s->at); s->at++) {
		if (*s->at == '_')
			*plain_out = false;
		put(s, *s->at >= 'A' && *s->at <= 'Z' ? (char)(*s->at + ('a' - 'A')) : *s->at);
	}
	if (s->at == from)
		return NULL;
	put(s, '\0');
	return kept;
}

/* At '"'. */
static void
read_quoted(struct authres_scan *s)
{
	s->at++;
	while (s->at < s->end && *s->at != '"')
		put_inner(s);
	if (!authres_scan_char(s, '"'))
		s->broken = true;
}

static bool
all(const char *from, const char *to, bool (*is)(char c))
{
	while (from < to && is(*from))
		from++;
	return from == to;
}

/* Is from..to, whose first part up to quoted stands in quotes, a value of the grammar: a token, a quoted string, or a mailbox? */
static bool
is_plain(const char *from, const char *quoted, const char *to)
{
	const char *at = memrchr(quoted, '@', (size_t)(to - quoted));

	if (quoted != from && quoted == to)
		return true;
	if (at == NULL)
		return quoted == from && all(from, to, is_token);
	if (quoted != from ? at != quoted : !all(from, at, is_local))
		return false;
	return at + 1 < to && all(at + 1, to, is_token);
}

const char *
authres_scan_value(struct authres_scan *s, bool *plain_out)
{
	const char *kept = s->room + s->used;
	const char *from = s->at, *quoted = s->at;
	bool plain = true;

	while (s->at < s->end && !s->broken && !is_blank(*s->at) && *s->at != ';' && *s->at != '(') {
		const char *part = s->at;

		if (*part == ')') {
			s->broken = true;
		} else if (*part == '"') {
			read_quoted(s);
			plain = plain && part == from;
			if (part == from)
				quoted = s->at;
		} else {
			put(s, *s->at++);
		}
	}
	if (s->at == from || s->broken) {
		*plain_out = false;
		return "";
	}
	put(s, '\0');
	if (!plain || !is_plain(from, quoted, s->at))
		*plain_out = false;
	return kept;
}

void
authres_scan_skip(struct authres_scan *s)
{
	const size_t from = s->used;
	bool plain = true;

	while (!s->broken && !authres_scan_is_end(s)) {
		(void)authres_scan_cfws(s);
		(void)authres_scan_value(s, &plain);
	}
	/* Nothing of it is kept; a comment that was would be left without its text. */
	s->used = from;
	s->comment = NULL;
}

bool
authres_scan_is_end(const struct authres_scan *s)
{
	return s->at == s->end || *s->at == ';';
}
