/*
 * db.h - one small SQL door over two engines: SQLite (a file) and PostgreSQL (a server), the same SQL.
 *
 * Parameters are $1..$n in both.  Types: int64, text, blob, NULL.  Column type BLOB is spelled BLOB in the schema (the
 * PostgreSQL engine translates it).  SQL used here is the common subset: INSERT ... ON CONFLICT DO UPDATE/NOTHING, RETURNING.
 *
 * SQLite rules (the WAL-reset race of 3.7.0..3.51.2, sqlite.org/wal.html): one lock file STORE.lock is held over every write
 * transaction and every checkpoint; wal_autocheckpoint=0, no checkpoint on close; synchronous=FULL, foreign_keys=ON.
 * So one writer at a time, in order of arrival, and a reader never waits.
 * A struct db may be used by several threads, in turns: one from db_begin to db_commit / db_rollback, or from db_query to
 * db_rows_drop outside a transaction (in the same thread).  Inside its turn a thread may query as it likes, nested too.
 */
#ifndef CORE_DB_H
#define CORE_DB_H

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

/* Migration i (0-based) brings version i to i+1; run inside one transaction with the version number. */
struct db_schema {
	const char *const *migrations; /* each one or more statements */
	int n_migrations;              /* = the version this program knows */
};

enum db_mode {
	DB_READ,  /* must exist; nothing is written, works on a read-only file; version must match */
	DB_WRITE, /* must exist */
	DB_CREATE /* made when it is not there (0600, directory must exist) */
};

struct db_options {
	const char *path; /* a file, or a server (core/db_path.h) */
	enum db_mode mode;
	const struct db_schema *schema;
	const struct clock *clock;
	int64_t busy_ms; /* how long a write waits for its turn, and a server may take for an answer; 0: 5000 */
	/* Of a server: */
	const char *password; /* borrowed; NULL: in the path, in PGPASSFILE, or none is needed */
	int64_t distrust_ms;  /* how long db_now fails after an asynchronous failover; 0: 24 h */
};

/*
 * Open and check: regular file of ours, no group/other access, no network file system, pragmas stuck, schema version not newer,
 * quick_check when the last user did not close cleanly.  Migrates forward under the lock.
 * Errors: CR_ENOTFOUND (no store yet; the text says which command makes one), CR_ECONFIG (mode, owner, network file system, not a
 * database, newer schema: "store is of schema 7, this program knows 3: use a newer coldrelay"), CR_ESTORE (damaged, unreadable, disk), CR_ERETRY (locked beyond busy_ms).
 */
MUST_CHECK int db_open(const struct db_options *o, struct db **out, struct err *err);
void db_drop(struct db **db);

/* Write transaction: lock file, BEGIN IMMEDIATE.  Errors: CR_ERETRY (not our turn within busy_ms), CR_ESTORE. */
MUST_CHECK int db_begin(struct db *db, struct err *err);
/*
 * The same for decisions of the gate, which write only rows that are theirs alone: its own mailboxes', paces it has locked, history.
 * With SQLite it is db_begin.  With PostgreSQL many of them run at once, but none beside a db_begin: what that changes binds all.
 */
MUST_CHECK int db_begin_shared(struct db *db, struct err *err);
/* Durable when it returns CR_OK.  On an error the outcome is unknown (CR_EUNKNOWN) or rolled back (CR_ESTORE, CR_ERETRY); the transaction is over either way. */
MUST_CHECK int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* no transaction: nothing happens */
/*
 * later: what db_commit says from now on is that everybody sees it; it is durable when a db_sync that began afterwards has said CR_OK.  So
 * the next transaction is made while the last one's sync is waited for.  Whoever sees it and writes syncs it too: in a file what comes
 * later is durable only after what came before.  False: this store's commits are durable at once, as without it, since it is a server, or
 * another process leaves syncs.  After each such commit, also one that failed, db_sync has to be called: until then nobody can open the store,
 * for only who has it open is told when that sync fails.
 * db_sync may be called by another thread beside everything else.  Errors: CR_EUNKNOWN; then nothing more is written through this handle.
 */
bool db_sync_later(struct db *db, bool later);
MUST_CHECK int db_sync(struct db *db, struct err *err);
/*
 * Did the last transaction end (CR_ERETRY) by a conflict with another one, so that the same may go through at once?  True at most
 * a few times in a row, until a commit.
 */
bool db_again(struct db *db);
/* What follows the last statement: rc CR_OK commits, with db_commit's errors; anything else rolls back, and stays. */
MUST_CHECK int db_end(struct db *db, int rc, struct err *err);

/* Values for $1..$n. */
struct db_value {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } type;
	int64_t i;
	const void *data; /* borrowed */
	size_t len;
};
static inline struct db_value
db_int(int64_t i)
{
	return (struct db_value){.type = DB_INT, .i = i};
}
struct db_value db_text(const char *s); /* NULL gives SQL NULL */
struct db_value db_blob(const void *data, size_t len);
#define DB_ARGS(...) ((const struct db_value[]){__VA_ARGS__}), ARRAY_LEN(((const struct db_value[]){__VA_ARGS__}))
#define DB_NO_ARGS   NULL, 0

/*
 * A statement without rows, inside a transaction.  changed_out: rows touched, may be NULL.  Prepared statements are cached by
 * the text's address, so sql must be a literal or live as long as db.
 * Errors: CR_ECONFLICT (unique or foreign key), CR_ESTORE.
 */
