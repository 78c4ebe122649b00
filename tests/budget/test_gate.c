/*
 * test_gate.c - the order of the tests, the budget to the millisecond, and what binds whom.
 */
#include "tests/budget/office.h"

#define FABRIKAM "fabrikam.example"

/* ---- the order: everything that fails at once is there; the row takes away what stands in front ---- */

enum wrong {
	ON_PRIMARY = 1 << 0,
	UNKNOWN = 1 << 1,
	SUPPRESSED = 1 << 2,
	FROZEN = 1 << 3,
	CLOCK = 1 << 4,
	WARMING = 1 << 5,
	SPENT = 1 << 6,
	ORG = 1 << 7,
	GAP = 1 << 8
};
#define ALL (ON_PRIMARY | UNKNOWN | SUPPRESSED | FROZEN | CLOCK | WARMING | SPENT | ORG | GAP)

static const struct order {
	const char *name;
	unsigned wrong;
	const char *word;
	enum gate_verdict verdict;
} orders[] = {
	{"a mailbox on the primary is refused before all else", ALL,                                                       "primary_domain",  GATE_REFUSE},
	{"then an unknown mailbox",                             ALL & ~ON_PRIMARY,                                         "unknown_mailbox", GATE_REFUSE},
	{"then a suppressed recipient",                         SUPPRESSED | FROZEN | CLOCK | WARMING | SPENT | ORG | GAP, "suppressed",
         GATE_REFUSE																     },
	{"then a frozen domain",                                FROZEN | CLOCK | WARMING | SPENT | ORG | GAP,              "frozen",          GATE_REFUSE},
	{"then a clock in doubt waits",                         CLOCK | WARMING | SPENT | ORG | GAP,                       "clock",           GATE_WAIT  },
	{"then a warming domain waits",                         WARMING | SPENT | ORG | GAP,                               "warming",         GATE_WAIT  },
	{"then an empty budget waits",                          SPENT | ORG | GAP,                                         "budget",          GATE_WAIT  },
	{"then the organisation's pace waits",                  ORG | GAP,                                                 "org_pace",        GATE_WAIT  },
	{"then the mailbox's gap waits",                        GAP,						       "mailbox_pace",    GATE_WAIT  },
	{"and with nothing wrong it is allowed",                0,							 "allow",           GATE_ALLOW },
};

