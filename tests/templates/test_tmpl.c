/*
 * test_tmpl.c - what tmpl.h promises: the built-in record sets, the filling of variables, and errors that name file, record and field.
 */
#include "tests/lib/rows.h"

#include <unistd.h>

#include "templates/tmpl.h"

#define ONE(v) .values = (const char *const[]){v}, .n_values = 1
#define TTL_S  3600

/* Values for everything the built-in templates ask for. */
/* Its column alignment trips over rows of two shapes. */
/* clang-format off */
static const struct tmpl_variable vars[] = {
	{.name = "host", ONE("mail.relay.example")},
	{.name = "mx", ONE("getx-example.a-v1.mx.microsoft")},
	{.name = "spf_rules", .values = (const char *const[]){"ip4:192.0.2.10", "ip6:2001:db8::10"}, .n_values = 2},
	{.name = "dmarc", ONE("v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; rua=mailto:d@relay.example")},
	{.name = "selector", ONE("cr202611a")},
	{.name = "dkim", ONE("v=DKIM1; k=rsa; p=AAAA")},
	{.name = "dkim1", ONE("selector1-getx-example._domainkey.corp.n-v1.dkim.mail.microsoft")},
	{.name = "dkim2", ONE("selector2-getx-example._domainkey.corp.n-v1.dkim.mail.microsoft")},
	{.name = "verify_txt", ONE("MS=ms12345678")},
	{.name = "tlsrpt", ONE("t@relay.example")},
	{.name = "web_addresses", .values = (const char *const[]){"192.0.2.80", "2001:db8::80", "192.0.2.81"}, .n_values = 3},
};
/* clang-format on */

static const struct builtin {
	const char *name;
	const char *template, *group; /* group NULL: all */
	const char *want;             /* records in the order of the file */
} builtins[] = {
	{"the records of an own mail server",       "local",        NULL,
         "getx.example. 3600 IN MX 10 mail.relay.example.\n"
         "getx.example. 3600 IN TXT \"v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all\"\n"
         "_dmarc.getx.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; "
         "rua=mailto:d@relay.example\"\n"
         "cr202611a._domainkey.getx.example. 3600 IN TXT \"v=DKIM1; k=rsa; p=AAAA\"\n"
         "_smtp._tls.getx.example. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:t@relay.example\"\n"
         "getx.example. 3600 IN A 192.0.2.80\n"
         "getx.example. 3600 IN A 192.0.2.81\n"
         "getx.example. 3600 IN AAAA 2001:db8::80\n"                                  },
	{"one DKIM key alone",                      "local",        "dkim",
         "cr202611a._domainkey.getx.example. 3600 IN TXT \"v=DKIM1; k=rsa; p=AAAA\"\n"},
	{"the two CNAMEs of Exchange",              "microsoft365", "dkim",
         "selector1._domainkey.getx.example. 3600 IN CNAME "
         "selector1-getx-example._domainkey.corp.n-v1.dkim.mail.microsoft.\n"
         "selector2._domainkey.getx.example. 3600 IN CNAME "
         "selector2-getx-example._domainkey.corp.n-v1.dkim.mail.microsoft.\n"         },
	{"the ownership record of Microsoft",       "microsoft365", "verify",
         "getx.example. 3600 IN TXT \"MS=ms12345678\"\n"                              },
	{"a parked domain takes and sends nothing", "parked",       NULL,
         "getx.example. 3600 IN MX 0 .\n"
         "getx.example. 3600 IN TXT \"v=spf1 -all\"\n"
         "_dmarc.getx.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject\"\n"
         "*._domainkey.getx.example. 3600 IN TXT \"v=DKIM1; p=\"\n"                   },
};

static void
format(const struct tmpl_records *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		record_format(&l->items[i].record, out);
		if (out->data[out->len - 1] != '\n')
			buf_addc(out, '\n');
	}
}

