/*
 * test_spf.c - what spf.h promises: terms are read by RFC 7208, merged as terms, taken out again.
 */
#include "tests/lib/rows.h"

#include "dns/spf.h"

static const struct parsed {
	const char *name;
	const char *text;
	const char *want; /* written again; NULL: refused */
	size_t want_lookups;
	const char *want_err; /* part of the text */
} parsed[] = {
	{"the shortest record",                      "v=spf1",					   "v=spf1",                                0, NULL                                },
	{"the version is read in any case",          "V=SPF1 -ALL",                                      "v=spf1 -all",                           0, NULL                                },
	{"several blanks are one",                   "v=spf1  a   -all ",                                "v=spf1 a -all",                         1, NULL                                },
	{"a plus sign is left out",                  "v=spf1 +mx ?all",                                  "v=spf1 mx ?all",                        1, NULL                                },
	{"the default prefixes are left out",        "v=spf1 a/32 mx//128 a:b.example/32//128",          "v=spf1 a mx a:b.example",               3,
         NULL																					    },
	{"other prefixes are kept",                  "v=spf1 a/24 mx//64 a:b.example/24//48",            "v=spf1 a/24 mx//64 a:b.example/24//48", 3,
         NULL																					    },
	{"a host address has no prefix",             "v=spf1 ip4:192.0.2.10/32 ip6:2001:DB8:0:0::1/128",
         "v=spf1 ip4:192.0.2.10 ip6:2001:db8::1",												 0, NULL                                },
	{"a network keeps its prefix",               "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32",
         "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32",											     0, NULL                                },
	{"names are lower case without a final dot", "v=spf1 include:_SPF.Google.COM. -all",
         "v=spf1 include:_spf.google.com -all",												   1, NULL                                },
	{"an upper-case macro letter is kept",       "v=spf1 exists:%{L1r-}.X.example -all",
         "v=spf1 exists:%{L1r-}.x.example -all",												  1, NULL                                },
	{"a redirect counts",                        "v=spf1 a redirect=spf.example.net",                "v=spf1 a redirect=spf.example.net",     2, NULL                                },
	{"a redirect beside all does not count",     "v=spf1 a redirect=spf.example.net -all",
         "v=spf1 a redirect=spf.example.net -all",												1, NULL                                },
	{"a term behind all does not count",         "v=spf1 a -all mx",                                 "v=spf1 a -all mx",                      1, NULL                                },
	{"the same include twice counts twice",      "v=spf1 include:a.example include:a.example -all",
         "v=spf1 include:a.example include:a.example -all",										       2, NULL                                },
	{"an unknown modifier is kept as it is",     "v=spf1 Op=Auth -all",                              "v=spf1 op=Auth -all",                   0, NULL                                },
	{"ptr counts, exp does not",                 "v=spf1 ptr exp=why.%{d} -all",                     "v=spf1 ptr exp=why.%{d} -all",          1, NULL                                },
	{"another version is no record",             "v=spf10 -all",                                     NULL,                                    0, "does not start with"               },
	{"a tab does not part terms",                "v=spf1\t-all",                                     NULL,                                    0, "does not start with"               },
	{"an unknown mechanism is refused",          "v=spf1 ipv4:192.0.2.1 -all",                       NULL,                                    0,
         "'ipv4:192.0.2.1': no such mechanism"																	   },
	{"a line feed within a term is refused",     "v=spf1 ip4:192.0.2.5\n-all",                       NULL,                                    0, "malformed argument"                },
	{"a byte beyond ASCII is refused",           "v=spf1 a:\303\274.example -all",                   NULL,                                    0, "malformed argument"                },
	{"all takes no argument",                    "v=spf1 -all:example.net",                          NULL,                                    0, "'-all:example.net'"                },
	{"include needs a name",                     "v=spf1 include -all",                              NULL,                                    0, "'include'"                         },
	{"an empty name is refused",                 "v=spf1 a: -all",                                   NULL,                                    0, "'a:'"                              },
	{"a top label alone is refused",             "v=spf1 a:museum -all",                             NULL,                                    0, "'a:museum'"                        },
	{"a top label of digits is refused",         "v=spf1 a:192.0.2.1 -all",                          NULL,                                    0, "'a:192.0.2.1'"                     },
	{"a top label ends in no hyphen",            "v=spf1 a:example.com- -all",                       NULL,                                    0, "'a:example.com-'"                  },
	{"a prefix of 33 is refused",                "v=spf1 ip4:192.0.2.0/33 -all",                     NULL,                                    0, "'ip4:192.0.2.0/33'"                },
	{"a prefix with a leading zero is refused",  "v=spf1 a/024 -all",                                NULL,                                    0, "'a/024'"                           },
	{"an IPv6 prefix of 129 is refused",         "v=spf1 mx//129 -all",                              NULL,                                    0, "'mx//129'"                         },
	{"an address is no name",                    "v=spf1 ip4:mail.example -all",                     NULL,                                    0, "'ip4:mail.example'"                },
	{"an IPv6 address is no IPv4 address",       "v=spf1 ip4:2001:db8::1 -all",                      NULL,                                    0, "'ip4:2001:db8::1'"                 },
	{"a macro that is not closed is refused",    "v=spf1 exists:%{d.example -all",                   NULL,                                    0, "'exists:%{d.example'"              },
	{"a macro letter of exp only is refused",    "v=spf1 exists:%{c}.example -all",                  NULL,                                    0, "'exists:%{c}.example'"             },
	{"a label count of zero is refused",         "v=spf1 exists:%{d0}.example -all",                 NULL,                                    0, "'exists:%{d0}.example'"            },
	{"a lone per cent sign is refused",          "v=spf1 exists:100%.example -all",                  NULL,                                    0, "'exists:100%.example'"             },
	{"two redirects are refused",                "v=spf1 redirect=a.example redirect=b.example",     NULL,                                    0,
         "'redirect=' stands twice"																		      },
	{"a redirect names a domain",                "v=spf1 redirect=",                                 NULL,                                    0, "'redirect=': not a domain"         },
	{"a modifier takes no qualifier",            "v=spf1 -redirect=a.example",                       NULL,                                    0, "neither a mechanism nor a modifier"},
	{"a qualifier alone is refused",             "v=spf1 -",                                         NULL,                                    0, "no such mechanism"                 },
};

