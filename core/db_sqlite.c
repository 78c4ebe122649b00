/*
 * db_sqlite.c - the SQLite engine: connection, settings, statement cache, error codes.
 *
 * Sources: sqlite.org/wal.html (read 2026-11), "The WAL-Reset Bug": in 3.7.0 to 3.51.2 a checkpoint that races a commit of another
 * connection can lose it.  So SQLite never checkpoints by itself here, neither while committing nor while closing, and the
 * door calls engine_checkpoint only under the lock that writers hold too.
 * sqlite.org/lang_transaction.html, "Response To Errors": some errors roll back on their own; engine_in_transaction tells.
 */
#include "core/db_engine.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/db_args.h"
#include "core/db_index.h"
#include "core/db_log.h"
#include "core/db_pages.h"
#include "core/lazy_sqlite.h"

#define MAX_ARGS   DB_ARGS_MAX
#define CACHE_SIZE 512        /* statements; a power of two, far above what the program has */
#define OUR_ID     0x636f6c64 /* "cold": application_id, bytes 68..71 of the file header */

struct engine_stmt {
	sqlite3_stmt *handle;
	const char *sql; /* the address is the key of the cache */
	struct engine *engine;
	bool busy;
	bool cached;
	bool ended;               /* the last row was read: one more step would start again */
	struct engine_stmt *over; /* the same over a table of arguments (db_args.h); NULL: not made yet */
	bool alone;               /* there is none */
	int first_column;         /* of the answer: one over such a table has its row in front */
	uint8_t arg_of[MAX_ARGS]; /* parameter i of SQLite, 0-based -> the n of its $n, 0-based */
	int n_params;             /* of SQLite: distinct names */
	size_t n_args;            /* the highest $n */
};

struct engine {
	sqlite3 *handle;
	int log_pages;  /* that wait to be written back */
	int log_length; /* and those that do not */
	int busy_ms;
	bool is_still;             /* without a log, and so without its index */
	_Atomic(bool) sync_failed; /* what the disk holds is unknown: nothing more is written through this connection */
	struct db_log *log;        /* once a commit has left its sync for later */
	bool later;
	struct db_index index; /* as it was at the last mark */
	struct db_args args;
	size_t n_cached;
	struct engine_stmt *cache[CACHE_SIZE];
};

/* The one place where SQLite's codes become ours. */
static int
fault(struct engine *e, int rc, const char *what, struct err *err)
{
	const char *text = e->handle != NULL ? sqlite3_errmsg(e->handle) : sqlite3_errstr(rc);
	int extended = e->handle != NULL ? sqlite3_extended_errcode(e->handle) : rc;

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_nomem(err, "store");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, CR_ERETRY, "store: %s: in use by another program", what);
	case SQLITE_CONSTRAINT:
		if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    extended == SQLITE_CONSTRAINT_ROWID || extended == SQLITE_CONSTRAINT_FOREIGNKEY)
			return err_set(err, CR_ECONFLICT, "store: %s", text);
		return err_set(err, CR_EBUG, "store: %s", text);
	case SQLITE_NOTADB:
		return err_set(err, CR_ECONFIG, "store: not a database");
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		/* Wrong SQL, or a table that is not there: not the store's fault unless somebody changed it by hand. */
		return err_set(err, CR_ESTORE, "store: %s: %s", what, text);
	default:
		return err_set(err, CR_ESTORE, "store: %s: %s (%d)", what, text, extended);
	}
}

static int
note_log_pages(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct engine *e = arg;

	(void)handle;
	(void)name;
	e->log_pages = e->log_length = pages;
	return SQLITE_OK;
}

