/*
 * db_args.h - the arguments of many statements as one table of SQLite's, so that one run of one statement answers them all.
 *
 * To run a statement once takes SQLite longer than to find its row: binding, cursors and their memory, the end.  A statement that is
 * written for one row of arguments is turned into one that walks a table of them; the answers come in the order of the rows.
 */
#ifndef CORE_DB_ARGS_H
#define CORE_DB_ARGS_H

#include "core/buf.h"
#include "core/db.h"

#define DB_ARGS_MAX 32 /* of a statement */

/* What the table holds while a statement runs; row after row, borrowed. */
struct db_args {
	const struct db_value *values;
	size_t n_args, n;
};

struct sqlite3;
/* args: where a statement finds its rows when it begins; as long as the connection lives.  False: SQLite will not have it. */
bool db_args_register(struct sqlite3 *handle, const struct db_args *args);

/*
 * The statement over the table.  Of a SELECT the first column becomes the row's number.  False: out is undefined, it has to be run row by
 * row, since it is none of: a SELECT without order, limit, groups or aggregates; INSERT with VALUES.  Out of memory is in out.
 */
bool db_args_join(const char *sql, struct buf *out);

#endif
