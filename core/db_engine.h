/*
 * db_engine.h - what the door (db.c) asks of an engine; SQLite's is db_sqlite.c.
 *
 * An engine is one connection.  It knows statements, transactions and its own write-ahead log, and nothing of threads, turns
 * or migrations: the door calls it from one thread at a time, and writes only while it holds the store's lock.
 */
#ifndef CORE_DB_ENGINE_H
#define CORE_DB_ENGINE_H

#include "core/db.h"

struct engine;
struct engine_stmt;

/*
 * Connect and set what makes it durable; each setting is read back.  still: the file cannot change while it is open (no
 * write-ahead log, and nobody may write to the directory), so that no lock and no -shm file is needed.
 * Errors: CR_ECONFIG (not a database, a setting that did not stick), CR_ESTORE, CR_ERETRY, CR_ENOMEM.
 */
MUST_CHECK int engine_open(const char *path, enum db_mode mode, bool still, int64_t busy_ms, struct engine **out,
                           struct err *err);
void engine_drop(struct engine **e);

/* One or more statements without parameters and rows, not cached. */
MUST_CHECK int engine_run(struct engine *e, const char *sql, struct err *err);
/* 0 for a database that was never written. */
MUST_CHECK int engine_version(struct engine *e, int64_t *out, struct err *err);
MUST_CHECK int engine_set_version(struct engine *e, int64_t version, struct err *err);
/* Errors: CR_ESTORE with the first thing found. */
MUST_CHECK int engine_quick_check(struct engine *e, struct err *err);

MUST_CHECK int engine_begin(struct engine *e, struct err *err);
/* Errors: CR_EUNKNOWN, or it was rolled back: CR_ESTORE, CR_ECONFLICT. */
MUST_CHECK int engine_commit(struct engine *e, struct err *err);
void engine_rollback(struct engine *e);
/* False also after the engine itself rolled back, as SQLite does on a full disk. */
bool engine_in_transaction(const struct engine *e);

/* Another number after every commit of another connection. */
MUST_CHECK int engine_mark(struct engine *e, uint32_t *out, struct err *err);

/* Prepared (from the cache by the address of sql) and bound; the caller ends it with engine_done. */
MUST_CHECK int engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args,
                              struct engine_stmt **out, struct err *err);
/* more_out: a row stands ready.  Errors: CR_ECONFLICT, CR_ESTORE, CR_ERETRY, CR_ENOMEM. */
MUST_CHECK int engine_step(struct engine_stmt *s, bool *more_out, struct err *err);
void engine_done(struct engine_stmt *s);
bool engine_writes(const struct engine_stmt *s);
int64_t engine_changes(const struct engine *e);

int64_t engine_col_int(const struct engine_stmt *s, int col);
const char *engine_col_text(const struct engine_stmt *s, int col);
const void *engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out);
bool engine_col_is_null(const struct engine_stmt *s, int col);

/* Pages in the log after this connection's last commit; 0 when it made none. */
int engine_log_pages(const struct engine *e);
MUST_CHECK int engine_checkpoint(struct engine *e, struct err *err);

#endif
