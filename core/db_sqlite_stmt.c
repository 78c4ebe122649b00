/*
 * db_sqlite_stmt.c - statements: kept by the address of their text, bound, stepped, read; and one over many rows of arguments.
 */
#include "core/db_sqlite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void
stmt_free(struct engine_stmt *s)
{
	if (s == NULL)
		return;
	stmt_free(s->over);
	(void)sqlite3_finalize(s->handle);
	free(s);
}

void
lite_drop_stmts(struct engine *e)
{
	for (size_t i = 0; i < LITE_CACHE_SIZE; i++)
		stmt_free(e->cache[i]);
}

/* SQLite numbers "$1" like any other name, in order of appearance: find out which argument each one is. */
static int
map_params(struct engine_stmt *s, struct err *err)
{
	s->n_params = sqlite3_bind_parameter_count(s->handle);
	if (s->n_params > DB_ARGS_MAX)
		return err_set(err, CR_EBUG, "store: too many parameters: %s", s->sql);
	for (int i = 0; i < s->n_params; i++) {
		const char *name = sqlite3_bind_parameter_name(s->handle, i + 1);
		long n = name != NULL && name[0] == '$' ? strtol(name + 1, NULL, 10) : 0;

		if (n < 1 || n > DB_ARGS_MAX)
			return err_set(err, CR_EBUG, "store: parameter '%s' is not $1 to $%d",
			               name != NULL ? name : "?", DB_ARGS_MAX);
		s->arg_of[i] = (uint8_t)(n - 1);
		if ((size_t)n > s->n_args)
			s->n_args = (size_t)n;
	}
	return CR_OK;
}

static int
stmt_make(struct engine *e, const char *sql, struct engine_stmt **out, struct err *err)
{
	struct engine_stmt *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_nomem(err, "statement");
	s->engine = e;
	s->sql = sql;
	rc = sqlite3_prepare_v3(e->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
	if (rc != SQLITE_OK) {
		rc = lite_fault(e, rc, "prepare", err);
		goto out;
	}
	rc = map_params(s, err);
	if (rc != CR_OK)
		goto out;
	*out = TAKE(s);
out:
	stmt_free(s);
	return rc;
}

/* The slot of a text: its own, or the empty one where it belongs; NULL when the cache is too full to search quickly. */
static struct engine_stmt **
cache_slot(struct engine *e, const char *sql)
{
	size_t at = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 40);

	for (size_t probe = 0; probe < LITE_CACHE_SIZE; probe++) {
		struct engine_stmt **slot = &e->cache[(at + probe) % LITE_CACHE_SIZE];

		if (*slot != NULL && (*slot)->sql == sql)
			return slot;
		if (*slot == NULL)
			return e->n_cached < LITE_CACHE_SIZE / 2 ? slot : NULL;
	}
	return NULL;
}

/* From the cache, or made; a text whose statement is still being read (a query inside itself) gets one of its own. */
static int
stmt_find(struct engine *e, const char *sql, struct engine_stmt **out, struct err *err)
{
	struct engine_stmt **slot = cache_slot(e, sql);
	struct engine_stmt *s = NULL;
	int rc;

	if (slot != NULL && *slot != NULL && !(*slot)->busy) {
		/* The address is a promise of the caller's; comparing the text costs nothing beside running it. */
		if (strcmp(sqlite3_sql((*slot)->handle), sql) != 0)
			return err_set(err, CR_EBUG, "store: a statement's text has changed in place: %s", sql);
		*out = *slot;
		return CR_OK;
	}
	rc = stmt_make(e, sql, &s, err);
	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	if (slot != NULL && *slot == NULL) {
		s->cached = true;
		*slot = s;
		e->n_cached++;
	}
	*out = s;
	return CR_OK;
}

static int
bind_value(sqlite3_stmt *handle, int at, const struct db_value *v, sqlite3_destructor_type lifetime)
{
	assert(v != NULL);
	switch (v->type) {
	case DB_NULL:
		return sqlite3_bind_null(handle, at);
	case DB_INT:
		return sqlite3_bind_int64(handle, at, v->i);
	case DB_TEXT:
		return sqlite3_bind_text64(handle, at, v->data, v->len, lifetime, SQLITE_UTF8);
	case DB_BLOB:
		return sqlite3_bind_blob64(handle, at, v->data, v->len, lifetime);
	}
	return SQLITE_MISUSE;
}

void
lite_engine_done(struct engine_stmt *s)
{
	if (s == NULL)
		return;
	/* Reset repeats the error of the last step, which has been reported. */
	(void)sqlite3_reset(s->handle);
	(void)sqlite3_clear_bindings(s->handle);
	s->busy = false;
	if (!s->cached)
		stmt_free(s);
}

/* lifetime SQLITE_STATIC: the values outlive the statement's last step. */
static int
bind_all(struct engine_stmt *s, const struct db_value *args, sqlite3_destructor_type lifetime, struct err *err)
{
	for (int i = 0; i < s->n_params; i++) {
		int rc;

		assert(args != NULL);
		rc = bind_value(s->handle, i + 1, &args[s->arg_of[i]], lifetime);
		if (rc != SQLITE_OK)
			return lite_fault(s->engine, rc, "bind", err);
	}
	return CR_OK;
}