static void
set_first_send(struct office *o, int64_t ms)
{
	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(db_exec(o->db, "UPDATE domain SET first_send_ms = $1", DB_ARGS(db_int(ms)), NULL, &o->err), &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

static void
check_order(void **state)
{
	const struct order *r = *state;
	const struct suppress_entry closed = {.scope = "", .what = FABRIKAM, .reason = "test", .source = "manual"};
	const char *mailbox = (r->wrong & ON_PRIMARY) ? "ceo@" TENANT : (r->wrong & UNKNOWN) ? "x@gone.example" : ANNA;
	struct gate_limits limits = NO_PACE;
	struct gate_answer a;
	struct office o;
	bool added;

	office_open(&o, limits);
	if (r->wrong & SPENT) {
		assert_answer(&o, ANNA, "a@one.example", "allow");
		assert_answer(&o, ANNA, "b@two.example", "allow");
	}
	if (r->wrong & ORG)
		assert_answer(&o, CARL, EXTERN_MAIL, "allow");
	if (!(r->wrong & SPENT) && (r->wrong & GAP))
		assert_answer(&o, ANNA, "a@one.example", "allow");
	limits.org_per_hour = 1;
	limits.mailbox_gap_s = 60;
	office_gate(&o, limits);
	if (r->wrong & SUPPRESSED)
		CHANGE(&o, suppress_add, &closed, &added);
	/* Paces that were off keep no times: the organisation hears once more, now counted. */
	if (r->wrong & ORG)
		assert_answer(&o, BEN, EXTERN_MAIL, (r->wrong & SUPPRESSED) ? "suppressed" : "allow");
	if (r->wrong & WARMING)
		set_first_send(&o, OFFICE_START_MS + DAY_MS);
	if (r->wrong & FROZEN)
		CHANGE(&o, contain_freeze, "getnorthwind.example", "test", "test");
	if (r->wrong & CLOCK) {
		if (!(r->wrong & SPENT))
			assert_answer(&o, CARL, "z@zero.example", "allow");
		fake_clock_reboot(&o.clock, "boot-2", 0);
		fake_clock_step(&o.clock, -HOUR_MS);
	}
	a = office_ask(&o, mailbox, EXTERN_MAIL, NULL);
	assert_string_equal(office_word(&a), r->word);
	assert_int_equal(a.verdict, r->verdict);
	office_close(&o);
}

/* ---- the budget ---- */

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
	assert_non_null(strstr(a.message, "no warm-up token left: not before 20"));
	assert_answer(&o, BEN, "a@one.example", "allow");
	office_close(&o);
}

static const struct edge {
	const char *name;
	int64_t queue_lifetime_s, after_ms;
	const char *word;
} edges[] = {
	{"a token is away 23 h 59 min 59.999 s after it was spent", 0,    DAY_MS - 1,           "budget"},
	{"and at 24 h, since both ends count",                      0,    DAY_MS,               "budget"},
	{"and is back a millisecond later",                         0,    DAY_MS + 1,           "allow" },
	{"a queue lifetime keeps it away longer",                   3600, DAY_MS + HOUR_MS,     "budget"},
	{"by exactly that much",				    3600, DAY_MS + HOUR_MS + 1, "allow" },
};

static void
check_edge(void **state)
{
	const struct edge *r = *state;
	struct gate_limits limits = NO_PACE;
	struct gate_answer a;
	struct office o;

	limits.queue_lifetime_s = r->queue_lifetime_s;
	office_open(&o, limits);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	fake_clock_advance(&o.clock, r->after_ms);
	a = office_ask(&o, ANNA, "c@three.example", NULL);
	assert_string_equal(office_word(&a), r->word);
	if (a.verdict == GATE_WAIT)
		assert_int_equal(a.retry_at_ms, OFFICE_START_MS + DAY_MS + r->queue_lifetime_s * 1000 + 1);
	office_close(&o);
}

static const struct limit {
	const char *name;
	int64_t total, outbound, warmup;
	int want_outbound, want_warmup;
	bool refused;
} limits_rows_[] = {
	{"two and two by default",                   4, 2, 2, 2, 2, false},
	{"a lower total binds both classes",         3, 2, 2, 2, 1, false},
	{"a total of 0 lets nothing through",        0, 2, 2, 0, 0, false},
	{"outbound can be switched off",             4, 0, 2, 0, 2, false},
	{"a total above 4 is a configuration error", 5, 2, 2, 0, 0, true },
	{"so are 3 outbound",                        4, 3, 2, 0, 0, true },
	{"so are 3 warm-up",                         4, 2, 3, 0, 0, true },
};

static void
check_limit(void **state)
{
	const struct limit *r = *state;
	struct gate_limits limits = {r->total, r->outbound, r->warmup, 0, 0, 0, 0, 0};
	int got_outbound = 0, got_warmup = 0;
	struct gate *g = NULL;
	struct gate_answer a;
	struct office o;

	office_open(&o, NO_PACE);
	if (r->refused) {
		assert_int_equal(gate_open(o.db, o.vault, &o.clock.clock, &limits, NULL, &g, &o.err), CR_ECONFIG);
		assert_null(g);
	} else {
		office_gate(&o, limits);
		for (int i = 0; i < 4; i++)
			got_outbound += office_ask(&o, ANNA, EXTERN_MAIL, NULL).verdict == GATE_ALLOW;
		for (int i = 0; i < 4; i++)
			got_warmup += office_ask(&o, ANNA, BEN, NULL).verdict == GATE_ALLOW;
		assert_int_equal(got_outbound, r->want_outbound);
		assert_int_equal(got_warmup, r->want_warmup);
		a = office_ask(&o, ANNA, EXTERN_MAIL, NULL);
		if (r->total == 0)
			assert_int_equal(a.retry_at_ms, 0);
	}
	office_close(&o);
}

/* What would shorten a window, or never end, is no setting. */
static const struct range {
	const char *name;
	struct gate_limits limits;
} ranges[] = {
	{"a negative total is refused",            {.total_per_day = -1, .outbound_per_day = 2, .warmup_per_day = 2}},
	{"so are a negative class",                {.total_per_day = 4, .outbound_per_day = -1, .warmup_per_day = 2}},
	{"and a negative warm-up",                 {.total_per_day = 4, .outbound_per_day = 2, .warmup_per_day = -1}},
	{"a negative queue lifetime is refused",   {.total_per_day = 4, .queue_lifetime_s = -1}                     },
	{"a queue lifetime beyond 30 days too",    {.total_per_day = 4, .queue_lifetime_s = 30 * 86400 + 1}         },
	{"a negative gap is refused",              {.total_per_day = 4, .mailbox_gap_s = -1}                        },
	{"a negative pace is refused",             {.total_per_day = 4, .org_per_hour = -1}                         },
	{"so is one of a day",                     {.total_per_day = 4, .org_per_day = -1}                          },
	{"a pace that no row can hold is refused", {.total_per_day = 4, .org_per_day = 101}                         },
};

static void
check_range(void **state)
{
	const struct range *r = *state;
	struct gate *g = NULL;
	struct office o;

	office_open(&o, NO_PACE);
	assert_int_equal(gate_open(o.db, o.vault, &o.clock.clock, &r->limits, NULL, &g, &o.err), CR_ECONFIG);
	assert_null(g);
	office_close(&o);
}

static const struct class_row {
	const char *name, *recipient;
	enum gate_class class;
} class_rows[] = {
	{"a mailbox of another domain of ours is warm-up",     "Carl@TryNorthwindNow.example.", GATE_WARMUP  },
	{"a declared peer is warm-up",                         "peer@warmup.example",           GATE_WARMUP  },
	{"anybody at a declared peer's domain is warm-up",     "any@pool.example",              GATE_WARMUP  },
	{"a neighbour of a peer is outbound",                  "other@warmup.example",          GATE_OUTBOUND},
	{"an unknown address on a domain of ours is outbound", "nobody@getnorthwind.example",   GATE_OUTBOUND},
	{"a removed mailbox of ours is outbound",              BEN,                             GATE_OUTBOUND},
};

static void
check_class(void **state)
{
	const struct class_row *r = *state;
	struct gate_answer a;
	struct office o;

	office_open(&o, NO_PACE);
	CHANGE(&o, contain_remove_mailbox, BEN);
	a = office_ask(&o, ANNA, r->recipient, NULL);
	assert_string_equal(office_word(&a), "allow");
	assert_int_equal(a.class, r->class);
	office_close(&o);
}

/* ---- the states of a domain ---- */

static const struct state_row {
	const char *name, *state, *outbound, *warmup;
} states[] = {
	{"a planned domain waits",                  "planned",      "warming", "warming"},
	{"so does one that is being provisioned",   "provisioning", "warming", "warming"},
	{"a warming domain past its date may send", "warming",      "allow",   "allow"  },
	{"an active one too",                       "active",       "allow",   "allow"  },
	{"a frozen domain is refused",              "frozen",       "frozen",  "frozen" },
	{"a burned domain is refused",              "burned",       "burned",  "burned" },
	{"a closing domain is refused",             "closing",      "closing", "closing"},
	{"a parked domain is, with mailboxes even", "parked",       "closing", "closing"},
};

static void
check_state(void **state)
{
	const struct state_row *r = *state;
	struct office o;

	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "UPDATE domain SET state = $1 WHERE name = 'getnorthwind.example'",
	                  DB_ARGS(db_text(r->state)), NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	assert_answer(&o, ANNA, EXTERN_MAIL, r->outbound);
	assert_answer(&o, ANNA, BEN, r->warmup);
	office_close(&o);
}

/* ---- the same message again ---- */

static void
gate__a_retry_gets_the_same_ticket_and_is_not_charged(void **state)
{
	struct gate_answer first, again, other;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	first = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	again = office_ask(&o, "Anna@GetNorthwind.example", "DORA@fabrikam.example", "<1@x>");
	assert_string_equal(office_word(&first), "allow");
	assert_string_equal(office_word(&again), "allow");
	assert_string_equal(first.ticket, again.ticket);
	assert_int_equal(again.left_outbound, 1);
	assert_string_equal(again.message, "allowed; left in these 24 h: 1 outbound, 2 warm-up");
	/* The same id to somebody else, and nobody's id, are other sends. */
	office_gate(&o, NO_PACE);
	other = office_ask(&o, ANNA, "a@one.example", "<1@x>");
	assert_string_equal(office_word(&other), "allow");
	assert_string_not_equal(first.ticket, other.ticket);
	again = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_string_equal(again.ticket, first.ticket);
	assert_answer(&o, ANNA, EXTERN_MAIL, "budget");
	office_close(&o);
}

/* An id that is too long for the short way is bound to its recipient all the same. */
static void
gate__a_long_id_to_somebody_else_is_another_send(void **state)
{
	struct gate_answer first, other, again;
	char id[1500];
	struct office o;

	(void)state;
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	office_open(&o, NO_PACE);
	first = office_ask(&o, ANNA, EXTERN_MAIL, id);
	other = office_ask(&o, ANNA, "a@one.example", id);
	assert_string_equal(office_word(&other), "allow");
	assert_string_not_equal(first.ticket, other.ticket);
	again = office_ask(&o, ANNA, EXTERN_MAIL, id);
	assert_string_equal(again.ticket, first.ticket);
	assert_answer(&o, ANNA, "b@two.example", "budget");
	office_close(&o);
}

/* Where the id ends and the recipient begins belongs to the request, however long the id is. */
static const struct seam {
	const char *name;
	size_t more;
} seams[] = {
	{"an id and its recipient do not run into each other", 0   },
	{"nor do a long id and its recipient",                 1000},
};

static void
check_seam(void **state)
{
	const struct seam *r = *state;
	struct gate_answer a, b;
	char id[1100] = "";
	struct office o;

	memset(id, 'x', r->more);
	(void)snprintf(id + r->more, sizeof(id) - r->more, "1b");
	office_open(&o, NO_PACE);
	a = office_ask(&o, ANNA, "o@one.example", id);
	id[strlen(id) - 1] = '\0';
	b = office_ask(&o, ANNA, "bo@one.example", id);
	assert_string_equal(office_word(&b), "allow");
	assert_string_not_equal(a.ticket, b.ticket);
	office_close(&o);
}

static void
gate__a_freeze_binds_a_retry_too(void **state)
{
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_string_equal(office_word(&a), "allow");
	CHANGE(&o, contain_freeze, "getnorthwind.example", "tenant_policy", "554");
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_string_equal(office_word(&a), "frozen");
	office_close(&o);
}

static void
gate__a_dry_run_spends_nothing(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .dry_run = true};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	for (int i = 0; i < 5; i++) {
		assert_ok(gate_ask(o.gate, &q, &a, &o.err), &o.err);
		assert_string_equal(office_word(&a), "allow");
		assert_string_equal(a.ticket, "");
		assert_int_equal(a.left_outbound, 2);
	}
	office_close(&o);
}

