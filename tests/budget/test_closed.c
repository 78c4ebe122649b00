/*
 * test_closed.c - the filter never says "certainly not" of anybody who is on the list, and seldom "maybe" of anybody else.
 */
#include "budget/closed.h"
#include "tests/budget/office.h"

#define MANY 3000

/* As it is after so many questions that reading the list pays. */
static void
warm_up(struct office *o, struct closed *c)
{
	for (int i = 0; i < 200 && !c->current; i++)
		assert_ok(closed_refresh(c, o->db, &o->err), &o->err);
	assert_true(c->current);
}

static void
suppress(struct office *o, const char *what)
{
	struct suppress_entry e = {.scope = "", .what = what, .reason = "said no", .source = "manual"};
	struct contain c = office_contain(o);
	bool added;

	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(suppress_add(&c, &e, &added, &o->err), &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

static void
suppress_many(struct office *o)
{
	struct contain c = office_contain(o);

	assert_ok(db_begin(o->db, &o->err), &o->err);
	for (int i = 0; i < MANY; i++) {
		char name[64];
		struct suppress_entry e = {.scope = "", .what = name, .reason = "said no", .source = "import"};
		bool added;

		(void)snprintf(name, sizeof(name), "closed%d.example", i);
		assert_ok(suppress_add(&c, &e, &added, &o->err), &o->err);
	}
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

static void
closed__says_maybe_until_it_knows(void **state)
{
	struct closed c = {0};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_true(closed_maybe_organisation(&c, "fabrikam.example"));
	/* One question: not worth reading a list for. */
	assert_ok(closed_refresh(&c, o.db, &o.err), &o.err);
	assert_true(closed_maybe_organisation(&c, "fabrikam.example"));
	warm_up(&o, &c);
	assert_false(closed_maybe_organisation(&c, "fabrikam.example"));
	closed_stale(&c);
	assert_true(closed_maybe_organisation(&c, "fabrikam.example"));
	closed_release(&c);
	office_close(&o);
}

/* Half a list must not be taken for the whole: it would say "certainly not" of whoever stands behind the damage. */
static void
closed__a_list_that_cannot_be_read_stays_unknown(void **state)
{
	struct closed c = {0};
	int rc = CR_OK;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db,
	                  "INSERT INTO suppression (scope, kind, value, reason, source, added_ms) "
	                  "VALUES ('', 'address', 'no hash', 'test', 'manual', 1)",
	                  DB_NO_ARGS, NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	suppress(&o, "fabrikam.example");
	for (int i = 0; i < 200 && rc == CR_OK; i++)
		rc = closed_refresh(&c, o.db, &o.err);
	assert_int_equal(rc, CR_ESTORE);
	assert_true(closed_maybe_organisation(&c, "fabrikam.example"));
	closed_release(&c);
	office_close(&o);
}

static void
closed__everybody_on_the_list_is_maybe_and_few_others(void **state)
{
	struct closed c = {0};
	struct office o;
	char name[64];
	int others = 0;

	(void)state;
	office_open(&o, NO_PACE);
	warm_up(&o, &c);
	/* Far more than the first filter had room for. */
	suppress_many(&o);
	closed_stale(&c);
	warm_up(&o, &c);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "closed%d.example", i);
		assert_true(closed_maybe_organisation(&c, name));
		(void)snprintf(name, sizeof(name), "open%d.example", i);
		others += closed_maybe_organisation(&c, name);
	}
	assert_true(others < MANY / 50);
	closed_release(&c);
	office_close(&o);
}

static void
closed__what_was_added_since_is_found(void **state)
{
	struct closed c = {0};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	suppress(&o, "contoso.example");
	warm_up(&o, &c);
	assert_false(closed_maybe_organisation(&c, "fabrikam.example"));
	suppress(&o, "fabrikam.example");
	closed_stale(&c);
	warm_up(&o, &c);
	assert_true(closed_maybe_organisation(&c, "fabrikam.example"));
	assert_true(closed_maybe_organisation(&c, "contoso.example"));
	closed_release(&c);
	office_close(&o);
}

/* Through the gate, which has asked often enough to go by the filter. */
static void
gate__a_refusal_by_another_process_binds_however_long_it_has_been_open(void **state)
{
	struct office o, other;

	(void)state;
	office_open(&o, NO_PACE);
	for (int i = 0; i < 100; i++) {
		struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .dry_run = true};
		struct gate_answer a;

		assert_ok(gate_ask(o.gate, &q, &a, &o.err), &o.err);
		assert_string_equal(office_word(&a), "allow");
	}
	other = o;
	other.db = office_open_store(&o, DB_WRITE);
	suppress(&other, "fabrikam.example");
	db_drop(&other.db);
	assert_answer(&o, ANNA, EXTERN_MAIL, "suppressed");
	assert_answer(&o, ANNA, "x@contoso.example", "allow");
	/* And by this one. */
	suppress(&o, "x@adatum.example");
	assert_answer(&o, ANNA, "x@adatum.example", "suppressed");
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[8];
	size_t n = 0;

	TEST(tests, n, closed__says_maybe_until_it_knows);
	TEST(tests, n, closed__a_list_that_cannot_be_read_stays_unknown);
	TEST(tests, n, closed__everybody_on_the_list_is_maybe_and_few_others);
	TEST(tests, n, closed__what_was_added_since_is_found);
	TEST(tests, n, gate__a_refusal_by_another_process_binds_however_long_it_has_been_open);
	return rows_run("budget/closed", tests, n);
}
