/*
 * db_postgres.h - the door to libpq, and what of PostgreSQL needs no connection's state: _wait.c the wire under a deadline, _sql.c texts
 * and values.  The engine itself stands in db_postgres_inside.h.
 *
 * Private to core/db_postgres*; with them the only place that sees libpq.
 */
#ifndef CORE_DB_POSTGRES_H
#define CORE_DB_POSTGRES_H

#include <libpq-fe.h>

#include "core/db_engine.h"
#include "core/lazy.h"

/* clang-format off */
#define PG_CALLS(X) \
	X(PQbackendPID) X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) \
	X(PQconnectStartParams) X(PQconnectionNeedsPassword) X(PQconninfoFree) X(PQconninfoParse) \
	X(PQconsumeInput) X(PQenterPipelineMode) X(PQerrorMessage) X(PQfinish) X(PQflush) X(PQfreemem) \
	X(PQftype) X(PQgetResult) X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQisBusy) X(PQnfields) X(PQntuples) \
	X(PQpipelineSync) X(PQresultErrorField) X(PQresultErrorMessage) X(PQresultStatus) \
	X(PQsendPrepare) X(PQsendQueryParams) X(PQsendQueryPrepared) X(PQsetErrorVerbosity) \
	X(PQsetNoticeReceiver) X(PQsetnonblocking) X(PQsocket) X(PQstatus) X(PQtransactionStatus)
struct libpq {
	PG_CALLS(LAZY_MEMBER_)
};
extern struct libpq libpq;
#define PQbackendPID               libpq.PQbackendPID
#define PQclear                    libpq.PQclear
#define PQcmdStatus                libpq.PQcmdStatus
#define PQcmdTuples                libpq.PQcmdTuples
#define PQconnectPoll              libpq.PQconnectPoll
#define PQconnectStartParams       libpq.PQconnectStartParams
#define PQconnectionNeedsPassword  libpq.PQconnectionNeedsPassword
#define PQconninfoFree             libpq.PQconninfoFree
#define PQconninfoParse            libpq.PQconninfoParse
#define PQconsumeInput             libpq.PQconsumeInput
#define PQenterPipelineMode        libpq.PQenterPipelineMode
#define PQerrorMessage             libpq.PQerrorMessage
#define PQfinish                   libpq.PQfinish
#define PQflush                    libpq.PQflush
#define PQfreemem                  libpq.PQfreemem
#define PQftype                    libpq.PQftype
#define PQgetResult                libpq.PQgetResult
#define PQgetisnull                libpq.PQgetisnull
#define PQgetlength                libpq.PQgetlength
#define PQgetvalue                 libpq.PQgetvalue
#define PQisBusy                   libpq.PQisBusy
#define PQnfields                  libpq.PQnfields
#define PQntuples                  libpq.PQntuples
#define PQpipelineSync             libpq.PQpipelineSync
#define PQresultErrorField         libpq.PQresultErrorField
#define PQresultErrorMessage       libpq.PQresultErrorMessage
#define PQresultStatus             libpq.PQresultStatus
#define PQsendPrepare              libpq.PQsendPrepare
#define PQsendQueryParams          libpq.PQsendQueryParams
#define PQsendQueryPrepared        libpq.PQsendQueryPrepared
#define PQsetErrorVerbosity        libpq.PQsetErrorVerbosity
#define PQsetNoticeReceiver        libpq.PQsetNoticeReceiver
#define PQsetnonblocking           libpq.PQsetnonblocking
#define PQsocket                   libpq.PQsocket
#define PQstatus                   libpq.PQstatus
#define PQtransactionStatus        libpq.PQtransactionStatus
/* clang-format on */

/* libpq is loaded by whoever has an address of a server in hand.  Errors: as lazy_need. */
MUST_CHECK int pg_need(struct err *err);

#define PG_MAX_ARGS 32

/* ---- the wire (db_postgres_wait.c) ---- */

/* Monotonic. */
int64_t pg_clock_ms(void);

/*
 * Connect to the first of the servers named that answers and takes writes, each given its part of the time; start_at: the one to
 * begin with, and afterwards the one that was found.  The connection is non-blocking and in pipeline mode.
 * Errors: CR_ECONFIG (what is wrong with the address, the user, the database), CR_ERETRY (away), CR_ENOMEM.
 */
