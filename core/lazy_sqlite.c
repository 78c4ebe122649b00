/*
 * lazy_sqlite.c - SQLite's table of calls.
 */
#include "core/lazy_sqlite.h"

LAZY_SHARED_ROW(libsqlite3, "libsqlite3.so.0", "libsqlite3-0", SQLITE_CALLS);

int
lazy_sqlite_need(struct err *err)
{
	return lazy_need(&libsqlite3_lazy, err);
}
