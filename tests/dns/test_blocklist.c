/*
 * test_blocklist.c - what blocklist.h promises: an error is no listing, silence is no acquittal, a key is nobody's business.
 */
#include "tests/dns/checks.h"
#include "tests/lib/cases.h"

#include "dns/blocklist.h"
#include "dns/blocklist_codes.h"

/* An answer: addresses between blanks, or one of the words of answer_read. */
static void
answer_read(const char *text, struct lookup_answer *out)
{
	char copy[256], *save = NULL;
	struct err err = {0};

	*out = (struct lookup_answer){.state = LOOKUP_FOUND};
	if (strcmp(text, "nxdomain") == 0)
		out->state = LOOKUP_NONAME;
	else if (strcmp(text, "nodata") == 0)
		out->state = LOOKUP_EMPTY;
	else if (strcmp(text, "timeout") == 0)
		out->state = LOOKUP_SILENT;
	else if (strcmp(text, "servfail") == 0)
		out->state = LOOKUP_FAILED;
	if (lookup_is_trouble(out))
		(void)snprintf(out->why, sizeof(out->why), "no answer for s3cretkey.zen.dq.spamhaus.net");
	if (out->state != LOOKUP_FOUND)
		return;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		assert_ok(records_add(&out->records, "x.example", RECORD_A, 60, word, &err), &err);
}

static void
join_lists(const struct blocklist_verdict *v, struct buf *out)
{
	for (size_t i = 0; i < v->n; i++)
		buf_addf(out, "%s%s", i > 0 ? " " : "", v->lists[i]);
}

