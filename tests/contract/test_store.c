/*
 * test_store.c - both engines through the promises of db.h and of the gate; what only a server can do through its own.
 *
 * The server is one of our own, started for this test; without PostgreSQL its rows are skipped.
 */
#include "tests/budget/office.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "budget/copy.h"
#include "core/db.h"
#include "tests/budget/thin.h"
#include "tests/lib/server.h"

#define MAX_PLACES 4

static struct server server;
static bool has_server;

static const char *const steps[] = {
	"CREATE TABLE parent (id BIGINT PRIMARY KEY);"
	"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB, number BIGINT, "
	"parent BIGINT REFERENCES parent(id));",
	"CREATE TABLE pair (a TEXT NOT NULL, b INTEGER NOT NULL, text TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID; "
	"INSERT INTO pair (a, b) VALUES ('it''s; one', 1)",
};
static const struct db_schema schema_1 = {steps, 1}, schema_2 = {steps, 2};

struct place {
	char dir[64], path[STORE_PATH_MAX];
	struct db *db[MAX_PLACES];
	struct err err;
};

static int
open_at(struct place *p, size_t i, enum db_mode mode, const struct db_schema *schema, int64_t busy_ms)
{
	return db_open(&(struct db_options){.path = p->path, .mode = mode, .schema = schema, .busy_ms = busy_ms},
	               &p->db[i], &p->err);
}

/* n handles on one new store. */
static void
place_open(struct place *p, size_t n)
{
	*p = (struct place){.dir = "/tmp/coldrelay-store.XXXXXX"};
	assert_non_null(mkdtemp(p->dir));
	store_place(p->dir, "store.db", p->path);
	for (size_t i = 0; i < n; i++)
		assert_ok(open_at(p, i, DB_CREATE, &schema_2, 300), &p->err);
}

static void
place_close(struct place *p)
{
	char command[96];

	for (size_t i = 0; i < MAX_PLACES; i++)
		db_drop(&p->db[i]);
	store_clear(p->path);
	(void)snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
}

static void
begin(struct place *p, size_t i)
{
	assert_ok(db_begin(p->db[i], &p->err), &p->err);
}

static void
commit(struct place *p, size_t i)
{
	assert_ok(db_commit(p->db[i], &p->err), &p->err);
}

static int64_t
ask_int(struct place *p, size_t i, const char *sql)
{
	int64_t n = -1;

	assert_ok(db_get_int(p->db[i], sql, DB_NO_ARGS, -1, &n, &p->err), &p->err);
	return n;
}

static void
put(struct place *p, size_t i, int64_t id, const char *name)
{
	assert_ok(db_exec(p->db[i], "INSERT INTO t (id, name) VALUES ($1, $2)", DB_ARGS(db_int(id), db_text(name)),
	                  NULL, &p->err),
	          &p->err);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- db.h, both engines ---- */

static void
values_come_back_as_they_went(struct place *p)
{
	static const char insert[] = "INSERT INTO t (id, name, data, number) VALUES ($1, $2, $3, $4)";
	static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
	struct db_rows *rows = NULL;
	bool more;
	size_t len;

	begin(p, 0);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		assert_ok(db_exec(p->db[0], insert,
		                  DB_ARGS(db_int((int64_t)i),
		                          db_text(i == 0   ? NULL
		                                  : i == 1 ? ""
		                                  : i == 2 ? "gr\303\274n"
		                                  : i == 3 ? "x'\"\\%"
		                                           : "tab\t"),
		                          i == 0   ? db_blob(NULL, 0)
		                          : i == 1 ? db_blob("", 0)
		                                   : db_blob("\0\1\377\\x", 5),
		                          db_int(numbers[i])),
		                  NULL, &p->err),
		          &p->err);
	commit(p, 0);
	assert_ok(db_query(p->db[1], "SELECT name, data, number, number = $1 FROM t ORDER BY id",
	                   DB_ARGS(db_int(INT64_MAX)), &rows, &p->err),
	          &p->err);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		const void *data;

		assert_ok(db_next(rows, &more, &p->err), &p->err);
		assert_true(more);
		assert_int_equal(db_col_int(rows, 2), numbers[i]);
		assert_int_equal(db_col_int(rows, 3), numbers[i] == INT64_MAX);
		assert_int_equal(db_col_is_null(rows, 0), i == 0);
		assert_int_equal(db_col_is_null(rows, 1), i == 0);
		data = db_col_blob(rows, 1, &len);
		assert_int_equal(len, i < 2 ? 0 : 5);
		if (i < 2)
			assert_null(data);
		else
			assert_memory_equal(data, "\0\1\377\\x", 5);
		if (i == 0)
			assert_null(db_col_text(rows, 0));
		if (i == 2)
			assert_string_equal(db_col_text(rows, 0), "gr\303\274n");
		if (i == 3)
			assert_string_equal(db_col_text(rows, 0), "x'\"\\%");
	}
	assert_ok(db_next(rows, &more, &p->err), &p->err);
	assert_false(more);
	assert_ok(db_next(rows, &more, &p->err), &p->err);
	assert_false(more);
	db_rows_drop(&rows);
}

static void
conflicts_have_their_code(struct place *p)
{
	begin(p, 0);
	put(p, 0, 1, "one");
	assert_int_equal(db_exec(p->db[0], "INSERT INTO t (id, name) VALUES (2, 'one')", DB_NO_ARGS, NULL, &p->err),
	                 CR_ECONFLICT);
	db_rollback(p->db[0]);
	begin(p, 0);
	assert_int_equal(db_exec(p->db[0], "INSERT INTO t (id, parent) VALUES (3, 77)", DB_NO_ARGS, NULL, &p->err),
	                 CR_ECONFLICT);
	db_rollback(p->db[0]);
	begin(p, 0);
	assert_int_equal(db_exec(p->db[0], "INSERT INTO pair (a, b) VALUES ('x', NULL)", DB_NO_ARGS, NULL, &p->err),
	                 CR_EBUG);
	db_rollback(p->db[0]);
	begin(p, 0);
	assert_int_equal(db_exec(p->db[0], "INSERT INTO nowhere VALUES (1)", DB_NO_ARGS, NULL, &p->err), CR_ESTORE);
	db_rollback(p->db[0]);
	assert_int_equal(ask_int(p, 1, "SELECT count(*) FROM t"), 0);
}

