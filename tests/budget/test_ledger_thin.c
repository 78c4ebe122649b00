/*
 * test_ledger_thin.c - paces that are over go in time, wherever they stand; those that still bind never do.
 */
#include "tests/budget/thin.h"

#define NOW_MS   OFFICE_START_MS
#define OVER_MS  (NOW_MS - PACE_DAY_MS - 1)
#define CROWD    1500
#define SENDS    600
#define TENANT_B "adatum.example"

static const char left[] = "SELECT COUNT(*) FROM pace WHERE last_ms < 1763982418999"; /* NOW_MS less PACE_DAY_MS */

/* What the names of a crowd begin with. */
static const struct crowd_row {
	const char *name, *prefix;
} crowds[] = {
	{"paces of names with one beginning go, those that bind stay", "mail"    },
	{"paces of A-labels go, those that bind stay",                 "xn--"    },
	{"paces of names that begin with a digit go",                  ""        },
	{"paces of names before a hyphen go",                          "!"       },
	{"paces of names behind z go",                                 "zzz"     },
	{"paces of names in upper case and UTF-8 go",                  "\xc3\xa4"},
};

/* Every third is over; whoever binds is written to by chance, as they were. */
static void
check_crowd(void **state)
{
	const struct crowd_row *r = *state;
	const int64_t binding = CROWD - CROWD / 3;
	struct office o;
	uint64_t seed = 20261125;
	char name[64];

	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(name, sizeof(name), "%s%04d.example", r->prefix, i);
		thin_put(&o, i % 2 == 0 ? TENANT : TENANT_B, name, i % 3 == 1 ? OVER_MS : NOW_MS - PACE_DAY_MS);
	}
	assert_ok(db_commit(o.db, &o.err), &o.err);
	assert_int_equal(thin_count(&o, left), CROWD / 3);
	for (int i = 0; i < SENDS && thin_count(&o, left) > 0; i++) {
		const int to = (int)(thin_random(&seed) % (CROWD / 3)) * 3;

		(void)snprintf(name, sizeof(name), "%s%04d.example", r->prefix, to);
		thin_send(&o, to % 2 == 0 ? TENANT : TENANT_B, name, NOW_MS, thin_random(&seed));
	}
	assert_int_equal(thin_count(&o, left), 0);
	assert_int_equal(thin_count(&o, "SELECT COUNT(*) FROM pace"), binding);
	office_close(&o);
}

/* Who writes to one organisation alone finds all the others in the end, in front of it and behind it. */
static void
thin__one_organisation_is_enough_to_send_to(void **state)
{
	struct office o;
	uint64_t seed = 1;
	char name[64];

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(name, sizeof(name), "%c%04d.example", i % 2 == 0 ? 'a' : 'z', i);
		thin_put(&o, i % 4 < 2 ? TENANT : TENANT_B, name, OVER_MS);
	}
	assert_ok(db_commit(o.db, &o.err), &o.err);
	for (int i = 0; i < SENDS && thin_count(&o, left) > 0; i++)
		thin_send(&o, TENANT, "m.example", NOW_MS, thin_random(&seed));
	assert_int_equal(thin_count(&o, left), 0);
	assert_int_equal(thin_count(&o, "SELECT COUNT(*) FROM pace"), 1);
	office_close(&o);
}

/* A step is bounded: no send waits for all of them. */
static void
thin__one_send_looks_at_a_few(void **state)
{
	struct office o;
	char name[64];

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(name, sizeof(name), "n%04d.example", i);
		thin_put(&o, TENANT, name, OVER_MS);
	}
	assert_ok(db_commit(o.db, &o.err), &o.err);
	thin_send(&o, TENANT, "m.example", NOW_MS, 1);
	assert_in_range(thin_count(&o, left), CROWD - 2 * THIN_KEY - 1, CROWD - 1);
	office_close(&o);
}

/* The same organisation of many tenants, of one that is over and one that binds. */
static void
thin__a_pace_is_one_tenant_s(void **state)
{
	struct office o;
	char tenant[64];

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(tenant, sizeof(tenant), "tenant%d.example", i);
		thin_put(&o, tenant, "fabrikam.example", i % 2 == 0 ? OVER_MS : NOW_MS - PACE_DAY_MS);
	}
	assert_ok(db_commit(o.db, &o.err), &o.err);
	thin_send(&o, "tenant1.example", "fabrikam.example", NOW_MS, 1);
	assert_int_equal(thin_count(&o, left), 0);
	assert_int_equal(thin_count(&o, "SELECT COUNT(*) FROM pace"), 300);
	office_close(&o);
}

static void
thin__an_empty_table_and_a_short_one_are_no_trouble(void **state)
{
	const struct sent sent = {.at_ms = NOW_MS, .mailbox = 1, .key = THIN_KEY, .organisation = "m.example"};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	/* No pace is kept: nothing is looked for. */
	thin_write(&o, &sent, NULL);
	assert_int_equal(thin_count(&o, "SELECT COUNT(*) FROM pace"), 0);
	thin_send(&o, TENANT, "m.example", NOW_MS, 1);
	assert_int_equal(thin_count(&o, "SELECT COUNT(*) FROM pace"), 1);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	thin_put(&o, TENANT, "n.example", OVER_MS);
	thin_put(&o, TENANT, "\xc3\xa4.example", OVER_MS);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	thin_send(&o, TENANT, "m.example", NOW_MS, 1);
	assert_int_equal(thin_count(&o, "SELECT COUNT(*) FROM pace"), 1);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, crowds, check_crowd);
	TEST(tests, n, thin__one_organisation_is_enough_to_send_to);
	TEST(tests, n, thin__one_send_looks_at_a_few);
	TEST(tests, n, thin__a_pace_is_one_tenant_s);
	TEST(tests, n, thin__an_empty_table_and_a_short_one_are_no_trouble);
	return rows_run("budget/ledger_thin", tests, n);
}
