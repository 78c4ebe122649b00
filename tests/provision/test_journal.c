/*
 * test_journal.c - each step twice: durable before the call, with its audit line after it.
 */
#include "tests/provision/book.h"

#include "core/audit.h"
#include "provision/journal.h"

static const struct journal_step records_step = {.domain = GET,
                                                 .step = "records",
                                                 .driver = "mem/memory",
                                                 .operation = "update",
                                                 .intent = "{\"create\":\"x\"}"};
static const struct journal_step other_step = {
	.domain = TRY, .step = "zone", .driver = "mem/memory", .operation = "create", .intent = "{}"};

struct seen {
	size_t n;
	int64_t last_seq;
	char receipt[64], intent[64], tenant[64];
	int stop_at; /* 0: never */
};

static int
see(const struct journal_row *row, void *arg)
{
	struct seen *s = arg;

	assert_true(row->seq > s->last_seq);
	s->last_seq = row->seq;
	(void)snprintf(s->receipt, sizeof(s->receipt), "%s", row->receipt != NULL ? row->receipt : "(none)");
	(void)snprintf(s->intent, sizeof(s->intent), "%s", row->intent);
	(void)snprintf(s->tenant, sizeof(s->tenant), "%s", row->tenant);
	s->n++;
	return s->stop_at != 0 && s->n >= (size_t)s->stop_at ? CR_EREFUSED : CR_OK;
}

static struct seen
walk(struct db *db, const char *domain)
{
	struct seen s = {0};
	struct err err = {0};

	assert_ok(journal_walk(db, domain, see, &s, &err), &err);
	return s;
}

static void
journal__an_intention_is_durable_before_the_call(void **state)
{
	struct err err = {0};
	struct book b = {0};
	struct db *other;
	struct seen s;
	int64_t seq = 0;

	(void)state;
	book_open(&b);
	assert_ok(journal_intend(&b.journal, &records_step, &seq, &err), &err);
	assert_true(seq > 0);
	/* Another process sees it, as the next run would after a crash. */
	other = ground_db(&b.ground);
	s = walk(other, GET);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.receipt, "(none)");
	assert_string_equal(s.intent, records_step.intent);
	assert_string_equal(s.tenant, PRIMARY);
	db_drop(&other);
	book_close(&b);
}

static void
journal__a_receipt_comes_with_its_audit_line(void **state)
{
	struct audit_report report = {0};
	struct err err = {0};
	struct book b = {0};
	struct seen s;
	int64_t seq = 0;

	(void)state;
	book_open(&b);
	assert_ok(journal_intend(&b.journal, &records_step, &seq, &err), &err);
	assert_int_equal(ground_count(&b.ground, "SELECT count(*) FROM audit"), 0);
	assert_ok(journal_receipt(&b.journal, seq, &records_step, "{\"create\":\"y\"}", &err), &err);
	s = walk(b.db, GET);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.receipt, "{\"create\":\"y\"}");
	assert_int_equal(ground_count(&b.ground,
	                              "SELECT count(*) FROM audit WHERE action = 'records.update' AND subject = '" GET
	                              "' AND detail = '{\"create\":\"y\"}'"),
	                 1);
	assert_ok(audit_verify(b.db, b.vault, &report, &err), &err);
	assert_int_equal(report.first_bad_seq, 0);
	book_close(&b);
}

static void
journal__a_failed_step_counts_no_more(void **state)
{
	struct err err = {0};
	struct book b = {0};
	int64_t seq = 0;

	(void)state;
	book_open(&b);
	assert_ok(journal_intend(&b.journal, &records_step, &seq, &err), &err);
	assert_ok(journal_failed(&b.journal, seq, "the provider said no", &err), &err);
	assert_int_equal(walk(b.db, GET).n, 0);
	/* It stays readable, for people. */
	assert_int_equal(ground_count(&b.ground, "SELECT count(*) FROM journal WHERE receipt = 'the provider said no'"),
	                 1);
	assert_int_equal(ground_count(&b.ground, "SELECT count(*) FROM audit"), 0);
	book_close(&b);
}

static const struct closed {
	const char *name;
	int code;
	size_t want; /* rows that count afterwards */
	const char *receipt;
} closed[] = {
	{"a call that was done has its receipt",              CR_OK,       1, "{}"    },
	{"one that was refused counts no more",               CR_EREFUSED, 0, "(none)"},
	{"nor does one that comes later",                     CR_ERETRY,   0, "(none)"},
	{"one whose answer was lost is left to the next run", CR_EUNKNOWN, 1, "(none)"},
	{"and so is one that ran out of memory",              CR_ENOMEM,   1, "(none)"},
};

static void
check_closed(void **state)
{
	const struct closed *c = *state;
	struct err err = {.code = c->code, .text = "as it was"};
	struct book b = {0};
	struct seen s;
	int64_t seq = 0;

	book_open(&b);
	assert_int_equal(journal_intend(&b.journal, &records_step, &seq, NULL), CR_OK);
	assert_int_equal(journal_close(&b.journal, seq, &records_step, "{}", c->code, &err), c->code);
	assert_string_equal(err.text, "as it was");
	s = walk(b.db, GET);
	assert_int_equal(s.n, c->want);
	if (s.n > 0)
		assert_string_equal(s.receipt, c->receipt);
	book_close(&b);
}

static void
journal__rows_come_oldest_first_and_of_one_domain(void **state)
{
	struct seen stopped = {.stop_at = 2};
	struct err err = {0};
	struct book b = {0};
	int64_t seq = 0;

	(void)state;
	book_open(&b);
	for (int i = 0; i < 3; i++) {
		assert_ok(journal_intend(&b.journal, &records_step, &seq, &err), &err);
		assert_ok(journal_intend(&b.journal, &other_step, &seq, &err), &err);
	}
	assert_int_equal(walk(b.db, GET).n, 3); /* see asserts the order */
	assert_int_equal(walk(b.db, "unknown.example").n, 0);
	assert_int_equal(journal_walk(b.db, GET, see, &stopped, &err), CR_EREFUSED);
	assert_int_equal(stopped.n, 2);
	book_close(&b);
}

static void
journal__each_run_has_its_own_id(void **state)
{
	struct err err = {0};
	struct book b = {0};
	struct journal second;

	(void)state;
	book_open(&b);
	assert_ok(journal_open(b.db, b.vault, b.ground.time, PRIMARY, &second, &err), &err);
	assert_int_equal(strlen(second.run), 16);
	assert_string_not_equal(second.run, b.journal.run);
	book_close(&b);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	TEST(tests, n, journal__an_intention_is_durable_before_the_call);
	TEST(tests, n, journal__a_receipt_comes_with_its_audit_line);
	TEST(tests, n, journal__a_failed_step_counts_no_more);
	ROWS(tests, n, closed, check_closed);
	TEST(tests, n, journal__rows_come_oldest_first_and_of_one_domain);
	TEST(tests, n, journal__each_run_has_its_own_id);
	return rows_run("provision/journal", tests, n);
}
