/*
 * test_fcrdns.c - what fcrdns.h promises: from the address to the name and back, HELO, names of pools.
 */
#include "tests/dns/checks.h"
#include "tests/lib/cases.h"

#include "dns/fcrdns.h"
#include "dns/generic.h"

#define PTR(names) "'10.2.0.192.in-addr.arpa': {'PTR': [" names "]}"
#define MX1        "'mx1.out.example': {'A': ['192.0.2.10']}"

static const struct row {
	const char *name, *zone, *helo;
	enum fcrdns_status status;
	const char *names;
	enum helo_status helo_status;
	const char *said, *fix;
} rows[] = {
	{"there and back",				 "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "mx1.out.example",        FCRDNS_PASS,      "mx1.out.example",
         HELO_MATCH,																									      "",							       NULL						   },
	{"HELO is compared without case",                  "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "MX1.Out.Example",        FCRDNS_PASS,
         "mx1.out.example",																						    HELO_MATCH,        "",							       NULL						   },
	{"no HELO is given",			       "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         NULL,                     FCRDNS_PASS,      "mx1.out.example",
         HELO_UNKNOWN,																									    "",							       NULL						   },
	{"no PTR",					 "{" MX1 "}",								       "mx1.out.example",        FCRDNS_NO_PTR,    "",                  HELO_RESOLVES,
         "fail ptr-missing absent, note helo-other",																														"10.2.0.192.in-addr.arpa. 3600 IN PTR mx1.out.example."},
	{"a reverse name without PTR",                     "{'10.2.0.192.in-addr.arpa': {'TXT': [['x']]}}",                                   NULL,                     FCRDNS_NO_PTR,    "",
         HELO_UNKNOWN,																									    "fail ptr-missing absent",                                        NULL                                                   },
	{"PTR unknown",				    "{'10.2.0.192.in-addr.arpa': {'RCODE': 2}, " MX1 "}",                              "mx1.out.example",        FCRDNS_TEMPERROR, "",
         HELO_RESOLVES,																									   "unknown ptr-unknown, note helo-other",                           NULL                                                   },
	{"a name that does not exist",                     "{" PTR("'mx1.out.example'") "}",                                                  NULL,                     FCRDNS_FAIL,      "",                  HELO_UNKNOWN,
         "fail ptr-not-confirmed absent",																															   "mx1.out.example. 3600 IN A 192.0.2.10"                },
	{"a name with another address",                    "{" PTR("'mx1.out.example'") ", 'mx1.out.example': {'A': ['192.0.2.11']}}",
         NULL,																			  FCRDNS_FAIL,      "",                  HELO_UNKNOWN,      "fail ptr-not-confirmed",                                         "mx1.out.example. 3600 IN A 192.0.2.10"                },
	{"a name that has the other kind of address only",
         "{" PTR("'mx1.out.example'") ", 'mx1.out.example': {'AAAA': ['2001:db8::1']}}",                                                      NULL,                     FCRDNS_FAIL,      "",
         HELO_UNKNOWN,																									    "fail ptr-not-confirmed absent",                                  NULL                                                   },
	{"the root is no name",                            "{" PTR("'.'") "}",								NULL,                     FCRDNS_FAIL,      "",                  HELO_UNKNOWN,      "fail ptr-not-confirmed",
         NULL																																									      },
	{"a name of which DNS says nothing",               "{" PTR("'mx1.out.example'") ", 'mx1.out.example': {'TIMEOUT': true}}",
         "mx1.out.example",																	     FCRDNS_TEMPERROR, "",                  HELO_UNKNOWN,      "unknown ptr-unknown, unknown helo-unknown",                      NULL                                                   },
	{"one confirmed name is enough",
         "{" PTR("'ill.example', 'other.example', 'mx1.out.example'") ", " MX1
                                                                      ", 'ill.example': {'RCODE': 2}, 'other.example': "
                                                                      "{'A': ['192.0.2.99']}}",                                               "mx1.out.example",        FCRDNS_PASS,      "mx1.out.example",   HELO_MATCH,        "unknown ptr-unknown, warn ptr-several",                          NULL                                                   },
	{"without a confirmed name trouble decides",
         "{" PTR("'other.example', 'ill.example'") ", 'ill.example': {'RCODE': 2}, 'other.example': {'A': "
                                                   "['192.0.2.99']}}",                                                                        NULL,		     FCRDNS_TEMPERROR, "",                  HELO_UNKNOWN,      "unknown ptr-unknown, warn ptr-several",                          NULL                                                   },
	{"the PTR stands behind an alias",
         "{'10.2.0.192.in-addr.arpa': {'CNAME': ['10.0/26.2.0.192.in-addr.arpa']}, '10.0/26.2.0.192.in-addr.arpa': "
         "{'PTR': ['mx1.out.example']}, " MX1 "}",
         "mx1.out.example",																	     FCRDNS_PASS,      "mx1.out.example",   HELO_MATCH,        "",                                                               NULL                                                   },
	{"the address stands behind an alias",
         "{" PTR("'a.out.example'") ", 'a.out.example': {'CNAME': ['mx1.out.example']}, " MX1 "}",                                            "a.out.example",
         FCRDNS_PASS,																				     "a.out.example",     HELO_MATCH,        "",							       NULL                                                   },
	{"HELO with another name of the address",
         "{" PTR("'mx1.out.example'") ", " MX1 ", 'b.example': {'A': ['192.0.2.10']}}",                                                       "b.example",              FCRDNS_PASS,
         "mx1.out.example",																						    HELO_RESOLVES,     "note helo-other",                                                NULL                                                   },
	{"HELO of another address",                        "{" PTR("'mx1.out.example'") ", " MX1 ", 'b.example': {'A': ['192.0.2.20']}}",
         "b.example",																		   FCRDNS_PASS,      "mx1.out.example",   HELO_MISMATCH,     "warn helo-mismatch",
         "b.example. 3600 IN A 192.0.2.10"																																						 },
	{"HELO of an IPv6 address",                        "{" PTR("'mx1.out.example'") ", " MX1 ", 'b.example': {'AAAA': ['2001:db8::1']}}",
         "b.example",																		   FCRDNS_PASS,      "mx1.out.example",   HELO_MISMATCH,     "warn helo-mismatch",                                             NULL                                                   },
	{"HELO that leads nowhere",                        "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "b.example",              FCRDNS_PASS,
         "mx1.out.example",																						    HELO_UNRESOLVABLE, "fail helo-unresolvable absent",                                  "b.example. 3600 IN A 192.0.2.10"                      },
	{"HELO of which DNS says nothing",                 "{" PTR("'mx1.out.example'") ", " MX1 ", 'b.example': {'RCODE': 2}}",
         "b.example",																		   FCRDNS_PASS,      "mx1.out.example",   HELO_UNKNOWN,      "unknown helo-unknown",                                           NULL                                                   },
	{"HELO is an address literal",                     "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "[192.0.2.10]",           FCRDNS_PASS,
         "mx1.out.example",																						    HELO_INVALID,      "fail helo-invalid",                                              NULL                                                   },
	{"HELO is a bare name",                            "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "localhost",              FCRDNS_PASS,      "mx1.out.example",
         HELO_INVALID,																									    "fail helo-invalid",					      NULL						   },
	{"HELO is a bare address",                         "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "192.0.2.10",             FCRDNS_PASS,
         "mx1.out.example",																						    HELO_INVALID,      "fail helo-invalid",                                              NULL                                                   },
	{"HELO has an underscore",                         "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "mx_1.out.example",       FCRDNS_PASS,
         "mx1.out.example",																						    HELO_INVALID,      "fail helo-invalid",                                              NULL                                                   },
	{"HELO ends in a dot",                             "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "mx1.out.example.",       FCRDNS_PASS,
         "mx1.out.example",																						    HELO_INVALID,      "fail helo-invalid",                                              NULL                                                   },
	{"HELO is empty",				  "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "",                       FCRDNS_PASS,      "mx1.out.example",   HELO_INVALID,
         "fail helo-invalid",																																       NULL						   },
	{"HELO is not in ASCII",                           "{" PTR("'mx1.out.example'") ", " MX1 "}",                                         "m\303\274nchen.example", FCRDNS_PASS,
         "mx1.out.example",																						    HELO_INVALID,      "fail helo-invalid",                                              NULL                                                   },
	{"an eleventh name does not count",
         "{" PTR("'a.example','b.example','c.example','d.example','e.example','f.example','g.example','h.example',"
                 "'i.example','j.example','mx1.out.example'") ", " MX1 "}",
         NULL,																			  FCRDNS_FAIL,      "",                  HELO_UNKNOWN,      "warn ptr-many, warn ptr-several, fail ptr-not-confirmed absent", NULL                                                   },
	{"a tenth does",
         "{" PTR("'a.example','b.example','c.example','d.example','e.example','f.example','g.example','h.example',"
                 "'i.example','mx1.out.example'") ", " MX1 "}",
         NULL,																			  FCRDNS_PASS,      "mx1.out.example",   HELO_UNKNOWN,      "warn ptr-several",                                               NULL                                                   },
	{"a name of a pool",			       "{" PTR("'dyn-7.isp.example'") ", 'dyn-7.isp.example': {'A': ['192.0.2.10']}}",    NULL,
         FCRDNS_PASS,																				     "dyn-7.isp.example", HELO_UNKNOWN,      "warn ptr-generic",                                               NULL                                                   },
};

