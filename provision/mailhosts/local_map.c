/*
 * local_map.c - a look-up table as lines with a hash index over their keys.
 *
 * Sources: postmap(1) "INPUT FILE FORMAT", opendkim.conf(5) "DATA SETS" (opendkim 2.11), Dovecot "passwd-file".
 * Invariant: a line that is not an entry of a key we were told to change is written back byte for byte, in its place.
 * One parse, then constant time an entry: a mail host with a million mailboxes has a million lines.
 */
#include "provision/mailhosts/local_map.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/list.h"

#define SLOTS_MIN 64

void
map_release(struct map *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->lines[i].own);
	free(m->lines);
	free(m->slots);
	buf_release(&m->text);
	*m = (struct map){0};
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static char
folded(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* FNV-1a over the key without its case. */
static size_t
hash_key(const char *key, size_t len)
{
	uint64_t h = 14695981039346656037U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)folded(key[i])) * 1099511628211U;
	return (size_t)(h ^ h >> 32);
}

/* Where key stands in slots, or the free slot where it would. */
static size_t
find_slot(const struct map *m, const char *key, size_t len)
{
	size_t slot = hash_key(key, len) & (m->n_slots - 1);

	for (; m->slots[slot] != 0; slot = (slot + 1) & (m->n_slots - 1)) {
		const struct map_line *l = &m->lines[m->slots[slot] - 1];

		if (l->key_len == len && strncasecmp(l->text + l->key_at, key, len) == 0)
			break;
	}
	return slot;
}

static void
index_line(struct map *m, size_t line)
{
	const struct map_line *l = &m->lines[line];
	size_t slot;

	if (l->key_len == 0)
		return;
	slot = find_slot(m, l->text + l->key_at, l->key_len);
	if (m->slots[slot] == 0)
		m->slots[slot] = line + 1;
}

/* At most half full, so that a search ends soon. */
static int
build_index(struct map *m, struct err *err)
{
	size_t n_slots = SLOTS_MIN;
	size_t *slots;

	while (n_slots < m->n * 4)
		n_slots *= 2;
	slots = calloc(n_slots, sizeof(*slots));
	if (slots == NULL)
		return err_nomem(err, "map index");
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
	for (size_t i = 0; i < m->n; i++)
		index_line(m, i);
	return CR_OK;
}

/* Find key and value in l->text.  A comment or an empty line stays an entry without a key. */
static void
split_line(enum map_format format, struct map_line *l)
{
	size_t at = 0, end = l->len;

	while (at < end && is_blank(l->text[at]))
		at++;
	while (end > at && is_blank(l->text[end - 1]))
		end--;
	if (at == end || l->text[at] == '#')
		return;
	l->key_at = at;
	while (at < end && (format == MAP_PASSWD ? l->text[at] != ':' : !is_blank(l->text[at])))
		at++;
	l->key_len = at - l->key_at;
	if (format == MAP_PASSWD)
		at += at < end;
	else
		while (at < end && is_blank(l->text[at]))
			at++;
	l->value_at = at;
	l->value_len = end - at;
}

static int
add_line(struct map *m, const struct map_line *l, struct err *err)
{
	struct map_line *lines = list_grow(m->lines, m->n, &m->cap, sizeof(*lines));

	if (lines == NULL)
		return err_nomem(err, "map lines");
	m->lines = lines;
	m->lines[m->n++] = *l;
	return CR_OK;
}

/* Add the line, as an entry or as what continues the entry before it. */
static int
parse_line(struct map *m, const char *text, size_t len, size_t *entry, struct err *err)
{
	struct map_line l = {.text = text, .len = len, .head = m->n};

	split_line(m->format, &l);
	if (l.key_len != 0 && m->format == MAP_POSTFIX && is_blank(text[0])) {
		/* postmap ignores one that continues nothing. */
		l.key_len = 0;
		if (*entry < m->n) {
			struct map_line *head = &m->lines[*entry];

			l.head = *entry;
			head->value_len = (size_t)(text + len - head->text) - head->value_at;
		}
	} else if (l.key_len != 0) {
		*entry = m->n;
	}
	return add_line(m, &l, err);
}

