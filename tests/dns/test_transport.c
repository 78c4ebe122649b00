/*
 * test_transport.c - what transport.h and mta_sts.h promise: MTA-STS, TLS-RPT and DANE judged where they are published, and only there.
 */
#include "tests/dns/checks.h"

#include "dns/mta_sts.h"
#include "dns/transport.h"

static const struct record_row {
	const char *name, *text, *want, *why; /* want NULL: refused */
} records[] = {
	{"a record",		      "v=STSv1; id=20261125T120000;",                   "20261125T120000",                  NULL                               },
	{"without a final semicolon",     "v=STSv1;id=1",                                   "1",                                NULL                               },
	{"an id of 32 characters",        "v=STSv1; id=12345678901234567890123456789012;",  "12345678901234567890123456789012",
         NULL																		      },
	{"an id of 33 characters",        "v=STSv1; id=123456789012345678901234567890123;", NULL,                               "33 characters"                    },
	{"an empty id",                   "v=STSv1; id=;",                                  NULL,                               "0 characters"                     },
	{"no id",			 "v=STSv1;",				       NULL,                               "no id"                            },
	{"an id with a hyphen",           "v=STSv1; id=2026-11-25;",                        NULL,                               "'2026-11-25' has other characters"},
	{"an unknown field is for later", "v=STSv1; id=1; next=x;",                         "1",                                NULL                               },
	{"two ids",		       "v=STSv1; id=1; id=2;",                           NULL,                               "stands twice"                     },
	{"another version",               "v=STSv2; id=1;",                                 NULL,                               "v=STSv1"                          },
	{"a longer version",              "v=STSv11; id=1;",                                NULL,                               "v=STSv1"                          },
	{"the version in another case",   "v=stsv1; id=1;",                                 NULL,                               "v=STSv1"                          },
	{"the version not first",         "id=1; v=STSv1;",                                 NULL,                               "v=STSv1"                          },
	{"a piece that is no field",      "v=STSv1; 20261125;",                             NULL,                               "not a tag"                        },
};

static void
check_record(void **state)
{
	const struct record_row *r = *state;
	struct mta_sts_record got;
	struct err err = {0};

	if (r->want == NULL) {
		assert_int_equal(mta_sts_parse(r->text, &got, &err), CR_EPARSE);
		assert_non_null(strstr(err.text, r->why));
		return;
	}
	assert_ok(mta_sts_parse(r->text, &got, &err), &err);
	assert_string_equal(got.id, r->want);
}

static const struct rpt_row {
	const char *name, *text;
	size_t want; /* addresses; 0: refused */
	const char *why;
} rpts[] = {
	{"one address",               "v=TLSRPTv1; rua=mailto:tls@out.example",                       1, NULL                          },
	{"two addresses",             "v=TLSRPTv1;rua=mailto:tls@out.example , https://r.example/v1", 2, NULL                          },
	{"schemes have no case",      "v=TLSRPTv1; rua=MAILTO:tls@out.example",                       1, NULL                          },
	{"no address",                "v=TLSRPTv1;",						  0, "no rua"                      },
	{"an empty address",          "v=TLSRPTv1; rua=",                                             0, "no rua"                      },
	{"an address without scheme", "v=TLSRPTv1; rua=tls@out.example",                              0, "'tls@out.example' is neither"},
	{"a mail address without @",  "v=TLSRPTv1; rua=mailto:tls",                                   0, "neither"                     },
	{"plain http",                "v=TLSRPTv1; rua=http://r.example/",                            0, "neither"                     },
	{"another version",           "v=TLSRPTv2; rua=mailto:tls@out.example",                       0, "v=TLSRPTv1"                  },
};

static void
check_rpt(void **state)
{
	const struct rpt_row *r = *state;
	struct tls_rpt got;
	struct err err = {0};

	if (r->want == 0) {
		assert_int_equal(tls_rpt_parse(r->text, &got, &err), CR_EPARSE);
		assert_non_null(strstr(err.text, r->why));
		return;
	}
	assert_ok(tls_rpt_parse(r->text, &got, &err), &err);
	assert_int_equal(got.n, r->want);
}

