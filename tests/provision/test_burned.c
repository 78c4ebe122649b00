/*
 * test_burned.c - after a burn: what the gate refuses is refused for that domain, in the plan, and holds up no other one.
 */
#include "tests/lib/ground.h"

#include "budget/contain.h"

#define NEAR  "gonorthwind.example"
#define OTHER "quiteanother.example"

static struct contain
contain_on(struct db *db, struct vault *v)
{
	return (struct contain){.db = db, .vault = v, .now_ms = GROUND_START_MS, .actor = "test"};
}

/* GET burned; reviewed: the tenant's cool-down is over by hand. */
static void
burn(struct ground *g, bool reviewed)
{
	struct vault *v = NULL;
	struct db *db = ground_db(g);
	struct contain c;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/key", g->dir);
	assert_ok(vault_open(path, false, &v, &g->err), &g->err);
	c = contain_on(db, v);
	assert_ok(db_begin(db, &g->err), &g->err);
	assert_ok(contain_freeze(&c, GET, "tenant_policy", "554 5.7.1", &g->err), &g->err);
	assert_ok(contain_burn(&c, GET, "tenant_policy", "third organisation", &g->err), &g->err);
	if (reviewed)
		assert_ok(contain_thaw_tenant(&c, PRIMARY, "list bought", &g->err), &g->err);
	assert_ok(db_commit(db, &g->err), &g->err);
	vault_drop(&v);
	db_drop(&db);
}

struct burned_case {
	const char *name;
	bool reviewed;
	bool parked;     /* the burned domain was torn down */
	size_t refused;  /* of GET, NEAR and OTHER */
	int64_t planned; /* OTHER's row in the store afterwards */
};

static const struct burned_case cases[] = {
	{"in the cool-down all three are refused, the standing one is not held up", false, false, 3, 0},
	{"with the cause recorded the other name is made",                          true,  false, 2, 1},
	{"also when the burned one was parked",                                     true,  true,  2, 1},
	{"a parked one does not end the cool-down",                                 false, true,  3, 0},
};

static void
check_case(void **state)
{
	const struct burned_case *b = *state;
	struct ground g;
	struct ground_outcome o;

	ground_open(&g, NULL);
	o = ground_provision(&g);
	assert_done(&o);
	burn(&g, b->reviewed);
	if (b->parked) {
		o = ground_teardown(&g, GET, true);
		assert_done(&o);
	}
	ground_configure(&g,
	                 "{ name = \"" GET "\"; }, { name = \"" TRY "\"; }, { name = \"" NEAR "\"; }, { name = \"" OTHER
	                 "\"; }",
	                 NULL);
	o = ground_provision(&g);
	assert_int_equal(o.rc, CR_OK);
	assert_int_equal(o.failed, CR_OK);
	assert_int_equal(o.refused, b->refused);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM domain WHERE name = '" OTHER "'"), b->planned);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM domain WHERE name = '" NEAR "'"), 0);
	ground_close(&g);
}

int
main(void)
{
	struct CMUnitTest tests[8];
	size_t n = 0;

	ROWS(tests, n, cases, check_case);
	return rows_run("provision/burned", tests, n);
}
