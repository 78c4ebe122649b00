/*
 * db_sqlite.h - the state of a SQLite engine, and what its parts ask of each other.
 *
 * In reading order: db_sqlite.c (opened, dropped, the table), _turn.c (transactions), _log.c (the write-ahead log), _stmt.c (statements
 * and columns), _code.c (error codes).  Each calls only those behind it.  Private to core/db_sqlite*.
 */
#ifndef CORE_DB_SQLITE_H
#define CORE_DB_SQLITE_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/db_args.h"
#include "core/db_engine.h"
#include "core/db_index.h"
#include "core/db_log.h"
#include "core/lazy_sqlite.h"

#define LITE_CACHE_SIZE 512 /* statements; a power of two, far above what the program has */

struct engine_stmt {
	sqlite3_stmt *handle;
	const char *sql; /* the address is the key of the cache */
	struct engine *engine;
	bool busy;
	bool cached;
	bool ended;                  /* the last row was read: one more step would start again */
	struct engine_stmt *over;    /* the same over a table of arguments (db_args.h); NULL: not made yet */
	bool alone;                  /* there is none */
	int first_column;            /* of the answer: one over such a table has its row in front */
	uint8_t arg_of[DB_ARGS_MAX]; /* parameter i of SQLite, 0-based -> the n of its $n, 0-based */
	int n_params;                /* of SQLite: distinct names */
	size_t n_args;               /* the highest $n */
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
	struct engine_stmt *cache[LITE_CACHE_SIZE];
};

/* ---- error codes (db_sqlite_code.c) ---- */

/* The one place where SQLite's codes become ours.  what: was being done. */
MUST_CHECK int lite_fault(struct engine *e, int rc, const char *what, struct err *err);

/* ---- statements (db_sqlite_stmt.c) ---- */

/* All of them, before the connection is closed. */
void lite_drop_stmts(struct engine *e);

/* ---- the log (db_sqlite_log.c) ---- */

/* Its length is noted at each commit.  Replaces SQLite's own hook, the one that checkpoints. */
void lite_watch_log(struct engine *e);
/* Of the commits from now on, if there is a log yet: done within them, or left to sync. */
void lite_leave_sync(struct engine *e, bool later);

/* ---- the operations (db_engine.h) ---- */

/* clang-format off */
int lite_engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct engine_stmt **out, struct err *err);
int lite_engine_step(struct engine_stmt *s, bool *more_out, struct err *err);
void lite_engine_done(struct engine_stmt *s);
int lite_engine_many(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args, size_t n, int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg, int64_t *changed_out, struct err *err);
bool lite_engine_writes(const struct engine_stmt *s);
int64_t lite_engine_changes(const struct engine *e);
int64_t lite_engine_col_int(const struct engine_stmt *s, int col);
const char *lite_engine_col_text(const struct engine_stmt *s, int col);
const void *lite_engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out);
bool lite_engine_col_is_null(const struct engine_stmt *s, int col);
int lite_engine_begin(struct engine *e, enum engine_turn turn, struct err *err);
int lite_engine_commit(struct engine *e, struct err *err);
void lite_engine_rollback(struct engine *e);
bool lite_engine_in_transaction(const struct engine *e);
int lite_engine_mark(struct engine *e, uint32_t *out, struct err *err);
bool lite_engine_unchanged(const struct engine *e);
bool lite_engine_sync_later(struct engine *e, bool later);
int lite_engine_sync(struct engine *e, struct err *err);
void lite_engine_stretch(struct engine *e, int64_t bytes);
int lite_engine_log_pages(const struct engine *e);
int lite_engine_log_length(const struct engine *e);
int lite_engine_checkpoint(struct engine *e, struct err *err);
int lite_engine_rewind(struct engine *e, struct err *err);
/* clang-format on */

#endif
