/*
 * db_postgres.c - the PostgreSQL engine: one connection is opened, and dropped; and the table of what it can do.
 *
 * Invariant: nothing of a session is relied on, since a pooler gives every transaction another one.
 */
#include "core/db_postgres_inside.h"

#include <stdlib.h>
#include <string.h>

static void
engine_drop(struct engine **e)
{
	if (*e == NULL)
		return;
	pg_hang_up(*e);
	if ((*e)->address != NULL)
		PQconninfoFree((*e)->address);
	for (size_t i = 0; i < PG_CACHE_SIZE; i++)
		pg_text_release(&(*e)->cache[i]);
	buf_release(&(*e)->arrays);
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
		rc = pg_connect(e, err);
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
	.run = pg_engine_run,
	.version = pg_engine_version,
	.set_version = pg_engine_set_version,
	.begin = pg_engine_begin,
	.commit = pg_engine_commit,
	.rollback = pg_engine_rollback,
	.in_transaction = pg_engine_in_transaction,
	.again = pg_engine_again,
	.generation = pg_engine_generation,
	.settle = pg_engine_settle,
	.now = pg_engine_now,
	.renumber = pg_engine_renumber,
	.trust = pg_engine_trust,
	.lock_keys = pg_engine_lock_keys,
	.prepare = pg_engine_prepare,
	.step = pg_engine_step,
	.done = pg_engine_done,
	.writes = pg_engine_writes,
	.changes = pg_engine_changes,
	.many = pg_engine_many,
	.col_int = pg_engine_col_int,
	.col_text = pg_engine_col_text,
	.col_blob = pg_engine_col_blob,
	.col_is_null = pg_engine_col_is_null,
};