/* Found, and taken until lite_engine_done. */
static int
stmt_take(struct engine *e, const char *sql, size_t n_args, struct engine_stmt **out, struct err *err)
{
	struct engine_stmt *s = NULL;
	int rc = stmt_find(e, sql, &s, err);

	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	s->busy = true;
	s->ended = false;
	if (n_args != s->n_args) {
		rc = err_set(err, CR_EBUG, "store: %zu arguments for %zu parameters: %s", n_args, s->n_args, sql);
		lite_engine_done(s);
		return rc;
	}
	*out = s;
	return CR_OK;
}

int
lite_engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args,
                    struct engine_stmt **out, struct err *err)
{
	struct engine_stmt *s = NULL;
	int rc = stmt_take(e, sql, n_args, &s, err);

	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	rc = bind_all(s, args, SQLITE_TRANSIENT, err);
	if (rc == CR_OK)
		*out = TAKE(s);
	lite_engine_done(s);
	return rc;
}

int
lite_engine_step(struct engine_stmt *s, bool *more_out, struct err *err)
{
	int rc = s->ended ? SQLITE_DONE : sqlite3_step(s->handle);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return lite_fault(s->engine, rc, sqlite3_stmt_readonly(s->handle) ? "read" : "write", err);
	s->ended = rc == SQLITE_DONE;
	*more_out = rc == SQLITE_ROW;
	return CR_OK;
}

/* One row of arguments after the other through one statement, which is looked up, and cleared, once. */
static int
many_in_turn(struct engine_stmt *s, const struct db_value *args, size_t n_args, size_t n,
             int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg, int64_t *changed,
             struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		bool more = true;

		s->ended = false;
		rc = bind_all(s, args + i * n_args, SQLITE_STATIC, err);
		while (rc == CR_OK && more) {
			rc = lite_engine_step(s, &more, err);
			if (rc == CR_OK && more && got != NULL)
				rc = got(arg, i, s, err);
		}
		*changed += sqlite3_changes64(s->engine->handle);
		(void)sqlite3_reset(s->handle);
	}
	return rc;
}

/*
 * Over the table of arguments, all at once.  NULL: it cannot be; an error is left for the statement itself to meet.  It is in use when s is, so
 * that a question inside itself, which gets a statement of its own, never meets it.
 */
static struct engine_stmt *
stmt_over(struct engine_stmt *s)
{
	struct buf sql = {0};
	bool joined;

	if (s->over != NULL || s->alone || !s->cached)
		return s->over;
	joined = db_args_join(s->sql, &sql);
	s->alone = !joined || buf_check(&sql, "statement", NULL) != CR_OK ||
	           stmt_make(s->engine, buf_str(&sql), &s->over, NULL) != CR_OK;
	buf_release(&sql);
	if (s->alone)
		return NULL;
	assert(s->over != NULL);
	s->over->sql = s->sql; /* and it goes with s */
	s->over->first_column = sqlite3_stmt_readonly(s->over->handle) ? 1 : 0;
	return s->over;
}

static int
many_at_once(struct engine_stmt *s, const struct db_args *args,
             int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg, int64_t *changed,
             struct err *err)
{
	struct engine *e = s->engine;
	bool more = true;
	int rc = CR_OK;

	e->args = *args;
	s->ended = false;
	while (rc == CR_OK && more) {
		rc = lite_engine_step(s, &more, err);
		if (rc == CR_OK && more && got != NULL)
			rc = got(arg, (size_t)sqlite3_column_int64(s->handle, 0), s, err);
	}
	*changed = sqlite3_changes64(e->handle);
	(void)sqlite3_reset(s->handle);
	return rc;
}

int
lite_engine_many(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args,
                 size_t n, int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg,
                 int64_t *changed_out, struct err *err)
{
	const struct db_args all = {.values = args, .n_args = n_args, .n = n};
	struct engine_stmt *s = NULL, *over;
	int64_t changed = 0;
	int rc = stmt_take(e, sql, n_args, &s, err);

	(void)how; /* a writer is alone */
	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	over = n > 1 ? stmt_over(s) : NULL;
	if (over != NULL)
		rc = many_at_once(over, &all, got, arg, &changed, err);
	else
		rc = many_in_turn(s, args, n_args, n, got, arg, &changed, err);
	lite_engine_done(s);
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = changed;
	return rc;
}

bool
lite_engine_writes(const struct engine_stmt *s)
{
	return sqlite3_stmt_readonly(s->handle) == 0;
}

int64_t
lite_engine_changes(const struct engine *e)
{
	return sqlite3_changes64(e->handle);
}

int64_t
lite_engine_col_int(const struct engine_stmt *s, int col)
{
	return sqlite3_column_int64(s->handle, s->first_column + col);
}

const char *
lite_engine_col_text(const struct engine_stmt *s, int col)
{
	return (const char *)sqlite3_column_text(s->handle, s->first_column + col);
}

const void *
lite_engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out)
{
	const void *data = sqlite3_column_blob(s->handle, s->first_column + col);

	*len_out = (size_t)sqlite3_column_bytes(s->handle, s->first_column + col);
	return data;
}

bool
lite_engine_col_is_null(const struct engine_stmt *s, int col)
{
	return sqlite3_column_type(s->handle, s->first_column + col) == SQLITE_NULL;
}