static void
check_parsed(void **state)
{
	const struct parsed *r = *state;
	struct err err = {0};
	struct spf s = {0};
	char *again = NULL;

	if (r->want == NULL) {
		assert_int_equal(spf_parse(r->text, &s, &err), CR_EPARSE);
		assert_non_null(strstr(err.text, r->want_err));
		assert_null(s.terms);
		return;
	}
	assert_ok(spf_parse(r->text, &s, &err), &err);
	assert_ok(spf_format(&s, &again, &err), &err);
	assert_string_equal(again, r->want);
	assert_int_equal(spf_lookups(&s), r->want_lookups);
	free(again);
	spf_release(&s);
}

static const struct merged {
	const char *name;
	bool out; /* taken out instead of put in */
	const char *text, *rules, *all;
	int want_rc;
	const char *want;
} merged[] = {
	{"a new term stands before all",             false, "v=spf1 mx ~all",                              "include:_spf.google.com",                 NULL,   CR_OK,
         "v=spf1 mx include:_spf.google.com ~all"																							     },
	{"terms keep their order",                   false, "v=spf1 -all",                                 "ip4:192.0.2.1 ip4:192.0.2.2 a:m.example", NULL,   CR_OK,
         "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 a:m.example -all"																						},
	{"a term that is there is not repeated",     false, "v=spf1 include:_spf.google.com -all",
         "INCLUDE:_SPF.google.com.",														  NULL,   CR_OK,     "v=spf1 include:_spf.google.com -all"                                },
	{"one address in two spellings is one",      false, "v=spf1 ip6:2001:db8:0::1/128 -all",           "ip6:2001:db8::1",                         NULL,
         CR_OK,																			  "v=spf1 ip6:2001:db8::1 -all"                                        },
	{"a longer name is another term",            false, "v=spf1 include:_spf.google.com.example -all",
         "include:_spf.google.com",														   NULL,   CR_OK,     "v=spf1 include:_spf.google.com.example include:_spf.google.com -all"},
	{"a rule given twice is added once",         false, "v=spf1 -all",                                 "mx mx",                                   NULL,   CR_OK,     "v=spf1 mx -all"                                                     },
	{"a weaker end is strengthened",             false, "v=spf1 mx ~all",                              "mx",                                      "-all", CR_OK,     "v=spf1 mx -all"                                                     },
	{"a stricter end stays",                     false, "v=spf1 mx -all",                              "mx",                                      "~all", CR_OK,     "v=spf1 mx -all"                                                     },
	{"a missing end is added",                   false, "v=spf1 mx",                                   "a:m.example",                             "-all", CR_OK,     "v=spf1 mx a:m.example -all"                                         },
	{"a redirect is an end and stays",           false, "v=spf1 redirect=s.example",                   "mx",                                      "-all", CR_OK,
         "v=spf1 redirect=s.example mx"																								       },
	{"no rules change nothing",                  false, "v=spf1 mx ~all",                              "",                                        NULL,   CR_OK,     "v=spf1 mx ~all"                                                     },
	{"the opposite of a term is a conflict",     false, "v=spf1 -include:a.example ~all",              "include:a.example",                       "-all",
         CR_ECONFLICT,																		   "v=spf1 -include:a.example ~all"                                     },
	{"a rule that ends a record is refused",     false, "v=spf1 mx ~all",                              "-all",                                    NULL,   CR_EPARSE, "v=spf1 mx ~all"                                                     },
	{"a rule that redirects is refused",         false, "v=spf1 mx ~all",                              "redirect=a.example",                      NULL,   CR_EPARSE,
         "v=spf1 mx ~all"																										     },
	{"a malformed rule leaves the record alone", false, "v=spf1 mx ~all",                              "a:m.example ip4:x",                       "-all", CR_EPARSE,
         "v=spf1 mx ~all"																										     },
	{"an end that is no all is refused",         false, "v=spf1 mx ~all",                              "a:m.example",                             "-mx",  CR_EPARSE,
         "v=spf1 mx ~all"																										     },
	{"an empty end is refused",                  false, "v=spf1 mx ~all",                              "a:m.example",                             "",     CR_EPARSE, "v=spf1 mx ~all"                                                     },
	{"a term is taken out",                      true,  "v=spf1 mx a:m.example -all",                  "a:M.example/32",                          NULL,   CR_OK,     "v=spf1 mx -all"                                                     },
	{"foreign terms stay",                       true,  "v=spf1 include:_spf.google.com.example -all", "include:_spf.google.com",                 NULL,
         CR_OK,																			  "v=spf1 include:_spf.google.com.example -all"                        },
	{"a foreign term of another result stays",   true,  "v=spf1 -mx ~all",                             "mx",                                      NULL,   CR_OK,     "v=spf1 -mx ~all"                                                    },
	{"of two equal terms the later one goes",    true,  "v=spf1 mx a:b.example mx -all",               "mx",                                      NULL,   CR_OK,
         "v=spf1 mx a:b.example -all"																									 },
};

