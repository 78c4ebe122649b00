/*
 * test_upgrade.c - a store of the first schema is brought forward: what was spent stays spent, who was written to is left in peace.
 */
#include "tests/budget/office.h"

/* Two outbound spends of schema 1: version, count; time 8, class 1, key 16, ticket 16. */
static void
pack_old(uint8_t out[2 + 2 * 41], int64_t first_ms, int64_t second_ms)
{
	const int64_t at[] = {first_ms, second_ms};

	memset(out, 0, 2 + 2 * 41);
	out[0] = 1;
	out[1] = 2;
	for (int i = 0; i < 2; i++)
		for (int b = 0; b < 8; b++)
			out[2 + i * 41 + b] = (uint8_t)((uint64_t)at[i] >> (56 - 8 * b));
}

static void
run(struct office *o, const char *sql, const struct db_value *args, size_t n)
{
	assert_ok(db_exec(o->db, sql, args, n, NULL, &o->err), &o->err);
}

/* As version 1 of the program left it. */
static void
open_old(struct office *o, int64_t first_ms, int64_t second_ms)
{
	static const uint8_t key[32] = {7};
	const struct db_schema old = {.migrations = schema_coldrelay.migrations, .n_migrations = 1};
	const struct db_options options = {
		.path = o->path, .mode = DB_CREATE, .schema = &old, .clock = &o->clock.clock};
	uint8_t slots[2 + 2 * 41], times[8];

	pack_old(slots, first_ms, second_ms);
	for (int b = 0; b < 8; b++)
		times[b] = (uint8_t)((uint64_t)second_ms >> (56 - 8 * b));
	assert_ok(vault_from_bytes(key, &o->vault, &o->err), &o->err);
	assert_ok(db_open(&options, &o->db, &o->err), &o->err);
	assert_ok(db_begin(o->db, &o->err), &o->err);
	run(o, "INSERT INTO tenant (primary_domain, created_ms) VALUES ('northwind.example', 1)", DB_NO_ARGS);
	run(o,
	    "INSERT INTO domain (name, tenant, state, since_ms, created_ms) VALUES ('getnorthwind.example', "
	    "'northwind.example', 'warming', 1, 1)",
	    DB_NO_ARGS);
	run(o, "INSERT INTO mailbox (address, domain, slots) VALUES ($1, 'getnorthwind.example', $2)",
	    DB_ARGS(db_text(ANNA), db_blob(slots, sizeof(slots))));
	run(o, "INSERT INTO mailbox (address, domain) VALUES ($1, 'getnorthwind.example')", DB_ARGS(db_text(BEN)));
	run(o,
	    "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, ticket, released_ms) "
	    "VALUES ($1, $2, 0, 'fabrikam.example', $3, 'aa', $1)",
	    DB_ARGS(db_int(second_ms), db_text(ANNA), db_blob("0123456789abcdef", 16)));
	run(o, "INSERT INTO pace (tenant, organisation, times) VALUES ('northwind.example', 'fabrikam.example', $1)",
	    DB_ARGS(db_blob(times, sizeof(times))));
	run(o, "INSERT INTO meta (key, value) VALUES ('gate.clock', $1)", DB_ARGS(db_text("1764068819000 5 boot-0")));
	assert_ok(db_commit(o->db, &o->err), &o->err);
	db_drop(&o->db);
}

static int64_t
count(struct office *o, const char *sql)
{
	int64_t n = -1;

	assert_ok(db_get_int(o->db, sql, DB_NO_ARGS, 0, &n, &o->err), &o->err);
	return n;
}

static void
upgrade__keeps_what_was_spent_and_to_whom(void **state)
{
	const struct gate_limits limits = {4, 2, 2, 1, 3, 0, 0, 0};
	struct office o = {0};

	(void)state;
	fake_clock_init(&o.clock, OFFICE_START_MS + HOUR_MS);
	(void)snprintf(o.dir, sizeof(o.dir), "/tmp/coldrelay-budget.XXXXXX");
	assert_non_null(mkdtemp(o.dir));
	(void)snprintf(o.path, sizeof(o.path), "%s/store.db", o.dir);
	open_old(&o, OFFICE_START_MS, OFFICE_START_MS + HOUR_MS / 2);
	o.db = office_open_store(&o, DB_WRITE);
	office_gate(&o, limits);

	assert_answer(&o, ANNA, "a@one.example", "budget");
	/* Half an hour after the last one, and one an hour is the pace. */
	assert_answer(&o, BEN, "b@fabrikam.example", "org_pace");
	assert_answer(&o, BEN, "b@two.example", "allow");
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history"), 2);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM released"), 1);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM mailbox m JOIN spent s ON s.mailbox = m.id"), 2);
	/* The first spend is 24 hours old, and one more closes its place; the second still binds. */
	fake_clock_advance(&o.clock, 23 * HOUR_MS + 1);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "a@three.example", "budget");
	office_close(&o);
}

/* ---- schema 3, whose paces stood by tenant first ---- */

#define OTHER_TENANT "adatum.example"
#define EVE          "eve@getadatum.example"
#define CROWD        700

static void
put_pace(struct office *o, const char *tenant, const char *organisation, int64_t at_ms)
{
	uint8_t times[8];

	for (int b = 0; b < 8; b++)
		times[b] = (uint8_t)((uint64_t)at_ms >> (56 - 8 * b));
	run(o, "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4)",
	    DB_ARGS(db_text(tenant), db_text(organisation), db_int(at_ms), db_blob(times, sizeof(times))));
}

