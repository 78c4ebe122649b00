/*
 * db_log.h - SQLite's write-ahead log, written in one go: a VFS of SQLite's own with one file of it changed.
 */
#ifndef CORE_DB_LOG_H
#define CORE_DB_LOG_H

#include <sqlite3.h>
#include <stdbool.h>

/* Name of the VFS to open a database with; NULL when SQLite has none to stand on. */
const char *db_log_vfs(void);

/*
 * The log of a database that was opened so and has been written to; NULL: it has none.  Valid as long as handle is open.
 * later: a sync of frames is not done but left to db_log_sync, which gives SQLite's code, and may run in another thread beside anything
 * else that is done with handle; it does nothing when none was left.  A sync of the log's own header is always done: SQLite's recovery rests
 * on its order.  Once a sync has failed every one fails: the kernel says it once, to whoever comes first.
 */
struct db_log;
struct db_log *db_log_of(sqlite3 *handle);
void db_log_later(struct db_log *log, bool later);
int db_log_sync(struct db_log *log);
/* Room for so many bytes, on the disk already: what is written there makes the file no longer.  Under the store's lock; at worst it is as it was. */
void db_log_stretch(struct db_log *f, sqlite3_int64 bytes);

#endif
