/*
 * test_recall.c - a no from memory is the no that asking gives, byte for byte, and there is none when anything may be otherwise.
 *
 * "Elsewhere" is a second gate over a second handle on the same store, as another process has them.
 */
#include "budget/ledger.h"
#include "budget/wire.h"
#include "tests/budget/office.h"

#define FABRIKAM "fabrikam.example"
#define GET      "getnorthwind.example"
#define PACED    ((struct gate_limits){4, 2, 2, 1, 3, 45 * 60, 0, 0})
#define ID       "<1@x>"

/* From this many questions on a gate keeps the list of whom not to mail (closed.c). */
#define QUESTIONS 40

struct here {
	struct office o;
	struct db *db; /* elsewhere */
	struct gate *gate;
	char ticket[40]; /* of the send that started it all */
};

/* ---- asking both ways ---- */

static struct gate_answer
ask_gate(struct office *o, struct gate *g, const char *mailbox, const char *recipient, const char *id)
{
	const struct gate_request q = {.mailbox = mailbox, .recipient = recipient, .message_id = id};
	struct gate_answer a;

	assert_ok(gate_ask(g, &q, &a, &o->err), &o->err);
	return a;
}

static bool
recall(struct gate *g, const char *mailbox, const char *recipient, const char *id, struct gate_answer *out)
{
	struct gate_words words;
	const struct gate_request q = {.mailbox = mailbox, .recipient = recipient, .message_id = id, .words = &words};

	memset(&words, 0xa5, sizeof(words));
	*out = (struct gate_answer){0};
	return gate_remembers(g, mailbox, recipient, &words) && gate_recall(g, &q, out);
}

static bool
is_remembered(struct gate *g, const char *mailbox, const char *recipient)
{
	struct gate_words words;

	return gate_remembers(g, mailbox, recipient, &words);
}

static void
assert_same_answer(const struct gate_answer *a, const struct gate_answer *b)
{
	char said[2][WIRE_ANSWER_MAX];

	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->class, b->class);
	assert_string_equal(a->reason, b->reason);
	assert_string_equal(a->message, b->message);
	assert_string_equal(a->mailbox, b->mailbox);
	assert_int_equal(a->retry_at_ms, b->retry_at_ms);
	assert_int_equal(a->left_outbound, b->left_outbound);
	assert_int_equal(a->left_warmup, b->left_warmup);
	assert_string_equal(a->ticket, b->ticket);
	wire_answer(a, said[0]);
	wire_answer(b, said[1]);
	assert_string_equal(said[0], said[1]);
}

/* The clock is known by a first send, and the list of whom not to mail is kept. */
static void
warm_gate(struct office *o, struct gate *g)
{
	const struct gate_request q = {.mailbox = CARL, .recipient = "nobody@adatum.example", .dry_run = true};
	struct gate_answer a;

	for (int i = 0; i < QUESTIONS; i++)
		assert_ok(gate_ask(g, &q, &a, &o->err), &o->err);
}

static void
here_open(struct here *h, struct gate_limits limits)
{
	struct gate_answer a;

	*h = (struct here){0};
	office_open(&h->o, limits);
	a = office_ask(&h->o, CARL, "first@adatum.example", NULL);
	assert_int_equal(a.verdict, GATE_ALLOW);
	(void)snprintf(h->ticket, sizeof(h->ticket), "%s", a.ticket);
	warm_gate(&h->o, h->o.gate);
	h->db = office_open_store(&h->o, DB_WRITE);
	assert_ok(gate_open(h->db, h->o.vault, &h->o.clock.clock, &limits, NULL, &h->gate, &h->o.err), &h->o.err);
}

static void
here_close(struct here *h)
{
	gate_drop(&h->gate);
	db_drop(&h->db);
	office_close(&h->o);
}

