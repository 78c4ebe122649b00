/*
 * db.c - the door: turns between threads and processes, transactions, migrations, the short forms.
 *
 * Invariants: the engine is touched only by the thread whose turn it is; a write or a checkpoint happens only while STORE.lock
 * is held as well.  A turn begins with the first hold of a thread (a transaction, or rows being read outside one) and ends with
 * its last, so that a query inside a query or a transaction does not wait for itself.
 */
#include "core/db.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/db_engine.h"
#include "core/db_file.h"
#include "core/lock.h"

#define BUSY_MS_DEFAULT   5000
#define DROP_AT_LOG_PAGES 4000 /* about 16 MB: long enough that a one-shot seldom pays for it */

struct db {
	char *path;
	enum db_mode mode;
	const struct clock *clock;
	int64_t busy_ms;
	struct engine *engine;
	struct lock *lock; /* NULL for DB_READ */
	struct db_presence presence;
	pthread_mutex_t mutex; /* guards waiting and owner, and is never held for long */
	pthread_cond_t freed;
	int waiting;
	_Atomic(const void *) owner; /* the mark of the thread whose turn it is, or NULL */
	int holds;                   /* of the owner: 1 for a transaction, 1 for each open rows */
	bool in_transaction, is_shared;
	uint32_t alone; /* transactions of db_begin that may have changed something */
	bool suspect; /* damaged, or a write of unknown outcome: the next one to open it checks it */
};

struct db_rows {
	struct db *db;
	struct engine_stmt *stmt;
};

/* One address a thread. */
static _Thread_local char thread_mark;

static bool
is_owner(const struct db *db)
{
	return atomic_load_explicit(&db->owner, memory_order_relaxed) == &thread_mark;
}

static struct timespec
after_ms(int64_t ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(ms / 1000);
	at.tv_nsec += (long)(ms % 1000) * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000L;
	}
	return at;
}

/*
 * Wait for this thread's turn, or hold the store once more.  Real time, not the clock of the options: what is waited for is
 * another thread of this process.
 */
static int
hold(struct db *db, struct err *err)
{
	struct timespec until;
	int errnum = 0;

	if (is_owner(db)) {
		db->holds++;
		return CR_OK;
	}
	(void)pthread_mutex_lock(&db->mutex);
	/* Behind those who wait already: a thread that writes in a loop would else be back before they wake up. */
	if (db->owner != NULL || db->waiting > 0) {
		until = after_ms(db->busy_ms);
		db->waiting++;
		do
			errnum = pthread_cond_timedwait(&db->freed, &db->mutex, &until);
		while (db->owner != NULL && errnum == 0);
		db->waiting--;
	}
	if (db->owner == NULL) {
		db->owner = &thread_mark;
		db->holds = 1;
		errnum = 0;
	}
	(void)pthread_mutex_unlock(&db->mutex);
	return errnum == 0 ? CR_OK : err_errno(err, CR_ERETRY, errnum, "store: busy in another thread");
}

static void
unhold(struct db *db)
{
	if (--db->holds > 0)
		return;
	(void)pthread_mutex_lock(&db->mutex);
	db->owner = NULL;
	(void)pthread_cond_signal(&db->freed);
	(void)pthread_mutex_unlock(&db->mutex);
}

static void
init_turns(struct db *db)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&db->mutex, NULL);
	(void)pthread_cond_init(&db->freed, &attr);
	(void)pthread_condattr_destroy(&attr);
}

/* ---- opening ---- */

static int
open_lock(struct db *db, struct err *err)
{
	struct buf path = {0};
	int rc;

	buf_addf(&path, "%s.lock", db->path);
	rc = buf_check(&path, "store path", err);
	if (rc == CR_OK)
		rc = lock_open(buf_str(&path), &db->lock, err);
	buf_release(&path);
	return rc;
}

static int
migrate_one(struct db *db, const struct db_schema *schema, int64_t from, struct err *err)
{
	int rc = engine_begin(db->engine, err);

	if (rc != CR_OK)
		return rc;
	rc = engine_run(db->engine, schema->migrations[from], err);
	if (rc == CR_OK)
		rc = engine_set_version(db->engine, from + 1, err);
	if (rc == CR_OK)
		return engine_commit(db->engine, err);
	engine_rollback(db->engine);
	return rc;
}

