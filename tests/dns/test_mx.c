/*
 * test_mx.c - what mx.h promises: each fault of an MX named, and what could not be asked never called well.
 */
#include "tests/dns/checks.h"

#include "tests/lib/cases.h"

#include "dns/mx.h"

static const struct row {
	const char *name, *zone;
	enum mx_status status;
	const char *why, *hosts, *said, *fix;
} rows[] = {
	{"one host",						    "{'out.example': {'MX': [[10, 'mx.out.example']]}, 'mx.out.example': {'A': ['192.0.2.1']}}", MX_OK,
         NULL,																							 "10 mx.out.example",                          "",						      NULL                                      },
	{"hosts stand in order of preference, then of name",
         "{'out.example': {'MX': [[300, 'c.example'], [20, 'b.example'], [20, 'a.example']]}, 'a.example': {'A': "
         "['192.0.2.1']}, 'b.example': {'A': ['192.0.2.2']}, 'c.example': {'A': ['192.0.2.3']}}",                                                                    MX_OK,        NULL,               "20 a.example, 20 b.example, 300 c.example",  "note mx-same-preference",                               NULL                                      },
	{"an IPv6 address is enough",
         "{'out.example': {'MX': [[0, 'mx.example']]}, 'mx.example': {'AAAA': ['2001:db8::25']}}",                                                                   MX_OK,        NULL,
         "0 mx.example",																											     "",						      NULL				      },
	{"no domain",						   "{}",											MX_NONE,      NULL,               "",                                           "fail mx-missing absent",                                NULL                                      },
	{"neither MX nor address",				      "{'out.example': {'TXT': [['x']]}}",                                                         MX_NONE,      NULL,               "",                                           "fail mx-missing absent",
         NULL																																									   },
	{"no MX, but an address",				       "{'out.example': {'A': ['192.0.2.1']}}",                                                     MX_IMPLICIT,  NULL,               "0 out.example",
         "warn mx-implicit absent",																																	   "out.example. 3600 IN MX 10 out.example." },
	{"no MX, but an IPv6 address",                                  "{'out.example': {'AAAA': ['2001:db8::1']}}",                                                MX_IMPLICIT,  NULL,               "0 out.example",
         "warn mx-implicit absent",																																	   "out.example. 3600 IN MX 10 out.example." },
	{"no MX, and a private address",                                "{'out.example': {'A': ['192.168.1.1']}}",                                                   MX_ERROR,     "unroutable",
         "0 out.example",																											    "fail mx-private, warn mx-implicit absent",              NULL                                      },
	{"no MX, and its addresses unknown",                            "{'out.example': {'RCODE': 2}}",                                                             MX_TEMPERROR, NULL,               "",
         "unknown mx-unknown",																																		NULL				      },
	{"a null MX",						   "{'out.example': {'MX': [[0, '.']]}}",                                                       MX_NULL,      NULL,               "",                                           "fail mx-null",                                          NULL                                      },
	{"a null MX with another preference",                           "{'out.example': {'MX': [[10, '.']]}}",                                                      MX_NULL,      NULL,               "",
         "fail mx-null, warn mx-preference",																																  "out.example. 3600 IN MX 0 ."             },
	{"a null MX beside a host",
         "{'out.example': {'MX': [[0, '.'], [10, 'mx.example']]}, 'mx.example': {'A': ['192.0.2.1']}}",                                                              MX_ERROR,
         "null-with-others",																					   "10 mx.example",                              "fail mx-null-with-others",                              NULL                                      },
	{"two null MX",						 "{'out.example': {'MX': [[0, '.'], [10, '.']]}}",                                            MX_ERROR,     "null-with-others", "",
         "fail mx-null-with-others",																																	  NULL                                      },
	{"a host that is an alias",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'CNAME': ['real.example']}, 'real.example': "
         "{'A': ['192.0.2.1']}}",                                                                                                                                    MX_ERROR,     "cname",            "10 mx.example",                              "fail mx-cname",                                         "out.example. 3600 IN MX 10 real.example."},
	{"an alias that leads nowhere",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'CNAME': ['real.example']}}",                                                                 MX_ERROR,     "cname",
         "10 mx.example",																											    "fail mx-cname, fail mx-unresolvable absent",            NULL                                      },
	{"an alias to a name that answers nothing",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'CNAME': ['real.example']}, 'real.example': "
         "{'TIMEOUT': true}}",                                                                                                                                       MX_ERROR,     "cname",            "10 mx.example",                              "fail mx-cname, unknown mx-unknown, unknown mx-unknown", NULL                                      },
	{"a host that does not exist",                                  "{'out.example': {'MX': [[10, 'mx.example']]}}",                                             MX_ERROR,     "unresolvable",
         "10 mx.example",																											    "fail mx-unresolvable absent",                           NULL                                      },
	{"a host without an address",                                   "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'TXT': [['x']]}}",
         MX_ERROR,																				 "unresolvable",     "10 mx.example",                              "fail mx-unresolvable absent",                           NULL                                      },
	{"an address in the place of a host",                           "{'out.example': {'MX': [[10, '192.0.2.1']]}}",                                              MX_ERROR,     "address",
         "10 192.0.2.1",																											     "fail mx-address",                                       NULL                                      },
	{"an address in brackets",				      "{'out.example': {'MX': [[10, '[192.0.2.1]']]}}",                                            MX_ERROR,     "address",
         "10 [192.0.2.1]",																											   "fail mx-address",                                       NULL                                      },
	{"an IPv6 address in the place of a host",                      "{'out.example': {'MX': [[10, '2001:db8::1']]}}",                                            MX_ERROR,
         "address",																						    "10 2001:db8::1",                             "fail mx-address",                                       NULL                                      },
	{"loopback",						    "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'A': ['127.0.0.1']}}",         MX_ERROR,
         "unroutable",																						 "10 mx.example",                              "fail mx-private",                                       NULL                                      },
	{"a private address beside a good one",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'A': ['192.0.2.1', '10.0.0.1']}}",                                                            MX_ERROR,
         "unroutable",																						 "10 mx.example",                              "fail mx-private",                                       NULL                                      },
	{"a unique local IPv6 address",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'A': ['192.0.2.1'], 'AAAA': ['fd00::1']}}",                                                   MX_ERROR,     "unroutable",       "10 mx.example",                              "fail mx-private",                                       NULL                                      },
	{"of two faults the graver one decides",
         "{'out.example': {'MX': [[10, 'no.example'], [20, 'mx.example'], [30, '192.0.2.1']]}, 'mx.example': {'A': "
         "['127.0.0.1']}}",                                                                                                                                          MX_ERROR,     "address",          "10 no.example, 20 mx.example, 30 192.0.2.1",
         "fail mx-unresolvable absent, fail mx-private, fail mx-address",																												     NULL                                      },
	{"a second host that does not exist",
         "{'out.example': {'MX': [[10, 'mx.example'], [20, 'no.example']]}, 'mx.example': {'A': ['192.0.2.1']}}",                                                    MX_ERROR,     "unresolvable",     "10 mx.example, 20 no.example",               "fail mx-unresolvable absent",                           NULL                                      },
	{"a host of which DNS says nothing",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'TIMEOUT': true}}",                                                                           MX_TEMPERROR, NULL,
         "10 mx.example",																											    "unknown mx-unknown, unknown mx-unknown",                NULL                                      },
	{"a fault elsewhere is a fault even so",
         "{'out.example': {'MX': [[10, 'mx.example'], [20, 'no.example']]}, 'mx.example': {'RCODE': 2}}",                                                            MX_ERROR,
         "unresolvable",																					       "10 mx.example, 20 no.example",
         "unknown mx-unknown, unknown mx-unknown, fail mx-unresolvable absent",																											       NULL                                      },
	{"a host with one kind of address and silence about the other",
         "{'out.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'A': ['192.0.2.1'], 'TIMEOUT': true}}",                                                       MX_OK,
         NULL,																							 "10 mx.example",                              "unknown mx-unknown",                                    NULL                                      },
	{"silence",						     "{'out.example': {'TIMEOUT': true}}",                                                        MX_TEMPERROR, NULL,               "",                                           "unknown mx-unknown",                                    NULL                                      },
	{"a host named twice",
         "{'out.example': {'MX': [[10, 'mx.example'], [20, 'mx.example']]}, 'mx.example': {'A': ['192.0.2.1']}}",                                                    MX_OK,
         NULL,																							 "10 mx.example, 20 mx.example",               "warn mx-twice",                                         NULL                                      },
	{"a host with an underscore",
         "{'out.example': {'MX': [[10, 'm_x.example']]}, 'm_x.example': {'A': ['192.0.2.1']}}",                                                                      MX_OK,        NULL,
         "10 m_x.example",																											   "warn mx-host-name",                                     NULL                                      },
	{"a domain that is an alias",
         "{'out.example': {'CNAME': ['in.example']}, 'in.example': {'MX': [[10, 'mx.example']]}, 'mx.example': {'A': "
         "['192.0.2.1']}}",                                                                                                                                          MX_OK,        NULL,               "10 mx.example",                              "warn mx-alias",                                         NULL                                      },
};

