/*
 * db_postgres_inside.h - the state of a PostgreSQL engine, and what its parts ask of each other.
 *
 * In reading order: db_postgres.c (opened, dropped, the table), _link.c (the connection), _code.c (error codes), _pipe.c (exchanges),
 * _turn.c (transactions), _stmt.c (statements and columns), _schema.c (migrations), _clock.c (the server's time, and failover);
 * below them, without a state, _wait.c and _sql.c (db_postgres.h).
 */
#ifndef CORE_DB_POSTGRES_INSIDE_H
#define CORE_DB_POSTGRES_INSIDE_H

#include "core/db_postgres.h"

#define PG_CACHE_SIZE 512 /* texts; a power of two */
#define PG_NUMBER_MAX 24
#define PG_OWED_MAX   16

/* Gets a row of answer i. */
typedef int pg_got(void *arg, size_t i, struct engine_stmt *s, struct err *err);

/* Statements that went out, or will, before the next sync, and whose answers are taken with it. */
struct owed {
	size_t n;
	bool as_one; /* one answer, whose rows say to which of the questions they belong */
	pg_got *got;
	void *arg;
};

struct engine_stmt {
	PGresult *result; /* all of its rows; NULL for a row that belongs to somebody else */
	const PGresult *rows;
	int row;
	bool writes;
};

struct engine {
	PQconninfoOption *address;
	char *password; /* borrowed from nobody: wiped in drop */
	enum db_mode mode;
	int64_t busy_ms, distrust_ms;
	size_t host; /* of those in the address: the one to try first */
	PGconn *conn;
	bool in_transaction;
	bool is_direct;      /* no pooler in between: what is prepared stays */
	bool has_timeline;   /* the server can say on which it is */
	bool is_old;         /* a transaction has gone through this connection */
	bool warned;         /* by the server, since the last COMMIT was sent */
	bool again;          /* see db_again */
	int64_t patience_ms; /* of one exchange */
	int64_t retry_at_ms, backoff_ms;
	char away[200];
	bool has_table; /* our own: there is a generation to be told */
	bool is_alone;  /* the transaction binds all */
	uint64_t generation;
	struct owed owed[PG_OWED_MAX];
	size_t n_owed;
	uint64_t exchange;
	unsigned names;
	bool row_by_row;   /* a server of another make that has refused the other way */
	struct buf arrays; /* of the statement that is put just now */
	int64_t changes;
	size_t n_cached;
	struct pg_text cache[PG_CACHE_SIZE];
};

/* ---- the connection (db_postgres_link.c) ---- */

/* While it is away, everybody hears so at once: only now and then one waits for a new try.  Errors: CR_ERETRY, CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int pg_need_connection(struct engine *e, struct err *err);
/* At once, whatever the time.  Errors: the same. */
MUST_CHECK int pg_connect(struct engine *e, struct err *err);
/* With it go its transaction, what is owed, and the names of what was prepared. */
void pg_hang_up(struct engine *e);
/* The first row has this word there. */
bool pg_says(const PGresult *r, int col, const char *word);

/* ---- error codes (db_postgres_code.c) ---- */

/* The one place where the server's codes become ours; some end the connection, and some let the same go through at once (e->again). */
MUST_CHECK int pg_fault(struct engine *e, const PGresult *r, struct err *err);

/* ---- exchanges (db_postgres_pipe.c) ---- */

/*
 * One exchange is: open, put what there is to ask, sync, take what is owed, take each answer in order, close.  Each of them hangs up when
 * the connection is lost or the deadline has passed (CR_ERETRY).
 */
void pg_exchange_open(struct engine *e);
MUST_CHECK int pg_exchange_sync(struct engine *e, int64_t deadline_ms, struct err *err);
/* Up to the sync, whatever stands before it.  False: the connection is gone. */
bool pg_exchange_close(struct engine *e, int64_t deadline_ms, bool failed);
/* The same behind what was taken with rc, which stays, but for a loss that nobody has met yet. */
MUST_CHECK int pg_exchange_end(struct engine *e, int64_t deadline_ms, int rc, struct err *err);
/* The cached form of a text that lives as long as the engine.  Errors: CR_EBUG, CR_ENOMEM. */
MUST_CHECK int pg_find_text(struct engine *e, const char *sql, unsigned how, struct pg_text **out, struct err *err);
MUST_CHECK int pg_put_sql(struct engine *e, const char *sql, const struct db_value *args, size_t n_args,
                          struct err *err);