MUST_CHECK int db_exec(struct db *db, const char *sql, const struct db_value *args, size_t n_args, int64_t *changed_out,
                       struct err *err);

/*
 * The same statement for n rows of n_args arguments each, in order; with a server one exchange, not n, and often one
 * statement, so that no two of them may meet the same row.  changed_out: over all; NULL: with a
 * server it goes out with the next call, and an error is that one's.  Errors: as db_exec, of the first that failed; the transaction is to
 * be rolled back then.
 */
MUST_CHECK int db_exec_many(struct db *db, const char *sql, const struct db_value *args, size_t n_args, size_t n,
                            int64_t *changed_out, struct err *err);

/* Rows, one after the other.  for (rc = db_query(...); rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more;) ...; db_rows_drop(&rows). */
struct db_rows;
MUST_CHECK int db_query(struct db *db, const char *sql, const struct db_value *args, size_t n_args,
                        struct db_rows **out, struct err *err);
MUST_CHECK int db_next(struct db_rows *rows, bool *more_out, struct err *err);
void db_rows_drop(struct db_rows **rows);
/* Columns of the present row, 0-based; borrowed until the next db_next. */
int64_t db_col_int(const struct db_rows *rows, int col);
const char *db_col_text(const struct db_rows *rows, int col); /* NULL for SQL NULL */
const void *db_col_blob(const struct db_rows *rows, int col, size_t *len_out);
bool db_col_is_null(const struct db_rows *rows, int col);

/*
 * The same question n times, with a server in one exchange.  got is called for each row of answer i; what it returns but CR_OK ends
 * everything.  DB_LOCK_ROWS: inside a transaction, and the rows stay as they are until its end (SQLite: they do anyway); of a
 * join, those of its last table.
 * ..._LATER: inside a transaction of a server several questions go out together: got may be called only in the next call that is not one of
 * these, or in db_settle; until then arg has to live, and got asks nothing itself.  An error is then that call's.
 */
enum db_many { DB_LOOK, DB_LOCK_ROWS, DB_LOOK_LATER, DB_LOCK_ROWS_LATER };
MUST_CHECK int db_query_many(struct db *db, enum db_many how, const char *sql, const struct db_value *args,
                             size_t n_args, size_t n,
                             int (*got)(void *arg, size_t i, const struct db_rows *row, struct err *err), void *arg,
                             struct err *err);
/* All that was left for later has been done, and went well. */
MUST_CHECK int db_settle(struct db *db, struct err *err);
/*
 * Inside db_begin_shared: nobody else holds one of these numbers until the end of the transaction.  Sorted, each once.  With a server it
 * goes out with the next call, which waits for it.
 */
MUST_CHECK int db_lock_keys(struct db *db, const int64_t *keys, size_t n, struct err *err);

/*
 * Another number whenever anybody may have changed anything since: another process, or this handle by db_begin.  Commits of
 * db_begin_shared through this handle do not count.  What was read under the same number still holds.  Errors: CR_ESTORE.
 */
MUST_CHECK int db_mark(struct db *db, uint64_t *out, struct err *err);
/*
 * Certainly nothing else than what mark stands for, at the price of reading memory; false: ask db_mark.  mark: of the last db_mark, an
 * older one is never known.  For whoever's turn it would be to ask it; it takes no turn.
 */
bool db_unchanged(const struct db *db, uint64_t mark);
/* The same for what binds all: another number whenever a db_begin of anybody may have committed.  Inside a transaction it costs nothing. */
MUST_CHECK int db_mark_binding(struct db *db, uint64_t *out, struct err *err);
/* Each exchange with it costs time: ask many things at once. */
bool db_is_server(const struct db *db);
/* The time of a store that has a clock of its own (a server): it is then the only one.  CR_ENOTFOUND: none, ask the system's.
 * CR_ERETRY: away; or another server has taken over which may not know the last sends, until db_options.distrust_ms are over. */
MUST_CHECK int db_now(struct db *db, int64_t *now_ms_out, struct err *err);
/* In a transaction, after rows were put in with numbers of their own: those that the store gives to table.column go on behind last. */
MUST_CHECK int db_renumber(struct db *db, const char *table, const char *column, int64_t last, struct err *err);
/* In a transaction: somebody answers for it that no send was lost.  Errors: CR_ENOTFOUND (a file: never in doubt). */
MUST_CHECK int db_trust(struct db *db, struct err *err);

/* One integer of one row; absent when there is none. */
MUST_CHECK int db_get_int(struct db *db, const char *sql, const struct db_value *args, size_t n_args, int64_t absent,
                          int64_t *out, struct err *err);
/* One text of one row on the heap; NULL when there is none. */
MUST_CHECK int db_get_text(struct db *db, const char *sql, const struct db_value *args, size_t n_args, char **out,
                           struct err *err);

/* Write the WAL back under the lock when it is longer than pages (0: always).  Best effort for the caller, errors: CR_ERETRY, CR_ESTORE. */
MUST_CHECK int db_checkpoint(struct db *db, int pages, struct err *err);
/*
 * For who is going to write much: room for pages of log, on the disk before it is needed, since a commit that makes a file longer takes
 * longer.  A disk with little room is left alone.  Best effort, and nothing depends on it.
 */
void db_stretch(struct db *db, int pages);
/* Path as opened, of a server without a password; borrowed. */
const char *db_path(const struct db *db);

#endif
