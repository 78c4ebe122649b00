/*
 * test_lookup_live.c - what lookup.h promises over the network, against a server in a thread that answers, lies, cuts and keeps silent.
 */
#include "tests/lib/oddns.h"
#include "tests/lib/rows.h"

#include "dns/exchange.h"
#include "dns/lookup_reply.h"
#include "dns/query.h"

#include <sys/resource.h>

#define SHORT_MS 60 /* of one try, where silence is expected */

/* One question, asked by a check. */
struct one {
	const char *name;
	uint16_t type;
	const struct resolve_server *at;
	const struct lookup_answer *answer;
};

static int
ask_one(struct lookup *l, void *arg, struct err *err)
{
	struct one *o = arg;

	(void)err;
	o->answer = o->at != NULL ? lookup_ask_at(l, o->at, o->name, o->type) : lookup_ask(l, o->name, o->type);
	return CR_OK;
}

static struct lookup *
open_at(const struct oddns *o, int64_t timeout_ms)
{
	struct lookup_settings s = {.resolver = o->at, .known = true, .recursion = true, .timeout_ms = timeout_ms};
	struct lookup *l = NULL;
	struct err err = {0};

	assert_ok(lookup_open(&s, &l, &err), &err);
	return l;
}

static const struct lookup_answer *
settled_at(struct lookup *l, const struct resolve_server *at, const char *name, uint16_t type)
{
	struct one one = {.name = name, .type = type, .at = at};
	struct err err = {0};

	assert_ok(lookup_settle_one(l, ask_one, &one, &err), &err);
	assert_int_not_equal(one.answer->state, LOOKUP_PENDING);
	return one.answer;
}

static const struct lookup_answer *
settled(struct lookup *l, const char *name, uint16_t type)
{
	return settled_at(l, NULL, name, type);
}

/* Any number of questions in one check: names PREFIX0.a.example and on. */
struct many {
	const char *prefix;
	uint16_t type;
	size_t n;
	size_t states[LOOKUP_STATE__COUNT]; /* out */
};

static int
ask_many(struct lookup *l, void *arg, struct err *err)
{
	struct many *m = arg;

	(void)err;
	memset(m->states, 0, sizeof(m->states));
	for (size_t i = 0; i < m->n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%s%zu.a.example", m->prefix, i);
		m->states[lookup_ask(l, name, m->type)->state]++;
	}
	return CR_OK;
}

static void
settle_many(struct lookup *l, struct many *m)
{
	struct err err = {0};

	assert_ok(lookup_settle_one(l, ask_many, m, &err), &err);
	assert_int_equal(m->states[LOOKUP_PENDING], 0);
}

