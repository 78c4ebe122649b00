/*
 * db_postgres_link.c - the connection: what kind of server it leads to, its end, and its coming back.
 *
 * Sources: PostgreSQL 15 manual, 20.5.1 (fsync); pgbouncer.org/features.html (transaction pooling), read 2026-11.
 */
#include "core/db_postgres_inside.h"

#include <string.h>
#include <sys/random.h>

#define BACKOFF_MS  100
#define BACKOFF_MAX 5000

void
pg_hang_up(struct engine *e)
{
	if (e->conn != NULL)
		PQfinish(e->conn);
	e->conn = NULL;
	e->in_transaction = false;
	e->is_old = false;
	e->n_owed = 0;
	pg_forget_names(e, 0);
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

bool
pg_says(const PGresult *r, int col, const char *word)
{
	return PQgetisnull(r, 0, col) == 0 && strcmp(PQgetvalue(r, 0, col), word) == 0;
}

/* A server without fsync forgets what it has confirmed.  A managed one may not tell: NULL. */
static int
check_settings(struct engine *e, struct err *err)
{
	PGresult *r = NULL;
	int rc = pg_ask(
		e,
		"SELECT pg_backend_pid(), current_setting('fsync', true), current_setting('server_encoding', true), "
		"version()",
		DB_NO_ARGS, &r, err);

	if (rc != CR_OK)
		return rc;
	/* A pooler makes up the number by which a query is cancelled. */
	e->is_direct = pg_value_int(r, 0, 0) == PQbackendPID(e->conn);
	if (pg_says(r, 1, "off"))
		rc = err_set(err, CR_ECONFIG,
		             "store: the server runs with fsync=off: it would forget sends in a power cut");
	else if (strncmp(PQgetvalue(r, 0, 3), "CockroachDB", strlen("CockroachDB")) == 0)
		rc = err_set(err, CR_ECONFIG,
		             "store: the advisory locks of CockroachDB lock nothing: it cannot be used");
	else if (PQgetisnull(r, 0, 2) == 0 && !pg_says(r, 2, "UTF8"))
		rc = err_set(err, CR_ECONFIG, "store: the database is in %s: make it with ENCODING 'UTF8'",
		             PQgetvalue(r, 0, 2));
	PQclear(r);
	return rc;
}

int
pg_connect(struct engine *e, struct err *err)
{
	int rc = pg_wire_connect(e->address, e->password, e->busy_ms, &e->host, &e->conn, err);

	if (rc != CR_OK)
		return rc;
	(void)PQsetNoticeReceiver(e->conn, note_warning, e);
	e->is_direct = false;
	rc = check_settings(e, err);
	if (rc == CR_OK)
		rc = pg_compare_lineage(e, err);
	if (rc != CR_OK)
		pg_hang_up(e);
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
int
pg_need_connection(struct engine *e, struct err *err)
{
	struct err why = {0};
	int rc;

	if (e->conn != NULL)
		return CR_OK;
	if (pg_clock_ms() < e->retry_at_ms)
		return err_set(err, CR_ERETRY, "store: the server is away: %s", e->away);
	rc = pg_connect(e, &why);
	if (rc == CR_OK) {
		e->backoff_ms = e->retry_at_ms = 0;
		return CR_OK;
	}
	note_away(e, &why);
	return err_set(err, rc, "%s", why.text);
}