/* Under the lock for a writer. */
static int
reach_version(struct db *db, const struct db_schema *schema, struct err *err)
{
	int64_t version;
	int rc = engine_version(db->engine, &version, err);

	if (rc != CR_OK)
		return rc;
	if (version > schema->n_migrations)
		return err_set(err, CR_ECONFIG, "store is of schema %lld, this program knows %d: use a newer coldrelay",
		               (long long)version, schema->n_migrations);
	if (db->mode == DB_READ && version == 0)
		return err_set(err, CR_ENOTFOUND, "store is still empty: 'coldrelay provision' fills it");
	if (db->mode == DB_READ && version < schema->n_migrations)
		return err_set(err, CR_ECONFIG,
		               "store is of schema %lld, this program reads %d: run a command that writes, it brings "
		               "the store forward",
		               (long long)version, schema->n_migrations);
	for (; rc == CR_OK && version < schema->n_migrations; version++)
		rc = migrate_one(db, schema, version, err);
	return rc;
}

static int
open_writer(struct db *db, const struct db_options *o, struct err *err)
{
	bool unclean = false;
	int rc = open_lock(db, err);

	if (rc == CR_OK)
		rc = lock_take(db->lock, db->clock, db->busy_ms, NULL, err);
	if (rc != CR_OK)
		return rc;
	rc = db_presence_enter(&db->presence, db->path, &unclean, err);
	if (rc == CR_OK)
		rc = engine_open(db->path, db->mode, false, db->busy_ms, &db->engine, err);
	db->suspect = unclean;
	if (rc == CR_OK && unclean)
		rc = engine_quick_check(db->engine, err);
	if (rc == CR_OK) {
		db->suspect = false;
		rc = reach_version(db, o->schema, err);
	}
	lock_give(db->lock);
	return rc;
}

static int
open_reader(struct db *db, const struct db_options *o, struct err *err)
{
	int rc = engine_open(db->path, DB_READ, db_file_is_still(db->path), db->busy_ms, &db->engine, err);

	if (rc == CR_OK)
		rc = reach_version(db, o->schema, err);
	if (rc == CR_ESTORE)
		(void)err_wrap(err, "read-only (a store with a log is read where STORE-shm can be used or made)");
	return rc;
}

static void
db_free(struct db **db)
{
	if (*db == NULL)
		return;
	engine_drop(&(*db)->engine);
	lock_drop(&(*db)->lock);
	db_presence_leave(&(*db)->presence, !(*db)->suspect);
	(void)pthread_cond_destroy(&(*db)->freed);
	(void)pthread_mutex_destroy(&(*db)->mutex);
	free((*db)->path);
	free(*db);
	*db = NULL;
}

int
db_open(const struct db_options *o, struct db **out, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	int rc;

	if (db == NULL)
		return err_nomem(err, "store");
	db->mode = o->mode;
	db->clock = o->clock != NULL ? o->clock : clock_system();
	db->busy_ms = o->busy_ms > 0 ? o->busy_ms : BUSY_MS_DEFAULT;
	db->presence.fd = -1;
	init_turns(db);
	rc = db_file_find(o->path, o->mode, &db->path, err);
	if (rc == CR_OK)
		rc = o->mode == DB_READ ? open_reader(db, o, err) : open_writer(db, o, err);
	if (rc == CR_OK)
		*out = TAKE(db);
	else if (db->path != NULL && rc != CR_ENOMEM)
		(void)err_wrap(err, "%s", db->path);
	db_free(&db);
	return rc;
}

void
db_drop(struct db **db)
{
	struct err ignored;

	if (*db == NULL)
		return;
	db_rollback(*db);
	/* Only if nobody waits for us or we for anybody: whoever comes next finds the log as it is. */
	if ((*db)->lock != NULL && engine_log_pages((*db)->engine) > DROP_AT_LOG_PAGES &&
	    lock_take((*db)->lock, (*db)->clock, 0, NULL, &ignored) == CR_OK) {
		(void)!engine_checkpoint((*db)->engine, &ignored);
		lock_give((*db)->lock);
	}
	db_free(db);
}

const char *
db_path(const struct db *db)
{
	return db->path;
}

/* ---- transactions ---- */

/* A thread's own rows or transaction are in the way: waiting would be for ever. */
static int
refuse_nested(const struct db *db, const char *what, struct err *err)
{
	if (db->lock == NULL)
		return err_set(err, CR_EBUG, "store: %s on a store opened for reading", what);
	if (is_owner(db))
		return err_set(err, CR_EBUG, "store: %s inside a %s of the same thread", what,
		               db->in_transaction ? "transaction" : "query");
	return CR_OK;
}

