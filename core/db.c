/*
 * db.c - the door: turns between threads and processes, transactions, statements, the short forms.
 *
 * Invariants: the engine is touched only by the thread whose turn it is; a file is written, and its log written back, only while
 * STORE.lock is held as well.  A turn begins with the first hold of a thread (a transaction, or rows being read outside one) and ends with
 * its last, so that a query inside a query or a transaction does not wait for itself.
 */
#include "core/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "core/db_inside.h"

#define CONFLICTS_MAX  5
#define LOG_PAGE_BYTES 2072 /* of a page of 2 KB, with its frame */
#define ROOM_FOR       16   /* times what a log is stretched to has to be free */

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
	if (db->mode == DB_READ)
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
	rc = db_lock(db, db->busy_ms, err);
	if (rc != CR_OK)
		goto out;
	rc = db->kind->begin(db->engine, is_shared ? ENGINE_SHARED : ENGINE_ALONE, err);
	if (rc != CR_OK) {
		db_unlock(db);
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
	db->n_later = 0;
	if (!db->is_shared)
		db->alone++;
	db_unlock(db);
	unhold(db);
}

/* SQLite rolls back by itself on a full disk: what follows must not run as if each statement were its own transaction. */
static int
check_alive(const struct db *db, struct err *err)
{
	if (db->in_transaction && !db->kind->in_transaction(db->engine))
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
		rc = db->kind->commit(db->engine, err);
	else
		db->kind->rollback(db->engine);
	if (rc == CR_OK)
		db->conflicts = 0;
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
	db->kind->rollback(db->engine);
	end_transaction(db);
}

bool
db_again(struct db *db)
{
	if (db->kind->again == NULL || !db->kind->again(db->engine) || db->conflicts >= CONFLICTS_MAX)
		return false;
	db->conflicts++;
	return true;
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
	if (db->kind->checkpoint == NULL || (pages != 0 && db->kind->log_pages(db->engine) <= pages))
		goto out;
	rc = db_lock(db, db->busy_ms, err);
	if (rc != CR_OK)
		goto out;
	rc = db->kind->checkpoint(db->engine, err);
	db_unlock(db);
out:
	unhold(db);
	return rc;
}

void
db_stretch(struct db *db, int pages)
{
	const int64_t bytes = (int64_t)pages * LOG_PAGE_BYTES;
	struct statvfs disk;

	if (db->kind->stretch == NULL || refuse_nested(db, "stretch", NULL) != CR_OK || statvfs(db->path, &disk) != 0 ||
	    (int64_t)(disk.f_bavail * disk.f_frsize / ROOM_FOR) < bytes || hold(db, NULL) != CR_OK)
		return;
	if (db_lock(db, db->busy_ms, NULL) == CR_OK) {
		db->kind->stretch(db->engine, bytes);
		db_unlock(db);
	}
	unhold(db);
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
	rc = db->kind->prepare(db->engine, sql, args, n_args, &stmt, err);
	if (rc != CR_OK)
		return rc;
	do
		rc = db->kind->step(stmt, &more, err);
	while (rc == CR_OK && more);
	db->kind->done(stmt);
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = db->kind->changes(db->engine);
	return rc;
}

int
db_exec_many(struct db *db, const char *sql, const struct db_value *args, size_t n_args, size_t n, int64_t *changed_out,
             struct err *err)
{
	int64_t changed = 0;
	int rc;

	if (!is_owner(db) || !db->in_transaction)
		return err_set(err, CR_EBUG, "store: a write outside a transaction: %s", sql);
	rc = check_alive(db, err);
	if (rc != CR_OK)
		return rc;
	rc = db->kind->many(db->engine, changed_out == NULL && db->kind->settle != NULL ? DB_LOOK_LATER : DB_LOOK, sql,
	                    args, n_args, n, NULL, NULL, &changed, err);
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = changed;
	return rc;
}

static int
pass_row(void *arg, size_t i, struct engine_stmt *stmt, struct err *err)
{
	const struct asker *a = arg;
	const struct db_rows row = {.db = a->db, .stmt = stmt};

	return a->got(a->arg, i, &row, err);
}

/* Does it go out with the next call?  Then its asker is kept. */
static struct asker *
place_asker(struct db *db, enum db_many *how, struct asker *now)
{
	if (*how != DB_LOOK_LATER && *how != DB_LOCK_ROWS_LATER)
		return now;
	if (db->in_transaction && db->kind->settle != NULL && db->n_later < LATER_MAX)
		return &db->later[db->n_later++];
	*how = *how == DB_LOOK_LATER ? DB_LOOK : DB_LOCK_ROWS;
	return now;
}

/* The turn lasts over all of them. */
int
db_query_many(struct db *db, enum db_many how, const char *sql, const struct db_value *args, size_t n_args, size_t n,
              int (*got)(void *arg, size_t i, const struct db_rows *row, struct err *err), void *arg, struct err *err)
{
	struct asker now, *a = place_asker(db, &how, &now);
	int rc;

	*a = (struct asker){.db = db, .got = got, .arg = arg};
	if (how == DB_LOCK_ROWS && !db->in_transaction)
		return err_set(err, CR_EBUG, "store: rows locked outside a transaction: %s", sql);
	if ((rc = hold(db, err)) != CR_OK)
		return rc;
	rc = check_alive(db, err);
	if (rc == CR_OK)
		rc = db->kind->many(db->engine, how, sql, args, n_args, n, pass_row, a, NULL, err);
	if (a == &now)
		db->n_later = 0; /* all that was owed has come with it */
	unhold(db);
	return rc;
}

