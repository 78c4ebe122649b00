/*
 * test_db_postgres_many.c - which statements run over arrays of arguments on PostgreSQL, how they read then, and the arrays' bytes.
 */
#include "tests/lib/rows.h"

#include "core/db_postgres.h"

/* clang-format off */
static const struct rewriting {
	const char *name;
	unsigned how;
	const char *sql, *want; /* want NULL: row by row */
} rewritings[] = {
	{"a question is asked of each row", PG_MANY,
	 "SELECT a FROM t WHERE b = $1 AND c = $2",
	 "SELECT answer.*, given.nth FROM unnest($1, $2) WITH ORDINALITY AS given(g1, g2, nth), LATERAL "
	 "(SELECT a FROM t WHERE b = given.g1 AND c = given.g2 OFFSET 0) AS answer"},
	{"rows are locked where each is looked for", PG_MANY | PG_LOCKS,
	 "SELECT a FROM t WHERE b = $1",
	 "SELECT answer.*, given.nth FROM unnest($1) WITH ORDINALITY AS given(g1, nth), LATERAL "
	 "(SELECT a FROM t WHERE b = given.g1 FOR UPDATE) AS answer"},
	{"one question is locked as it is", PG_LOCKS,
	 "SELECT a FROM t WHERE b = $1",
	 "SELECT a FROM t WHERE b = $1 FOR UPDATE"},
	{"of a join the last table's rows are locked", PG_LOCKS,
	 "SELECT a FROM t JOIN u x ON x.i = t.i JOIN v y ON y.i = t.i WHERE b = $1",
	 "SELECT a FROM t JOIN u x ON x.i = t.i JOIN v y ON y.i = t.i WHERE b = $1 FOR UPDATE OF y"},
	{"which may have no other name", PG_LOCKS,
	 "SELECT a FROM t JOIN u ON u.i = t.i WHERE b = $1",
	 "SELECT a FROM t JOIN u ON u.i = t.i WHERE b = $1 FOR UPDATE OF u"},
	{"rows are put in by one statement", PG_MANY,
	 "INSERT INTO t (a, b) VALUES ($2, ($1))",
	 "INSERT INTO t (a, b) SELECT given.g2, (given.g1) FROM unnest($1, $2) AS given(g1, g2)"},
	{"and what follows stays", PG_MANY,
	 "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = (excluded.a)",
	 "INSERT INTO t (a) SELECT given.g1 FROM unnest($1) AS given(g1) ON CONFLICT (a) DO UPDATE SET b = (excluded.a)"},
	{"what stands beside the arguments stays", PG_MANY,
	 "INSERT INTO t (a, b) VALUES ('$2 )', $1)",
	 "INSERT INTO t (a, b) SELECT '$2 )', given.g1 FROM unnest($1) AS given(g1)"},
	{"changes are made by one statement", PG_MANY,
	 "UPDATE t SET a = $1 WHERE b = $2",
	 "UPDATE t SET a = given.g1 FROM unnest($1, $2) AS given(g1, g2) WHERE b = given.g2"},
	{"an order is of one answer", PG_MANY, "SELECT a FROM t WHERE b = $1 ORDER BY a", NULL},
	{"arguments behind the rows are for each", PG_MANY,
	 "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = $2", NULL},
	{"several rows in the text are several", PG_MANY, "INSERT INTO t (a) VALUES ($1), ($2)", NULL},
	{"what is put in from elsewhere comes row by row", PG_MANY, "INSERT INTO t (a) SELECT b FROM u WHERE c = $1", NULL},
	{"a parenthesis that never closes is nothing's", PG_MANY, "INSERT INTO t (a) VALUES ($1", NULL},
	{"a change of all is none of some", PG_MANY, "UPDATE t SET a = $1", NULL},
	{"a change that looks elsewhere is made row by row", PG_MANY, "UPDATE t SET a = $1 FROM u WHERE b = $2", NULL},
	{"and one with a question inside", PG_MANY, "UPDATE t SET a = (SELECT x WHERE true) WHERE b = $1", NULL},
	{"a removal is made row by row", PG_MANY, "DELETE FROM t WHERE a = $1", NULL},
	{"no arguments are no rows", PG_MANY, "SELECT 1", NULL},
	{"nothing is no statement", PG_MANY, "", NULL},
};
/* clang-format on */