/* Its first question may be the one of `why`, or of Postfix at RCPT. */
static void
gate__a_dry_run_of_a_gate_just_opened_sees_the_spends(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .dry_run = true};
	struct gate_limits limits = NO_PACE;
	struct gate_answer a;
	struct office o;

	(void)state;
	limits.org_per_day = 2;
	office_open(&o, limits);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, EXTERN_MAIL, "allow");
	assert_answer(&o, BEN, EXTERN_MAIL, "allow");
	office_gate(&o, limits);
	assert_ok(gate_ask(o.gate, &q, &a, &o.err), &o.err);
	assert_string_equal(office_word(&a), "budget");
	assert_int_equal(a.left_outbound, 0);
	/* The pace of a day binds without one of an hour. */
	assert_answer(&o, CARL, EXTERN_MAIL, "org_pace");
	office_close(&o);
}

static void
gate__release_gives_the_token_and_the_pace_back_once(void **state)
{
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_answer(&o, BEN, EXTERN_MAIL, "org_pace");
	assert_int_equal(gate_release(o.gate, "1-0000000000000000", &o.err), CR_ENOTFOUND);
	assert_int_equal(gate_release(o.gate, "nonsense", &o.err), CR_ENOTFOUND);
	assert_ok(gate_release(o.gate, a.ticket, &o.err), &o.err);
	assert_int_equal(gate_release(o.gate, a.ticket, &o.err), CR_ENOTFOUND);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_string_equal(office_word(&a), "allow");
	assert_int_equal(a.left_outbound, 1);
	fake_clock_advance(&o.clock, DAY_MS + 1);
	assert_int_equal(gate_release(o.gate, a.ticket, &o.err), CR_ENOTFOUND);
	office_close(&o);
}

