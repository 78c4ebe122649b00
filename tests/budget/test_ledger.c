/*
 * test_ledger.c - what is kept between two questions, and what is thrown away after a long time.
 */
#include "budget/facts.h"
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

/* What still binds is not thinned out: of each kind one old row, which goes, and one young one, which stays. */
static void
ledger__thinning_leaves_what_still_binds(void **state)
{
	static const char *const rows[] = {
		"INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ('" TENANT "', 'z-old.example', 1, '')",
		"INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ('" TENANT
		"', 'z-young.example', 1, '')",
		"INSERT INTO released (mailbox, spent_ms, request, released_ms) VALUES (1, 1, 1, 1)",
		"INSERT INTO released (mailbox, spent_ms, request, released_ms) VALUES (1, 1, 2, 1)"};
	struct gate_limits limits = NO_PACE;
	struct office o;

	(void)state;
	limits.org_per_day = 3;
	limits.history_days = KEEP_DAYS;
	office_open(&o, limits);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_ok(db_exec(o.db, rows[i], DB_NO_ARGS, NULL, &o.err), &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	for (int i = 0; i < 40000 && count(&o, "SELECT COUNT(*) FROM pace WHERE organisation = 'z-old.example'") > 0;
	     i++) {
		const int64_t now_ms = clock_wall_ms(&o.clock.clock);

		assert_ok(db_begin(o.db, &o.err), &o.err);
		assert_ok(db_exec(o.db, "UPDATE pace SET last_ms = $1 WHERE organisation = 'z-young.example'",
		                  DB_ARGS(db_int(now_ms - HOUR_MS)), NULL, &o.err),
		          &o.err);
		assert_ok(db_exec(o.db, "UPDATE released SET released_ms = $1 WHERE request = 2",
		                  DB_ARGS(db_int(now_ms - HOUR_MS)), NULL, &o.err),
		          &o.err);
		assert_ok(db_commit(o.db, &o.err), &o.err);
		send_for_days(&o, 1);
	}
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace WHERE organisation = 'z-old.example'"), 0);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace WHERE organisation = 'z-young.example'"), 1);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM released WHERE request = 1"), 0);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM released WHERE request = 2"), 1);
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

/* More rows of each table than one statement takes. */
static void
ledger__a_large_round_is_written_whole(void **state)
{
	enum { MANY = 150 };
	struct gate_limits limits = NO_PACE;
	char mailbox[64], to[64];
	const char *one = mailbox;
	struct gate_answer a;
	struct office o;

	(void)state;
	limits.org_per_day = 1;
	office_open(&o, limits);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(mailbox, sizeof(mailbox), "m%d@getnorthwind.example", i);
		CHANGE(&o, contain_register, "getnorthwind.example", 0, &one, 1);
	}
	assert_ok(gate_begin(o.gate, &o.err), &o.err);
	for (int i = 0; i < MANY; i++) {
		const struct gate_request q = {.mailbox = mailbox, .recipient = to};

		(void)snprintf(mailbox, sizeof(mailbox), "m%d@getnorthwind.example", i);
		(void)snprintf(to, sizeof(to), "a@org%d.example", i);
		assert_ok(gate_ask_in(o.gate, &q, 1, &a, &o.err), &o.err);
		assert_string_equal(office_word(&a), "allow");
	}
	assert_ok(gate_commit(o.gate, &o.err), &o.err);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history"), MANY);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace"), MANY);
	office_gate(&o, NO_PACE);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(mailbox, sizeof(mailbox), "m%d@getnorthwind.example", i);
		assert_int_equal(office_ask(&o, mailbox, "b@one.example", NULL).left_outbound, 0);
	}
	office_close(&o);
}

/* Who thins the paces goes by this column: it has to be the latest send, not another. */
static void
ledger__a_pace_is_as_old_as_its_latest_send(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct office o;

	(void)state;
	limits.org_per_day = 3;
	office_open(&o, limits);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	fake_clock_advance(&o.clock, HOUR_MS);
	assert_answer(&o, BEN, "b@one.example", "allow");
	assert_int_equal(count(&o, "SELECT last_ms FROM pace"), OFFICE_START_MS + HOUR_MS);
	office_close(&o);
}

static void
ledger__a_spend_without_a_row_is_no_spend(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = "a@one.example"};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	/* The first question of a boot keeps nothing in memory. */
	assert_answer(&o, BEN, "z@zero.example", "allow");
	assert_ok(gate_begin(o.gate, &o.err), &o.err);
	assert_ok(gate_ask_in(o.gate, &q, 1, &a, &o.err), &o.err);
	assert_ok(db_exec(o.db, "DELETE FROM spent", DB_NO_ARGS, NULL, &o.err), &o.err);
	assert_int_equal(gate_commit(o.gate, &o.err), CR_ESTORE);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM spent"), 3);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history"), 1);
	/* Nor does anything of it stay in memory. */
	a = office_ask(&o, ANNA, "a@one.example", NULL);
	assert_string_equal(office_word(&a), "allow");
	assert_int_equal(a.left_outbound, 1);
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

/* More organisations than are kept, each asked about once: what was spent before still binds. */
static void
ledger__what_is_too_much_is_forgotten_and_read_again(void **state)
{
	struct office o;
	char to[64];

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_answer(&o, ANNA, EXTERN_MAIL, "allow");
	for (int i = 0; i < 10000; i++) {
		const struct gate_request q = {.mailbox = BEN, .recipient = to, .dry_run = true};
		struct gate_answer a;

		(void)snprintf(to, sizeof(to), "a@org%d.example", i);
		assert_ok(gate_ask(o.gate, &q, &a, &o.err), &o.err);
		assert_string_equal(office_word(&a), "allow");
		assert_true(o.gate->ledger.paces.n <= 1025);
		assert_true(o.gate->ledger.strangers.n <= 8193);
	}
	assert_answer(&o, BEN, EXTERN_MAIL, "org_pace");
	assert_answer(&o, ANNA, "b@org1.example", "mailbox_pace");
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	TEST(tests, n, ledger__old_history_and_paces_go_and_young_ones_stay);
	TEST(tests, n, ledger__thinning_leaves_what_still_binds);
	TEST(tests, n, ledger__a_history_within_its_time_is_left_alone);
	TEST(tests, n, ledger__what_another_process_spends_is_seen_at_once);
	TEST(tests, n, ledger__what_another_process_changes_is_seen_at_once);
	TEST(tests, n, ledger__a_large_round_is_written_whole);
	TEST(tests, n, ledger__what_is_too_much_is_forgotten_and_read_again);
	TEST(tests, n, ledger__a_pace_is_as_old_as_its_latest_send);
	TEST(tests, n, ledger__a_spend_without_a_row_is_no_spend);
	TEST(tests, n, ledger__what_was_rolled_back_was_never_spent);
	return rows_run("budget/ledger", tests, n);
}
