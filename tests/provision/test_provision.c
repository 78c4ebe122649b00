/*
 * test_provision.c - whole runs: once and again, disturbed at every provider call, and two at once.
 */
#include "tests/lib/ground.h"

#include <pthread.h>

#include "core/lock.h"

static size_t
writes(void)
{
	return memory_calls(MEMORY_CREATE) + memory_calls(MEMORY_CHANGE) + memory_calls(MEMORY_REMOVE);
}

/* --- undisturbed ---------------------------------------------------------------------------------------------------- */

static void
provision__second_run_plans_nothing(void **state)
{
	struct ground g;
	struct ground_outcome o;
	struct buf first = {0};
	size_t before, known;

	(void)state;
	ground_open(&g, NULL);
	o = ground_provision(&g);
	assert_done(&o);
	assert_true(o.planned > 0);
	ground_state(&g, &first);
	before = writes();
	known = memory_by_id();
	fake_clock_advance(&g.clock, DAY_MS);
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(o.planned, 0);
	assert_int_equal(memory_by_id() - known, 2); /* as the journal knows them: no look for a name */
	assert_int_equal(writes(), before);
	assert_ground_state(&g, &first);
	buf_release(&first);
	ground_close(&g);
}

static void
provision__one_write_a_zone(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	ground_open(&g, NULL);
	o = ground_provision(&g);
	assert_done(&o);
	/* Two zones, each made with its records; one PTR that the two domains share. */
	assert_int_equal(memory_calls(MEMORY_CREATE), 3); /* the reverse zone is the test's own */
	assert_int_equal(memory_calls(MEMORY_CHANGE), 1);
	ground_close(&g);
}

static void
provision__every_change_has_its_receipt_and_its_audit_line(void **state)
{
	struct ground g;
	struct ground_outcome o;
	struct buf audited = {0};

	(void)state;
	ground_open(&g, NULL);
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal WHERE receipt IS NULL"), 0);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal"),
	                 5); /* zone and mail host of two domains, a PTR */
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal j WHERE EXISTS (SELECT 1 FROM audit a WHERE"
	                                  " a.subject = j.domain AND a.action = j.step || '.' || j.operation)"),
	                 5);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM audit WHERE action = 'key.create'"), 2);
	ground_state(&g, &audited); /* verifies the chain */
	buf_release(&audited);
	ground_close(&g);
}

static void
provision__one_refused_domain_does_not_stop_the_other(void **state)
{
	struct ground g;
	struct ground_outcome o;
	struct records zone = {0};

	(void)state;
	ground_open(&g, NULL);
	ground_foreign_zone(GET, "@ 300 IN MX 5 mx.somebody.example.\n");
	o = ground_provision(&g);
	assert_int_equal(o.refused, 1);
	ground_zone(GET, &zone, NULL);
	assert_int_equal(zone.n, 3); /* SOA, NS and the foreign MX */
	records_release(&zone);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM domain WHERE name = '" TRY "' AND state = 'warming'"),
	                 1);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal WHERE domain = '" GET "'"), 0);
	ground_close(&g);
}

static void
provision__a_removed_setting_removes_only_our_record(void **state)
{
	struct ground g;
	struct ground_outcome o;
	struct records zone = {0};

	(void)state;
	ground_open(&g, "{ name = \"" GET "\"; tls_rua = \"tls@" GET "\"; }");
	ground_foreign_zone(GET, "www 300 IN A 192.0.2.80\n* 300 IN TXT \"anything\"\n");
	o = ground_provision(&g);
	assert_done(&o);
	ground_configure(&g, "{ name = \"" GET "\"; }", NULL);
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(o.planned, 1);
	ground_zone(GET, &zone, NULL);
	assert_int_equal(records_count(&zone, "_smtp._tls." GET, 0), 0);
	assert_int_equal(records_count(&zone, "www." GET, RECORD_A), 1);
	assert_int_equal(records_count(&zone, "*." GET, RECORD_TXT), 1);
	assert_int_equal(records_count(&zone, GET, RECORD_MX), 1);
	records_release(&zone);
	ground_close(&g);
}

/* --- disturbed ------------------------------------------------------------------------------------------------------ */

enum scene { NEW_ZONE, ZONE_THERE, CHANGED_SETTING, TEARDOWN };