static int64_t
count(struct office *o, const char *sql)
{
	int64_t n = -1;

	assert_ok(db_get_int(o->db, sql, DB_NO_ARGS, 0, &n, &o->err), &o->err);
	return n;
}

/*
 * The answer rests on a spend that may be in the log without its sync, of a process that was killed: something is written, so that
 * there is a sync before it.
 */
static void
gate__a_repeated_allow_is_written_too(void **state)
{
	char *before = NULL, *after = NULL;
	static const char clock[] = "SELECT value FROM meta WHERE key = 'gate.clock'";
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	(void)office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_ok(db_get_text(o.db, clock, DB_NO_ARGS, &before, &o.err), &o.err);
	fake_clock_advance(&o.clock, 1000);
	(void)office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_ok(db_get_text(o.db, clock, DB_NO_ARGS, &after, &o.err), &o.err);
	assert_string_not_equal(before, after);
	free(before);
	free(after);
	office_close(&o);
}

/* The moment to ask again is when the last of the waits is over. */
static void
gate__several_waits_are_over_when_the_last_one_is(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, limits);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	assert_answer(&o, BEN, CARL, "allow");
	set_first_send(&o, OFFICE_START_MS + HOUR_MS);
	a = office_ask(&o, ANNA, EXTERN_MAIL, NULL);
	assert_string_equal(office_word(&a), "warming");
	assert_int_equal(a.retry_at_ms, OFFICE_START_MS + DAY_MS + 1);
	/* One of them is never over by itself: then there is no such moment. */
	limits.outbound_per_day = 0;
	limits.mailbox_gap_s = 60;
	office_gate(&o, limits);
	a = office_ask(&o, BEN, EXTERN_MAIL, NULL);
	assert_string_equal(office_word(&a), "warming");
	assert_int_equal(a.retry_at_ms, 0);
	office_close(&o);
}

/* A login that was removed is not the sender's: it is refused as itself. */
static void
gate__knows_a_removed_mailbox_and_no_stranger(void **state)
{
	struct office o;
	bool known;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, contain_remove_mailbox, BEN);
	assert_ok(gate_knows(o.gate, BEN, &known, &o.err), &o.err);
	assert_true(known);
	assert_ok(gate_knows(o.gate, "nobody@getnorthwind.example", &known, &o.err), &o.err);
	assert_false(known);
	office_close(&o);
}

/* Given back and asked again with the same id it is another spend, with a ticket of its own; and what was done is on record. */
static void
gate__a_release_is_recorded_and_its_ticket_never_comes_back(void **state)
{
	struct gate_answer first, again;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	first = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_ok(gate_release(o.gate, first.ticket, &o.err), &o.err);
	again = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_string_not_equal(first.ticket, again.ticket);
	assert_int_equal(gate_release(o.gate, first.ticket, &o.err), CR_ENOTFOUND);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM released"), 1);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM audit WHERE action = 'send.release' AND subject = '" ANNA "'"),
	                 1);
	office_close(&o);
}

/* Only this installation's key makes tickets: what stands in the store is not enough. */
static void
gate__a_ticket_is_made_under_the_installation_s_key(void **state)
{
	static const uint8_t other_key[32] = {8};
	struct gate_limits limits = NO_PACE;
	struct vault *other = NULL;
	struct gate *gate = NULL;
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, limits);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	assert_ok(vault_from_bytes(other_key, &other, &o.err), &o.err);
	assert_ok(gate_open(o.db, other, &o.clock.clock, &limits, NULL, &gate, &o.err), &o.err);
	assert_int_equal(gate_release(gate, a.ticket, &o.err), CR_ENOTFOUND);
	gate_drop(&gate);
	vault_drop(&other);
	assert_ok(gate_release(o.gate, a.ticket, &o.err), &o.err);
	office_close(&o);
}

/* Of two sends within a moment the right organisation's pace is given back. */
static void
gate__a_release_gives_back_the_pace_of_its_own_organisation(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct gate_answer two;
	struct office o;

	(void)state;
	limits.org_per_day = 1;
	office_open(&o, limits);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	two = office_ask(&o, ANNA, "a@two.example", "<2@x>");
	assert_ok(gate_release(o.gate, two.ticket, &o.err), &o.err);
	assert_answer(&o, BEN, "b@one.example", "org_pace");
	assert_answer(&o, BEN, "b@two.example", "allow");
	office_close(&o);
}

/* What another process has written to the row meanwhile is not written over. */
static void
gate__a_release_keeps_the_pace_that_another_process_spent(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct office o, other;
	struct gate_answer a;

	(void)state;
	limits.org_per_day = 2;
	office_open(&o, limits);
	/* The first question of a boot keeps nothing in memory. */
	assert_answer(&o, CARL, "a@zero.example", "allow");
	a = office_ask(&o, ANNA, "a@one.example", "<1@x>");
	other = o;
	other.db = office_open_store(&o, DB_WRITE);
	other.gate = NULL;
	office_gate(&other, limits);
	assert_answer(&other, BEN, "b@one.example", "allow");
	gate_drop(&other.gate);
	db_drop(&other.db);
	assert_ok(gate_release(o.gate, a.ticket, &o.err), &o.err);
	assert_answer(&o, CARL, "c@one.example", "allow");
	assert_answer(&o, ANNA, "d@one.example", "org_pace");
	office_close(&o);
}

