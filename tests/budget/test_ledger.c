/*
 * test_ledger.c - what is kept between two questions, and what is thrown away after a long time.
 */
#include "budget/ledger.h"
#include "tests/budget/office.h"

#define KEEP_DAYS 30

static int64_t
count(struct office *o, const char *sql)
{
	int64_t n = -1;

	assert_ok(db_get_int(o->db, sql, DB_NO_ARGS, 0, &n, &o->err), &o->err);
	return n;
}

/* n rows of the history, one an hour, and as many paces, ending days ago. */
static void
grow_old(struct office *o, int n, int days)
{
	const int64_t last_ms = OFFICE_START_MS - days * DAY_MS;
	char organisation[64];

	assert_ok(db_begin(o->db, &o->err), &o->err);
	for (int i = 0; i < n; i++) {
		const int64_t at_ms = last_ms - (n - i) * HOUR_MS;

		(void)snprintf(organisation, sizeof(organisation), "org%d.example", i);
		assert_ok(db_exec(o->db,
		                  "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, request) "
		                  "VALUES ($1, 1, 0, $2, $3, 7)",
		                  DB_ARGS(db_int(at_ms), db_text(organisation), db_blob("0123456789abcdef", 16)), NULL,
		                  &o->err),
		          &o->err);
		assert_ok(db_exec(o->db,
		                  "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4)",
		                  DB_ARGS(db_text(TENANT), db_text(organisation), db_int(at_ms), db_blob("", 0)), NULL,
		                  &o->err),
		          &o->err);
	}
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

/* Many sends, a day apart, so that the budget is never in the way. */
static void
send_for_days(struct office *o, int days)
{
	char to[64];

	for (int i = 0; i < days; i++) {
		(void)snprintf(to, sizeof(to), "a@later%d.example", i);
		assert_answer(o, ANNA, to, "allow");
		fake_clock_advance(&o->clock, DAY_MS + 1);
	}
}

static void
ledger__old_history_and_paces_go_and_young_ones_stay(void **state)
{
	struct gate_limits limits = GATE_LIMITS_DEFAULT;
	struct office o;

	(void)state;
	limits.mailbox_gap_s = 0;
	limits.history_days = KEEP_DAYS;
	office_open(&o, limits);
	grow_old(&o, 3000, KEEP_DAYS + 1);
	/* One send in a thousand or so looks, and not everywhere: this is many times as long. */
	for (int i = 0; i < 800 && (count(&o, "SELECT COUNT(*) FROM history WHERE request = 7") > 0 ||
	                            count(&o, "SELECT COUNT(*) FROM pace WHERE organisation LIKE 'org%'") == 3000);
	     i++)
		send_for_days(&o, 40);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history WHERE request = 7"), 0);
	assert_true(count(&o, "SELECT COUNT(*) FROM pace WHERE organisation LIKE 'org%'") < 3000);
	/* The days that are to be kept are all there. */
	send_for_days(&o, KEEP_DAYS);
	assert_true(count(&o, "SELECT COUNT(*) FROM history") >= KEEP_DAYS);
	office_close(&o);
}

static void
ledger__a_history_within_its_time_is_left_alone(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct office o;

	(void)state;
	office_open(&o, limits);
	grow_old(&o, 500, 1);
	for (int i = 0; i < 5; i++)
		send_for_days(&o, 40);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history WHERE request = 7"), 500);
	office_close(&o);
}

/* The row is read once for many questions; what another process does to it is seen all the same. */
static void
ledger__what_another_process_spends_is_seen_at_once(void **state)
{
	struct office o, other;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	other = o;
	other.db = office_open_store(&o, DB_WRITE);
	other.gate = NULL;
	office_gate(&other, NO_PACE);
	assert_answer(&other, ANNA, "b@two.example", "allow");
	gate_drop(&other.gate);
	db_drop(&other.db);
	assert_answer(&o, ANNA, "c@three.example", "budget");
	office_close(&o);
}

/* The same of an organisation's pace, and of a stranger who has got a mailbox of ours meanwhile. */
static void
ledger__what_another_process_changes_is_seen_at_once(void **state)
{
	static const char *const fresh[] = {"new@getnorthwind.example"};
	struct gate_limits limits = NO_PACE;
	struct office o, other;
	struct gate_answer a;

	(void)state;
	limits.org_per_day = 2;
	office_open(&o, limits);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	a = office_ask(&o, BEN, fresh[0], NULL);
	assert_int_equal(a.class, GATE_OUTBOUND);
	other = o;
	other.db = office_open_store(&o, DB_WRITE);
	other.gate = NULL;
	office_gate(&other, limits);
	assert_answer(&other, BEN, "b@one.example", "allow");
	CHANGE(&other, contain_register, "getnorthwind.example", 0, fresh, 1);
	gate_drop(&other.gate);
	db_drop(&other.db);
	assert_answer(&o, CARL, "c@one.example", "org_pace");
	a = office_ask(&o, BEN, fresh[0], NULL);
	assert_string_equal(office_word(&a), "allow");
	assert_int_equal(a.class, GATE_WARMUP);
	office_close(&o);
}

/* A commit that fails leaves nothing behind in memory that the store does not have. */
static void
ledger__what_was_rolled_back_was_never_spent(void **state)
{
	const struct gate_request q[] = {
		{.mailbox = ANNA, .recipient = "a@one.example"},
                {.mailbox = ANNA, .recipient = "b@two.example"}
        };
	struct gate_answer a[2];
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	for (int i = 0; i < 3; i++) {
		assert_ok(gate_begin(o.gate, &o.err), &o.err);
		assert_ok(gate_ask_in(o.gate, q, 2, a, &o.err), &o.err);
		assert_string_equal(office_word(&a[1]), "allow");
		gate_rollback(o.gate);
	}
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history"), 0);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	assert_answer(&o, ANNA, "c@three.example", "budget");
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[8];
	size_t n = 0;

	TEST(tests, n, ledger__old_history_and_paces_go_and_young_ones_stay);
	TEST(tests, n, ledger__a_history_within_its_time_is_left_alone);
	TEST(tests, n, ledger__what_another_process_spends_is_seen_at_once);
	TEST(tests, n, ledger__what_another_process_changes_is_seen_at_once);
	TEST(tests, n, ledger__what_was_rolled_back_was_never_spent);
	return rows_run("budget/ledger", tests, n);
}