static void
what_is_rolled_back_never_was(struct place *p)
{
	begin(p, 0);
	put(p, 0, 1, "gone");
	assert_int_equal(ask_int(p, 1, "SELECT count(*) FROM t"), 0);
	db_rollback(p->db[0]);
	db_rollback(p->db[0]);
	begin(p, 0);
	put(p, 0, 1, "gone too");
	assert_int_equal(db_end(p->db[0], CR_EREFUSED, &p->err), CR_EREFUSED);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 0);
	begin(p, 0);
	put(p, 0, 1, "stays");
	assert_ok(db_end(p->db[0], CR_OK, &p->err), &p->err);
	assert_int_equal(ask_int(p, 1, "SELECT count(*) FROM t"), 1);
	assert_int_equal(db_commit(p->db[0], &p->err), CR_EBUG);
}

static void
misuse_is_a_bug_and_does_nothing(struct place *p)
{
	struct db_rows *rows = NULL;

	assert_int_equal(db_exec(p->db[0], "DELETE FROM pair", DB_NO_ARGS, NULL, &p->err), CR_EBUG);
	assert_int_equal(db_query(p->db[0], "DELETE FROM pair RETURNING a", DB_NO_ARGS, &rows, &p->err), CR_EBUG);
	assert_null(rows);
	assert_int_equal(db_query(p->db[0], "SELECT a FROM pair WHERE b = $1", DB_NO_ARGS, &rows, &p->err), CR_EBUG);
	begin(p, 0);
	assert_int_equal(db_begin(p->db[0], &p->err), CR_EBUG);
	db_rollback(p->db[0]);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM pair"), 1);
	assert_int_equal(db_lock_keys(p->db[0], (const int64_t[]){1}, 1, &p->err), CR_EBUG);
}

static int
note_answer(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct place *p = arg;
	int64_t inner;
	int rc = db_get_int(p->db[0], "SELECT count(*) FROM t WHERE id <= $1", DB_ARGS(db_int(db_col_int(row, 0))), -1,
	                    &inner, err);

	if (rc != CR_OK)
		return rc;
	assert_int_equal(inner, db_col_int(row, 0));
	assert_int_equal(db_col_int(row, 0), 2 * (int64_t)i + 1);
	return i == 2 ? err_set(err, CR_EREFUSED, "enough") : CR_OK;
}

static void
many_are_done_in_order(struct place *p)
{
	static const char question[] = "SELECT id FROM t WHERE id = $1";
	const struct db_value ids[] = {db_int(1), db_int(3), db_int(5), db_int(7)};
	struct db_value rows[2 * 300];
	char names[300][8];
	int64_t changed = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n%zu", i);
		rows[2 * i] = db_int((int64_t)i + 1);
		rows[2 * i + 1] = db_text(names[i]);
	}
	begin(p, 0);
	assert_ok(db_exec_many(p->db[0], "INSERT INTO t (id, name) VALUES ($1, $2)", rows, 2, ARRAY_LEN(names),
	                       &changed, &p->err),
	          &p->err);
	assert_int_equal(changed, ARRAY_LEN(names));
	assert_ok(db_exec_many(p->db[0], "DELETE FROM t WHERE id = $1", ids, 1, 0, NULL, &p->err), &p->err);
	assert_int_equal(
		db_query_many(p->db[0], DB_LOCK_ROWS, question, ids, 1, ARRAY_LEN(ids), note_answer, p, &p->err),
		CR_EREFUSED);
	/* The third of four fails: an error, and the transaction is at an end for whoever goes on all the same. */
	rows[1] = rows[5];
	rows[0] = db_int(1000);
	assert_int_equal(
		db_exec_many(p->db[0], "INSERT INTO t (id, name) VALUES ($1, $2)", rows, 2, 4, &changed, &p->err),
		CR_ECONFLICT);
	db_rollback(p->db[0]);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 0);
	assert_int_equal(
		db_query_many(p->db[0], DB_LOCK_ROWS, question, ids, 1, ARRAY_LEN(ids), note_answer, p, &p->err),
		CR_EBUG);
}

struct answers {
	size_t n[4];
	int64_t sum;
};

static int
add_answer(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct answers *a = arg;
	size_t len;

	(void)err;
	assert_in_range(i, 0, ARRAY_LEN(a->n) - 1);
	a->n[i]++;
	a->sum += db_col_int(row, 1);
	assert_string_equal(db_col_text(row, 0), "name");
	assert_int_equal(db_col_is_null(row, 2), i == 0);
	(void)db_col_blob(row, 2, &len);
	assert_int_equal(len, i == 0 ? 0 : 3);
	return CR_OK;
}

/* Values of every kind, NULL among them; answers of none, one and several rows; and a column whose kind nobody can tell. */
static void
many_say_what_each_would(struct place *p)
{
	static const char insert[] = "INSERT INTO pair (a, b, text) VALUES ($1, $2, $3)";
	static const char put_data[] = "INSERT INTO t (id, data, number) VALUES ($1, $2, $3)";
	const struct db_value pairs[] = {db_text("x"),   db_int(1),    db_text(NULL), db_text("x"), db_int(2),
	                                 db_text("two"), db_text("y"), db_int(-3),    db_text("")};
	const struct db_value data[] = {db_int(1), db_blob("a\0b", 3), db_int(INT64_MIN),
	                                db_int(2), db_blob("", 0),     db_int(INT64_MAX)};
	const struct db_value nothing[] = {db_text("z"), db_int(1), db_text(NULL),
	                                   db_text("z"), db_int(2), db_text(NULL)};
	const struct db_value change[] = {db_text("new"), db_text("x"), db_text("other"), db_text("y")};
	int64_t changed = 0;

	begin(p, 0);
	assert_ok(db_exec_many(p->db[0], insert, pairs, 3, 3, &changed, &p->err), &p->err);
	assert_int_equal(changed, 3);
	assert_ok(db_exec_many(p->db[0], insert, nothing, 3, 2, &changed, &p->err), &p->err);
	assert_ok(db_exec_many(p->db[0], put_data, data, 3, 2, NULL, &p->err), &p->err);
	assert_ok(db_exec_many(p->db[0], "UPDATE pair SET text = $1 WHERE a = $2", change, 2, 2, &changed, &p->err),
	          &p->err);
	assert_int_equal(changed, 3);
	commit(p, 0);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM pair WHERE a = 'x' AND text = 'new'"), 2);
	assert_int_equal(ask_int(p, 0, "SELECT b FROM pair WHERE text = 'other'"), -3);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM pair WHERE a = 'z' AND text IS NULL"), 2);
	assert_int_equal(ask_int(p, 0, "SELECT length(data) FROM t WHERE number < 0"), 3);
	assert_int_equal(ask_int(p, 0, "SELECT length(data) FROM t WHERE number > 0"), 0);
}