/* Whoever holds a ticket can give that one back, and cannot make up another one from it. */
static void
gate__a_ticket_says_nothing_of_another_mailbox(void **state)
{
	struct gate_answer a, b;
	char forged[sizeof(a.ticket)];
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	a = office_ask(&o, ANNA, EXTERN_MAIL, "<1@x>");
	b = office_ask(&o, BEN, EXTERN_MAIL, "<1@x>");
	assert_string_equal(office_word(&b), "allow");
	(void)snprintf(forged, sizeof(forged), "%.*s%s", (int)strcspn(b.ticket, "-"), b.ticket, strchr(a.ticket, '-'));
	assert_int_equal(gate_release(o.gate, forged, &o.err), CR_ENOTFOUND);
	assert_ok(gate_release(o.gate, b.ticket, &o.err), &o.err);
	office_close(&o);
}

/* ---- pace ---- */

static void
gate__an_organisation_hears_once_an_hour_and_three_times_a_day(void **state)
{
	static const char *const many[] = {"m1@getnorthwind.example", "m2@getnorthwind.example",
	                                   "m3@getnorthwind.example", "m4@getnorthwind.example"};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	CHANGE(&o, contain_register, "getnorthwind.example", 0, many, ARRAY_LEN(many));
	assert_answer(&o, many[0], "a@" FABRIKAM, "allow");
	/* Another domain of the tenant, another host of the organisation. */
	a = office_ask(&o, CARL, "b@mail." FABRIKAM, NULL);
	assert_string_equal(office_word(&a), "org_pace");
	assert_int_equal(a.retry_at_ms, OFFICE_START_MS + HOUR_MS + 1);
	fake_clock_advance(&o.clock, HOUR_MS + 1);
	assert_answer(&o, many[1], "b@" FABRIKAM, "allow");
	fake_clock_advance(&o.clock, HOUR_MS + 1);
	assert_answer(&o, many[2], "c@" FABRIKAM, "allow");
	fake_clock_advance(&o.clock, HOUR_MS + 1);
	a = office_ask(&o, many[3], "d@" FABRIKAM, NULL);
	assert_string_equal(office_word(&a), "org_pace");
	assert_int_equal(a.retry_at_ms, OFFICE_START_MS + DAY_MS + 1);
	office_close(&o);
}

static void
gate__a_mailbox_rests_45_minutes(void **state)
{
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	fake_clock_advance(&o.clock, 45 * 60000 - 1);
	a = office_ask(&o, ANNA, "b@two.example", NULL);
	assert_string_equal(office_word(&a), "mailbox_pace");
	assert_int_equal(a.retry_at_ms, OFFICE_START_MS + 45 * 60000);
	fake_clock_advance(&o.clock, 1);
	assert_answer(&o, ANNA, "b@two.example", "allow");
	office_close(&o);
}

/* ---- several recipients ---- */

static void
gate__recipients_of_one_message_go_together_or_not_at_all(void **state)
{
	const struct gate_request two[] = {
		{ANNA, "a@one.example", "<1@x>", false, NULL},
                {ANNA, "b@two.example", "<1@x>", false, NULL}
        };
	const struct gate_request three[] = {
		{BEN, "a@four.example", "<2@x>", false, NULL},
		{BEN, "b@five.example", "<2@x>", false, NULL},
		{BEN, "c@six.example",  "<2@x>", false, NULL}
        };
	struct gate_answer a[3];
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_ok(gate_begin(o.gate, &o.err), &o.err);
	assert_ok(gate_ask_in(o.gate, two, 2, a, &o.err), &o.err);
	assert_string_equal(office_word(&a[0]), "allow");
	assert_string_equal(office_word(&a[1]), "allow");
	assert_int_equal(a[1].left_outbound, 0);
	assert_ok(gate_ask_in(o.gate, three, 3, a, &o.err), &o.err);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(office_word(&a[i]), "budget");
		assert_string_equal(a[i].ticket, "");
	}
	assert_ok(gate_commit(o.gate, &o.err), &o.err);
	assert_int_equal(office_ask(&o, BEN, "d@seven.example", NULL).left_outbound, 1);
	assert_answer(&o, ANNA, "d@eight.example", "budget");
	office_close(&o);
}

/* Each of them is a send of its own to the organisation. */
static void
gate__recipients_of_one_organisation_count_against_its_pace(void **state)
{
	const struct gate_request two[] = {
		{ANNA, "a@" FABRIKAM, "<1@x>", false, NULL},
                {ANNA, "b@" FABRIKAM, "<1@x>", false, NULL}
        };
	struct gate_answer a[2];
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_ok(gate_begin(o.gate, &o.err), &o.err);
	assert_ok(gate_ask_in(o.gate, two, 2, a, &o.err), &o.err);
	assert_string_equal(office_word(&a[0]), "org_pace");
	assert_string_equal(office_word(&a[1]), "org_pace");
	gate_rollback(o.gate);
	office_close(&o);
}