static const struct row {
	const char *name, *zone, *answer;
	enum blocklist_status want;
	const char *lists, *why;
} rows[] = {
	{"no such name",				       "zen.spamhaus.org",              "nxdomain",                                 BLOCKLIST_CLEAN,   "",               ""                             },
	{"no data",					    "zen.spamhaus.org",              "nodata",                                   BLOCKLIST_CLEAN,   "",               ""                             },
	{"silence",					    "zen.spamhaus.org",              "timeout",                                  BLOCKLIST_UNKNOWN, "",               "no answer"                    },
	{"servfail",					   "zen.spamhaus.org",              "servfail",                                 BLOCKLIST_UNKNOWN, "",               "no answer"                    },
	{"SBL",						"zen.spamhaus.org",              "127.0.0.2",                                BLOCKLIST_LISTED,  "SBL",            ""                             },
	{"XBL has four codes and one name",                    "zen.spamhaus.org",              "127.0.0.4 127.0.0.5 127.0.0.6 127.0.0.7",
         BLOCKLIST_LISTED,																     "XBL",            ""                             },
	{"lists are sorted",				   "zen.spamhaus.org",              "127.0.0.2 127.0.0.11 127.0.0.9 127.0.0.3", BLOCKLIST_LISTED,
         "CSS DROP PBL SBL",																		     ""                             },
	{"a code that is not known is a listing and is named", "zen.spamhaus.org",              "127.0.0.8 127.0.0.2",
         BLOCKLIST_LISTED,																     "SBL unknown",    "127.0.0.8"                    },
	{"a typing error in the list's name",                  "zen.spamhaus.org",              "127.255.255.252",                          BLOCKLIST_UNKNOWN, "",               "mistyped"                     },
	{"a public resolver",				  "zen.spamhaus.org",              "127.255.255.254",                          BLOCKLIST_UNKNOWN, "",               "public resolvers"             },
	{"too many questions",				 "zen.spamhaus.org",              "127.255.255.255",                          BLOCKLIST_UNKNOWN, "",               "too much"                     },
	{"an error code nobody knows",                         "zen.spamhaus.org",              "127.255.255.7",                            BLOCKLIST_UNKNOWN, "",               "error code"                   },
	{"an error beside a listing",                          "zen.spamhaus.org",              "127.0.0.2 127.255.255.254",                BLOCKLIST_UNKNOWN, "",
         "public resolvers"																						     },
	{"127.0.0.1 is no code",                               "zen.spamhaus.org",              "127.0.0.1",                                BLOCKLIST_UNKNOWN, "",               "no code"                      },
	{"127.0.0.0 is no code",                               "zen.spamhaus.org",              "127.0.0.0",                                BLOCKLIST_UNKNOWN, "",               "no code"                      },
	{"an answer outside 127/8",                            "zen.spamhaus.org",              "192.0.2.1",                                BLOCKLIST_UNKNOWN, "",               "192.0.2.1 is outside"         },
	{"an answer outside 127/8 beside a listing",           "zen.spamhaus.org",              "127.0.0.2 192.0.2.1",                      BLOCKLIST_UNKNOWN, "",
         "192.0.2.1 is outside"																						 },
	{"128.0.0.2 is outside",                               "zen.spamhaus.org",              "128.0.0.2",                                BLOCKLIST_UNKNOWN, "",               "outside"                      },
	{"upper case and a final dot",                         "ZEN.Spamhaus.org.",             "127.0.0.3",                                BLOCKLIST_LISTED,  "CSS",            ""                             },
	{"a key in front of the zone",                         "s3cretkey.zen.dq.spamhaus.net", "127.0.0.3",                                BLOCKLIST_LISTED,  "CSS",            ""                             },
	{"a name that ends like a known one",                  "notzen.spamhaus.org",           "127.0.0.3",                                BLOCKLIST_LISTED,  "unknown",        ""                             },
	{"DBL, spam",					  "dbl.spamhaus.org",              "127.0.1.2",                                BLOCKLIST_LISTED,  "spam",           ""                             },
	{"DBL, abused",					"dbl.spamhaus.org",              "127.0.1.104",                              BLOCKLIST_LISTED,  "abused-phish",   ""                             },
	{"DBL was asked for an address",                       "dbl.spamhaus.org",              "127.0.1.255",                              BLOCKLIST_UNKNOWN, "",
         "asked for an address"																						 },
	{"DBL with a code of another list",                    "dbl.spamhaus.org",              "127.0.0.2",                                BLOCKLIST_LISTED,  "unknown",        "127.0.0.2"                    },
	{"ZRD, two hours",				     "k.zrd.dq.spamhaus.net",         "127.0.2.2",                                BLOCKLIST_LISTED,  "fresh",          ""                             },
	{"ZRD, a day",					 "k.zrd.dq.spamhaus.net",         "127.0.2.24",                               BLOCKLIST_LISTED,  "fresh",          ""                             },
	{"ZRD, past a day",				    "k.zrd.dq.spamhaus.net",         "127.0.2.25",                               BLOCKLIST_LISTED,  "unknown",        ""                             },
	{"ZRD was asked for an address",                       "k.zrd.dq.spamhaus.net",         "127.0.2.255",                              BLOCKLIST_UNKNOWN, "",
         "asked for an address"																						 },
	{"SURBL, two bits",				    "multi.surbl.org",               "127.0.0.80",                               BLOCKLIST_LISTED,  "ABUSE MW",       ""                             },
	{"SURBL, all bits",				    "multi.surbl.org",               "127.0.0.216",                              BLOCKLIST_LISTED,  "ABUSE CR MW PH", ""                             },
	{"SURBL blocks",				       "multi.surbl.org",               "127.0.0.1",                                BLOCKLIST_UNKNOWN, "",               "does not answer this resolver"},
	{"SURBL blocks, with other bits",                      "multi.surbl.org",               "127.0.0.65",                               BLOCKLIST_UNKNOWN, "",               "does not answer"              },
	{"SURBL, a bit that is not known",                     "multi.surbl.org",               "127.0.0.66",                               BLOCKLIST_LISTED,  "ABUSE unknown",
         "127.0.0.66"																							   },
	{"SURBL, no bit",				      "multi.surbl.org",               "127.0.0.0",                                BLOCKLIST_UNKNOWN, "",               "no code"                      },
	{"URIBL, black and red",                               "multi.uribl.com",               "127.0.0.10",                               BLOCKLIST_LISTED,  "black red",      ""                             },
	{"URIBL, grey",					"multi.uribl.com",               "127.0.0.4",                                BLOCKLIST_LISTED,  "grey",           ""                             },
	{"URIBL blocks",				       "multi.uribl.com",               "127.0.0.1",                                BLOCKLIST_UNKNOWN, "",               "does not answer"              },
	{"URIBL, 255",					 "multi.uribl.com",               "127.0.0.255",                              BLOCKLIST_UNKNOWN, "",               "does not answer"              },
	{"Barracuda",					  "b.barracudacentral.org",        "127.0.0.2",                                BLOCKLIST_LISTED,  "BRBL",           ""                             },
	{"SpamCop",					    "bl.spamcop.net",                "127.0.0.2",                                BLOCKLIST_LISTED,  "SCBL",           ""                             },
	{"Mailspike, worst",				   "rep.mailspike.net",             "127.0.0.10",                               BLOCKLIST_LISTED,  "worst",          ""                             },
	{"Mailspike, bad",				     "rep.mailspike.net",             "127.0.0.12",                               BLOCKLIST_LISTED,  "bad",            ""                             },
	{"Mailspike, neutral",				 "rep.mailspike.net",             "127.0.0.13",                               BLOCKLIST_CLEAN,   "",               ""                             },
	{"Mailspike, good",				    "rep.mailspike.net",             "127.0.0.20",                               BLOCKLIST_CLEAN,   "",               ""                             },
	{"Mailspike, bad beside neutral",                      "rep.mailspike.net",             "127.0.0.14 127.0.0.11",                    BLOCKLIST_LISTED,  "very-bad",
         ""																								     },
	{"Sender Score",				       "bl.score.senderscore.com",      "127.0.0.4",                                BLOCKLIST_LISTED,  "RPBL",           ""                             },
	{"invaluement",					"sip.invaluement.com",           "127.0.0.2",                                BLOCKLIST_LISTED,  "ivmSIP",         ""                             },
	{"a list that is not known",                           "bl.example",                    "127.0.0.2",                                BLOCKLIST_LISTED,  "unknown",        "127.0.0.2"                    },
	{"a list that is not known, another network",          "bl.example",                    "127.9.8.1",                                BLOCKLIST_LISTED,  "unknown",
         "127.9.8.1"																							    },
	{"a list that is not known, 127.0.0.1",                "bl.example",                    "127.0.0.1",                                BLOCKLIST_UNKNOWN, "",               "no code"                      },
	{"a list that is not known, error",                    "bl.example",                    "127.255.255.254",                          BLOCKLIST_UNKNOWN, "",               "public resolvers"             },
	{"SORBS is closed",				    "dnsbl.sorbs.net",               "127.0.0.2",                                BLOCKLIST_UNKNOWN, "",               "closed in June 2024"          },
	{"and not clean either",                               "dnsbl.sorbs.net",               "nxdomain",                                 BLOCKLIST_UNKNOWN, "",               "closed in June 2024"          },
	{"a zone that is no name",                             "bl..example",                   "127.0.0.2",                                BLOCKLIST_LISTED,  "unknown",        ""                             },
};

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct blocklist b = {.zone = r->zone, .key = "s3cretkey"};
	struct blocklist_verdict v;
	struct lookup_answer a;
	struct buf lists = {0};

	answer_read(r->answer, &a);
	blocklist_judge(&b, &a, &v);
	assert_string_equal(blocklist_status_name(v.status), blocklist_status_name(r->want));
	join_lists(&v, &lists);
	assert_string_equal(buf_str(&lists), r->lists);
	assert_non_null(strstr(v.why, r->why));
	assert_int_equal(v.why[0] != '\0', r->want == BLOCKLIST_UNKNOWN || strstr(r->lists, "unknown") != NULL);
	assert_null(strstr(v.why, "s3cret"));
	assert_int_equal(v.mild, strcmp(r->lists, "fresh") == 0 || strcmp(r->lists, "grey") == 0);
	buf_release(&lists);
	records_release(&a.records);
}

