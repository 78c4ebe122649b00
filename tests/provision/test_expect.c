/*
 * test_expect.c - what expect.h promises: calls and time of a plan's writes, by the rows of its drivers.
 */
#include "tests/lib/rows.h"

#include "provision/expect.h"

static const struct zone_driver paced = {
	.name = "paced", .limits = {{5, 1000}   },
             .n_limits = 1, .calls = { .observe = 1, .create = 2, .change = 1}
};
static const struct zone_driver by_set = {
	.name = "by_set", .limits = {{5, 1000}},
             .n_limits = 1, .calls = { .observe = 1, .create = 1, .set = 1}
};
static const struct zone_driver free_one = {
	.name = "free", .calls = {.observe = 1, .create = 1, .change = 1}
};
static char names[][8] = {"one", "two", "none"};
static struct zone_provider one = {.name = names[0], .driver = &paced}, two = {.name = names[1], .driver = &paced},
			    none = {.name = names[2], .driver = &free_one};

static const struct row {
	const char *name;
	struct zone_provider *provider;
	size_t created, changed, unchanged, refused;
	size_t want_zones, want_calls;
	int64_t want_ms;
} rows[] = {
	{"a new zone is a look and two calls",           &one,  1,  0, 0, 0, 1,  3,  0   },
	{"a changed one is a look and one",              &one,  0,  1, 0, 0, 1,  2,  0   },
	{"what is as it should be is not counted",       &one,  1,  0, 9, 0, 1,  3,  0   },
	{"nor what is refused",                          &one,  1,  0, 0, 9, 1,  3,  0   },
	{"ten new ones are thirty calls, five a second", &one,  10, 0, 0, 0, 10, 30, 5000},
	{"nothing to do",				&one,  0,  0, 3, 0, 0,  0,  0   },
	{"a provider without limits is not spoken of",   &none, 50, 0, 0, 0, 0,  0,  0   },
};

static char owner[] = "a.test";
static struct set_change three[3] = {{.record.owner = owner}, {.record.owner = owner}, {.record.owner = owner}};

static size_t
fill(struct plan *plans, struct intent_domain *domain, const struct row *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->created; i++)
		plans[n++] = (struct plan){.domain = domain, .zone_create = true};
	for (size_t i = 0; i < r->changed; i++)
		plans[n++] = (struct plan){
			.domain = domain, .diff = {.items = three, .n = 3}
                };
	for (size_t i = 0; i < r->unchanged; i++)
		plans[n++] = (struct plan){.domain = domain};
	for (size_t i = 0; i < r->refused; i++)
		plans[n++] = (struct plan){.domain = domain, .zone_create = true, .n_refused = 1};
	return n;
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct intent_domain domain = {.zone = r->provider};
	static struct plan plans[64];
	struct expect out[EXPECT_MAX];
	const size_t n = expect_of(plans, fill(plans, &domain, r), out);

	assert_int_equal(n, r->want_calls > 0 ? 1 : 0);
	if (n == 1) {
		assert_ptr_equal(out[0].provider, r->provider);
		assert_int_equal(out[0].zones, r->want_zones);
		assert_int_equal(out[0].calls, r->want_calls);
		assert_int_equal(out[0].ms, r->want_ms);
	}
}

static void
expect__a_set_is_a_call_where_each_is_one(void **state)
{
	static char mail[] = "mail.a.test", apex[] = "a.test";
	struct set_change changes[] = {
		{SET_DELETE, {.owner = apex, .type = RECORD_MX} },
		{SET_CREATE, {.owner = apex, .type = RECORD_MX} },
		{SET_CREATE, {.owner = apex, .type = RECORD_TXT}},
		{SET_CREATE, {.owner = mail, .type = RECORD_MX} },
	};
	struct zone_provider provider = {.name = names[0], .driver = &by_set};
	struct intent_domain domain = {.zone = &provider};
	struct plan plan = {
		.domain = &domain, .zone_create = true, .diff = {.items = changes, .n = ARRAY_LEN(changes)}
        };
	struct expect out[EXPECT_MAX];

	(void)state;
	assert_int_equal(expect_of(&plan, 1, out), 1);
	assert_int_equal(out[0].calls, 5);
	plan.zone_create = false;
	assert_int_equal(expect_of(&plan, 1, out), 1);
	assert_int_equal(out[0].calls, 4);
}

static void
expect__two_accounts_wait_side_by_side(void **state)
{
	struct intent_domain first = {.zone = &one}, second = {.zone = &two};
	struct plan plans[] = {
		{.domain = &first,  .zone_create = true},
		{.domain = &second, .key_make = true   },
		{.domain = &first,  .zone_create = true}
        };
	struct expect out[EXPECT_MAX];

	(void)state;
	assert_int_equal(expect_of(plans, ARRAY_LEN(plans), out), 2);
	assert_int_equal(out[0].calls, 6);
	assert_int_equal(out[0].ms, 1000);
	assert_int_equal(out[1].calls, 2);
	assert_int_equal(out[1].ms, 0);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, expect__a_set_is_a_call_where_each_is_one);
	TEST(tests, n, expect__two_accounts_wait_side_by_side);
	return rows_run("provision/expect", tests, n);
}