static int
begin(struct db *db, bool is_shared, struct err *err)
{
	int rc = refuse_nested(db, "transaction", err);

	if (rc == CR_OK)
		rc = hold(db, err);
	if (rc != CR_OK)
		return rc;
	rc = lock_take(db->lock, db->clock, db->busy_ms, NULL, err);
	if (rc != CR_OK)
		goto out;
	rc = engine_begin(db->engine, err);
	if (rc != CR_OK) {
		lock_give(db->lock);
		goto out;
	}
	db->in_transaction = true;
	db->is_shared = is_shared;
out:
	if (rc != CR_OK)
		unhold(db);
	return rc;
}

int
db_begin(struct db *db, struct err *err)
{
	return begin(db, false, err);
}

int
db_begin_shared(struct db *db, struct err *err)
{
	return begin(db, true, err);
}

static void
end_transaction(struct db *db)
{
	db->in_transaction = false;
	if (!db->is_shared)
		db->alone++;
	lock_give(db->lock);
	unhold(db);
}

/* SQLite rolls back by itself on a full disk: what follows must not run as if each statement were its own transaction. */
static int
check_alive(const struct db *db, struct err *err)
{
	if (db->in_transaction && !engine_in_transaction(db->engine))
		return err_set(err, CR_ESTORE, "store: the transaction was rolled back by an earlier error");
	return CR_OK;
}

int
db_commit(struct db *db, struct err *err)
{
	int rc;

	if (!is_owner(db) || !db->in_transaction)
		return err_set(err, CR_EBUG, "store: commit without a transaction");
	rc = check_alive(db, err);
	if (rc == CR_OK)
		rc = engine_commit(db->engine, err);
	if (rc == CR_EUNKNOWN)
		db->suspect = true;
	end_transaction(db);
	return rc;
}

void
db_rollback(struct db *db)
{
	if (!is_owner(db) || !db->in_transaction)
		return;
	engine_rollback(db->engine);
	end_transaction(db);
}

int
db_end(struct db *db, int rc, struct err *err)
{
	if (rc == CR_OK)
		return db_commit(db, err);
	db_rollback(db);
	return rc;
}

int
db_checkpoint(struct db *db, int pages, struct err *err)
{
	int rc = refuse_nested(db, "checkpoint", err);

	if (rc == CR_OK)
		rc = hold(db, err);
	if (rc != CR_OK)
		return rc;
	if (pages != 0 && engine_log_pages(db->engine) <= pages)
		goto out;
	rc = lock_take(db->lock, db->clock, db->busy_ms, NULL, err);
	if (rc != CR_OK)
		goto out;
	rc = engine_checkpoint(db->engine, err);
	lock_give(db->lock);
out:
	unhold(db);
	return rc;
}

/* ---- statements ---- */

struct db_value
db_text(const char *s)
{
	if (s == NULL)
		return (struct db_value){.type = DB_NULL};
	return (struct db_value){.type = DB_TEXT, .data = s, .len = strlen(s)};
}

struct db_value
db_blob(const void *data, size_t len)
{
	if (data == NULL)
		return (struct db_value){.type = DB_NULL};
	return (struct db_value){.type = DB_BLOB, .data = data, .len = len};
}

int
db_exec(struct db *db, const char *sql, const struct db_value *args, size_t n_args, int64_t *changed_out,
        struct err *err)
{
	struct engine_stmt *stmt;
	bool more;
	int rc;

	if (!is_owner(db) || !db->in_transaction)
		return err_set(err, CR_EBUG, "store: a write outside a transaction: %s", sql);
	rc = check_alive(db, err);
	if (rc != CR_OK)
		return rc;
	rc = engine_prepare(db->engine, sql, args, n_args, &stmt, err);
	if (rc != CR_OK)
		return rc;
	do
		rc = engine_step(stmt, &more, err);
	while (rc == CR_OK && more);
	engine_done(stmt);
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = engine_changes(db->engine);
	return rc;
}

int
db_exec_many(struct db *db, const char *sql, const struct db_value *args, size_t n_args, size_t n, int64_t *changed_out,
             struct err *err)
{
	int64_t changed = 0, one;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = db_exec(db, sql, args + i * n_args, n_args, &one, err);
		if (rc == CR_OK)
			changed += one;
	}
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = changed;
	return rc;
}