/* Nothing of a refused message stays: no history, no pace of an organisation, no spend that the next message would carry along. */
static void
gate__of_a_refused_message_nothing_stays(void **state)
{
	const struct gate_request three[] = {
		{BEN, "a@four.example", "<2@x>", false, NULL},
		{BEN, "b@five.example", "<2@x>", false, NULL},
		{BEN, "c@six.example",  "<2@x>", false, NULL}
        };
	const struct gate_request one = {.mailbox = CARL, .recipient = "d@seven.example", .message_id = "<3@x>"};
	struct gate_answer a[3];
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_ok(gate_begin(o.gate, &o.err), &o.err);
	assert_ok(gate_ask_in(o.gate, three, 3, a, &o.err), &o.err);
	assert_string_equal(office_word(&a[0]), "budget");
	assert_ok(gate_ask_in(o.gate, &one, 1, a, &o.err), &o.err);
	assert_string_equal(office_word(&a[0]), "allow");
	assert_ok(gate_commit(o.gate, &o.err), &o.err);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM history"), 1);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM pace"), 1);
	assert_answer(&o, ANNA, "x@four.example", "allow");
	assert_int_equal(office_ask(&o, BEN, "y@eight.example", NULL).left_outbound, 1);
	office_close(&o);
}

/* ---- containment ---- */

static void
gate__a_freeze_binds_another_open_handle_at_once(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct gate *gate = NULL;
	struct gate_request q = {.mailbox = ANNA, .recipient = "b@two.example"};
	struct gate_answer a;
	struct db *other;
	struct office o;

	(void)state;
	office_open(&o, limits);
	other = office_open_store(&o, DB_WRITE);
	assert_ok(gate_open(other, o.vault, &o.clock.clock, &limits, NULL, &gate, &o.err), &o.err);
	assert_ok(gate_ask(gate, &q, &a, &o.err), &o.err);
	assert_int_equal(a.verdict, GATE_ALLOW);
	CHANGE(&o, contain_freeze, "getnorthwind.example", "tenant_policy", "550 5.7.1");
	assert_ok(gate_ask(gate, &q, &a, &o.err), &o.err);
	assert_string_equal(office_word(&a), "frozen");
	CHANGE(&o, contain_thaw, "getnorthwind.example", "reviewed");
	assert_ok(gate_ask(gate, &q, &a, &o.err), &o.err);
	assert_string_equal(office_word(&a), "allow");
	CHANGE(&o, contain_freeze_tenant, TENANT, "own_account", "restricted");
	q.mailbox = CARL;
	assert_ok(gate_ask(gate, &q, &a, &o.err), &o.err);
	assert_string_equal(office_word(&a), "frozen");
	gate_drop(&gate);
	db_drop(&other);
	office_close(&o);
}

/* Hashed once, and remembered: who sends there next meets the same hash, and so does the history. */
static void
gate__an_address_is_known_by_its_hash_each_time(void **state)
{
	const struct suppress_entry e = {"", "x@one.example", "asked to", NULL, "manual", 0};
	struct office o;
	int64_t n = 0;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &(bool){false});
	for (int i = 0; i < 3; i++)
		assert_answer(&o, ANNA, "x@one.example", "suppressed");
	assert_answer(&o, BEN, "X@One.example", "suppressed");
	assert_answer(&o, ANNA, "y@one.example", "allow");
	assert_answer(&o, BEN, "y@one.example", "allow");
	assert_answer(&o, BEN, "z@one.example", "allow");
	assert_ok(db_get_int(o.db, "SELECT COUNT(DISTINCT recipient_hash) FROM history", DB_NO_ARGS, -1, &n, &o.err),
	          &o.err);
	assert_int_equal(n, 2);
	office_close(&o);
}

static void
gate__a_refused_organisation_stays_closed_to_the_whole_tenant(void **state)
{
	static const char *const again[] = {ANNA}, *const elsewhere[] = {"eva@contosonow.example"};
	const struct suppress_entry e = {TENANT, FABRIKAM, "554 5.7.1", NULL, "bounce", 0};
	struct office o;
	bool added;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &added);
	assert_answer(&o, ANNA, EXTERN_MAIL, "suppressed");
	assert_answer(&o, CARL, "x@sub." FABRIKAM, "suppressed");
	CHANGE(&o, contain_close, "getnorthwind.example", 0, "test");
	assert_answer(&o, ANNA, "a@one.example", "closing");
	CHANGE(&o, contain_park, "getnorthwind.example");
	assert_answer(&o, ANNA, "a@one.example", "unknown_mailbox");
	office_add_domain(&o, TENANT, "getnorthwind.example", 0, again, 1);
	assert_answer(&o, ANNA, EXTERN_MAIL, "suppressed");
	assert_answer(&o, ANNA, "a@one.example", "allow");
	/* Another tenant was not refused. */
	office_add_domain(&o, "contoso.example", "contosonow.example", 0, elsewhere, 1);
	assert_answer(&o, elsewhere[0], EXTERN_MAIL, "allow");
	office_close(&o);
}

static void
gate__a_name_below_the_primary_is_the_primary(void **state)
{
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, "ceo@mail.eu." TENANT, EXTERN_MAIL, "primary_domain");
	office_close(&o);
}

static void
gate__warm_up_goes_out_while_warming(void **state)
{
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	set_first_send(&o, OFFICE_START_MS + DAY_MS);
	assert_answer(&o, ANNA, BEN, "allow");
	a = office_ask(&o, ANNA, EXTERN_MAIL, NULL);
	assert_string_equal(office_word(&a), "warming");
	assert_int_equal(a.retry_at_ms, OFFICE_START_MS + DAY_MS);
	fake_clock_advance(&o.clock, DAY_MS);
	assert_answer(&o, ANNA, EXTERN_MAIL, "allow");
	office_close(&o);
}

/* ---- the clock ---- */

