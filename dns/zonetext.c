/*
 * zonetext.c - master files (RFC 1035 s5.1, RFC 2308 s4 for $TTL, RFC 3597 s5 for CLASS1 and \#).
 *
 * Two steps: the outer one flattens an entry to one line (comments out, parentheses and the line ends in them to blanks), the inner one
 * reads that line as words.  Nothing outside of the zone is taken in: a file for one zone must not speak for another.
 */
#include "dns/zonetext.h"

#include <stdlib.h>
#include <string.h>

#include "dns/token.h"
#include "dns/ttl.h"

/* A TXT of 64 KiB with every byte escaped is four times as long. */
#define ENTRY_MAX ((size_t)512 << 10)
#define WORD_MAX  2048

struct reader {
	const char *pos, *end;
	size_t line;       /* of pos */
	size_t entry_line; /* where the entry began */
	struct buf entry;
	bool owner_omitted;
	unsigned depth; /* open parentheses */
	const char *zone;
	struct name origin, owner;
	bool has_owner, has_ttl, has_default_ttl;
	uint32_t ttl_s, default_ttl_s;
	struct records records;
};

static void
skip_comment(struct reader *r)
{
	while (r->pos < r->end && *r->pos != '\n')
		r->pos++;
}

/* A backslash and what it escapes, which is never the end of the line. */
static int
flatten_escape(struct reader *r, struct err *err)
{
	if (r->end - r->pos < 2 || r->pos[1] == '\n' || r->pos[1] == '\0')
		return err_set(err, CR_EPARSE, "broken escape");
	buf_add(&r->entry, r->pos, 2);
	r->pos += 2;
	return CR_OK;
}

/* From the opening quote to behind the closing one. */
static int
flatten_quoted(struct reader *r, struct err *err)
{
	buf_addc(&r->entry, *r->pos++);
	while (r->pos < r->end && *r->pos != '\n' && *r->pos != '\0') {
		char c = *r->pos;

		if (c == '\\') {
			int rc = flatten_escape(r, err);

			if (rc != CR_OK)
				return rc;
			continue;
		}
		buf_addc(&r->entry, c);
		r->pos++;
		if (c == '"')
			return CR_OK;
	}
	return err_set(err, CR_EPARSE, "a quote is left open");
}

static int
flatten_paren(struct reader *r, struct err *err)
{
	if (*r->pos == ')' && r->depth == 0)
		return err_set(err, CR_EPARSE, "')' without '('");
	r->depth += *r->pos == '(' ? 1 : -1U;
	buf_addc(&r->entry, ' ');
	r->pos++;
	return CR_OK;
}

/* One step over the text; done_out at the end of the entry. */
static int
flatten_step(struct reader *r, bool *done_out, struct err *err)
{
	switch (*r->pos) {
	case '\0':
		return err_set(err, CR_EPARSE, "a NUL byte");
	case '\\':
		return flatten_escape(r, err);
	case '"':
		return flatten_quoted(r, err);
	case '(':
	case ')':
		return flatten_paren(r, err);
	case ';':
		skip_comment(r);
		return CR_OK;
	case '\n':
		r->line++;
		r->pos++;
		*done_out = r->depth == 0;
		if (!*done_out)
			buf_addc(&r->entry, ' ');
		return CR_OK;
	case '\t':
	case '\r':
		break;
	default:
		buf_addc(&r->entry, *r->pos++);
		return CR_OK;
	}
	buf_addc(&r->entry, ' ');
	r->pos++;
	return CR_OK;
}

/* The next entry, possibly empty, as one line in r->entry. */
static int
entry_next(struct reader *r, struct err *err)
{
	bool done = false;
	int rc = CR_OK;

	buf_clear(&r->entry);
	r->entry_line = r->line;
	r->owner_omitted = *r->pos == ' ' || *r->pos == '\t';
	while (rc == CR_OK && !done && r->pos < r->end)
		rc = flatten_step(r, &done, err);
	if (rc == CR_OK && r->depth > 0)
		rc = err_set(err, CR_EPARSE, "'(' is not closed");
	return rc == CR_OK ? buf_check(&r->entry, "entry", err) : rc;
}

static int
next_word(const char **pos, char out[WORD_MAX], const char *what, struct err *err)
{
	struct token t;
	bool found;
	int rc = token_next(pos, &t, &found, err);

	if (rc == CR_OK && (!found || t.quoted))
		rc = err_set(err, CR_EPARSE, "%s is missing", what);
	return rc == CR_OK ? token_copy(&t, out, WORD_MAX, err) : rc;
}

