/*
 * db_args.c - an eponymous virtual table, and statements rewritten for it.
 *
 * The table is the outer loop always (CROSS JOIN is what SQLite does not reorder, lang_select.html), so that answers come row by row.  An
 * INSERT that fails half-way is told to leave what it did (OR FAIL): its transaction is rolled back anyhow, and SQLite need not copy
 * each page aside before it is changed.
 * Sources: sqlite.org/vtab.html s2, sqlite.org/lang_conflict.html (read 2026-11).
 */
#include "core/db_args.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "core/lazy.h"

#define TABLE     "coldrelay_args"
#define SOME_ROWS 25 /* a guess for the planner */

/* clang-format off */
#define CALLS(X) X(sqlite3_create_module) X(sqlite3_declare_vtab) X(sqlite3_result_blob64) X(sqlite3_result_int64) X(sqlite3_result_text64)
/* clang-format on */
LAZY_LIBRARY(args_calls, "libsqlite3.so.0", "libsqlite3-0", CALLS);
#define sqlite3_create_module args_calls.sqlite3_create_module
#define sqlite3_declare_vtab  args_calls.sqlite3_declare_vtab
#define sqlite3_result_blob64 args_calls.sqlite3_result_blob64
#define sqlite3_result_int64  args_calls.sqlite3_result_int64
#define sqlite3_result_text64 args_calls.sqlite3_result_text64

/* ---- the table ---- */

struct table {
	sqlite3_vtab base;
	const struct db_args *args;
};

struct cursor {
	sqlite3_vtab_cursor base;
	struct db_args args; /* as they were when the statement began */
	size_t at;
};

static int
table_connect(sqlite3 *handle, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
	struct table *t;
	int rc = sqlite3_declare_vtab(handle, "CREATE TABLE x(c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14,c15,c16,"
	                                      "c17,c18,c19,c20,c21,c22,c23,c24,c25,c26,c27,c28,c29,c30,c31,c32)");

	(void)argc;
	(void)argv;
	(void)message;
	if (rc != SQLITE_OK)
		return rc;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return SQLITE_NOMEM;
	t->args = arg;
	*out = &t->base;
	return SQLITE_OK;
}

static int
table_disconnect(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int
table_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedCost = SOME_ROWS;
	info->estimatedRows = SOME_ROWS;
	return SQLITE_OK;
}

static int
cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct cursor *c = calloc(1, sizeof(*c));

	(void)table;
	if (c == NULL)
		return SQLITE_NOMEM;
	*out = &c->base;
	return SQLITE_OK;
}

static int
cursor_close(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

static int
cursor_begin(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int argc, sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)cursor;

	(void)plan;
	(void)plan_text;
	(void)argc;
	(void)argv;
	c->args = *((const struct table *)cursor->pVtab)->args;
	c->at = 0;
	return SQLITE_OK;
}

static int
cursor_next(sqlite3_vtab_cursor *cursor)
{
	((struct cursor *)cursor)->at++;
	return SQLITE_OK;
}

static int
cursor_is_over(sqlite3_vtab_cursor *cursor)
{
	const struct cursor *c = (const struct cursor *)cursor;

	return c->at >= c->args.n;
}

static int
cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int column)
{
	const struct cursor *c = (const struct cursor *)cursor;
	const struct db_value *v;

	if ((size_t)column >= c->args.n_args)
		return SQLITE_OK; /* NULL; no statement names it */
	v = &c->args.values[c->at * c->args.n_args + (size_t)column];
	switch (v->type) {
	case DB_NULL:
		break;
	case DB_INT:
		sqlite3_result_int64(to, v->i);
		break;
	case DB_TEXT:
		sqlite3_result_text64(to, v->data, v->len, SQLITE_STATIC, SQLITE_UTF8);
		break;
	case DB_BLOB:
		sqlite3_result_blob64(to, v->data, v->len, SQLITE_STATIC);
		break;
	}
	return SQLITE_OK;
}

static int
cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)((const struct cursor *)cursor)->at;
	return SQLITE_OK;
}

/* xCreate NULL: there is one, without being made, and nobody can make another. */
static const sqlite3_module module = {
	.iVersion = 0,
	.xConnect = table_connect,
	.xBestIndex = table_plan,
	.xDisconnect = table_disconnect,
	.xOpen = cursor_open,
	.xClose = cursor_close,
	.xFilter = cursor_begin,
	.xNext = cursor_next,
	.xEof = cursor_is_over,
	.xColumn = cursor_column,
	.xRowid = cursor_rowid,
};

bool
db_args_register(sqlite3 *handle, const struct db_args *args)
{
	void *arg;

	static_assert(sizeof(arg) == sizeof(args), "a pointer");
	memcpy(&arg, &args, sizeof(arg));
	return lazy_need(&args_calls_lazy, NULL) == CR_OK &&
	       sqlite3_create_module(handle, TABLE, &module, arg) == SQLITE_OK;
}

/* ---- the statement ---- */

/* Where word begins, outside of parentheses and quotes, at or behind from; NULL: nowhere. */
static const char *
find_word(const char *from, const char *word)
{
	const size_t len = strlen(word);
	int depth = 0;
	bool quoted = false;

	for (const char *p = from; *p != '\0'; p++) {
		if (depth == 0 && !quoted && strncmp(p, word, len) == 0)
			return p;
		quoted ^= *p == '\'';
		depth += quoted ? 0 : (*p == '(') - (*p == ')');
	}
	return NULL;
}

/* Up to end, $n as column n of the table. */
static void
add_part(struct buf *out, const char *from, const char *end)
{
	for (const char *p = from; p < end; p++) {
		if (*p == '$' && isdigit((unsigned char)p[1]))
			buf_adds(out, "a_.c");
		else
			buf_addc(out, *p);
	}
}

static bool
join_select(const char *sql, struct buf *out)
{
	static const char *const others[] = {"COUNT(",     "MIN(",       "MAX(",    "SUM(",    "DISTINCT ",
	                                     " GROUP BY ", " ORDER BY ", " LIMIT ", " UNION ", " HAVING "};
	const char *columns = sql + strlen("SELECT "), *list_end = find_word(columns, " FROM "), *tables;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (find_word(sql, others[i]) != NULL)
			return false;
	}
	if (list_end == NULL)
		return false;
	tables = list_end + strlen(" FROM ");
	buf_adds(out, "SELECT a_.rowid, ");
	add_part(out, columns, list_end);
	buf_adds(out, " FROM " TABLE " AS a_ CROSS JOIN ");
	add_part(out, tables, tables + strlen(tables));
	return true;
}

static bool
join_insert(const char *sql, struct buf *out)
{
	const char *into = sql + strlen("INSERT "), *values = find_word(into, " VALUES ("), *first, *end;

	if (values == NULL)
		return false;
	first = values + strlen(" VALUES (");
	end = find_word(first, ")");
	if (end == NULL)
		return false;
	buf_adds(out, "INSERT OR FAIL ");
	add_part(out, into, values);
	buf_adds(out, " SELECT ");
	add_part(out, first, end);
	/* WHERE: else ON would be read as a part of the join (lang_upsert.html s2.2). */
	buf_adds(out, " FROM " TABLE " AS a_ WHERE true");
	add_part(out, end + 1, end + strlen(end));
	return true;
}

bool
db_args_join(const char *sql, struct buf *out)
{
	buf_clear(out);
	if (strncmp(sql, "SELECT ", 7) == 0)
		return join_select(sql, out);
	if (strncmp(sql, "INSERT INTO ", 12) == 0)
		return join_insert(sql, out);
	return false;
}