static void
each_answer_has_its_number(struct place *p)
{
	const struct db_value rows[] = {db_int(10),        db_blob(NULL, 0), db_int(21),
	                                db_blob("abc", 3), db_int(22),       db_blob("abc", 3)};
	const struct db_value asked[] = {db_int(0),  db_int(9),  db_int(10), db_int(90),
	                                 db_int(99), db_int(20), db_int(29)};
	struct answers a = {0};

	begin(p, 0);
	assert_ok(db_exec_many(p->db[0], "INSERT INTO t (id, data) VALUES ($1, $2)", rows, 2, 3, NULL, &p->err),
	          &p->err);
	assert_ok(db_query_many(p->db[0], DB_LOCK_ROWS,
	                        "SELECT 'name', id, data FROM t WHERE id >= $1 AND id <= 9 + $1 - 9 + $2 - $1",
	                        (const struct db_value[]){asked[2], asked[2], asked[3], asked[4], asked[5], asked[6]},
	                        2, 3, add_answer, &a, &p->err),
	          &p->err);
	assert_int_equal(a.n[0], 1);
	assert_int_equal(a.n[1], 0);
	assert_int_equal(a.n[2], 2);
	assert_int_equal(a.sum, 53);
	commit(p, 0);
}

static void
questions_nest(struct place *p)
{
	struct db_rows *outer = NULL, *inner = NULL;
	bool more;
	int seen = 0;

	begin(p, 0);
	put(p, 0, 1, "a");
	put(p, 0, 2, "b");
	put(p, 0, 3, "c");
	commit(p, 0);
	assert_ok(db_query(p->db[0], "SELECT id FROM t ORDER BY id", DB_NO_ARGS, &outer, &p->err), &p->err);
	while (db_next(outer, &more, &p->err) == CR_OK && more) {
		assert_ok(db_query(p->db[0], "SELECT id FROM t ORDER BY id", DB_NO_ARGS, &inner, &p->err), &p->err);
		while (db_next(inner, &more, &p->err) == CR_OK && more)
			seen += (int)(db_col_int(outer, 0) * db_col_int(inner, 0));
		db_rows_drop(&inner);
	}
	db_rows_drop(&outer);
	assert_int_equal(seen, 36);
}

static void
text_is_ordered_by_its_bytes(struct place *p)
{
	static const char *const want[] = {"", "-", "B", "Z", "_", "a", "b", "\303\244"};
	struct db_rows *rows = NULL;
	bool more;

	begin(p, 0);
	for (size_t i = ARRAY_LEN(want); i-- > 0;)
		put(p, 0, (int64_t)i, want[i]);
	commit(p, 0);
	assert_ok(db_query(p->db[0], "SELECT name FROM t ORDER BY name", DB_NO_ARGS, &rows, &p->err), &p->err);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_ok(db_next(rows, &more, &p->err), &p->err);
		assert_true(more);
		assert_string_equal(db_col_text(rows, 0), want[i]);
	}
	db_rows_drop(&rows);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t WHERE name > 'Z' AND name < 'a'"), 1);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t WHERE name LIKE '%_' AND id > 0"), 7);
	assert_int_equal(ask_int(p, 0, "SELECT sum(id) FROM t"), 28);
}

static void
who_begins_is_alone(struct place *p)
{
	int64_t start = now_ms();

	begin(p, 0);
	assert_int_equal(db_begin(p->db[1], &p->err), CR_ERETRY);
	assert_in_range(now_ms() - start, 250, 2500);
	assert_int_equal(db_begin_shared(p->db[1], &p->err), CR_ERETRY);
	db_rollback(p->db[0]);
	assert_ok(db_begin_shared(p->db[1], &p->err), &p->err);
	assert_int_equal(db_begin(p->db[0], &p->err), CR_ERETRY);
	put(p, 1, 1, "shared");
	commit(p, 1);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 1);
}

static void
the_mark_tells_that_others_wrote(struct place *p)
{
	uint64_t before = 0, after = 0;

	assert_ok(db_mark(p->db[0], &before, &p->err), &p->err);
	/* Only of a file can that be told without asking. */
	assert_int_equal(db_unchanged(p->db[0], before), !db_is_server(p->db[0]));
	begin(p, 1);
	put(p, 1, 1, "news");
	commit(p, 1);
	assert_false(db_unchanged(p->db[0], before));
	assert_ok(db_mark(p->db[0], &after, &p->err), &p->err);
	assert_true(before != after);
	begin(p, 0);
	put(p, 0, 2, "of my own");
	commit(p, 0);
	assert_ok(db_mark(p->db[0], &before, &p->err), &p->err);
	assert_true(before != after);
}

static void *
open_and_close(void *arg)
{
	struct place *p = arg;
	struct db *db = NULL;
	struct err err = {0};
	int rc = db_open(&(struct db_options){.path = p->path, .mode = DB_CREATE, .schema = &schema_2}, &db, &err);

	db_drop(&db);
	return rc == CR_OK ? p : NULL;
}

static void
many_may_make_a_store_at_once(struct place *p)
{
	pthread_t threads[6];
	void *ok;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, p), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &ok), 0);
		assert_ptr_equal(ok, p);
	}
	assert_ok(open_at(p, 0, DB_WRITE, &schema_2, 300), &p->err);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM pair WHERE a = 'it''s; one'"), 1);
}

static void
versions_are_kept_apart(struct place *p)
{
	if (store_server() != NULL)
		assert_int_equal(open_at(p, 0, DB_READ, &schema_1, 300), CR_ENOTFOUND);
	assert_ok(open_at(p, 0, DB_CREATE, &schema_1, 300), &p->err);
	assert_int_equal(open_at(p, 1, DB_READ, &schema_2, 300), CR_ECONFIG);
	assert_ok(open_at(p, 1, DB_WRITE, &schema_2, 300), &p->err);
	assert_ok(open_at(p, 2, DB_READ, &schema_2, 300), &p->err);
	assert_int_equal(db_begin(p->db[2], &p->err), CR_EBUG);
	assert_int_equal(open_at(p, 3, DB_WRITE, &schema_1, 300), CR_ECONFIG);
	assert_non_null(strstr(p->err.text, "newer"));
}