static int
set_default_ttl(struct reader *r, const char *word, struct err *err)
{
	uint32_t ttl_s;
	int rc = ttl_parse(word, &ttl_s, err);

	if (rc == CR_OK && ttl_s > RECORD_TTL_MAX)
		rc = err_set(err, CR_EPARSE, "TTL %u is above %u", ttl_s, RECORD_TTL_MAX);
	if (rc != CR_OK)
		return rc;
	r->default_ttl_s = ttl_s;
	r->has_default_ttl = true;
	return CR_OK;
}

static int
read_directive(struct reader *r, const char *name, const char *pos, struct err *err)
{
	char word[WORD_MAX];
	int rc;

	/* One opens other files, the other makes records by the thousand: neither belongs into what is handed to this program. */
	if (strcasecmp(name, "$INCLUDE") == 0 || strcasecmp(name, "$GENERATE") == 0)
		return err_set(err, CR_EPARSE, "%.16s is not supported", name);
	if (strcasecmp(name, "$ORIGIN") != 0 && strcasecmp(name, "$TTL") != 0)
		return err_set(err, CR_EPARSE, "unknown directive '%.40s'", name);
	rc = next_word(&pos, word, "the value", err);
	if (rc == CR_OK && pos[strspn(pos, " ")] != '\0')
		rc = err_set(err, CR_EPARSE, "'%.40s' behind %s", pos + strspn(pos, " "), name);
	if (rc != CR_OK)
		return rc;
	if (strcasecmp(name, "$TTL") == 0)
		return set_default_ttl(r, word, err);
	return name_under(word, r->origin.text, &r->origin, err);
}

/* RFC 1035 s5.1: [TTL] [class] type, or [class] [TTL] type. pos ends behind the type. */
static int
read_prefix(const char **pos, uint32_t *ttl_s, bool *has_ttl, uint16_t *type, struct err *err)
{
	bool has_class = false;

	*has_ttl = false;
	for (;;) {
		char word[WORD_MAX];
		int rc = next_word(pos, word, "the type", err);

		if (rc != CR_OK)
			return rc;
		if (!*has_ttl && *word >= '0' && *word <= '9') {
			rc = ttl_parse(word, ttl_s, err);
			*has_ttl = true;
		} else if (!has_class && (strcasecmp(word, "IN") == 0 || strcasecmp(word, "CLASS1") == 0)) {
			has_class = true;
		} else if (strcasecmp(word, "CH") == 0 || strcasecmp(word, "HS") == 0) {
			return err_set(err, CR_EPARSE, "class %s is not the Internet's", word);
		} else {
			return record_type_parse(word, type, err);
		}
		if (rc != CR_OK)
			return rc;
	}
}

/* No TTL of its own: $TTL (RFC 2308 s4), else the last one stated (RFC 1035 s5.1), else for a SOA its minimum, as servers do. */
static int
settle_ttl(const struct reader *r, struct record *record, struct err *err)
{
	const uint8_t *minimum = record->data + record->data_len - 4;

	if (r->has_default_ttl) {
		record->ttl_s = r->default_ttl_s;
	} else if (r->has_ttl) {
		record->ttl_s = r->ttl_s;
	} else if (record->type == RECORD_SOA) {
		record->ttl_s = (uint32_t)minimum[0] << 24 | (uint32_t)minimum[1] << 16 | (uint32_t)minimum[2] << 8 |
		                minimum[3];
		if (record->ttl_s > RECORD_TTL_MAX)
			record->ttl_s = 0;
	} else {
		return err_set(err, CR_EPARSE, "no TTL, and no $TTL before");
	}
	return CR_OK;
}

static int
read_owner(struct reader *r, const char *word, struct err *err)
{
	int rc = name_under(word, r->origin.text, &r->owner, err);

	if (rc == CR_OK && !name_is_under(r->owner.text, r->zone))
		rc = err_set(err, CR_EPARSE, "'%.255s' is not in the zone '%.100s'", r->owner.text, r->zone);
	r->has_owner = rc == CR_OK;
	return rc;
}