/* The turn lasts over all of them, and one row of the heap serves all. */
int
db_query_many(struct db *db, enum db_many how, const char *sql, const struct db_value *args, size_t n_args, size_t n,
              int (*got)(void *arg, size_t i, const struct db_rows *row, struct err *err), void *arg, struct err *err)
{
	struct db_rows row = {.db = db};
	bool more = true;
	int rc;

	if (how == DB_LOCK_ROWS && !db->in_transaction)
		return err_set(err, CR_EBUG, "store: rows locked outside a transaction: %s", sql);
	if ((rc = hold(db, err)) != CR_OK)
		return rc;
	rc = check_alive(db, err);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = engine_prepare(db->engine, sql, args + i * n_args, n_args, &row.stmt, err);
		if (rc != CR_OK)
			break;
		for (more = true; rc == CR_OK && more;) {
			rc = engine_step(row.stmt, &more, err);
			if (rc == CR_OK && more)
				rc = got(arg, i, &row, err);
		}
		engine_done(row.stmt);
	}
	unhold(db);
	return rc;
}

int
db_lock_keys(struct db *db, const int64_t *keys, size_t n, struct err *err)
{
	(void)keys;
	(void)n;
	/* One writer at a time: it holds them all. */
	return db->in_transaction ? CR_OK : err_set(err, CR_EBUG, "store: keys locked outside a transaction");
}

int
db_mark(struct db *db, uint64_t *out, struct err *err)
{
	uint32_t others;
	int rc = hold(db, err);

	if (rc != CR_OK)
		return rc;
	rc = engine_mark(db->engine, &others, err);
	if (rc == CR_OK)
		*out = (uint64_t)db->alone << 32 | others;
	unhold(db);
	return rc;
}

int
db_now(struct db *db, int64_t *now_ms_out, struct err *err)
{
	(void)db;
	(void)now_ms_out;
	return err_set(err, CR_ENOTFOUND, "a file has no clock");
}

int
db_query(struct db *db, const char *sql, const struct db_value *args, size_t n_args, struct db_rows **out,
         struct err *err)
{
	struct db_rows *rows = calloc(1, sizeof(*rows));
	int rc;

	if (rows == NULL)
		return err_nomem(err, "query");
	rc = hold(db, err);
	if (rc != CR_OK) {
		free(rows);
		return rc;
	}
	rows->db = db;
	rc = check_alive(db, err);
	if (rc == CR_OK)
		rc = engine_prepare(db->engine, sql, args, n_args, &rows->stmt, err);
	if (rc == CR_OK && !db->in_transaction && engine_writes(rows->stmt))
		rc = err_set(err, CR_EBUG, "store: a write outside a transaction: %s", sql);
	if (rc == CR_OK)
		*out = TAKE(rows);
	db_rows_drop(&rows);
	return rc;
}

int
db_next(struct db_rows *rows, bool *more_out, struct err *err)
{
	return engine_step(rows->stmt, more_out, err);
}

void
db_rows_drop(struct db_rows **rows)
{
	if (*rows == NULL)
		return;
	engine_done((*rows)->stmt);
	unhold((*rows)->db);
	free(*rows);
	*rows = NULL;
}

int64_t
db_col_int(const struct db_rows *rows, int col)
{
	return engine_col_int(rows->stmt, col);
}

const char *
db_col_text(const struct db_rows *rows, int col)
{
	return engine_col_text(rows->stmt, col);
}

const void *
db_col_blob(const struct db_rows *rows, int col, size_t *len_out)
{
	return engine_col_blob(rows->stmt, col, len_out);
}

bool
db_col_is_null(const struct db_rows *rows, int col)
{
	return engine_col_is_null(rows->stmt, col);
}

int
db_get_int(struct db *db, const char *sql, const struct db_value *args, size_t n_args, int64_t absent, int64_t *out,
           struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(db, sql, args, n_args, &rows, err);

	assert(rc != CR_OK || rows != NULL);
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK)
		*out = more && !db_col_is_null(rows, 0) ? db_col_int(rows, 0) : absent;
	db_rows_drop(&rows);
	return rc;
}

int
db_get_text(struct db *db, const char *sql, const struct db_value *args, size_t n_args, char **out, struct err *err)
{
	struct db_rows *rows = NULL;
	const char *text = NULL;
	char *copy = NULL;
	bool more;
	int rc = db_query(db, sql, args, n_args, &rows, err);

	assert(rc != CR_OK || rows != NULL);
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK) {
		text = more ? db_col_text(rows, 0) : NULL;
		copy = text != NULL ? strdup(text) : NULL;
		if (text != NULL && copy == NULL)
			rc = err_nomem(err, "query");
	}
	if (rc == CR_OK)
		*out = copy;
	db_rows_drop(&rows);
	return rc;
}
