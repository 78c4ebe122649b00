/*
 * db_postgres.c - the PostgreSQL engine: one connection, its transactions and statements, its error codes, its coming back.
 *
 * Sources: PostgreSQL 15 manual, 13.3.5 (advisory locks), 20.5.1 (synchronous_commit), 34.5 (pipeline mode), appendix A (SQLSTATE);
 * pgbouncer.org/features.html (transaction pooling), all read 2026-11.
 *
 * Invariants: nothing of a session is relied on, since a pooler gives every transaction another one: settings are of the transaction,
 * locks too, and statements keep a name only on a connection that is known to be the server's own.
 * The connection is always in pipeline mode: several statements, then a sync, then their answers.  After a failed exchange it is
 * either at a sync again or gone.  A connection that was lost takes its transaction with it; unless COMMIT was under way.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "core/db_postgres.h"

#define CACHE_SIZE   512 /* texts; a power of two */
#define BACKOFF_MS   100
#define BACKOFF_MAX  5000
#define MIGRATION_MS 600000   /* an index over many rows */
#define IDLE_ALONE   "600000" /* ms: a holder that is cut off stops the others no longer than this */
#define IDLE_SHARED  "60000"
#define NUMBER_MAX   24

/* Statements that went out, or will, before the next sync, and whose answers are taken with it. */
struct owed {
	size_t n;
	int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err);
	void *arg;
};
#define OWED_MAX 16

struct engine_stmt {
	PGresult *result; /* all of its rows; NULL for a row that belongs to somebody else */
	const PGresult *rows;
	int row;
	bool writes;
	char number[NUMBER_MAX]; /* an integer that was asked for as text */
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
	struct owed owed[OWED_MAX];
	size_t n_owed;
	uint64_t exchange;
	unsigned names;
	int64_t changes;
	size_t n_cached;
	struct pg_text cache[CACHE_SIZE];
};

/* ---- the connection ---- */

static void
forget_names(struct engine *e, uint64_t of_exchange)
{
	for (size_t i = 0; i < CACHE_SIZE; i++)
		if (of_exchange == 0 || e->cache[i].exchange == of_exchange)
			e->cache[i].name[0] = '\0';
}

static void
hang_up(struct engine *e)
{
	if (e->conn != NULL)
		PQfinish(e->conn);
	e->conn = NULL;
	e->in_transaction = false;
	e->is_old = false;
	e->n_owed = 0;
	forget_names(e, 0);
}

/* A warning at COMMIT means: durable here, but perhaps not where it was to be replicated (src/backend/replication/syncrep.c). */
static void
note_warning(void *arg, const PGresult *r)
{
	struct engine *e = arg;
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity != NULL && strcmp(severity, "WARNING") == 0)
		e->warned = true;
}

/* How a SQLSTATE, or its class where it has two letters, is answered. */
static const struct state {
	const char *state;
	int code;
	bool again;  /* a conflict with another transaction: the same may go through at once */
	bool hangup; /* of no use any more */
} states[] = {
	{"40001", CR_ERETRY,    true,  false}, /* serialization failure */
	{"40P01", CR_ERETRY,    true,  false}, /* deadlock */
	{"55P03", CR_ERETRY,    false, false}, /* lock timeout */
	{"57014", CR_ERETRY,    false, false}, /* cancelled, statement timeout */
	{"26000", CR_ERETRY,    true,  true }, /* a prepared statement that is not there: another server's session */
	{"42P05", CR_ERETRY,    true,  true }, /* or there already */
	{"0A000", CR_ERETRY,    true,  true }, /* its table was changed meanwhile */
	{"23505", CR_ECONFLICT, false, false}, /* unique */
	{"23503", CR_ECONFLICT, false, false}, /* foreign key */
	{"23",    CR_EBUG,      false, false},
	{"25006", CR_ERETRY,    false, true }, /* read-only: it has become a standby */
	{"25P03", CR_ERETRY,    false, true }, /* idle in a transaction for too long */
	{"57",    CR_ERETRY,    false, true }, /* shutting down, starting up */
	{"55000", CR_ERETRY,    false, true }, /* recovery is in progress */
	{"08",    CR_ERETRY,    false, true }, /* connection */
	{"53300", CR_ERETRY,    false, true }, /* too many connections */
	{"42P07", CR_ECONFIG,   false, false}, /* a table of that name is there already */
	{"42501", CR_ECONFIG,   false, false}, /* privilege */
	{"28",    CR_ECONFIG,   false, true }, /* authorization */
	{"",      CR_ESTORE,    false, false},
};

/* The one place where the server's codes become ours. */
static int
fault(struct engine *e, const PGresult *r, struct err *err)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	size_t i = 0;

	if (state == NULL)
		state = "";
	if (text == NULL)
		text = PQresultErrorMessage(r);
	while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
		i++;
	e->again = states[i].again;
	if (states[i].hangup)
		hang_up(e);
	return err_set(err, states[i].code, "store: %.300s (%.5s)", text, state);
}