static int
engine_run(struct engine *e, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(e->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? CR_OK : fault(e, rc, "run", err);
}

/* The first column of the first row as text, cut to size. */
static int
ask(struct engine *e, const char *sql, char *out, size_t size, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(e->handle, sql, -1, &st, NULL);
	const unsigned char *text;

	out[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		text = sqlite3_column_text(st, 0);
		(void)snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? CR_OK : fault(e, rc, sql, err);
	(void)sqlite3_finalize(st);
	return rc;
}

/* What a connection is set to, and how the setting reads when it stuck; want NULL: nothing depends on it. */
static const struct setting {
	const char *set, *get, *want;
	bool writer_only;
} settings[] = {
  /*
	 * A small page: what a send changes is a few bytes on each of three.  It takes only in a store that is being made.
	 * A log that once grew is cut to 128 MB when it starts afresh.
	 */
	{"PRAGMA page_size=2048; PRAGMA cache_size=-33000; PRAGMA journal_size_limit=134217728", NULL,                        NULL,  true },
	{"PRAGMA journal_mode=WAL",							     "PRAGMA journal_mode",       "wal", true },
	{"PRAGMA synchronous=FULL",							     "PRAGMA synchronous",        "2",   true },
	{"PRAGMA foreign_keys=ON",							      "PRAGMA foreign_keys",       "1",   true },
	{"PRAGMA wal_autocheckpoint=0",							 "PRAGMA wal_autocheckpoint", "0",   false},
	{"PRAGMA temp_store=MEMORY",							    "PRAGMA temp_store",         "2",   false},
	{"PRAGMA trusted_schema=OFF",							   "PRAGMA trusted_schema",     "0",   false},
};

static int
apply_settings(struct engine *e, bool writer, struct err *err)
{
	char got[32];
	int rc = CR_OK, on = 0;

	if (sqlite3_db_config(e->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on) != SQLITE_OK || on != 1)
		return err_set(err, CR_ECONFIG,
		               "store: this SQLite (%s) checkpoints on close and cannot be told not to",
		               sqlite3_libversion());
	for (size_t i = 0; i < ARRAY_LEN(settings) && rc == CR_OK; i++) {
		const struct setting *s = &settings[i];

		if (s->writer_only && !writer)
			continue;
		if (s->want == NULL) {
			rc = engine_run(e, s->set, err);
			continue;
		}
		rc = ask(e, s->get, got, sizeof(got), err);
		if (rc != CR_OK || strcmp(got, s->want) == 0)
			continue;
		rc = engine_run(e, s->set, err);
		if (rc == CR_OK)
			rc = ask(e, s->get, got, sizeof(got), err);
		if (rc == CR_OK && strcmp(got, s->want) != 0)
			rc = err_set(err, CR_ECONFIG, "store: '%s' did not stick: it reads '%s'", s->set, got);
	}
	return rc;
}

/* The path as a URI: what RFC 3986 reserves there is escaped. */
static int
make_uri(const char *path, struct buf *uri, struct err *err)
{
	buf_adds(uri, "file:");
	for (const char *p = path; *p != '\0'; p++)
		if (*p == '%' || *p == '?' || *p == '#')
			buf_addf(uri, "%%%02X", (unsigned)(unsigned char)*p);
		else
			buf_addc(uri, *p);
	buf_adds(uri, "?immutable=1");
	return buf_check(uri, "store path", err);
}

static void
stmt_free(struct engine_stmt *s)
{
	if (s == NULL)
		return;
	stmt_free(s->over);
	(void)sqlite3_finalize(s->handle);
	free(s);
}

static void
engine_drop(struct engine **e)
{
	if (*e == NULL)
		return;
	for (size_t i = 0; i < CACHE_SIZE; i++)
		stmt_free((*e)->cache[i]);
	(void)sqlite3_close((*e)->handle);
	free(*e);
	*e = NULL;
}

static int
engine_open(const struct engine_options *o, struct engine **out, struct err *err)
{
	struct engine *e;
	struct buf uri = {0};
	int flags = SQLITE_OPEN_NOMUTEX | (o->mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	int rc = lazy_need(&libsqlite3_lazy, err);

	if (rc != CR_OK)
		return rc;
	db_pages_setup();
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return err_nomem(err, "store");
	e->is_still = o->still;
	if (o->still) {
		flags |= SQLITE_OPEN_URI;
		rc = make_uri(o->path, &uri, err);
		if (rc != CR_OK)
			goto out;
	}
	rc = sqlite3_open_v2(o->still ? buf_str(&uri) : o->path, &e->handle, flags, db_log_vfs());
	if (rc != SQLITE_OK) {
		rc = fault(e, rc, "open", err);
		goto out;
	}
	/* Where a file cannot be opened for writing SQLite takes it for reading, and would say so at each write until it is opened anew. */
	if (o->mode != DB_READ && sqlite3_db_readonly(e->handle, "main") == 1) {
		rc = err_set(err, CR_ESTORE, "store: cannot be opened for writing");
		goto out;
	}
	(void)sqlite3_extended_result_codes(e->handle, 1);
	/* Room for the cursors of all statements at once: else each run of one asks the heap, through a lock.  Fails harmlessly. */
	if (o->mode != DB_READ)
		(void)sqlite3_db_config(e->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, 1200, 400);
	e->busy_ms = o->busy_ms > INT32_MAX ? INT32_MAX : (int)o->busy_ms;
	(void)sqlite3_busy_timeout(e->handle, e->busy_ms);
	/* Replaces SQLite's own hook, the one that checkpoints; the setting then reads 0. */
	(void)sqlite3_wal_hook(e->handle, note_log_pages, e);
	rc = apply_settings(e, o->mode != DB_READ, err);
	if (rc == CR_OK && !db_args_register(e->handle, &e->args))
		rc = fault(e, SQLITE_NOMEM, "open", err);
	if (rc != CR_OK)
		goto out;
	*out = TAKE(e);
out:
	engine_drop(&e);
	buf_release(&uri);
	return rc;
}

static int
engine_version(struct engine *e, int64_t *out, struct err *err)
{
	char version[32], id[32], tables[32];
	int rc = ask(e, "PRAGMA user_version", version, sizeof(version), err);

	if (rc == CR_OK)
		rc = ask(e, "PRAGMA application_id", id, sizeof(id), err);
	if (rc == CR_OK)
		rc = ask(e, "SELECT count(*) FROM sqlite_master", tables, sizeof(tables), err);
	if (rc != CR_OK)
		return rc;
	/* Somebody else's database must not be given our tables. */
	if (strtol(id, NULL, 10) != OUR_ID && strcmp(tables, "0") != 0)
		return err_set(err, CR_ECONFIG, "store: a database of another program");
	*out = strtoll(version, NULL, 10);
	return CR_OK;
}

static int
engine_set_version(struct engine *e, int64_t version, struct err *err)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%lld", OUR_ID,
	               (long long)version);
	return engine_run(e, sql, err);
}

static int
engine_quick_check(struct engine *e, struct err *err)
{
	char found[200];
	int rc = ask(e, "PRAGMA quick_check(1)", found, sizeof(found), err);

	if (rc == CR_OK && strcmp(found, "ok") != 0)
		rc = err_set(err, CR_ESTORE, "store: damaged: %s", found);
	return rc;
}

/* SQLite numbers "$1" like any other name, in order of appearance: find out which argument each one is. */
static int
map_params(struct engine_stmt *s, struct err *err)
{
	s->n_params = sqlite3_bind_parameter_count(s->handle);
	if (s->n_params > MAX_ARGS)
		return err_set(err, CR_EBUG, "store: too many parameters: %s", s->sql);
	for (int i = 0; i < s->n_params; i++) {
		const char *name = sqlite3_bind_parameter_name(s->handle, i + 1);
		long n = name != NULL && name[0] == '$' ? strtol(name + 1, NULL, 10) : 0;

		if (n < 1 || n > MAX_ARGS)
			return err_set(err, CR_EBUG, "store: parameter '%s' is not $1 to $%d",
			               name != NULL ? name : "?", MAX_ARGS);
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
		rc = fault(e, rc, "prepare", err);
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

	for (size_t probe = 0; probe < CACHE_SIZE; probe++) {
		struct engine_stmt **slot = &e->cache[(at + probe) % CACHE_SIZE];

		if (*slot != NULL && (*slot)->sql == sql)
			return slot;
		if (*slot == NULL)
			return e->n_cached < CACHE_SIZE / 2 ? slot : NULL;
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

static void
engine_done(struct engine_stmt *s)
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
			return fault(s->engine, rc, "bind", err);
	}
	return CR_OK;
}

/* Found, and taken until engine_done. */
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
		engine_done(s);
		return rc;
	}
	*out = s;
	return CR_OK;
}

