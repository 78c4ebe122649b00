/*
 * test_dmarc.c - what dmarc.h promises: records are read as receivers of both standards read them, and only strong ones are written.
 */
#include "tests/lib/rows.h"

#include "dns/dmarc.h"

static const struct parsed {
	const char *name;
	const char *text;
	int want_rc;
	enum dmarc_policy p, sp, np;
	bool want_enforced;
	int want_pct;
	const char *want_rua; /* joined by commas */
} parsed[] = {
	{"p alone",			      "v=DMARC1; p=reject",					     CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,  ""                                     },
	{"p=none is not enforced",               "v=DMARC1; p=none; rua=mailto:d@out.example",                     CR_OK,     DMARC_NONE,       0,                0,            false, -1,
         "mailto:d@out.example"																								    },
	{"all tags",
         "v=DMARC1; p=reject; sp=quarantine; np=reject; adkim=s; aspf=s; fo=1:d:s; psd=n; t=n; "
         "rua=mailto:a@x.example,mailto:b@y.example; ruf=mailto:f@x.example",                                      CR_OK,     DMARC_REJECT,     DMARC_QUARANTINE, DMARC_REJECT, false, -1,  "mailto:a@x.example,mailto:b@y.example"},
	{"testing takes the policy back",        "v=DMARC1; p=quarantine; t=y",                                    CR_OK,     DMARC_QUARANTINE, 0,                0,            false, -1,  ""                                     },
	{"pct=100 changes nothing",              "v=DMARC1; p=reject; pct=100",                                    CR_OK,     DMARC_REJECT,     0,                0,            true,  100, ""                                     },
	{"pct=0 is read by old receivers",       "v=DMARC1; p=reject; pct=0",                                      CR_OK,     DMARC_REJECT,     0,                0,            false, 0,   ""                                     },
	{"an unreadable pct is ignored",         "v=DMARC1; p=reject; pct=many",                                   CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,  ""                                     },
	{"rf and ri are ignored",                "v=DMARC1; p=reject; rf=afrf; ri=86400",                          CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,  ""                                     },
	{"a weaker sp is not enforced",          "v=DMARC1; p=reject; sp=none",                                    CR_OK,     DMARC_REJECT,     DMARC_NONE,       0,            false, -1,
         ""																											},
	{"a weaker np is not enforced",          "v=DMARC1; p=reject; np=none",                                    CR_OK,     DMARC_REJECT,     0,                DMARC_NONE,   false, -1,
         ""																											},
	{"a stricter sp is enforced",            "v=DMARC1; p=quarantine; sp=reject",                              CR_OK,     DMARC_QUARANTINE, DMARC_REJECT,     0,
         true,																					 -1,  ""				     },
	{"no blanks are needed",                 "v=DMARC1;p=reject;rua=mailto:d@out.example;",                    CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,
         "mailto:d@out.example"																								    },
	{"blanks around '=' are allowed",        "v = DMARC1 ; p = reject ; adkim = s",                            CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,
         ""																											},
	{"values are read in any case",          "v=DMARC1; p=Reject; adkim=S",                                    CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,  ""                                     },
	{"p need not stand second",              "v=DMARC1; rua=mailto:d@out.example; p=reject",                   CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,
         "mailto:d@out.example"																								    },
	{"a bad p with rua is none",             "v=DMARC1; p=block; rua=mailto:d@out.example",                    CR_OK,     DMARC_NONE,       0,                0,            false, -1,
         "mailto:d@out.example"																								    },
	{"a size limit of rua is cut off",       "v=DMARC1; p=reject; rua=mailto:d@out.example!10m",               CR_OK,     DMARC_REJECT,     0,
         0,																				     true,  -1,  "mailto:d@out.example"                 },
	{"rua without a scheme is skipped",      "v=DMARC1; p=reject; rua=d@out.example",                          CR_OK,     DMARC_REJECT,     0,                0,            true,
         -1,																						""				     },
	{"rua may be https",                     "v=DMARC1; p=reject; rua=https://r.out.example/in",               CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,
         "https://r.out.example/in"																								},
	{"an unknown tag is ignored",            "v=DMARC1; p=reject; zz=1; -",                                    CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,  ""                                     },
	{"the version has to be upper case",     "v=dmarc1; p=reject",                                             CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"another version is no record",         "v=DMARC2; p=reject",                                             CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"the empty text is no record",          "",							       CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"quotes left inside are no record",     "\"v=DMARC1; p=reject\"",                                         CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"a missing semicolon is no record",     "v=DMARC1 p=reject",                                              CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"a missing p without rua is no record", "v=DMARC1; adkim=s",                                              CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"the version alone is no record",       "v=DMARC1",						       CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"a bad sp without rua is no record",    "v=DMARC1; p=reject; sp=all",                                     CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"a tag that stands twice is no record", "v=DMARC1; p=reject; p=none",                                     CR_EPARSE, 0,                0,                0,            false, 0,   NULL                                   },
	{"a ninth report address is left out",
         "v=DMARC1; p=reject; "
         "rua=mailto:1@x,mailto:2@x,mailto:3@x,mailto:4@x,mailto:5@x,mailto:6@x,mailto:7@x,mailto:8@x,mailto:9@x", CR_OK,     DMARC_REJECT,     0,                0,            true,  -1,
         "mailto:1@x,mailto:2@x,mailto:3@x,mailto:4@x,mailto:5@x,mailto:6@x,mailto:7@x,mailto:8@x"																 },
};