/* ---- exchanges: put, put, sync, take, take ---- */

static void
open_exchange(struct engine *e)
{
	if (e->n_owed == 0)
		e->exchange++;
}

static int
refused(struct engine *e, struct err *err)
{
	const char *text = PQerrorMessage(e->conn);
	int rc = err_set(err, CR_ERETRY, "store: nothing can be sent: %.*s", (int)strcspn(text, "\n"), text);

	hang_up(e);
	return rc;
}

/* The slot of a text: its own, or the empty one where it belongs. */
static int
find_text(struct engine *e, const char *sql, enum db_many how, struct pg_text **out, struct err *err)
{
	size_t at = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 40) + how;
	int rc;

	for (;; at++) {
		struct pg_text *t = &e->cache[at % CACHE_SIZE];

		if (t->sql == sql && t->how == how) {
			if (strncmp(t->sent, sql, strlen(sql)) != 0)
				return err_set(err, CR_EBUG, "store: a statement's text has changed in place: %s", sql);
			*out = t;
			return CR_OK;
		}
		if (t->sql != NULL)
			continue;
		if (e->n_cached > CACHE_SIZE / 2)
			return err_set(err, CR_EBUG, "store: more statements than the program has");
		rc = pg_text_make(sql, how, t, err);
		if (rc == CR_OK) {
			e->n_cached++;
			*out = t;
		}
		return rc;
	}
}

/* Named where names last; else without one, for as long as nothing else is prepared. */
static int
put_prepare(struct engine *e, struct pg_text *t, const struct pg_args *a, struct err *err)
{
	char name[sizeof(t->name)] = "";

	if (e->is_direct)
		(void)snprintf(name, sizeof(name), "c%u", ++e->names);
	if (PQsendPrepare(e->conn, name, t->sent, a->n, a->types) != 1)
		return refused(e, err);
	memcpy(t->name, name, sizeof(t->name));
	t->exchange = e->exchange;
	return CR_OK;
}

/* is_next: of many, the text was put just before. */
static int
put(struct engine *e, struct pg_text *t, const struct db_value *args, bool many, bool is_next, struct err *err)
{
	struct pg_args a;
	int ok, rc = CR_OK;

	pg_args_set(&a, args, t->n_args);
	if (e->is_direct ? t->name[0] == '\0' : many && !is_next)
		rc = put_prepare(e, t, &a, err);
	if (rc != CR_OK)
		return rc;
	if (e->is_direct || many)
		ok = PQsendQueryPrepared(e->conn, t->name, a.n, a.values, a.lengths, a.formats, 1);
	else
		ok = PQsendQueryParams(e->conn, t->sent, a.n, a.types, a.values, a.lengths, a.formats, 1);
	return ok == 1 ? CR_OK : refused(e, err);
}

static int
put_sql(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct err *err)
{
	struct pg_text *t = NULL;
	int rc = find_text(e, sql, DB_LOOK, &t, err);

	if (rc != CR_OK)
		return rc;
	assert(t->n_args == n_args);
	return put(e, t, args, false, false, err);
}

static int
sync_exchange(struct engine *e, int64_t deadline_ms, struct err *err)
{
	int rc;

	if (PQpipelineSync(e->conn) != 1)
		return refused(e, err);
	rc = pg_wire_flush(e->conn, deadline_ms, err);
	if (rc != CR_OK)
		hang_up(e);
	return rc;
}

/*
 * The result of the next statement; those of preparing are passed over.  An error is kept while the exchange is read to its sync,
 * so that the connection can be used again.
 */
static int
take(struct engine *e, int64_t deadline_ms, PGresult **out, struct err *err)
{
	PGresult *r = NULL;
	int rc;

	for (;;) {
		rc = pg_wire_result(e->conn, deadline_ms, &r, err);
		if (rc != CR_OK) {
			hang_up(e);
			return rc;
		}
		if (r == NULL)
			continue;
		if (PQresultStatus(r) == PGRES_TUPLES_OK ||
		    (PQresultStatus(r) == PGRES_COMMAND_OK && PQcmdStatus(r)[0] != '\0')) {
			*out = r;
			return CR_OK;
		}
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			break;
		PQclear(r);
	}
	rc = fault(e, r, err);
	PQclear(r);
	return rc;
}

/* Up to the sync, whatever stands before it.  False: the connection is gone. */
static bool
close_exchange(struct engine *e, int64_t deadline_ms, bool failed)
{
	PGresult *r = NULL;
	bool at_sync = false;

	while (e->conn != NULL && !at_sync) {
		if (pg_wire_result(e->conn, deadline_ms, &r, NULL) != CR_OK) {
			hang_up(e);
		} else if (r != NULL) {
			at_sync = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
			PQclear(r);
		}
	}
	if (failed)
		forget_names(e, e->exchange);
	return at_sync;
}

