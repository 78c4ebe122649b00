/*
 * test_db_pages.c - SQLite's cache never hears of the lock byte's page, and a tree that is balanced stays whole.
 *
 * A spy stands between SQLite's own cache and what db_pages_setup makes of it.
 */
#include "tests/lib/rows.h"

#include <dlfcn.h>
#include <ftw.h>
#include <sqlite3.h>

#include "core/db.h"

#define ROWS_PUT  6000
#define PAGE      2048
#define LOCK_PAGE (0x40000000 / PAGE + 1)
#define STORES    20 /* more than are known at a time */

static char dir[] = "/tmp/coldrelay-test-pages.XXXXXX";
static sqlite3_pcache_methods2 below;
static unsigned highest, lent; /* number that a page was moved to; moves to none */

static void
spy_rekey(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned from, unsigned to)
{
	highest = to > highest ? to : highest;
	lent += to == 0;
	below.xRekey(cache, page, from, to);
}

static bool
put_spy(void)
{
	void *library = dlopen("libsqlite3.so.0", RTLD_NOW);
	int (*config)(int, ...);
	sqlite3_pcache_methods2 spy;

	if (library == NULL)
		return false;
	*(void **)&config = dlsym(library, "sqlite3_config");
	if (config == NULL || config(SQLITE_CONFIG_GETPCACHE2, &below) != SQLITE_OK)
		return false;
	spy = below;
	spy.xRekey = spy_rekey;
	return config(SQLITE_CONFIG_PCACHE2, &spy) == SQLITE_OK;
}

static const char *const steps[] = {"CREATE TABLE t (name TEXT PRIMARY KEY, n BIGINT NOT NULL) WITHOUT ROWID"};
static const struct db_schema schema = {steps, 1};

static struct db *
open_store(int number)
{
	char path[64];
	struct db *db = NULL;
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "%s/%d.db", dir, number);
	assert_ok(db_open(&(struct db_options){.path = path, .mode = DB_CREATE, .schema = &schema}, &db, &err), &err);
	return db;
}

static uint32_t
name_of(uint32_t i)
{
	return i * UINT32_C(2654435761); /* in an order of its own, each once */
}

/* In pieces: the cache is told the highest page at the end of each transaction. */
static void
put_rows(struct db *db)
{
	struct err err = {0};

	for (uint32_t i = 0; i < ROWS_PUT; i++) {
		char name[80];

		if (i % 50 == 0)
			assert_ok(db_begin(db, &err), &err);
		(void)snprintf(name, sizeof(name), "%08x and as long as an organisation and its tenant", name_of(i));
		assert_ok(db_exec(db, "INSERT INTO t (name, n) VALUES ($1, $2)", DB_ARGS(db_text(name), db_int(i)),
		                  NULL, &err),
		          &err);
		if (i % 50 == 49)
			assert_ok(db_commit(db, &err), &err);
	}
}

static void
check_rows(struct db *db)
{
	struct err err = {0};
	struct db_rows *rows = NULL;
	char last[80] = "";
	bool more = false;
	int rc, n = 0;

	assert_ok(db_query(db, "SELECT name, n FROM t ORDER BY name", DB_NO_ARGS, &rows, &err), &err);
	while ((rc = db_next(rows, &more, &err)) == CR_OK && more) {
		const char *name = db_col_text(rows, 0);

		assert_true(strcmp(last, name) < 0);
		assert_int_equal(strtoul(name, NULL, 16), name_of((uint32_t)db_col_int(rows, 1)));
		(void)snprintf(last, sizeof(last), "%s", name);
		n++;
	}
	assert_ok(rc, &err);
	assert_int_equal(n, ROWS_PUT);
	db_rows_drop(&rows);
}

static void
db_pages__hides_the_lock_bytes_page_from_the_cache(void **state)
{
	struct db *db = open_store(0);

	(void)state;
	put_rows(db);
	assert_true(lent > 0);
	assert_true(highest < LOCK_PAGE);
	check_rows(db);
	db_drop(&db);
	db = open_store(0);
	check_rows(db);
	db_drop(&db);
}

static void
db_pages__leaves_more_stores_than_it_knows_as_they_were(void **state)
{
	struct db *db[STORES];

	(void)state;
	for (int i = 0; i < STORES; i++)
		db[i] = open_store(1 + i);
	put_rows(db[STORES - 1]);
	check_rows(db[STORES - 1]);
	for (int i = 0; i < STORES; i++)
		db_drop(&db[i]);
	/* And those that came and went are forgotten. */
	highest = lent = 0;
	db[0] = open_store(STORES + 1);
	put_rows(db[0]);
	assert_true(lent > 0);
	assert_true(highest < LOCK_PAGE);
	db_drop(&db[0]);
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
	struct CMUnitTest tests[4];
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL || !put_spy())
		return 1;
	TEST(tests, n, db_pages__hides_the_lock_bytes_page_from_the_cache);
	TEST(tests, n, db_pages__leaves_more_stores_than_it_knows_as_they_were);
	failed = rows_run("core/db_pages", tests, n);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return failed;
}
