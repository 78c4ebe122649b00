/*
 * db_postgres_turn.c - transactions: whose turn it is, and what became of a COMMIT.
 *
 * Sources: PostgreSQL 15 manual, 13.3.5 (advisory locks), 20.5.1 (synchronous_commit), read 2026-11.
 *
 * Invariants: settings and locks are of the transaction, since a pooler gives every transaction another session.  A connection that was
 * lost takes its transaction with it; unless COMMIT was under way.
 */
#include "core/db_postgres_inside.h"

#include <string.h>

/* ms: a holder that is cut off stops the others no longer than this.  A decision never idles; a migration may think between two. */
#define IDLE_ALONE  "600000"
#define IDLE_SHARED "10000"

/* What is prepared looks rows up by their keys, however many arguments there are: to plan it anew for each number of them is dearer. */
#define GENERIC                                                                                                        \
	"CASE WHEN current_setting('plan_cache_mode', true) IS NOT NULL THEN set_config('plan_cache_mode', "           \
	"'force_generic_plan', true) END"
/* Our own pair of numbers among the advisory locks: "cold", 1. */
#define TURN_KEY "(1668246628, 1)"
#define TURN(lock, idle)                                                                                               \
	"SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', '" idle        \
	"', true), CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply') THEN 'on' "               \
	"ELSE set_config('synchronous_commit', 'on', true) END, " lock TURN_KEY ", " GENERIC

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
	char lock_ms[PG_NUMBER_MAX];
	int rc;

	(void)snprintf(lock_ms, sizeof(lock_ms), "%lld", (long long)e->busy_ms);
	pg_exchange_open(e);
	if ((rc = pg_put_sql(e, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", DB_NO_ARGS, err)) != CR_OK ||
	    (rc = pg_put_sql(e, turns[turn], DB_ARGS(db_text(lock_ms)), err)) != CR_OK ||
	    (e->has_table &&
	     (rc = pg_put_sql(e, "SELECT generation FROM coldrelay_schema", DB_NO_ARGS, err)) != CR_OK) ||
	    (rc = pg_exchange_sync(e, deadline_ms, err)) != CR_OK)
		return rc;
	rc = pg_take(e, deadline_ms, &r, err);
	PQclear(r);
	if (rc == CR_OK) {
		e->in_transaction = true;
		e->is_alone = turn == ENGINE_ALONE;
		r = NULL;
		rc = pg_take(e, deadline_ms, &r, err);
		if (rc == CR_OK && !pg_says(r, 2, "on"))
			rc = err_set(err, CR_ECONFIG, "store: synchronous_commit=on did not stick");
		PQclear(r);
		r = NULL;
	}
	if (rc == CR_OK && e->has_table && (rc = pg_take(e, deadline_ms, &r, err)) == CR_OK) {
		e->generation = PQntuples(r) == 1 ? (uint64_t)pg_value_int(r, 0, 0) : 0;
		PQclear(r);
	}
	return pg_exchange_end(e, deadline_ms, rc, err);
}

void
pg_engine_rollback(struct engine *e)
{
	/* Whoever asked is not waiting any more.  And what fails only now would take the ROLLBACK behind it along. */
	for (size_t i = 0; i < e->n_owed; i++)
		e->owed[i].got = NULL;
	if (e->conn != NULL && e->n_owed > 0 && pg_engine_settle(e, NULL) != CR_OK)
		e->n_owed = 0;
	if (e->conn != NULL && e->in_transaction && pg_tell(e, "ROLLBACK", DB_NO_ARGS, NULL) != CR_OK &&
	    e->conn != NULL)
		pg_hang_up(e);
	e->in_transaction = false;
}

int
pg_engine_begin(struct engine *e, enum engine_turn turn, struct err *err)
{
	bool was_old;
	int rc;

	e->again = false;
	do {
		rc = pg_need_connection(e, err);
		if (rc != CR_OK)
			return rc;
		was_old = e->is_old;
		rc = start_transaction(e, turn, err);
		if (rc != CR_OK)
			pg_engine_rollback(e);
		/* A connection may have died since it was last used: nothing was done through it yet. */
	} while (rc == CR_ERETRY && e->conn == NULL && was_old);
	e->is_old = rc == CR_OK;
	return rc;
}

bool
pg_engine_in_transaction(const struct engine *e)
{
	return e->conn != NULL && e->in_transaction && PQtransactionStatus(e->conn) != PQTRANS_INERROR;
}

bool
pg_engine_again(const struct engine *e)
{
	return e->again;
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
	int rc = pg_put_sql(e, "UPDATE coldrelay_schema SET generation = generation + 1", DB_NO_ARGS, err);

	if (rc == CR_OK)
		pg_owe(e, &(struct owed){.n = 1});
	return rc;
}

int
pg_engine_commit(struct engine *e, struct err *err)
{
	const int64_t deadline_ms = pg_clock_ms() + e->patience_ms;
	PGresult *r = NULL;
	int rc;

	e->warned = false;
	if (e->n_owed == PG_OWED_MAX && (rc = pg_engine_settle(e, err)) != CR_OK) {
		pg_engine_rollback(e);
		return rc;
	}
	pg_exchange_open(e);
	rc = e->is_alone && e->has_table ? put_generation(e, err) : CR_OK;
	if (rc == CR_OK)
		rc = pg_put_sql(e, "COMMIT", DB_NO_ARGS, err);
	if (rc != CR_OK)
		return rc; /* nothing went out */
	rc = pg_exchange_sync(e, deadline_ms, err);
	if (rc == CR_OK) {
		rc = pg_take_owed(e, deadline_ms, err);
		if (rc == CR_OK)
			rc = pg_take(e, deadline_ms, &r, err);
		/* What comes behind the answer cannot change it. */
		if (e->conn != NULL) {
			rc = judge_commit(e, r, rc, err);
			(void)pg_exchange_close(e, deadline_ms, rc != CR_OK);
		} else {
			rc = judge_commit(e, r, rc, err);
		}
	} else {
		rc = judge_commit(e, r, rc, err);
	}
	PQclear(r);
	/* A statement before it failed: then COMMIT was passed over. */
	if (e->conn != NULL && PQtransactionStatus(e->conn) != PQTRANS_IDLE)
		pg_engine_rollback(e);
	e->in_transaction = false;
	return rc;
}

int
pg_engine_generation(struct engine *e, uint64_t *out, struct err *err)
{
	PGresult *r = NULL;
	int rc = CR_OK;

	if (!e->in_transaction) {
		rc = pg_need_connection(e, err);
		if (rc == CR_OK)
			rc = pg_ask(e, "SELECT generation FROM coldrelay_schema", DB_NO_ARGS, &r, err);
		if (rc == CR_OK)
			e->generation = PQntuples(r) == 1 ? (uint64_t)pg_value_int(r, 0, 0) : 0;
		PQclear(r);
	}
	if (rc == CR_OK)
		*out = e->generation;
	return rc;
}