/* The program's own last step: each pace by the same two names, in the other order. */
static void
paces_of_schema_3_come_along(struct place *p)
{
	const struct db_schema old = {.migrations = schema_coldrelay.migrations, .n_migrations = 3};
	char name[64];

	assert_ok(open_at(p, 0, DB_CREATE, &old, 300), &p->err);
	begin(p, 0);
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "org%d.example", i / 2);
		assert_ok(db_exec(p->db[0],
		                  "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4)",
		                  DB_ARGS(db_text(i % 2 == 0 ? TENANT : "adatum.example"), db_text(name), db_int(i),
		                          db_blob(name, strlen(name))),
		                  NULL, &p->err),
		          &p->err);
	}
	commit(p, 0);
	db_drop(&p->db[0]);
	assert_ok(open_at(p, 0, DB_WRITE, &schema_coldrelay, 300), &p->err);
	assert_int_equal(ask_int(p, 0, "SELECT COUNT(*) FROM pace"), 500);
	assert_int_equal(ask_int(p, 0,
	                         "SELECT SUM(last_ms) FROM pace WHERE tenant = '" TENANT
	                         "' AND organisation LIKE 'org%.example'"),
	                 249 * 250);
	assert_int_equal(ask_int(p, 0,
	                         "SELECT last_ms FROM pace WHERE tenant = 'adatum.example' AND organisation = "
	                         "'org249.example'"),
	                 499);
}

/* handles: opened beforehand, all of schema_2. */
static const struct promise {
	const char *name;
	size_t handles;
	void (*check)(struct place *p);
} promises[] = {
	{"values come back as they went",     2, values_come_back_as_they_went   },
	{"conflicts have their code",         2, conflicts_have_their_code       },
	{"what is rolled back never was",     2, what_is_rolled_back_never_was   },
	{"misuse is a bug, and does nothing", 1, misuse_is_a_bug_and_does_nothing},
	{"many are done in order",            1, many_are_done_in_order          },
	{"many say what each would",          1, many_say_what_each_would        },
	{"each answer has its number",        1, each_answer_has_its_number      },
	{"questions nest",                    1, questions_nest                  },
	{"text is ordered by its bytes",      1, text_is_ordered_by_its_bytes    },
	{"who begins is alone",               2, who_begins_is_alone             },
	{"the mark tells that others wrote",  2, the_mark_tells_that_others_wrote},
	{"many may make a store at once",     0, many_may_make_a_store_at_once   },
	{"versions are kept apart",           0, versions_are_kept_apart         },
	{"paces of schema 3 come along",      0, paces_of_schema_3_come_along    },
};

/* ---- the gate, both engines ---- */