struct ask {
	const char *ip, *helo;
	struct fcrdns out;
	struct findings findings;
};

static int
run(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	findings_release(&a->findings);
	return fcrdns_check(l, a->ip, a->helo, &a->out, &a->findings, err);
}

static void
join_names(const struct fcrdns *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", f->names[i]);
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct ask ask = {.ip = "192.0.2.10", .helo = r->helo};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json(r->zone);
	struct buf names = {0};
	struct err err = {0};
	struct zonetable t;
	bool fixed = r->fix == NULL;

	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_string_equal(fcrdns_status_name(ask.out.status), fcrdns_status_name(r->status));
	assert_string_equal(helo_status_name(ask.out.helo), helo_status_name(r->helo_status));
	join_names(&ask.out, &names);
	assert_string_equal(buf_str(&names), r->names);
	checks_said(&ask.findings, r->said);
	assert_int_equal(ask.out.generic, findings_find(&ask.findings, "ptr-generic") != NULL);
	for (size_t i = 0; i < ask.findings.n; i++)
		fixed = fixed || (ask.findings.items[i].fix != NULL && strcmp(ask.findings.items[i].fix, r->fix) == 0);
	assert_true(fixed);
	buf_release(&names);
	findings_release(&ask.findings);
	zonetable_close(&t);
	free(json);
}

