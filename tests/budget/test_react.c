/*
 * test_react.c - what follows from a refusal, class by class, and the streams of them that decide about a domain's life.
 */
#include "budget/evidence.h"
#include "budget/react.h"
#include "budget/sending.h"
#include "tests/budget/office.h"

#define GET   "getnorthwind.example"
#define TRY   "trynorthwindnow.example"
#define OTHER "contoso.example"

/* ---- one refusal ---- */

struct said {
	enum reply_class class;
	const char *rule, *layer, *status, *reply, *sender, *recipient, *message_id, *host, *text;
	int64_t happened_ms;
};

static const struct react_options plain = {0};
static const struct react_options dry = {.dry_run = true};

static struct react_result
react_as(struct office *o, const struct react_options *options, const struct said *s)
{
	struct reply_verdict v = {.rule = s->rule != NULL ? s->rule : "rule",
	                          .class = s->class,
	                          .layer = s->layer != NULL ? s->layer : "",
	                          .permanent = s->reply == NULL || s->reply[0] == '5'};
	struct react_event e = {.verdict = &v,
	                        .recipient = s->recipient != NULL ? s->recipient : EXTERN_MAIL,
	                        .sender = s->sender != NULL ? s->sender : ANNA,
	                        .message_id = s->message_id != NULL ? s->message_id : "",
	                        .host = s->host != NULL ? s->host : "",
	                        .text = s->text != NULL ? s->text : "",
	                        .source = "mail:test",
	                        .happened_ms = s->happened_ms};
	struct contain c = office_contain(o);
	struct react_result r;
	static uint8_t serial;

	(void)snprintf(v.status, sizeof(v.status), "%s", s->status != NULL ? s->status : "5.7.1");
	(void)snprintf(v.reply, sizeof(v.reply), "%s", s->reply != NULL ? s->reply : "554");
	/* No two mails are the same, unless they tell of one message. */
	e.content[0] = ++serial;
	if (!options->dry_run)
		assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(react_to(&c, options, &e, &r, &o->err), &o->err);
	if (!options->dry_run)
		assert_ok(db_commit(o->db, &o->err), &o->err);
	return r;
}

static struct react_result
react(struct office *o, const struct said *s)
{
	return react_as(o, &plain, s);
}

/* "freeze a.example; suppress ..." */
static const char *
actions(const struct react_result *r)
{
	static char text[REACT_ACTIONS * 320];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < r->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? "; " : "", r->action[i]);
	return text;
}

static const char *
state(struct office *o, const char *domain)
{
	static char text[128];
	struct domain_row d;

	assert_ok(domain_find(o->db, domain, &d, &o->err), &o->err);
	(void)snprintf(
		text, sizeof(text), "%s%s%s",
		domain_state_name(domain_state_in_effect(d.state, d.first_send_ms, clock_wall_ms(&o->clock.clock))),
		d.cause[0] != '\0' ? " " : "", d.cause);
	return text;
}

static bool
is_closed(struct office *o, const char *tenant, const char *recipient)
{
	char reason[64];
	bool closed = false;

	assert_ok(suppress_test(o->db, o->vault, tenant, recipient, &closed, reason, &o->err), &o->err);
	return closed;
}

static int64_t
count(struct office *o, const char *sql)
{
	int64_t n = -1;

	assert_ok(db_get_int(o->db, sql, DB_NO_ARGS, -1, &n, &o->err), &o->err);
	return n;
}

/* A third and a fourth domain, the last one of another tenant; GET and TRY leave from one address, the third from its own. */
#define THIRD "northwindoffers.example"
#define ERIK  "erik@northwindoffers.example"
#define FAR   "getcontoso.example"
#define GUS   "gus@getcontoso.example"

static void
open_all(struct office *o)
{
	static const char *const erik[] = {ERIK}, *const gus[] = {GUS};
	static const char *const shared[] = {"192.0.2.10", "2001:db8:0::10"}, *const own[] = {"192.0.2.1"};

	office_open(o, NO_PACE);
	office_add_domain(o, TENANT, THIRD, OFFICE_START_MS - DAY_MS, erik, 1);
	office_add_domain(o, OTHER, FAR, OFFICE_START_MS - DAY_MS, gus, 1);
	CHANGE(o, sending_set, GET, shared, 2);
	CHANGE(o, sending_set, TRY, shared, 1);
	CHANGE(o, sending_set, THIRD, own, 1);
	CHANGE(o, sending_set, FAR, shared + 1, 1);
}