static void
check_builtin(void **state)
{
	const struct builtin *r = *state;
	struct tmpl_records got = {0};
	struct tmpl *t = NULL;
	struct buf text = {0};
	struct err err = {0};

	assert_ok(tmpl_load(r->template, NULL, &t, &err), &err);
	if (r->group == NULL)
		assert_ok(tmpl_fill(t, "getx.example", vars, ARRAY_LEN(vars), NULL, TTL_S, &got, &err), &err);
	else
		assert_ok(tmpl_fill_group(t, "getx.example", vars, ARRAY_LEN(vars), r->group, TTL_S, &got, &err), &err);
	format(&got, &text);
	assert_string_equal(buf_str(&text), r->want);
	buf_release(&text);
	tmpl_records_release(&got);
	tmpl_drop(&t);
}

/* One record each, filled for getx.example. */
static const struct filled {
	const char *name;
	const char *record; /* JSON */
	const char *want;   /* a line; or part of the error */
	int want_rc;
} filled[] = {
	{"a record has its own ttl",                       "{\"type\":\"A\",\"host\":\"www\",\"pointsTo\":\"192.0.2.1\",\"ttl\":300}",
         "www.getx.example. 300 IN A 192.0.2.1\n",																			       CR_OK     },
	{"a ttl may be text",			      "{\"type\":\"A\",\"host\":\"www\",\"pointsTo\":\"192.0.2.1\",\"ttl\":\"60\"}",
         "www.getx.example. 60 IN A 192.0.2.1\n",																				CR_OK     },
	{"an empty host is the domain",                    "{\"type\":\"A\",\"host\":\"\",\"pointsTo\":\"192.0.2.1\"}",
         "getx.example. 3600 IN A 192.0.2.1\n",																				  CR_OK     },
	{"a name without a final dot is absolute",
         "{\"type\":\"CNAME\",\"host\":\"www\",\"pointsTo\":\"web.example.net\"}",                                                        "www.getx.example. 3600 IN CNAME web.example.net.\n",                  CR_OK     },
	{"@ as a target is the domain",                    "{\"type\":\"CNAME\",\"host\":\"www\",\"pointsTo\":\"@\"}",
         "www.getx.example. 3600 IN CNAME getx.example.\n",																		      CR_OK     },
	{"every template knows its domain",                "{\"type\":\"TXT\",\"host\":\"x\",\"data\":\"at %domain%\"}",
         "x.getx.example. 3600 IN TXT \"at getx.example\"\n",																		    CR_OK     },
	{"two variables in one field",                     "{\"type\":\"TXT\",\"host\":\"x\",\"data\":\"%selector%/%tlsrpt%\"}",
         "x.getx.example. 3600 IN TXT \"cr202611a/t@relay.example\"\n",																	  CR_OK     },
	{"a service at the domain",
         "{\"type\":\"SRV\",\"name\":\"@\",\"service\":\"_imaps\",\"protocol\":\"tcp\",\"priority\":1,\"weight\":2,"
         "\"port\":993,\"target\":\"%host%\"}",                                                                                           "_imaps._tcp.getx.example. 3600 IN SRV 1 2 993 mail.relay.example.\n", CR_OK     },
	{"a service below the domain",
         "{\"type\":\"SRV\",\"host\":\"sip\",\"service\":\"sip\",\"protocol\":\"_UDP\",\"priority\":1,\"weight\":2,"
         "\"port\":5060,\"target\":\".\"}",                                                                                               "_sip._udp.sip.getx.example. 3600 IN SRV 1 2 5060 .\n",                CR_OK     },
	{"a CAA record",				   "{\"type\":\"CAA\",\"host\":\"@\",\"data\":\"0 issue \\\"ca.example\\\"\"}",
         "getx.example. 3600 IN CAA 0 issue \"ca.example\"\n",																		   CR_OK     },
	{"a name server",				  "{\"type\":\"NS\",\"host\":\"sub\",\"pointsTo\":\"ns.example.net.\"}",
         "sub.getx.example. 3600 IN NS ns.example.net.\n",																		       CR_OK     },
	{"quotes in a TXT are data",                       "{\"type\":\"TXT\",\"host\":\"x\",\"data\":\"a\\\"b\\\\c\"}",
         "x.getx.example. 3600 IN TXT \"a\\\"b\\\\c\"\n",																			CR_OK     },
	{"a variable that is not set is named",            "{\"type\":\"A\",\"host\":\"@\",\"pointsTo\":\"%nowhere%\"}",
         "T: records[0].pointsTo: variable 'nowhere' is not set",																		CR_ECONFIG},
	{"several values in a host are refused",           "{\"type\":\"TXT\",\"host\":\"%web_addresses%\",\"data\":\"x\"}",
         "T: records[0].host: variable 'web_addresses' has 3 values",																	    CR_ECONFIG},
	{"several values within a text are refused",
         "{\"type\":\"TXT\",\"host\":\"x\",\"data\":\"at %web_addresses%\"}",                                                             "T: records[0].data: variable 'web_addresses' has 3 values",           CR_ECONFIG},
	{"an IPv6 address needs its AAAA record",          "{\"type\":\"A\",\"host\":\"@\",\"pointsTo\":\"%web_addresses%\"}",
         "T: records[0].pointsTo: not an IPv4 address: '2001:db8::80'",																	  CR_ECONFIG},
	{"a value is one host name and nothing behind it",
         "{\"type\":\"MX\",\"host\":\"@\",\"priority\":1,\"pointsTo\":\"%dmarc%\"}",                                                      "T: records[0].pointsTo: ",					    CR_ECONFIG},
	{"a value that is no number is named",
         "{\"type\":\"MX\",\"host\":\"@\",\"priority\":\"%selector%\",\"pointsTo\":\"@\"}",                                               "T: records[0].priority: not a number: 'cr202611a'",                   CR_ECONFIG},
	{"a host outside of the domain is refused",
         "{\"type\":\"A\",\"host\":\"www.example.com.\",\"pointsTo\":\"192.0.2.1\"}",                                                     "T: records[0].host: 'www.example.com.' is not below getx.example",    CR_ECONFIG},
	{"a CNAME at the domain is refused",               "{\"type\":\"CNAME\",\"host\":\"@\",\"pointsTo\":\"x.example\"}",
         "T: records[0].host: a CNAME cannot stand",																			     CR_ECONFIG},
	{"a CAA that is none is refused",                  "{\"type\":\"CAA\",\"host\":\"@\",\"data\":\"0 issue\"}",
         "T: records[0].data: ",																						 CR_ECONFIG},
	{"SPF rules that are none are refused",            "{\"type\":\"SPFM\",\"host\":\"@\",\"spfRules\":\"ip4:%host%\"}",
         "T: records[0].spfRules: spf: 'ip4:mail.relay.example'",																		CR_ECONFIG},
	{"an empty value is refused",                      "{\"type\":\"MX\",\"host\":\"@\",\"priority\":1,\"pointsTo\":\"%nothing%.\"}",
         "T: records[0].pointsTo: variable 'nothing' is empty",																		  CR_ECONFIG},
};

