/*
 * test_contain.c - every move from every state, what a burn leaves behind, and that each change is in the log.
 */
#include "tests/budget/office.h"

#define GET "getnorthwind.example"
#define TRY "trynorthwindnow.example"

/* One letter a state, in the order of the enum: what the move makes of it; '.': as it was; '!': refused. */
static const struct move_row {
	const char *name;
	const char *want;
} move_rows[] = {
	{"provision starts planned and parked domains", "g......g"},
	{"register makes a provisioning domain warm",   "!w....!!"},
	{"freeze stops what sends, and nothing else",   "!!ff.!!!"},
	{"thaw only frees what is frozen",              "!!!!a!!!"},
	{"burn has no way back",                        "!!bbb.!!"},
	{"close takes all but the parked",              "ccccccc!"},
	{"park takes only the closing",                 "!!!!!!p."},
};
static const enum domain_state of_letter[128] = {
	['g'] = DOMAIN_PROVISIONING, ['w'] = DOMAIN_WARMING, ['a'] = DOMAIN_ACTIVE, ['f'] = DOMAIN_FROZEN,
	['b'] = DOMAIN_BURNED,       ['c'] = DOMAIN_CLOSING, ['p'] = DOMAIN_PARKED,
};

static int
make_move(size_t which, struct contain *c, struct err *err)
{
	switch (which) {
	case 0:
		return contain_provisioning(c, GET, err);
	case 1:
		return contain_register(c, GET, c->now_ms + DAY_MS, NULL, 0, err);
	case 2:
		return contain_freeze(c, GET, "cause", "reason", err);
	case 3:
		return contain_thaw(c, GET, "reason", err);
	case 4:
		return contain_burn(c, GET, "cause", "reason", err);
	case 5:
		return contain_close(c, GET, c->now_ms, "reason", err);
	default:
		return contain_park(c, GET, err);
	}
}

static void
check_moves(void **state)
{
	const struct move_row *r = *state;
	size_t which = (size_t)(r - move_rows);
	struct domain_row d;
	struct office o;

	office_open(&o, NO_PACE);
	assert_int_equal(strlen(r->want), DOMAIN_STATE__COUNT);
	for (int from = 0; from < DOMAIN_STATE__COUNT; from++) {
		struct contain c = office_contain(&o);
		char want = r->want[from];
		int rc;

		assert_ok(db_begin(o.db, &o.err), &o.err);
		assert_ok(db_exec(o.db, "UPDATE domain SET state = $1 WHERE name = $2",
		                  DB_ARGS(db_text(domain_state_name((enum domain_state)from)), db_text(GET)), NULL,
		                  &o.err),
		          &o.err);
		rc = make_move(which, &c, &o.err);
		if (want == '!')
			assert_int_equal(rc, CR_EREFUSED);
		else
			assert_ok(rc, &o.err);
		assert_ok(domain_find(o.db, GET, &d, &o.err), &o.err);
		assert_int_equal(d.state, want == '!' || want == '.' ? from : (int)of_letter[(unsigned char)want]);
		db_rollback(o.db);
	}
	office_close(&o);
}

static const struct name_row {
	const char *name, *domain;
	int want;
} plan_rows[] = {
	{"another name is planned",                  "northwindteam.example",   CR_OK       },
	{"one that stands already is left alone",    TRY,                       CR_OK       },
	{"the primary itself is refused",            TENANT,                    CR_EREFUSED },
	{"so is a name below it",                    "mail." TENANT,            CR_EREFUSED },
	{"and below another tenant's primary",       "go.contoso.example",      CR_EREFUSED },
	{"and one above a primary",                  "deep.example",            CR_EREFUSED },
	{"a domain of another tenant is a conflict", "contosonow.example",      CR_ECONFLICT},
	{"the burned name is refused",               GET,                       CR_EREFUSED },
	{"so is one edit away",                      "getnorthwinds.example",   CR_EREFUSED },
	{"and two",				  "getn0rthwindd.example",   CR_EREFUSED },
	{"three are another name",                   "getnorthwind123.example", CR_OK       },
	{"text that is no host name cannot be read", "no host",                 CR_EPARSE   },
};

