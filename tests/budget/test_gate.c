/*
 * test_gate.c - the order of the tests, the budget to the millisecond, and what binds whom.
 */
#include "tests/budget/office.h"

static void
gate__fifth_in_24_hours_waits(void **state)
{
	struct office o;
	struct gate_answer a;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	assert_answer(&o, ANNA, "c@three.example", "budget");
	assert_answer(&o, ANNA, BEN, "allow");
	a = office_ask(&o, ANNA, CARL, NULL);
	assert_string_equal(office_word(&a), "allow");
	assert_int_equal(a.class, GATE_WARMUP);
	assert_int_equal(a.left_outbound, 0);
	assert_int_equal(a.left_warmup, 0);
	a = office_ask(&o, ANNA, "peer@warmup.example", NULL);
	assert_string_equal(office_word(&a), "budget");
	assert_int_equal(a.retry_at_ms, OFFICE_START_MS + DAY_MS + 1);
	assert_answer(&o, BEN, "a@one.example", "allow");
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	TEST(tests, n, gate__fifth_in_24_hours_waits);
	return rows_run("budget/gate", tests, n);
}
