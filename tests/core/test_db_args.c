/*
 * test_db_args.c - which statements run over a table of arguments, how they read then, and that they say the same.
 */
#include "tests/lib/rows.h"

#include <ftw.h>

#include "core/db.h"
#include "core/db_args.h"

static char dir[] = "/tmp/coldrelay-test-args.XXXXXX";

static const struct rewriting {
	const char *name, *sql, *want; /* want NULL: row by row */
} rewritings[] = {
	{"a question walks the table first",               "SELECT a, b FROM t WHERE c = $1 AND d = $2",
         "SELECT a_.rowid, a, b FROM coldrelay_args AS a_ CROSS JOIN t WHERE c = a_.c1 AND d = a_.c2"                                          },
	{"a join stays one",			       "SELECT t.a FROM t JOIN u ON u.id = t.id WHERE t.c = $12",
         "SELECT a_.rowid, t.a FROM coldrelay_args AS a_ CROSS JOIN t JOIN u ON u.id = t.id WHERE t.c = a_.c12"                                },
	{"a question inside is left alone",                "SELECT (SELECT x FROM u ORDER BY x LIMIT 1) FROM t WHERE c = $1",
         "SELECT a_.rowid, (SELECT x FROM u ORDER BY x LIMIT 1) FROM coldrelay_args AS a_ CROSS JOIN t WHERE c = "
         "a_.c1"															       },
	{"words in a text are no words",                   "SELECT ' FROM (' FROM t WHERE c = $1",
         "SELECT a_.rowid, ' FROM (' FROM coldrelay_args AS a_ CROSS JOIN t WHERE c = a_.c1"                                                   },
	{"rows are put in by one statement",               "INSERT INTO t (a, b) VALUES ($2, $1)",
         "INSERT OR FAIL INTO t (a, b) SELECT a_.c2, a_.c1 FROM coldrelay_args AS a_ WHERE true"                                               },
	{"and what follows stays",                         "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = (excluded.a)",
         "INSERT OR FAIL INTO t (a) SELECT a_.c1 FROM coldrelay_args AS a_ WHERE true ON CONFLICT (a) DO UPDATE SET b "
         "= (excluded.a)"														      },
	{"an order is of one answer",                      "SELECT a FROM t WHERE c = $1 ORDER BY a",                                      NULL},
	{"a limit is of one answer",                       "SELECT a FROM t WHERE c = $1 LIMIT 1",                                         NULL},
	{"a count is of one answer",                       "SELECT COUNT(*) FROM t WHERE c = $1",                                          NULL},
	{"the least is of one answer",                     "SELECT MIN(a) FROM t WHERE c = $1",                                            NULL},
	{"the most is of one answer",                      "SELECT 1 + MAX(a) FROM t WHERE c = $1",                                        NULL},
	{"a sum is of one answer",                         "SELECT SUM(a) FROM t WHERE c = $1",                                            NULL},
	{"groups are of one answer",                       "SELECT a FROM t WHERE c = $1 GROUP BY a",                                      NULL},
	{"what is different is so in one answer",          "SELECT DISTINCT a FROM t WHERE c = $1",                                        NULL},
	{"two questions are no one",                       "SELECT a FROM t WHERE c = $1 UNION SELECT b FROM t WHERE c = $1",              NULL},
	{"a question of no table is asked row by row",     "SELECT $1",								    NULL},
	{"what is put in from elsewhere comes row by row", "INSERT INTO t (a) SELECT b FROM u WHERE c = $1",                               NULL},
	{"a change is made row by row",                    "UPDATE t SET a = $1 WHERE b = $2",                                             NULL},
	{"a removal is made row by row",                   "DELETE FROM t WHERE a = $1",                                                   NULL},
	{"nothing is no statement",                        "",									     NULL},
};

static void
check_rewriting(void **state)
{
	const struct rewriting *r = *state;
	struct buf out = {0};
	bool joined = db_args_join(r->sql, &out);

	assert_int_equal(joined, r->want != NULL);
	if (joined)
		assert_string_equal(buf_str(&out), r->want);
	buf_release(&out);
}

static const char *const steps[] = {"CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT, data BLOB);"
                                    "CREATE TABLE u (name TEXT PRIMARY KEY, n BIGINT NOT NULL);"};
static const struct db_schema schema = {steps, 1};

static struct db *
open_store(void)
{
	static int number;
	char path[64];
	struct db *db = NULL;
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "%s/%d.db", dir, number++);
	assert_ok(db_open(&(struct db_options){.path = path, .mode = DB_CREATE, .schema = &schema}, &db, &err), &err);
	return db;
}

#define MANY 300
static const char put_t[] = "INSERT INTO t (id, name, data) VALUES ($1, $2, $3)";

/* Every kind of value, and rows with none. */
static void
put_many(struct db *db)
{
	struct db_value args[3 * MANY];
	char names[MANY][16];
	struct err err = {0};
	int64_t changed = 0;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n%d", i);
		args[3 * i] = db_int(i);
		args[3 * i + 1] = i % 7 == 0 ? db_text(NULL) : db_text(names[i]);
		args[3 * i + 2] = i % 5 == 0 ? db_blob(NULL, 0) : db_blob(&names[i], 3);
	}
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec_many(db, put_t, args, 3, MANY, &changed, &err), &err);
	assert_ok(db_commit(db, &err), &err);
	assert_int_equal(changed, MANY);
	assert_ok(db_get_int(db, "SELECT COUNT(*) FROM t WHERE typeof(data) = 'blob' AND typeof(name) <> 'blob'",
	                     DB_NO_ARGS, -1, &changed, &err),
	          &err);
	assert_int_equal(changed, MANY - MANY / 5);
}

