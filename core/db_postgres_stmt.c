/*
 * db_postgres_stmt.c - statements, one or many at once, and the columns of their rows.
 */
#include "core/db_postgres_inside.h"

#include <stdlib.h>
#include <string.h>

static int
check_text(const struct engine *e, const struct pg_text *t, size_t n_args, struct err *err)
{
	if (t->n_args != n_args)
		return err_set(err, CR_EBUG, "store: %zu arguments for %zu parameters: %s", n_args, t->n_args, t->sql);
	/* SQLite asks the statement itself; here it would have run by then. */
	if (t->writes && !e->in_transaction)
		return err_set(err, CR_EBUG, "store: a write outside a transaction: %s", t->sql);
	return CR_OK;
}

static int
find_checked(struct engine *e, const char *sql, unsigned how, size_t n_args, struct pg_text **out, struct err *err)
{
	struct pg_text *t = NULL;
	int rc = pg_find_text(e, sql, how, &t, err);

	if (rc == CR_OK)
		rc = check_text(e, t, n_args, err);
	if (rc == CR_OK)
		*out = t;
	return rc;
}

/* A question outside a transaction may be asked once more on a new connection. */
static int
ask_again(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, PGresult **out,
          struct err *err)
{
	bool was_old;
	int rc;

	do {
		rc = pg_need_connection(e, err);
		if (rc != CR_OK)
			return rc;
		was_old = e->is_old && !e->in_transaction;
		rc = pg_ask(e, sql, args, n_args, out, err);
	} while (rc == CR_ERETRY && e->conn == NULL && was_old);
	e->is_old = e->conn != NULL;
	return rc;
}

void
pg_engine_done(struct engine_stmt *s)
{
	if (s == NULL)
		return;
	if (s->result != NULL)
		PQclear(s->result);
	free(s);
}

int
pg_engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args,
                  struct engine_stmt **out, struct err *err)
{
	struct engine_stmt *s = calloc(1, sizeof(*s));
	struct pg_text *t = NULL;
	int rc;

	if (s == NULL)
		return err_nomem(err, "statement");
	rc = find_checked(e, sql, 0, n_args, &t, err);
	if (rc == CR_OK) {
		s->writes = t->writes;
		s->row = -1;
		rc = ask_again(e, sql, args, n_args, &s->result, err);
	}
	if (rc == CR_OK) {
		s->rows = s->result;
		e->changes = strtoll(PQcmdTuples(s->result), NULL, 10);
		*out = TAKE(s);
	}
	pg_engine_done(s);
	return rc;
}

int
pg_engine_step(struct engine_stmt *s, bool *more_out, struct err *err)
{
	(void)err;
	if (s->row < PQntuples(s->rows))
		s->row++;
	*more_out = s->row < PQntuples(s->rows);
	return CR_OK;
}

bool
pg_engine_writes(const struct engine_stmt *s)
{
	return s->writes;
}

int64_t
pg_engine_changes(const struct engine *e)
{
	return e->changes;
}

/* ---- many at once ---- */

static int
take_many(struct engine *e, int64_t deadline_ms, PGresult **results, size_t n, struct err *err)
{
	int rc = pg_take_owed(e, deadline_ms, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++)
		rc = pg_take(e, deadline_ms, &results[i], err);
	return pg_exchange_end(e, deadline_ms, rc, err);
}

/* All answers first, then the rows: whoever gets one may ask something himself. */
static int
ask_many(struct engine *e, const struct owed *o, int64_t *changed_out, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult **results = calloc(o->n, sizeof(results[0]));
	int64_t changed = 0;
	int rc;

	if (results == NULL) {
		pg_hang_up(e); /* something was put already */
		return err_nomem(err, "answers");
	}
	rc = pg_exchange_sync(e, deadline_ms, err);
	if (rc == CR_OK)
		rc = take_many(e, deadline_ms, results, o->n, err);
	for (size_t i = 0; rc == CR_OK && i < o->n; i++) {
		changed += strtoll(PQcmdTuples(results[i]), NULL, 10);
		rc = pg_pass_rows(results[i], i, o, err);
	}
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = changed;
	for (size_t i = 0; i < o->n; i++)
		PQclear(results[i]);
	free(results);
	return rc;
}

int
pg_engine_many(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args,
               size_t n, pg_got *got, void *arg, int64_t *changed_out, struct err *err)
{
	const bool is_later = how == DB_LOOK_LATER || how == DB_LOCK_ROWS_LATER;
	const bool locks = how == DB_LOCK_ROWS || how == DB_LOCK_ROWS_LATER;
	struct pg_text *t = NULL;
	struct owed o;
	int rc = find_checked(e, sql, locks ? PG_LOCKS : 0, n_args, &t, err);

	if (rc == CR_OK)
		rc = pg_need_connection(e, err);
	if (rc != CR_OK || n == 0)
		return rc;
	rc = pg_put_many(e, t, args, n, &o, err);
	if (rc != CR_OK)
		return rc;
	o.got = got;
	o.arg = arg;
	if (!is_later || !e->in_transaction || e->n_owed == PG_OWED_MAX)
		return ask_many(e, &o, changed_out, err);
	pg_owe(e, &o);
	return CR_OK;
}

/* In the order of the array, so that two who want the same ones do not wait for each other. */
int
pg_engine_lock_keys(struct engine *e, const int64_t *keys, size_t n, struct err *err)
{
	struct buf list = {0};
	int rc;

	if (n == 0)
		return CR_OK;
	for (size_t i = 0; i < n; i++)
		buf_addf(&list, "%c%lld", i == 0 ? '{' : ',', (long long)keys[i]);
	buf_addc(&list, '}');
	rc = buf_check(&list, "keys", err);
	if (rc == CR_OK)
		rc = pg_engine_many(e, DB_LOOK_LATER,
		                    "SELECT count(pg_advisory_xact_lock(k)) FROM unnest($1::text::bigint[]) k",
		                    DB_ARGS(db_text(buf_str(&list))), 1, NULL, NULL, NULL, err);
	buf_release(&list);
	return rc;
}

/* ---- columns ---- */

bool
pg_engine_col_is_null(const struct engine_stmt *s, int col)
{
	return PQgetisnull(s->rows, s->row, col) == 1;
}

int64_t
pg_engine_col_int(const struct engine_stmt *s, int col)
{
	if (pg_value_is_int(s->rows, col) || pg_engine_col_is_null(s, col))
		return pg_value_int(s->rows, s->row, col);
	return strtoll(PQgetvalue(s->rows, s->row, col), NULL, 10);
}

const char *
pg_engine_col_text(const struct engine_stmt *s, int col)
{
	return pg_engine_col_is_null(s, col) ? NULL : PQgetvalue(s->rows, s->row, col);
}

const void *
pg_engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out)
{
	*len_out = (size_t)PQgetlength(s->rows, s->row, col);
	/* As SQLite: of nothing there is no address. */
	return pg_engine_col_is_null(s, col) || *len_out == 0 ? NULL : PQgetvalue(s->rows, s->row, col);
}
