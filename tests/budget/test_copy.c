/*
 * test_copy.c - a copy is the whole store, or none.  Between files here; tests/contract/test_store.c goes to a server and back.
 */
#include "tests/budget/office.h"

#include "budget/copy.h"

static struct db *
open_other(struct office *o, const char *name)
{
	char path[STORE_PATH_MAX];
	struct db *db = NULL;

	assert_true(snprintf(path, sizeof(path), "%s/%s", o->dir, name) < (int)sizeof(path));
	assert_ok(db_open(&(struct db_options){.path = path, .mode = DB_CREATE, .schema = &schema_coldrelay}, &db,
	                  &o->err),
	          &o->err);
	return db;
}

static void
close_all(struct office *o, struct db **to)
{
	char command[160];

	db_drop(to);
	(void)snprintf(command, sizeof(command), "rm -f %s/copy*", o->dir);
	assert_int_equal(system(command), 0);
	office_close(o);
}

static int
count_table(void *arg, const struct copy_table *t, const struct copy_count *n, struct err *err)
{
	int64_t *rows = arg;

	(void)t;
	(void)err;
	*rows += n->rows;
	return CR_OK;
}

static int64_t
count(struct db *db, const char *sql, struct err *err)
{
	int64_t n = -1;

	assert_ok(db_get_int(db, sql, DB_NO_ARGS, -1, &n, err), err);
	return n;
}

/* More rows than a page holds, of every kind of key. */
static void
fill(struct office *o)
{
	assert_ok(db_begin(o->db, &o->err), &o->err);
	for (int i = 0; i < 600; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%c%d.example", 'A' + i % 50, i);
		assert_ok(db_exec(o->db,
		                  "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4)",
		                  DB_ARGS(db_text(i % 2 == 0 ? "a.example" : "Z.example"), db_text(name),
		                          db_int(INT64_MAX - i), db_blob("\0\n\377", (size_t)(i % 4))),
		                  NULL, &o->err),
		          &o->err);
		assert_ok(db_exec(o->db,
		                  "INSERT INTO suppression (scope, kind, value, reason, evidence, source, added_ms) "
		                  "VALUES "
		                  "('', 'organisation', $1, 'gr\303\274n', $2, 'test', $3)",
		                  DB_ARGS(db_text(name), db_text(i % 3 == 0 ? NULL : ""), db_int(-i)), NULL, &o->err),
		          &o->err);
	}
	assert_ok(db_commit(o->db, &o->err), &o->err);
	assert_answer(o, ANNA, EXTERN_MAIL, "allow");
}

static void
copy__is_all_of_the_store(void **state)
{
	struct copy *c = NULL;
	struct db *to = NULL;
	struct office o;
	int64_t rows = 0;

	(void)state;
	office_open(&o, NO_PACE);
	fill(&o);
	to = open_other(&o, "copy.db");
	assert_ok(copy_open(&c, &o.err), &o.err);
	assert_ok(copy_store(c, o.db, to, o.vault, count_table, &rows, &o.err), &o.err);
	assert_true(rows > 1200);
	for (size_t i = 0; i < copy_tables_n; i++) {
		struct copy_count a, b;

		assert_ok(copy_read(c, o.db, i, &a, &o.err), &o.err);
		assert_ok(copy_read(c, to, i, &b, &o.err), &o.err);
		assert_int_equal(a.rows, b.rows);
		assert_memory_equal(a.hash, b.hash, sizeof(a.hash));
	}
	assert_int_equal(count(to, "SELECT count(*) FROM suppression WHERE evidence IS NULL", &o.err), 200);
	assert_int_equal(count(to, "SELECT count(*) FROM suppression WHERE evidence = ''", &o.err), 400);
	/* One value, in whatever column: another hash. */
	assert_ok(db_begin(to, &o.err), &o.err);
	assert_ok(db_exec(to, "UPDATE suppression SET evidence = NULL WHERE id = 2", DB_NO_ARGS, NULL, &o.err), &o.err);
	assert_ok(db_commit(to, &o.err), &o.err);
	for (size_t i = 0; i < copy_tables_n; i++) {
		struct copy_count a, b;

		assert_ok(copy_read(c, o.db, i, &a, &o.err), &o.err);
		assert_ok(copy_read(c, to, i, &b, &o.err), &o.err);
		assert_int_equal(memcmp(a.hash, b.hash, sizeof(a.hash)) == 0,
		                 strcmp(copy_tables[i].name, "suppression") != 0);
	}
	db_drop(&to);
	close_all(&o, &to);
	copy_drop(&c);
}