/* What CHANGE does, by the other handle. */
#define ELSEWHERE(h, fn, ...)                                                                                          \
	do {                                                                                                           \
		struct contain e_ = office_contain(&(h)->o);                                                           \
		e_.db = (h)->db;                                                                                       \
		assert_ok(db_begin((h)->db, &(h)->o.err), &(h)->o.err);                                                \
		assert_ok(fn(&e_, __VA_ARGS__, &(h)->o.err), &(h)->o.err);                                             \
		assert_ok(db_commit((h)->db, &(h)->o.err), &(h)->o.err);                                               \
	} while (0)

static void
spend(struct here *h, const char *mailbox, const char *recipient)
{
	assert_int_equal(office_ask(&h->o, mailbox, recipient, NULL).verdict, GATE_ALLOW);
}

static void
set_first_send(struct here *h, int64_t ms)
{
	assert_ok(db_begin(h->o.db, &h->o.err), &h->o.err);
	assert_ok(db_exec(h->o.db, "UPDATE domain SET first_send_ms = $1", DB_ARGS(db_int(ms)), NULL, &h->o.err),
	          &h->o.err);
	assert_ok(db_commit(h->o.db, &h->o.err), &h->o.err);
}

/* ---- every no ---- */

static void
suppress(struct here *h, const char *what, const char *scope)
{
	const struct suppress_entry e = {.scope = scope, .what = what, .reason = "test", .source = "manual"};
	bool added;

	CHANGE(&h->o, suppress_add, &e, &added);
}

static void
address_is_suppressed(struct here *h)
{
	suppress(h, EXTERN_MAIL, "");
}

static void
organisation_is_suppressed(struct here *h)
{
	suppress(h, FABRIKAM, TENANT);
}

static void
is_frozen(struct here *h)
{
	CHANGE(&h->o, contain_freeze, GET, "manual", "a person said so");
}

static void
tenant_is_frozen(struct here *h)
{
	CHANGE(&h->o, contain_freeze_tenant, TENANT, "account", "restricted");
}

static void
is_burned(struct here *h)
{
	CHANGE(&h->o, contain_burn, GET, "listed", "on a list");
}

static void
is_closing(struct here *h)
{
	CHANGE(&h->o, contain_close, GET, OFFICE_START_MS + 30 * DAY_MS, "not needed");
}

static void
is_warming(struct here *h)
{
	set_first_send(h, OFFICE_START_MS + 3 * DAY_MS);
}

static void
is_spent(struct here *h)
{
	spend(h, ANNA, "a@one.example");
	fake_clock_advance(&h->o.clock, HOUR_MS);
	spend(h, ANNA, "b@two.example");
}

static void
organisation_was_mailed(struct here *h)
{
	spend(h, BEN, EXTERN_MAIL);
}

static void
has_just_sent(struct here *h)
{
	spend(h, ANNA, "a@one.example");
}

static void
everything_waits(struct here *h)
{
	is_spent(h);
	organisation_was_mailed(h);
}

static void
nothing_happens(struct here *h)
{
	(void)h;
}

static const struct no {
	const char *name;
	void (*happens)(struct here *h);
	const char *mailbox, *reason;
	enum gate_verdict verdict;
	bool paced;
} noes[] = {
	{"an address that is suppressed",           address_is_suppressed,      ANNA,                  "suppressed",      GATE_REFUSE, false},
	{"an organisation that is suppressed",      organisation_is_suppressed, ANNA,                  "suppressed",      GATE_REFUSE, false},
	{"a frozen domain",                         is_frozen,                  ANNA,                  "frozen",          GATE_REFUSE, false},
	{"a frozen tenant",                         tenant_is_frozen,           ANNA,                  "frozen",          GATE_REFUSE, false},
	{"a burned domain",                         is_burned,                  ANNA,                  "burned",          GATE_REFUSE, false},
	{"a domain that is closing",                is_closing,                 ANNA,                  "closing",         GATE_REFUSE, false},
	{"a domain that warms up",                  is_warming,                 ANNA,                  "warming",         GATE_WAIT,   false},
	{"an empty budget",                         is_spent,                   ANNA,                  "budget",          GATE_WAIT,   false},
	{"an organisation that has heard from us",  organisation_was_mailed,    ANNA,                  "org_pace",        GATE_WAIT,   true },
	{"a mailbox that has just sent",            has_just_sent,              ANNA,                  "mailbox_pace",    GATE_WAIT,   true },
	{"several waits at once",                   everything_waits,           ANNA,                  "budget",          GATE_WAIT,   true },
	{"the primary",			     nothing_happens,            "ceo@" TENANT,         "primary_domain",  GATE_REFUSE, false},
	{"a mailbox that is not there",             nothing_happens,            "x@" GET,              "unknown_mailbox", GATE_REFUSE, false},
	{"a mailbox on a domain that is not there", nothing_happens,            "x@elsewhere.example", "unknown_mailbox",
         GATE_REFUSE,														  false},
};

