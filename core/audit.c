/*
 * audit.c - appending to the chain, and walking it.
 *
 * Source: B. Schneier, J. Kelsey, "Secure Audit Logs to Support Computer Forensics" (1999), for the chain; the key that nobody
 * with only the store has makes it a chain that cannot be computed anew.
 *
 * Row n carries hash(n) over hash(n-1), n, and every field with its length (so that no text can be moved from one field to the
 * next).  meta 'audit_head' is "COUNT HASH MAC": MAC binds the two, so a head cannot be made up for a shorter log.
 * A row is appended behind the head, not behind the last row found: when the tail was cut, the gap in the numbers stays.
 */
#include "core/audit.h"

#include <inttypes.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_BYTES 32
#define HEX_BYTES  64
_Static_assert(HEX_BYTES == 2 * HASH_BYTES, "two digits a byte");

struct head {
	int64_t count;
	uint8_t hash[HASH_BYTES];
};

static const char upsert_head[] = "INSERT INTO meta (key, value) VALUES ('audit_head', $1)"
				  " ON CONFLICT (key) DO UPDATE SET value = excluded.value";

static void
to_hex(const uint8_t *bytes, char out[HEX_BYTES + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < HASH_BYTES; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[HEX_BYTES] = '\0';
}

/* False when s does not begin with 64 lower-case hex digits. */
static bool
from_hex(const char *s, uint8_t out[HASH_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < HEX_BYTES; i++) {
		const char *d = s[i] != '\0' ? strchr(digits, s[i]) : NULL;

		if (d == NULL)
			return false;
		out[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : out[i / 2] << 4) | (d - digits));
	}
	return true;
}

static void
add_int(struct buf *b, int64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_addc(b, (char)(((uint64_t)v >> shift) & 0xff));
}

/* Absent and empty differ. */
static void
add_text(struct buf *b, const char *s)
{
	add_int(b, s != NULL ? (int64_t)strlen(s) : -1);
	buf_adds(b, s != NULL ? s : "");
}

static int
hash_row(const struct vault *v, const uint8_t before[HASH_BYTES], const struct audit_entry *e, uint8_t out[HASH_BYTES],
         struct err *err)
{
	struct buf b = {0};
	int rc;

	buf_add(&b, before, HASH_BYTES);
	add_int(&b, e->seq);
	add_int(&b, e->at_ms);
	add_text(&b, e->actor);
	add_text(&b, e->action);
	add_text(&b, e->subject);
	add_text(&b, e->reason);
	add_text(&b, e->detail);
	rc = buf_check(&b, "audit row", err);
	if (rc == CR_OK)
		vault_hash(v, "audit", b.data, b.len, out, HASH_BYTES);
	buf_release(&b);
	return rc;
}

static int
head_format(const struct vault *v, const struct head *h, struct buf *out, struct err *err)
{
	char hash[HEX_BYTES + 1], mac_hex[HEX_BYTES + 1];
	uint8_t mac[HASH_BYTES];
	int rc;

	to_hex(h->hash, hash);
	buf_addf(out, "%" PRId64 " %s", h->count, hash);
	rc = buf_check(out, "audit head", err);
	if (rc != CR_OK)
		return rc;
	vault_hash(v, "audit-head", out->data, out->len, mac, sizeof(mac));
	to_hex(mac, mac_hex);
	buf_addf(out, " %s", mac_hex);
	return buf_check(out, "audit head", err);
}

/* CR_EPARSE, without text, when it is not a head that this vault made. */
static int
head_parse(const struct vault *v, const char *text, struct head *out, struct err *err)
{
	struct buf again = {0};
	struct head h = {0};
	char *end;
	int rc = CR_EPARSE;

	h.count = strtoll(text, &end, 10);
	if (*end != ' ' || h.count < 1 || !from_hex(end + 1, h.hash))
		goto out;
	rc = head_format(v, &h, &again, err);
	if (rc != CR_OK)
		goto out;
	/* Not constant time: who can try this can read the store. */
	if (strcmp(buf_str(&again), text) == 0)
		*out = h;
	else
		rc = CR_EPARSE;
out:
	buf_release(&again);
	return rc;
}