struct heard {
	struct db *db;
	size_t last, n;
	int64_t sum;
	bool asks, fails;
};

static int
hear(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct heard *h = arg;
	char want[16];
	size_t len;
	const void *data = db_col_blob(row, 2, &len);
	int64_t id = db_col_int(row, 0), more = 0;

	assert_true(h->n == 0 || i > h->last);
	assert_int_equal(id, MANY - 1 - (int64_t)i);
	(void)snprintf(want, sizeof(want), "n%d", (int)id);
	assert_int_equal(db_col_is_null(row, 1), id % 7 == 0);
	if (id % 7 != 0)
		assert_string_equal(db_col_text(row, 1), want);
	assert_int_equal(len, id % 5 == 0 ? 0 : 3);
	if (len > 0)
		assert_memory_equal(data, want, 3);
	h->last = i;
	h->n++;
	h->sum += id;
	if (h->asks) {
		assert_ok(db_get_int(h->db, "SELECT id FROM t WHERE name = $1", DB_ARGS(db_text("n8")), -1, &more, err),
		          err);
		assert_int_equal(more, 8);
	}
	return h->fails && h->n == 3 ? err_set(err, CR_EREFUSED, "enough") : CR_OK;
}

/* Every second one is there. */
static int
ask_many(struct heard *h, struct err *err)
{
	struct db_value args[MANY];

	for (int i = 0; i < MANY; i++)
		args[i] = db_int(MANY - 1 - i + (i % 2 == 0 ? 0 : 10 * MANY));
	return db_query_many(h->db, DB_LOOK, "SELECT id, name, data FROM t WHERE id = $1", args, 1, MANY, hear, h, err);
}

static void
db_args__many_answers_come_in_order_with_their_values(void **state)
{
	struct heard h = {.db = open_store()};
	struct err err = {0};

	(void)state;
	put_many(h.db);
	for (int i = 0; i < 3; i++) {
		h.n = 0;
		h.sum = 0;
		h.asks = i == 1;
		assert_ok(ask_many(&h, &err), &err);
		assert_int_equal(h.n, MANY / 2);
		assert_int_equal(h.sum, (MANY - 1 + 1) * (MANY / 2) / 2);
	}
	db_drop(&h.db);
}

static void
db_args__who_hears_can_end_it_and_ask_again(void **state)
{
	struct heard h = {.db = open_store(), .fails = true};
	struct err err = {0};

	(void)state;
	put_many(h.db);
	assert_int_equal(ask_many(&h, &err), CR_EREFUSED);
	assert_int_equal(h.n, 3);
	h = (struct heard){.db = h.db};
	assert_ok(ask_many(&h, &err), &err);
	assert_int_equal(h.n, MANY / 2);
	db_drop(&h.db);
}

static int
ask_inside(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct heard *h = arg;
	struct heard inner = {.db = h->db};

	assert_int_equal(db_col_int(row, 0), (int64_t)i);
	h->n++;
	assert_ok(ask_many(&inner, err), err);
	assert_int_equal(inner.n, MANY / 2);
	return CR_OK;
}

static void
db_args__many_questions_inside_another_do_not_take_its_arguments(void **state)
{
	const struct db_value args[] = {db_int(0), db_int(1), db_int(2)};
	struct heard h = {.db = open_store()};
	struct err err = {0};

	(void)state;
	put_many(h.db);
	assert_ok(db_query_many(h.db, DB_LOOK, "SELECT id FROM t WHERE id = $1", args, 1, 3, ask_inside, &h, &err),
	          &err);
	assert_int_equal(h.n, 3);
	/* The very same one inside itself too. */
	h.n = 0;
	assert_ok(db_query_many(h.db, DB_LOOK, "SELECT id, name, data FROM t WHERE id = $1", args, 1, 3, ask_inside, &h,
	                        &err),
	          &err);
	assert_int_equal(h.n, 3);
	db_drop(&h.db);
}

static void
db_args__rows_that_conflict_are_an_error_and_go_with_their_transaction(void **state)
{
	const struct db_value args[] = {db_text("a"), db_int(1), db_text("b"), db_int(2), db_text("a"), db_int(3)};
	struct db *db = open_store();
	struct err err = {0};
	int64_t n = -1;

	(void)state;
	assert_ok(db_begin(db, &err), &err);
	assert_int_equal(db_exec_many(db, "INSERT INTO u (name, n) VALUES ($1, $2)", args, 2, 3, NULL, &err),
	                 CR_ECONFLICT);
	db_rollback(db);
	assert_ok(db_get_int(db, "SELECT COUNT(*) FROM u", DB_NO_ARGS, -1, &n, &err), &err);
	assert_int_equal(n, 0);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec_many(
			  db, "INSERT INTO u (name, n) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET n = excluded.n",
			  args, 2, 3, &n, &err),
	          &err);
	assert_ok(db_commit(db, &err), &err);
	assert_int_equal(n, 3);
	assert_ok(db_get_int(db, "SELECT SUM(n) FROM u", DB_NO_ARGS, -1, &n, &err), &err);
	assert_int_equal(n, 5);
	db_drop(&db);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
main(void)
{
	struct CMUnitTest tests[40];
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	ROWS(tests, n, rewritings, check_rewriting);
	TEST(tests, n, db_args__many_answers_come_in_order_with_their_values);
	TEST(tests, n, db_args__who_hears_can_end_it_and_ask_again);
	TEST(tests, n, db_args__many_questions_inside_another_do_not_take_its_arguments);
	TEST(tests, n, db_args__rows_that_conflict_are_an_error_and_go_with_their_transaction);
	failed = rows_run("core/db_args", tests, n);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return failed;
}