static const struct fault {
	const char *name;
	enum scene scene;
	enum memory_op op;
	int code, done;
} faults[] = {
  /* clang-format off */
	{"new zone: a look that fails is repeated", NEW_ZONE, MEMORY_OBSERVE, CR_ERETRY, 0},
	{"new zone: a look that breaks is repeated", NEW_ZONE, MEMORY_OBSERVE, CR_EIO, 0},
	{"new zone: a create put off is made once", NEW_ZONE, MEMORY_CREATE, CR_ERETRY, 0},
	{"new zone: a create of unknown fate, not done, is made", NEW_ZONE, MEMORY_CREATE, CR_EUNKNOWN, 0},
	{"new zone: a create of unknown fate, done, is adopted", NEW_ZONE, MEMORY_CREATE, CR_EUNKNOWN, 1},
	{"new zone: a create that broke, not done, is made", NEW_ZONE, MEMORY_CREATE, CR_EIO, 0},
	{"new zone: a create that broke, done, is adopted", NEW_ZONE, MEMORY_CREATE, CR_EIO, 1},
	{"reverse zone: a change put off is made once", NEW_ZONE, MEMORY_CHANGE, CR_ERETRY, 0},
	{"reverse zone: a change of unknown fate, done, is adopted", NEW_ZONE, MEMORY_CHANGE, CR_EUNKNOWN, 1},
	{"zone there: a look that fails is repeated", ZONE_THERE, MEMORY_OBSERVE, CR_ERETRY, 0},
	{"zone there: a change put off is made once", ZONE_THERE, MEMORY_CHANGE, CR_ERETRY, 0},
	{"zone there: a change of unknown fate, not done, is made", ZONE_THERE, MEMORY_CHANGE, CR_EUNKNOWN, 0},
	{"zone there: a change of unknown fate, done, is adopted", ZONE_THERE, MEMORY_CHANGE, CR_EUNKNOWN, 1},
	{"zone there: a change that broke, not done, is made", ZONE_THERE, MEMORY_CHANGE, CR_EIO, 0},
	{"zone there: a change that broke, done, is adopted", ZONE_THERE, MEMORY_CHANGE, CR_EIO, 1},
	{"setting changed: a change put off is made once", CHANGED_SETTING, MEMORY_CHANGE, CR_ERETRY, 0},
	{"setting changed: a change of unknown fate, not done, is made", CHANGED_SETTING, MEMORY_CHANGE, CR_EUNKNOWN, 0},
	{"setting changed: a change of unknown fate, done, is adopted", CHANGED_SETTING, MEMORY_CHANGE, CR_EUNKNOWN, 1},
	{"setting changed: a change that broke, done, is adopted", CHANGED_SETTING, MEMORY_CHANGE, CR_EIO, 1},
	{"teardown: a look that fails is repeated", TEARDOWN, MEMORY_OBSERVE, CR_ERETRY, 0},
	{"teardown: a change put off is made once", TEARDOWN, MEMORY_CHANGE, CR_ERETRY, 0},
	{"teardown: a change of unknown fate, not done, is made", TEARDOWN, MEMORY_CHANGE, CR_EUNKNOWN, 0},
	{"teardown: a change of unknown fate, done, is adopted", TEARDOWN, MEMORY_CHANGE, CR_EUNKNOWN, 1},
	{"teardown: a change that broke, not done, is made", TEARDOWN, MEMORY_CHANGE, CR_EIO, 0},
	{"teardown: a change that broke, done, is adopted", TEARDOWN, MEMORY_CHANGE, CR_EIO, 1},
  /* clang-format on */
};

#define BEFORE "{ name = \"" GET "\"; ttl = 3600; tls_rua = \"tls@" GET "\"; }"
#define AFTER  "{ name = \"" GET "\"; ttl = 7200; web_addresses = [\"192.0.2.80\"]; }"

static void
scene_open(struct ground *g, enum scene scene)
{
	struct ground_outcome o;

	ground_open(g, BEFORE);
	if (scene != NEW_ZONE)
		ground_foreign_zone(GET, "www 300 IN A 192.0.2.80\n@ 300 IN TXT \"somebody else's\"\n");
	if (scene != CHANGED_SETTING && scene != TEARDOWN)
		return;
	o = ground_provision(g);
	assert_done(&o);
	ground_configure(g, AFTER, NULL);
}

static struct ground_outcome
scene_run(struct ground *g, enum scene scene)
{
	return scene == TEARDOWN ? ground_teardown(g, GET, true) : ground_provision(g);
}

