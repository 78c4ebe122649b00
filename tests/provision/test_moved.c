/*
 * test_moved.c - the store remembers whose a domain is, also when the configuration says otherwise by now.
 */
#include "tests/lib/ground.h"

#define OTHER "contoso.example"

struct moved_case {
	const char *name;
	const char *sql; /* what another configuration left behind */
	bool teardown;   /* of GET; else provision */
};

static const struct moved_case cases[] = {
	{"teardown: another tenant's domain is refused", "UPDATE domain SET tenant = '" OTHER "'", true },
	{"teardown: a primary of old is refused",
         "INSERT INTO tenant (primary_domain, created_ms) VALUES ('" GET "', 1)",                  true },
	{"teardown: a name above a primary of old, too",
         "INSERT INTO tenant (primary_domain, created_ms) VALUES ('www." GET "', 1)",              true },
	{"provision: a primary of old is refused",
         "INSERT INTO tenant (primary_domain, created_ms) VALUES ('" GET "', 1)",                  false},
};

static void
change_store(struct ground *g, const char *sql)
{
	struct db *db = ground_db(g);

	assert_ok(db_begin(db, &g->err), &g->err);
	assert_ok(db_exec(db, "INSERT INTO tenant (primary_domain, created_ms) VALUES ('" OTHER "', 1)", DB_NO_ARGS,
	                  NULL, &g->err),
	          &g->err);
	assert_ok(db_exec(db, sql, DB_NO_ARGS, NULL, &g->err), &g->err);
	assert_ok(db_commit(db, &g->err), &g->err);
	db_drop(&db);
}

static void
check_case(void **state)
{
	const struct moved_case *m = *state;
	struct ground g;
	struct ground_outcome o;
	struct buf before = {0};

	ground_open(&g, "{ name = \"" GET "\"; }");
	o = ground_provision(&g);
	assert_done(&o);
	change_store(&g, m->sql);
	ground_state(&g, &before);
	o = m->teardown ? ground_teardown(&g, GET, true) : ground_provision(&g);
	assert_int_equal(o.rc, CR_EREFUSED);
	assert_ground_state(&g, &before);
	buf_release(&before);
	ground_close(&g);
}

int
main(void)
{
	struct CMUnitTest tests[8];
	size_t n = 0;

	ROWS(tests, n, cases, check_case);
	return rows_run("provision/moved", tests, n);
}