static int
head_load(struct db *db, const struct vault *v, struct head *out, struct err *err)
{
	char *text = NULL;
	int64_t rows = 0;
	int rc = db_get_text(db, "SELECT value FROM meta WHERE key='audit_head'", DB_NO_ARGS, &text, err);

	if (rc != CR_OK)
		return rc;
	if (text != NULL) {
		rc = head_parse(v, text, out, err);
	} else {
		*out = (struct head){0};
		rc = db_get_int(db, "SELECT seq FROM audit LIMIT 1", DB_NO_ARGS, 0, &rows, err);
		if (rc == CR_OK && rows != 0)
			rc = CR_EPARSE;
	}
	if (rc == CR_EPARSE)
		rc = err_set(err, CR_ESTORE,
		             "audit: the head of the log was changed by somebody else: see 'coldrelay audit verify'");
	free(text);
	return rc;
}

int
audit_append(struct db *db, const struct vault *v, const struct audit_entry *e, struct err *err)
{
	struct buf text = {0};
	struct audit_entry row = *e;
	struct head head = {0};
	int rc = head_load(db, v, &head, err);

	if (rc != CR_OK)
		goto out;
	row.seq = head.count + 1;
	rc = hash_row(v, head.hash, &row, head.hash, err);
	if (rc != CR_OK)
		goto out;
	head.count = row.seq;
	rc = db_exec(db,
	             "INSERT INTO audit (seq, at_ms, actor, action, subject, reason, detail, hash)"
	             " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	             DB_ARGS(db_int(row.seq), db_int(row.at_ms), db_text(row.actor), db_text(row.action),
	                     db_text(row.subject), db_text(row.reason), db_text(row.detail),
	                     db_blob(head.hash, HASH_BYTES)),
	             NULL, err);
	if (rc == CR_ECONFLICT)
		rc = err_set(err, CR_ESTORE,
		             "audit: a row %" PRId64 " was added outside the log: see 'coldrelay audit verify'",
		             row.seq);
	if (rc == CR_OK)
		rc = head_format(v, &head, &text, err);
	if (rc == CR_OK)
		rc = db_exec(db, upsert_head, DB_ARGS(db_text(buf_str(&text))), NULL, err);
out:
	buf_release(&text);
	return rc;
}

static void
read_entry(const struct db_rows *rows, struct audit_entry *out)
{
	*out = (struct audit_entry){
		.seq = db_col_int(rows, 0),
		.at_ms = db_col_int(rows, 1),
		.actor = db_col_text(rows, 2),
		.action = db_col_text(rows, 3),
		.subject = db_col_text(rows, 4),
		.reason = db_col_text(rows, 5),
		.detail = db_col_text(rows, 6),
	};
}

static void __attribute__((format(printf, 3, 4))) find(struct audit_report *r, int64_t seq, const char *fmt, ...)
{
	va_list ap;

	r->first_bad_seq = seq;
	va_start(ap, fmt);
	(void)vsnprintf(r->fault, sizeof(r->fault), fmt, ap);
	va_end(ap);
}

/* One row against the chain so far (last: number and hash of the row before); a finding goes to r. */
static int
check_row(const struct vault *v, const struct db_rows *rows, struct head *last, struct audit_report *r, struct err *err)
{
	uint8_t hash[HASH_BYTES];
	struct audit_entry e;
	const void *stored;
	size_t len = 0;
	int rc;

	read_entry(rows, &e);
	if (e.seq <= last->count) {
		find(r, last->count + 1, "row %" PRId64 " was added outside the log", e.seq);
		return CR_OK;
	}
	if (e.seq != last->count + 1) {
		find(r, last->count + 1, "row %" PRId64 " is missing", last->count + 1);
		return CR_OK;
	}
	rc = hash_row(v, last->hash, &e, hash, err);
	if (rc != CR_OK)
		return rc;
	stored = db_col_blob(rows, 7, &len);
	if (stored == NULL || len != HASH_BYTES || memcmp(stored, hash, HASH_BYTES) != 0)
		find(r, e.seq, "row %" PRId64 " was changed or moved", e.seq);
	last->count = e.seq;
	memcpy(last->hash, hash, HASH_BYTES);
	return CR_OK;
}