static int
pass_rows(const PGresult *r, size_t i, int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err),
          void *arg, struct err *err)
{
	struct engine_stmt s = {.rows = r};
	int rc = CR_OK;

	for (; rc == CR_OK && s.row < PQntuples(r); s.row++)
		rc = got(arg, i, &s, err);
	return rc;
}

/* After the sync, and before anything else is taken. */
static int
take_owed(struct engine *e, int64_t deadline_ms, struct err *err)
{
	size_t n = e->n_owed;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const struct owed *o = &e->owed[i];

		for (size_t k = 0; rc == CR_OK && k < o->n; k++) {
			PGresult *r = NULL;

			rc = take(e, deadline_ms, &r, err);
			if (rc == CR_OK && o->got != NULL)
				rc = pass_rows(r, k, o->got, o->arg, err);
			PQclear(r);
		}
	}
	e->n_owed = 0;
	return rc;
}

static void
owe(struct engine *e, size_t n, int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg)
{
	assert(e->n_owed < OWED_MAX);
	e->owed[e->n_owed++] = (struct owed){.n = n, .got = got, .arg = arg};
}

/* Nothing but what is owed. */
static int
engine_settle(struct engine *e, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	int rc;

	if (e->n_owed == 0)
		return CR_OK;
	rc = sync_exchange(e, deadline_ms, err);
	if (rc != CR_OK)
		return rc;
	rc = take_owed(e, deadline_ms, err);
	if (!close_exchange(e, deadline_ms, rc != CR_OK) && rc == CR_OK)
		rc = err_set(err, CR_ERETRY, "store: the server went away");
	return rc;
}

/* One statement, in one exchange. */
static int
ask(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, PGresult **out, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult *r = NULL;
	int rc;

	open_exchange(e);
	if ((rc = put_sql(e, sql, args, n_args, err)) != CR_OK || (rc = sync_exchange(e, deadline_ms, err)) != CR_OK)
		return rc;
	rc = take_owed(e, deadline_ms, err);
	if (rc == CR_OK)
		rc = take(e, deadline_ms, &r, err);
	if (!close_exchange(e, deadline_ms, rc != CR_OK) && rc == CR_OK)
		rc = err_set(err, CR_ERETRY, "store: the server went away");
	if (rc == CR_OK)
		*out = TAKE(r);
	PQclear(r);
	return rc;
}

/* The same without its rows. */
static int
tell(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct err *err)
{
	PGresult *r = NULL;
	int rc = ask(e, sql, args, n_args, &r, err);

	PQclear(r);
	return rc;
}

/* A text that is not the program's own literal: not cached. */
static int
tell_once(struct engine *e, const char *sql, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult *r = NULL;
	int rc;

	open_exchange(e);
	if (PQsendQueryParams(e->conn, sql, 0, NULL, NULL, NULL, NULL, 1) != 1)
		return refused(e, err);
	if ((rc = sync_exchange(e, deadline_ms, err)) != CR_OK)
		return rc;
	rc = take(e, deadline_ms, &r, err);
	(void)close_exchange(e, deadline_ms, rc != CR_OK);
	PQclear(r);
	return rc;
}

/* ---- what kind of server is it ---- */

static bool
says(const PGresult *r, int col, const char *word)
{
	return PQgetisnull(r, 0, col) == 0 && strcmp(PQgetvalue(r, 0, col), word) == 0;
}

/* A server without fsync forgets what it has confirmed.  A managed one may not tell: NULL. */
static int
check_settings(struct engine *e, struct err *err)
{
	PGresult *r = NULL;
	int rc = ask(
		e,
		"SELECT pg_backend_pid(), current_setting('fsync', true), current_setting('server_encoding', true), "
		"version()",
		DB_NO_ARGS, &r, err);

	if (rc != CR_OK)
		return rc;
	/* A pooler makes up the number by which a query is cancelled. */
	e->is_direct = pg_value_int(r, 0, 0) == PQbackendPID(e->conn);
	if (says(r, 1, "off"))
		rc = err_set(err, CR_ECONFIG,
		             "store: the server runs with fsync=off: it would forget sends in a power cut");
	else if (strncmp(PQgetvalue(r, 0, 3), "CockroachDB", strlen("CockroachDB")) == 0)
		rc = err_set(err, CR_ECONFIG,
		             "store: the advisory locks of CockroachDB lock nothing: it cannot be used");
	else if (PQgetisnull(r, 0, 2) == 0 && !says(r, 2, "UTF8"))
		rc = err_set(err, CR_ECONFIG, "store: the database is in %s: make it with ENCODING 'UTF8'",
		             PQgetvalue(r, 0, 2));
	PQclear(r);
	return rc;
}

static int
has_table(struct engine *e, bool *out, struct err *err)
{
	PGresult *r = NULL;
	int rc = ask(e, "SELECT 1 FROM pg_class WHERE oid = to_regclass('coldrelay_schema')", DB_NO_ARGS, &r, err);

	if (rc == CR_OK)
		*out = e->has_table = PQntuples(r) > 0;
	PQclear(r);
	return rc;
}