int
map_parse(enum map_format format, struct buf *text, struct map *out, struct err *err)
{
	struct map m = {.format = format, .text = *text};
	size_t entry = SIZE_MAX;
	int rc = CR_OK;

	*text = (struct buf){0};
	for (size_t at = 0; at < m.text.len && rc == CR_OK;) {
		const char *line = m.text.data + at;
		const char *end = memchr(line, '\n', m.text.len - at);
		size_t len = end != NULL ? (size_t)(end - line) : m.text.len - at;

		rc = parse_line(&m, line, len, &entry, err);
		at += len + 1;
	}
	m.n_read = m.n;
	if (rc == CR_OK)
		rc = build_index(&m, err);
	if (rc != CR_OK) {
		map_release(&m);
		return rc;
	}
	*out = m;
	return CR_OK;
}

/* The living entry of key, or NULL. */
static struct map_line *
find_line(const struct map *m, const char *key)
{
	size_t line = m->n_slots != 0 ? m->slots[find_slot(m, key, strlen(key))] : 0;

	return line != 0 && !m->lines[line - 1].gone ? &m->lines[line - 1] : NULL;
}

const char *
map_get(const struct map *m, const char *key, size_t *len_out)
{
	const struct map_line *l = find_line(m, key);

	if (l == NULL)
		return NULL;
	*len_out = l->value_len;
	return l->text + l->value_at;
}

bool
map_has(const struct map *m, const char *key, const char *value)
{
	size_t len;
	const char *found = map_get(m, key, &len);

	return found != NULL && len == strlen(value) && memcmp(found, value, len) == 0;
}

static int
make_line(const struct map *m, const char *key, const char *value, struct map_line *out, struct err *err)
{
	struct buf b = {0};
	struct map_line l = {0};
	int rc;

	buf_addf(&b, m->format == MAP_PASSWD ? "%s:%s" : "%s %s", key, value);
	l.len = b.len;
	rc = buf_take(&b, "map line", &l.own, err);
	if (rc != CR_OK)
		return rc;
	l.text = l.own;
	split_line(m->format, &l);
	*out = l;
	return CR_OK;
}

int
map_set(struct map *m, const char *key, const char *value, struct err *err)
{
	struct map_line *old;
	struct map_line fresh;
	size_t slot;
	int rc;

	if (map_has(m, key, value))
		return CR_OK;
	/* Room in the index first: after it nothing may fail half-way. */
	if ((m->n + 1) * 2 > m->n_slots) {
		rc = build_index(m, err);
		if (rc != CR_OK)
			return rc;
	}
	rc = make_line(m, key, value, &fresh, err);
	if (rc != CR_OK)
		return rc;
	slot = find_slot(m, key, strlen(key));
	if (m->slots[slot] == 0) {
		fresh.head = m->n;
		rc = add_line(m, &fresh, err);
		if (rc != CR_OK) {
			free(fresh.own);
			return rc;
		}
		m->slots[slot] = m->n;
	} else {
		/* In its place; also where it was taken out a moment ago. */
		old = &m->lines[m->slots[slot] - 1];
		fresh.head = old->head;
		free(old->own);
		*old = fresh;
	}
	m->changed = true;
	return CR_OK;
}

void
map_remove(struct map *m, const char *key)
{
	struct map_line *l = find_line(m, key);

	if (l == NULL)
		return;
	l->gone = true;
	m->changed = true;
}

/* A continuation goes where its entry went; under an entry that we rewrote it would belong to ours. */
static bool
is_written(const struct map *m, size_t line)
{
	const struct map_line *l = &m->lines[line];

	if (l->head == line)
		return !l->gone;
	return !m->lines[l->head].gone && m->lines[l->head].own == NULL;
}

static void
render_line(const struct map *m, size_t line, struct buf *out)
{
	if (!is_written(m, line))
		return;
	buf_add(out, m->lines[line].text, m->lines[line].len);
	buf_addc(out, '\n');
}

void
map_render(const struct map *m, struct buf *out)
{
	size_t put_at = m->n_read;

	if (m->format == MAP_OPENDKIM)
		for (put_at = 0; put_at < m->n_read && m->lines[put_at].key_len == 0; put_at++)
			;
	for (size_t i = 0; i < put_at; i++)
		render_line(m, i, out);
	for (size_t i = m->n_read; i < m->n; i++)
		render_line(m, i, out);
	for (size_t i = put_at; i < m->n_read; i++)
		render_line(m, i, out);
}