static void
check_filled(void **state)
{
	const struct filled *r = *state;
	struct tmpl_variable more[ARRAY_LEN(vars) + 1];
	struct tmpl_records got = {0};
	struct buf json = {0}, text = {0};
	struct tmpl *t = NULL;
	struct err err = {0};

	memcpy(more, vars, sizeof(vars));
	more[ARRAY_LEN(vars)] = (struct tmpl_variable){.name = "nothing", ONE("")};
	buf_addf(&json, "{\"records\":[%s]}", r->record);
	assert_ok(tmpl_parse(buf_str(&json), json.len, "T", &t, &err), &err);
	assert_int_equal(tmpl_fill(t, "getx.example", more, ARRAY_LEN(more), NULL, TTL_S, &got, &err), r->want_rc);
	if (r->want_rc == CR_OK) {
		format(&got, &text);
		assert_string_equal(buf_str(&text), r->want);
	} else {
		if (strncmp(err.text, r->want, strlen(r->want)) != 0)
			assert_string_equal(err.text, r->want);
		assert_int_equal(err.code, r->want_rc);
		assert_int_equal(got.n, 0);
	}
	buf_release(&json);
	buf_release(&text);
	tmpl_records_release(&got);
	tmpl_drop(&t);
}

static const struct refused {
	const char *name;
	const char *text;
	const char *want; /* the error starts so */
} refused[] = {
	{"what is no JSON is refused",            "{\"records\":[",                                                      "T: "									   },
	{"a file without records is refused",     "{\"name\":1}",                                                        "T: records: missing"                                                           },
	{"no records are refused",                "{\"records\":[]}",                                                    "T: records: must be 1 to 256, not 0"                                           },
	{"a record that is no object is refused", "{\"records\":[1]}",                                                   "T: records[0]: "                                                               },
	{"a record without a type is refused",    "{\"records\":[{\"host\":\"@\"}]}",                                    "T: records[0].type: missing"                                                   },
	{"an unknown type is refused",            "{\"records\":[{\"type\":\"REDIR301\",\"target\":\"x\"}]}",
         "T: records[0].type: cannot make 'REDIR301'"																		    },
	{"a missing field is named",              "{\"records\":[{\"type\":\"A\",\"host\":\"@\"}]}",
         "T: records[0].pointsTo: missing"																			       },
	{"a ttl that is no number is named",
         "{\"records\":[{\"type\":\"A\",\"host\":\"@\",\"pointsTo\":\"%x%\"},{\"type\":\"A\",\"host\":\"@\","
         "\"pointsTo\":\"%x%\",\"ttl\":\"soon\"}]}",                                                                     "T: records[1].ttl: not a number: 'soon'"                                       },
	{"a priority out of range is named",
         "{\"records\":[{\"type\":\"MX\",\"host\":\"@\",\"pointsTo\":\"x\",\"priority\":65536}]}",                       "T: records[0].priority: must be 0 to 65535"                                    },
	{"a field of another shape is named",     "{\"records\":[{\"type\":\"A\",\"host\":[],\"pointsTo\":\"x\"}]}",
         "T: records[0].host: "																					  },
	{"a stray per cent sign is named",        "{\"records\":[{\"type\":\"TXT\",\"host\":\"@\",\"data\":\"100%\"}]}",
         "T: records[0].data: a '%' that starts no"																		      },
	{"an unknown conflict mode is named",
         "{\"records\":[{\"type\":\"TXT\",\"host\":\"@\",\"data\":\"x\",\"txtConflictMatchingMode\":\"Some\"}]}",        "T: records[0].txtConflictMatchingMode: must be None, All or Prefix, not 'Some'"},
	{"a conflict prefix may not be missing",
         "{\"records\":[{\"type\":\"TXT\",\"host\":\"@\",\"data\":\"x\",\"txtConflictMatchingMode\":\"Prefix\"}]}",      "T: records[0].txtConflictMatchingPrefix: missing"                              },
	{"an unknown word in essential is named",
         "{\"records\":[{\"type\":\"TXT\",\"host\":\"@\",\"data\":\"x\",\"essential\":\"Maybe\"}]}",                     "T: records[0].essential: must be Always or OnApply, not 'Maybe'"               },
	{"a group is no variable",
         "{\"records\":[{\"type\":\"TXT\",\"host\":\"@\",\"data\":\"x\",\"groupId\":\"%x%\"}]}",                         "T: records[0].groupId: takes no variable"                                      },
};