/* ---- the table ---- */

static const struct class_row {
	const char *name;
	enum reply_class class;
	const char *status, *reply;
	const char *actions;
	const char *get, *try;  /* the states after it */
	const char *dora, *eva; /* the gate's word for BEN to that recipient, and to her neighbour */
	const char *scope;
} class_rows[] = {
	{"tenant_policy closes the organisation and freezes the domain", REPLY_TENANT_POLICY,        "5.7.1",   "554",
         "suppress organisation fabrikam.example; freeze " GET,											 "frozen tenant_policy", "active",             "suppressed",
         "suppressed",																									"organisation"},
	{"mailbox_block closes the mailbox and the organisation",        REPLY_MAILBOX_BLOCK,        "5.7.1",   "550",
         "suppress address " EXTERN_MAIL "; suppress organisation fabrikam.example",                                                                    "active",               "active",             "suppressed",
         "suppressed",																									"mailbox"     },
	{"ip_block freezes every domain on the address",                 REPLY_IP_BLOCK,             "5.7.606", "550",
         "freeze " GET "; freeze " TRY "; freeze " FAR,												 "frozen ip_block",      "frozen ip_block",    "frozen",     "frozen",
         "address"																											  },
	{"reputation freezes the domain",                                REPLY_REPUTATION,           "5.7.1",   "554", "freeze " GET,                   "frozen reputation",
         "active",																						    "frozen",     "frozen", "none"        },
	{"content alone does nothing",                                   REPLY_CONTENT,              "5.7.1",   "550", "",                              "active",               "active",             "allow",      "allow",  "none"        },
	{"auth freezes the domain",				      REPLY_AUTH,                 "5.7.26",  "550", "freeze " GET,                   "frozen auth",          "active",             "frozen",
         "frozen",																									    "none"        },
	{"rate does nothing",					    REPLY_RATE,                 "4.7.28",  "421", "",                              "active",               "active",             "allow",      "allow",  "none"        },
	{"rate that is final does nothing",                              REPLY_RATE,                 "5.7.508", "550", "",                              "active",               "active",             "allow",      "allow",
         "none"																											     },
	{"own_account freezes the tenant",                               REPLY_OWN_ACCOUNT,          "5.1.8",   "550", "freeze tenant " TENANT,
         "frozen own_account",																		  "frozen own_account", "frozen",     "frozen", "account"     },
	{"recipient_restricted closes that address",                     REPLY_RECIPIENT_RESTRICTED, "5.7.133", "550",
         "suppress address " EXTERN_MAIL,													       "active",               "active",             "suppressed", "allow",  "mailbox"     },
	{"bad_recipient closes that address",                            REPLY_BAD_RECIPIENT,        "5.1.1",   "550", "suppress address " EXTERN_MAIL,
         "active",																			      "active",             "suppressed", "allow",  "mailbox"     },
	{"config does nothing",					  REPLY_CONFIG,               "5.7.1",   "554", "",                              "active",               "active",             "allow",      "allow",  "none"        },
	{"a complaint closes that address",                              REPLY_COMPLAINT,            "",        "",    "suppress address " EXTERN_MAIL, "active",
         "active",																						    "suppressed", "allow",  "mailbox"     },
	{"what is no refusal does nothing",                              REPLY_NOTHING,              "",        "",    "",                              "active",               "active",             "allow",      "allow",  "none"        },
	{"a block that will be tried again does nothing",                REPLY_TENANT_POLICY,        "4.7.0",   "421", "",                              "active",               "active",
         "allow",																								   "allow",  "organisation"},
	{"reputation that will be tried again does nothing",             REPLY_REPUTATION,           "4.7.650", "451", "",                              "active",               "active",
         "allow",																								   "allow",  "none"        },
	{"a block without any code is one",                              REPLY_TENANT_POLICY,        "",        "",
         "suppress organisation fabrikam.example; freeze " GET,											 "frozen tenant_policy", "active",             "suppressed",
         "suppressed",																									"organisation"},
	{"a dead address that is tried again is closed",                 REPLY_BAD_RECIPIENT,        "4.4.4",   "451",
         "suppress address " EXTERN_MAIL,													       "active",               "active",             "suppressed", "allow",  "mailbox"     },
};