static const struct name_row {
	const char *name;
	struct blocklist list;
	const char *target, *want; /* NULL: refused */
} names[] = {
	{"IPv4",				  {"bl.example", NULL, BLOCKLIST_IP},                              "192.0.2.10",   "10.2.0.192.bl.example"                                                     },
	{"IPv6",
         {"bl.example", NULL, BLOCKLIST_IP},
         "2001:db8::25",                                                                                                           "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example"},
	{"domain",				{"dbl.example", NULL, BLOCKLIST_DOMAIN},                         "Out.Example.", "out.example.dbl.example"                                                   },
	{"domain in U-labels",
         {"dbl.example", NULL, BLOCKLIST_DOMAIN},
         "b\303\274cher.example",                                                                                                  "xn--bcher-kva.example.dbl.example"                                         },
	{"key in front of the zone",
         {"zen.dq.spamhaus.net", "s3cretkey", BLOCKLIST_IP},
         "192.0.2.10",                                                                                                             "10.2.0.192.s3cretkey.zen.dq.spamhaus.net"                                  },
	{"an empty key is none",                  {"bl.example", "", BLOCKLIST_IP},                                "192.0.2.10",   "10.2.0.192.bl.example"                                                     },
	{"SURBL has registrable domains",
         {"multi.surbl.org", NULL, BLOCKLIST_DOMAIN},
         "mail.out.example.co.uk",                                                                                                 "example.co.uk.multi.surbl.org"					     },
	{"DBL has hosts too",
         {"dbl.spamhaus.org", NULL, BLOCKLIST_DOMAIN},
         "mail.out.example",                                                                                                       "mail.out.example.dbl.spamhaus.org"                                         },
	{"an address for a list of domains",      {"dbl.example", NULL, BLOCKLIST_DOMAIN},                         "192.0.2.10",   NULL                                                                        },
	{"an IPv6 address for a list of domains", {"dbl.example", NULL, BLOCKLIST_DOMAIN},                         "2001:db8::1",  NULL                                                                        },
	{"a domain for a list of addresses",      {"bl.example", NULL, BLOCKLIST_IP},                              "out.example",  NULL                                                                        },
	{"the root",			      {"dbl.example", NULL, BLOCKLIST_DOMAIN},                         ".",            NULL									},
	{"no zone",			       {"", NULL, BLOCKLIST_IP},                                        "192.0.2.10",   NULL									},
	{"a zone that is no name",                {"bl..example", NULL, BLOCKLIST_IP},                             "192.0.2.10",   NULL                                                                        },
	{"a key with a dot",                      {"bl.example", "s3cret.key", BLOCKLIST_IP},                      "192.0.2.10",   NULL                                                                        },
	{"a key that is too long",
         {"bl.example", "s3cretkeys3cretkeys3cretkeys3cretkeys3cretkeys3cretkeys3cretkeys3cretkey", BLOCKLIST_IP},
         "192.0.2.10",                                                                                                             NULL									},
	{"a name that is too long",
         {"zen.dq.spamhaus.net", "s3cretkeys3cretkey", BLOCKLIST_DOMAIN},
         "a123456789012345678901234567890123456789012345678901234567890."
         "a12345678901234567890123456789012345678901234567890."
         "a123456789012345678901234567890123456789012345678901234567890.a1234567890123456789012345678901234567890."
         "example",                                                                                                                NULL									},
};