struct ask {
	const char *domain;
	struct mx mx;
	struct findings findings;
};

static int
run(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	findings_release(&a->findings);
	return mx_check(l, a->domain, &a->mx, &a->findings, err);
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct ask ask = {.domain = "out.example"};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json(r->zone);
	struct buf hosts = {0};
	struct err err = {0};
	struct zonetable t;
	bool fixed = r->fix == NULL;

	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_string_equal(mx_status_name(ask.mx.status), mx_status_name(r->status));
	assert_int_equal(ask.mx.why == NULL, r->why == NULL);
	if (r->why != NULL)
		assert_string_equal(ask.mx.why, r->why);
	for (size_t i = 0; i < ask.mx.n; i++) {
		struct name host;

		/* Brackets and colons are escaped in a canonical name: the rows have them plain. */
		assert_ok(name_parse(ask.mx.hosts[i].name, &host, &err), &err);
		buf_addf(&hosts, "%s%u ", i > 0 ? ", " : "", ask.mx.hosts[i].preference);
		for (const char *p = host.text; *p != '\0'; p += *p == '\\' ? 4 : 1)
			buf_addc(&hosts, (char)(*p == '\\' ? (p[1] - '0') * 100 + (p[2] - '0') * 10 + p[3] - '0' : *p));
	}
	assert_string_equal(buf_str(&hosts), r->hosts);
	checks_said(&ask.findings, r->said);
	for (size_t i = 0; i < ask.findings.n; i++)
		fixed = fixed || (ask.findings.items[i].fix != NULL && strcmp(ask.findings.items[i].fix, r->fix) == 0);
	assert_true(fixed);
	buf_release(&hosts);
	findings_release(&ask.findings);
	zonetable_close(&t);
	free(json);
}

