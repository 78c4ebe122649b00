/*
 * lazy_sqlite.h - the calls of SQLite that core/db_sqlite.c and its parts make, loaded when the first store is opened.
 */
#ifndef CORE_LAZY_SQLITE_H
#define CORE_LAZY_SQLITE_H

#include <sqlite3.h>

#include "core/lazy.h"

/* clang-format off */
#define SQLITE_CALLS(X) \
	X(sqlite3_bind_blob64) X(sqlite3_bind_int64) X(sqlite3_bind_null) \
	X(sqlite3_bind_parameter_count) X(sqlite3_bind_parameter_name) X(sqlite3_bind_text64) \
	X(sqlite3_busy_timeout) X(sqlite3_changes64) X(sqlite3_clear_bindings) X(sqlite3_close) \
	X(sqlite3_column_blob) X(sqlite3_column_bytes) X(sqlite3_column_int64) X(sqlite3_column_text) \
	X(sqlite3_column_type) X(sqlite3_db_config) X(sqlite3_errmsg) X(sqlite3_errstr) X(sqlite3_exec) \
	X(sqlite3_extended_errcode) X(sqlite3_extended_result_codes) X(sqlite3_finalize) \
	X(sqlite3_get_autocommit) X(sqlite3_libversion) X(sqlite3_open_v2) X(sqlite3_prepare_v2) \
	X(sqlite3_prepare_v3) X(sqlite3_reset) X(sqlite3_sql) X(sqlite3_step) X(sqlite3_stmt_readonly) \
	X(sqlite3_db_readonly) X(sqlite3_wal_checkpoint_v2) X(sqlite3_wal_hook)
/* clang-format on */
LAZY_TABLE(libsqlite3, SQLITE_CALLS);
LAZY_SHARED(libsqlite3);
/* Errors: as lazy_need. */
MUST_CHECK int lazy_sqlite_need(struct err *err);

#define sqlite3_bind_blob64           libsqlite3.sqlite3_bind_blob64
#define sqlite3_bind_int64            libsqlite3.sqlite3_bind_int64
#define sqlite3_bind_null             libsqlite3.sqlite3_bind_null
#define sqlite3_bind_parameter_count  libsqlite3.sqlite3_bind_parameter_count
#define sqlite3_bind_parameter_name   libsqlite3.sqlite3_bind_parameter_name
#define sqlite3_bind_text64           libsqlite3.sqlite3_bind_text64
#define sqlite3_busy_timeout          libsqlite3.sqlite3_busy_timeout
#define sqlite3_changes64             libsqlite3.sqlite3_changes64
#define sqlite3_clear_bindings        libsqlite3.sqlite3_clear_bindings
#define sqlite3_close                 libsqlite3.sqlite3_close
#define sqlite3_column_blob           libsqlite3.sqlite3_column_blob
#define sqlite3_column_bytes          libsqlite3.sqlite3_column_bytes
#define sqlite3_column_int64          libsqlite3.sqlite3_column_int64
#define sqlite3_column_text           libsqlite3.sqlite3_column_text
#define sqlite3_column_type           libsqlite3.sqlite3_column_type
#define sqlite3_db_config             libsqlite3.sqlite3_db_config
#define sqlite3_errmsg                libsqlite3.sqlite3_errmsg
#define sqlite3_errstr                libsqlite3.sqlite3_errstr
#define sqlite3_exec                  libsqlite3.sqlite3_exec
#define sqlite3_extended_errcode      libsqlite3.sqlite3_extended_errcode
#define sqlite3_extended_result_codes libsqlite3.sqlite3_extended_result_codes
#define sqlite3_finalize              libsqlite3.sqlite3_finalize
#define sqlite3_get_autocommit        libsqlite3.sqlite3_get_autocommit
#define sqlite3_libversion            libsqlite3.sqlite3_libversion
#define sqlite3_open_v2               libsqlite3.sqlite3_open_v2
#define sqlite3_prepare_v2            libsqlite3.sqlite3_prepare_v2
#define sqlite3_prepare_v3            libsqlite3.sqlite3_prepare_v3
#define sqlite3_reset                 libsqlite3.sqlite3_reset
#define sqlite3_sql                   libsqlite3.sqlite3_sql
#define sqlite3_step                  libsqlite3.sqlite3_step
#define sqlite3_stmt_readonly         libsqlite3.sqlite3_stmt_readonly
#define sqlite3_wal_checkpoint_v2     libsqlite3.sqlite3_wal_checkpoint_v2
#define sqlite3_wal_hook              libsqlite3.sqlite3_wal_hook
#define sqlite3_db_readonly           libsqlite3.sqlite3_db_readonly

#endif