static void
check_no(void **state)
{
	const struct no *n = *state;
	struct gate_answer first, again, known;
	struct here h;
	bool before;

	here_open(&h, n->paced ? PACED : NO_PACE);
	n->happens(&h);
	/* What happened may have told enough already. */
	before = recall(h.o.gate, n->mailbox, EXTERN_MAIL, ID, &known);
	first = office_ask(&h.o, n->mailbox, EXTERN_MAIL, ID);
	if (before)
		assert_same_answer(&known, &first);
	assert_string_equal(first.reason, n->reason);
	assert_int_equal(first.verdict, n->verdict);
	assert_true(recall(h.o.gate, n->mailbox, EXTERN_MAIL, ID, &known));
	assert_same_answer(&known, &first);
	/* With another id, without one, and later. */
	assert_true(recall(h.o.gate, n->mailbox, EXTERN_MAIL, "<2@x>", &known));
	assert_same_answer(&known, &first);
	assert_true(recall(h.o.gate, n->mailbox, EXTERN_MAIL, NULL, &known));
	assert_same_answer(&known, &first);
	fake_clock_advance(&h.o.clock, 61000);
	assert_true(recall(h.o.gate, n->mailbox, EXTERN_MAIL, ID, &known));
	again = office_ask(&h.o, n->mailbox, EXTERN_MAIL, ID);
	assert_same_answer(&known, &again);
	/* Who asks elsewhere is told the same. */
	again = ask_gate(&h.o, h.gate, n->mailbox, EXTERN_MAIL, ID);
	assert_same_answer(&known, &again);
	here_close(&h);
}

/* ---- when there is none ---- */

static void
recall__never_allows(void **state)
{
	struct gate_answer a;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	spend(&h, ANNA, EXTERN_MAIL);
	assert_true(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &a));
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, NULL, &a));
	here_close(&h);
}

static void
recall__a_send_that_was_paid_for_gets_its_allow(void **state)
{
	struct gate_answer paid, again, known;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	paid = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
	assert_int_equal(paid.verdict, GATE_ALLOW);
	spend(&h, ANNA, "b@two.example");
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	again = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
	assert_int_equal(again.verdict, GATE_ALLOW);
	assert_string_equal(again.ticket, paid.ticket);
	/* The same id to somebody else is another send. */
	assert_string_equal(office_ask(&h.o, ANNA, "c@three.example", ID).reason, "budget");
	assert_true(recall(h.o.gate, ANNA, "c@three.example", ID, &known));
	here_close(&h);
}

/* Spent by this gate, read before: nobody has asked since, and it is known. */
static void
recall__knows_what_this_gate_has_spent(void **state)
{
	struct gate_answer known, asked;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	spend(&h, ANNA, EXTERN_MAIL);
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	spend(&h, ANNA, EXTERN_MAIL);
	assert_true(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	assert_string_equal(known.reason, "budget");
	asked = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
	assert_same_answer(&known, &asked);
	here_close(&h);
}

static void
recall__ends_in_the_millisecond_in_which_a_token_returns(void **state)
{
	struct gate_answer known, asked;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	is_spent(&h);
	asked = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
	fake_clock_advance(&h.o.clock, asked.retry_at_ms - 1 - clock_wall_ms(&h.o.clock.clock));
	assert_true(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	assert_same_answer(&known, &asked);
	fake_clock_advance(&h.o.clock, 1);
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	assert_int_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).verdict, GATE_ALLOW);
	here_close(&h);
}