static int
engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct engine_stmt **out,
               struct err *err)
{
	struct engine_stmt *s = NULL;
	int rc = stmt_take(e, sql, n_args, &s, err);

	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	rc = bind_all(s, args, SQLITE_TRANSIENT, err);
	if (rc == CR_OK)
		*out = TAKE(s);
	engine_done(s);
	return rc;
}

static int
engine_step(struct engine_stmt *s, bool *more_out, struct err *err)
{
	int rc = s->ended ? SQLITE_DONE : sqlite3_step(s->handle);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fault(s->engine, rc, sqlite3_stmt_readonly(s->handle) ? "read" : "write", err);
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
			rc = engine_step(s, &more, err);
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
		rc = engine_step(s, &more, err);
		if (rc == CR_OK && more && got != NULL)
			rc = got(arg, (size_t)sqlite3_column_int64(s->handle, 0), s, err);
	}
	*changed = sqlite3_changes64(e->handle);
	(void)sqlite3_reset(s->handle);
	return rc;
}

static int
engine_many(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args, size_t n,
            int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg, int64_t *changed_out,
            struct err *err)
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
	engine_done(s);
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = changed;
	return rc;
}

static bool
engine_writes(const struct engine_stmt *s)
{
	return sqlite3_stmt_readonly(s->handle) == 0;
}