static const struct steps {
	const char *name;
	int64_t step_ms, pass_ms;
	const char *word;
} steps[] = {
	{"a clock set 25 h forward frees nothing", 25 * HOUR_MS, 0,          "budget"},
	{"nor does one set a year forward",        365 * DAY_MS, HOUR_MS,    "budget"},
	{"a clock set back locks nothing",         -30 * DAY_MS, DAY_MS + 1, "allow" },
	{"nor frees",			      -30 * DAY_MS, DAY_MS,     "budget"},
};

static void
check_step(void **state)
{
	const struct steps *r = *state;
	struct gate_answer a;
	struct office o;

	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	fake_clock_step(&o.clock, r->step_ms);
	fake_clock_advance(&o.clock, r->pass_ms);
	a = office_ask(&o, ANNA, "c@three.example", NULL);
	assert_string_equal(office_word(&a), r->word);
	/* The moment to come back is told in the time that cron has. */
	if (a.verdict == GATE_WAIT)
		assert_int_equal(a.retry_at_ms, OFFICE_START_MS + DAY_MS + 1 + r->step_ms);
	office_close(&o);
}

static void
gate__after_a_reboot_a_clock_that_is_behind_waits(void **state)
{
	struct gate_answer a;
	struct office o;
	int64_t now;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	fake_clock_reboot(&o.clock, "boot-2", 60000);
	fake_clock_step(&o.clock, -HOUR_MS);
	a = office_ask(&o, BEN, "b@two.example", NULL);
	assert_string_equal(office_word(&a), "clock");
	assert_int_equal(a.verdict, GATE_WAIT);
	assert_int_equal(gate_now(o.gate, &now, &o.err), CR_ERETRY);
	fake_clock_step(&o.clock, HOUR_MS);
	assert_answer(&o, BEN, "b@two.example", "allow");
	office_close(&o);
}

/* The clock was stored once in the boot; the sends since then are later, and count too. */
static void
gate__after_a_reboot_a_clock_behind_the_last_send_waits(void **state)
{
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	fake_clock_advance(&o.clock, 2 * HOUR_MS);
	assert_answer(&o, ANNA, "b@two.example", "allow");
	fake_clock_reboot(&o.clock, "boot-2", 0);
	fake_clock_step(&o.clock, -HOUR_MS);
	assert_answer(&o, BEN, "c@three.example", "clock");
	fake_clock_step(&o.clock, HOUR_MS);
	assert_answer(&o, BEN, "c@three.example", "allow");
	office_close(&o);
}

static void
gate__a_refusal_anchors_the_clock_of_a_new_boot(void **state)
{
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	fake_clock_reboot(&o.clock, "boot-2", 1000);
	assert_answer(&o, ANNA, "c@three.example", "budget");
	fake_clock_step(&o.clock, 25 * HOUR_MS);
	assert_answer(&o, ANNA, "c@three.example", "budget");
	office_close(&o);
}

/* ---- a store in trouble ---- */

static void
gate__a_damaged_row_never_allows(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "UPDATE spent SET slots = $1", DB_ARGS(db_blob("\1\1x", 3)), NULL, &o.err), &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	assert_int_equal(gate_ask(o.gate, &q, &a, &o.err), CR_ESTORE);
	assert_int_equal(a.verdict, GATE_WAIT);
	assert_string_equal(a.reason, "store");
	office_close(&o);
}

/* A clock that cannot be read is no clock in doubt: it is trouble, and no system clock stands in for it. */
static void
gate__a_damaged_clock_never_allows(void **state)
{
	const struct gate_request q = {.mailbox = BEN, .recipient = EXTERN_MAIL};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "UPDATE meta SET value = 'noon' WHERE key = 'gate.clock'", DB_NO_ARGS, NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	assert_int_equal(gate_ask(o.gate, &q, &a, &o.err), CR_ESTORE);
	assert_int_equal(a.verdict, GATE_WAIT);
	assert_string_equal(a.reason, "store");
	office_close(&o);
}

static void
gate__a_store_held_by_another_never_allows(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct gate_answer a;
	struct db *other;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	other = office_open_store(&o, DB_WRITE);
	assert_ok(db_begin(other, &o.err), &o.err);
	assert_int_equal(gate_ask(o.gate, &q, &a, &o.err), CR_ERETRY);
	assert_int_equal(a.verdict, GATE_WAIT);
	assert_string_equal(a.reason, "store");
	db_rollback(other);
	assert_ok(gate_ask(o.gate, &q, &a, &o.err), &o.err);
	assert_int_equal(a.verdict, GATE_ALLOW);
	db_drop(&other);
	office_close(&o);
}

static void
gate__a_store_opened_for_reading_never_allows(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct gate_limits limits = NO_PACE;
	struct gate *gate = NULL;
	struct gate_answer a;
	struct db *reader;
	struct office o;

	(void)state;
	office_open(&o, limits);
	reader = office_open_store(&o, DB_READ);
	assert_ok(gate_open(reader, o.vault, &o.clock.clock, &limits, NULL, &gate, &o.err), &o.err);
	assert_int_not_equal(gate_ask(gate, &q, &a, &o.err), CR_OK);
	assert_int_equal(a.verdict, GATE_WAIT);
	gate_drop(&gate);
	db_drop(&reader);
	office_close(&o);
}

static void
gate__explains_every_test_and_spends_nothing(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct gate_finding f[GATE_TESTS];
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_answer(&o, ANNA, EXTERN_MAIL, "allow");
	CHANGE(&o, contain_freeze, "getnorthwind.example", "content", "link");
	for (int i = 0; i < 3; i++) {
		assert_ok(gate_explain(o.gate, &q, f, &a, &o.err), &o.err);
		assert_string_equal(office_word(&a), "frozen");
		assert_string_equal(f[3].reason, "frozen");
		assert_string_equal(f[6].reason, "ok");
		assert_string_equal(f[7].reason, "org_pace");
		assert_string_equal(f[8].reason, "mailbox_pace");
		assert_int_equal(a.left_outbound, 1);
	}
	office_close(&o);
}