int
db_settle(struct db *db, struct err *err)
{
	int rc;

	if (db->kind->settle == NULL || !db->in_transaction)
		return CR_OK;
	rc = check_alive(db, err);
	if (rc == CR_OK)
		rc = db->kind->settle(db->engine, err);
	db->n_later = 0;
	return rc;
}

int
db_lock_keys(struct db *db, const int64_t *keys, size_t n, struct err *err)
{
	int rc;

	if (!is_owner(db) || !db->in_transaction)
		return err_set(err, CR_EBUG, "store: keys locked outside a transaction");
	rc = check_alive(db, err);
	return rc == CR_OK && db->kind->lock_keys != NULL ? db->kind->lock_keys(db->engine, keys, n, err) : rc;
}

int
db_mark(struct db *db, uint64_t *out, struct err *err)
{
	uint32_t others = 0;
	int rc = hold(db, err);

	if (rc != CR_OK)
		return rc;
	if (db->kind->mark != NULL)
		rc = db->kind->mark(db->engine, &others, err);
	else
		db->alone++;
	/* Rows that are being read show the store as it was when they began; the engine may have looked at a newer one. */
	db->is_marked = rc == CR_OK && (db->in_transaction || db->holds == 1);
	if (rc == CR_OK)
		*out = db->marked = (uint64_t)db->alone << 32 | others;
	unhold(db);
	return rc;
}

bool
db_unchanged(const struct db *db, uint64_t mark)
{
	return db->is_marked && db->marked == mark && db->alone == mark >> 32 && db->kind->unchanged != NULL &&
	       db->kind->unchanged(db->engine);
}

bool
db_is_server(const struct db *db)
{
	return !db->kind->is_file;
}

int
db_mark_binding(struct db *db, uint64_t *out, struct err *err)
{
	int rc;

	if (db->kind->generation == NULL)
		return db_mark(db, out, err);
	if ((rc = hold(db, err)) != CR_OK)
		return rc;
	rc = check_alive(db, err);
	if (rc == CR_OK)
		rc = db->kind->generation(db->engine, out, err);
	unhold(db);
	return rc;
}

int
db_now(struct db *db, int64_t *now_ms_out, struct err *err)
{
	int rc;

	if (db->kind->now == NULL)
		return err_set(err, CR_ENOTFOUND, "a file has no clock");
	if ((rc = hold(db, err)) != CR_OK)
		return rc;
	rc = check_alive(db, err);
	if (rc == CR_OK)
		rc = db->kind->now(db->engine, now_ms_out, err);
	unhold(db);
	return rc;
}

int
db_trust(struct db *db, struct err *err)
{
	if (db->kind->trust == NULL)
		return err_set(err, CR_ENOTFOUND, "a file is never in doubt: no other takes its place");
	if (!is_owner(db) || !db->in_transaction)
		return err_set(err, CR_EBUG, "store: a write outside a transaction");
	return db->kind->trust(db->engine, err);
}

int
db_renumber(struct db *db, const char *table, const char *column, int64_t last, struct err *err)
{
	int rc;

	if (!is_owner(db) || !db->in_transaction)
		return err_set(err, CR_EBUG, "store: a write outside a transaction");
	rc = check_alive(db, err);
	return rc == CR_OK && db->kind->renumber != NULL ? db->kind->renumber(db->engine, table, column, last, err)
	                                                 : rc;
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
		rc = db->kind->prepare(db->engine, sql, args, n_args, &rows->stmt, err);
	if (rc == CR_OK && !db->in_transaction && db->kind->writes(rows->stmt))
		rc = err_set(err, CR_EBUG, "store: a write outside a transaction: %s", sql);
	if (rc == CR_OK)
		*out = TAKE(rows);
	db_rows_drop(&rows);
	return rc;
}

int
db_next(struct db_rows *rows, bool *more_out, struct err *err)
{
	return rows->db->kind->step(rows->stmt, more_out, err);
}

void
db_rows_drop(struct db_rows **rows)
{
	if (*rows == NULL)
		return;
	(*rows)->db->kind->done((*rows)->stmt);
	unhold((*rows)->db);
	free(*rows);
	*rows = NULL;
}

int64_t
db_col_int(const struct db_rows *rows, int col)
{
	return rows->db->kind->col_int(rows->stmt, col);
}

const char *
db_col_text(const struct db_rows *rows, int col)
{
	return rows->db->kind->col_text(rows->stmt, col);
}

const void *
db_col_blob(const struct db_rows *rows, int col, size_t *len_out)
{
	return rows->db->kind->col_blob(rows->stmt, col, len_out);
}

bool
db_col_is_null(const struct db_rows *rows, int col)
{
	return rows->db->kind->col_is_null(rows->stmt, col);
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
