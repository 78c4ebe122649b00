/*
 * db_log.h - SQLite's write-ahead log, written in one go: a VFS of SQLite's own with one file of it changed.
 */
#ifndef CORE_DB_LOG_H
#define CORE_DB_LOG_H

/* Name of the VFS to open a database with; NULL when SQLite has none to stand on. */
const char *db_log_vfs(void);

#endif