static void
check_parsed(void **state)
{
	const struct parsed *r = *state;
	const char *why = NULL;
	struct dmarc d = {0};
	struct buf rua = {0};
	struct err err = {0};

	assert_int_equal(dmarc_parse(r->text, &d, &err), r->want_rc);
	if (r->want_rc != CR_OK)
		return;
	assert_int_equal(d.p, r->p);
	assert_int_equal(d.sp, r->sp);
	assert_int_equal(d.np, r->np);
	assert_int_equal(d.pct, r->want_pct);
	assert_int_equal(dmarc_enforced(&d, &why), r->want_enforced);
	assert_int_equal(why == NULL, r->want_enforced);
	for (size_t i = 0; i < d.n_rua; i++)
		buf_addf(&rua, "%s%s", i != 0 ? "," : "", d.rua[i]);
	assert_string_equal(buf_str(&rua), r->want_rua);
	buf_release(&rua);
}

static const struct written {
	const char *name;
	struct dmarc d;
	int want_rc;
	const char *want;
} written[] = {
	{"the record of an outreach domain",
         {.p = DMARC_REJECT,
          .sp = DMARC_REJECT,
          .np = DMARC_REJECT,
          .adkim_strict = true,
          .pct = -1,
          .rua = {"mailto:d@example.net"},
          .n_rua = 1},
         CR_OK,                                                                                                         "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; rua=mailto:d@example.net"},
	{"two report addresses",
         {.p = DMARC_QUARANTINE,
          .aspf_strict = true,
          .pct = -1,
          .rua = {"mailto:a@x.example", "mailto:b@y.example"},
          .n_rua = 2},
         CR_OK,                                                                                                         "v=DMARC1; p=quarantine; adkim=r; aspf=s; rua=mailto:a@x.example,mailto:b@y.example" },
	{"a stricter sp is written",
         {.p = DMARC_QUARANTINE, .sp = DMARC_REJECT, .pct = -1},
         CR_OK,                                                                                                         "v=DMARC1; p=quarantine; sp=reject; adkim=r; aspf=r"                                 },
	{"p=none is refused",                            {.p = DMARC_NONE, .pct = -1},                     CR_EREFUSED, ""										   },
	{"no p is refused",			      {.pct = -1},                                      CR_EREFUSED, ""										   },
	{"a weaker sp is refused",
         {.p = DMARC_REJECT, .sp = DMARC_QUARANTINE, .np = DMARC_REJECT, .pct = -1},
         CR_EREFUSED,                                                                                                   ""										   },
	{"a weaker np is refused",                       {.p = DMARC_REJECT, .np = DMARC_NONE, .pct = -1}, CR_EREFUSED, ""                                                                                   },
	{"testing is refused",                           {.p = DMARC_REJECT, .testing = true, .pct = -1},  CR_EREFUSED, ""                                                                                   },
	{"a share is refused",                           {.p = DMARC_REJECT, .pct = 50},                   CR_EREFUSED, ""										   },
	{"an address that would end the tag is refused",
         {.p = DMARC_REJECT, .pct = -1, .rua = {"mailto:a@x.example; p=none"}, .n_rua = 1},
         CR_EPARSE,                                                                                                     ""										   },
};

static void
check_written(void **state)
{
	const struct written *r = *state;
	struct dmarc back;
	struct buf out = {0};
	struct err err = {0};

	assert_int_equal(dmarc_format(&r->d, &out, &err), r->want_rc);
	assert_string_equal(buf_str(&out), r->want);
	if (r->want_rc == CR_OK) {
		assert_ok(dmarc_parse(buf_str(&out), &back, &err), &err);
		assert_memory_equal(&back, &r->d, sizeof(back));
	}
	buf_release(&out);
}

static const struct host {
	const char *name;
	const char *uri;
	const char *want; /* NULL: none */
} hosts[] = {
	{"the host of an address",              "mailto:dmarc@Reports.Example.net",    "reports.example.net"},
	{"a size limit is no part of it",       "mailto:d@example.net!10m",            "example.net"        },
	{"header fields are no part of it",     "MAILTO:d@example.net?subject=x@y",    "example.net"        },
	{"https has the host of its authority", "https://u@R.Example.net:443/in",      "r.example.net"      },
	{"https without an authority has none", "https:d@example.net",                 NULL                 },
	{"a path is no part of the authority",  "https:///d@example.net",              NULL                 },
	{"without a scheme there is none",      "d@example.net",                       NULL                 },
	{"an address without @ has none",       "mailto:example.net",                  NULL                 },
	{"an empty local part has none",        "mailto:@example.net",                 NULL                 },
	{"an empty host is none",               "mailto:d@",                           NULL                 },
	{"what does not fit is none",           "mailto:d@a-much-longer.name.example", NULL                 },
};

static void
check_host(void **state)
{
	const struct host *r = *state;
	char got[20] = "";

	assert_int_equal(dmarc_uri_host(r->uri, got, sizeof(got)), r->want != NULL);
	assert_string_equal(got, r->want != NULL ? r->want : "");
}

static void
dmarc_uri_valid__looks_no_further_than_its_length(void **state)
{
	(void)state;
	assert_true(dmarc_uri_valid("x:%20", 5));
	assert_false(dmarc_uri_valid("x:%20", 4));
	assert_false(dmarc_uri_valid("x:%20", 3));
	assert_false(dmarc_uri_valid("x:%20", 2));
	assert_false(dmarc_uri_valid("x:%20", 1));
	assert_false(dmarc_uri_valid("x:%20", 0));
	assert_false(dmarc_uri_valid("1x:y", 4));
	assert_true(dmarc_uri_valid("mailto:d@out.example", 20));
	assert_false(dmarc_uri_valid("mailto:d@out.example", 9));
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, parsed, check_parsed);
	ROWS(tests, n, written, check_written);
	ROWS(tests, n, hosts, check_host);
	TEST(tests, n, dmarc_uri_valid__looks_no_further_than_its_length);
	return rows_run("dns/dmarc", tests, n);
}