static void
put_tenant(struct office *o, const char *tenant, const char *domain, const char *mailbox, int64_t id)
{
	run(o, "INSERT INTO tenant (primary_domain, created_ms) VALUES ($1, 1)", DB_ARGS(db_text(tenant)));
	run(o,
	    "INSERT INTO domain (name, tenant, state, since_ms, created_ms, first_send_ms) VALUES ($1, $2, 'warming', "
	    "1, 1, 1)",
	    DB_ARGS(db_text(domain), db_text(tenant)));
	run(o, "INSERT INTO mailbox (id, address, domain) VALUES ($1, $2, $3)",
	    DB_ARGS(db_int(id), db_text(mailbox), db_text(domain)));
	run(o, "INSERT INTO spent (mailbox) VALUES ($1)", DB_ARGS(db_int(id)));
}

/* Both tenants have written to a crowd; to one organisation of it each alone within the hour. */
static void
open_3(struct office *o)
{
	static const uint8_t key[32] = {7};
	const struct db_schema old = {.migrations = schema_coldrelay.migrations, .n_migrations = 3};
	const struct db_options options = {
		.path = o->path, .mode = DB_CREATE, .schema = &old, .clock = &o->clock.clock};
	char name[64];

	assert_ok(vault_from_bytes(key, &o->vault, &o->err), &o->err);
	assert_ok(db_open(&options, &o->db, &o->err), &o->err);
	assert_ok(db_begin(o->db, &o->err), &o->err);
	put_tenant(o, TENANT, "getnorthwind.example", ANNA, 1);
	put_tenant(o, OTHER_TENANT, "getadatum.example", EVE, 2);
	put_pace(o, TENANT, "fabrikam.example", OFFICE_START_MS - HOUR_MS / 2);
	put_pace(o, OTHER_TENANT, "fabrikam.example", OFFICE_START_MS - 2 * HOUR_MS);
	put_pace(o, OTHER_TENANT, "contoso.example", OFFICE_START_MS - HOUR_MS / 2);
	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(name, sizeof(name), "org%d.example", i);
		put_pace(o, i % 2 == 0 ? TENANT : OTHER_TENANT, name, OFFICE_START_MS - HOUR_MS / 2);
	}
	assert_ok(db_commit(o->db, &o->err), &o->err);
	db_drop(&o->db);
}

static void
upgrade__paces_of_schema_3_still_hold(void **state)
{
	const struct gate_limits limits = {4, 2, 2, 1, 3, 0, 0, 0};
	struct office o = {0};
	char to[64];

	(void)state;
	fake_clock_init(&o.clock, OFFICE_START_MS);
	(void)snprintf(o.dir, sizeof(o.dir), "/tmp/coldrelay-budget.XXXXXX");
	assert_non_null(mkdtemp(o.dir));
	store_place(o.dir, "store.db", o.path);
	open_3(&o);
	o.db = office_open_store(&o, DB_WRITE);
	office_gate(&o, limits);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace"), CROWD + 3);

	for (int i = 0; i < CROWD; i += 99) {
		(void)snprintf(to, sizeof(to), "x@org%d.example", i);
		assert_answer(&o, i % 2 == 0 ? ANNA : EVE, to, "org_pace");
	}
	assert_answer(&o, ANNA, "x@fabrikam.example", "org_pace");
	assert_answer(&o, EVE, "x@contoso.example", "org_pace");
	/* A pace is one tenant's, before and after. */
	assert_answer(&o, EVE, "x@fabrikam.example", "allow");
	assert_answer(&o, EVE, "y@fabrikam.example", "org_pace");
	assert_answer(&o, ANNA, "x@contoso.example", "allow");
	/* The day's number counts what was sent before: no row was put in beside the old one. */
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace WHERE organisation = 'fabrikam.example'"), 2);
	fake_clock_advance(&o.clock, HOUR_MS / 2 + 1);
	assert_answer(&o, ANNA, "x@org2.example", "allow");
	office_close(&o);
}

/* Who was at schema 3 when it was half done is there still, whole, and is brought forward the next time. */
static void
upgrade__one_that_fails_leaves_schema_3_as_it_was(void **state)
{
	const char *broken[4] = {schema_coldrelay.migrations[0], schema_coldrelay.migrations[1],
	                         schema_coldrelay.migrations[2], NULL};
	struct db_schema half = {.migrations = broken, .n_migrations = 4};
	struct office o = {0};
	char *text = NULL;

	(void)state;
	assert_true(asprintf(&text, "%s; INSERT INTO nowhere VALUES (1)", schema_coldrelay.migrations[3]) > 0);
	broken[3] = text;
	fake_clock_init(&o.clock, OFFICE_START_MS);
	(void)snprintf(o.dir, sizeof(o.dir), "/tmp/coldrelay-budget.XXXXXX");
	assert_non_null(mkdtemp(o.dir));
	store_place(o.dir, "store.db", o.path);
	open_3(&o);
	assert_int_equal(db_open(
				 &(struct db_options){
					 .path = o.path, .mode = DB_WRITE, .schema = &half, .clock = &o.clock.clock},
				 &o.db, &o.err),
	                 CR_ESTORE);
	half.n_migrations = 3;
	assert_ok(db_open(
			  &(struct db_options){
				  .path = o.path, .mode = DB_WRITE, .schema = &half, .clock = &o.clock.clock},
			  &o.db, &o.err),
	          &o.err);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace"), CROWD + 3);
	db_drop(&o.db);
	o.db = office_open_store(&o, DB_WRITE);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace"), CROWD + 3);
	free(text);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[4];
	size_t n = 0;

	TEST(tests, n, upgrade__keeps_what_was_spent_and_to_whom);
	TEST(tests, n, upgrade__paces_of_schema_3_still_hold);
	TEST(tests, n, upgrade__one_that_fails_leaves_schema_3_as_it_was);
	return rows_run("budget/upgrade", tests, n);
}