static void
check_plan(void **state)
{
	const struct name_row *r = *state;
	struct contain c;
	struct office o;

	office_open(&o, NO_PACE);
	office_add_domain(&o, "contoso.example", "contosonow.example", 0, NULL, 0);
	office_add_domain(&o, "very.deep.example", "elsewhere.example", 0, NULL, 0);
	CHANGE(&o, contain_burn, GET, "systemic", "three organisations");
	/* Burned, closed, parked: the name stays burned. */
	CHANGE(&o, contain_close, GET, 0, "test");
	CHANGE(&o, contain_park, GET);
	CHANGE(&o, contain_thaw_tenant, TENANT, "list bought from a broker; thrown away");
	c = office_contain(&o);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_int_equal(contain_plan_domain(&c, TENANT, r->domain, &o.err), r->want);
	db_rollback(o.db);
	office_close(&o);
}

static void
contain__a_burned_tenant_waits_30_days_or_for_a_cause(void **state)
{
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, contain_freeze, GET, "reputation", "550");
	CHANGE(&o, contain_burn, GET, "systemic", "three organisations");
	CHANGE_FAILS(&o, CR_EREFUSED, contain_plan_domain, TENANT, "northwindteam.example");
	/* What stands goes on. */
	CHANGE(&o, contain_plan_domain, TENANT, TRY);
	fake_clock_advance(&o.clock, CONTAIN_COOLDOWN_MS - 1);
	CHANGE_FAILS(&o, CR_EREFUSED, contain_plan_domain, TENANT, "northwindteam.example");
	fake_clock_advance(&o.clock, 1);
	CHANGE(&o, contain_plan_domain, TENANT, "northwindteam.example");
	CHANGE_FAILS(&o, CR_EREFUSED, contain_thaw_tenant, TENANT, "nothing to thaw");
	office_close(&o);
}

static void
contain__the_first_cause_of_a_freeze_is_kept(void **state)
{
	struct domain_row d;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, contain_freeze, GET, "tenant_policy", "554");
	CHANGE(&o, contain_freeze, GET, "content", "link");
	assert_ok(domain_find(o.db, GET, &d, &o.err), &o.err);
	assert_string_equal(d.cause, "tenant_policy");
	CHANGE(&o, contain_thaw, GET, "reviewed");
	assert_ok(domain_find(o.db, GET, &d, &o.err), &o.err);
	assert_string_equal(d.cause, "");
	assert_int_equal(d.state, DOMAIN_ACTIVE);
	office_close(&o);
}

/* A thaw is no shorter way to the first send than waiting for it. */
static void
contain__a_thaw_before_the_first_send_goes_on_warming(void **state)
{
	static const char *const eva[] = {"eva@northwindteam.example"};
	struct domain_row d;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	office_add_domain(&o, TENANT, "northwindteam.example", OFFICE_START_MS + DAY_MS, eva, 1);
	CHANGE(&o, contain_freeze, "northwindteam.example", "content", "link");
	CHANGE(&o, contain_thaw, "northwindteam.example", "reviewed");
	assert_ok(domain_find(o.db, "northwindteam.example", &d, &o.err), &o.err);
	assert_int_equal(d.state, DOMAIN_WARMING);
	assert_answer(&o, eva[0], EXTERN_MAIL, "warming");
	office_close(&o);
}

/* Nor a name that holds one, nor one below it. */
static void
contain__an_outreach_domain_becomes_no_primary(void **state)
{
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE_FAILS(&o, CR_EREFUSED, contain_plan_domain, GET, "another.example");
	CHANGE_FAILS(&o, CR_EREFUSED, contain_plan_domain, "mail." GET, "another.example");
	CHANGE(&o, contain_plan_domain, TENANT, "go.deep.example");
	CHANGE_FAILS(&o, CR_EREFUSED, contain_plan_domain, "deep.example", "another.example");
	office_close(&o);
}