MUST_CHECK int pg_wire_connect(const PQconninfoOption *options, const char *password, int64_t wait_ms, size_t *start_at,
                               PGconn **out, struct err *err);
/* All that is queued goes out; what comes in meanwhile is kept.  Errors: CR_ERETRY (lost, or the time is over). */
MUST_CHECK int pg_wire_flush(PGconn *c, int64_t deadline_ms, struct err *err);
/* The next result; NULL: the end of one statement's.  Errors: CR_ERETRY (lost, or the time is over). */
MUST_CHECK int pg_wire_result(PGconn *c, int64_t deadline_ms, PGresult **out, struct err *err);

/* ---- texts and values (db_postgres_sql.c) ---- */

/* pg_type.dat: fixed for ever. */
enum { PG_OID_BYTEA = 17, PG_OID_INT8 = 20, PG_OID_TEXT = 25 };

#define PG_LOCKS (1U << 0) /* the rows that it finds */
#define PG_MANY  (1U << 1) /* over arrays of arguments */

/* A statement's text as it is sent, and what is known about it. */
struct pg_text {
	const char *sql; /* the address is the key of the cache */
	unsigned how;    /* and these */
	char *sent;      /* NULL: of PG_MANY, when it has no such form */
	size_t n_args;   /* the highest $n */
	bool writes;
	char name[16];          /* prepared under this name on the present connection; "": not */
	uint64_t exchange;      /* in which it was prepared */
	Oid types[PG_MAX_ARGS]; /* of PG_MANY, as it was prepared */
};
MUST_CHECK int pg_text_make(const char *sql, unsigned how, struct pg_text *out, struct err *err);
void pg_text_release(struct pg_text *t);

/* The arguments of one statement in libpq's form; they point into the values. */
struct pg_args {
	int n;
	Oid types[PG_MAX_ARGS];
	const char *values[PG_MAX_ARGS];
	int lengths[PG_MAX_ARGS];
	int formats[PG_MAX_ARGS];
	char numbers[PG_MAX_ARGS][24];
};
void pg_args_set(struct pg_args *a, const struct db_value *values, size_t n);

/* Behind a quoted thing, a comment or one character. */
const char *pg_sql_skip(const char *p);
/* The first of these words, outside of quotes; NULL: none. */
const char *pg_sql_find(const char *sql, const char *word);

/* ---- many rows of arguments (db_postgres_many.c) ---- */

/*
 * The statement over arrays, on the heap; NULL: it has no such form.  locks: how a SELECT locks its rows, "" not at all.  It has the number of its answer, from 1, behind its own columns.
 * No two rows of an INSERT or UPDATE may meet the same row of the table.
 */
MUST_CHECK int pg_many_make(const char *sql, size_t n_args, const char *locks, char **out, struct err *err);
/* n rows of n_args values as arrays, which point into bytes.  a->n 0: they cannot be: a column has no type, or two,
 * or they are too long.  Errors: CR_ENOMEM. */
MUST_CHECK int pg_many_set(struct pg_args *a, const struct db_value *values, size_t n_args, size_t n, struct buf *bytes,
                           struct err *err);

/*
 * The schema's SQL in PostgreSQL's words, one statement after the other: *at is moved behind it.  *more_out false: there was none.
 * The types are in capitals, as no column is.  BLOB is BYTEA; INTEGER PRIMARY KEY an identity; INTEGER a BIGINT; TEXT is compared byte by byte, as SQLite does.
 */
MUST_CHECK int pg_schema_next(const char **at, struct buf *out, bool *more_out, struct err *err);

/* A column of a binary result as an integer: of any integer type, boolean or numeric; 0 for what is none. */
int64_t pg_value_int(const PGresult *r, int row, int col);
bool pg_value_is_int(const PGresult *r, int col);

/* Parsed; PQconninfoFree ends it.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int pg_address_parse(const char *path, PQconninfoOption **out, struct err *err);
const char *pg_address_get(const PQconninfoOption *options, const char *keyword); /* NULL: not set */

#endif