static void
check_refused(void **state)
{
	const struct refused *r = *state;
	struct tmpl *t = NULL;
	struct err err = {0};

	assert_int_equal(tmpl_parse(r->text, strlen(r->text), "T", &t, &err), CR_ECONFIG);
	assert_int_equal(err.code, CR_ECONFIG);
	if (strncmp(err.text, r->want, strlen(r->want)) != 0)
		assert_string_equal(err.text, r->want);
	assert_null(t);
}

static void
tmpl__conflicts_and_groups_come_with_the_records(void **state)
{
	static const char *const groups[] = {"tlsrpt", NULL};
	struct tmpl_records got = {0};
	struct tmpl *t = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(tmpl_load("local", NULL, &t, &err), &err);
	assert_ok(tmpl_fill(t, "getx.example", vars, ARRAY_LEN(vars), groups, TTL_S, &got, &err), &err);
	assert_int_equal(got.n, 4);
	assert_int_equal(got.items[0].conflict, TMPL_CONFLICT_SAME_SET);
	assert_null(got.items[0].group);
	assert_true(got.items[0].essential);
	assert_int_equal(got.items[1].conflict, TMPL_CONFLICT_SPF);
	assert_string_equal(got.items[1].spf_rules, "ip4:192.0.2.10 ip6:2001:db8::10");
	assert_int_equal(got.items[2].conflict, TMPL_CONFLICT_PREFIX);
	assert_string_equal(got.items[2].prefix, "v=DMARC1");
	assert_string_equal(got.items[3].group, "tlsrpt");
	tmpl_records_release(&got);
	tmpl_drop(&t);
}