static void
fcrdns__a_mapped_address_is_the_ipv4_address(void **state)
{
	struct ask ask = {.ip = "::ffff:192.0.2.10"};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json("{" PTR("'mx1.out.example'") ", " MX1 "}");
	struct err err = {0};
	struct zonetable t;

	(void)state;
	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_int_equal(ask.out.status, FCRDNS_PASS);
	ask.ip = "192.0.2.10/32";
	assert_int_equal(checks_run(&t, &check, &err), CR_EPARSE);
	findings_release(&ask.findings);
	zonetable_close(&t);
	free(json);
}

static const struct generic_row {
	const char *name, *host, *ip;
	bool want;
} generics[] = {
	{"dashes",				   "host-192-0-2-10.isp.example",                                                 "192.0.2.10",                    true },
	{"dashes, reversed",                         "10-2-0-192.isp.example",                                                      "192.0.2.10",                    true },
	{"dots",				     "192.0.2.10.isp.example",						      "192.0.2.10",                    true },
	{"dots, reversed",			   "10.2.0.192.rev.isp.example",                                                  "192.0.2.10",                    true },
	{"underscores",			      "192_0_2_10.isp.example",						      "192.0.2.10",                    true },
	{"glued to a word",                          "ip192-0-2-10.isp.example",                                                    "192.0.2.10",                    true },
	{"padded with zeros",                        "host-192-000-002-010.isp.example",                                            "192.0.2.10",                    true },
	{"padded and joined",                        "h192000002010.isp.example",                                                   "192.0.2.10",                    true },
	{"padded, joined and reversed",              "h010002000192.isp.example",                                                   "192.0.2.10",                    true },
	{"joined",				   "h1985110077.isp.example",						     "198.51.100.77",                 true },
	{"hexadecimal",			      "xc000020a.isp.example",						       "192.0.2.10",                    true },
	{"hexadecimal, reversed",                    "0a0200c0.isp.example",                                                        "192.0.2.10",                    true },
	{"the last three octets",                    "51-100-77.net198.isp.example",                                                "198.51.100.77",                 true },
	{"the last three octets, reversed",          "77-100-51.isp.example",                                                       "198.51.100.77",                 true },
	{"the first three octets",                   "a.198-51-100.isp.example",                                                    "198.51.100.77",                 true },
	{"in the registrable domain itself",         "198-51-100-77.example",                                                       "198.51.100.77",                 true },
	{"another address is none",                  "host-192-0-2-11.isp.example",                                                 "198.51.100.77",                 false},
	{"the last octet alone is none",             "mx77.out.example",                                                            "198.51.100.77",                 false},
	{"two numbers are none",                     "mx-100-77.out.example",                                                       "198.51.100.77",                 false},
	{"an octet within a longer number is none",  "m1198-51-1007.out.example",                                                   "198.51.100.77",                 false},
	{"numbers with a word between are none",     "a198b51c100d77.out.example",                                                  "198.51.100.77",                 false},
	{"nor with a dash and a word",               "a198-b51-c100-d77.out.example",                                               "198.51.100.77",                 false},
	{"IPv6 with dashes",                         "2001-db8--25.isp.example",                                                    "2001:db8::25",                  true },
	{"IPv6 with all groups",                     "2001-db8-0-0-0-0-0-25.isp.example",                                           "2001:db8::25",                  true },
	{"IPv6 with padded groups",                  "2001-0db8-0000-0000-0000-0000-0000-0025.isp.example",                         "2001:db8::25",                  true },
	{"IPv6 in nibbles",                          "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.isp.example",
         "2001:db8::25",																	     true },
	{"IPv6, the host's half, with few digits",   "h0000000000000025.isp.example",                                               "2001:db8::25",                  false},
	{"IPv6, the host's half",                    "h9a1122fffe334455.isp.example",                                               "2001:db8::9a11:22ff:fe33:4455", true },
	{"a chosen name with IPv6",                  "mx1.out.example",							     "2001:db8::25",                  false},
	{"dynamic",				  "dynamic.isp.example",							 "192.0.2.10",                    true },
	{"dyn with a number",                        "dyn42.isp.example",							   "192.0.2.10",                    true },
	{"dsl in a deeper label",                    "x.dsl.isp.example",							   "192.0.2.10",                    true },
	{"pool",				     "pool-7.isp.example",							  "192.0.2.10",                    true },
	{"dhcp",				     "a.dhcp.isp.example",							  "192.0.2.10",                    true },
	{"ppp",				      "ppp7.isp.example",							    "192.0.2.10",                    true },
	{"cable",				    "cable-a.isp.example",							 "192.0.2.10",                    true },
	{"static and a number",                      "static.7.isp.example",							"192.0.2.10",                    true },
	{"static-7",				 "static-7.isp.example",							"192.0.2.10",                    true },
	{"a number and static",                      "7.static.isp.example",							"192.0.2.10",                    true },
	{"static alone is a name",                   "static.out.example",							  "192.0.2.10",                    false},
	{"a word within a word is none",             "poolside.dynamics.out.example",                                               "192.0.2.10",                    false},
	{"a word in the registrable domain is none", "mail.dynamic-pool.example",                                                   "192.0.2.10",                    false},
	{"EC2",				      "ec2-203-0-113-5.compute-1.cloud.example",                                     "192.0.2.10",                    true },
	{"Amazon's own",			     "x.eu-west-1.compute.amazonaws.com",                                           "192.0.2.10",                    true },
	{"compute in the middle",                    "vm7.compute.cloud.example",                                                   "192.0.2.10",                    true },
	{"compute in front is a name",               "compute.out.example",                                                         "192.0.2.10",                    false},
	{"ip and a number",                          "ip-7.out.example",							    "192.0.2.10",                    true },
	{"Google's",				 "10.2.0.1.bc.googleusercontent.com",                                           "192.0.2.10",                    true },
	{"a relay of a hoster",                      "mout.kundenserver.de",							"192.0.2.10",                    false},
	{"a machine of one that nobody named",       "vmi77.contaboserver.net",                                                     "192.0.2.10",                    true },
	{"a chosen name",			    "mail.out.example",							    "192.0.2.10",                    false},
	{"a numbered chosen name",                   "mx01.out.example",							    "192.0.2.10",                    false},
};