static void
check_class(void **data)
{
	const struct class_row *r = *data;
	const struct said s = {.class = r->class, .status = r->status, .reply = r->reply};
	struct react_result told, done;
	struct office o;

	open_all(&o);
	told = react_as(&o, &dry, &s);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM evidence"), 0);
	assert_string_equal(state(&o, GET), "active");
	done = react(&o, &s);
	assert_string_equal(actions(&done), r->actions);
	assert_string_equal(done.scope, r->scope);
	/* What a dry run tells is what is done. */
	assert_int_equal(told.n, done.n);
	for (size_t i = 0; i < told.n; i++)
		assert_string_equal(told.action[i], done.action[i]);
	assert_string_equal(state(&o, GET), r->get);
	assert_string_equal(state(&o, TRY), r->try);
	assert_answer(&o, BEN, EXTERN_MAIL, r->dora);
	assert_answer(&o, BEN, "eva@fabrikam.example", r->eva);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM evidence"), 1);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM audit WHERE action = 'refusal.read'"), 1);
	office_close(&o);
}

/* ---- streams ---- */

/* n organisations org0.example, org1.example... refuse `from`. */
static struct react_result
stream(struct office *o, struct said s, size_t n)
{
	char to[64], id[64];
	struct react_result r = {0};

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(to, sizeof(to), "eva@org%zu.example", i);
		(void)snprintf(id, sizeof(id), "<%zu@getnorthwind.example>", i);
		s.recipient = to;
		s.message_id = id;
		r = react(o, &s);
	}
	return r;
}

static void
react__one_organisation_that_blocks_three_domains_burns_none(void **data)
{
	static const char *const senders[] = {ANNA, CARL, ERIK}, *const domains[] = {GET, TRY, THIRD};
	struct office o;

	(void)data;
	open_all(&o);
	for (size_t i = 0; i < 3; i++) {
		const struct said s = {.class = REPLY_TENANT_POLICY, .sender = senders[i], .rule = "ms-etr"};

		(void)react(&o, &s);
		assert_string_equal(state(&o, domains[i]), "frozen tenant_policy");
	}
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM suppression"), 1);
	assert_true(is_closed(&o, TENANT, "eva@mail.fabrikam.example"));
	assert_false(is_closed(&o, OTHER, "eva@mail.fabrikam.example"));
	assert_string_equal(state(&o, FAR), "active");
	office_close(&o);
}

