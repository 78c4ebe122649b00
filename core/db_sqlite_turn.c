/*
 * db_sqlite_turn.c - transactions, and whether somebody else has committed since.
 *
 * sqlite.org/lang_transaction.html, "Response To Errors": some errors roll back on their own; lite_engine_in_transaction tells.
 */
#include "core/db_sqlite.h"

#include <assert.h>

bool
lite_engine_in_transaction(const struct engine *e)
{
	return sqlite3_get_autocommit(e->handle) == 0;
}

void
lite_engine_rollback(struct engine *e)
{
	/* Fails only when SQLite has rolled back on its own. */
	if (lite_engine_in_transaction(e))
		(void)sqlite3_exec(e->handle, "ROLLBACK", NULL, NULL, NULL);
}

int
lite_engine_begin(struct engine *e, enum engine_turn turn, struct err *err)
{
	struct engine_stmt *s = NULL;
	bool more;
	int rc;

	(void)turn; /* the store's lock lets one in at a time */
	/* What others did since the last mark must not be taken for what this transaction is going to do. */
	if (!db_index_same(&e->index))
		e->index.has_seen = false;
	if (e->sync_failed)
		return err_set(err, CR_ESTORE, "store: an earlier write could not be synced: start again");
	rc = lite_engine_prepare(e, "BEGIN IMMEDIATE", DB_NO_ARGS, &s, err);
	if (rc != CR_OK)
		return rc;
	assert(s != NULL);
	rc = lite_engine_step(s, &more, err);
	lite_engine_done(s);
	return rc;
}

/* After a commit of our own, with the store's lock still held: what changed is what we did. */
static void
keep_own(struct engine *e)
{
	uint8_t now[DB_INDEX_BYTES];

	if (!e->index.has_seen)
		return;
	db_index_read(&e->index, now);
	db_index_keep(&e->index, now);
}

int
lite_engine_commit(struct engine *e, struct err *err)
{
	struct engine_stmt *s = NULL;
	int rc, ours;

	rc = lite_engine_prepare(e, "COMMIT", DB_NO_ARGS, &s, err);
	if (rc != CR_OK) {
		lite_engine_rollback(e);
		return rc;
	}
	assert(s != NULL);
	lite_leave_sync(e, e->later);
	rc = sqlite3_step(s->handle);
	lite_leave_sync(e, false);
	ours = rc == SQLITE_DONE ? CR_OK : lite_fault(e, rc, "commit", err);
	lite_engine_done(s);
	if (ours == CR_OK) {
		keep_own(e);
		return CR_OK;
	}
	lite_engine_rollback(e);
	/*
	 * An input/output error may have struck between the commit frame and its sync: the next recovery may or may not find the
	 * frame.  A sync that failed once is not tried again, for the kernel may have dropped the pages.
	 */
	if ((rc & 0xff) == SQLITE_IOERR) {
		e->sync_failed = true;
		if (err != NULL)
			err->code = CR_EUNKNOWN;
		return CR_EUNKNOWN;
	}
	if (ours == CR_ERETRY) {
		if (err != NULL)
			err->code = CR_ESTORE;
		return CR_ESTORE;
	}
	return ours;
}

int
lite_engine_mark(struct engine *e, uint32_t *out, struct err *err)
{
	struct engine_stmt *s = NULL;
	uint8_t before[DB_INDEX_BYTES];
	bool more = false, has_index = !e->is_still && db_index_find(&e->index, e->handle);
	int rc = lite_engine_prepare(e, "PRAGMA data_version", DB_NO_ARGS, &s, err);

	if (rc != CR_OK)
		return rc;
	if (has_index)
		db_index_read(&e->index, before);
	assert(s != NULL);
	rc = lite_engine_step(s, &more, err);
	if (rc == CR_OK && more)
		*out = (uint32_t)lite_engine_col_int(s, 0);
	lite_engine_done(s);
	/* As it was before: whatever has come meanwhile, in the number or behind it, is a change. */
	if (has_index)
		db_index_keep(&e->index, before);
	return rc == CR_OK && !more ? err_set(err, CR_ESTORE, "store: no data version") : rc;
}

bool
lite_engine_unchanged(const struct engine *e)
{
	return db_index_same(&e->index);
}