static void
tmpl__every_builtin_template_loads_and_fills(void **state)
{
	static const char *const names[] = {"local", "microsoft365", "google", "parked"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct tmpl_records got = {0};
		struct tmpl *t = NULL;
		struct err err = {0};

		assert_ok(tmpl_load(names[i], NULL, &t, &err), &err);
		assert_ok(tmpl_fill(t, "getx.example", vars, ARRAY_LEN(vars), NULL, TTL_S, &got, &err), &err);
		assert_true(got.n >= 4);
		tmpl_records_release(&got);
		tmpl_drop(&t);
	}
}

static void
tmpl__variables_are_told_in_order_and_once(void **state)
{
	static const char text[] = "{\"records\":[{\"type\":\"TXT\",\"host\":\"%b%\",\"data\":\"%ab%%a%\"},"
				   "{\"type\":\"TXT\",\"host\":\"%b%\",\"data\":\"%abc%\"}]}";
	static const char *const want[] = {"a", "ab", "abc", "b"};
	const char *const *got;
	struct tmpl *t = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(tmpl_parse(text, sizeof(text) - 1, "T", &t, &err), &err);
	got = tmpl_variables(t);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(got[i], want[i]);
	assert_null(got[ARRAY_LEN(want)]);
	tmpl_drop(&t);
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
tmpl__the_operators_directory_comes_first(void **state)
{
	char dir[] = "/tmp/coldrelay-tmpl-XXXXXX", path[128];
	const char *const dirs[] = {"/nonexistent", mkdtemp(dir), NULL};
	struct tmpl *t = NULL;
	struct err err = {0};

	(void)state;
	assert_non_null(dirs[1]);
	write_file(dir, "parked.json", "{\"records\":[{\"type\":\"TXT\",\"host\":\"@\",\"data\":\"%mine%\"}]}");
	write_file(dir, "broken.json", "{\"records\":[{\"type\":\"A\"}]}");
	assert_ok(tmpl_load("parked", dirs, &t, &err), &err);
	assert_string_equal(tmpl_variables(t)[0], "mine");
	tmpl_drop(&t);
	assert_ok(tmpl_load("google", dirs, &t, &err), &err);
	tmpl_drop(&t);
	assert_int_equal(tmpl_load("broken", dirs, &t, &err), CR_ECONFIG);
	(void)snprintf(path, sizeof(path), "%s/broken.json: records[0].host: missing", dir);
	assert_string_equal(err.text, path);
	assert_int_equal(tmpl_load("other", dirs, &t, &err), CR_ENOTFOUND);
	(void)snprintf(path, sizeof(path), "local, microsoft365, parked; in %s: broken, parked", dir);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(tmpl_load("../parked", dirs, &t, &err), CR_ENOTFOUND);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.json", dir, i == 0 ? "parked" : "broken");
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, builtins, check_builtin);
	ROWS(tests, n, filled, check_filled);
	ROWS(tests, n, refused, check_refused);
	TEST(tests, n, tmpl__conflicts_and_groups_come_with_the_records);
	TEST(tests, n, tmpl__every_builtin_template_loads_and_fills);
	TEST(tests, n, tmpl__variables_are_told_in_order_and_once);
	TEST(tests, n, tmpl__the_operators_directory_comes_first);
	return rows_run("templates/tmpl", tests, n);
}