static void
react__three_organisations_burn_a_domain(void **data)
{
	const struct said s = {.class = REPLY_TENANT_POLICY, .rule = "fallback"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	(void)stream(&o, s, 2);
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	r = stream(&o, s, 3);
	assert_string_equal(actions(&r), "suppress organisation org2.example; freeze " GET "; burn " GET);
	assert_string_equal(state(&o, GET), "burned systemic");
	assert_answer(&o, BEN, EXTERN_MAIL, "burned");
	assert_answer(&o, CARL, EXTERN_MAIL, "allow");
	/* And no new name for thirty days. */
	CHANGE_FAILS(&o, CR_EREFUSED, contain_plan_domain, TENANT, "freshnorthwind.example");
	office_close(&o);
}

static void
react__three_organisations_in_more_than_seven_days_burn_nothing(void **data)
{
	struct said s = {.class = REPLY_TENANT_POLICY, .rule = "fallback"};
	struct office o;

	(void)data;
	open_all(&o);
	for (int i = 0; i < 3; i++) {
		char to[64];

		(void)snprintf(to, sizeof(to), "eva@org%d.example", i);
		s.recipient = to;
		s.happened_ms = OFFICE_START_MS - (2 - i) * 4 * DAY_MS;
		(void)react(&o, &s);
	}
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	office_close(&o);
}

static void
react__the_same_rule_at_two_organisations_is_systemic(void **data)
{
	struct office o;

	(void)data;
	open_all(&o);
	(void)stream(&o, (struct said){.class = REPLY_TENANT_POLICY, .rule = "ms-etr"}, 2);
	assert_string_equal(state(&o, GET), "frozen systemic");
	office_close(&o);
}

static void
react__the_same_words_at_two_organisations_are_systemic(void **data)
{
	struct said s = {.class = REPLY_TENANT_POLICY,
	                 .rule = "fallback-policy",
	                 .text = "554 5.7.1 Mail of this kind is not wanted (id 4711) <eva@one.example>",
	                 .recipient = "eva@one.example"};
	struct office o;

	(void)data;
	open_all(&o);
	(void)react(&o, &s);
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	s.text = "550 5.7.1 mail of this kind is not wanted (id 0815) <eva@two.example>";
	s.recipient = "eva@two.example";
	(void)react(&o, &s);
	assert_string_equal(state(&o, GET), "frozen systemic");
	office_close(&o);
}

static void
react__directory_refusals_by_the_dozen_freeze_nothing(void **data)
{
	const struct said s = {.class = REPLY_BAD_RECIPIENT,
	                       .rule = "rcpt-dbeb",
	                       .status = "5.4.1",
	                       .reply = "550",
	                       .text = "550 5.4.1 Recipient address rejected: Access denied"};
	struct office o;

	(void)data;
	open_all(&o);
	(void)stream(&o, s, 40);
	assert_string_equal(state(&o, GET), "active");
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM suppression WHERE kind = 'address'"), 40);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM suppression WHERE kind <> 'address'"), 0);
	assert_answer(&o, BEN, "frank@org3.example", "allow");
	office_close(&o);
}

static void
react__one_vendors_verdict_at_four_customers_is_one_decision(void **data)
{
	const struct said s = {.class = REPLY_REPUTATION,
	                       .rule = "mc-reputation",
	                       .layer = "mimecast",
	                       .host = "us-smtp-inbound-1.mimecast.com"};
	struct office o;

	(void)data;
	open_all(&o);
	(void)stream(&o, s, 1);
	assert_string_equal(state(&o, GET), "frozen reputation");
	(void)stream(&o, s, 4);
	assert_string_equal(state(&o, GET), "frozen systemic");
	/* The vendor judged the sender; its customers said nothing. */
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM suppression"), 0);
	office_close(&o);
}

static void
react__three_vendors_burn_a_domain(void **data)
{
	struct office o;

	(void)data;
	open_all(&o);
	(void)react(&o, &(struct said){.class = REPLY_REPUTATION, .layer = "mimecast", .recipient = "a@org1.example"});
	(void)react(&o, &(struct said){.class = REPLY_REPUTATION,
	                               .layer = "ironport",
	                               .recipient = "a@org2.example",
	                               .rule = "ci"});
	(void)react(&o, &(struct said){
				.class = REPLY_IP_BLOCK, .layer = "m365", .recipient = "a@org3.example", .rule = "ms"});
	assert_string_equal(state(&o, GET), "burned systemic");
	assert_string_equal(state(&o, TRY), "frozen ip_block");
	office_close(&o);
}

static void
react__customers_of_one_gateway_code_are_one_organisation(void **data)
{
	struct said s = {.class = REPLY_TENANT_POLICY, .rule = "fallback", .layer = "proofpoint"};
	static const char *const hosts[] = {"mx0a-0262c01.pphosted.com", "mx0b-0262c01.pphosted.com.",
	                                    "MX0A-0262C01.pphosted.com", "mx0a-0262c01.pphosted.com"};
	struct office o;

	(void)data;
	open_all(&o);
	for (size_t i = 0; i < 4; i++) {
		char to[64];

		(void)snprintf(to, sizeof(to), "eva@brand%zu.example", i);
		s.recipient = to;
		s.host = hosts[i];
		(void)react(&o, &s);
	}
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM suppression"), 4);
	office_close(&o);
}