static const struct unasked {
	const char *name, *mailbox, *recipient;
	bool want;
} unasked[] = {
	{"what was asked is remembered",           ANNA,                        EXTERN_MAIL,             true },
	{"each with another",                      ANNA,                        "a@one.example",         true },
	{"a mailbox not asked about is not",       "y@" GET,                    EXTERN_MAIL,             false},
	{"a recipient not asked about is not",     ANNA,                        "new@" FABRIKAM,         false},
	{"a mailbox in another spelling is not",   "Anna@GetNorthwind.example", EXTERN_MAIL,             false},
	{"a recipient in another spelling is not", ANNA,                        "dora@Fabrikam.example", false},
	{"a mailbox of ours as recipient is not",  ANNA,                        BEN,                     false},
	{"a warm-up peer as recipient is not",     ANNA,                        "peer@warmup.example",   false},
	{"an empty mailbox is not",                "",                          EXTERN_MAIL,             false},
	{"an empty recipient is not",              ANNA,                        "",                      false},
};

static void
check_unasked(void **state)
{
	const struct unasked *u = *state;
	struct gate_words words;
	struct here h;

	here_open(&h, NO_PACE);
	is_spent(&h);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "budget");
	(void)office_ask(&h.o, ANNA, BEN, ID);
	(void)office_ask(&h.o, ANNA, "peer@warmup.example", ID);
	assert_int_equal(gate_remembers(h.o.gate, u->mailbox, u->recipient, &words), u->want);
	if (u->want) {
		assert_string_equal(words.mailbox.text, u->mailbox);
		assert_string_equal(words.mailbox.domain, strchr(u->mailbox, '@') + 1);
		assert_string_equal(words.recipient.text, u->recipient);
		assert_string_equal(words.recipient.domain, strchr(u->recipient, '@') + 1);
		assert_string_equal(words.organisation.text, strchr(u->recipient, '@') + 1);
	}
	here_close(&h);
}

/* ---- what happens elsewhere ---- */

static void
freezes(struct here *h)
{
	ELSEWHERE(h, contain_freeze, GET, "manual", "test");
}

static void
thaws(struct here *h)
{
	ELSEWHERE(h, contain_thaw, GET, "looked at");
}

static void
suppresses(struct here *h)
{
	const struct suppress_entry e = {.scope = "", .what = EXTERN_MAIL, .reason = "test", .source = "manual"};
	bool added;

	ELSEWHERE(h, suppress_add, &e, &added);
}

static void
lifts(struct here *h)
{
	ELSEWHERE(h, suppress_lift, "", EXTERN_MAIL, "asked for", "a letter");
}

static void
releases(struct here *h)
{
	assert_ok(gate_release(h->gate, h->ticket, &h->o.err), &h->o.err);
}

static void
removes_the_mailbox(struct here *h)
{
	ELSEWHERE(h, contain_remove_mailbox, ANNA);
}

static void
spends_elsewhere(struct here *h)
{
	assert_int_equal(ask_gate(&h->o, h->gate, BEN, "a@one.example", NULL).verdict, GATE_ALLOW);
}

static void
releases_here(struct here *h)
{
	assert_ok(gate_release(h->o.gate, h->ticket, &h->o.err), &h->o.err);
}

static void
thaws_here(struct here *h)
{
	CHANGE(&h->o, contain_thaw, GET, "looked at");
}

static void
is_spent_by_tickets(struct here *h)
{
	(void)snprintf(h->ticket, sizeof(h->ticket), "%s", office_ask(&h->o, ANNA, "a@one.example", NULL).ticket);
	spend(h, ANNA, "b@two.example");
}

