/*
 * db_postgres_pipe.c - exchanges with the server: put, put, sync, take, take; and what goes out later with the next one.
 *
 * Source: PostgreSQL 15 manual, 34.5 (pipeline mode), read 2026-11.
 *
 * Invariants: the connection is always in pipeline mode: several statements, then a sync, then their answers.  After a failed exchange
 * it is either at a sync again or gone.  Statements keep a name only on a connection that is known to be the server's own.
 */
#include "core/db_postgres_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
pg_forget_names(struct engine *e, uint64_t of_exchange)
{
	for (size_t i = 0; i < PG_CACHE_SIZE; i++)
		if (of_exchange == 0 || e->cache[i].exchange == of_exchange)
			e->cache[i].name[0] = '\0';
}

void
pg_exchange_open(struct engine *e)
{
	if (e->n_owed == 0)
		e->exchange++;
}

static int
refused(struct engine *e, struct err *err)
{
	const char *text = PQerrorMessage(e->conn);
	int rc = err_set(err, CR_ERETRY, "store: nothing can be sent: %.*s", (int)strcspn(text, "\n"), text);

	pg_hang_up(e);
	return rc;
}

/* The slot of a text: its own, or the empty one where it belongs. */
int
pg_find_text(struct engine *e, const char *sql, unsigned how, struct pg_text **out, struct err *err)
{
	size_t at = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 40) + how;
	int rc;

	for (;; at++) {
		struct pg_text *t = &e->cache[at % PG_CACHE_SIZE];

		if (t->sql == sql && t->how == how) {
			if ((how & PG_MANY) == 0 && strncmp(t->sent, sql, strlen(sql)) != 0)
				return err_set(err, CR_EBUG, "store: a statement's text has changed in place: %s", sql);
			*out = t;
			return CR_OK;
		}
		if (t->sql != NULL)
			continue;
		if (e->n_cached > PG_CACHE_SIZE / 2)
			return err_set(err, CR_EBUG, "store: more statements than the program has");
		rc = pg_text_make(sql, how, t, err);
		if (rc == CR_OK) {
			e->n_cached++;
			*out = t;
		}
		return rc;
	}
}

/* Named where names last; else without one, for as long as nothing else is prepared. */
static int
put_prepare(struct engine *e, struct pg_text *t, const struct pg_args *a, struct err *err)
{
	char name[sizeof(t->name)] = "";

	if (e->is_direct)
		(void)snprintf(name, sizeof(name), "c%u", ++e->names);
	if (PQsendPrepare(e->conn, name, t->sent, a->n, a->types) != 1)
		return refused(e, err);
	memcpy(t->name, name, sizeof(t->name));
	t->exchange = e->exchange;
	return CR_OK;
}

/* is_next: of many, the text was put just before. */
static int
put(struct engine *e, struct pg_text *t, const struct pg_args *a, bool many, bool is_next, struct err *err)
{
	int ok, rc = CR_OK;

	if (e->is_direct ? t->name[0] == '\0' : many && !is_next)
		rc = put_prepare(e, t, a, err);
	if (rc != CR_OK)
		return rc;
	if (e->is_direct || many)
		ok = PQsendQueryPrepared(e->conn, t->name, a->n, a->values, a->lengths, a->formats, 1);
	else
		ok = PQsendQueryParams(e->conn, t->sent, a->n, a->types, a->values, a->lengths, a->formats, 1);
	return ok == 1 ? CR_OK : refused(e, err);
}

int
pg_put_sql(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct err *err)
{
	struct pg_text *t = NULL;
	struct pg_args a;
	int rc = pg_find_text(e, sql, 0, &t, err);

	if (rc != CR_OK)
		return rc;
	assert(t->n_args == n_args);
	pg_args_set(&a, args, n_args);
	return put(e, t, &a, false, false, err);
}

static int
put_each(struct engine *e, struct pg_text *t, const struct db_value *args, size_t n, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct pg_args a;

		pg_args_set(&a, args + i * t->n_args, t->n_args);
		rc = put(e, t, &a, true, i > 0, err);
	}
	return rc;
}

/* done_out false: it cannot be.  What was prepared is for the types that it was prepared with. */
static int
put_as_one(struct engine *e, const struct pg_text *each, const struct db_value *args, size_t n, bool *done_out,
           struct err *err)
{
	struct pg_text *t = NULL;
	struct pg_args a;
	int rc = pg_find_text(e, each->sql, each->how | PG_MANY, &t, err);

	if (rc == CR_OK && t->sent != NULL)
		rc = pg_many_set(&a, args, t->n_args, n, &e->arrays, err);
	if (rc != CR_OK || t->sent == NULL || a.n == 0)
		return rc;
	if (t->name[0] == '\0')
		memcpy(t->types, a.types, sizeof(a.types[0]) * t->n_args);
	else if (memcmp(t->types, a.types, sizeof(a.types[0]) * t->n_args) != 0)
		return CR_OK;
	*done_out = true;
	return put(e, t, &a, false, false, err);
}

int
pg_put_many(struct engine *e, struct pg_text *t, const struct db_value *args, size_t n, struct owed *owed_out,
            struct err *err)
{
	struct owed o = {.n = 1};
	int rc = CR_OK;