static void
check_rewriting(void **state)
{
	const struct rewriting *r = *state;
	struct pg_text t = {0};
	struct err err = {0};

	assert_ok(pg_text_make(r->sql, r->how, &t, &err), &err);
	if (r->want == NULL)
		assert_null(t.sent);
	else
		assert_string_equal(t.sent, r->want);
	pg_text_release(&t);
}

/* array_recv: dimensions, has NULLs, element, length, first number; then each with its length in front. */
static void
arrays_read_as_the_server_wants_them(void **state)
{
	static const unsigned char numbers[] =
		"\0\0\0\1\0\0\0\1\0\0\0\24\0\0\0\2\0\0\0\1\0\0\0\10\377\377\377\377\377\377\377\376\377\377\377\377";
	static const unsigned char texts[] = "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\2\0\0\0\1\0\0\0\2ab\0\0\0\0";
	static const unsigned char blobs[] = "\0\0\0\1\0\0\0\0\0\0\0\21\0\0\0\2\0\0\0\1\0\0\0\1\0\0\0\0\2xy";
	const struct db_value values[] = {db_int(-2),        db_text("ab"), db_blob("\0", 1),
	                                  {.type = DB_NULL}, db_text(""),   db_blob("xy", 2)};
	struct buf bytes = {0};
	struct pg_args a = {0};
	struct err err = {0};

	(void)state;
	assert_ok(pg_many_set(&a, values, 3, 2, &bytes, &err), &err);
	assert_int_equal(a.n, 3);
	assert_int_equal(a.types[0], 1016);
	assert_int_equal(a.types[1], 1009);
	assert_int_equal(a.types[2], 1001);
	assert_int_equal(a.lengths[0], sizeof(numbers) - 1);
	assert_memory_equal(a.values[0], numbers, sizeof(numbers) - 1);
	assert_int_equal(a.lengths[1], sizeof(texts) - 1);
	assert_memory_equal(a.values[1], texts, sizeof(texts) - 1);
	assert_int_equal(a.lengths[2], sizeof(blobs) - 1);
	assert_memory_equal(a.values[2], blobs, sizeof(blobs) - 1);
	assert_int_equal(a.formats[0] + a.formats[1] + a.formats[2], 3);
	buf_release(&bytes);
}

/* clang-format off */
static const struct misfit {
	const char *name;
	size_t max_bytes;
	const struct db_value first, second;
} misfits[] = {
	{"a column of nothing has no type",  0,  {.type = DB_NULL},        {.type = DB_NULL}                          },
	{"a column of two types has none",   0,  {.type = DB_INT, .i = 1}, {.type = DB_TEXT, .data = "1", .len = 1}},
	{"what is too long goes row by row", 32, {.type = DB_INT, .i = 1}, {.type = DB_INT, .i = 2}                   },
};
/* clang-format on */

static void
check_misfit(void **state)
{
	const struct misfit *m = *state;
	const struct db_value values[] = {m->first, m->second};
	struct buf bytes = {.max_bytes = m->max_bytes};
	struct pg_args a = {.n = 7};
	struct err err = {0};

	assert_ok(pg_many_set(&a, values, 1, 2, &bytes, &err), &err);
	assert_int_equal(a.n, 0);
	buf_release(&bytes);
}

int
main(void)
{
	static struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, rewritings, check_rewriting);
	TEST(tests, n, arrays_read_as_the_server_wants_them);
	ROWS(tests, n, misfits, check_misfit);
	return rows_run("core/db_postgres_many", tests, n);
}