static void
react__declared_aliases_are_one_organisation(void **data)
{
	struct organisations known = {0};
	const struct react_options options = {.organisations = &known};
	static const char *const aliases[] = {"fabrikam-mail.example", "Fabrikam.test."};
	struct said s = {.class = REPLY_TENANT_POLICY, .rule = "ms-etr", .recipient = "x@eu.fabrikam-mail.example"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	assert_ok(organisations_add(&known, "fabrikam.example", aliases, 2, &o.err), &o.err);
	r = react_as(&o, &options, &s);
	assert_string_equal(r.organisation, "fabrikam.example");
	assert_string_equal(actions(&r), "suppress organisation fabrikam.example; suppress organisation "
	                                 "fabrikam-mail.example; freeze " GET);
	s.recipient = "y@fabrikam.example";
	(void)react_as(&o, &options, &s);
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	/* The gate knows them as one too, the one that was never heard of. */
	assert_answer(&o, CARL, "q@fabrikam.test", "allow");
	gate_organisations_take(o.gate, &known);
	assert_answer(&o, CARL, "q@fabrikam.test", "suppressed");
	organisations_release(&known);
	office_close(&o);
}

static void
react__content_freezes_at_the_second_organisation(void **data)
{
	struct said s = {.class = REPLY_CONTENT, .rule = "a", .recipient = "eva@one.example"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	assert_int_equal(react(&o, &s).n, 0);
	/* The same organisation again: closed, and its own affair. */
	r = react(&o, &s);
	assert_string_equal(actions(&r), "suppress organisation one.example");
	assert_string_equal(state(&o, GET), "active");
	s.recipient = "eva@two.example";
	s.rule = "b";
	r = react(&o, &s);
	assert_string_equal(actions(&r), "freeze " GET);
	assert_string_equal(state(&o, GET), "frozen content");
	office_close(&o);
}

static void
react__a_guess_at_content_that_is_repeated_was_a_decision(void **data)
{
	const struct said s = {.class = REPLY_CONTENT, .rule = "fallback-550"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	assert_int_equal(react(&o, &s).n, 0);
	r = react(&o, &s);
	assert_string_equal(actions(&r), "suppress organisation fabrikam.example; freeze " GET);
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	office_close(&o);
}

static void
react__the_second_complaint_in_thirty_days_freezes(void **data)
{
	struct said s = {.class = REPLY_COMPLAINT, .status = "", .reply = "", .recipient = "a@one.example"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	s.happened_ms = OFFICE_START_MS - 31 * DAY_MS;
	(void)react(&o, &s);
	s.happened_ms = 0;
	s.recipient = "b@one.example";
	(void)react(&o, &s);
	assert_string_equal(state(&o, GET), "active");
	s.recipient = "c@one.example";
	r = react(&o, &s);
	assert_string_equal(actions(&r), "suppress address c@one.example; freeze " GET);
	assert_string_equal(state(&o, GET), "frozen complaint");
	office_close(&o);
}

static void
react__a_reply_that_names_an_address_stops_only_the_domains_on_it(void **data)
{
	static const char *const two[] = {"192.0.2.10", "192.0.2.1"};
	struct said s = {.class = REPLY_IP_BLOCK,
	                 .text = "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. See"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	CHANGE(&o, sending_set, GET, two, 2);
	r = react(&o, &s);
	assert_string_equal(actions(&r), "freeze " GET "; freeze " THIRD);
	assert_string_equal(state(&o, TRY), "active");
	office_close(&o);
}

/* ---- once ---- */

static const struct again_row {
	const char *name;
	struct said first, second;
	bool known;
} again_rows[] = {
	{"the same message, recipient and status is one refusal",
         {.class = REPLY_CONTENT, .message_id = "<1@getnorthwind.example>"},
         {.class = REPLY_CONTENT, .message_id = "1@getnorthwind.example"},
         true														    },
	{"read in another mailbox too",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>"},
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .sender = CARL},
         true														    },
	{"forwarded, in other spelling",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>"},
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .recipient = "Dora@FABRIKAM.example."},
         true														    },
	{"another recipient is another one",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>"},
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .recipient = "eva@fabrikam.example"},
         false														   },
	{"another message is another one",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>"},
         {.class = REPLY_CONTENT, .message_id = "<2@x.example>"},
         false														   },
	{"another status is another one",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>"},
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .status = "4.7.1", .reply = "450"},
         false														   },
	{"a complaint about a message that had bounced is another one",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .status = "", .reply = ""},
         {.class = REPLY_COMPLAINT, .message_id = "<1@x.example>", .status = "", .reply = ""},
         false														   },
	{"without a message id two mails are two",                      {.class = REPLY_CONTENT}, {.class = REPLY_CONTENT}, false},
	{"a sender that is none of ours twice is one",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .sender = "who@else.example"},
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .sender = "who@else.example"},
         true														    },
	{"and is taken up once its sender is known",
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>", .sender = ""},
         {.class = REPLY_CONTENT, .message_id = "<1@x.example>"},
         false														   },
};