	pg_exchange_open(e);
	if (n > 1 && !e->row_by_row)
		rc = put_as_one(e, t, args, n, &o.as_one, err);
	if (rc == CR_OK && !o.as_one) {
		o.n = n;
		rc = put_each(e, t, args, n, err);
	}
	*owed_out = o;
	return rc;
}

int
pg_exchange_sync(struct engine *e, int64_t deadline_ms, struct err *err)
{
	int rc;

	if (PQpipelineSync(e->conn) != 1)
		return refused(e, err);
	rc = pg_wire_flush(e->conn, deadline_ms, err);
	if (rc != CR_OK)
		pg_hang_up(e);
	return rc;
}

/*
 * The result of the next statement; those of preparing are passed over.  An error is kept while the exchange is read to its sync,
 * so that the connection can be used again.
 */
int
pg_take(struct engine *e, int64_t deadline_ms, PGresult **out, struct err *err)
{
	PGresult *r = NULL;
	int rc;

	for (;;) {
		rc = pg_wire_result(e->conn, deadline_ms, &r, err);
		if (rc != CR_OK) {
			pg_hang_up(e);
			return rc;
		}
		if (r == NULL)
			continue;
		if (PQresultStatus(r) == PGRES_TUPLES_OK ||
		    (PQresultStatus(r) == PGRES_COMMAND_OK && PQcmdStatus(r)[0] != '\0')) {
			*out = r;
			return CR_OK;
		}
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			break;
		PQclear(r);
	}
	rc = pg_fault(e, r, err);
	PQclear(r);
	return rc;
}

bool
pg_exchange_close(struct engine *e, int64_t deadline_ms, bool failed)
{
	PGresult *r = NULL;
	bool at_sync = false;

	while (e->conn != NULL && !at_sync) {
		if (pg_wire_result(e->conn, deadline_ms, &r, NULL) != CR_OK) {
			pg_hang_up(e);
		} else if (r != NULL) {
			at_sync = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
			PQclear(r);
		}
	}
	if (failed)
		pg_forget_names(e, e->exchange);
	return at_sync;
}

int
pg_exchange_end(struct engine *e, int64_t deadline_ms, int rc, struct err *err)
{
	if (!pg_exchange_close(e, deadline_ms, rc != CR_OK) && rc == CR_OK)
		return err_set(err, CR_ERETRY, "store: the server went away");
	return rc;
}

int
pg_pass_rows(const PGresult *r, size_t i, const struct owed *o, struct err *err)
{
	struct engine_stmt s = {.rows = r};
	int rc = CR_OK;

	for (; rc == CR_OK && o->got != NULL && s.row < PQntuples(r); s.row++) {
		if (o->as_one)
			i = (size_t)pg_value_int(r, s.row, PQnfields(r) - 1) - 1;
		rc = o->got(o->arg, i, &s, err);
	}
	return rc;
}

/* After the sync, and before anything else is taken. */
int
pg_take_owed(struct engine *e, int64_t deadline_ms, struct err *err)
{
	size_t n = e->n_owed;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const struct owed *o = &e->owed[i];

		for (size_t k = 0; rc == CR_OK && k < o->n; k++) {
			PGresult *r = NULL;

			rc = pg_take(e, deadline_ms, &r, err);
			if (rc == CR_OK)
				rc = pg_pass_rows(r, k, o, err);
			PQclear(r);
		}
	}
	e->n_owed = 0;
	return rc;
}

void
pg_owe(struct engine *e, const struct owed *owed)
{
	assert(e->n_owed < PG_OWED_MAX);
	e->owed[e->n_owed++] = *owed;
}

/* Nothing but what is owed. */
int
pg_engine_settle(struct engine *e, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	int rc;

	if (e->n_owed == 0)
		return CR_OK;
	rc = pg_exchange_sync(e, deadline_ms, err);
	if (rc != CR_OK)
		return rc;
	rc = pg_take_owed(e, deadline_ms, err);
	return pg_exchange_end(e, deadline_ms, rc, err);
}

/* One statement, in one exchange. */
int
pg_ask(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, PGresult **out, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult *r = NULL;
	int rc;

	pg_exchange_open(e);
	if ((rc = pg_put_sql(e, sql, args, n_args, err)) != CR_OK ||
	    (rc = pg_exchange_sync(e, deadline_ms, err)) != CR_OK)
		return rc;
	rc = pg_take_owed(e, deadline_ms, err);
	if (rc == CR_OK)
		rc = pg_take(e, deadline_ms, &r, err);
	rc = pg_exchange_end(e, deadline_ms, rc, err);
	if (rc == CR_OK)
		*out = TAKE(r);
	PQclear(r);
	return rc;
}

/* The same without its rows. */
int
pg_tell(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct err *err)
{
	PGresult *r = NULL;
	int rc = pg_ask(e, sql, args, n_args, &r, err);

	PQclear(r);
	return rc;
}

/* A text that is not the program's own literal: not cached. */
int
pg_tell_once(struct engine *e, const char *sql, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult *r = NULL;
	int rc;

	pg_exchange_open(e);
	if (PQsendQueryParams(e->conn, sql, 0, NULL, NULL, NULL, NULL, 1) != 1)
		return refused(e, err);
	if ((rc = pg_exchange_sync(e, deadline_ms, err)) != CR_OK)
		return rc;
	rc = pg_take(e, deadline_ms, &r, err);
	rc = pg_exchange_end(e, deadline_ms, rc, err);
	PQclear(r);
	return rc;
}
