/*
 * db_engine.h - what the door (db.c) asks of an engine: one row of operations for SQLite (db_sqlite.c), one for a server.
 *
 * An engine is one connection.  It knows statements, transactions and its own write-ahead log, and nothing of threads, turns
 * or migrations: the door calls it from one thread at a time.  An engine over a file is written only while the door holds the
 * store's lock; a server locks for itself.
 */
#ifndef CORE_DB_ENGINE_H
#define CORE_DB_ENGINE_H

#include "core/db.h"

struct engine; /* each engine has its own, and its own statements */
struct engine_stmt;

enum engine_turn {
	ENGINE_ALONE, /* db_begin */
	ENGINE_SHARED /* db_begin_shared */
};

struct engine_options {
	const char *path; /* found, for a file */
	enum db_mode mode;
	bool still; /* the file cannot change while it is open: no lock and no -shm file is needed */
	int64_t busy_ms;
	const char *password; /* borrowed; of a server, where it does not stand in the path */
	int64_t distrust_ms;  /* how long the sends of a server that has forgotten some are in doubt */
};

struct engine_kind {
	const char *name;
	bool is_file; /* the door finds it, locks it, and knows who has it open */

	/*
	 * Connect and set what makes it durable; each setting is read back.
	 * Errors: CR_ECONFIG (not a database, a setting that did not stick), CR_ESTORE, CR_ERETRY, CR_ENOMEM.
	 */
	int (*open)(const struct engine_options *o, struct engine **out, struct err *err);
	void (*drop)(struct engine **e);

	/* One or more statements without parameters and rows, not cached. */
	int (*run)(struct engine *e, const char *sql, struct err *err);
	/* 0 for a database that was never written. */
	int (*version)(struct engine *e, int64_t *out, struct err *err);
	int (*set_version)(struct engine *e, int64_t version, struct err *err);
	/* After a user who did not leave in order; files only.  Errors: CR_ESTORE with the first thing found. */
	int (*quick_check)(struct engine *e, struct err *err);

	int (*begin)(struct engine *e, enum engine_turn turn, struct err *err);
	/* Errors: CR_EUNKNOWN, or it was rolled back: CR_ESTORE, CR_ECONFLICT. */
	int (*commit)(struct engine *e, struct err *err);
	void (*rollback)(struct engine *e);
	/* False also after the engine itself rolled back, as SQLite does on a full disk. */
	bool (*in_transaction)(const struct engine *e);

	/*
	 * See db_sync_later, db_sync; sync may run in another thread beside everything else.  NULL: a commit is always durable.
	 * Errors: CR_EUNKNOWN.
	 */
	bool (*sync_later)(struct engine *e, bool later);
	int (*sync)(struct engine *e, struct err *err);

	/* See db_stretch; the door holds the lock.  NULL: its log is its own affair. */
	void (*stretch)(struct engine *e, int64_t bytes);

	/* Did the last transaction end by a conflict, so that the same may go through at once?  NULL: there are none. */
	bool (*again)(const struct engine *e);

	/* Another number after every commit of another connection.  NULL: nobody can tell. */
	int (*mark)(struct engine *e, uint32_t *out, struct err *err);
	/* Certainly the number that mark gave last, without a system call; false: maybe another.  NULL: nobody can tell. */
	bool (*unchanged)(const struct engine *e);
	/* See db_mark_binding.  NULL: as mark. */
	int (*generation)(struct engine *e, uint64_t *out, struct err *err);
	/* NULL: nothing is ever left for later. */
	int (*settle)(struct engine *e, struct err *err);
	/* NULL: it has no clock of its own. */
	int (*now)(struct engine *e, int64_t *now_ms_out, struct err *err);
	/* See db_renumber.  NULL: it goes on by itself. */
	int (*renumber)(struct engine *e, const char *table, const char *column, int64_t last, struct err *err);
	/* In a transaction: end what makes now fail after another server has taken over.  NULL: that cannot be. */
	int (*trust)(struct engine *e, struct err *err);
	/* NULL: one writer at a time, who holds them all. */
	int (*lock_keys)(struct engine *e, const int64_t *keys, size_t n, struct err *err);

	/* Prepared (from the cache by the address of sql) and bound; the caller ends it with done. */
	int (*prepare)(struct engine *e, const char *sql, const struct db_value *args, size_t n_args,
	               struct engine_stmt **out, struct err *err);
	/* more_out: a row stands ready.  Errors: CR_ECONFLICT, CR_ESTORE, CR_ERETRY, CR_ENOMEM. */
	int (*step)(struct engine_stmt *s, bool *more_out, struct err *err);
	void (*done)(struct engine_stmt *s); /* NULL: nothing happens */
	bool (*writes)(const struct engine_stmt *s);
	int64_t (*changes)(const struct engine *e); /* rows the last statement touched */

	/*
	 * n statements in one exchange, args row after row; got has the statement with its row, and its number.  got NULL: rows,
	 * if there are any, are passed over.
	 */
	int (*many)(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args,
	            size_t n, int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg,
	            int64_t *changed_out, struct err *err);

	int64_t (*col_int)(const struct engine_stmt *s, int col);
	const char *(*col_text)(const struct engine_stmt *s, int col);
	const void *(*col_blob)(const struct engine_stmt *s, int col, size_t *len_out);
	bool (*col_is_null)(const struct engine_stmt *s, int col);

	/* Pages in the log after this connection's last commit; 0 when it made none.  NULL: its log is its own affair. */
	int (*log_pages)(const struct engine *e);
	int (*checkpoint)(struct engine *e, struct err *err);
	/*
	 * Written back, and empty for whoever opens the store next alone: he cannot tell what was written back from what was not.  As far as
	 * nobody reads it.  log_length: pages that he would have to read, as log_pages.
	 */
	int (*rewind)(struct engine *e, struct err *err);
	int (*log_length)(const struct engine *e);
};

extern const struct engine_kind engine_sqlite, engine_postgres;

#endif