static void
check_name(void **state)
{
	const struct name_row *r = *state;
	struct err err = {0};
	struct name got;

	if (r->want == NULL) {
		assert_int_equal(blocklist_name(&r->list, r->target, &got, &err), CR_EPARSE);
		assert_null(strstr(err.text, "s3cret"));
		return;
	}
	assert_ok(blocklist_name(&r->list, r->target, &got, &err), &err);
	assert_string_equal(got.text, r->want);
}

struct ask {
	struct blocklist list;
	const char *target;
	enum blocklist_health health;
	struct blocklist_verdict verdict;
	struct findings findings;
};

static int
run_selftest(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	findings_release(&a->findings);
	return blocklist_selftest(l, &a->list, &a->health, err);
}

static int
run_check(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	findings_release(&a->findings);
	return blocklist_check(l, &a->list, a->target, &a->verdict, &a->findings, err);
}

#define YES "'2.0.0.127.bl.example': {'A': ['127.0.0.2']}"
#define V6  ".0.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example': {'A': ['127.0.0.2']}"

static const struct health_row {
	const char *name, *zone;
	struct blocklist list;
	enum blocklist_health want;
} healths[] = {
	{"working",			    "{" YES "}",							  {"bl.example", NULL, BLOCKLIST_IP},           BLOCKLIST_WORKING},
	{"empty",			      "{}",								 {"bl.example", NULL, BLOCKLIST_IP},           BLOCKLIST_DEAD   },
	{"lists everything",
         "{" YES ", '1.0.0.127.bl.example': {'A': ['127.0.0.2']}}",
         {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_WILDCARD																			 },
	{"parked: one address for everything",
         "{'2.0.0.127.bl.example': {'A': ['192.0.2.1']}, '1.0.0.127.bl.example': {'A': ['192.0.2.1']}}",             {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_WILDCARD																			 },
	{"lists the wrong one alone",
         "{'1.0.0.127.bl.example': {'A': ['127.0.0.2']}}",                                                           {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_WILDCARD																			 },
	{"answers nonsense",
         "{'2.0.0.127.bl.example': {'A': ['192.0.2.1']}}",                                                           {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_DEAD																			     },
	{"refuses",
         "{'2.0.0.127.bl.example': {'A': ['127.255.255.254']}}",                                                     {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_BLOCKED																			  },
	{"refuses everything",
         "{'2.0.0.127.bl.example': {'A': ['127.255.255.255']}, '1.0.0.127.bl.example': {'A': ['127.255.255.255']}}", {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_BLOCKED																			  },
	{"silent",
         "{'2.0.0.127.bl.example': {'TIMEOUT': true}, '1.0.0.127.bl.example': {'TIMEOUT': true}}",                   {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_UNREACHABLE																		      },
	{"silent on one of the two",
         "{" YES ", '1.0.0.127.bl.example': {'TIMEOUT': true}}",
         {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_UNREACHABLE																		      },
	{"servfail",
         "{'2.0.0.127.bl.example': {'RCODE': 2}}",                                                                   {"bl.example", NULL, BLOCKLIST_IP},
         BLOCKLIST_UNREACHABLE																		      },
	{"domains, working",
         "{'test.dbl.example': {'A': ['127.0.0.2']}}",                                                               {"dbl.example", NULL, BLOCKLIST_DOMAIN},
         BLOCKLIST_WORKING																			  },
	{"domains, everything",
         "{'test.dbl.example': {'A': ['127.0.0.2']}, 'invalid.dbl.example': {'A': ['127.0.0.2']}}",                  {"dbl.example", NULL, BLOCKLIST_DOMAIN},
         BLOCKLIST_WILDCARD																			 },
	{"domains, dead",                      "{}",								 {"dbl.example", NULL, BLOCKLIST_DOMAIN},      BLOCKLIST_DEAD   },
	{"DBL has a test entry of its own",
         "{'dbltest.com.dbl.spamhaus.org': {'A': ['127.0.1.2']}}",                                                   {"dbl.spamhaus.org", NULL, BLOCKLIST_DOMAIN},
         BLOCKLIST_WORKING																			  },
	{"so has URIBL",
         "{'2.0.0.127.multi.uribl.com': {'A': ['127.0.0.14']}}",                                                     {"multi.uribl.com", NULL, BLOCKLIST_DOMAIN},
         BLOCKLIST_WORKING																			  },
	{"which blocks there",
         "{'2.0.0.127.multi.uribl.com': {'A': ['127.0.0.1']}}",                                                      {"multi.uribl.com", NULL, BLOCKLIST_DOMAIN},
         BLOCKLIST_BLOCKED																			  },
	{"so has SURBL, two of them",
         "{'2.0.0.127.multi.surbl.org': {'A': ['127.0.0.216']}}",                                                    {"multi.surbl.org", NULL, BLOCKLIST_DOMAIN},
         BLOCKLIST_WORKING																			  },
	{"under a key",
         "{'2.0.0.127.k7.zen.dq.spamhaus.net': {'A': ['127.0.0.2']}}",                                               {"zen.dq.spamhaus.net", "k7", BLOCKLIST_IP},
         BLOCKLIST_WORKING																			  },
};

static void
check_health(void **state)
{
	const struct health_row *r = *state;
	struct ask ask = {.list = r->list};
	struct check check = {.run = run_selftest, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json(r->zone);
	struct err err = {0};
	struct zonetable t;

	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_string_equal(blocklist_health_name(ask.health), blocklist_health_name(r->want));
	zonetable_close(&t);
	free(json);
}

static const struct check_row {
	const char *name, *zone;
	struct blocklist list;
	const char *target;
	enum blocklist_status want;
	const char *said, *text; /* a part of it */
} checks[] = {
	{"clean",				       "{" YES "}",					       {"bl.example", NULL, BLOCKLIST_IP},                    "192.0.2.10", BLOCKLIST_CLEAN,   "", ""                                                                         },
	{"listed",
         "{" YES ", '10.2.0.192.bl.example': {'A': ['127.0.0.2']}}",
         {"bl.example", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_LISTED,
         "fail blocklist-listed",                                                                                                                                                                              "192.0.2.10 is listed by bl.example: unknown (code 127.0.0.2 is not known)"},
	{"a dead list acquits nobody",
         "{}",                                                                                                     {"bl.example", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-dead",                                                                                                                                                                             "127.0.0.2 is missing"						     },
	{"a list of everything condemns nobody",
         "{" YES ", '1.0.0.127.bl.example': {'A': ['127.0.0.2']}, '10.2.0.192.bl.example': {'A': ['127.0.0.2']}}",
         {"bl.example", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-wildcard",                                                                                                                                                                         "answers even for 127.0.0.1"					       },
	{"a list that refuses",
         "{'2.0.0.127.bl.example': {'A': ['127.255.255.254']}}",                                                   {"bl.example", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-blocked",                                                                                                                                                                          "public resolvers"							 },
	{"a silent list",
         "{'2.0.0.127.bl.example': {'TIMEOUT': true}}",                                                            {"bl.example", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-unreachable",                                                                                                                                                                      "no answer in time"							},
	{"a list that fails after its self-test",
         "{" YES ", '10.2.0.192.bl.example': {'RCODE': 2}}",
         {"bl.example", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-unknown",                                                                                                                                                                          "code 2"								   },
	{"a fresh domain is a warning",
         "{'test.k7.zrd.dq.spamhaus.net': {'A': ['127.0.2.2']}, 'out.example.k7.zrd.dq.spamhaus.net': {'A': "
         "['127.0.2.3']}}",                                                                                        {"zrd.dq.spamhaus.net", "k7", BLOCKLIST_DOMAIN},
         "out.example",                                                                                                                                                                 BLOCKLIST_LISTED,
         "warn blocklist-listed",                                                                                                                                                                              "out.example is listed by zrd.dq.spamhaus.net: fresh"                      },
	{"a closed list is named and not asked",
         "{}",                                                                                                     {"dnsbl.sorbs.net", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "warn blocklist-closed",                                                                                                                                                                              "dnsbl.sorbs.net was closed in June 2024: take it out of the configuration"},
	{"a list without IPv6 acquits no IPv6 address",
         "{" YES "}",
         {"bl.example", NULL, BLOCKLIST_IP},
         "2001:db8::25",                                                                                                                                                                BLOCKLIST_UNKNOWN,
         "unknown blocklist-ipv6",                                                                                                                                                                             "IPv4 only"								},
	{"a list with IPv6 does",
         "{" YES ", '2" V6 "}",
         {"bl.example", NULL, BLOCKLIST_IP},
         "2001:db8::25",                                                                                                                                                                BLOCKLIST_CLEAN,
         "",                                                                                                                                                                                                   ""									 },
	{"a list known for IPv6 is tested as ever",
         "{'2.0.0.127.zen.spamhaus.org': {'A': ['127.0.0.2']}}",                                                   {"zen.spamhaus.org", NULL, BLOCKLIST_IP},
         "2001:db8::25",                                                                                                                                                                BLOCKLIST_CLEAN,
         "",                                                                                                                                                                                                   ""									 },
	{"an alias in a circle tells no key",
         "{'2.0.0.127.s3cretkey.zen.dq.spamhaus.net': {'CNAME': ['2.0.0.127.s3cretkey.zen.dq.spamhaus.net']}}",    {"zen.dq.spamhaus.net", "s3cretkey", BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-unreachable",                                                                                                                                                                      "KEY.zen.dq.spamhaus.net"						  },
	{"nor one in front of the zone",
         "{'2.0.0.127.s3cretkey.zen.dq.spamhaus.net': {'CNAME': ['2.0.0.127.s3cretkey.zen.dq.spamhaus.net']}}",    {"S3cretKey.zen.dq.spamhaus.net", NULL, BLOCKLIST_IP},
         "192.0.2.10",                                                                                                                                                                  BLOCKLIST_UNKNOWN,
         "unknown blocklist-unreachable",                                                                                                                                                                      "zen.dq.spamhaus.net does not say whether 192.0.2.10 is listed"            },
};

static void
check_check(void **state)
{
	const struct check_row *r = *state;
	struct ask ask = {.list = r->list, .target = r->target};
	struct check check = {.run = run_check, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json(r->zone);
	struct err err = {0};
	struct zonetable t;

	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_string_equal(blocklist_status_name(ask.verdict.status), blocklist_status_name(r->want));
	checks_said(&ask.findings, r->said);
	for (size_t i = 0; i < ask.findings.n; i++) {
		assert_non_null(strstr(ask.findings.items[i].text, r->text));
		assert_null(strcasestr(ask.findings.items[i].text, "s3cret"));
	}
	assert_null(strcasestr(ask.verdict.why, "s3cret"));
	if (strcmp(r->said, "warn blocklist-closed") == 0)
		assert_int_equal(t.n_asked, 0);
	findings_release(&ask.findings);
	zonetable_close(&t);
	free(json);
}

/* The questions of a self-test are asked once, and the target's only once the list is believed. */
static void
blocklist__one_self_test_serves_a_run(void **state)
{
	struct ask asks[3] = {{.target = "192.0.2.1"}, {.target = "192.0.2.2"}, {.target = "192.0.2.3"}};
	struct lookup_job jobs[3];
	char *json = checks_json("{" YES "}");
	struct err err = {0};
	struct zonetable t;
	struct lookup *l;

	(void)state;
	zonetable_open(json, &t);
	l = zonetable_lookup(&t, true);
	for (size_t i = 0; i < 3; i++) {
		asks[i].list = (struct blocklist){"bl.example", NULL, BLOCKLIST_IP};
		jobs[i] = (struct lookup_job){.run = run_check, .arg = &asks[i]};
	}
	assert_ok(lookup_settle(l, jobs, 3, NULL, NULL, &err), &err);
	assert_int_equal(t.n_asked, 5);
	assert_string_equal(t.asked[0][0] == 'A' ? t.asked[0] + 3 : "", ".0.0.127.bl.example");
	for (size_t i = 0; i < 2; i++)
		assert_non_null(strstr(t.asked[i], ".0.0.127.bl.example"));
	lookup_drop(&l);
	zonetable_close(&t);
	free(json);
}

static void
blocklist__the_public_name_has_no_key(void **state)
{
	struct blocklist b = {.zone = "S3cretKey.ZEN.dq.spamhaus.net."};
	struct name zone;

	(void)state;
	blocklist_zone(&b, &zone);
	assert_string_equal(zone.text, "zen.dq.spamhaus.net");
	b.zone = "bl.example";
	blocklist_zone(&b, &zone);
	assert_string_equal(zone.text, "bl.example");
	assert_null(blocklist_closed(&b));
	b.zone = "safe.dnsbl.sorbs.net";
	assert_non_null(blocklist_closed(&b));
}

/* A reason that was cut off in the middle of the key. */
static void
blocklist__half_a_key_is_hidden_too(void **state)
{
	struct blocklist b = {.zone = "zen.dq.spamhaus.net", .key = "s3cretkey"};
	struct lookup_answer a = {.state = LOOKUP_FAILED, .why = "nobody answers for 2.0.0.127.s3cret"};
	struct blocklist_verdict v;

	(void)state;
	blocklist_judge(&b, &a, &v);
	assert_string_equal(v.why, "nobody answers for 2.0.0.127.KEY");
}

/* "ip" and "domain" are the targets of names; "answer" and "answer_..." are what a question is answered with. */
static void
case_answer(const struct json_at *at, const char *key, struct lookup_answer *out)
{
	struct json_at answer = json_get(at, key);
	struct buf words = {0};
	struct err err = {0};
	const char *text = case_text(at, key);

	for (size_t i = 0; text == NULL && i < json_count(&answer); i++) {
		struct json_at one = json_item(&answer, i);
		const char *address = NULL;

		assert_ok(json_want_string(&one, &address, &err), &err);
		buf_addf(&words, "%s%s", i > 0 ? " " : "", address);
	}
	answer_read(text != NULL ? text : buf_str(&words), out);
	buf_release(&words);
}

/* The table of a labelled self-test: what stands behind "answer_" is what is asked for. */
static int
case_table(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
           struct err *err)
{
	const struct one_case *c = ctx;
	const char *zone = case_text(&c->at, "zone");
	char key[128];

	(void)at;
	(void)type;
	(void)err;
	(void)snprintf(key, sizeof(key), "answer_%.*s", (int)(strlen(name) - strlen(zone) - 1), name);
	if (case_has(&c->at, key))
		case_answer(&c->at, key, out);
	else
		out->state = LOOKUP_NONAME;
	return CR_OK;
}

static void
check_selftest_case(const struct one_case *c)
{
	struct ask ask = {.list = {.zone = case_text(&c->at, "zone")}};
	struct err err = {0};

	if (case_has(&c->at, "answer_test") || case_has(&c->at, "answer_TEST"))
		ask.list.kind = BLOCKLIST_DOMAIN;
	for (int late = 0; late < 2; late++) {
		struct lookup *l = NULL;
		struct one_case copy = *c;

		assert_ok(lookup_open_table(case_table, &copy, late != 0, &l, &err), &err);
		assert_ok(lookup_settle_one(l, run_selftest, &ask, &err), &err);
		assert_string_equal(blocklist_health_name(ask.health), case_text(&c->expect, "status"));
		lookup_drop(&l);
	}
}

static void
check_case(void **state)
{
	const struct one_case *c = *state;
	struct blocklist b = {.zone = case_text(&c->at, "zone")};
	const char *kind = case_text(&c->at, "kind");
	struct json_at lists = json_get(&c->expect, "lists");
	struct blocklist_verdict v;
	struct lookup_answer a;

	if (strcmp(kind, "selftest") == 0) {
		check_selftest_case(c);
		return;
	}
	b.kind = strcmp(kind, "domain") == 0 ? BLOCKLIST_DOMAIN : BLOCKLIST_IP;
	case_answer(&c->at, "answer", &a);
	blocklist_judge(&b, &a, &v);
	assert_string_equal(blocklist_status_name(v.status), case_text(&c->expect, "status"));
	if (case_has(&c->expect, "lists"))
		assert_int_equal(v.n, json_count(&lists));
	for (size_t i = 0; i < v.n && case_has(&c->expect, "lists"); i++) {
		struct json_at one = json_item(&lists, i);

		assert_true(case_says(&one, v.lists[i]));
	}
	records_release(&a.records);
}

static void
check_name_case(void **state)
{
	const struct one_case *c = *state;
	bool domain = case_has(&c->at, "domain");
	struct blocklist b = {.zone = case_text(&c->at, "zone"),
	                      .key = case_text(&c->at, "key"),
	                      .kind = domain ? BLOCKLIST_DOMAIN : BLOCKLIST_IP};
	struct err err = {0};
	struct name got;

	assert_ok(blocklist_name(&b, case_text(&c->at, domain ? "domain" : "ip"), &got, &err), &err);
	assert_string_equal(got.text, case_text(&c->at, "query"));
}

static struct cases cases, name_cases;

int
main(void)
{
	struct CMUnitTest tests[192];
	size_t n = 0;
	int rc;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, names, check_name);
	ROWS(tests, n, healths, check_health);
	ROWS(tests, n, checks, check_check);
	TEST(tests, n, blocklist__one_self_test_serves_a_run);
	TEST(tests, n, blocklist__the_public_name_has_no_key);
	TEST(tests, n, blocklist__half_a_key_is_hidden_too);
	cases_open("dnsbl.json", check_case, &cases);
	cases_open("dnsbl_names.json", check_name_case, &name_cases);
	rc = rows_run("dns/blocklist", tests, n) + rows_run("dns/blocklist, labelled", cases.tests, cases.n_tests) +
	     rows_run("dns/blocklist, labelled names", name_cases.tests, name_cases.n_tests);
	cases_close(&name_cases);
	cases_close(&cases);
	return rc;
}