static void
check_again(void **data)
{
	const struct again_row *r = *data;
	struct react_result first, second, third;
	struct office o;

	open_all(&o);
	first = react(&o, &r->first);
	assert_false(first.known);
	second = react(&o, &r->second);
	assert_int_equal(second.known, r->known);
	if (r->known) {
		assert_int_equal(second.n, 0);
		assert_int_equal(second.evidence, first.evidence);
		assert_int_equal(count(&o, "SELECT COUNT(*) FROM evidence"), 1);
	}
	if (r->second.message_id != NULL) {
		third = react(&o, &r->second);
		assert_true(third.known);
	}
	office_close(&o);
}

static void
react__twice_the_same_bounce_counts_once(void **data)
{
	struct said s = {.class = REPLY_TENANT_POLICY, .rule = "fallback"};
	int64_t lines;
	struct office o;

	(void)data;
	open_all(&o);
	(void)stream(&o, s, 2);
	lines = count(&o, "SELECT COUNT(*) FROM audit");
	(void)stream(&o, s, 2);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM audit"), lines);
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	office_close(&o);
}

/* ---- whose ---- */

static const struct sender_row {
	const char *name, *sender;
	bool ours;
} sender_rows[] = {
	{"a mailbox of ours",           "Anna@GetNorthwind.example",       true },
	{"with a tag",                  "anna+b4711@getnorthwind.example", true },
	{"a mailbox that is not there", "nobody@getnorthwind.example",     false},
	{"the primary",                 "anna@northwind.example",          false},
	{"somebody else's",             "anna@elsewhere.example",          false},
	{"nobody",		      "",				false},
	{"what is no address",          "<>",                              false},
};

static void
check_sender(void **data)
{
	const struct sender_row *row = *data;
	const struct said s = {.class = REPLY_TENANT_POLICY, .sender = row->sender};
	struct react_result r;
	struct office o;

	open_all(&o);
	r = react(&o, &s);
	assert_int_equal(r.ours, row->ours);
	assert_int_equal(r.n > 0, row->ours);
	assert_string_equal(r.domain, row->ours ? GET : "");
	assert_string_equal(state(&o, GET), row->ours ? "frozen tenant_policy" : "active");
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM suppression"), row->ours);
	/* Recorded in any case. */
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM evidence"), 1);
	office_close(&o);
}

static void
react__a_refusal_outlives_its_mailbox_and_its_domain(void **data)
{
	const struct said s = {.class = REPLY_TENANT_POLICY};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	CHANGE(&o, contain_close, GET, OFFICE_START_MS + DAY_MS, "over");
	CHANGE(&o, contain_park, GET);
	r = react(&o, &s);
	assert_string_equal(actions(&r), "suppress organisation fabrikam.example");
	assert_string_equal(state(&o, GET), "parked");
	assert_answer(&o, CARL, EXTERN_MAIL, "suppressed");
	office_close(&o);
}

static void
react__what_was_suppressed_stays_so_through_teardown_and_a_new_domain(void **data)
{
	static const char *const anna[] = {ANNA};
	struct office o;

	(void)data;
	open_all(&o);
	(void)react(&o, &(struct said){.class = REPLY_TENANT_POLICY});
	CHANGE(&o, contain_close, GET, OFFICE_START_MS + DAY_MS, "over");
	CHANGE(&o, contain_park, GET);
	office_add_domain(&o, TENANT, GET, OFFICE_START_MS - 1, anna, 1);
	assert_string_equal(state(&o, GET), "active");
	assert_answer(&o, ANNA, EXTERN_MAIL, "suppressed");
	office_close(&o);
}

/* ---- the evidence ---- */

