/*
 * copy.c - the list of tables; read a page, write a page; read again and compare.
 *
 * A page is the next rows behind the last key, so that neither side ever holds a table in memory.  Both engines compare texts byte
 * by byte, so the order, and with it the hash, is the same.
 */
#include "budget/copy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"

#define PAGE_ROWS 256

/* clang-format off */
const struct copy_table copy_tables[] = {
	{"meta", {"t:key", "t:value"}, 1, false},
	{"tenant", {"t:primary_domain", "i:created_ms", "t:frozen_cause", "i:frozen_ms", "i:cooldown_until_ms"}, 1, false},
	{"domain", {"t:name", "t:tenant", "t:state", "t:cause", "i:since_ms", "i:created_ms", "i:first_send_ms", "i:closing_until_ms", "i:burned_ms", "i:verified_ms"}, 1, false},
	{"domain_address", {"t:domain", "t:address"}, 2, false},
	{"mailbox", {"i:id", "t:address", "t:domain", "i:removed_ms"}, 1, true},
	{"spent", {"i:mailbox", "b:slots"}, 1, false},
	{"pace", {"t:organisation", "t:tenant", "i:last_ms", "b:times"}, 2, false},
	{"history", {"i:seq", "i:at_ms", "i:mailbox", "i:class", "t:organisation", "b:recipient_hash", "i:request"}, 1, true},
	{"released", {"i:id", "i:mailbox", "i:spent_ms", "i:request", "i:released_ms"}, 1, true},
	{"suppression", {"i:id", "t:scope", "t:kind", "t:value", "t:reason", "t:evidence", "t:source", "i:added_ms", "i:lifted_ms", "t:lift_reason", "t:lift_evidence"}, 1, true},
	{"evidence", {"i:id", "b:identity", "i:at_ms", "i:happened_ms", "t:source", "b:content", "t:message_id", "b:recipient_hash", "t:mailbox", "t:tenant", "t:domain", "t:organisation", "t:customer", "t:class", "t:rule", "t:layer", "i:temporary", "t:status", "t:reply", "t:host", "t:words", "i:wording"}, 1, true},
	{"consequence", {"i:evidence", "t:action", "t:kind", "t:value", "t:cause"}, 4, false},
	{"journal", {"i:seq", "t:run", "t:tenant", "t:domain", "t:step", "t:driver", "t:operation", "t:intent", "i:intended_ms", "t:receipt", "i:received_ms", "i:undone_ms"}, 1, true},
	{"dkim_key", {"t:domain", "t:selector", "t:algorithm", "t:state", "b:public_key", "b:sealed", "i:created_ms", "i:retired_ms"}, 2, false},
	{"credential", {"t:address", "b:sealed", "i:created_ms"}, 1, false},
	{"audit", {"i:seq", "i:at_ms", "t:actor", "t:action", "t:subject", "t:reason", "t:detail", "b:hash"}, 1, true},
};
/* clang-format on */
const size_t copy_tables_n = ARRAY_LEN(copy_tables);

static size_t
count_columns(const struct copy_table *t)
{
	size_t n = 0;

	while (n < COPY_COLUMNS_MAX && t->columns[n] != NULL)
		n++;
	return n;
}

/* "a, b, c" of the first n, or with numbers in place of the names "$1, $2, $3". */
static void
add_columns(struct buf *b, const struct copy_table *t, size_t n, bool numbers)
{
	for (size_t i = 0; i < n; i++) {
		buf_adds(b, i == 0 ? "" : ", ");
		if (numbers)
			buf_addf(b, "$%zu", i + 1);
		else
			buf_adds(b, t->columns[i] + 2);
	}
}

struct texts {
	char *first, *next, *insert;
};

struct copy {
	struct texts texts[ARRAY_LEN(copy_tables)];
};

static void
texts_release(struct texts *x)
{
	free(x->first);
	free(x->next);
	free(x->insert);
	*x = (struct texts){0};
}