/* More hosts than are kept, and than senders look at. */
static void
mx__many_hosts_are_bounded(void **state)
{
	struct ask ask = {.domain = "out.example"};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	struct buf zone = {0};
	struct err err = {0};
	struct zonetable t;

	(void)state;
	buf_adds(&zone, "{\"out.example\": {\"MX\": [");
	for (int i = 0; i < 60; i++)
		buf_addf(&zone, "%s[%d, \"m%d.example\"]", i > 0 ? "," : "", i, i);
	buf_adds(&zone, "]}");
	for (int i = 0; i < 60; i++)
		buf_addf(&zone, ", \"m%d.example\": {\"A\": [\"192.0.2.%d\"]}", i, i);
	buf_adds(&zone, "}");
	zonetable_open(buf_str(&zone), &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_int_equal(ask.mx.n, MX_HOSTS_MAX);
	assert_string_equal(ask.mx.hosts[31].name, "m31.example");
	assert_int_equal(ask.mx.status, MX_OK);
	checks_said(&ask.findings, "warn mx-many");
	findings_release(&ask.findings);
	zonetable_close(&t);
	buf_release(&zone);
}

/* No MX, and nothing is said of what would take its place. */
static int
silent_addresses(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
                 struct err *err)
{
	(void)ctx;
	(void)at;
	(void)name;
	(void)err;
	out->state = type == RECORD_MX ? LOOKUP_EMPTY : LOOKUP_SILENT;
	return CR_OK;
}

static void
mx__without_mx_silence_about_addresses_is_no_verdict(void **state)
{
	struct ask ask = {.domain = "out.example"};
	struct lookup *l = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(lookup_open_table(silent_addresses, NULL, true, &l, &err), &err);
	assert_ok(lookup_settle_one(l, run, &ask, &err), &err);
	assert_int_equal(ask.mx.status, MX_TEMPERROR);
	checks_said(&ask.findings, "unknown mx-unknown, unknown mx-unknown");
	findings_release(&ask.findings);
	lookup_drop(&l);
}

static void
check_case(void **state)
{
	const struct one_case *c = *state;
	struct ask ask = {.domain = case_text(&c->at, "domain")};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	struct json_at dns = json_get(&c->at, "dns"), hosts = json_get(&c->expect, "hosts"),
		       warn = json_get(&c->expect, "warn");
	struct err err = {0};
	struct zonetable t;

	zonetable_open_at(&dns, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	assert_string_equal(mx_status_name(ask.mx.status), case_text(&c->expect, "status"));
	if (case_has(&c->expect, "why")) {
		assert_non_null(ask.mx.why);
		assert_string_equal(ask.mx.why, case_text(&c->expect, "why"));
	}
	if (case_has(&c->expect, "hosts"))
		assert_int_equal(ask.mx.n, json_count(&hosts));
	for (size_t i = 0; i < json_count(&hosts); i++) {
		struct json_at host = json_item(&hosts, i), preference = json_item(&host, 0),
			       name = json_item(&host, 1);
		int64_t number = 0;

		assert_ok(json_want_int(&preference, 0, 65535, &number, &err), &err);
		assert_int_equal(ask.mx.hosts[i].preference, number);
		assert_true(case_says(&name, ask.mx.hosts[i].name));
	}
	for (size_t i = 0; i < json_count(&warn); i++) {
		struct json_at word = json_item(&warn, i);
		const char *text = NULL;
		char id[64];

		assert_ok(json_want_string(&word, &text, &err), &err);
		(void)snprintf(id, sizeof(id), "mx-%s", text);
		assert_non_null(findings_find(&ask.findings, id));
	}
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
	TEST(tests, n, mx__many_hosts_are_bounded);
	TEST(tests, n, mx__without_mx_silence_about_addresses_is_no_verdict);
	cases_open("mx.json", check_case, &cases);
	rc = rows_run("dns/mx", tests, n) + rows_run("dns/mx, labelled", cases.tests, cases.n_tests);
	cases_close(&cases);
	return rc;
}