#define V    "version: STSv1\r\n"
#define MODE "mode: enforce\r\n"
#define MXES "mx: mx1.out.example\r\nmx: *.mail.example\r\n"
#define AGE  "max_age: 604800\r\n"

static const struct policy_row {
	const char *name, *text;
	enum mta_sts_mode mode;
	size_t n_mx;
	const char *why; /* NULL: read */
} policies[] = {
	{"a policy",				      V MODE MXES AGE,						  MTA_STS_ENFORCE, 2, NULL                            },
	{"in another order, without blanks",              "max_age:1\r\nmx:a.example\r\nmode:testing\r\nversion:STSv1\r\n",
         MTA_STS_TESTING,														    1, NULL                            },
	{"with empty lines and no end of the last",       V "\r\n" MODE MXES "max_age: 86400",                              MTA_STS_ENFORCE, 2, NULL                            },
	{"with bare line ends",                           "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n", MTA_STS_ENFORCE, 1,
         NULL																				   },
	{"mode none needs no mx",                         V "mode: none\r\n" AGE,                                           MTA_STS_NONE,    0, NULL                            },
	{"an unknown field is for later",                 V MODE MXES AGE "next: x\r\n",                                    MTA_STS_ENFORCE, 2, NULL                            },
	{"of a field that stands twice the first counts", V MODE MXES AGE "mode: none\r\n",                                 MTA_STS_ENFORCE, 2, NULL                            },
	{"the longest age",			       V MODE MXES "max_age: 31557600\r\n",                              MTA_STS_ENFORCE, 2, NULL                            },
	{"longer than the longest",                       V MODE MXES "max_age: 31557601\r\n",                              MTA_STS_NONE,    0, "max_age '31557601'"            },
	{"an age that is no number",                      V MODE MXES "max_age: 1w\r\n",                                    MTA_STS_NONE,    0, "max_age '1w'"                  },
	{"an age of minus zero",                          V MODE MXES "max_age: -0\r\n",                                    MTA_STS_NONE,    0, "max_age '-0'"                  },
	{"a negative age",				V MODE MXES "max_age: -1\r\n",                                    MTA_STS_NONE,    0, "max_age '-1'"                  },
	{"an age of twenty digits",                       V MODE MXES "max_age: 00000000000000000001\r\n",                  MTA_STS_NONE,    0, "max_age"                       },
	{"nothing",				       "",							       MTA_STS_NONE,    0, "no version"                    },
	{"no version",				    MODE MXES AGE,						    MTA_STS_NONE,    0, "no version"                    },
	{"another version",			       "version: STSv2\r\n" MODE MXES AGE,                               MTA_STS_NONE,    0, "version 'STSv2'"               },
	{"no mode",				       V MXES AGE,						       MTA_STS_NONE,    0, "no mode"                       },
	{"a mode that is none",                           V "mode: strict\r\n" MXES AGE,                                    MTA_STS_NONE,    0, "mode 'strict'"                 },
	{"no age",					V MODE MXES,						      MTA_STS_NONE,    0, "no max_age"                    },
	{"no mx",					 V MODE AGE,						       MTA_STS_NONE,    0, "no mx, and its mode is enforce"},
	{"an mx with a final dot",                        V MODE "mx: a.example.\r\n" AGE,                                  MTA_STS_NONE,    0, "mx 'a.example.'"               },
	{"a star in the middle",                          V MODE "mx: a.*.example\r\n" AGE,                                 MTA_STS_NONE,    0, "mx 'a.*.example'"              },
	{"a star alone",				  V MODE "mx: *\r\n" AGE,                                           MTA_STS_NONE,    0, "mx '*'"                        },
	{"an empty mx",				   V MODE "mx:\r\n" AGE,                                             MTA_STS_NONE,    0, "mx ''"                         },
	{"a page in place of a policy",                   "<html>\r\n<body>not found</body>\r\n",                           MTA_STS_NONE,    0,
         "line '<html>' has no colon"																	   },
};