static int
make_texts(const struct copy_table *t, struct texts *out, struct err *err)
{
	const size_t n = count_columns(t), keys = (size_t)t->n_keys;
	struct texts x = {0};
	struct buf b = {0};
	int rc;

	buf_adds(&b, "SELECT ");
	add_columns(&b, t, n, false);
	buf_addf(&b, " FROM %s ORDER BY ", t->name);
	add_columns(&b, t, keys, false);
	buf_addf(&b, " LIMIT %d", PAGE_ROWS);
	rc = buf_take(&b, "statement", &x.first, err);
	if (rc == CR_OK) {
		buf_adds(&b, "SELECT ");
		add_columns(&b, t, n, false);
		buf_addf(&b, " FROM %s WHERE (", t->name);
		add_columns(&b, t, keys, false);
		buf_adds(&b, ") > (");
		add_columns(&b, t, keys, true);
		buf_adds(&b, ") ORDER BY ");
		add_columns(&b, t, keys, false);
		buf_addf(&b, " LIMIT %d", PAGE_ROWS);
		rc = buf_take(&b, "statement", &x.next, err);
	}
	if (rc == CR_OK) {
		buf_addf(&b, "INSERT INTO %s (", t->name);
		add_columns(&b, t, n, false);
		buf_adds(&b, ") VALUES (");
		add_columns(&b, t, n, true);
		buf_addc(&b, ')');
		rc = buf_take(&b, "statement", &x.insert, err);
	}
	if (rc == CR_OK)
		*out = x;
	else
		texts_release(&x);
	buf_release(&b);
	return rc;
}

int
copy_open(struct copy **out, struct err *err)
{
	struct copy *c = calloc(1, sizeof(*c));
	int rc = CR_OK;

	if (c == NULL)
		return err_nomem(err, "copy");
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(copy_tables); i++)
		rc = make_texts(&copy_tables[i], &c->texts[i], err);
	if (rc == CR_OK)
		*out = TAKE(c);
	copy_drop(&c);
	return rc;
}

void
copy_drop(struct copy **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(copy_tables); i++)
		texts_release(&(*c)->texts[i]);
	free(*c);
	*c = NULL;
}

/* ---- a page ---- */

struct page {
	size_t n_columns, rows;
	struct db_value values[PAGE_ROWS * COPY_COLUMNS_MAX]; /* data: an offset into bytes until the page is whole */
	struct buf bytes;
};

static void
take_value(struct page *p, const struct db_rows *row, size_t i, char type)
{
	struct db_value *v = &p->values[p->rows * p->n_columns + i];
	const void *data = NULL;
	size_t len = 0;

	*v = (struct db_value){.type = DB_NULL};
	if (db_col_is_null(row, (int)i))
		return;
	if (type == 'i') {
		*v = db_int(db_col_int(row, (int)i));
		return;
	}
	data = db_col_blob(row, (int)i, &len);
	*v = (struct db_value){
		.type = type == 't' ? DB_TEXT : DB_BLOB, .i = (int64_t)p->bytes.len, .data = p, .len = len};
	if (len > 0)
		buf_add(&p->bytes, data, len);
}

/* Text and blob values find their bytes, which do not move any more. */
static void
settle(struct page *p)
{
	for (size_t i = 0; i < p->rows * p->n_columns; i++) {
		struct db_value *v = &p->values[i];

		if (v->type == DB_TEXT || v->type == DB_BLOB)
			v->data = v->len > 0 ? p->bytes.data + v->i : "";
	}
}

static int
read_page(struct db *db, const struct copy_table *t, const char *sql, const struct db_value *keys, size_t n_keys,
          struct page *p, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(db, sql, keys, n_keys, &rows, err);

	/* What the keys point to has been used by now. */
	buf_clear(&p->bytes);
	p->rows = 0;
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		assert(p->rows < PAGE_ROWS);
		for (size_t i = 0; i < p->n_columns; i++)
			take_value(p, rows, i, t->columns[i][0]);
		p->rows++;
	}
	db_rows_drop(&rows);
	if (rc == CR_OK)
		rc = buf_check(&p->bytes, "rows", err);
	if (rc == CR_OK)
		settle(p);
	return rc;
}

/* Each row's hash goes into the next one's: order counts, and so does the end of each value. */
static int
add_rows(const struct page *p, struct copy_count *c, struct err *err)
{
	struct buf b = {0};
	int rc = CR_OK;

	for (size_t r = 0; rc == CR_OK && r < p->rows; r++) {
		buf_clear(&b);
		buf_add(&b, c->hash, sizeof(c->hash));
		for (size_t i = 0; i < p->n_columns; i++) {
			const struct db_value *v = &p->values[r * p->n_columns + i];
			const int64_t head[] = {(int64_t)v->type, v->type == DB_INT ? v->i : (int64_t)v->len};

			buf_add(&b, head, sizeof(head));
			if (v->type == DB_TEXT || v->type == DB_BLOB)
				buf_add(&b, v->data, v->len);
		}
		rc = buf_check(&b, "row", err);
		if (rc == CR_OK)
			secret_digest(b.data, b.len, c->hash);
	}
	c->rows += (int64_t)p->rows;
	buf_release(&b);
	return rc;
}

