/*
 * db_postgres_clock.c - the server's clock, and whether it may be believed: has another server taken over, that forgot some sends?
 *
 * Source: PostgreSQL 15 manual, 9.27 (pg_control_system, pg_walfile_name), 27.2.8 (synchronous replication), read 2026-11.
 */
#include "core/db_postgres_inside.h"

int
pg_has_table(struct engine *e, bool *out, struct err *err)
{
	PGresult *r = NULL;
	int rc = pg_ask(e, "SELECT 1 FROM pg_class WHERE oid = to_regclass('coldrelay_schema')", DB_NO_ARGS, &r, err);

	if (rc == CR_OK)
		*out = e->has_table = PQntuples(r) > 0;
	PQclear(r);
	return rc;
}

/*
 * Which history of commits is this?  The cluster, and the timeline within it, which a promoted standby and a restored backup begin
 * anew.  A server of another make has neither: then there is nothing to compare.
 */
int
pg_read_lineage(struct engine *e, char *out, size_t size, struct err *err)
{
	PGresult *r = NULL;
	struct err why = {0};
	int rc = pg_ask(e,
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
int
pg_compare_lineage(struct engine *e, struct err *err)
{
	char lineage[64];
	bool there = false;
	int rc = pg_has_table(e, &there, err);

	if (rc != CR_OK || !there || e->mode == DB_READ)
		return rc;
	if ((rc = pg_read_lineage(e, lineage, sizeof(lineage), err)) != CR_OK || !e->has_timeline)
		return rc;
	rc = pg_tell(e,
	             "UPDATE coldrelay_schema SET lineage = $1, distrust_until_ms = CASE WHEN synchronous = 1 THEN "
	             "distrust_until_ms ELSE floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2 END "
	             "WHERE lineage <> $1",
	             DB_ARGS(db_text(lineage), db_int(e->distrust_ms)), err);
	if (rc == CR_OK)
		rc = pg_tell(e,
		             "UPDATE coldrelay_schema SET synchronous = s.now FROM (SELECT "
		             "(current_setting('synchronous_standby_names') <> '')::int AS now) s WHERE synchronous <> "
		             "s.now",
		             DB_NO_ARGS, err);
	return rc;
}

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

int
pg_engine_now(struct engine *e, int64_t *now_ms_out, struct err *err)
{
	PGresult *r = NULL;
	int rc = pg_need_connection(e, err);

	if (rc != CR_OK)
		return rc;
	rc = pg_ask(e,
	            e->has_timeline ? "SELECT " NOW ", distrust_until_ms, right(lineage, 8) = "
	                              "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM coldrelay_schema"
	                            : "SELECT " NOW ", distrust_until_ms, true FROM coldrelay_schema",
	            DB_NO_ARGS, &r, err);
	if (rc == CR_OK && PQntuples(r) != 1)
		rc = err_set(err, CR_ESTORE, "store: the table coldrelay_schema has lost its row");
	if (rc == CR_OK && pg_value_int(r, 0, 2) == 0) {
		pg_hang_up(e); /* and is looked at again when it comes back */
		rc = err_set(err, CR_ERETRY, "store: another server has taken over");
	} else if (rc == CR_OK && pg_value_int(r, 0, 1) > pg_value_int(r, 0, 0)) {
		rc = distrusted(pg_value_int(r, 0, 0), pg_value_int(r, 0, 1), err);
	}
	if (rc == CR_OK)
		*now_ms_out = pg_value_int(r, 0, 0);
	PQclear(r);
	return rc;
}

int
pg_engine_trust(struct engine *e, struct err *err)
{
	return pg_tell(e, "UPDATE coldrelay_schema SET distrust_until_ms = 0", DB_NO_ARGS, err);
}