/* On a server its time is the gate's; standing there so that a test can move it. */
static void
office_time(struct office *o, int64_t ms)
{
	static const char make[] =
		"CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
		"'SELECT to_timestamp(value::double precision / 1000) FROM meta WHERE key = ''test.now'''";

	fake_clock_advance(&o->clock, ms);
	if (store_server() == NULL)
		return;
	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(
		db_exec(o->db,
	                "INSERT INTO meta (key, value) VALUES ('test.now', $1) ON CONFLICT (key) DO UPDATE SET value = "
	                "excluded.value",
	                DB_ARGS(db_text("0")), NULL, &o->err),
		&o->err);
	if (ms == 0)
		assert_ok(db_exec(o->db, make, DB_NO_ARGS, NULL, &o->err), &o->err);
	assert_ok(db_exec(o->db, "UPDATE meta SET value = $1::bigint::text WHERE key = 'test.now'",
	                  DB_ARGS(db_int(clock_wall_ms(&o->clock.clock))), NULL, &o->err),
	          &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

static void
the_budget_holds_for_24_hours(struct office *o)
{
	struct gate_answer first = office_ask(o, ANNA, EXTERN_MAIL, "m1"), again;

	assert_string_equal(office_word(&first), "allow");
	again = office_ask(o, ANNA, EXTERN_MAIL, "m1");
	assert_string_equal(again.ticket, first.ticket);
	assert_answer(o, ANNA, EXTERN_MAIL, "allow");
	assert_answer(o, ANNA, EXTERN_MAIL, "budget");
	assert_answer(o, ANNA, BEN, "allow");
	assert_answer(o, ANNA, BEN, "allow");
	assert_answer(o, ANNA, BEN, "budget");
	office_time(o, DAY_MS);
	assert_answer(o, ANNA, EXTERN_MAIL, "budget");
	office_time(o, 1);
	assert_answer(o, ANNA, EXTERN_MAIL, "allow");
}

static void
a_ticket_gives_its_token_back_once(struct office *o)
{
	struct gate_answer a = office_ask(o, ANNA, EXTERN_MAIL, NULL);

	assert_answer(o, ANNA, EXTERN_MAIL, "allow");
	office_time(o, 1000);
	assert_ok(gate_release(o->gate, a.ticket, &o->err), &o->err);
	assert_int_equal(gate_release(o->gate, a.ticket, &o->err), CR_ENOTFOUND);
	assert_answer(o, ANNA, EXTERN_MAIL, "allow");
	assert_answer(o, ANNA, EXTERN_MAIL, "budget");
}

static void
a_freeze_and_a_suppression_bind_at_once(struct office *o)
{
	struct office other = *o;
	struct contain c;
	bool added;

	assert_answer(o, ANNA, EXTERN_MAIL, "allow");
	other.db = office_open_store(o, DB_WRITE);
	CHANGE(&other, contain_freeze, "getnorthwind.example", "manual", "a test");
	assert_answer(o, ANNA, EXTERN_MAIL, "frozen");
	CHANGE(&other, contain_thaw, "getnorthwind.example", "a test");
	c = office_contain(&other);
	assert_ok(db_begin(other.db, &o->err), &o->err);
	assert_ok(suppress_add(&c,
	                       &(struct suppress_entry){
				       .scope = "", .what = EXTERN_MAIL, .reason = "asked", .source = "manual"},
	                       &added, &o->err),
	          &o->err);
	assert_true(added);
	assert_ok(db_commit(other.db, &o->err), &o->err);
	assert_answer(o, ANNA, EXTERN_MAIL, "suppressed");
	assert_answer(o, CARL, EXTERN_MAIL, "suppressed");
	db_drop(&other.db);
}

struct racer {
	struct office *office;
	const char *recipient;
	unsigned seed;
	int allowed, trouble;
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	struct office o = *r->office;
	struct gate_limits limits = NO_PACE;

	limits.org_per_hour = 3;
	o.gate = NULL;
	/* They wait for each other in real time. */
	assert_ok(db_open(
			  &(struct db_options){
				  .path = o.path, .mode = DB_WRITE, .schema = &schema_coldrelay, .busy_ms = 20000},
			  &o.db, &o.err),
	          &o.err);
	office_gate(&o, limits);
	for (int i = 0; i < 8; i++) {
		static const char *const boxes[] = {ANNA, BEN, CARL};
		char id[32];
		struct gate_request q[2] = {
			{.mailbox = boxes[(r->seed + (unsigned)i) % 3], .recipient = EXTERN_MAIL, .message_id = id},
			{.mailbox = boxes[(r->seed + (unsigned)i) % 3],
		         .recipient = "eve@other.example",
		         .message_id = id									 },
		};
		struct gate_answer a[2];
		int rc = gate_begin(o.gate, &o.err);

		(void)snprintf(id, sizeof(id), "%u-%d", r->seed, i);
		if (rc == CR_OK && (rc = gate_ask_in(o.gate, q, 1 + (size_t)i % 2, a, &o.err)) != CR_OK)
			gate_rollback(o.gate);
		else if (rc == CR_OK)
			rc = gate_commit(o.gate, &o.err);
		if (rc == CR_OK)
			r->allowed += a[0].verdict == GATE_ALLOW ? 1 + i % 2 : 0;
		else
			r->trouble++;
	}
	gate_drop(&o.gate);
	db_drop(&o.db);
	return NULL;
}

/* 3 mailboxes, 2 outbound each; the organisation may hear 3 an hour. */
static void
gates_side_by_side_never_give_more(struct office *o)
{
	struct racer racers[6];
	pthread_t threads[ARRAY_LEN(racers)];
	int64_t spent = 0, paced = 0;
	int allowed = 0, trouble = 0;

	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		racers[i] = (struct racer){.office = o, .seed = (unsigned)i};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		allowed += racers[i].allowed;
		trouble += racers[i].trouble;
	}
	assert_int_equal(trouble, 0);
	assert_ok(db_get_int(o->db, "SELECT count(*) FROM history", DB_NO_ARGS, -1, &spent, &o->err), &o->err);
	assert_int_equal(spent, allowed);
	assert_ok(db_get_int(o->db, "SELECT count(*) FROM history WHERE organisation = 'fabrikam.example'", DB_NO_ARGS,
	                     -1, &paced, &o->err),
	          &o->err);
	assert_in_range(paced, 1, 3);
	assert_in_range(allowed, 1, 6);
	assert_ok(db_get_int(o->db,
	                     "SELECT COALESCE(MAX(n), 0) FROM (SELECT COUNT(*) AS n FROM history GROUP BY mailbox) x",
	                     DB_NO_ARGS, -1, &spent, &o->err),
	          &o->err);
	assert_in_range(spent, 1, 2);
}

static void
every_change_is_in_the_chain(struct office *o)
{
	struct audit_report report;

	CHANGE(o, contain_freeze, "getnorthwind.example", "manual", "a test");
	assert_ok(audit_verify(o->db, o->vault, &report, &o->err), &o->err);
	assert_int_equal(report.first_bad_seq, 0);
	assert_true(report.rows > 5);
	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(db_exec(o->db, "UPDATE audit SET subject = 'nobody' WHERE seq = 2", DB_NO_ARGS, NULL, &o->err),
	          &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
	assert_ok(audit_verify(o->db, o->vault, &report, &o->err), &o->err);
	assert_int_equal(report.first_bad_seq, 2);
}

/* In the order of bytes on both: a hyphen, digits, letters, and what is none of them. */
static void
paces_that_are_over_go_and_no_others(struct office *o)
{
	static const char *const begin[] = {"!", "-", "0", "M", "m", "xn--a", "zz", "\xc3\xa4"};
	const int64_t binds_ms = OFFICE_START_MS - PACE_DAY_MS;
	uint64_t seed = 1;
	char name[64];

	assert_ok(db_begin(o->db, &o->err), &o->err);
	for (size_t i = 0; i < 100 * ARRAY_LEN(begin); i++) {
		(void)snprintf(name, sizeof(name), "%s%zu.example", begin[i / 100], i);
		thin_put(o, i % 4 < 2 ? TENANT : "adatum.example", name, i % 2 == 0 ? binds_ms : binds_ms - 1);
	}
	assert_ok(db_commit(o->db, &o->err), &o->err);
	for (size_t i = 0; i < 100; i++) {
		const size_t to = thin_random(&seed) % (50 * ARRAY_LEN(begin)) * 2;

		(void)snprintf(name, sizeof(name), "%s%zu.example", begin[to / 100], to);
		thin_send(o, to % 4 < 2 ? TENANT : "adatum.example", name, OFFICE_START_MS, thin_random(&seed));
	}
	assert_int_equal(thin_count(o, "SELECT COUNT(*) FROM pace"), 50 * ARRAY_LEN(begin));
	assert_int_equal(thin_count(o, "SELECT COUNT(*) FROM pace WHERE last_ms < 1763982418999"), 0);
}

static const struct duty {
	const char *name;
	void (*check)(struct office *o);
} duties[] = {
	{"the budget holds for 24 hours",           the_budget_holds_for_24_hours          },
	{"a ticket gives its token back, once",     a_ticket_gives_its_token_back_once     },
	{"a freeze and a suppression bind at once", a_freeze_and_a_suppression_bind_at_once},
	{"gates side by side never give more",      gates_side_by_side_never_give_more     },
	{"every change is in the chain",            every_change_is_in_the_chain           },
	{"paces that are over go, and no others",   paces_that_are_over_go_and_no_others   },
};

/* ---- a server alone ---- */

static void
server_url(const char *user, char *out, size_t size)
{
	char port[16];

	(void)snprintf(out, size, "postgresql://%s@127.0.0.1:%s/coldrelay", user,
	               server_value(&server, "PORT", port, sizeof(port)));
}

static void
use(bool on_server)
{
	char url[160];

	if (!on_server) {
		(void)unsetenv("COLDRELAY_TEST_STORE");
		return;
	}
	if (!has_server)
		skip();
	server_url("coldrelay", url, sizeof(url));
	(void)setenv("COLDRELAY_TEST_STORE", url, 1);
}

/* As the superuser, in the server's own words. */
static void
tell(const char *sql)
{
	char url[160], bin[96], command[512];

	server_url("postgres", url, sizeof(url));
	(void)snprintf(command, sizeof(command), "%s/psql -qAtX -v ON_ERROR_STOP=1 -c \"%s\" %s >/dev/null",
	               server_value(&server, "BIN", bin, sizeof(bin)), sql, url);
	assert_int_equal(system(command), 0);
}

static void
decisions_run_side_by_side(struct place *p)
{
	static const int64_t keys[] = {3, 7, INT64_MAX};

	assert_ok(db_begin_shared(p->db[0], &p->err), &p->err);
	assert_ok(db_begin_shared(p->db[1], &p->err), &p->err);
	put(p, 0, 1, "one");
	put(p, 1, 2, "two");
	assert_ok(db_lock_keys(p->db[0], keys, ARRAY_LEN(keys), &p->err), &p->err);
	assert_ok(db_lock_keys(p->db[1], (const int64_t[]){4}, 1, &p->err), &p->err);
	assert_ok(db_settle(p->db[0], &p->err), &p->err);
	assert_ok(db_lock_keys(p->db[1], keys + 1, 1, &p->err), &p->err);
	assert_int_equal(db_settle(p->db[1], &p->err), CR_ERETRY);
	assert_int_equal(db_commit(p->db[1], &p->err), CR_ESTORE);
	commit(p, 0);
	assert_int_equal(ask_int(p, 1, "SELECT count(*) FROM t"), 1);
}

static int
ignore_row(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	(void)arg;
	(void)i;
	(void)row;
	(void)err;
	return CR_OK;
}

static int
lock_row(struct place *p, size_t i, int64_t id)
{
	const struct db_value arg = db_int(id);

	return db_query_many(p->db[i], DB_LOCK_ROWS, "SELECT id FROM t WHERE id = $1", &arg, 1, 1, ignore_row, NULL,
	                     &p->err);
}

/* What another gate wrote while its rows were waited for is seen. */
struct waiter {
	struct place *p;
	int64_t seen[2];
	int rc;
	_Atomic bool asks;
};

static int
note_number(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct waiter *w = arg;

	(void)err;
	w->seen[i] = db_col_int(row, 0);
	return CR_OK;
}

static void *
wait_for_rows(void *arg)
{
	struct waiter *w = arg;
	const struct db_value ids[] = {db_int(1), db_int(2)};
	struct err err = {0};

	w->rc = db_begin_shared(w->p->db[1], &err);
	w->asks = true;
	if (w->rc == CR_OK)
		w->rc = db_query_many(w->p->db[1], DB_LOCK_ROWS,
		                      "SELECT u.number FROM t JOIN t u ON u.id = t.id WHERE t.id = $1", ids, 1, 2,
		                      note_number, w, &err);
	db_rollback(w->p->db[1]);
	return NULL;
}

static void
who_waits_for_rows_sees_the_newest(struct place *p)
{
	static const char is_waiting[] = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
	struct waiter w = {.p = p};
	pthread_t other;
	int64_t start;

	begin(p, 0);
	put(p, 0, 1, "one");
	put(p, 0, 2, "two");
	commit(p, 0);
	for (size_t i = 0; i < 2; i++) {
		db_drop(&p->db[i]);
		assert_ok(open_at(p, i, DB_WRITE, &schema_2, 8000), &p->err);
	}
	assert_ok(db_begin_shared(p->db[0], &p->err), &p->err);
	assert_ok(db_exec(p->db[0], "UPDATE t SET number = 7", DB_NO_ARGS, NULL, &p->err), &p->err);
	assert_int_equal(pthread_create(&other, NULL, wait_for_rows, &w), 0);
	for (start = now_ms(); !w.asks || ask_int(p, 0, is_waiting) == 0;)
		assert_true(now_ms() - start < 8000);
	commit(p, 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(w.rc, CR_OK);
	assert_int_equal(w.seen[0], 7);
	assert_int_equal(w.seen[1], 7);
}

/* As a server of another make may: then each row is asked for itself, for as long as this program runs. */
static void
a_server_without_arrays_is_asked_row_by_row(struct place *p)
{
	const struct db_value rows[] = {db_int(1), db_text("one"), db_int(2), db_text("two")};
	static const char sql[] = "INSERT INTO t (id, name) VALUES ($1, $2)";

	begin(p, 0);
	assert_ok(db_exec(p->db[0],
	                  "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF current_query() LIKE "
	                  "''%unnest%'' THEN RAISE feature_not_supported; END IF; RETURN NEW; END'",
	                  DB_NO_ARGS, NULL, &p->err),
	          &p->err);
	assert_ok(db_exec(p->db[0], "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
	                  DB_NO_ARGS, NULL, &p->err),
	          &p->err);
	commit(p, 0);
	begin(p, 0);
	assert_int_equal(db_exec_many(p->db[0], sql, rows, 2, 2, NULL, &p->err), CR_OK);
	assert_int_equal(db_commit(p->db[0], &p->err), CR_ERETRY);
	assert_true(db_again(p->db[0]));
	begin(p, 0);
	assert_ok(db_exec_many(p->db[0], sql, rows, 2, 2, NULL, &p->err), &p->err);
	commit(p, 0);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 2);
}

static _Atomic bool has_second;

static void *
lock_the_other_way(void *arg)
{
	struct place *p = arg;
	struct err err = {0};
	const struct db_value one = db_int(1), two = db_int(2);
	static const char sql[] = "SELECT id FROM t WHERE id = $1";
	bool told = false;
	int rc = db_begin_shared(p->db[1], &err);

	if (rc == CR_OK)
		rc = db_query_many(p->db[1], DB_LOCK_ROWS, sql, &two, 1, 1, ignore_row, NULL, &err);
	has_second = true;
	if (rc == CR_OK) {
		rc = db_query_many(p->db[1], DB_LOCK_ROWS, sql, &one, 1, 1, ignore_row, NULL, &err);
		told = rc == CR_ERETRY && db_again(p->db[1]);
	}
	db_rollback(p->db[1]);
	return rc == CR_OK || told ? p : NULL;
}

/* One of the two is told, and that it may try again at once. */
static void
a_deadlock_may_be_tried_again(struct place *p)
{
	pthread_t other;
	void *as_wanted;
	int rc;

	begin(p, 0);
	put(p, 0, 1, "one");
	put(p, 0, 2, "two");
	commit(p, 0);
	for (size_t i = 0; i < 2; i++) {
		db_drop(&p->db[i]);
		assert_ok(open_at(p, i, DB_WRITE, &schema_2, 8000), &p->err);
	}
	assert_false(db_again(p->db[0]));
	assert_ok(db_begin_shared(p->db[0], &p->err), &p->err);
	assert_ok(lock_row(p, 0, 1), &p->err);
	has_second = false;
	assert_int_equal(pthread_create(&other, NULL, lock_the_other_way, p), 0);
	while (!has_second)
		(void)sched_yield();
	rc = lock_row(p, 0, 2);
	if (rc != CR_OK) {
		assert_int_equal(rc, CR_ERETRY);
		assert_true(db_again(p->db[0]));
	}
	db_rollback(p->db[0]);
	assert_int_equal(pthread_join(other, &as_wanted), 0);
	assert_ptr_equal(as_wanted, p);
}

/* Its processes too: each is in a session of its own. */
static void
signal_server(const char *name)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "kill -%s $(pgrep -P %ld) %ld", name, (long)server.pid,
	               (long)server.pid);
	assert_int_equal(system(command), 0);
}