/* What the head says of the rows that were there. */
static int
check_head(const struct vault *v, const char *text, const struct head *last, struct audit_report *r, struct err *err)
{
	struct head head = {0};
	int rc = CR_OK;

	if (text == NULL && last->count == 0)
		return CR_OK;
	if (text == NULL) {
		find(r, last->count + 1, "the head of the log is missing, and perhaps rows after row %" PRId64,
		     last->count);
		return CR_OK;
	}
	rc = head_parse(v, text, &head, err);
	if (rc == CR_EPARSE) {
		find(r, last->count + 1, "the head of the log was changed");
		return CR_OK;
	}
	if (rc != CR_OK)
		return rc;
	if (head.count == last->count + 1)
		find(r, last->count + 1, "the last row is missing");
	else if (head.count > last->count)
		find(r, last->count + 1, "the last %" PRId64 " rows are missing", head.count - last->count);
	else if (head.count < last->count || memcmp(head.hash, last->hash, HASH_BYTES) != 0)
		find(r, head.count + 1, "row %" PRId64 " was added outside the log", head.count + 1);
	return CR_OK;
}

int
audit_verify(struct db *db, const struct vault *v, struct audit_report *out, struct err *err)
{
	/* One statement, so that the head (the row without an actor) and the rows are of one moment. */
	static const char sql[] =
		"SELECT 0 AS seq, 0 AS at_ms, NULL AS actor, value AS action, NULL AS subject,"
		" NULL AS reason, NULL AS detail, NULL AS hash FROM meta WHERE key='audit_head'"
		" UNION ALL SELECT seq, at_ms, actor, action, subject, reason, detail, hash FROM audit"
		" ORDER BY seq";
	struct audit_report r = {0};
	struct head last = {0};
	struct db_rows *rows = NULL;
	struct buf head = {0};
	bool more, has_head = false;
	int rc = db_query(db, sql, DB_NO_ARGS, &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		if (db_col_is_null(rows, 2)) {
			has_head = true;
			buf_clear(&head);
			buf_adds(&head, db_col_text(rows, 3));
			rc = buf_check(&head, "audit head", err);
			continue;
		}
		r.rows++;
		if (r.first_bad_seq == 0)
			rc = check_row(v, rows, &last, &r, err);
	}
	if (rc == CR_OK && r.first_bad_seq == 0)
		rc = check_head(v, has_head ? buf_str(&head) : NULL, &last, &r, err);
	to_hex(last.hash, r.head_hex);
	if (rc == CR_OK)
		*out = r;
	db_rows_drop(&rows);
	buf_release(&head);
	return rc;
}

int
audit_walk(struct db *db, int64_t from_seq, const char *subject, int (*show)(const struct audit_entry *, void *),
           void *arg, struct err *err)
{
	static const char sql[] = "SELECT seq, at_ms, actor, action, subject, reason, detail FROM audit"
				  " WHERE seq >= $1 AND (CAST($2 AS TEXT) IS NULL OR subject = $2) ORDER BY seq";
	struct db_rows *rows = NULL;
	struct audit_entry e;
	bool more;
	int rc = db_query(db, sql, DB_ARGS(db_int(from_seq), db_text(subject)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		read_entry(rows, &e);
		rc = show(&e, arg);
	}
	db_rows_drop(&rows);
	return rc;
}

static char actor[64];
static pthread_once_t actor_once = PTHREAD_ONCE_INIT;

static void
find_actor(void)
{
	struct passwd pw, *found = NULL;
	char space[4096];

	if (getpwuid_r(geteuid(), &pw, space, sizeof(space), &found) == 0 && found != NULL)
		(void)snprintf(actor, sizeof(actor), "cli:%s", pw.pw_name);
	else
		(void)snprintf(actor, sizeof(actor), "cli:%lu", (unsigned long)geteuid());
}

const char *
audit_actor(void)
{
	(void)pthread_once(&actor_once, find_actor);
	return actor;
}
