/*
 * test_promise.c - "never over budget", asked of the real store by many processes, and by killed ones.  Random schedules with a
 * recount of every window are in test_schedules.c.
 */
#include "tests/budget/office.h"

#include <signal.h>
#include <sys/wait.h>

#define RACERS 8

/*
 * A process of its own, with its own handles: nothing opened before the fork may be used in it.  It waits for the lock in real
 * time, since a fake clock does not move while others work; and it leaves by _exit, whatever happens.
 */
static struct gate *
child_gate(struct office *o, struct gate_limits limits)
{
	const struct db_options options = {.path = o->path,
	                                   .mode = DB_WRITE,
	                                   .schema = &schema_coldrelay,
	                                   .clock = clock_system(),
	                                   .busy_ms = 20000};
	struct gate *g = NULL;

	if (db_open(&options, &o->db, &o->err) != CR_OK ||
	    gate_open(o->db, o->vault, &o->clock.clock, &limits, NULL, &g, &o->err) != CR_OK) {
		(void)fprintf(stderr, "child: %s\n", o->err.text);
		_exit(9);
	}
	return g;
}

static void
gate__one_of_many_processes_wins_the_last_token(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	int wins = 0, status, start[2];
	pid_t pids[RACERS];
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	gate_drop(&o.gate);
	db_drop(&o.db);
	assert_int_equal(pipe(start), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct gate *g = child_gate(&o, NO_PACE);
			struct gate_answer a;
			char go;

			(void)close(start[1]);
			(void)!read(start[0], &go, 1);
			_exit(gate_ask(g, &q, &a, NULL) == CR_OK && a.verdict == GATE_ALLOW ? 7 : 0);
		}
	}
	/* The end of the pipe is the shot. */
	(void)close(start[0]);
	(void)close(start[1]);
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 9);
		wins += WEXITSTATUS(status) == 7;
	}
	assert_int_equal(wins, 1);
	o.db = office_open_store(&o, DB_WRITE);
	office_gate(&o, NO_PACE);
	assert_answer(&o, ANNA, "z@zero.example", "budget");
	office_close(&o);
}

/* Asks with a fixed id, and dies by SIGKILL at the first answer instead of telling it. */
static void
spend_and_die(struct office *o, const char *id)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = id};
	struct gate_answer a;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct gate *g = child_gate(o, NO_PACE);

		if (gate_ask(g, &q, &a, NULL) == CR_OK && a.verdict == GATE_ALLOW)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
gate__killed_between_spend_and_answer_loses_nothing(void **state)
{
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	gate_drop(&o.gate);
	db_drop(&o.db);
	spend_and_die(&o, "<1@x>");
	o.db = office_open_store(&o, DB_WRITE);
	office_gate(&o, NO_PACE);
	/* The asker asks again: the same send, paid already. */
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_string_equal(office_word(&a), "allow");
	assert_int_equal(a.left_outbound, 1);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<2@x>");
	assert_string_equal(office_word(&a), "allow");
	assert_answer(&o, ANNA, "c@three.example", "budget");
	office_close(&o);
}

static void
gate__killed_at_any_moment_never_spends_more_than_it_may(void **state)
{
	struct gate_answer a;
	struct office o;
	int64_t spent;

	(void)state;
	office_open(&o, NO_PACE);
	gate_drop(&o.gate);
	db_drop(&o.db);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			struct gate *g = child_gate(&o, NO_PACE);
			struct gate_request q = {.recipient = EXTERN_MAIL};

			for (unsigned i = 0;; i++) {
				q.mailbox = i % 2 ? ANNA : BEN;
				(void)!gate_ask(g, &q, &a, NULL);
			}
		}
		/* Somewhere in the middle of opening, asking or committing. */
		for (volatile int spin = 0; spin < round * 40000; spin++)
			continue;
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	o.db = office_open_store(&o, DB_WRITE);
	office_gate(&o, NO_PACE);
	while (office_ask(&o, ANNA, EXTERN_MAIL, NULL).verdict == GATE_ALLOW ||
	       office_ask(&o, BEN, EXTERN_MAIL, NULL).verdict == GATE_ALLOW)
		continue;
	/* Two mailboxes, two outbound each, over all lives together; each of them in the history. */
	assert_ok(db_get_int(o.db, "SELECT COUNT(*) FROM history", DB_NO_ARGS, 0, &spent, &o.err), &o.err);
	assert_int_equal(spent, 4);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[8];
	size_t n = 0;

	TEST(tests, n, gate__one_of_many_processes_wins_the_last_token);
	TEST(tests, n, gate__killed_between_spend_and_answer_loses_nothing);
	TEST(tests, n, gate__killed_at_any_moment_never_spends_more_than_it_may);
	return rows_run("budget/promise", tests, n);
}