/* The row says warming until somebody changes it; what counts is the date, as in `status`. */
static void
gate__explains_the_state_that_is_in_effect(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct gate_finding f[GATE_TESTS];
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "UPDATE domain SET state = 'warming'", DB_NO_ARGS, NULL, &o.err), &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	set_first_send(&o, OFFICE_START_MS + DAY_MS);
	assert_ok(gate_explain(o.gate, &q, f, &a, &o.err), &o.err);
	assert_string_equal(f[3].message, "getnorthwind.example is warming");
	set_first_send(&o, OFFICE_START_MS - 1);
	assert_ok(gate_explain(o.gate, &q, f, &a, &o.err), &o.err);
	assert_string_equal(f[3].message, "getnorthwind.example is active");
	office_close(&o);
}

/* Without a time the tests of time have no meaning, and say so. */
static void
gate__explains_nothing_by_a_clock_in_doubt(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct gate_finding f[GATE_TESTS];
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, GATE_LIMITS_DEFAULT);
	assert_answer(&o, ANNA, EXTERN_MAIL, "allow");
	fake_clock_reboot(&o.clock, "boot-2", 0);
	fake_clock_step(&o.clock, -HOUR_MS);
	assert_ok(gate_explain(o.gate, &q, f, &a, &o.err), &o.err);
	assert_string_equal(office_word(&a), "clock");
	for (size_t i = 0; i < GATE_TESTS; i++)
		assert_int_equal(f[i].skipped, i > 4);
	office_close(&o);
}

static void
gate__an_unreadable_address_is_no_answer(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = "nobody"};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_int_equal(gate_ask(o.gate, &q, &a, &o.err), CR_EPARSE);
	assert_int_equal(a.verdict, GATE_WAIT);
	assert_string_equal(a.mailbox, ANNA);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, orders, check_order);
	TEST(tests, n, gate__fifth_in_24_hours_waits);
	ROWS(tests, n, edges, check_edge);
	ROWS(tests, n, limits_rows_, check_limit);
	ROWS(tests, n, ranges, check_range);
	ROWS(tests, n, class_rows, check_class);
	ROWS(tests, n, states, check_state);
	TEST(tests, n, gate__a_retry_gets_the_same_ticket_and_is_not_charged);
	TEST(tests, n, gate__a_long_id_to_somebody_else_is_another_send);
	ROWS(tests, n, seams, check_seam);
	TEST(tests, n, gate__a_freeze_binds_a_retry_too);
	TEST(tests, n, gate__an_address_is_known_by_its_hash_each_time);
	TEST(tests, n, gate__a_dry_run_spends_nothing);
	TEST(tests, n, gate__a_dry_run_of_a_gate_just_opened_sees_the_spends);
	TEST(tests, n, gate__release_gives_the_token_and_the_pace_back_once);
	TEST(tests, n, gate__a_repeated_allow_is_written_too);
	TEST(tests, n, gate__several_waits_are_over_when_the_last_one_is);
	TEST(tests, n, gate__knows_a_removed_mailbox_and_no_stranger);
	TEST(tests, n, gate__a_release_is_recorded_and_its_ticket_never_comes_back);
	TEST(tests, n, gate__a_ticket_is_made_under_the_installation_s_key);
	TEST(tests, n, gate__a_release_gives_back_the_pace_of_its_own_organisation);
	TEST(tests, n, gate__a_release_keeps_the_pace_that_another_process_spent);
	TEST(tests, n, gate__a_ticket_says_nothing_of_another_mailbox);
	TEST(tests, n, gate__an_organisation_hears_once_an_hour_and_three_times_a_day);
	TEST(tests, n, gate__a_mailbox_rests_45_minutes);
	TEST(tests, n, gate__recipients_of_one_message_go_together_or_not_at_all);
	TEST(tests, n, gate__recipients_of_one_organisation_count_against_its_pace);
	TEST(tests, n, gate__of_a_refused_message_nothing_stays);
	TEST(tests, n, gate__a_freeze_binds_another_open_handle_at_once);
	TEST(tests, n, gate__a_refused_organisation_stays_closed_to_the_whole_tenant);
	TEST(tests, n, gate__a_name_below_the_primary_is_the_primary);
	TEST(tests, n, gate__warm_up_goes_out_while_warming);
	ROWS(tests, n, steps, check_step);
	TEST(tests, n, gate__after_a_reboot_a_clock_that_is_behind_waits);
	TEST(tests, n, gate__after_a_reboot_a_clock_behind_the_last_send_waits);
	TEST(tests, n, gate__a_refusal_anchors_the_clock_of_a_new_boot);
	TEST(tests, n, gate__a_damaged_row_never_allows);
	TEST(tests, n, gate__a_damaged_clock_never_allows);
	TEST(tests, n, gate__a_store_held_by_another_never_allows);
	TEST(tests, n, gate__a_store_opened_for_reading_never_allows);
	TEST(tests, n, gate__explains_every_test_and_spends_nothing);
	TEST(tests, n, gate__explains_the_state_that_is_in_effect);
	TEST(tests, n, gate__explains_nothing_by_a_clock_in_doubt);
	TEST(tests, n, gate__an_unreadable_address_is_no_answer);
	return rows_run("budget/gate", tests, n);
}
