/*
 * test_pacer.c - what pacer.h promises: no stretch of time holds more calls than the provider allows, whoever calls.
 */
#include "tests/lib/rows.h"

#include <pthread.h>

#include "core/pacer.h"
#include "tests/lib/fake_clock.h"

#define START_MS ((int64_t)1764068819000)

static const struct row {
	const char *name;
	struct pacer_limit limits[2];
	size_t n, calls;
	int64_t want_ms; /* from the first to the last */
} rows[] = {
	{"under the limit nobody waits",              {{5, 1000}},             1, 5,    0     },
	{"the sixth of five a second waits a second", {{5, 1000}},             1, 6,    1000  },
	{"twenty-three",			      {{5, 1000}},             1, 23,   4000  },
	{"1,200 in five minutes",                     {{1200, 300000}},        1, 1201, 300000},
	{"the stricter of two limits holds",          {{5, 1000}, {8, 60000}}, 2, 9,    60000 },
	{"both of two limits hold",                   {{1, 100}, {3, 1000}},   2, 7,    2000  },
	{"no limit",				  {{0, 0}},                0, 1000, 0     },
};

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct fake_clock clock;
	struct pacer *p = NULL;
	struct err err = {0};
	int64_t first, times[2048] = {0};

	assert_in_range(r->calls, 1, ARRAY_LEN(times));
	fake_clock_init(&clock, START_MS);
	assert_ok(pacer_open(r->limits, r->n, &p, &err), &err);
	first = clock_boot_ms(&clock.clock);
	for (size_t i = 0; i < r->calls; i++) {
		(void)pacer_wait(p, &clock.clock);
		times[i] = clock_boot_ms(&clock.clock);
	}
	assert_int_equal(times[r->calls - 1] - first, r->want_ms);
	assert_int_equal(pacer_estimate_ms(r->limits, r->n, r->calls), r->want_ms);
	for (size_t k = 0; k < r->n; k++) {
		for (size_t i = r->limits[k].calls; i > 0 && i < r->calls; i++)
			assert_true(times[i] - times[i - r->limits[k].calls] >= r->limits[k].per_ms);
	}
	pacer_drop(&p);
}

static void
pacer__a_pause_holds_for_everyone_and_ends(void **state)
{
	static const struct pacer_limit limit = {100, 1000};
	struct fake_clock clock;
	struct pacer *p = NULL;
	struct err err = {0};

	(void)state;
	fake_clock_init(&clock, START_MS);
	assert_ok(pacer_open(&limit, 1, &p, &err), &err);
	pacer_pause(p, &clock.clock, 7000);
	pacer_pause(p, &clock.clock, 2000); /* a shorter one changes nothing */
	assert_int_equal(pacer_wait(p, &clock.clock), 7000);
	assert_int_equal(pacer_wait(p, &clock.clock), 0);
	pacer_drop(&p);
}

/* A clock that calls for a pause in the middle of a sleep. */
struct pausing {
	struct clock clock;
	struct fake_clock fake;
	struct pacer *pacer;
	bool done;
};

static int64_t
pausing_boot(const struct clock *c)
{
	const struct pausing *p = c->state;

	return clock_boot_ms(&p->fake.clock);
}

static void
pausing_sleep(const struct clock *c, int64_t ms)
{
	struct pausing *p = c->state;

	fake_clock_advance(&p->fake, ms);
	if (!p->done) {
		p->done = true;
		pacer_pause(p->pacer, &p->clock, 500);
	}
}

static void
pacer__a_pause_reaches_who_already_waits(void **state)
{
	static const struct pacer_limit limit = {1, 1000};
	struct pausing p = {
		.clock = {.boot_ms = pausing_boot, .sleep_ms = pausing_sleep}
        };
	struct err err = {0};

	(void)state;
	p.clock.state = &p;
	fake_clock_init(&p.fake, START_MS);
	assert_ok(pacer_open(&limit, 1, &p.pacer, &err), &err);
	assert_int_equal(pacer_wait(p.pacer, &p.clock), 0);
	assert_int_equal(pacer_wait(p.pacer, &p.clock), 1500);
	pacer_drop(&p.pacer);
}

struct crowd {
	struct pacer *pacer;
	int64_t at_ms[8][10];
	unsigned next;
};

static pthread_mutex_t crowd_lock = PTHREAD_MUTEX_INITIALIZER;

static void *
one_of_a_crowd(void *arg)
{
	struct crowd *c = arg;
	unsigned me;

	(void)pthread_mutex_lock(&crowd_lock);
	me = c->next++;
	(void)pthread_mutex_unlock(&crowd_lock);
	for (size_t i = 0; i < 10; i++) {
		(void)pacer_wait(c->pacer, clock_system());
		c->at_ms[me][i] = clock_boot_ms(clock_system());
	}
	return NULL;
}

static int
by_time(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Real threads, real time: 80 calls of eight threads at 20 in 50 ms. */
static void
pacer__threads_keep_the_limit_together(void **state)
{
	static const struct pacer_limit limit = {20, 50};
	struct crowd c = {0};
	pthread_t threads[8];
	struct err err = {0};
	int64_t *all = &c.at_ms[0][0];

	(void)state;
	assert_ok(pacer_open(&limit, 1, &c.pacer, &err), &err);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, one_of_a_crowd, &c), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	qsort(all, 80, sizeof(*all), by_time);
	/* A thread may be late, never early: the n-th call is not before its time. */
	for (size_t i = 20; i < 80; i++)
		assert_true(all[i] - all[0] >= (int64_t)(i / 20) * 50 - 1);
	pacer_drop(&c.pacer);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, pacer__a_pause_holds_for_everyone_and_ends);
	TEST(tests, n, pacer__a_pause_reaches_who_already_waits);
	TEST(tests, n, pacer__threads_keep_the_limit_together);
	return rows_run("core/pacer", tests, n);
}
