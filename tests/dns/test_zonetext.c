/*
 * test_zonetext.c - what zonetext.h promises: every way to write a master file is read, and what is written reads the same.
 */
#include "tests/lib/rows.h"

#include "dns/zonetext.h"

static const struct file {
	const char *name;
	const char *text;
	const char *want; /* the records as read, one a line; NULL: refused */
	const char *want_text;
} files[] = {
	{"an empty file is an empty zone",                 "",										"",                                        NULL                                         },
	{"comments and blank lines are nothing",           "; a\n\n   \n\t; b\n",                                                             "",                                        NULL                                         },
	{"owner, TTL, class, type",                        "www 300 IN A 192.0.2.1\n",                                                        "www.example.com. 300 IN A 192.0.2.1\n",   NULL                                         },
	{"class may stand before TTL",                     "www IN 300 A 192.0.2.1\n",                                                        "www.example.com. 300 IN A 192.0.2.1\n",   NULL                                         },
	{"the class may be absent",                        "www 300 A 192.0.2.1",							     "www.example.com. 300 IN A 192.0.2.1\n",   NULL                                         },
	{"the class may be a number",                      "www 300 CLASS1 A 192.0.2.1",                                                      "www.example.com. 300 IN A 192.0.2.1\n",   NULL                                         },
	{"lower case is read",                             "www 300 in a 192.0.2.1",							  "www.example.com. 300 IN A 192.0.2.1\n",   NULL                                         },
	{"$TTL stands in",				 "$TTL 1h\n@ A 192.0.2.1\n$ttl 1D\n@ A 192.0.2.2\n",
         "example.com. 3600 IN A 192.0.2.1\nexample.com. 86400 IN A 192.0.2.2\n",													NULL                                         },
	{"an own TTL goes before $TTL",                    "$TTL 1h\n@ 60 A 192.0.2.1\n@ A 192.0.2.2",
         "example.com. 60 IN A 192.0.2.1\nexample.com. 3600 IN A 192.0.2.2\n",													   NULL                                         },
	{"without $TTL the last TTL stands in",            "@ 60 A 192.0.2.1\n@ A 192.0.2.2",
         "example.com. 60 IN A 192.0.2.1\nexample.com. 60 IN A 192.0.2.2\n",													     NULL                                         },
	{"a SOA alone has its minimum",                    "@ IN SOA ns h 1 2 3 4 300\n  NS ns\n",
         "example.com. 300 IN SOA ns.example.com. h.example.com. 1 2 3 4 300\nexample.com. 300 IN NS ns.example.com.\n",                                                                 NULL					 },
	{"units add up",				   "@ 1w2d3h4m5s A 192.0.2.1",							"example.com. 788645 IN A 192.0.2.1\n",    NULL                                         },
	{"an omitted owner is the last",                   "a 60 A 192.0.2.1\n\tAAAA ::1\n",
         "a.example.com. 60 IN A 192.0.2.1\n"
         "a.example.com. 60 IN AAAA ::1\n",                                                                                                                                              NULL					 },
	{"$ORIGIN moves relative names",                   "$ORIGIN sub\nwww 60 CNAME a\n$ORIGIN example.com.\nb 60 A 192.0.2.1\n",
         "www.sub.example.com. 60 IN CNAME a.sub.example.com.\nb.example.com. 60 IN A 192.0.2.1\n",                                                                                      NULL                                         },
	{"parentheses go over lines",                      "@ 60 SOA ns h (\n\t1 ; serial\n\t2h\n\t3 )\n\t; nothing\n\n@ 60 MX ( 10\nmx )\n",
         NULL,																					   "zone:1: example.com SOA: a field is missing"},
	{"parentheses with comments",                      "@ 60 SOA ns h (\n\t1 ; serial (\n\t2h 3\n\t4 5 )\n@ 60 MX ( 10\nmx )\n",
         "example.com. 60 IN SOA ns.example.com. h.example.com. 1 7200 3 4 5\nexample.com. 60 IN MX 10 "
         "mx.example.com.\n",                                                                                                                                                            NULL					 },
	{"a parenthesis before the owner",                 "(a\n 60) A 192.0.2.1",                                                            "a.example.com. 60 IN A 192.0.2.1\n",      NULL                                         },
	{"quoted strings keep semicolons and parentheses", "@ 60 TXT \"v=DKIM1; (k=rsa)\" ; key\n",
         "example.com. 60 IN TXT \"v=DKIM1; (k=rsa)\"\n",																NULL                                         },
	{"a split text over lines is one text",            "@ 60 TXT ( \"v=DKIM1; \"\n  \"p=abc\" )\n",
         "example.com. 60 IN TXT \"v=DKIM1; p=abc\"\n",																  NULL                                         },
	{"escaped semicolons are no comments",             "@ 60 TXT v=DKIM1\\;k=rsa\n",
         "example.com. 60 IN TXT \"v=DKIM1;k=rsa\"\n",																   NULL                                         },
	{"Windows line ends are read",                     "$TTL 60\r\n@ A 192.0.2.1\r\n  A 192.0.2.2\r\n",
         "example.com. 60 IN A 192.0.2.1\nexample.com. 60 IN A 192.0.2.2\n",													     NULL                                         },
	{"a byte order mark is skipped",                   "\xef\xbb\xbf@ 60 A 192.0.2.1",                                                    "example.com. 60 IN A 192.0.2.1\n",        NULL                                         },
	{"wildcards and escapes in owners",                "* 60 A 192.0.2.1\n\\042.b 60 A 192.0.2.1\n",
         "*.example.com. 60 IN A 192.0.2.1\n*.b.example.com. 60 IN A 192.0.2.1\n",												       NULL                                         },
	{"an owner with a dollar is escaped",              "\\$a 60 A 192.0.2.1\n",                                                           "\\036a.example.com. 60 IN A 192.0.2.1\n", NULL                                         },
	{"a classless reverse delegation",                 "0/25 60 NS ns.example.net.\n1 60 CNAME 1.0/25\n",
         "0/25.example.com. 60 IN NS ns.example.net.\n1.example.com. 60 IN CNAME 1.0/25.example.com.\n",                                                                                 NULL                                         },
	{"unknown types are carried",                      "@ 60 TYPE731 \\# 6 abcd ( ef 01\n 23 45 )\n",
         "example.com. 60 IN TYPE731 \\# 6 ABCDEF012345\n",															      NULL                                         },
	{"null MX",					"@ 60 MX 0 .",								     "example.com. 60 IN MX 0 .\n",             NULL                                         },
	{"the first record needs an owner",                "  60 A 192.0.2.1",								NULL,                                      "zone:1: the first record has no owner"      },
	{"the first record needs a TTL",                   "@ A 192.0.2.1",								   NULL,                                      "zone:1: no TTL, and no $TTL before"         },
	{"the line of an error is told",                   "\n; a\n@ 60 A (\n 1.2.3 )\n",                                                     NULL,
         "zone:3: example.com A: not an IPv4 address: '1.2.3'"																					},
	{"$INCLUDE is refused",                            "$INCLUDE /etc/passwd\n",							  NULL,                                      "zone:1: $INCLUDE is not supported"          },
	{"$GENERATE is refused",                           "\n$GENERATE 1-9 a$ A 192.0.2.$\n",                                                NULL,                                      "zone:2: $GENERATE is not supported"         },
	{"an unknown directive is refused",                "$FOO 1\n",									NULL,                                      "zone:1: unknown directive '$FOO'"           },
	{"words behind $ORIGIN are refused",               "$ORIGIN a b\n",								   NULL,                                      "zone:1: 'b' behind $ORIGIN"                 },
	{"an owner outside the zone is refused",           "www.example.net. 60 A 192.0.2.1",                                                 NULL,
         "zone:1: 'www.example.net' is not in the zone 'example.com'"																				 },
	{"another class is refused",                       "@ 60 CH TXT a",								   NULL,                                      "zone:1: class CH is not the Internet's"     },
	{"an unknown type is refused",                     "@ 60 FOO a",								      NULL,                                      "zone:1: not a record type: 'FOO'"           },
	{"an owner alone is refused",                      "@",									       NULL,                                      "zone:1: the type is missing"                },
	{"a TTL above 31 bits is refused",                 "@ 2147483648 A 192.0.2.1",                                                        NULL,                                      "zone:1: example.com A: TTL 2147483648"      },
	{"a $TTL above 31 bits is refused",                "$TTL 2147483648",								 NULL,                                      "zone:1: TTL 2147483648"                     },
	{"an open quote is refused",                       "@ 60 TXT \"a\nb\"\n",							     NULL,                                      "zone:1: a quote is left open"               },
	{"an open parenthesis is refused",                 "@ 60 TXT ( a\n",								  NULL,                                      "zone:1: '(' is not closed"                  },
	{"a stray parenthesis is refused",                 "@ 60 TXT a )\n",								  NULL,                                      "zone:1: ')' without '('"                    },
	{"a backslash at the line's end is refused",       "@ 60 TXT a\\\n",                                                                  NULL,                                      "zone:1: broken escape"                      },
};

