/*
 * db_sqlite_log.c - the write-ahead log: how long it is, when it is synced, when it is written back.
 *
 * Source: sqlite.org/wal.html (read 2026-11), "The WAL-Reset Bug": in 3.7.0 to 3.51.2 a checkpoint that races a commit of another
 * connection can lose it.  So SQLite never checkpoints by itself here, neither while committing nor while closing, and the door
 * calls lite_engine_checkpoint only under the lock that writers hold too.
 */
#include "core/db_sqlite.h"

static int
note_log_pages(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct engine *e = arg;

	(void)handle;
	(void)name;
	e->log_pages = e->log_length = pages;
	return SQLITE_OK;
}

void
lite_watch_log(struct engine *e)
{
	(void)sqlite3_wal_hook(e->handle, note_log_pages, e);
}

void
lite_leave_sync(struct engine *e, bool later)
{
	if (later && e->log == NULL)
		e->log = db_log_of(e->handle);
	if (e->log != NULL)
		db_log_later(e->log, later);
}

bool
lite_engine_sync_later(struct engine *e, bool later)
{
	e->later = later;
	return true;
}

void
lite_engine_stretch(struct engine *e, int64_t bytes)
{
	if (e->log == NULL)
		e->log = db_log_of(e->handle);
	if (e->log != NULL)
		db_log_stretch(e->log, bytes);
}

int
lite_engine_sync(struct engine *e, struct err *err)
{
	int rc = e->log != NULL && !e->sync_failed ? db_log_sync(e->log) : SQLITE_OK;

	if (rc == SQLITE_OK && !e->sync_failed)
		return CR_OK;
	/* As in a commit: it is not tried again. */
	e->sync_failed = true;
	return err_set(err, CR_EUNKNOWN, "store: sync: %s", sqlite3_errstr(rc != SQLITE_OK ? rc : SQLITE_IOERR_FSYNC));
}

int
lite_engine_log_pages(const struct engine *e)
{
	return e->log_pages;
}

int
lite_engine_log_length(const struct engine *e)
{
	return e->log_length;
}

int
lite_engine_checkpoint(struct engine *e, struct err *err)
{
	int in_log = 0, written = 0;
	/* Passive: as far as the oldest reader allows, waiting for nobody.  The next writer starts the log afresh if that was all. */
	int rc = sqlite3_wal_checkpoint_v2(e->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &written);

	if (rc != SQLITE_OK)
		return lite_fault(e, rc, "checkpoint", err);
	e->log_pages = in_log > written ? in_log - written : 0;
	e->log_length = in_log;
	return CR_OK;
}

/* What says that a log was written back is its index, which lives no longer than the last user; so its frames have to go. */
int
lite_engine_rewind(struct engine *e, struct err *err)
{
	int in_log = 0, written = 0, rc;

	(void)sqlite3_busy_timeout(e->handle, 0); /* for no reader's end */
	rc = sqlite3_wal_checkpoint_v2(e->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &written);
	(void)sqlite3_busy_timeout(e->handle, e->busy_ms);
	if (rc != SQLITE_OK)
		return lite_fault(e, rc, "checkpoint", err);
	e->log_pages = e->log_length = 0;
	return CR_OK;
}