static void
copy__is_not_made_over_an_installation(void **state)
{
	struct copy *c = NULL;
	struct db *to = NULL;
	struct office o;
	int64_t rows = 0;

	(void)state;
	office_open(&o, NO_PACE);
	to = open_other(&o, "copy.db");
	assert_ok(db_begin(to, &o.err), &o.err);
	assert_ok(db_exec(to, "INSERT INTO credential (address, sealed, created_ms) VALUES ('a@b.example', $1, 1)",
	                  DB_ARGS(db_blob("x", 1)), NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(to, &o.err), &o.err);
	assert_ok(copy_open(&c, &o.err), &o.err);
	assert_int_equal(copy_store(c, o.db, to, o.vault, count_table, &rows, &o.err), CR_EREFUSED);
	assert_non_null(strstr(o.err.text, "credential"));
	assert_int_equal(count(to, "SELECT count(*) FROM tenant", &o.err), 0);
	close_all(&o, &to);
	copy_drop(&c);
}

static void
copy__of_a_broken_chain_is_none(void **state)
{
	struct copy *c = NULL;
	struct db *to = NULL;
	struct office o;
	int64_t rows = 0;

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "UPDATE audit SET reason = 'another' WHERE seq = 3", DB_NO_ARGS, NULL, &o.err), &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	to = open_other(&o, "copy.db");
	assert_ok(copy_open(&c, &o.err), &o.err);
	assert_int_equal(copy_store(c, o.db, to, o.vault, count_table, &rows, &o.err), CR_ESTORE);
	assert_int_equal(count(to, "SELECT count(*) FROM audit", &o.err), 0);
	close_all(&o, &to);
	copy_drop(&c);
}

/* "name type name type": of the list, and of the database itself. */
static void
list_columns(const struct copy_table *t, char *out, size_t size)
{
	size_t at = 0;

	assert(t != NULL);
	for (size_t i = 0; i < COPY_COLUMNS_MAX && t->columns[i] != NULL; i++) {
		const char kind = t->columns[i][0];
		const char *type = kind == 'i' ? "int" : kind == 't' ? "TEXT" : "BLOB";

		at += (size_t)snprintf(out + at, size - at, "%s %s;", t->columns[i] + 2, type);
		assert_true(at < size);
	}
}

static void
copy__forgets_no_table_and_no_column(void **state)
{
	static const char tables[] = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
	static const char columns[] = "SELECT group_concat(name || ' ' || CASE WHEN type IN ('BIGINT', 'INTEGER') THEN "
				      "'int' ELSE type END, ';') || ';' "
				      "FROM pragma_table_info($1)";
	static const char keys[] =
		"SELECT group_concat(name, ';') || ';' FROM (SELECT name FROM pragma_table_info($1) WHERE "
		"pk > 0 ORDER BY pk)";
	struct db_rows *rows = NULL;
	struct office o;
	size_t seen = 0;
	bool more;

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_query(o.db, tables, DB_NO_ARGS, &rows, &o.err), &o.err);
	while (db_next(rows, &more, &o.err) == CR_OK && more) {
		const struct copy_table *t = NULL;
		char want[512], *have = NULL;
		size_t at = 0;

		for (size_t i = 0; i < copy_tables_n; i++)
			if (strcmp(copy_tables[i].name, db_col_text(rows, 0)) == 0)
				t = &copy_tables[i];
		if (t == NULL)
			fail_msg("table %s is not copied", db_col_text(rows, 0));
		list_columns(t, want, sizeof(want));
		assert_ok(db_get_text(o.db, columns, DB_ARGS(db_text(t->name)), &have, &o.err), &o.err);
		assert_string_equal(have, want);
		free(have);
		have = NULL;
		for (int i = 0; i < t->n_keys; i++)
			at += (size_t)snprintf(want + at, sizeof(want) - at, "%s;", t->columns[i] + 2);
		assert_ok(db_get_text(o.db, keys, DB_ARGS(db_text(t->name)), &have, &o.err), &o.err);
		assert_string_equal(have, want);
		free(have);
		seen++;
	}
	db_rows_drop(&rows);
	assert_int_equal(seen, copy_tables_n);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[8];
	size_t n = 0;

	TEST(tests, n, copy__is_all_of_the_store);
	TEST(tests, n, copy__is_not_made_over_an_installation);
	TEST(tests, n, copy__of_a_broken_chain_is_none);
	TEST(tests, n, copy__forgets_no_table_and_no_column);
	return rows_run("budget/copy", tests, n);
}