static void
check_generic(void **state)
{
	const struct generic_row *r = *state;
	struct ip ip;

	assert_true(ip_parse(r->ip, &ip));
	assert_int_equal(host_is_generic(r->host, &ip) != NULL, r->want);
}

static void
check_case(void **state)
{
	const struct one_case *c = *state;
	struct ask ask = {.ip = case_text(&c->at, "ip"), .helo = case_text(&c->at, "helo")};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	struct json_at dns = json_get(&c->at, "dns"), names = json_get(&c->expect, "names"),
		       warn = json_get(&c->expect, "warn"), generic = json_get(&c->expect, "generic");
	bool want_generic = false;
	struct err err = {0};
	struct zonetable t;

	zonetable_open_at(&dns, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_string_equal(fcrdns_status_name(ask.out.status), case_text(&c->expect, "status"));
	if (case_has(&c->expect, "helo"))
		assert_string_equal(helo_status_name(ask.out.helo), case_text(&c->expect, "helo"));
	if (case_has(&c->expect, "names"))
		assert_int_equal(ask.out.n, json_count(&names));
	for (size_t i = 0; i < ask.out.n && case_has(&c->expect, "names"); i++)
		assert_true(case_says(&names, ask.out.names[i]));
	if (case_has(&c->expect, "generic")) {
		assert_ok(json_want_bool(&generic, &want_generic, &err), &err);
		assert_int_equal(ask.out.generic, want_generic);
	}
	if (case_says(&warn, "several-ptr"))
		assert_non_null(findings_find(&ask.findings, "ptr-several"));
	findings_release(&ask.findings);
	zonetable_close(&t);
}

static struct cases cases;

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;
	int rc;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, fcrdns__a_mapped_address_is_the_ipv4_address);
	ROWS(tests, n, generics, check_generic);
	cases_open("fcrdns.json", check_case, &cases);
	rc = rows_run("dns/fcrdns", tests, n) + rows_run("dns/fcrdns, labelled", cases.tests, cases.n_tests);
	cases_close(&cases);
	return rc;
}