static void
a_stopped_server_costs_its_deadline(struct place *p)
{
	int64_t start, fast;

	begin(p, 0);
	put(p, 0, 1, "before");
	signal_server("STOP");
	start = now_ms();
	assert_int_equal(db_exec(p->db[0], "INSERT INTO t (id) VALUES (2)", DB_NO_ARGS, NULL, &p->err), CR_ERETRY);
	assert_in_range(now_ms() - start, 250, 2500);
	assert_int_equal(db_commit(p->db[0], &p->err), CR_ESTORE);
	/* Then a new connection is tried, in vain, and after that everybody hears at once. */
	assert_int_equal(db_begin(p->db[0], &p->err), CR_ERETRY);
	fast = now_ms();
	assert_int_equal(db_begin_shared(p->db[0], &p->err), CR_ERETRY);
	assert_in_range(now_ms() - fast, 0, 60);
	assert_non_null(strstr(p->err.text, "away"));
	signal_server("CONT");
	for (start = now_ms(); db_begin(p->db[0], &p->err) != CR_OK;)
		assert_true(now_ms() - start < 20000);
	commit(p, 0);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 0);
}

static void
a_lost_connection_is_made_anew(struct place *p)
{
	static const char cut[] =
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'coldrelay'";

	begin(p, 0);
	put(p, 0, 1, "one");
	commit(p, 0);
	tell(cut);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 1);
	tell(cut);
	begin(p, 0);
	put(p, 0, 2, "two");
	tell(cut);
	/* Nobody knows what a commit did that never got an answer. */
	assert_int_equal(db_commit(p->db[0], &p->err), CR_EUNKNOWN);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 1);
	begin(p, 0);
	tell(cut);
	assert_int_equal(db_exec(p->db[0], "INSERT INTO t (id) VALUES (3)", DB_NO_ARGS, NULL, &p->err), CR_ERETRY);
	assert_int_equal(db_exec(p->db[0], "INSERT INTO t (id) VALUES (4)", DB_NO_ARGS, NULL, &p->err), CR_ESTORE);
	assert_int_equal(db_commit(p->db[0], &p->err), CR_ESTORE);
	assert_int_equal(ask_int(p, 0, "SELECT count(*) FROM t"), 1);
}