static void
check_policy(void **state)
{
	const struct policy_row *r = *state;
	struct mta_sts_policy got;
	struct err err = {0};

	if (r->why != NULL) {
		assert_int_equal(mta_sts_policy_parse(r->text, strlen(r->text), &got, &err), CR_EPARSE);
		assert_non_null(strstr(err.text, r->why));
		return;
	}
	assert_ok(mta_sts_policy_parse(r->text, strlen(r->text), &got, &err), &err);
	assert_int_equal(got.mode, r->mode);
	assert_int_equal(got.n_mx, r->n_mx);
}

static void
mta_sts__a_long_policy_is_refused(void **state)
{
	struct buf text = {0};
	struct mta_sts_policy got;
	struct err err = {0};

	(void)state;
	buf_adds(&text, V MODE AGE);
	for (int i = 0; i <= MTA_STS_PATTERNS_MAX; i++)
		buf_addf(&text, "mx: m%d.example\r\n", i);
	assert_int_equal(mta_sts_policy_parse(buf_str(&text), text.len, &got, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "more than 64 lines of mx"));
	buf_clear(&text);
	buf_adds(&text, V MODE AGE MXES);
	while (text.len <= MTA_STS_POLICY_BYTES)
		buf_adds(&text, "x: y\r\n");
	assert_int_equal(mta_sts_policy_parse(buf_str(&text), text.len, &got, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "longer than"));
	buf_release(&text);
}

static const struct allow_row {
	const char *name, *host;
	bool want;
} allows[] = {
	{"the host itself",         "mx1.out.example",   true },
        {"another host",            "mx2.out.example",   false},
	{"a host below it",         "a.mx1.out.example", false},
        {"one label for the star",  "a.mail.example",    true },
	{"two labels for the star", "a.b.mail.example",  false},
        {"no label for the star",   "mail.example",      false},
	{"the end of a label",      "xmail.example",     false},
};

static void
check_allows(void **state)
{
	const struct allow_row *r = *state;
	static const char text[] = V MODE "mx: MX1.Out.Example\r\nmx: *.mail.example\r\n" AGE;
	struct mta_sts_policy p;
	struct err err = {0};

	assert_ok(mta_sts_policy_parse(text, sizeof(text) - 1, &p, &err), &err);
	assert_int_equal(mta_sts_allows(&p, r->host), r->want);
}

#define STS "'_mta-sts.out.example': {'TXT': [['v=STSv1; id=1;']]}"

