/*
 * test_fresh.c - what fresh.h promises: a zone that was just made is waited for, not without end, and told as what it is.
 */
#include "tests/lib/rows.h"

#include "dns/zones/fresh.h"
#include "tests/lib/fake_clock.h"

static void
fresh__is_waited_for_a_minute_and_then_no_more(void **state)
{
	struct fake_clock clock;
	int turn = 0, turns = 0;

	(void)state;
	fake_clock_init(&clock, 1764068819000);
	for (int64_t want_ms = 1000; fresh_wait(&clock.clock, &turn); want_ms *= 2) {
		assert_int_equal(clock.last_sleep_ms, want_ms);
		assert_in_range(++turns, 1, 6);
	}
	assert_int_equal(turns, 6);
	assert_int_equal(clock.slept_ms, 63000);
	assert_false(fresh_wait(&clock.clock, &turn));
	assert_int_equal(clock.slept_ms, 63000);
}

static void
fresh__is_no_failure_of_which_nothing_is_left(void **state)
{
	struct err why = {0}, err = {0};

	(void)state;
	assert_int_equal(err_set(&why, CR_EREFUSED, "the TTL is too short"), CR_EREFUSED);
	assert_int_equal(fresh_unfilled("acme-mail.test", &why, &err), CR_EUNKNOWN);
	assert_string_equal(err.text, "zone acme-mail.test was made; its records were not: the TTL is too short");
	assert_int_equal(fresh_unseen("acme-mail.test", &err), CR_ERETRY);
	assert_non_null(strstr(err.text, "acme-mail.test"));
}

int
main(void)
{
	struct CMUnitTest tests[4];
	size_t n = 0;

	TEST(tests, n, fresh__is_waited_for_a_minute_and_then_no_more);
	TEST(tests, n, fresh__is_no_failure_of_which_nothing_is_left);
	return rows_run("dns/fresh", tests, n);
}
