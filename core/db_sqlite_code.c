/*
 * db_sqlite_code.c - SQLite's codes, as ours.
 */
#include "core/db_sqlite.h"

int
lite_fault(struct engine *e, int rc, const char *what, struct err *err)
{
	const char *text = e->handle != NULL ? sqlite3_errmsg(e->handle) : sqlite3_errstr(rc);
	int extended = e->handle != NULL ? sqlite3_extended_errcode(e->handle) : rc;

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_nomem(err, "store");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, CR_ERETRY, "store: %s: in use by another program", what);
	case SQLITE_CONSTRAINT:
		if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    extended == SQLITE_CONSTRAINT_ROWID || extended == SQLITE_CONSTRAINT_FOREIGNKEY)
			return err_set(err, CR_ECONFLICT, "store: %s", text);
		return err_set(err, CR_EBUG, "store: %s", text);
	case SQLITE_NOTADB:
		return err_set(err, CR_ECONFIG, "store: not a database");
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		/* Wrong SQL, or a table that is not there: not the store's fault unless somebody changed it by hand. */
		return err_set(err, CR_ESTORE, "store: %s: %s", what, text);
	default:
		return err_set(err, CR_ESTORE, "store: %s: %s (%d)", what, text, extended);
	}
}