/*
 * Which history of commits is this?  The cluster, and the timeline within it, which a promoted standby and a restored backup begin
 * anew.  A server of another make has neither: then there is nothing to compare.
 */
static int
read_lineage(struct engine *e, char *out, size_t size, struct err *err)
{
	PGresult *r = NULL;
	struct err why = {0};
	int rc = ask(e,
	             "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || "
	             "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
	             DB_NO_ARGS, &r, &why);

	out[0] = '\0';
	if (rc == CR_OK)
		(void)snprintf(out, size, "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	e->has_timeline = rc == CR_OK;
	if (rc == CR_ESTORE || (rc == CR_ECONFIG && e->conn != NULL))
		return CR_OK;
	return rc == CR_OK ? CR_OK : err_set(err, rc, "%s", why.text);
}

/*
 * Admits that an asynchronous standby had not heard of are forgotten when it takes over, and nobody knows which: until all of them
 * would have come back anyway, nothing is known to be free.
 */
static int
compare_lineage(struct engine *e, struct err *err)
{
	char lineage[64];
	bool there = false;
	int rc = has_table(e, &there, err);

	if (rc != CR_OK || !there || e->mode == DB_READ)
		return rc;
	if ((rc = read_lineage(e, lineage, sizeof(lineage), err)) != CR_OK || !e->has_timeline)
		return rc;
	rc = tell(e,
	          "UPDATE coldrelay_schema SET lineage = $1, distrust_until_ms = CASE WHEN synchronous = 1 THEN "
	          "distrust_until_ms ELSE floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2 END "
	          "WHERE lineage <> $1",
	          DB_ARGS(db_text(lineage), db_int(e->distrust_ms)), err);
	if (rc == CR_OK)
		rc = tell(e,
		          "UPDATE coldrelay_schema SET synchronous = s.now FROM (SELECT "
		          "(current_setting('synchronous_standby_names') <> '')::int AS now) s WHERE synchronous <> "
		          "s.now",
		          DB_NO_ARGS, err);
	return rc;
}

static int
connect_now(struct engine *e, struct err *err)
{
	int rc = pg_wire_connect(e->address, e->password, e->busy_ms, &e->host, &e->conn, err);

	if (rc != CR_OK)
		return rc;
	(void)PQsetNoticeReceiver(e->conn, note_warning, e);
	e->is_direct = false;
	rc = check_settings(e, err);
	if (rc == CR_OK)
		rc = compare_lineage(e, err);
	if (rc != CR_OK)
		hang_up(e);
	return rc;
}

/* Twice as long each time, and none of many daemons in step with another. */
static void
note_away(struct engine *e, const struct err *err)
{
	uint32_t dice = 0;

	(void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
	e->backoff_ms = e->backoff_ms == 0 ? BACKOFF_MS : e->backoff_ms * 2;
	if (e->backoff_ms > BACKOFF_MAX)
		e->backoff_ms = BACKOFF_MAX;
	e->retry_at_ms = pg_clock_ms() + e->backoff_ms / 2 + dice % (uint32_t)e->backoff_ms;
	(void)snprintf(e->away, sizeof(e->away), "%.199s", err->text);
}

/* While it is away, everybody hears so at once: only now and then one waits for a new try. */
static int
need_connection(struct engine *e, struct err *err)
{
	struct err why = {0};
	int rc;

	if (e->conn != NULL)
		return CR_OK;
	if (pg_clock_ms() < e->retry_at_ms)
		return err_set(err, CR_ERETRY, "store: the server is away: %s", e->away);
	rc = connect_now(e, &why);
	if (rc == CR_OK) {
		e->backoff_ms = e->retry_at_ms = 0;
		return CR_OK;
	}
	note_away(e, &why);
	return err_set(err, rc, "%s", why.text);
}

/* ---- transactions ---- */

/* Our own pair of numbers among the advisory locks: "cold", 1. */
#define TURN_KEY "(1668246628, 1)"
#define TURN(lock, idle)                                                                                               \
	"SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', '" idle        \
	"', true), CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply') THEN 'on' "               \
	"ELSE set_config('synchronous_commit', 'on', true) END, " lock TURN_KEY

static const char *const turns[] = {
	[ENGINE_ALONE] = TURN("pg_advisory_xact_lock", IDLE_ALONE),
	[ENGINE_SHARED] = TURN("pg_advisory_xact_lock_shared", IDLE_SHARED),
};

static int
start_transaction(struct engine *e, enum engine_turn turn, struct err *err)
{
	/* The server gives up a little before we do: then the connection stays. */
	const int64_t deadline_ms = pg_clock_ms() + e->busy_ms + 500;
	PGresult *r = NULL;
	char lock_ms[NUMBER_MAX];
	int rc;

	(void)snprintf(lock_ms, sizeof(lock_ms), "%lld", (long long)e->busy_ms);
	open_exchange(e);
	if ((rc = put_sql(e, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", DB_NO_ARGS, err)) != CR_OK ||
	    (rc = put_sql(e, turns[turn], DB_ARGS(db_text(lock_ms)), err)) != CR_OK ||
	    (e->has_table && (rc = put_sql(e, "SELECT generation FROM coldrelay_schema", DB_NO_ARGS, err)) != CR_OK) ||
	    (rc = sync_exchange(e, deadline_ms, err)) != CR_OK)
		return rc;
	rc = take(e, deadline_ms, &r, err);
	PQclear(r);
	if (rc == CR_OK) {
		e->in_transaction = true;
		e->is_alone = turn == ENGINE_ALONE;
		r = NULL;
		rc = take(e, deadline_ms, &r, err);
		if (rc == CR_OK && !says(r, 2, "on"))
			rc = err_set(err, CR_ECONFIG, "store: synchronous_commit=on did not stick");
		PQclear(r);
		r = NULL;
	}
	if (rc == CR_OK && e->has_table && (rc = take(e, deadline_ms, &r, err)) == CR_OK) {
		e->generation = PQntuples(r) == 1 ? (uint64_t)pg_value_int(r, 0, 0) : 0;
		PQclear(r);
	}
	if (!close_exchange(e, deadline_ms, rc != CR_OK) && rc == CR_OK)
		rc = err_set(err, CR_ERETRY, "store: the server went away");
	return rc;
}

static void
engine_rollback(struct engine *e)
{
	/* Whoever asked is not waiting any more.  And what fails only now would take the ROLLBACK behind it along. */
	for (size_t i = 0; i < e->n_owed; i++)
		e->owed[i].got = NULL;
	if (e->conn != NULL && e->n_owed > 0 && engine_settle(e, NULL) != CR_OK)
		e->n_owed = 0;
	if (e->conn != NULL && e->in_transaction && tell(e, "ROLLBACK", DB_NO_ARGS, NULL) != CR_OK && e->conn != NULL)
		hang_up(e);
	e->in_transaction = false;
}

static int
engine_begin(struct engine *e, enum engine_turn turn, struct err *err)
{
	bool was_old;
	int rc;

	e->again = false;
	do {
		rc = need_connection(e, err);
		if (rc != CR_OK)
			return rc;
		was_old = e->is_old;
		rc = start_transaction(e, turn, err);
		if (rc != CR_OK)
			engine_rollback(e);
		/* A connection may have died since it was last used: nothing was done through it yet. */
	} while (rc == CR_ERETRY && e->conn == NULL && was_old);
	e->is_old = rc == CR_OK;
	return rc;
}

static bool
engine_in_transaction(const struct engine *e)
{
	return e->conn != NULL && e->in_transaction && PQtransactionStatus(e->conn) != PQTRANS_INERROR;
}

/* The server's own word on why it did not commit is certain, unless it was on its way down, or does not know itself. */
static int
judge_commit(struct engine *e, PGresult *r, int rc, struct err *err)
{
	if (rc == CR_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0)
		return err_set(err, CR_ESTORE, "store: the transaction was rolled back by an earlier error");
	if (rc == CR_OK && e->warned)
		return err_set(err, CR_EUNKNOWN, "store: committed, but perhaps not on the standby");
	if (rc == CR_OK || e->conn != NULL)
		return rc;
	if (err != NULL)
		err->code = CR_EUNKNOWN;
	return CR_EUNKNOWN;
}

/* What a transaction of db_begin changes binds all: they are told by another number. */
static int
put_generation(struct engine *e, struct err *err)
{
	int rc = put_sql(e, "UPDATE coldrelay_schema SET generation = generation + 1", DB_NO_ARGS, err);

	if (rc == CR_OK)
		owe(e, 1, NULL, NULL);
	return rc;
}

static int
engine_commit(struct engine *e, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult *r = NULL;
	int rc;

	e->warned = false;
	if (e->n_owed == OWED_MAX && (rc = engine_settle(e, err)) != CR_OK) {
		engine_rollback(e);
		return rc;
	}
	open_exchange(e);
	rc = e->is_alone && e->has_table ? put_generation(e, err) : CR_OK;
	if (rc == CR_OK)
		rc = put_sql(e, "COMMIT", DB_NO_ARGS, err);
	if (rc != CR_OK)
		return rc; /* nothing went out */
	rc = sync_exchange(e, deadline_ms, err);
	if (rc == CR_OK) {
		rc = take_owed(e, deadline_ms, err);
		if (rc == CR_OK)
			rc = take(e, deadline_ms, &r, err);
		/* What comes behind the answer cannot change it. */
		if (e->conn != NULL) {
			rc = judge_commit(e, r, rc, err);
			(void)close_exchange(e, deadline_ms, rc != CR_OK);
		} else {
			rc = judge_commit(e, r, rc, err);
		}
	} else {
		rc = judge_commit(e, r, rc, err);
	}
	PQclear(r);
	/* A statement before it failed: then COMMIT was passed over. */
	if (e->conn != NULL && PQtransactionStatus(e->conn) != PQTRANS_IDLE)
		engine_rollback(e);
	e->in_transaction = false;
	return rc;
}

/* ---- migrations ---- */

static int
engine_run(struct engine *e, const char *sql, struct err *err)
{
	struct buf one = {0};
	bool more = true;
	int rc = CR_OK;

	e->patience_ms = MIGRATION_MS;
	while (rc == CR_OK && more) {
		rc = pg_schema_next(&sql, &one, &more, err);
		if (rc == CR_OK && more)
			rc = tell_once(e, buf_str(&one), err);
	}
	e->patience_ms = e->busy_ms;
	buf_release(&one);
	return rc;
}

static int
engine_version(struct engine *e, int64_t *out, struct err *err)
{
	PGresult *r = NULL;
	bool there = false;
	int rc = need_connection(e, err);

	if (rc == CR_OK)
		rc = has_table(e, &there, err);
	if (rc == CR_OK && there)
		rc = ask(e, "SELECT version FROM coldrelay_schema", DB_NO_ARGS, &r, err);
	if (rc == CR_OK)
		*out = there && PQntuples(r) == 1 ? pg_value_int(r, 0, 0) : 0;
	PQclear(r);
	return rc;
}

/* Our own table, of one row: the version, and what compare_lineage needs. */
static int
make_table(struct engine *e, struct err *err)
{
	char lineage[64];
	int rc = tell_once(
		e,
		"CREATE TABLE coldrelay_schema (one INT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL, "
		"lineage TEXT NOT NULL, synchronous INT NOT NULL, distrust_until_ms BIGINT NOT NULL, generation BIGINT "
		"NOT NULL)",
		err);

	if (rc == CR_OK)
		rc = tell_once(e, "SAVEPOINT lineage", err);
	if (rc == CR_OK)
		rc = read_lineage(e, lineage, sizeof(lineage), err);
	if (rc == CR_OK)
		rc = tell_once(e, "ROLLBACK TO lineage", err);
	if (rc == CR_OK)
		rc = tell(e, "INSERT INTO coldrelay_schema VALUES (1, 0, $1, 0, 0, 0)", DB_ARGS(db_text(lineage)), err);
	return rc;
}

static int
engine_set_version(struct engine *e, int64_t version, struct err *err)
{
	bool there = false;
	int rc = has_table(e, &there, err);

	if (rc == CR_OK && !there)
		rc = make_table(e, err);
	return rc == CR_OK ? tell(e, "UPDATE coldrelay_schema SET version = $1", DB_ARGS(db_int(version)), err) : rc;
}

static int
engine_generation(struct engine *e, uint64_t *out, struct err *err)
{
	PGresult *r = NULL;
	int rc = CR_OK;

	if (!e->in_transaction) {
		rc = need_connection(e, err);
		if (rc == CR_OK)
			rc = ask(e, "SELECT generation FROM coldrelay_schema", DB_NO_ARGS, &r, err);
		if (rc == CR_OK)
			e->generation = PQntuples(r) == 1 ? (uint64_t)pg_value_int(r, 0, 0) : 0;
		PQclear(r);
	}
	if (rc == CR_OK)
		*out = e->generation;
	return rc;
}

/* ---- the clock ---- */

#define NOW "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

static int
distrusted(int64_t now_ms, int64_t until_ms, struct err *err)
{
	int rc = err_set(err, CR_ERETRY,
	                 "store: another server has taken over, and may not know the last sends: wait, or accept it by "
	                 "`coldrelay store trust --reason TEXT`");

	if (err != NULL)
		err->retry_after_s = (int)((until_ms - now_ms + 999) / 1000);
	return rc;
}

static int
engine_now(struct engine *e, int64_t *now_ms_out, struct err *err)
{
	PGresult *r = NULL;
	int rc = need_connection(e, err);

	if (rc != CR_OK)
		return rc;
	rc = ask(e,
	         e->has_timeline ? "SELECT " NOW ", distrust_until_ms, right(lineage, 8) = "
	                           "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM coldrelay_schema"
	                         : "SELECT " NOW ", distrust_until_ms, true FROM coldrelay_schema",
	         DB_NO_ARGS, &r, err);
	if (rc == CR_OK && PQntuples(r) != 1)
		rc = err_set(err, CR_ESTORE, "store: the table coldrelay_schema has lost its row");
	if (rc == CR_OK && pg_value_int(r, 0, 2) == 0) {
		hang_up(e); /* and is looked at again when it comes back */
		rc = err_set(err, CR_ERETRY, "store: another server has taken over");
	} else if (rc == CR_OK && pg_value_int(r, 0, 1) > pg_value_int(r, 0, 0)) {
		rc = distrusted(pg_value_int(r, 0, 0), pg_value_int(r, 0, 1), err);
	}
	if (rc == CR_OK)
		*now_ms_out = pg_value_int(r, 0, 0);
	PQclear(r);
	return rc;
}

static int
engine_renumber(struct engine *e, const char *table, const char *column, int64_t last, struct err *err)
{
	return tell(e, "SELECT setval(pg_get_serial_sequence($1, $2), $3)",
	            DB_ARGS(db_text(table), db_text(column), db_int(last)), err);
}

static bool
engine_again(const struct engine *e)
{
	return e->again;
}

static int
engine_trust(struct engine *e, struct err *err)
{
	return tell(e, "UPDATE coldrelay_schema SET distrust_until_ms = 0", DB_NO_ARGS, err);
}

/* ---- statements ---- */

static int
check_text(const struct engine *e, const struct pg_text *t, size_t n_args, struct err *err)
{
	if (t->n_args != n_args)
		return err_set(err, CR_EBUG, "store: %zu arguments for %zu parameters: %s", n_args, t->n_args, t->sql);
	/* SQLite asks the statement itself; here it would have run by then. */
	if (t->writes && !e->in_transaction)
		return err_set(err, CR_EBUG, "store: a write outside a transaction: %s", t->sql);
	return CR_OK;
}

static int
find_checked(struct engine *e, const char *sql, enum db_many how, size_t n_args, struct pg_text **out, struct err *err)
{
	struct pg_text *t = NULL;
	int rc = find_text(e, sql, how, &t, err);

	if (rc == CR_OK)
		rc = check_text(e, t, n_args, err);
	if (rc == CR_OK)
		*out = t;
	return rc;
}

/* A question outside a transaction may be asked once more on a new connection. */
static int
ask_again(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, PGresult **out,
          struct err *err)
{
	bool was_old;
	int rc;

	do {
		rc = need_connection(e, err);
		if (rc != CR_OK)
			return rc;
		was_old = e->is_old && !e->in_transaction;
		rc = ask(e, sql, args, n_args, out, err);
	} while (rc == CR_ERETRY && e->conn == NULL && was_old);
	e->is_old = e->conn != NULL;
	return rc;
}

static void
engine_done(struct engine_stmt *s)
{
	if (s == NULL)
		return;
	if (s->result != NULL)
		PQclear(s->result);
	free(s);
}

static int
engine_prepare(struct engine *e, const char *sql, const struct db_value *args, size_t n_args, struct engine_stmt **out,
               struct err *err)
{
	struct engine_stmt *s = calloc(1, sizeof(*s));
	struct pg_text *t = NULL;
	int rc;

	if (s == NULL)
		return err_nomem(err, "statement");
	rc = find_checked(e, sql, DB_LOOK, n_args, &t, err);
	if (rc == CR_OK) {
		s->writes = t->writes;
		s->row = -1;
		rc = ask_again(e, sql, args, n_args, &s->result, err);
	}
	if (rc == CR_OK) {
		s->rows = s->result;
		e->changes = strtoll(PQcmdTuples(s->result), NULL, 10);
		*out = TAKE(s);
	}
	engine_done(s);
	return rc;
}

static int
engine_step(struct engine_stmt *s, bool *more_out, struct err *err)
{
	(void)err;
	if (s->row < PQntuples(s->rows))
		s->row++;
	*more_out = s->row < PQntuples(s->rows);
	return CR_OK;
}

static bool
engine_writes(const struct engine_stmt *s)
{
	return s->writes;
}

static int64_t
engine_changes(const struct engine *e)
{
	return e->changes;
}

/* ---- many at once ---- */

static int
put_many(struct engine *e, struct pg_text *t, const struct db_value *args, size_t n, struct err *err)
{
	int rc = CR_OK;

	open_exchange(e);
	for (size_t i = 0; rc == CR_OK && i < n; i++)
		rc = put(e, t, args + i * t->n_args, true, i > 0, err);
	return rc;
}

static int
take_many(struct engine *e, int64_t deadline_ms, PGresult **results, size_t n, struct err *err)
{
	int rc = take_owed(e, deadline_ms, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++)
		rc = take(e, deadline_ms, &results[i], err);
	if (!close_exchange(e, deadline_ms, rc != CR_OK) && rc == CR_OK)
		rc = err_set(err, CR_ERETRY, "store: the server went away");
	return rc;
}

/* All answers first, then the rows: whoever gets one may ask something himself. */
static int
engine_many(struct engine *e, enum db_many how, const char *sql, const struct db_value *args, size_t n_args, size_t n,
            int (*got)(void *arg, size_t i, struct engine_stmt *s, struct err *err), void *arg, int64_t *changed_out,
            struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult **results = NULL;
	const bool is_later = how == DB_LOOK_LATER || how == DB_LOCK_ROWS_LATER;
	struct pg_text *t = NULL;
	int64_t changed = 0;
	int rc = find_checked(e, sql, how == DB_LOCK_ROWS || how == DB_LOCK_ROWS_LATER ? DB_LOCK_ROWS : DB_LOOK, n_args,
	                      &t, err);

	if (rc == CR_OK)
		rc = need_connection(e, err);
	if (rc != CR_OK || n == 0)
		return rc;
	if (is_later && e->in_transaction && e->n_owed < OWED_MAX) {
		rc = put_many(e, t, args, n, err);
		if (rc == CR_OK)
			owe(e, n, got, arg);
		return rc;
	}
	results = calloc(n, sizeof(PGresult *));
	if (results == NULL)
		return err_nomem(err, "answers");
	rc = put_many(e, t, args, n, err);
	if (rc == CR_OK)
		rc = sync_exchange(e, deadline_ms, err);
	if (rc == CR_OK)
		rc = take_many(e, deadline_ms, results, n, err);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		changed += strtoll(PQcmdTuples(results[i]), NULL, 10);
		if (got != NULL)
			rc = pass_rows(results[i], i, got, arg, err);
	}
	if (rc == CR_OK && changed_out != NULL)
		*changed_out = changed;
	for (size_t i = 0; i < n; i++)
		PQclear(results[i]);
	free(results);
	return rc;
}

/* In the order of the array, so that two who want the same ones do not wait for each other. */
static int
engine_lock_keys(struct engine *e, const int64_t *keys, size_t n, struct err *err)
{
	struct buf list = {0};
	int rc;

	if (n == 0)
		return CR_OK;
	for (size_t i = 0; i < n; i++)
		buf_addf(&list, "%c%lld", i == 0 ? '{' : ',', (long long)keys[i]);
	buf_addc(&list, '}');
	rc = buf_check(&list, "keys", err);
	if (rc == CR_OK)
		rc = engine_many(e, DB_LOOK_LATER,
		                 "SELECT count(pg_advisory_xact_lock(k)) FROM unnest($1::text::bigint[]) k",
		                 DB_ARGS(db_text(buf_str(&list))), 1, NULL, NULL, NULL, err);
	buf_release(&list);
	return rc;
}

/* ---- columns ---- */

static bool
engine_col_is_null(const struct engine_stmt *s, int col)
{
	return PQgetisnull(s->rows, s->row, col) == 1;
}

static int64_t
engine_col_int(const struct engine_stmt *s, int col)
{
	if (pg_value_is_int(s->rows, col) || engine_col_is_null(s, col))
		return pg_value_int(s->rows, s->row, col);
	return strtoll(PQgetvalue(s->rows, s->row, col), NULL, 10);
}

static const char *
engine_col_text(const struct engine_stmt *s, int col)
{
	return engine_col_is_null(s, col) ? NULL : PQgetvalue(s->rows, s->row, col);
}

static const void *
engine_col_blob(const struct engine_stmt *s, int col, size_t *len_out)
{
	*len_out = (size_t)PQgetlength(s->rows, s->row, col);
	/* As SQLite: of nothing there is no address. */
	return engine_col_is_null(s, col) || *len_out == 0 ? NULL : PQgetvalue(s->rows, s->row, col);
}

/* ---- opening ---- */

static void
engine_drop(struct engine **e)
{
	if (*e == NULL)
		return;
	hang_up(*e);
	if ((*e)->address != NULL)
		PQconninfoFree((*e)->address);
	for (size_t i = 0; i < CACHE_SIZE; i++)
		pg_text_release(&(*e)->cache[i]);
	if ((*e)->password != NULL)
		explicit_bzero((*e)->password, strlen((*e)->password));
	free((*e)->password);
	free(*e);
	*e = NULL;
}

static int
engine_open(const struct engine_options *o, struct engine **out, struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return err_nomem(err, "store");
	e->mode = o->mode;
	e->busy_ms = e->patience_ms = o->busy_ms;
	e->distrust_ms = o->distrust_ms;
	if (o->password != NULL && (e->password = strdup(o->password)) == NULL) {
		rc = err_nomem(err, "store");
		goto out;
	}
	rc = pg_address_parse(o->path, &e->address, err);
	if (rc == CR_OK)
		rc = connect_now(e, err);
	if (rc == CR_OK)
		*out = TAKE(e);
out:
	engine_drop(&e);
	return rc;
}

const struct engine_kind engine_postgres = {
	.name = "postgres",
	.open = engine_open,
	.drop = engine_drop,
	.run = engine_run,
	.version = engine_version,
	.set_version = engine_set_version,
	.begin = engine_begin,
	.commit = engine_commit,
	.rollback = engine_rollback,
	.in_transaction = engine_in_transaction,
	.again = engine_again,
	.generation = engine_generation,
	.settle = engine_settle,
	.now = engine_now,
	.renumber = engine_renumber,
	.trust = engine_trust,
	.lock_keys = engine_lock_keys,
	.prepare = engine_prepare,
	.step = engine_step,
	.done = engine_done,
	.writes = engine_writes,
	.changes = engine_changes,
	.many = engine_many,
	.col_int = engine_col_int,
	.col_text = engine_col_text,
	.col_blob = engine_col_blob,
	.col_is_null = engine_col_is_null,
};