static void
check_merged(void **state)
{
	const struct merged *r = *state;
	struct err err = {0};
	struct spf s = {0};
	char *got = NULL;

	assert_ok(spf_parse(r->text, &s, &err), &err);
	if (r->out)
		assert_int_equal(spf_unmerge(&s, r->rules, &err), r->want_rc);
	else
		assert_int_equal(spf_merge(&s, r->rules, r->all, &err), r->want_rc);
	assert_ok(spf_format(&s, &got, &err), &err);
	assert_string_equal(got, r->want);
	free(got);
	spf_release(&s);
}

static void
spf__what_was_merged_comes_out_again(void **state)
{
	static const char before[] = "v=spf1 include:a.example mx ~all",
			  rules[] = "ip4:192.0.2.10 ip6:2001:db8::10 a:m.example";
	struct err err = {0};
	struct spf s = {0};
	char *got = NULL;

	(void)state;
	assert_ok(spf_parse(before, &s, &err), &err);
	assert_ok(spf_merge(&s, rules, NULL, &err), &err);
	assert_ok(spf_unmerge(&s, rules, &err), &err);
	assert_ok(spf_format(&s, &got, &err), &err);
	assert_string_equal(got, before);
	free(got);
	spf_release(&s);
}

static void
spf__only_spf_is_a_record(void **state)
{
	(void)state;
	assert_true(spf_is_record("v=spf1"));
	assert_true(spf_is_record("v=SPF1 -all"));
	assert_false(spf_is_record("v=spf1-all"));
	assert_false(spf_is_record(" v=spf1 -all"));
	assert_false(spf_is_record("\"v=spf1 -all\""));
	assert_false(spf_is_record(""));
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, parsed, check_parsed);
	ROWS(tests, n, merged, check_merged);
	TEST(tests, n, spf__what_was_merged_comes_out_again);
	TEST(tests, n, spf__only_spf_is_a_record);
	return rows_run("dns/spf", tests, n);
}