/* What the scene leaves when nothing fails, and how many calls of op it takes. */
static size_t
scene_undisturbed(const struct fault *f, struct buf *state_out)
{
	struct ground g;
	struct ground_outcome o;
	size_t before, calls;

	scene_open(&g, f->scene);
	before = memory_calls(f->op);
	o = scene_run(&g, f->scene);
	assert_done(&o);
	calls = memory_calls(f->op) - before;
	ground_state(&g, state_out);
	ground_close(&g);
	return calls;
}

static void
provision__disturbed_run_ends_the_same(void **state)
{
	const struct fault *f = *state;
	struct buf want = {0};
	size_t calls = scene_undisturbed(f, &want);

	assert_true(calls > 0);
	for (size_t nth = 1; nth <= calls; nth++) {
		struct ground g;
		struct ground_outcome o;

		scene_open(&g, f->scene);
		memory_fail(f->op, nth, f->code, f->done);
		o = scene_run(&g, f->scene);
		if (o.rc == CR_OK && o.failed == CR_OK)
			fail_msg("call %zu failed, and the run did not say so", nth);
		o = scene_run(&g, f->scene);
		assert_done(&o);
		assert_ground_state(&g, &want);
		o = scene_run(&g, f->scene);
		assert_done(&o);
		assert_int_equal(o.planned, 0);
		ground_close(&g);
	}
	buf_release(&want);
}

/* --- two at once ---------------------------------------------------------------------------------------------------- */

static void
provision__a_second_run_says_who_holds_the_lock(void **state)
{
	struct ground g;
	struct ground_outcome o;
	struct lock *lock = NULL;
	char path[160], pid[32];

	(void)state;
	ground_open(&g, NULL);
	(void)snprintf(path, sizeof(path), "%s/store.db.run." PRIMARY, g.dir);
	(void)snprintf(pid, sizeof(pid), "held by %ld (teardown)", (long)getpid());
	assert_ok(lock_open(path, &lock, &g.err), &g.err);
	assert_ok(lock_take(lock, g.time, 0, "teardown", &g.err), &g.err);
	o = ground_provision(&g);
	assert_int_equal(o.rc, CR_ERETRY);
	assert_non_null(strstr(o.text, pid));
	assert_non_null(strstr(o.text, PRIMARY));
	assert_int_equal(writes(), 1);
	assert_true(g.clock.slept_ms >= 30000);
	lock_drop(&lock);
	o = ground_provision(&g);
	assert_done(&o);
	ground_close(&g);
}

struct side {
	struct ground *ground;
	pthread_barrier_t *start;
	struct ground_outcome outcome;
};

static void *
run_side(void *arg)
{
	struct side *s = arg;

	(void)pthread_barrier_wait(s->start);
	s->outcome = ground_provision(s->ground);
	return NULL;
}

static void
provision__two_runs_at_once_do_the_work_once(void **state)
{
	struct ground g;
	pthread_barrier_t start;
	pthread_t threads[2];
	struct side sides[2];

	(void)state;
	ground_open(&g, NULL);
	g.time = clock_system();
	(void)pthread_barrier_init(&start, NULL, 2);
	for (size_t i = 0; i < 2; i++) {
		sides[i] = (struct side){.ground = &g, .start = &start};
		assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
	}
	for (size_t i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_barrier_destroy(&start);
	for (size_t i = 0; i < 2; i++)
		assert_done(&sides[i].outcome);
	assert_true((sides[0].outcome.planned == 0) != (sides[1].outcome.planned == 0));
	assert_int_equal(writes(), 4); /* as by one run: provision__one_write_a_zone */
	ground_close(&g);
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	TEST(tests, n, provision__second_run_plans_nothing);
	TEST(tests, n, provision__one_write_a_zone);
	TEST(tests, n, provision__every_change_has_its_receipt_and_its_audit_line);
	TEST(tests, n, provision__one_refused_domain_does_not_stop_the_other);
	TEST(tests, n, provision__a_removed_setting_removes_only_our_record);
	ROWS(tests, n, faults, provision__disturbed_run_ends_the_same);
	TEST(tests, n, provision__a_second_run_says_who_holds_the_lock);
	TEST(tests, n, provision__two_runs_at_once_do_the_work_once);
	return rows_run("provision/provision", tests, n);
}