static const struct row {
	const char *name, *zone, *policy, *said, *fix;
} rows[] = {
	{"nothing is published",                        "{'out.example': {'A': ['192.0.2.1']}}",                                           NULL,                                           "",                        NULL                 },
	{"nothing is published, and a policy is there", "{}",									      V MODE MXES AGE,                                "",                        NULL                 },
	{"MTA-STS, its policy not read",                "{" STS "}",								       NULL,                                           "note mta-sts-published",  NULL                 },
	{"MTA-STS with a good policy",                  "{" STS "}",								       V MODE MXES AGE,                                "note mta-sts-mode",       NULL                 },
	{"the mail host is not in the policy",          "{" STS "}",								       V MODE "mx: other.example\r\n" AGE,
         "fail mta-sts-mx, note mta-sts-mode",																					"mx: mx1.out.example"},
	{"while it is tested",                          "{" STS "}",								       V "mode: testing\r\nmx: other.example\r\n" AGE,
         "warn mta-sts-mx, note mta-sts-mode",																					NULL                 },
	{"and not with mode none",                      "{" STS "}",								       V "mode: none\r\nmx: other.example\r\n" AGE,    "note mta-sts-mode",       NULL                 },
	{"a policy that is soon forgotten",             "{" STS "}",								       V MODE MXES "max_age: 86399\r\n",
         "warn mta-sts-max-age, note mta-sts-mode",																				   "max_age: 604800"    },
	{"a policy that cannot be read",                "{" STS "}",								       "<html>",                                       "fail mta-sts-policy",     NULL                 },
	{"a record that cannot be read",                "{'_mta-sts.out.example': {'TXT': [['v=STSv1']]}}",                                NULL,
         "fail mta-sts-record",																						       NULL                 },
	{"two records",				 "{'_mta-sts.out.example': {'TXT': [['v=STSv1; id=1;'], ['v=STSv1; id=2;']]}}",     NULL,
         "fail mta-sts-two-records",																						  NULL                 },
	{"another TXT there",                           "{'_mta-sts.out.example': {'TXT': [['hello'], ['v=STSv1; id=2;']]}}",              NULL,
         "note mta-sts-published",																						    NULL                 },
	{"a wildcard TXT there",                        "{'*.out.example': {'TXT': [['v=spf1 -all']]}}",                                   NULL,                                           "",                        NULL                 },
	{"a record with a NUL",                         "{'_mta-sts.out.example': {'TXT': [['v=STSv1\\\\000; id=1;']]}}",                  NULL,                                           "",                        NULL                 },
	{"silence about it",                            "{'_mta-sts.out.example': {'TIMEOUT': true}}",                                     NULL,                                           "unknown mta-sts-unknown", NULL                 },
	{"TLS-RPT",				     "{'_smtp._tls.out.example': {'TXT': [['v=TLSRPTv1; rua=mailto:t@out.example']]}}", NULL,
         "note tls-rpt-published",																						    NULL                 },
	{"TLS-RPT that cannot be read",                 "{'_smtp._tls.out.example': {'TXT': [['v=TLSRPTv1; rua=t@out.example']]}}",
         NULL,																					     "fail tls-rpt-record",     NULL                 },
	{"two of TLS-RPT",
         "{'_smtp._tls.out.example': {'TXT': [['v=TLSRPTv1; rua=mailto:a@b.example'], ['v=TLSRPTv1;']]}}",                                 NULL,
         "fail tls-rpt-two-records",																						  NULL                 },
	{"servfail about TLS-RPT",                      "{'_smtp._tls.out.example': {'RCODE': 2}}",                                        NULL,                                           "unknown tls-rpt-unknown", NULL                 },
	{"DANE",
         "{'_25._tcp.mx1.out.example': {'TLSA': ['3 1 1 "
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']}}",                                                           NULL,					   "note dane-published",     NULL                 },
	{"DANE of a usage that mail has not",
         "{'_25._tcp.mx1.out.example': {'TLSA': ['1 1 1 "
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']}}",                                                           NULL,					   "warn dane-usage",         NULL                 },
	{"servfail about DANE",                         "{'_25._tcp.mx1.out.example': {'RCODE': 2}}",                                      NULL,                                           "note dane-unknown",       NULL                 },
};

struct ask {
	const char *policy;
	const struct mx *mx;
	struct findings findings;
};

static int
run(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	findings_release(&a->findings);
	return transport_check(l, "out.example", a->mx, a->policy, &a->findings, err);
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct mx mx = {.status = MX_OK, .hosts = {{10, "mx1.out.example"}}, .n = 1};
	struct ask ask = {.policy = r->policy, .mx = &mx};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json(r->zone);
	struct err err = {0};
	struct zonetable t;
	bool fixed = r->fix == NULL;

	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	checks_said(&ask.findings, r->said);
	for (size_t i = 0; i < ask.findings.n; i++)
		fixed = fixed || (ask.findings.items[i].fix != NULL && strcmp(ask.findings.items[i].fix, r->fix) == 0);
	assert_true(fixed);
	findings_release(&ask.findings);
	zonetable_close(&t);
	free(json);
}

static void
transport__without_hosts_the_policy_is_read_all_the_same(void **state)
{
	struct ask ask = {.policy = V MODE "mx: other.example\r\n" AGE};
	struct check check = {.run = run, .arg = &ask, .findings = &ask.findings};
	char *json = checks_json("{" STS "}");
	struct err err = {0};
	struct zonetable t;

	(void)state;
	zonetable_open(json, &t);
	assert_ok(checks_run(&t, &check, &err), &err);
	checks_said(&ask.findings, "note mta-sts-mode");
	findings_release(&ask.findings);
	zonetable_close(&t);
	free(json);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, records, check_record);
	ROWS(tests, n, rpts, check_rpt);
	ROWS(tests, n, policies, check_policy);
	TEST(tests, n, mta_sts__a_long_policy_is_refused);
	ROWS(tests, n, allows, check_allows);
	ROWS(tests, n, rows, check_row);
	TEST(tests, n, transport__without_hosts_the_policy_is_read_all_the_same);
	return rows_run("dns/transport", tests, n);
}