static void
react__evidence_names_no_recipient(void **data)
{
	const struct said s = {.class = REPLY_TENANT_POLICY,
	                       .rule = "ms-etr",
	                       .host = "mx.fabrikam.example",
	                       .text = "550 5.7.1 <dora@fabrikam.example>:\r\n \"Dora D.\"@fabrikam.example is closed"};
	char *text = NULL, *why = NULL, *line = NULL;
	struct office o;

	(void)data;
	open_all(&o);
	(void)react(&o, &s);
	assert_ok(db_get_text(o.db, "SELECT words FROM evidence", DB_NO_ARGS, &text, &o.err), &o.err);
	assert_string_equal(text, "550 5.7.1 <*@fabrikam.example>: *@fabrikam.example is closed");
	assert_ok(db_get_text(o.db, "SELECT evidence FROM suppression", DB_NO_ARGS, &why, &o.err), &o.err);
	assert_non_null(
		strstr(why, "evidence 1: tenant_policy by rule ms-etr, fabrikam.example, host mx.fabrikam.example"));
	assert_ok(
		db_get_text(o.db, "SELECT reason FROM audit WHERE action = 'domain.freeze'", DB_NO_ARGS, &line, &o.err),
		&o.err);
	assert_string_equal(line, why);
	assert_int_equal(count(&o, "SELECT COUNT(*) FROM consequence"), 2);
	free(text);
	free(why);
	free(line);
	office_close(&o);
}

static int
first_id(void *arg, const struct evidence *e, const char *action, struct err *err)
{
	(void)err;
	if (*(int64_t *)arg == 0)
		*(int64_t *)arg = e->id;
	assert_string_equal(action, "freeze");
	return CR_OK;
}

static void
react__the_latest_evidence_behind_a_state_comes_first(void **data)
{
	struct evidence_count n;
	int64_t id = 0;
	struct office o;

	(void)data;
	open_all(&o);
	(void)stream(&o, (struct said){.class = REPLY_REPUTATION, .layer = "mimecast"}, 3);
	(void)react(&o, &(struct said){.class = REPLY_BAD_RECIPIENT});
	assert_ok(evidence_behind(o.db, "domain", GET, NULL, first_id, &id, &o.err), &o.err);
	assert_int_equal(id, 3);
	assert_ok(evidence_count(o.db, GET, &n, &o.err), &o.err);
	assert_int_equal(n.refusals, 4);
	assert_int_equal(n.blocks, 3);
	assert_int_equal(n.blockers, 3);
	assert_int_equal(n.complaints, 0);
	office_close(&o);
}

/* ---- the way back ---- */

static void
react__a_freeze_for_authentication_waits_for_verify(void **data)
{
	struct office o;

	(void)data;
	open_all(&o);
	CHANGE(&o, contain_verified, GET);
	(void)react(&o, &(struct said){.class = REPLY_AUTH});
	CHANGE_FAILS(&o, CR_EREFUSED, contain_thaw, GET, "mended");
	fake_clock_advance(&o.clock, 1000);
	CHANGE(&o, contain_verified, GET);
	CHANGE_FAILS(&o, CR_EUSAGE, contain_thaw, GET, " ");
	CHANGE(&o, contain_thaw, GET, "mended");
	assert_string_equal(state(&o, GET), "active");
	office_close(&o);
}

static void
react__nor_does_it_end_a_freeze_for_authentication(void **data)
{
	struct office o;

	(void)data;
	open_all(&o);
	(void)react(&o, &(struct said){.class = REPLY_OWN_ACCOUNT, .status = "5.1.8"});
	(void)react(&o, &(struct said){.class = REPLY_AUTH});
	CHANGE(&o, contain_thaw_tenant, TENANT, "the provider lifted it");
	assert_string_equal(state(&o, GET), "frozen auth");
	assert_string_equal(state(&o, TRY), "active");
	CHANGE_FAILS(&o, CR_EREFUSED, contain_thaw, GET, "mended");
	office_close(&o);
}

static void
react__the_end_of_a_tenants_restriction_does_not_end_a_block(void **data)
{
	struct office o;

	(void)data;
	open_all(&o);
	(void)react(&o, &(struct said){.class = REPLY_OWN_ACCOUNT, .status = "5.1.8"});
	(void)react(&o, &(struct said){.class = REPLY_TENANT_POLICY});
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	CHANGE(&o, contain_thaw_tenant, TENANT, "the provider lifted it");
	assert_string_equal(state(&o, GET), "frozen tenant_policy");
	assert_string_equal(state(&o, TRY), "active");
	office_close(&o);
}

