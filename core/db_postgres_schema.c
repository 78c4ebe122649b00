/*
 * db_postgres_schema.c - migrations, and the engine's own table of one row: the version, and which history of commits wrote last.
 */
#include "core/db_postgres_inside.h"

#define MIGRATION_MS 600000 /* an index over many rows */

int
pg_engine_run(struct engine *e, const char *sql, struct err *err)
{
	struct buf one = {0};
	bool more = true;
	int rc = CR_OK;

	e->patience_ms = MIGRATION_MS;
	while (rc == CR_OK && more) {
		rc = pg_schema_next(&sql, &one, &more, err);
		if (rc == CR_OK && more)
			rc = pg_tell_once(e, buf_str(&one), err);
	}
	e->patience_ms = e->busy_ms;
	buf_release(&one);
	return rc;
}

int
pg_engine_version(struct engine *e, int64_t *out, struct err *err)
{
	PGresult *r = NULL;
	bool there = false;
	int rc = pg_need_connection(e, err);

	if (rc == CR_OK)
		rc = pg_has_table(e, &there, err);
	if (rc == CR_OK && there)
		rc = pg_ask(e, "SELECT version FROM coldrelay_schema", DB_NO_ARGS, &r, err);
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
	int rc = pg_tell_once(
		e,
		"CREATE TABLE coldrelay_schema (one INT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL, "
		"lineage TEXT NOT NULL, synchronous INT NOT NULL, distrust_until_ms BIGINT NOT NULL, generation BIGINT "
		"NOT NULL)",
		err);

	if (rc == CR_OK)
		rc = pg_tell_once(e, "SAVEPOINT lineage", err);
	if (rc == CR_OK)
		rc = pg_read_lineage(e, lineage, sizeof(lineage), err);
	if (rc == CR_OK)
		rc = pg_tell_once(e, "ROLLBACK TO lineage", err);
	if (rc == CR_OK)
		rc = pg_tell(e, "INSERT INTO coldrelay_schema VALUES (1, 0, $1, 0, 0, 0)", DB_ARGS(db_text(lineage)),
		             err);
	return rc;
}

int
pg_engine_set_version(struct engine *e, int64_t version, struct err *err)
{
	bool there = false;
	int rc = pg_has_table(e, &there, err);

	if (rc == CR_OK && !there)
		rc = make_table(e, err);
	return rc == CR_OK ? pg_tell(e, "UPDATE coldrelay_schema SET version = $1", DB_ARGS(db_int(version)), err) : rc;
}

int
pg_engine_renumber(struct engine *e, const char *table, const char *column, int64_t last, struct err *err)
{
	return pg_tell(e, "SELECT setval(pg_get_serial_sequence($1, $2), $3)",
	               DB_ARGS(db_text(table), db_text(column), db_int(last)), err);
}