/* pos: behind the owner. */
static int
read_record(struct reader *r, const char *pos, struct err *err)
{
	struct record record = {0};
	uint32_t ttl_s = 0;
	uint16_t type = 0;
	bool has_ttl;
	int rc;

	if (!r->has_owner)
		return err_set(err, CR_EPARSE, "the first record has no owner");
	rc = read_prefix(&pos, &ttl_s, &has_ttl, &type, err);
	if (rc == CR_OK)
		rc = record_parse(r->owner.text, type, ttl_s, pos, r->origin.text, &record, err);
	if (rc == CR_OK && !has_ttl)
		rc = settle_ttl(r, &record, err);
	if (rc != CR_OK) {
		record_release(&record);
		return rc;
	}
	r->ttl_s = record.ttl_s;
	r->has_ttl = true;
	return records_take(&r->records, &record, err);
}

static int
read_entry(struct reader *r, struct err *err)
{
	const char *pos = buf_str(&r->entry);
	char word[WORD_MAX];
	int rc;

	if (pos[strspn(pos, " ")] == '\0')
		return CR_OK;
	if (r->owner_omitted)
		return read_record(r, pos, err);
	rc = next_word(&pos, word, "the owner", err);
	if (rc != CR_OK)
		return rc;
	if (*word == '$')
		return read_directive(r, word, pos, err);
	rc = read_owner(r, word, err);
	return rc == CR_OK ? read_record(r, pos, err) : rc;
}

int
zonetext_read(const char *text, size_t len, const char *file, const char *origin, struct records *out, struct err *err)
{
	struct reader r = {.pos = text, .end = text + len, .line = 1, .zone = origin};
	struct err own = {0};
	int rc;

	if (err == NULL)
		err = &own;
	if (len > ZONETEXT_MAX_BYTES)
		return err_set(err, CR_EPARSE, "%s: longer than %zu bytes", file, ZONETEXT_MAX_BYTES);
	r.entry.max_bytes = ENTRY_MAX;
	rc = name_parse(origin, &r.origin, err);
	/* Editors on Windows leave a byte order mark. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.pos += 3;
	while (rc == CR_OK && r.pos < r.end) {
		rc = entry_next(&r, err);
		if (rc == CR_OK)
			rc = read_entry(&r, err);
		if (rc != CR_OK)
			rc = err_wrap(err, "%s:%zu", file, r.entry_line);
	}
	if (rc == CR_OK) {
		*out = r.records;
		r.records = (struct records){0};
	}
	records_release(&r.records);
	buf_release(&r.entry);
	return rc;
}

/* SOA first (RFC 1035 s5.2: a zone begins with it), then canonical. */
static int
compare_for_file(const void *a, const void *b)
{
	const struct record *x = a;
	const struct record *y = b;
	int order = (y->type == RECORD_SOA) - (x->type == RECORD_SOA);

	return order != 0 ? order : record_compare(x, y);
}

/* Comment lines, whatever the text holds: a stray carriage return must not end the comment for some other reader. */
static void
write_head(const char *head, struct buf *out)
{
	while (*head != '\0') {
		size_t n = strcspn(head, "\n");

		buf_adds(out, n > 0 ? "; " : ";");
		for (size_t i = 0; i < n; i++)
			buf_addc(out, (unsigned char)head[i] < ' ' ? '?' : head[i]);
		buf_addc(out, '\n');
		head += n + (head[n] == '\n');
	}
}

int
zonetext_write(const struct records *records, const char *origin, const char *head, struct buf *out, struct err *err)
{
	struct record *sorted = NULL; /* borrows what it points at */
	int rc = CR_OK;

	if (head != NULL)
		write_head(head, out);
	if (records->n == 0)
		return buf_check(out, "zone file", err);
	sorted = calloc(records->n, sizeof(*sorted));
	if (sorted == NULL)
		return err_nomem(err, "zone file");
	for (size_t i = 0; i < records->n; i++) {
		sorted[i] = records->items[i];
		if (!name_is_under(sorted[i].owner, origin)) {
			rc = err_set(err, CR_EPARSE, "'%.255s' is not in the zone '%.100s'", sorted[i].owner, origin);
			goto out;
		}
	}
	qsort(sorted, records->n, sizeof(*sorted), compare_for_file);
	for (size_t i = 0; i < records->n; i++) {
		record_format(&sorted[i], out);
		buf_addc(out, '\n');
	}
	rc = buf_check(out, "zone file", err);
out:
	free(sorted);
	return rc;
}