static const struct event {
	const char *name;
	void (*before)(struct here *h), (*happens)(struct here *h);
	const char *reason_before, *reason_after;
} events[] = {
	{"a freeze",			 is_spent,              freezes,             "budget",     "frozen"         },
	{"a thaw",			   is_frozen,             thaws,               "frozen",     "ok"             },
	{"a suppression",                    is_spent,              suppresses,          "budget",     "suppressed"     },
	{"a suppression that is lifted",     address_is_suppressed, lifts,               "suppressed", "ok"             },
	{"a ticket given back",              is_spent_by_tickets,   releases,            "budget",     "ok"             },
	{"a mailbox that is removed",        is_spent,              removes_the_mailbox, "budget",     "unknown_mailbox"},
	{"a send by another gate",           is_spent,              spends_elsewhere,    "budget",     "budget"         },
	{"a ticket given back by this gate", is_spent_by_tickets,   releases_here,       "budget",     "ok"             },
	{"a thaw by this handle",            is_frozen,             thaws_here,          "frozen",     "ok"             },
};

static void
check_event(void **state)
{
	const struct event *e = *state;
	struct gate_answer a, known;
	struct here h;

	here_open(&h, NO_PACE);
	e->before(&h);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, e->reason_before);
	assert_true(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	e->happens(&h);
	assert_false(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	a = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
	assert_string_equal(a.reason, e->reason_after);
	assert_int_equal(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known), a.verdict != GATE_ALLOW);
	if (a.verdict != GATE_ALLOW)
		assert_same_answer(&known, &a);
	here_close(&h);
}

/* A send of ours commits over what happened elsewhere: that is not taken for part of it. */
static void
recall__a_send_here_does_not_hide_a_thaw_elsewhere(void **state)
{
	struct gate_answer known;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	is_frozen(&h);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "frozen");
	thaws(&h);
	spend(&h, CARL, "x@adatum.example");
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	assert_int_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).verdict, GATE_ALLOW);
	here_close(&h);
}

/* Two gates over one handle, as while a configuration is read again: what the other has looked at this one has not. */
static void
recall__another_gate_of_this_handle_does_not_look_for_this_one(void **state)
{
	struct gate_limits limits = NO_PACE;
	struct gate_answer known;
	struct gate *second = NULL;
	struct here h;

	(void)state;
	here_open(&h, limits);
	is_frozen(&h);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "frozen");
	assert_ok(gate_open(h.o.db, h.o.vault, &h.o.clock.clock, &limits, NULL, &second, &h.o.err), &h.o.err);
	assert_false(is_remembered(second, ANNA, EXTERN_MAIL));
	thaws(&h);
	assert_int_equal(ask_gate(&h.o, second, BEN, "a@one.example", NULL).verdict, GATE_ALLOW);
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	gate_drop(&second);
	here_close(&h);
}

/* ---- the clock ---- */

static void
recall__another_boot_is_asked_about(void **state)
{
	struct gate_answer known;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	is_spent(&h);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "budget");
	fake_clock_reboot(&h.o.clock, "boot-2", 0);
	fake_clock_step(&h.o.clock, -HOUR_MS);
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "clock");
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	fake_clock_step(&h.o.clock, HOUR_MS);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "budget");
	here_close(&h);
}