/* ---- the operator's own ---- */

static void
react__an_operator_adds_to_the_table(void **data)
{
	struct react_rules rules = {.burn_at = 2};
	const struct react_options options = {.rules = &rules};
	struct said s = {.class = REPLY_CONTENT, .rule = "x"};
	struct react_result r;
	struct office o;

	(void)data;
	open_all(&o);
	rules.also[REPLY_CONTENT] = REACT_FREEZE | REACT_SUPPRESS_ORGANISATION;
	r = react_as(&o, &options, &s);
	assert_string_equal(actions(&r), "suppress organisation fabrikam.example; freeze " GET);
	s = (struct said){.class = REPLY_TENANT_POLICY, .rule = "fallback", .sender = CARL};
	(void)react_as(&o, &options, &s);
	s.recipient = "a@other.example";
	r = react_as(&o, &options, &s);
	assert_string_equal(actions(&r), "suppress organisation other.example; freeze " TRY "; burn " TRY);
	office_close(&o);
}

static void
react__rules_cannot_make_it_milder(void **data)
{
	const struct react_rules rules = {.burn_at = 99, .burn_window_s = 60, .repeat_window_s = 60};
	const struct react_options options = {.rules = &rules};
	struct said s = {.class = REPLY_TENANT_POLICY, .rule = "fallback"};
	struct office o;

	(void)data;
	open_all(&o);
	for (int i = 0; i < 3; i++) {
		char to[64];

		(void)snprintf(to, sizeof(to), "eva@org%d.example", i);
		s.recipient = to;
		s.happened_ms = OFFICE_START_MS - (2 - i) * 3 * DAY_MS;
		(void)react_as(&o, &options, &s);
	}
	assert_string_equal(state(&o, GET), "burned systemic");
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, class_rows, check_class);
	ROWS(tests, n, again_rows, check_again);
	ROWS(tests, n, sender_rows, check_sender);
	TEST(tests, n, react__one_organisation_that_blocks_three_domains_burns_none);
	TEST(tests, n, react__three_organisations_burn_a_domain);
	TEST(tests, n, react__three_organisations_in_more_than_seven_days_burn_nothing);
	TEST(tests, n, react__the_same_rule_at_two_organisations_is_systemic);
	TEST(tests, n, react__the_same_words_at_two_organisations_are_systemic);
	TEST(tests, n, react__directory_refusals_by_the_dozen_freeze_nothing);
	TEST(tests, n, react__one_vendors_verdict_at_four_customers_is_one_decision);
	TEST(tests, n, react__three_vendors_burn_a_domain);
	TEST(tests, n, react__customers_of_one_gateway_code_are_one_organisation);
	TEST(tests, n, react__declared_aliases_are_one_organisation);
	TEST(tests, n, react__content_freezes_at_the_second_organisation);
	TEST(tests, n, react__a_guess_at_content_that_is_repeated_was_a_decision);
	TEST(tests, n, react__the_second_complaint_in_thirty_days_freezes);
	TEST(tests, n, react__a_reply_that_names_an_address_stops_only_the_domains_on_it);
	TEST(tests, n, react__twice_the_same_bounce_counts_once);
	TEST(tests, n, react__a_refusal_outlives_its_mailbox_and_its_domain);
	TEST(tests, n, react__what_was_suppressed_stays_so_through_teardown_and_a_new_domain);
	TEST(tests, n, react__evidence_names_no_recipient);
	TEST(tests, n, react__the_latest_evidence_behind_a_state_comes_first);
	TEST(tests, n, react__a_freeze_for_authentication_waits_for_verify);
	TEST(tests, n, react__the_end_of_a_tenants_restriction_does_not_end_a_block);
	TEST(tests, n, react__nor_does_it_end_a_freeze_for_authentication);
	TEST(tests, n, react__an_operator_adds_to_the_table);
	TEST(tests, n, react__rules_cannot_make_it_milder);
	return rows_run("budget/react", tests, n);
}