/* The same for n rows of arguments; what is owed for it (n, as_one) is told. */
MUST_CHECK int pg_put_many(struct engine *e, struct pg_text *t, const struct db_value *args, size_t n,
                           struct owed *owed_out, struct err *err);
/* What was put last is answered with the next exchange; its rows go to got, where it is not NULL. */
void pg_owe(struct engine *e, const struct owed *owed);
/* After the sync, and before anything else is taken. */
MUST_CHECK int pg_take_owed(struct engine *e, int64_t deadline_ms, struct err *err);
MUST_CHECK int pg_take(struct engine *e, int64_t deadline_ms, PGresult **out, struct err *err);
/* The rows of the i-th answer to what is owed. */
MUST_CHECK int pg_pass_rows(const PGresult *r, size_t i, const struct owed *o, struct err *err);

/* One statement, in one exchange. */
MUST_CHECK int pg_ask(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, PGresult **out,
                      struct err *err);
/* The same without its rows. */
MUST_CHECK int pg_tell(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct err *err);
/* A text that is not the program's own literal: not cached. */
MUST_CHECK int pg_tell_once(struct engine *e, const char *sql, struct err *err);
/* The names of what was prepared in an exchange that failed; 0: in any. */
void pg_forget_names(struct engine *e, uint64_t of_exchange);

/* ---- the server's history (db_postgres_clock.c) ---- */

MUST_CHECK int pg_has_table(struct engine *e, bool *out, struct err *err);
/* Which history of commits is this?  "": a server of another make, which cannot tell. */
MUST_CHECK int pg_read_lineage(struct engine *e, char *out, size_t size, struct err *err);
/* On a new connection: another history than the last one puts the sends of the other in doubt. */
MUST_CHECK int pg_compare_lineage(struct engine *e, struct err *err);

/* ---- the operations (db_engine.h) ---- */

/* clang-format off */
int pg_engine_settle(struct engine *e, struct err *err);
int pg_engine_now(struct engine *e, int64_t *now_ms_out, struct err *err);
int pg_engine_trust(struct engine *e, struct err *err);
int pg_engine_begin(struct engine *e, enum engine_turn turn, struct err *err);
int pg_engine_commit(struct engine *e, struct err *err);
void pg_engine_rollback(struct engine *e);
bool pg_engine_in_transaction(const struct engine *e);
bool pg_engine_again(const struct engine *e);
int pg_engine_generation(struct engine *e, uint64_t *out, struct err *err);
int pg_engine_run(struct engine *e, const char *sql, struct err *err);
int pg_engine_version(struct engine *e, int64_t *out, struct err *err);
int pg_engine_set_version(struct engine *e, int64_t version, struct err *err);
int pg_engine_renumber(struct engine *e, const char *table, const char *column, int64_t last, struct err *err);
int pg_engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct engine_stmt **out, struct err *err);
int pg_engine_step(struct engine_stmt *s, bool *more_out, struct err *err);
void pg_engine_done(struct engine_stmt *s);
bool pg_engine_writes(const struct engine_stmt *s);
int64_t pg_engine_changes(const struct engine *e);
int pg_engine_many(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args, size_t n, pg_got *got, void *arg, int64_t *changed_out, struct err *err);
int pg_engine_lock_keys(struct engine *e, const int64_t *keys, size_t n, struct err *err);
bool pg_engine_col_is_null(const struct engine_stmt *s, int col);
int64_t pg_engine_col_int(const struct engine_stmt *s, int col);
const char *pg_engine_col_text(const struct engine_stmt *s, int col);
const void *pg_engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out);
/* clang-format on */

#endif