static void
recall__a_clock_that_was_set_is_seen_through(void **state)
{
	static const int64_t steps_ms[] = {3 * DAY_MS, -6 * DAY_MS, 1, -1};
	struct gate_answer known, asked;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	is_spent(&h);
	asked = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
	for (size_t i = 0; i < ARRAY_LEN(steps_ms); i++) {
		fake_clock_step(&h.o.clock, steps_ms[i]);
		assert_true(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
		asked = office_ask(&h.o, ANNA, EXTERN_MAIL, ID);
		assert_string_equal(asked.reason, "budget");
		assert_same_answer(&known, &asked);
	}
	here_close(&h);
}

/* ---- transactions, and what is not read yet ---- */

static void
recall__waits_while_a_transaction_is_open(void **state)
{
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	is_spent(&h);
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "budget");
	assert_true(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	assert_ok(gate_begin(h.o.gate, &h.o.err), &h.o.err);
	assert_false(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	assert_ok(gate_commit(h.o.gate, &h.o.err), &h.o.err);
	assert_true(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	/* What was taken back was never spent, nor is anything known of it. */
	assert_ok(gate_begin(h.o.gate, &h.o.err), &h.o.err);
	gate_rollback(h.o.gate);
	assert_false(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	here_close(&h);
}

/* Neither a message that was tried and taken back, nor one of which the second recipient was refused, has spent anything. */
static void
recall__a_message_that_was_not_sent_has_spent_nothing(void **state)
{
	const struct gate_request two[] = {
		{.mailbox = ANNA, .recipient = EXTERN_MAIL,     .message_id = ID},
		{.mailbox = ANNA, .recipient = "b@two.example", .message_id = ID},
	};
	struct gate_answer answers[2], known;
	struct here h;

	(void)state;
	here_open(&h, NO_PACE);
	spend(&h, ANNA, "a@one.example");
	assert_ok(gate_begin(h.o.gate, &h.o.err), &h.o.err);
	assert_ok(gate_ask_in(h.o.gate, two, 2, answers, &h.o.err), &h.o.err);
	assert_string_equal(answers[0].reason, "budget");
	assert_ok(gate_commit(h.o.gate, &h.o.err), &h.o.err);
	assert_true(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	spend(&h, ANNA, EXTERN_MAIL);
	here_close(&h);
}

/* The list of whom not to mail is kept when many have asked; before that every recipient has to be looked up. */
static void
recall__knows_nobody_while_the_list_is_not_kept(void **state)
{
	struct gate_answer known;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_answer(&o, ANNA, "a@one.example", "allow");
	assert_answer(&o, ANNA, "b@two.example", "allow");
	assert_string_equal(office_ask(&o, ANNA, EXTERN_MAIL, ID).reason, "budget");
	assert_true(is_remembered(o.gate, ANNA, EXTERN_MAIL));
	assert_false(recall(o.gate, ANNA, EXTERN_MAIL, ID, &known));
	/* The primary is refused before that is looked at. */
	assert_string_equal(office_ask(&o, "ceo@" TENANT, EXTERN_MAIL, ID).reason, "primary_domain");
	assert_true(recall(o.gate, "ceo@" TENANT, EXTERN_MAIL, ID, &known));
	warm_gate(&o, o.gate);
	assert_true(recall(o.gate, ANNA, EXTERN_MAIL, ID, &known));
	office_close(&o);
}

/* Who is no mailbox of ours is refused before anybody looks how often the organisation heard from us. */
static void
recall__a_pace_that_was_not_read_is_asked_about(void **state)
{
	struct gate_answer known;
	struct here h;

	(void)state;
	here_open(&h, PACED);
	is_spent(&h);
	assert_string_equal(office_ask(&h.o, "x@" GET, EXTERN_MAIL, ID).reason, "unknown_mailbox");
	assert_true(is_remembered(h.o.gate, ANNA, EXTERN_MAIL));
	assert_false(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	assert_string_equal(office_ask(&h.o, ANNA, EXTERN_MAIL, ID).reason, "budget");
	assert_true(recall(h.o.gate, ANNA, EXTERN_MAIL, ID, &known));
	here_close(&h);
}

static void
recall__a_ledger_that_recalls_reads_nothing(void **state)
{
	struct ledger l = {0};
	const struct standing *standing;
	struct stranger *stranger;
	struct clockwork now;
	struct paced *paced;
	struct seat *seat;
	struct here h;
	bool ours;

	(void)state;
	here_open(&h, PACED);
	l.db = h.db;
	assert_ok(ledger_refresh(&l, false, &h.o.err), &h.o.err);
	l.recalling = true;
	assert_int_equal(ledger_standing(&l, GET, &standing, &h.o.err), CR_ENOTFOUND);
	assert_int_equal(ledger_seat(&l, ANNA, &seat, &h.o.err), CR_ENOTFOUND);
	assert_int_equal(ledger_is_ours(&l, EXTERN_MAIL, &ours, &stranger, &h.o.err), CR_ENOTFOUND);
	assert_int_equal(ledger_paced(&l, TENANT, FABRIKAM, &paced, &h.o.err), CR_ENOTFOUND);
	assert_int_equal(ledger_clock(&l, &h.o.clock.clock, &now, &h.o.err), CR_ENOTFOUND);
	l.recalling = false;
	assert_ok(ledger_clock(&l, &h.o.clock.clock, &now, &h.o.err), &h.o.err);
	l.recalling = true;
	assert_ok(ledger_clock(&l, &h.o.clock.clock, &now, &h.o.err), &h.o.err);
	fake_clock_reboot(&h.o.clock, "boot-2", 0);
	assert_int_equal(ledger_clock(&l, &h.o.clock.clock, &now, &h.o.err), CR_ENOTFOUND);
	ledger_release(&l);
	here_close(&h);
}

/* ---- any order ---- */

#define STEPS 6000
#define BOXES 5
#define TO    6

struct world {
	struct here h;
	uint64_t dice;
	bool frozen, suppressed, stepped;
	int boots;
	char tickets[8][40];
	int n_tickets;
};

static struct {
	long known, by_reason[8];
} seen;
static const char *const reasons[] = {"suppressed",   "frozen",          "budget",        "org_pace",
                                      "mailbox_pace", "unknown_mailbox", "primary_domain"};

static int
pick(struct world *w, int n)
{
	w->dice ^= w->dice << 13;
	w->dice ^= w->dice >> 7;
	w->dice ^= w->dice << 17;
	return (int)((w->dice >> 11) % (uint64_t)n);
}

/* Known here: then asked here and elsewhere, which says the same. */
static void
ask_all(struct world *w, const char *mailbox, const char *recipient, const char *id)
{
	struct gate_answer known, here, there;

	if (recall(w->h.o.gate, mailbox, recipient, id, &known)) {
		assert_int_not_equal(known.verdict, GATE_ALLOW);
		there = ask_gate(&w->h.o, w->h.gate, mailbox, recipient, id);
		assert_same_answer(&known, &there);
		here = office_ask(&w->h.o, mailbox, recipient, id);
		assert_same_answer(&known, &here);
		seen.known++;
		for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
			seen.by_reason[i] += strcmp(known.reason, reasons[i]) == 0;
		return;
	}
	here = ask_gate(&w->h.o, pick(w, 4) == 0 ? w->h.gate : w->h.o.gate, mailbox, recipient, id);
	if (here.verdict == GATE_ALLOW)
		(void)snprintf(w->tickets[w->n_tickets++ % 8], sizeof(w->tickets[0]), "%s", here.ticket);
}

static void
change_something(struct world *w)
{
	struct gate *g = pick(w, 2) ? w->h.gate : w->h.o.gate;
	int rc;

	switch (pick(w, 4)) {
	case 0:
		if (w->frozen)
			thaws(&w->h);
		else
			freezes(&w->h);
		w->frozen = !w->frozen;
		break;
	case 1:
		if (w->suppressed)
			lifts(&w->h);
		else
			suppresses(&w->h);
		w->suppressed = !w->suppressed;
		break;
	case 2:
		rc = gate_release(g, w->tickets[pick(w, 8)], &w->h.o.err);
		assert_true(rc == CR_OK || rc == CR_ENOTFOUND || rc == CR_EPARSE || rc == CR_EUSAGE);
		break;
	default:
		assert_ok(gate_begin(w->h.o.gate, &w->h.o.err), &w->h.o.err);
		gate_rollback(w->h.o.gate);
	}
}

static void
turn_clock(struct world *w)
{
	static const int64_t scales_ms[] = {2, 1000, HOUR_MS, 12 * HOUR_MS};
	char boot[24];

	switch (pick(w, 12)) {
	case 0:
		fake_clock_step(&w->h.o.clock, (pick(w, 9) - 4) * DAY_MS);
		w->stepped = true;
		break;
	case 1:
		/* After a step it would be another time. */
		if (w->stepped)
			break;
		(void)snprintf(boot, sizeof(boot), "boot-%d", ++w->boots + 1);
		fake_clock_reboot(&w->h.o.clock, boot, pick(w, (int)HOUR_MS));
		break;
	default:
		fake_clock_advance(&w->h.o.clock, pick(w, (int)scales_ms[pick(w, ARRAY_LEN(scales_ms))]));
	}
}

static void
play(uint64_t seed, struct gate_limits limits)
{
	static const char *const from[BOXES] = {ANNA, BEN, CARL, "x@" GET, "ceo@" TENANT};
	static const char *const to[TO] = {EXTERN_MAIL, "b@fabrikam.example", "a@one.example", "b@two.example",
	                                   BEN,         "c@three.example"};
	struct world w = {.dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
	char id[24];

	here_open(&w.h, limits);
	for (int i = 0; i < STEPS / 4; i++) {
		int n = pick(&w, 40);

		if (n == 0)
			change_something(&w);
		else if (n < 8)
			turn_clock(&w);
		(void)snprintf(id, sizeof(id), "<%d@x>", i / 8 + pick(&w, 4));
		ask_all(&w, from[pick(&w, BOXES)], to[pick(&w, TO)], pick(&w, 5) == 0 ? NULL : id);
	}
	here_close(&w.h);
}

static void
recall__says_what_asking_says_in_any_order(void **state)
{
	const char *text = getenv("COLDRELAY_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		play(seed + i, i == 0 ? NO_PACE : PACED);
	print_message("%ld of %d known", seen.known, STEPS);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		print_message(", %s %ld", reasons[i], seen.by_reason[i]);
	print_message("\n");
}

static void
recall__was_tried_with_every_reason(void **state)
{
	(void)state;
	assert_true(seen.known > STEPS / 10);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		assert_true(seen.by_reason[i] > 10);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	/* A server has to be asked (tests/contract/test_store.c). */
	if (store_server() != NULL)
		return 0;
	ROWS(tests, n, noes, check_no);
	ROWS(tests, n, unasked, check_unasked);
	ROWS(tests, n, events, check_event);
	TEST(tests, n, recall__never_allows);
	TEST(tests, n, recall__a_send_that_was_paid_for_gets_its_allow);
	TEST(tests, n, recall__knows_what_this_gate_has_spent);
	TEST(tests, n, recall__ends_in_the_millisecond_in_which_a_token_returns);
	TEST(tests, n, recall__a_send_here_does_not_hide_a_thaw_elsewhere);
	TEST(tests, n, recall__another_gate_of_this_handle_does_not_look_for_this_one);
	TEST(tests, n, recall__another_boot_is_asked_about);
	TEST(tests, n, recall__a_clock_that_was_set_is_seen_through);
	TEST(tests, n, recall__waits_while_a_transaction_is_open);
	TEST(tests, n, recall__a_message_that_was_not_sent_has_spent_nothing);
	TEST(tests, n, recall__knows_nobody_while_the_list_is_not_kept);
	TEST(tests, n, recall__a_pace_that_was_not_read_is_asked_about);
	TEST(tests, n, recall__a_ledger_that_recalls_reads_nothing);
	TEST(tests, n, recall__says_what_asking_says_in_any_order);
	TEST(tests, n, recall__was_tried_with_every_reason);
	return rows_run("budget/recall", tests, n);
}