/* ---- a table ---- */

/* Through the table, into another one where `to` is not NULL. */
static int
walk(struct db *from, struct db *to, const struct copy_table *t, const struct texts *x, struct copy_count *out,
     struct err *err)
{
	struct page *p = calloc(1, sizeof(*p));
	struct db_value keys[COPY_KEYS_MAX];
	struct copy_count c = {0};
	int rc;

	if (p == NULL)
		return err_nomem(err, "rows");
	p->n_columns = count_columns(t);
	rc = read_page(from, t, x->first, DB_NO_ARGS, p, err);
	while (rc == CR_OK && p->rows > 0) {
		rc = add_rows(p, &c, err);
		if (rc == CR_OK && to != NULL)
			rc = db_exec_many(to, x->insert, p->values, p->n_columns, p->rows, NULL, err);
		if (t->numbered)
			c.last = p->values[(p->rows - 1) * p->n_columns].i;
		if (rc != CR_OK || p->rows < PAGE_ROWS)
			break;
		memcpy(keys, &p->values[(p->rows - 1) * p->n_columns], (size_t)t->n_keys * sizeof(keys[0]));
		rc = read_page(from, t, x->next, keys, (size_t)t->n_keys, p, err);
	}
	if (rc == CR_OK)
		*out = c;
	buf_release(&p->bytes);
	free(p);
	return rc == CR_OK ? CR_OK : err_wrap(err, "table %s", t->name);
}

int
copy_read(const struct copy *c, struct db *db, size_t table, struct copy_count *out, struct err *err)
{
	return walk(db, NULL, &copy_tables[table], &c->texts[table], out, err);
}

/* What a new store has by itself is nothing; somebody's installation is not written over. */
static int
want_empty(struct db *to, const struct copy_table *t, const struct texts *x, struct page *p, struct err *err)
{
	int rc;

	p->n_columns = count_columns(t);
	rc = read_page(to, t, x->first, DB_NO_ARGS, p, err);
	if (rc == CR_OK && p->rows > 0)
		rc = err_set(err, CR_EREFUSED, "%s is not empty: there are rows in %s already", db_path(to), t->name);
	return rc;
}

static int
copy_table(struct db *from, struct db *to, const struct copy_table *t, const struct texts *x, struct copy_count *out,
           struct err *err)
{
	struct copy_count there = {0};
	struct page *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return err_nomem(err, "rows");
	rc = want_empty(to, t, x, p, err);
	buf_release(&p->bytes);
	free(p);
	if (rc == CR_OK)
		rc = walk(from, to, t, x, out, err);
	if (rc == CR_OK && t->numbered && out->rows > 0)
		rc = db_renumber(to, t->name, t->columns[0] + 2, out->last, err);
	if (rc == CR_OK)
		rc = walk(to, NULL, t, x, &there, err);
	if (rc == CR_OK && (there.rows != out->rows || memcmp(there.hash, out->hash, sizeof(there.hash)) != 0))
		rc = err_set(err, CR_ESTORE, "table %s: %lld rows were read and %lld written, or they differ", t->name,
		             (long long)out->rows, (long long)there.rows);
	return rc;
}

static int
want_chain(struct db *db, const struct vault *v, struct err *err)
{
	struct audit_report r = {0};
	int rc = audit_verify(db, v, &r, err);

	if (rc == CR_OK && (r.first_bad_seq != 0 || r.fault[0] != '\0'))
		rc = err_set(err, CR_ESTORE, "the audit chain does not hold: %s", r.fault);
	return rc;
}

int
copy_store(const struct copy *c, struct db *from, struct db *to, const struct vault *v,
           int (*done)(void *arg, const struct copy_table *t, const struct copy_count *n, struct err *err), void *arg,
           struct err *err)
{
	struct copy_count n;
	int rc = db_begin(from, err);

	if (rc != CR_OK)
		return rc;
	rc = db_begin(to, err);
	if (rc != CR_OK)
		goto out;
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(copy_tables); i++) {
		rc = copy_table(from, to, &copy_tables[i], &c->texts[i], &n, err);
		if (rc == CR_OK)
			rc = done(arg, &copy_tables[i], &n, err);
	}
	if (rc == CR_OK)
		rc = want_chain(to, v, err);
	rc = db_end(to, rc, err);
out:
	db_rollback(from);
	return rc;
}