static void
contain__a_tenant_thaw_frees_only_what_its_freeze_froze(void **state)
{
	struct domain_row d;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, contain_freeze, GET, "tenant_policy", "554");
	CHANGE(&o, contain_freeze_tenant, TENANT, "own_account", "restricted");
	CHANGE(&o, contain_thaw_tenant, TENANT, "the provider lifted it");
	assert_ok(domain_find(o.db, GET, &d, &o.err), &o.err);
	assert_int_equal(d.state, DOMAIN_FROZEN);
	assert_ok(domain_find(o.db, TRY, &d, &o.err), &o.err);
	assert_int_equal(d.state, DOMAIN_ACTIVE);
	CHANGE_FAILS(&o, CR_ENOTFOUND, contain_freeze_tenant, "nobody.example", "x", "x");
	office_close(&o);
}

static void
contain__a_mailbox_made_again_keeps_its_spends(void **state)
{
	static const char *const anna[] = {"ANNA@" GET}, *const foreign[] = {"anna@" TRY};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	CHANGE(&o, contain_remove_mailbox, ANNA);
	assert_answer(&o, ANNA, "c@three.example", "unknown_mailbox");
	CHANGE(&o, contain_register, GET, 0, anna, 1);
	assert_answer(&o, ANNA, "c@three.example", "budget");
	CHANGE_FAILS(&o, CR_EREFUSED, contain_register, GET, 0, foreign, 1);
	office_close(&o);
}

static void
contain__knows_the_last_send_of_a_domain(void **state)
{
	struct gate_answer a;
	struct office o;
	int64_t last;

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(domain_last_send(o.db, GET, &last, &o.err), &o.err);
	assert_int_equal(last, 0);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	fake_clock_advance(&o.clock, HOUR_MS);
	a = office_ask(&o, BEN, "a@one.example", NULL);
	assert_ok(domain_last_send(o.db, GET, &last, &o.err), &o.err);
	assert_int_equal(last, OFFICE_START_MS + HOUR_MS);
	assert_ok(gate_release(o.gate, a.ticket, &o.err), &o.err);
	assert_ok(domain_last_send(o.db, GET, &last, &o.err), &o.err);
	assert_int_equal(last, OFFICE_START_MS);
	/* Of one mailbox the later of two. */
	assert_answer(&o, ANNA, "b@two.example", "allow");
	assert_ok(domain_last_send(o.db, GET, &last, &o.err), &o.err);
	assert_true(last >= OFFICE_START_MS + HOUR_MS);
	office_close(&o);
}

static int
count_line(const struct audit_entry *e, void *arg)
{
	*(int *)arg += strcmp(e->action, "domain.freeze") == 0 && strcmp(e->reason, "554 no") == 0;
	return CR_OK;
}

static void
contain__each_change_is_a_line_of_the_log(void **state)
{
	struct audit_report report;
	struct office o;
	int lines = 0;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, contain_freeze, GET, "tenant_policy", "554 no");
	assert_ok(audit_walk(o.db, 0, GET, count_line, &lines, &o.err), &o.err);
	assert_int_equal(lines, 1);
	assert_ok(audit_verify(o.db, o.vault, &report, &o.err), &o.err);
	assert_int_equal(report.first_bad_seq, 0);
	assert_true(report.rows > 8);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, move_rows, check_moves);
	ROWS(tests, n, plan_rows, check_plan);
	TEST(tests, n, contain__a_burned_tenant_waits_30_days_or_for_a_cause);
	TEST(tests, n, contain__the_first_cause_of_a_freeze_is_kept);
	TEST(tests, n, contain__a_thaw_before_the_first_send_goes_on_warming);
	TEST(tests, n, contain__an_outreach_domain_becomes_no_primary);
	TEST(tests, n, contain__a_tenant_thaw_frees_only_what_its_freeze_froze);
	TEST(tests, n, contain__a_mailbox_made_again_keeps_its_spends);
	TEST(tests, n, contain__knows_the_last_send_of_a_domain);
	TEST(tests, n, contain__each_change_is_a_line_of_the_log);
	return rows_run("budget/contain", tests, n);
}
