/*
 * db_postgres_many.c - the same statement for many rows of arguments becomes one statement over arrays of them.
 *
 * Half of what a round of the gate cost the server was to start statements: five an admit.  Over arrays it is five a round.
 * SELECT: the question is asked of each row in a subquery that the planner leaves alone (OFFSET 0, or FOR UPDATE), so that it is planned as
 * for one, and its rows are locked in the order of the arrays.  INSERT ... VALUES takes its rows from the arrays, UPDATE joins them.
 * Whatever has another shape stays as it is, and runs once a row.
 * Sources: PostgreSQL 15 manual, 7.2.1.5 (LATERAL), 9.19 (unnest), 38.2.5 (polymorphic types); src/backend/utils/adt/arrayfuncs.c,
 * array_recv, for the binary form; all read 2026-11.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/db_postgres.h"

/* ---- the text ---- */

/* The table of arguments: given (g1, g2, ...). */
static void
add_given(struct buf *out, size_t n_args, bool numbered)
{
	buf_adds(out, "unnest(");
	for (size_t i = 1; i <= n_args; i++)
		buf_addf(out, "%s$%zu", i == 1 ? "" : ", ", i);
	buf_adds(out, numbered ? ") WITH ORDINALITY AS given(" : ") AS given(");
	for (size_t i = 1; i <= n_args; i++)
		buf_addf(out, "%sg%zu", i == 1 ? "" : ", ", i);
	buf_adds(out, numbered ? ", nth)" : ")");
}

/* From p to end, each $n a column of the given ones. */
static void
add_part(struct buf *out, const char *p, const char *end)
{
	while (p < end) {
		const char *next = pg_sql_skip(p);

		if (*p == '$')
			buf_adds(out, "given.g");
		else
			buf_add(out, p, (size_t)(next - p));
		p = next;
	}
}

static void
make_select(struct buf *out, const char *sql, size_t n_args, const char *locks)
{
	buf_adds(out, "SELECT answer.*, given.nth FROM ");
	add_given(out, n_args, true);
	buf_adds(out, ", LATERAL (");
	add_part(out, sql, sql + strlen(sql));
	buf_addf(out, "%s) AS answer", *locks != '\0' ? locks : " OFFSET 0");
}

/* Behind the parenthesis that closes the one at p; NULL: none does. */
static const char *
behind_parenthesis(const char *p)
{
	size_t depth = 0;

	for (; *p != '\0'; p = pg_sql_skip(p)) {
		depth += *p == '(';
		if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

static bool
make_insert(struct buf *out, const char *sql, size_t n_args)
{
	const char *values = pg_sql_find(sql, "VALUES"), *open, *end;

	if (values == NULL)
		return false;
	open = values + strcspn(values, "(");
	end = behind_parenthesis(open);
	/* Several rows in the text already, or arguments behind them. */
	if (end == NULL || strchr(end, '$') != NULL || end[strspn(end, " \t\n")] == ',')
		return false;
	buf_add(out, sql, (size_t)(values - sql));
	buf_adds(out, "SELECT ");
	add_part(out, open + 1, end - 1);
	buf_adds(out, " FROM ");
	add_given(out, n_args, false);
	buf_adds(out, end);
	return true;
}

static bool
make_update(struct buf *out, const char *sql, size_t n_args)
{
	const char *where = pg_sql_find(sql, "WHERE");

	if (where == NULL || pg_sql_find(where + 1, "WHERE") != NULL || pg_sql_find(sql, "FROM") != NULL)
		return false;
	add_part(out, sql, where);
	buf_adds(out, "FROM ");
	add_given(out, n_args, false);
	buf_addc(out, ' ');
	add_part(out, where, where + strlen(where));
	return true;
}

int
pg_many_make(const char *sql, size_t n_args, const char *locks, char **out, struct err *err)
{
	struct buf text = {0};
	bool can = n_args > 0;
	int rc = CR_OK;

	/* An order would be one among the rows of each answer only. */
	if (can && pg_sql_find(sql, "SELECT") == sql && pg_sql_find(sql, "ORDER") == NULL)
		make_select(&text, sql, n_args, locks);
	else if (can && pg_sql_find(sql, "INSERT") == sql)
		can = make_insert(&text, sql, n_args);
	else if (can && pg_sql_find(sql, "UPDATE") == sql)
		can = make_update(&text, sql, n_args);
	else
		can = false;
	if (can)
		rc = buf_take(&text, "statement", out, err);
	else
		*out = NULL;
	buf_release(&text);
	return rc;
}

/* ---- the arrays ---- */

/* pg_type.dat: fixed for ever. */
static const struct {
	Oid element, array;
} oids[] = {
	[DB_NULL] = {0,            0   },
	[DB_INT] = {PG_OID_INT8,  1016},
	[DB_TEXT] = {PG_OID_TEXT,  1009},
	[DB_BLOB] = {PG_OID_BYTEA, 1001},
};

static void
add_number(struct buf *out, uint64_t v, size_t bytes)
{
	unsigned char be[8];

	for (size_t i = 0; i < bytes; i++)
		be[i] = (unsigned char)(v >> 8 * (bytes - 1 - i));
	buf_add(out, be, bytes);
}

static void
add_value(struct buf *out, const struct db_value *v)
{
	if (v->type == DB_NULL) {
		add_number(out, UINT32_MAX, 4);
	} else if (v->type == DB_INT) {
		add_number(out, 8, 4);
		add_number(out, (uint64_t)v->i, 8);
	} else {
		add_number(out, v->len, 4);
		buf_add(out, v->data, v->len);
	}
}

/* Of all that are not NULL; DB_NULL: there is none such, or none at all. */
static int
type_of_column(const struct db_value *values, size_t n_args, size_t n, bool *has_null)
{
	int type = DB_NULL;

	*has_null = false;
	for (size_t i = 0; i < n; i++, values += n_args) {
		if (values->type == DB_NULL)
			*has_null = true;
		else if (type == DB_NULL)
			type = (int)values->type;
		else if (type != (int)values->type)
			return DB_NULL;
	}
	return type;
}

static void
add_array(struct buf *out, int type, bool has_null, const struct db_value *values, size_t n_args, size_t n)
{
	add_number(out, 1, 4); /* dimension */
	add_number(out, has_null, 4);
	add_number(out, oids[type].element, 4);
	add_number(out, n, 4);
	add_number(out, 1, 4); /* the first one's number */
	for (size_t i = 0; i < n; i++, values += n_args)
		add_value(out, values);
}

int
pg_many_set(struct pg_args *a, const struct db_value *values, size_t n_args, size_t n, struct buf *bytes,
            struct err *err)
{
	size_t start[PG_MAX_ARGS];
	int rc;

	buf_clear(bytes);
	a->n = 0;
	for (size_t i = 0; i < n_args; i++) {
		bool has_null;
		int type = type_of_column(values + i, n_args, n, &has_null);

		if (type == DB_NULL)
			return CR_OK;
		start[i] = bytes->len;
		add_array(bytes, type, has_null, values + i, n_args, n);
		a->types[i] = oids[type].array;
		a->lengths[i] = (int)(bytes->len - start[i]);
		a->formats[i] = 1;
	}
	if (bytes->failed == CR_EPARSE)
		return CR_OK;
	rc = buf_check(bytes, "arguments", err);
	if (rc != CR_OK)
		return rc;
	for (size_t i = 0; i < n_args; i++)
		a->values[i] = bytes->data + start[i];
	a->n = (int)n_args;
	return CR_OK;
}