static void
a_commit_is_durable_whatever_the_role_says(struct place *p)
{
	char *got = NULL;

	tell("ALTER ROLE coldrelay SET synchronous_commit = off");
	assert_ok(open_at(p, 1, DB_WRITE, &schema_2, 300), &p->err);
	assert_ok(db_get_text(p->db[1], "SELECT current_setting('synchronous_commit')", DB_NO_ARGS, &got, &p->err),
	          &p->err);
	assert_string_equal(got, "off");
	free(got);
	got = NULL;
	begin(p, 1);
	assert_ok(db_get_text(p->db[1], "SELECT current_setting('synchronous_commit')", DB_NO_ARGS, &got, &p->err),
	          &p->err);
	assert_string_equal(got, "on");
	free(got);
	db_rollback(p->db[1]);
	tell("ALTER ROLE coldrelay RESET synchronous_commit");
}

static void
a_server_without_fsync_is_refused(struct place *p)
{
	int rc = CR_OK;

	tell("ALTER SYSTEM SET fsync = off");
	tell("SELECT pg_reload_conf()");
	for (int64_t start = now_ms(); rc == CR_OK && now_ms() - start < 5000;) {
		db_drop(&p->db[1]);
		rc = open_at(p, 1, DB_WRITE, &schema_2, 300);
	}
	tell("ALTER SYSTEM RESET fsync");
	tell("SELECT pg_reload_conf()");
	assert_int_equal(rc, CR_ECONFIG);
	assert_non_null(strstr(p->err.text, "fsync"));
}

static int
set_lineage(struct place *p, int synchronous)
{
	int64_t now;

	begin(p, 0);
	assert_ok(db_exec(p->db[0], "UPDATE coldrelay_schema SET lineage = '1/00000000', synchronous = $1::int",
	                  DB_ARGS(db_int(synchronous)), NULL, &p->err),
	          &p->err);
	commit(p, 0);
	/* Noticed at once, by the connection that is there; and by the next one, which looks closer. */
	assert_int_equal(db_now(p->db[0], &now, &p->err), CR_ERETRY);
	return db_now(p->db[0], &now, &p->err);
}

static void
after_a_failover_the_clock_waits(struct place *p)
{
	int64_t now = 0, real = (int64_t)time(NULL) * 1000;

	assert_ok(db_now(p->db[0], &now, &p->err), &p->err);
	assert_in_range(now, real - 5000, real + 5000);
	assert_ok(set_lineage(p, 1), &p->err);
	assert_int_equal(set_lineage(p, 0), CR_ERETRY);
	assert_in_range(p->err.retry_after_s, 86390, 86400);
	assert_int_equal(db_now(p->db[1], &now, &p->err), CR_ERETRY);
	begin(p, 1);
	assert_ok(db_trust(p->db[1], &p->err), &p->err);
	commit(p, 1);
	assert_ok(db_now(p->db[0], &now, &p->err), &p->err);
	assert_ok(db_now(p->db[1], &now, &p->err), &p->err);
}