static void
check_file(void **state)
{
	const struct file *r = *state;
	struct err err = {0};
	struct records records = {0};
	struct buf got = {0};
	int rc = zonetext_read(r->text, strlen(r->text), "zone", "example.com", &records, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		assert_ptr_equal(strstr(err.text, r->want_text), err.text);
		assert_null(records.items);
		return;
	}
	assert_ok(rc, &err);
	for (size_t i = 0; i < records.n; i++) {
		record_format(&records.items[i], &got);
		buf_addc(&got, '\n');
	}
	assert_string_equal(buf_str(&got), r->want);
	records_release(&records);
	buf_release(&got);
}

static void
zonetext__a_nul_byte_is_refused(void **state)
{
	struct records records = {0};

	(void)state;
	assert_int_equal(zonetext_read("@ 60 A 192.0.2.1\n\0", 18, "zone", "example.com", &records, NULL), CR_EPARSE);
}

static void
zonetext__what_is_written_reads_the_same(void **state)
{
	static const char text[] = "$TTL 300\n"
				   "www A 192.0.2.1\n"
				   "* TXT \"a\\\"b\\\\c; \\195\\188 \" \" end \"\n"
				   "@ MX 0 .\n"
				   "0/25 NS ns\n"
				   "@ 3600 SOA ns hostmaster 1 2h 3h 4w 5m\n"
				   "a\\.b CAA 0 issue \"ca.example\"\n"
				   "@ TYPE65280 \\# 2 abcd\n"
				   "_25._tcp TLSA 3 1 1 abcd\n";
	static const char want[] =
		"; made by a test\n;\n; second ?line\n"
		"example.com. 3600 IN SOA ns.example.com. hostmaster.example.com. 1 7200 10800 2419200 300\n"
		"example.com. 300 IN MX 0 .\n"
		"example.com. 300 IN TYPE65280 \\# 2 ABCD\n"
		"*.example.com. 300 IN TXT \"a\\\"b\\\\c; \\195\\188  end \"\n"
		"0/25.example.com. 300 IN NS ns.example.com.\n"
		"_25._tcp.example.com. 300 IN TLSA 3 1 1 ABCD\n"
		"a\\046b.example.com. 300 IN CAA 0 issue \"ca.example\"\n"
		"www.example.com. 300 IN A 192.0.2.1\n";
	struct err err = {0};
	struct records first = {0}, second = {0};
	struct buf out = {0};

	(void)state;
	assert_ok(zonetext_read(text, strlen(text), "zone", "example.com", &first, &err), &err);
	assert_ok(zonetext_write(&first, "example.com", "made by a test\n\nsecond \rline", &out, &err), &err);
	assert_string_equal(buf_str(&out), want);
	assert_ok(zonetext_read(out.data, out.len, "again", "example.com", &second, &err), &err);
	assert_int_equal(first.n, second.n);
	records_sort(&first);
	records_sort(&second);
	for (size_t i = 0; i < first.n; i++) {
		assert_true(record_same(&first.items[i], &second.items[i]));
		assert_int_equal(first.items[i].ttl_s, second.items[i].ttl_s);
	}
	records_release(&first);
	records_release(&second);
	buf_release(&out);
}

static void
zonetext__a_foreign_record_is_not_written(void **state)
{
	struct records l = {0};
	struct buf out = {0};

	(void)state;
	assert_int_equal(records_add(&l, "www.example.net", RECORD_A, 60, "192.0.2.1", NULL), CR_OK);
	assert_int_equal(zonetext_write(&l, "example.com", NULL, &out, NULL), CR_EPARSE);
	records_release(&l);
	buf_release(&out);
}

int
main(void)
{
	struct CMUnitTest tests[80];
	size_t n = 0;

	ROWS(tests, n, files, check_file);
	TEST(tests, n, zonetext__a_nul_byte_is_refused);
	TEST(tests, n, zonetext__what_is_written_reads_the_same);
	TEST(tests, n, zonetext__a_foreign_record_is_not_written);
	return rows_run("dns/zonetext", tests, n);
}