static int64_t
engine_changes(const struct engine *e)
{
	return sqlite3_changes64(e->handle);
}

static int64_t
engine_col_int(const struct engine_stmt *s, int col)
{
	return sqlite3_column_int64(s->handle, s->first_column + col);
}

static const char *
engine_col_text(const struct engine_stmt *s, int col)
{
	return (const char *)sqlite3_column_text(s->handle, s->first_column + col);
}

static const void *
engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out)
{
	const void *data = sqlite3_column_blob(s->handle, s->first_column + col);

	*len_out = (size_t)sqlite3_column_bytes(s->handle, s->first_column + col);
	return data;
}

static bool
engine_col_is_null(const struct engine_stmt *s, int col)
{
	return sqlite3_column_type(s->handle, s->first_column + col) == SQLITE_NULL;
}

static bool
engine_in_transaction(const struct engine *e)
{
	return sqlite3_get_autocommit(e->handle) == 0;
}

static void
engine_rollback(struct engine *e)
{
	/* Fails only when SQLite has rolled back on its own. */
	if (engine_in_transaction(e))
		(void)sqlite3_exec(e->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int
engine_begin(struct engine *e, enum engine_turn turn, struct err *err)
{
	struct engine_stmt *s = NULL;
	bool more;
	int rc;

	(void)turn; /* the store's lock lets one in at a time */
	/* What others did since the last mark must not be taken for what this transaction is going to do. */
	if (!db_index_same(&e->index))
		e->index.has_seen = false;
	if (e->sync_failed)
		return err_set(err, CR_ESTORE, "store: an earlier write could not be synced: start again");
	rc = engine_prepare(e, "BEGIN IMMEDIATE", DB_NO_ARGS, &s, err);
	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	rc = engine_step(s, &more, err);
	engine_done(s);
	return rc;
}

/* After a commit of our own, with the store's lock still held: what changed is what we did. */
static void
keep_own(struct engine *e)
{
	uint8_t now[DB_INDEX_BYTES];

	if (!e->index.has_seen)
		return;
	db_index_read(&e->index, now);
	db_index_keep(&e->index, now);
}

static void
leave_sync(struct engine *e, bool later)
{
	if (later && e->log == NULL)
		e->log = db_log_of(e->handle);
	if (e->log != NULL)
		db_log_later(e->log, later);
}

static bool
engine_sync_later(struct engine *e, bool later)
{
	e->later = later;
	return true;
}

static void
engine_stretch(struct engine *e, int64_t bytes)
{
	if (e->log == NULL)
		e->log = db_log_of(e->handle);
	if (e->log != NULL)
		db_log_stretch(e->log, bytes);
}

static int
engine_sync(struct engine *e, struct err *err)
{
	int rc = e->log != NULL && !e->sync_failed ? db_log_sync(e->log) : SQLITE_OK;

	if (rc == SQLITE_OK && !e->sync_failed)
		return CR_OK;
	/* As in a commit: it is not tried again. */
	e->sync_failed = true;
	return err_set(err, CR_EUNKNOWN, "store: sync: %s", sqlite3_errstr(rc != SQLITE_OK ? rc : SQLITE_IOERR_FSYNC));
}

static int
engine_commit(struct engine *e, struct err *err)
{
	struct engine_stmt *s = NULL;
	int rc, ours;

	rc = engine_prepare(e, "COMMIT", DB_NO_ARGS, &s, err);
	if (rc != CR_OK) {
		engine_rollback(e);
		return rc;
	}
	assert(s != NULL);
	leave_sync(e, e->later);
	rc = sqlite3_step(s->handle);
	leave_sync(e, false);
	ours = rc == SQLITE_DONE ? CR_OK : fault(e, rc, "commit", err);
	engine_done(s);
	if (ours == CR_OK) {
		keep_own(e);
		return CR_OK;
	}
	engine_rollback(e);
	/*
	 * An input/output error may have struck between the commit frame and its sync: the next recovery may or may not find the
	 * frame.  A sync that failed once is not tried again, for the kernel may have dropped the pages.
	 */
	if ((rc & 0xff) == SQLITE_IOERR) {
		e->sync_failed = true;
		if (err != NULL)
			err->code = CR_EUNKNOWN;
		return CR_EUNKNOWN;
	}
	if (ours == CR_ERETRY) {
		if (err != NULL)
			err->code = CR_ESTORE;
		return CR_ESTORE;
	}
	return ours;
}

static int
engine_mark(struct engine *e, uint32_t *out, struct err *err)
{
	struct engine_stmt *s = NULL;
	uint8_t before[DB_INDEX_BYTES];
	bool more = false, has_index = !e->is_still && db_index_find(&e->index, e->handle);
	int rc = engine_prepare(e, "PRAGMA data_version", DB_NO_ARGS, &s, err);

	if (rc != CR_OK)
		return rc;
	if (has_index)
		db_index_read(&e->index, before);
	assert(s != NULL);
	rc = engine_step(s, &more, err);
	if (rc == CR_OK && more)
		*out = (uint32_t)engine_col_int(s, 0);
	engine_done(s);
	/* As it was before: whatever has come meanwhile, in the number or behind it, is a change. */
	if (has_index)
		db_index_keep(&e->index, before);
	return rc == CR_OK && !more ? err_set(err, CR_ESTORE, "store: no data version") : rc;
}

static bool
engine_unchanged(const struct engine *e)
{
	return db_index_same(&e->index);
}

static int
engine_log_pages(const struct engine *e)
{
	return e->log_pages;
}

static int
engine_checkpoint(struct engine *e, struct err *err)
{
	int in_log = 0, written = 0;
	/* Passive: as far as the oldest reader allows, waiting for nobody.  The next writer starts the log afresh if that was all. */
	int rc = sqlite3_wal_checkpoint_v2(e->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &written);

	if (rc != SQLITE_OK)
		return fault(e, rc, "checkpoint", err);
	e->log_pages = in_log > written ? in_log - written : 0;
	e->log_length = in_log;
	return CR_OK;
}

static int
engine_log_length(const struct engine *e)
{
	return e->log_length;
}

/* What says that a log was written back is its index, which lives no longer than the last user; so its frames have to go. */
static int
engine_rewind(struct engine *e, struct err *err)
{
	int in_log = 0, written = 0, rc;

	(void)sqlite3_busy_timeout(e->handle, 0); /* for no reader's end */
	rc = sqlite3_wal_checkpoint_v2(e->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &written);
	(void)sqlite3_busy_timeout(e->handle, e->busy_ms);
	if (rc != SQLITE_OK)
		return fault(e, rc, "checkpoint", err);
	e->log_pages = e->log_length = 0;
	return CR_OK;
}

const struct engine_kind engine_sqlite = {
	.name = "sqlite",
	.is_file = true,
	.open = engine_open,
	.drop = engine_drop,
	.run = engine_run,
	.version = engine_version,
	.set_version = engine_set_version,
	.quick_check = engine_quick_check,
	.begin = engine_begin,
	.commit = engine_commit,
	.sync_later = engine_sync_later,
	.sync = engine_sync,
	.stretch = engine_stretch,
	.rollback = engine_rollback,
	.in_transaction = engine_in_transaction,
	.mark = engine_mark,
	.unchanged = engine_unchanged,
	.prepare = engine_prepare,
	.many = engine_many,
	.step = engine_step,
	.done = engine_done,
	.writes = engine_writes,
	.changes = engine_changes,
	.col_int = engine_col_int,
	.col_text = engine_col_text,
	.col_blob = engine_col_blob,
	.col_is_null = engine_col_is_null,
	.log_pages = engine_log_pages,
	.checkpoint = engine_checkpoint,
	.rewind = engine_rewind,
	.log_length = engine_log_length,
};
