/*
 * signature_canon.c - headers and bodies in the form that was signed, hashed as they pass.
 *
 * RFC 6376 s3.4 (forms), s3.7 (order, b= left out), s5.4.2 (names that stand more than once).  White space is blank and tab alone.
 */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "dns/signature_inside.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- bodies ---- */

void
canon_body_start(struct canon_body *c, enum canon kind, uint64_t limit, struct hash *hash)
{
	*c = (struct canon_body){.kind = kind, .hash = hash, .left = limit};
}

static void
emit(struct canon_body *c, const char *data, size_t len)
{
	size_t n = len < c->left ? len : (size_t)c->left;

	hash_add(c->hash, data, n);
	c->left -= n;
	c->total += len;
}

static void
emit_line_ends(struct canon_body *c, size_t n)
{
	static const char ends[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";

	while (n > 0) {
		size_t now = n < strlen(ends) / 2 ? n : strlen(ends) / 2;

		emit(c, ends, 2 * now);
		n -= now;
	}
}

/* Each run of blanks becomes one. */
static void
emit_words(struct canon_body *c, struct span line)
{
	size_t from = 0;

	while (from < line.len) {
		size_t to = from;

		while (to < line.len && is_blank(line.at[to]))
			to++;
		if (to > from)
			emit(c, " ", 1);
		from = to;
		while (to < line.len && !is_blank(line.at[to]))
			to++;
		emit(c, line.at + from, to - from);
		from = to;
	}
}

void
canon_body_line(struct canon_body *c, struct span line)
{
	while (c->kind == CANON_RELAXED && line.len > 0 && is_blank(line.at[line.len - 1]))
		line.len--;
	if (line.len == 0) {
		c->empty++;
		return;
	}
	emit_line_ends(c, c->empty);
	c->empty = 0;
	if (c->kind == CANON_SIMPLE)
		emit(c, line.at, line.len);
	else
		emit_words(c, line);
	emit(c, "\r\n", 2);
}

/* An empty body is one line end in the simple form, and nothing in the relaxed one (s3.4.3, s3.4.4). */
void
canon_body_end(struct canon_body *c)
{
	if (c->kind == CANON_SIMPLE && c->total == 0)
		emit(c, "\r\n", 2);
}

bool
canon_cut_line(struct span *rest, struct span *line_out)
{
	const char *at = rest->at, *end = rest->at + rest->len, *cr;

	if (rest->len == 0)
		return false;
	while ((cr = memchr(at, '\r', (size_t)(end - at))) != NULL && (cr + 1 == end || cr[1] != '\n'))
		at = cr + 1;
	if (cr == NULL) {
		*line_out = *rest;
		*rest = (struct span){end, 0};
		return true;
	}
	*line_out = (struct span){rest->at, (size_t)(cr - rest->at)};
	*rest = (struct span){cr + 2, (size_t)(end - cr - 2)};
	return true;
}

uint64_t
canon_body(struct span body, enum canon kind, uint64_t limit, uint8_t out[HASH_BYTES])
{
	struct canon_body c;
	struct hash hash;
	struct span line;

	hash_start(&hash);
	canon_body_start(&c, kind, limit, &hash);
	while (canon_cut_line(&body, &line))
		canon_body_line(&c, line);
	canon_body_end(&c);
	hash_peek(&hash, out);
	return c.total;
}

/* ---- headers ---- */

/* A relaxed value that may come in pieces. */
struct words {
	struct hash *hash;
	bool any, blank;
};

static void
add_words(struct words *w, struct span value)
{
	size_t from = 0;

	while (from < value.len) {
		size_t to = from;
		bool fold = value.at[from] == '\r' && from + 1 < value.len && value.at[from + 1] == '\n';

		if (fold || is_blank(value.at[from])) {
			w->blank = w->blank || !fold;
			from += fold ? 2 : 1;
			continue;
		}
		while (to < value.len && !is_blank(value.at[to]) &&
		       !(value.at[to] == '\r' && to + 1 < value.len && value.at[to + 1] == '\n'))
			to++;
		if (w->blank && w->any)
			hash_add(w->hash, " ", 1);
		hash_add(w->hash, value.at + from, to - from);
		w->any = true;
		w->blank = false;
		from = to;
	}
}

static void
add_name(struct span head, struct hash *hash)
{
	char lower[64];
	size_t n = 0;

	for (size_t i = 0; i < head.len && head.at[i] != ':' && !is_blank(head.at[i]); i++) {
		if (n == sizeof(lower)) {
			hash_add(hash, lower, n);
			n = 0;
		}
		lower[n++] = (char)tolower((unsigned char)head.at[i]);
	}
	hash_add(hash, lower, n);
	hash_add(hash, ":", 1);
}

static void
add_unfolded(enum canon_fold fold, struct span value, struct hash *hash)
{
	struct span line;
	bool first = true;

	while (canon_cut_line(&value, &line)) {
		while (!first && fold == CANON_ONE_BLANK && line.len > 0 && is_blank(line.at[0]))
			line = (struct span){line.at + 1, line.len - 1};
		if (!first && fold == CANON_ONE_BLANK)
			hash_add(hash, " ", 1);
		hash_add(hash, line.at, line.len);
		first = false;
	}
}

void
canon_field(enum canon kind, enum canon_fold fold, struct span head, struct span value, struct hash *hash)
{
	if (kind == CANON_RELAXED) {
		add_name(head, hash);
		add_words(&(struct words){.hash = hash}, value);
	} else {
		hash_add(hash, head.at, head.len);
		if (fold == CANON_AS_IS)
			hash_add(hash, value.at, value.len);
		else
			add_unfolded(fold, value, hash);
	}
	hash_add(hash, "\r\n", 2);
}

static struct span
head_of(const struct message_field *f)
{
	return (struct span){f->whole.at, (size_t)(f->value.at - f->whole.at)};
}

void
canon_own(const struct signature_fields *f, const struct message_field *field, struct hash *hash)
{
	struct span before = {field->value.at, f->b_from};
	struct span behind = {field->value.at + f->b_to, field->value.len - f->b_to};
	struct words w = {.hash = hash};

	if (f->header == CANON_RELAXED) {
		add_name(head_of(field), hash);
		add_words(&w, before);
		add_words(&w, behind);
	} else {
		hash_add(hash, field->whole.at, (size_t)(field->value.at - field->whole.at));
		hash_add(hash, before.at, before.len);
		hash_add(hash, behind.at, behind.len);
	}
}

void
canon_select(const struct message *m, const struct signature_fields *f, const struct message_field *own,
             const struct message_field *without, size_t out[SIGNATURE_NAMES_MAX])
{
	bool used[MESSAGE_FIELDS_MAX] = {false};

	assert(m->n_fields <= MESSAGE_FIELDS_MAX);
	for (size_t i = 0; i < f->n_names; i++) {
		out[i] = SIZE_MAX;
		for (size_t at = m->n_fields; at-- > 0;) {
			struct span name = m->fields[at].name;

			if (used[at] || &m->fields[at] == own || &m->fields[at] == without ||
			    name.len != f->names[i].len || strncasecmp(name.at, f->names[i].at, name.len) != 0)
				continue;
			used[at] = true;
			out[i] = at;
			break;
		}
	}
}

void
canon_header(const struct message *m, const struct signature_fields *f, const struct message_field *own,
             const struct canon_change *c, uint8_t out[HASH_BYTES])
{
	static const struct canon_change none;
	size_t fields[SIGNATURE_NAMES_MAX];
	struct hash hash;

	if (c == NULL)
		c = &none;
	hash_start(&hash);
	canon_select(m, f, own, c->value == NULL ? c->field : NULL, fields);
	for (size_t i = 0; i < f->n_names; i++) {
		const struct message_field *at = fields[i] != SIZE_MAX ? &m->fields[fields[i]] : NULL;
		struct span value;

		/* One that is not there is signed as such (s5.4): nothing may be added later. */
		if (at == NULL)
			continue;
		value = at == c->field && c->value != NULL ? *c->value : at->value;
		canon_field(f->header, at == c->field ? CANON_AS_IS : c->fold, head_of(at), value, &hash);
	}
	canon_own(f, own, &hash);
	hash_peek(&hash, out);
}