static const struct answer_row {
	const char *name, *ask;
	uint16_t type;
	enum lookup_state want;
	const char *want_text; /* of the first record, or within why */
	size_t want_records, want_chain;
} answers[] = {
	{"an address is found",					     "www.a.example",						  RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"a text is found",						 "www.a.example",						  RECORD_TXT,   LOOKUP_FOUND,  "text of www.a.example",   1,    0               },
	{"no data, and an SOA",					     "www.a.example",						  RECORD_MX,    LOOKUP_EMPTY,  NULL,                      0,    0               },
	{"no data, without an SOA",					 "empty-x.a.example",                                              RECORD_A,     LOOKUP_EMPTY,  NULL,                      0,    0               },
	{"no such name",						    "nxdomain-x.a.example",                                           RECORD_A,     LOOKUP_NONAME, NULL,                      0,    0               },
	{"no such name, and its address beside it",                         "nxandmore-x.a.example",                                          RECORD_A,     LOOKUP_FAILED, "NXDOMAIN",                0,    0               },
	{"servfail says its name",					  "servfail-x.a.example",                                           RECORD_A,     LOOKUP_FAILED, ": SERVFAIL",              0,    0               },
	{"refused says its name",					   "refused-x.a.example",                                            RECORD_A,     LOOKUP_FAILED, ": REFUSED",               0,    0               },
	{"notimp says its name",					    "notimp-x.a.example",                                             RECORD_A,     LOOKUP_FAILED, ": NOTIMP",                0,    0               },
	{"an rcode without a name says its number",                         "rcode11-x.a.example",                                            RECORD_A,     LOOKUP_FAILED, ": rcode 11",              0,    0               },
	{"a record that comes twice is one",                                "twice-x.a.example",                                              RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"a slow answer is waited for",                                     "slow-x.a.example",                                               RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"a lost datagram is sent again",                                   "drop1-x.a.example",                                              RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"a referral is no answer",					 "referral-x.a.example",                                           RECORD_A,     LOOKUP_FAILED, "refers to other servers", 0,    0               },
	{"an address of three bytes cannot be read",                        "runt-x.a.example",                                               RECORD_A,     LOOKUP_FAILED, "dns answer",              0,    0               },
	{"the records of another name are no answer",                       "owner-x.a.example",                                              RECORD_A,     LOOKUP_FAILED, "other names",             0,
         0																										  },
	{"the records of another class are no answer",                      "class-x.a.example",                                              RECORD_A,     LOOKUP_FAILED, "other names",             0,
         0																										  },
	{"a name of many escapes is asked for",                             "a\\000b\\032c\\046d.a.example",                                  RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",
         1,																								 0	       },

	{"a reply with another id is passed over",                          "wrongid-x.a.example",                                            RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"a reply about another name is passed over",                       "wrongname-x.a.example",                                          RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,
         0																										  },
	{"a reply about another type is passed over",                       "wrongtype-x.a.example",                                          RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,
         0																										  },
	{"a reply from another port is passed over",                        "otherport-x.a.example",                                          RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,
         0																										  },
	{"the query sent back is passed over",                              "echo-x.a.example",                                               RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"garbage is passed over",					  "garbage-x.a.example",                                            RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },

	{"a truncated answer is fetched by TCP",                            "tc-x.a.example",                                                 RECORD_TXT,   LOOKUP_FOUND,  "text of tc-x",            1,    0               },
	{"64 KB of text are fetched by TCP",                                "big-x.a.example",                                                RECORD_TXT,   LOOKUP_FOUND,  "xxxx",                    1,    0               },
	{"a thousand records are taken",                                    "thousand-x.a.example",                                           RECORD_A,     LOOKUP_FOUND,  "A 10.0.0.0",              1000, 0               },
	{"four thousand records are refused",                               "many-x.a.example",                                               RECORD_A,     LOOKUP_FAILED, "4000 records",            0,    0               },
	{"truncated over TCP as well",                                      "tcagain-x.a.example",                                            RECORD_A,     LOOKUP_FAILED, "over TCP too",            0,    0               },
	{"an answer cut off over TCP",                                      "tccut-x.a.example",                                              RECORD_A,     LOOKUP_SILENT, "within the answer",       0,    0               },
	{"an answer to another question over TCP",                          "tclie-x.a.example",                                              RECORD_A,     LOOKUP_SILENT, "another question",        0,
         0																										  },

	{"a CNAME with its target's records",                               "with-x.a.example",                                               RECORD_A,     LOOKUP_FOUND,  "x.a.example. 60 IN A",    1,    1               },
	{"a CNAME alone: its target is asked for",                          "to-x.a.example",                                                 RECORD_A,     LOOKUP_FOUND,  "x.a.example. 60 IN A",    1,
         1																										  },
	{"three CNAMEs, each alone",					"to-to-to-x.a.example",                                           RECORD_A,     LOOKUP_FOUND,  "x.a.example. 60 IN A",    1,    3               },
	{"a CNAME alone, its target without data",                          "to-x.a.example",                                                 RECORD_MX,    LOOKUP_EMPTY,  NULL,                      0,    1               },
	{"a CNAME and an SOA: its target has no data",                      "nodata-silent-x.a.example",                                      RECORD_A,     LOOKUP_EMPTY,  NULL,                      0,    1               },
	{"a CNAME into another zone's SOA is followed",                     "nodata-x.b.example",                                             RECORD_A,     LOOKUP_EMPTY,  NULL,                      0,    1               },
	{"no such name at the end of a CNAME",                              "gone-x.a.example",                                               RECORD_A,     LOOKUP_NONAME, NULL,                      0,    1               },
	{"no such name behind a CNAME alone",                               "to-nxdomain-x.a.example",                                        RECORD_A,     LOOKUP_NONAME, NULL,                      0,    1               },
	{"servfail behind a CNAME",					 "to-servfail-x.a.example",                                        RECORD_A,     LOOKUP_FAILED, ": SERVFAIL",              0,    1               },
	{"a CNAME that is asked for is not followed",                       "to-silent-x.a.example",                                          RECORD_CNAME, LOOKUP_FOUND,
         "CNAME silent-x.a.example.",																				 1,    0               },
	{"a DNAME comes with its CNAME",                                    "dname.a.example",                                                RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",             1,    0               },
	{"a CNAME beside the SOA of another zone: its target is asked for", "other-x.a.example",                                              RECORD_A,     LOOKUP_FOUND,
         "x.a.example. 60 IN A",																				      1,    1               },
	{"twenty CNAMEs in one answer",                                     "long-x.a.example",                                               RECORD_A,     LOOKUP_FAILED, "more CNAMEs",             0,    16              },
	{"sixteen CNAMEs, each alone",                                      "to-to-to-to-to-to-to-to-to-to-to-to-to-to-to-to-x.a.example",    RECORD_A,
         LOOKUP_FOUND,																		     "A 192.0.2.1",             1,    16              },
	{"seventeen CNAMEs, each alone",                                    "to-to-to-to-to-to-to-to-to-to-to-to-to-to-to-to-to-x.a.example", RECORD_A,
         LOOKUP_FAILED,																		    "more CNAMEs",             0,    16              },
	{"a stream that is cut off once is opened again",                   "tccut1-x.a.example",                                             RECORD_A,     LOOKUP_FOUND,  "A 192.0.2.1",
         1,																								 0	       },
	{"a CNAME to itself",					       "self-x.a.example",                                               RECORD_A,     LOOKUP_FAILED, "circle",                  0,    1               },
	{"two CNAMEs in a circle",					  "loop-x.a.example",                                               RECORD_A,     LOOKUP_FAILED, "circle",                  0,    2               },
	{"a circle over several answers",                                   "to-loop-x.a.example",                                            RECORD_A,     LOOKUP_FAILED, "circle",                  0,    3               },
	{"CNAMEs without an end",					   "chain0-x.a.example",                                             RECORD_A,     LOOKUP_FAILED, "more CNAMEs",             0,    LOOKUP_CHAIN_MAX},
};

static void
check_answer(void **state)
{
	const struct answer_row *r = *state;
	const struct lookup_answer *a;
	struct oddns o = {0};
	struct lookup *l;
	struct buf text = {0};

	oddns_open(&o);
	l = open_at(&o, 0);
	a = settled(l, r->ask, r->type);
	if (lookup_is_trouble(a) && r->want == LOOKUP_FOUND)
		fail_msg("%s", a->why);
	assert_int_equal(a->state, r->want);
	assert_int_equal(a->records.n, r->want_records);
	assert_int_equal(a->chain.n, r->want_chain);
	assert_int_equal(a->why[0] != '\0', lookup_is_trouble(a));
	assert_false(a->authenticated);
	if (r->want == LOOKUP_FOUND) {
		record_format(&a->records.items[0], &text);
		assert_non_null(strstr(buf_str(&text), r->want_text));
	} else if (r->want_text != NULL) {
		assert_non_null(strstr(a->why, r->want_text));
		assert_non_null(strstr(a->why, "dns server 127.0.0.1 port "));
	}
	buf_release(&text);
	lookup_drop(&l);
	oddns_close(&o);
}

static const struct silent_row {
	const char *name, *ask;
	const char *want_why;
	struct oddns server;
} silences[] = {
	{"a question without an answer",      "silent-x.a.example",        "no answer in time",                     {0}             },
	{"a server that says nothing",        "x.a.example",               "no answer in time",                     {.mute = true}  },
	{"an answer with another id alone",   "onlywrongid-x.a.example",   "2 datagrams that answer nothing asked", {0}             },
	{"an answer from another port alone", "onlyotherport-x.a.example", "no answer in time",                     {0}             },
	{"garbage without an end",            "flood-x.a.example",         "datagrams that answer nothing asked",   {0}             },
	{"TCP that hangs",                    "tchang-x.a.example",        "does not answer over TCP in time",      {0}             },
	{"TCP where nobody listens",          "tc-x.a.example",            "Connection refused",                    {.no_tcp = true}},
};

static void
check_silence(void **state)
{
	const struct silent_row *r = *state;
	const struct lookup_answer *a;
	struct oddns o = r->server;
	struct lookup *l;
	int64_t began_ms = exchange_now_ms();

	oddns_open(&o);
	l = open_at(&o, SHORT_MS);
	a = settled(l, r->ask, RECORD_A);
	assert_int_equal(a->state, LOOKUP_SILENT);
	assert_non_null(strstr(a->why, r->want_why));
	assert_true(exchange_now_ms() - began_ms < 20 * SHORT_MS);
	lookup_drop(&l);
	oddns_close(&o);
}

static const struct whole_row {
	const char *name;
	struct oddns server;
	struct many questions;
	int64_t timeout_ms;
	enum lookup_state want; /* of each */
	size_t want_datagrams;  /* at most */
	int64_t want_ms;        /* at most */
} wholes[] = {
	{"a dead server costs its two tries once",
         {.mute = true},
         {.prefix = "x", .type = RECORD_A, .n = 3000},
         0,                                                                                                                     LOOKUP_SILENT,
         200,                                                                                                                                       2000         },
	{"TCP that hangs costs its time once",
         {0},
         {.prefix = "tchang-x", .type = RECORD_A, .n = 300},
         SHORT_MS,                                                                                                              LOOKUP_SILENT,
         300,                                                                                                                                       20 * SHORT_MS},
	{"many questions are all answered",
         {0},
         {.prefix = "x", .type = RECORD_TXT, .n = 4000},
         0,                                                                                                                     LOOKUP_FOUND,
         4100,                                                                                                                                      20000        },
	{"each datagram lost once is sent again, and the server lives",
         {0},
         {.prefix = "drop1-x", .type = RECORD_A, .n = 90},
         100,                                                                                                                   LOOKUP_FOUND,
         200,                                                                                                                                       20000        },
	{"the first datagrams of a run are lost",
         {.lose_first = 100},
         {.prefix = "x", .type = RECORD_A, .n = 1000},
         200,                                                                                                                   LOOKUP_FOUND,
         1200,                                                                                                                                      20000        },
	{"a server that is slow with each of them",
         {0},
         {.prefix = "slow-x", .type = RECORD_A, .n = 300},
         0,                                                                                                                     LOOKUP_FOUND,
         400,                                                                                                                                       20000        },
	{"all of them by TCP",					  {0}, {.prefix = "tc-x", .type = RECORD_A, .n = 300}, 0, LOOKUP_FOUND,  400, 20000        },
	{"all of them CNAMEs that are followed",
         {0},
         {.prefix = "to-x", .type = RECORD_A, .n = 500},
         0,                                                                                                                     LOOKUP_FOUND,
         1100,                                                                                                                                      20000        },
	{"a server that cannot read EDNS",
         {.no_edns = true},
         {.prefix = "x", .type = RECORD_A, .n = 500},
         0,                                                                                                                     LOOKUP_FOUND,
         700,                                                                                                                                       20000        },
	{"a server that cannot read EDNS, nor repeat the question",
         {.no_edns_raw = true},
         {.prefix = "x", .type = RECORD_A, .n = 500},
         0,                                                                                                                     LOOKUP_FOUND,
         700,                                                                                                                                       20000        },
};

static void
check_whole(void **state)
{
	const struct whole_row *r = *state;
	struct many m = r->questions;
	struct oddns o = r->server;
	struct lookup *l;
	int64_t began_ms = exchange_now_ms();

	oddns_open(&o);
	l = open_at(&o, r->timeout_ms);
	settle_many(l, &m);
	assert_int_equal(m.states[r->want], m.n);
	assert_true(o.datagrams <= r->want_datagrams);
	assert_true(o.at_once <= 100);
	assert_true(exchange_now_ms() - began_ms < r->want_ms);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__a_dead_server_is_not_asked_again(void **state)
{
	struct oddns o = {.mute = true};
	struct lookup *l;
	size_t asked;

	(void)state;
	oddns_open(&o);
	l = open_at(&o, SHORT_MS);
	assert_int_equal(settled(l, "x.a.example", RECORD_A)->state, LOOKUP_SILENT);
	asked = o.datagrams;
	assert_int_equal(asked, 2);
	assert_int_equal(settled(l, "y.a.example", RECORD_A)->state, LOOKUP_SILENT);
	assert_int_equal(settled_at(l, &o.at, "y.a.example", RECORD_A)->state, LOOKUP_SILENT);
	assert_int_equal(o.datagrams, asked);
	/* Until all is forgotten. */
	o.mute = false;
	lookup_forget(l);
	assert_int_equal(settled(l, "x.a.example", RECORD_A)->state, LOOKUP_FOUND);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__a_port_nobody_listens_on_costs_nothing(void **state)
{
	struct many m = {.prefix = "x", .type = RECORD_A, .n = 1000};
	struct oddns o = {0};
	struct lookup *l;
	int64_t began_ms;

	(void)state;
	oddns_open(&o);
	oddns_close(&o);
	l = open_at(&o, 20000);
	began_ms = exchange_now_ms();
	settle_many(l, &m);
	assert_int_equal(m.states[LOOKUP_SILENT], m.n);
	assert_non_null(strstr(settled(l, "x1.a.example", RECORD_A)->why, "Connection refused"));
	assert_true(exchange_now_ms() - began_ms < 5000);
	lookup_drop(&l);
}

static void
lookup__a_question_without_an_answer_does_not_condemn_its_server(void **state)
{
	struct oddns o = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	l = open_at(&o, SHORT_MS);
	assert_int_equal(settled(l, "x.a.example", RECORD_A)->state, LOOKUP_FOUND);
	assert_int_equal(settled(l, "silent-x.a.example", RECORD_A)->state, LOOKUP_SILENT);
	assert_int_equal(settled(l, "y.a.example", RECORD_A)->state, LOOKUP_FOUND);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__a_server_that_dies_on_the_way_costs_little(void **state)
{
	struct many m = {.prefix = "x", .type = RECORD_A, .n = 2000};
	struct oddns o = {.mute_after = 500};
	struct lookup *l;
	int64_t began_ms = exchange_now_ms();

	(void)state;
	oddns_open(&o);
	l = open_at(&o, 100);
	settle_many(l, &m);
	assert_int_equal(m.states[LOOKUP_FOUND], 500);
	assert_int_equal(m.states[LOOKUP_SILENT], 1500);
	assert_true(exchange_now_ms() - began_ms < 2000);
	lookup_drop(&l);
	oddns_close(&o);
}

static const struct trust_row {
	const char *name, *ask;
	bool recursive, at, want;
} trusts[] = {
	{"the word of a resolver on this machine is believed",   "x.a.example",        true,  false, true },
	{"not that of a server that was asked itself",           "x.a.example",        true,  true,  false},
	{"nothing is made of an answer without AD",              "x.a.example",        false, false, false},
	{"a chain over two answers has it from both",            "to-x.a.example",     true,  false, true },
	{"a chain of which one answer is not validated has not", "untold-x.a.example", true,  false, false},
};

static void
check_trust(void **state)
{
	const struct trust_row *r = *state;
	struct oddns o = {.recursive = r->recursive};
	const struct lookup_answer *a;
	struct lookup *l;

	oddns_open(&o);
	l = open_at(&o, 0);
	a = settled_at(l, r->at ? &o.at : NULL, r->ask, RECORD_A);
	assert_int_equal(a->state, LOOKUP_FOUND);
	assert_int_equal(a->authenticated, r->want);
	if (r->want)
		assert_false(a->authoritative);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__a_resolver_that_names_other_servers_has_looked(void **state)
{
	struct oddns o = {.recursive = true};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	l = open_at(&o, 0);
	assert_int_equal(settled(l, "referral-x.a.example", RECORD_A)->state, LOOKUP_EMPTY);
	assert_int_equal(settled_at(l, &o.at, "referral-x.a.example", RECORD_A)->state, LOOKUP_FAILED);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__strangers_are_told_only_until_a_reply_came(void **state)
{
	struct oddns o = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	l = open_at(&o, SHORT_MS);
	assert_int_equal(settled(l, "wrongid-x.a.example", RECORD_A)->state, LOOKUP_FOUND);
	assert_null(strstr(settled(l, "silent-x.a.example", RECORD_A)->why, "datagrams"));
	assert_non_null(strstr(settled(l, "onlywrongid-x.a.example", RECORD_A)->why, "datagrams"));
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__a_server_that_serves_is_authoritative(void **state)
{
	struct oddns o = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	l = open_at(&o, 0);
	assert_true(settled_at(l, &o.at, "x.a.example", RECORD_A)->authoritative);
	assert_true(settled_at(l, &o.at, "to-x.a.example", RECORD_A)->authoritative);
	assert_int_equal(settled_at(l, &o.at, "nxdomain-x.a.example", RECORD_A)->rcode, 3);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__a_target_is_asked_for_where_it_belongs(void **state)
{
	struct oddns here = {0}, there = {0}, nowhere = {.mute = true};
	struct err err = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&here);
	oddns_open(&there);
	oddns_open(&nowhere);
	l = open_at(&nowhere, SHORT_MS);
	assert_ok(lookup_route(l, "a.example", &here.at, false, &err), &err);
	assert_ok(lookup_route(l, "b.example", &there.at, false, &err), &err);
	assert_ok(lookup_nobody(l, "c.example", "there is nobody for it", &err), &err);
	assert_int_equal(settled(l, "to-x.b.example", RECORD_A)->chain.n, 1);
	assert_int_equal(there.datagrams, 2);
	/* By their own zones, whoever the alias was asked of. */
	assert_int_equal(settled_at(l, &here.at, "to-y.b.example", RECORD_A)->state, LOOKUP_FOUND);
	assert_int_equal(here.datagrams, 1);
	assert_int_equal(there.datagrams, 3);
	assert_int_equal(settled_at(l, &here.at, "to-z.c.example", RECORD_A)->state, LOOKUP_FAILED);
	assert_true(settled_at(l, &here.at, "to-z.c.example", RECORD_A)->nobody);
	assert_int_equal(settled_at(l, &here.at, "to-z.d.example", RECORD_A)->state, LOOKUP_SILENT);
	lookup_drop(&l);
	oddns_close(&here);
	oddns_close(&there);
	oddns_close(&nowhere);
}

static void
lookup__a_no_about_the_end_of_a_chain_is_doubted(void **state)
{
	struct oddns o = {0};
	struct err err = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	l = open_at(&o, 0);
	assert_ok(lookup_doubt(l, "x.a.example", "only a private server knows", &err), &err);
	assert_int_equal(settled(l, "gone-y.a.example", RECORD_A)->state, LOOKUP_NONAME);
	assert_int_equal(settled(l, "gone-x.a.example", RECORD_A)->state, LOOKUP_FAILED);
	assert_true(settled(l, "gone-x.a.example", RECORD_A)->nobody);
	assert_int_equal(settled(l, "gone-x.a.example", RECORD_A)->chain.n, 1);
	assert_int_equal(settled(l, "with-x.a.example", RECORD_A)->state, LOOKUP_FOUND);
	lookup_drop(&l);
	oddns_close(&o);
}

static const struct near_row {
	const char *name, *address;
	bool recursion, want;
} nears[] = {
	{"AD from 127.0.0.1 is believed",            "127.0.0.1",        true,  true },
	{"AD from 127.0.0.53 is believed",           "127.0.0.53",       true,  true },
	{"AD from ::1 is believed",                  "::1",              true,  true },
	{"AD from a server asked without recursion", "127.0.0.1",        false, false},
	{"AD from another machine is not",           "192.0.2.1",        true,  false},
	{"AD from 128.0.0.1 is not",                 "128.0.0.1",        true,  false},
	{"AD from another machine over IPv6 is not", "2001:db8::1",      true,  false},
	{"AD from a mapped address is not",          "::ffff:127.0.0.1", true,  false},
};

/* A reply with AD, by hand. */
static void
check_near(void **state)
{
	static const uint8_t tail[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	const struct near_row *r = *state;
	struct resolve_server server = {.port = 53};
	const struct lookup_asked asked = {
		.name = "a.example", .type = RECORD_A, .server = &server, .recursion = r->recursion};
	uint8_t reply[QUERY_MAX + sizeof(tail)];
	struct lookup_answer a = {0};
	struct name next;
	struct err err = {0};
	size_t len = query_build(&(struct query){.name = "a.example", .type = RECORD_A}, reply);
	bool follow = true;

	buf_copy_text(server.address, sizeof(server.address), r->address);
	memcpy(reply + len, tail, sizeof(tail));
	reply[2] = 0x80;
	reply[3] = 0x20;
	reply[7] = 1;
	assert_ok(lookup_reply_read(&asked, reply, len + sizeof(tail), &a, &follow, &next, &err), &err);
	assert_false(follow);
	assert_int_equal(a.state, LOOKUP_FOUND);
	assert_int_equal(a.authenticated, r->want);
	assert_false(a.authoritative);
	records_release(&a.records);
}

static void
lookup__without_a_resolver_only_routes_are_asked(void **state)
{
	struct lookup_settings s = {.known = false};
	struct lookup *l = NULL;
	struct err err = {0};
	struct oddns o = {0};

	(void)state;
	oddns_open(&o);
	assert_ok(lookup_open(&s, &l, &err), &err);
	assert_ok(lookup_route(l, "a.example", &o.at, false, &err), &err);
	assert_int_equal(settled(l, "x.a.example", RECORD_A)->state, LOOKUP_FOUND);
	assert_int_equal(settled(l, "x.b.example", RECORD_A)->state, LOOKUP_FAILED);
	assert_non_null(strstr(settled(l, "x.b.example", RECORD_A)->why, "no resolver"));
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__what_is_under_way_can_be_given_up(void **state)
{
	static const char *const prefixes[] = {"silent-x", "tchang-x", "slow-x", "to-x"};
	struct oddns other = {0};
	struct err err = {0};

	(void)state;
	oddns_open(&other);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct many m = {.prefix = prefixes[i], .type = RECORD_A, .n = 300};
		struct oddns o = {0};
		struct lookup *l;

		oddns_open(&o);
		l = open_at(&o, 0);
		assert_int_equal(settled(l, "y.a.example", RECORD_A)->state, LOOKUP_FOUND);
		/* Asked outside of a check, and under way once one waits for another. */
		assert_ok(ask_many(l, &m, &err), &err);
		assert_int_equal(m.states[LOOKUP_PENDING], m.n);
		assert_int_equal(settled_at(l, &other.at, "y.a.example", RECORD_A)->state, LOOKUP_FOUND);
		lookup_forget(l);
		assert_ok(ask_many(l, &m, &err), &err);
		assert_int_equal(m.states[LOOKUP_PENDING], m.n);
		assert_int_equal(settled_at(l, &other.at, "y.a.example", RECORD_A)->state, LOOKUP_FOUND);
		assert_true(lookup_sent(l) > 100);
		lookup_drop(&l);
		oddns_close(&o);
	}
	oddns_close(&other);
}

/* More servers than sockets: nobody answers at these addresses, and none is forgotten. */
static int
ask_everywhere(struct lookup *l, void *arg, struct err *err)
{
	const struct resolve_server *first = arg;
	size_t silent = 0;

	for (unsigned i = 0; i < 900; i++) {
		struct resolve_server at = {.port = first->port};
		enum lookup_state state;

		(void)snprintf(at.address, sizeof(at.address), "127.1.%u.%u", i / 250, i % 250 + 1);
		state = lookup_ask_at(l, i % 3 == 0 ? first : &at, i % 3 == 0 ? "x.a.example" : "y.a.example", RECORD_A)
		                ->state;
		silent += state == LOOKUP_SILENT;
		if (state == LOOKUP_PENDING)
			return CR_OK;
	}
	return silent == 600 ? CR_OK : err_set(err, CR_EBUG, "%zu servers are silent", silent);
}

static void
lookup__more_servers_than_sockets_take_their_turn(void **state)
{
	struct rlimit files, few;
	struct err err = {0};
	struct oddns o = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	few = (struct rlimit){.rlim_cur = 40, .rlim_max = files.rlim_max};
	l = open_at(&o, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_ok(lookup_settle_one(l, ask_everywhere, &o.at, &err), &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	lookup_drop(&l);
	oddns_close(&o);
}

static void
lookup__no_socket_at_all_is_said(void **state)
{
	struct one one = {.name = "x.a.example", .type = RECORD_A};
	struct rlimit files, none;
	struct err err = {0};
	struct oddns o = {0};
	struct lookup *l;

	(void)state;
	oddns_open(&o);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = files.rlim_max};
	l = open_at(&o, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(lookup_settle_one(l, ask_one, &one, &err), CR_EIO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_non_null(strstr(err.text, "socket"));
	/* And it can go on. */
	assert_int_equal(settled(l, "x.a.example", RECORD_A)->state, LOOKUP_FOUND);
	lookup_drop(&l);
	oddns_close(&o);
}

/* Memory that is not there: the n-th wish for it fails.  Not under the address sanitizer, which has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static _Thread_local long wishes_left = -1; /* of this thread: the server's are granted */

static bool
refused(void)
{
	return wishes_left > 0 && --wishes_left == 0;
}

/* In the C library's place, as are the two below. */
void *
malloc(size_t size) /* NOLINT(readability-redundant-declaration) */
{
	return refused() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size) /* NOLINT(readability-redundant-declaration) */
{
	return refused() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size) /* NOLINT(readability-redundant-declaration) */
{
	return refused() ? NULL : __libc_realloc(p, size);
}

static int
ask_three(struct lookup *l, void *arg, struct err *err)
{
	size_t *found = arg;

	(void)err;
	*found = lookup_ask(l, "to-x.a.example", RECORD_A)->state == LOOKUP_FOUND;
	*found += lookup_ask(l, "tc-y.a.example", RECORD_TXT)->state == LOOKUP_FOUND;
	*found += lookup_ask(l, "z.a.example", RECORD_A)->state == LOOKUP_FOUND;
	return CR_OK;
}

static int
open_and_ask(const struct oddns *o, size_t *found, struct err *err)
{
	struct lookup_settings s = {.resolver = o->at, .known = true, .recursion = true};
	struct lookup *l = NULL;
	int rc = lookup_open(&s, &l, err);

	if (rc == CR_OK)
		rc = lookup_settle_one(l, ask_three, found, err);
	lookup_drop(&l);
	return rc;
}

static void
lookup__says_when_memory_is_out(void **state)
{
	struct oddns o = {0};
	struct err err = {0};
	size_t found = 0;
	long said = 0;
	bool met = true;

	(void)state;
	oddns_open(&o);
	assert_ok(open_and_ask(&o, &found, &err), &err);
	assert_int_equal(found, 3);
	for (long n = 1; met; n++) {
		int rc;

		wishes_left = n;
		rc = open_and_ask(&o, &found, &err);
		met = wishes_left == 0;
		wishes_left = -1;
		assert_true(rc == CR_OK || rc == CR_ENOMEM);
		assert_true(rc != CR_OK || found == 3);
		said += rc != CR_OK;
	}
	assert_true(said > 20);
	oddns_close(&o);
}
#endif

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, answers, check_answer);
	ROWS(tests, n, silences, check_silence);
	ROWS(tests, n, wholes, check_whole);
	ROWS(tests, n, trusts, check_trust);
	ROWS(tests, n, nears, check_near);
	TEST(tests, n, lookup__a_no_about_the_end_of_a_chain_is_doubted);
	TEST(tests, n, lookup__a_resolver_that_names_other_servers_has_looked);
	TEST(tests, n, lookup__strangers_are_told_only_until_a_reply_came);
	TEST(tests, n, lookup__a_server_that_serves_is_authoritative);
	TEST(tests, n, lookup__a_dead_server_is_not_asked_again);
	TEST(tests, n, lookup__a_port_nobody_listens_on_costs_nothing);
	TEST(tests, n, lookup__a_question_without_an_answer_does_not_condemn_its_server);
	TEST(tests, n, lookup__a_server_that_dies_on_the_way_costs_little);
	TEST(tests, n, lookup__a_target_is_asked_for_where_it_belongs);
	TEST(tests, n, lookup__without_a_resolver_only_routes_are_asked);
	TEST(tests, n, lookup__what_is_under_way_can_be_given_up);
	TEST(tests, n, lookup__more_servers_than_sockets_take_their_turn);
	TEST(tests, n, lookup__no_socket_at_all_is_said);
#ifndef __SANITIZE_ADDRESS__
	TEST(tests, n, lookup__says_when_memory_is_out);
#endif
	return rows_run("dns/lookup_live", tests, n);
}