static void
a_password_is_never_shown(struct place *p)
{
	char path[STORE_PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "postgresql://coldrelay:hunter2@%s", strstr(p->path, "@") + 1);
	assert_ok(
		db_open(&(struct db_options){.path = path, .mode = DB_WRITE, .schema = &schema_2}, &p->db[1], &p->err),
		&p->err);
	assert_null(strstr(db_path(p->db[1]), "hunter2"));
	assert_int_equal(db_open(&(struct db_options){.path = "postgresql://u:hunter2@127.0.0.1:1/x",
	                                              .mode = DB_WRITE,
	                                              .schema = &schema_2},
	                         &p->db[2], &p->err),
	                 CR_ERETRY);
	assert_null(strstr(p->err.text, "hunter2"));
	assert_int_equal(db_open(&(struct db_options){.path = "postgresql://u:hun%zzter2@127.0.0.1:1/x",
	                                              .mode = DB_WRITE,
	                                              .schema = &schema_2},
	                         &p->db[2], &p->err),
	                 CR_ECONFIG);
	assert_null(strstr(p->err.text, "ter2"));
}

static void
the_first_server_that_answers_is_used(struct place *p)
{
	char path[STORE_PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "postgresql://coldrelay@127.0.0.1:1,%s", strstr(p->path, "@") + 1);
	assert_ok(
		db_open(&(struct db_options){.path = path, .mode = DB_WRITE, .schema = &schema_2}, &p->db[1], &p->err),
		&p->err);
}

static int
ignore_table(void *arg, const struct copy_table *t, const struct copy_count *n, struct err *err)
{
	(void)arg;
	(void)t;
	(void)n;
	(void)err;
	return CR_OK;
}

/* From a file to the server and back: the same in every byte; and what comes next has a number of its own. */
static void
a_copy_goes_there_and_back(struct place *p)
{
	struct office o;
	struct copy *c = NULL;
	struct db *back = NULL;
	struct gate_answer a;
	char path[STORE_PATH_MAX];

	use(false);
	office_open(&o, NO_PACE);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "m1");
	assert_string_equal(office_word(&a), "allow");
	assert_ok(open_at(p, 0, DB_CREATE, &schema_coldrelay, 5000), &p->err);
	assert_ok(copy_open(&c, &o.err), &o.err);
	assert_ok(copy_store(c, o.db, p->db[0], o.vault, ignore_table, NULL, &o.err), &o.err);
	(void)snprintf(path, sizeof(path), "%s/back.db", p->dir);
	assert_ok(db_open(&(struct db_options){.path = path, .mode = DB_CREATE, .schema = &schema_coldrelay}, &back,
	                  &o.err),
	          &o.err);
	assert_ok(copy_store(c, p->db[0], back, o.vault, ignore_table, NULL, &o.err), &o.err);
	for (size_t i = 0; i < copy_tables_n; i++) {
		struct copy_count first, last;

		assert_ok(copy_read(c, o.db, i, &first, &o.err), &o.err);
		assert_ok(copy_read(c, back, i, &last, &o.err), &o.err);
		assert_int_equal(first.rows, last.rows);
		assert_memory_equal(first.hash, last.hash, sizeof(first.hash));
	}
	/* The real time is long after the spend: only the numbers are asked for here. */
	begin(p, 0);
	assert_ok(db_exec(p->db[0],
	                  "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, request) "
	                  "SELECT at_ms, mailbox, class, organisation, recipient_hash, request FROM history",
	                  DB_NO_ARGS, NULL, &p->err),
	          &p->err);
	commit(p, 0);
	assert_int_equal(ask_int(p, 0, "SELECT MAX(seq) FROM history"), 2);
	db_drop(&back);
	db_drop(&p->db[0]);
	office_close(&o);
	copy_drop(&c);
	use(true);
}

static const struct promise server_promises[] = {
	{"decisions run side by side, but for their keys",  2, decisions_run_side_by_side                 },
	{"who waits for rows sees the newest",              2, who_waits_for_rows_sees_the_newest         },
	{"a server without arrays is asked row by row",     1, a_server_without_arrays_is_asked_row_by_row},
	{"a deadlock may be tried again",                   2, a_deadlock_may_be_tried_again              },
	{"a stopped server costs its deadline, once",       1, a_stopped_server_costs_its_deadline        },
	{"a lost connection is made anew",                  1, a_lost_connection_is_made_anew             },
	{"a commit is durable whatever the role says",      1, a_commit_is_durable_whatever_the_role_says },
	{"a server without fsync is refused",               1, a_server_without_fsync_is_refused          },
	{"after a failover the clock waits, or is trusted", 2, after_a_failover_the_clock_waits           },
	{"a password is never shown",                       1, a_password_is_never_shown                  },
	{"a copy goes there and back",                      0, a_copy_goes_there_and_back                 },
	{"the first server that answers is used",           1, the_first_server_that_answers_is_used      },
};

/* ---- the rows, once for each engine ---- */

static void
keep_promise(const struct promise *r)
{
	struct place p;

	place_open(&p, r->handles);
	r->check(&p);
	place_close(&p);
}

static void
keep_duty(const struct duty *d)
{
	struct office o;

	office_open(&o, NO_PACE);
	office_time(&o, 0);
	d->check(&o);
	office_close(&o);
}

static void
check_promise_file(void **state)
{
	use(false);
	keep_promise(*state);
}

static void
check_promise_server(void **state)
{
	use(true);
	keep_promise(*state);
}

static void
check_duty_file(void **state)
{
	use(false);
	keep_duty(*state);
}

static void
check_duty_server(void **state)
{
	use(true);
	keep_duty(*state);
}

/* cmocka prints the names: which engine it was belongs to them. */
static void
name_all(struct CMUnitTest *tests, size_t from, size_t n, const char *engine, char (*names)[96])
{
	for (size_t i = from; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s: %s", engine, tests[i].name);
		tests[i].name = names[i];
	}
}

int
main(void)
{
	static struct CMUnitTest tests[96];
	static char names[ARRAY_LEN(tests)][96];
	size_t n = 0, from;
	int rc;

	has_server = server_start(&server, "pg_up.sh", "");
	if (!has_server)
		(void)fprintf(stderr, "skipped on a server: %s\n", server.why);
	ROWS(tests, n, promises, check_promise_file);
	ROWS(tests, n, duties, check_duty_file);
	name_all(tests, 0, n, "sqlite", names);
	from = n;
	ROWS(tests, n, promises, check_promise_server);
	ROWS(tests, n, duties, check_duty_server);
	ROWS(tests, n, server_promises, check_promise_server);
	name_all(tests, from, n, "postgres", names);
	rc = rows_run("contract/store", tests, n);
	server_stop(&server);
	return rc;
}
