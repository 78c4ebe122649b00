/*
 * test_record.c - what record.h promises: text, wire and memory agree, however a record was spelled.
 */
#include "tests/lib/rows.h"

#include "dns/record.h"
#include "dns/txt.h"

static const struct reading {
	const char *name;
	uint16_t type;
	const char *rdata;
	const char *want; /* NULL: refused */
	const char *want_text;
} readings[] = {
	{"A",					     RECORD_A,          "192.0.2.10",							   "192.0.2.10",                                           NULL                                 },
	{"AAAA is compressed",                            RECORD_AAAA,       "2001:DB8:0:0::1",                                                      "2001:db8::1",                                          NULL                                 },
	{"CNAME below the origin",                        RECORD_CNAME,      "Mail",								 "mail.example.com.",                                    NULL                                 },
	{"CNAME to the origin",                           RECORD_CNAME,      "@",								    "example.com.",                                         NULL                                 },
	{"MX with an absolute name",                      RECORD_MX,         "10 MX.Example.NET.",                                                   "10 mx.example.net.",                                   NULL                                 },
	{"null MX",				       RECORD_MX,         "0 .",								  "0 .",						  NULL                                 },
	{"TXT in two strings is one text",                RECORD_TXT,        "\"v=spf1\" \" -all\"",                                                 "\"v=spf1 -all\"",                                      NULL                                 },
	{"TXT strings may touch",                         RECORD_TXT,        "\"a\"\"b\"",                                                           "\"ab\"",                                               NULL                                 },
	{"TXT without quotes",                            RECORD_TXT,        "v=spf1",							       "\"v=spf1\"",                                           NULL                                 },
	{"TXT keeps quotes and backslashes",              RECORD_TXT,        "\"a\\\"b\\\\c\"",                                                      "\"a\\\"b\\\\c\"",                                      NULL                                 },
	{"TXT keeps semicolons in quotes",                RECORD_TXT,        "\"v=DKIM1; k=rsa\"",                                                   "\"v=DKIM1; k=rsa\"",                                   NULL                                 },
	{"TXT keeps blanks at both ends",                 RECORD_TXT,        "\"  a \"",                                                             "\"  a \"",                                             NULL                                 },
	{"TXT writes UTF-8 in decimal",                   RECORD_TXT,        "\"\xc3\xbc\"",                                                         "\"\\195\\188\"",                                       NULL                                 },
	{"TXT with decimal escapes",                      RECORD_TXT,        "\"\\118=spf1\\032-all\"",                                              "\"v=spf1 -all\"",                                      NULL                                 },
	{"TXT may hold a NUL",                            RECORD_TXT,        "\"a\\000b\"",							  "\"a\\000b\"",                                          NULL                                 },
	{"TXT of no bytes",			       RECORD_TXT,        "\"\"",								 "\"\"",                                                 NULL                                 },
	{"TXT of nothing is refused",                     RECORD_TXT,        " ",								    NULL,                                                   "no text"                            },
	{"a bare semicolon is refused",                   RECORD_TXT,        "v=DKIM1; k=rsa",                                                       NULL,                                                   "';' outside of quotes"              },
	{"an open quote is refused",                      RECORD_TXT,        "\"abc",								NULL,                                                   "a quote is left open"               },
	{"a broken escape is refused",                    RECORD_TXT,        "\"a\\25\"",                                                            NULL,                                                   "broken escape"                      },
	{"NS",					    RECORD_NS,         "ns1.example.net.",						     "ns1.example.net.",                                     NULL                                 },
	{"SOA with units",				RECORD_SOA,        "ns1 h\\.m 2026010101 1h 15m 1W 300",
         "ns1.example.com. h\\046m.example.com. 2026010101 3600 900 604800 300",															     NULL                                 },
	{"PTR",					   RECORD_PTR,        "mail.example.net.",						    "mail.example.net.",                                    NULL                                 },
	{"CNAME into a classless reverse zone",           RECORD_CNAME,      "1.0/25.2.0.192.in-addr.arpa.",
         "1.0/25.2.0.192.in-addr.arpa.",																				     NULL                                 },
	{"SRV",					   RECORD_SRV,        "0 1 443 autodiscover.example.net.",                                    "0 1 443 autodiscover.example.net.",                    NULL                                 },
	{"CAA folds its tag",                             RECORD_CAA,        "128 ISSUE \"ca.example; account=1\"",                                  "128 issue \"ca.example; account=1\"",
         NULL																												     },
	{"CAA of an empty value",                         RECORD_CAA,        "0 issue \"\"",                                                         "0 issue \"\"",                                         NULL                                 },
	{"CAA of a foreign tag is refused",               RECORD_CAA,        "0 is-sue \"x\"",                                                       NULL,                                                   "broken"                             },
	{"TLSA in pieces",				RECORD_TLSA,       "3 1 1 0d6f ceab",                                                      "3 1 1 0D6FCEAB",                                       NULL                                 },
	{"DS",					    RECORD_DS,         "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
         "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",																	       NULL                                 },
	{"DS without a digest is refused",                RECORD_DS,         "60485 5 1",                                                            NULL,                                                   "broken"                             },
	{"DNSKEY in pieces",			      RECORD_DNSKEY,     "256 3 5 AQPSKm yn",                                                    "256 3 5 AQPSKmyn",                                     NULL                                 },
	{"RRSIG",					 RECORD_RRSIG,      "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1W6WN",
         "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1W6WN",															     NULL                                 },
	{"NSEC",					  RECORD_NSEC,       "host A MX RRSIG NSEC TYPE1234",                                        "host.example.com. A MX RRSIG NSEC TYPE1234",           NULL                                 },
	{"NSEC3",					 RECORD_NSEC3,      "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX RRSIG",
         "1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR MX RRSIG",																	NULL                                 },
	{"NSEC3PARAM without salt",                       RECORD_NSEC3PARAM, "1 0 0 -",                                                              "1 0 0 -",                                              NULL                                 },
	{"CDS that asks to delete",                       RECORD_CDS,        "0 0 0 00",							     "0 0 0 00",                                             NULL                                 },
	{"a known type in generic form",                  RECORD_A,          "\\# 4 C0 00 02 0A",                                                    "192.0.2.10",                                           NULL                                 },
	{"a name in generic form is folded",              RECORD_NS,         "\\# 4 0241 4200",                                                      "ab.",                                                  NULL                                 },
	{"a TXT in generic form",                         RECORD_TXT,        "\\# 4 01 61 01 62",                                                    "\"ab\"",                                               NULL                                 },
	{"a TXT that begins with a hash sign",            RECORD_TXT,        "\"\\# 4\"",                                                            "\"# 4\"",                                              NULL                                 },
	{"an unknown type",			       65280,             "\\# 3 abcdef",							 "\\# 3 ABCDEF",                                         NULL                                 },
	{"an unknown type of no bytes",                   65280,             "\\# 0",								"\\# 0",                                                NULL                                 },
	{"an unknown type in own words is refused",       65280,             "a b",								  NULL,                                                   "give it as \\# LENGTH HEX"          },
	{"HTTPS alias",				   65,                "0 pool",							       "0 pool.example.com.",                                  NULL                                 },
	{"HTTPS in generic form",                         65,                "\\# 3 000100",							 "1 .",                                                  NULL                                 },
	{"HTTPS with parameters in any order",            65,
         "1 . ipv6hint=2001:DB8::1,::2 port=8443 alpn=\"h2,h3\" ech=AAEC ipv4hint=192.0.2.1 no-default-alpn "
         "mandatory=alpn,port",                                                                                                                      "1 . mandatory=alpn,port alpn=h2,h3 no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AAEC "
         "ipv6hint=2001:db8::1,::2",                                                                                                                                          NULL				 },
	{"HTTPS with a key of a number",                  65,                "1 . key65333=a\\\"b key3=\"\\000\\080\"",
         "1 . port=80 key65333=\"a\\\"b\"",																				  NULL                                 },
	{"HTTPS with a comma in a protocol",              65,                "1 . alpn=\"a\\\\,b\"",                                                 "1 . key1=\"\\003a,b\"",                                NULL                                 },
	{"HTTPS with one key twice is refused",           65,                "1 . port=1 port=2",                                                    NULL,                                                   "field 3 is broken"                  },
	{"HTTPS with an unknown key is refused",          65,                "1 . foo=1",                                                            NULL,                                                   "not a service parameter: 'foo'"     },
	{"HTTPS with an empty list is refused",           65,                "1 . alpn=",                                                            NULL,                                                   "an empty item"                      },
	{"HTTPS with a wrong address is refused",         65,                "1 . ipv4hint=1.2.3",                                                   NULL,                                                   "not an IPv4 address"                },
	{"HTTPS with a flag that has a value is refused", 65,                "1 . no-default-alpn=1",                                                NULL,                                                   "none belongs"                       },
	{"NAPTR",					 35,                "100 50 s SIP+D2U \"\" _sip._udp",                                      "100 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.com.", NULL                                 },
	{"URI",					   256,               "10 1 \"https://example.com/\"",                                        "10 1 \"https://example.com/\"",                        NULL                                 },
	{"the old SPF type is text",                      99,                "\"v=spf1\" \" -all\"",                                                 "\"v=spf1 -all\"",                                      NULL                                 },
	{"a generic length that lies is refused",         65280,             "\\# 4 abcdef",                                                         NULL,                                                   "3 follow"                           },
	{"a generic A of three bytes is refused",         RECORD_A,          "\\# 3 abcdef",                                                         NULL,                                                   "broken"                             },
	{"a generic A of five bytes is refused",          RECORD_A,          "\\# 5 0102030405",                                                     NULL,                                                   "too many"                           },
	{"half a byte is refused",                        65280,             "\\# 1 abc",							    NULL,                                                   "cut off"                            },
	{"a missing field is refused",                    RECORD_MX,         "10",								   NULL,                                                   "Example.COM. MX: a field is missing"},
	{"a field too many is refused",                   RECORD_A,          "192.0.2.1 x",                                                          NULL,                                                   "a field too many"                   },
	{"a preference above 65535 is refused",           RECORD_MX,         "65536 a.",                                                             NULL,                                                   "must be 0 to 65535"                 },
	{"a negative preference is refused",              RECORD_MX,         "-1 a.",                                                                NULL,                                                   "must be 0 to 65535"                 },
	{"no address is refused",                         RECORD_A,          "192.0.2.300",                                                          NULL,                                                   "not an IPv4 address"                },
	{"an IPv6 address is no A",                       RECORD_A,          "::1",								  NULL,                                                   "not an IPv4 address"                },
	{"an empty name is refused",                      RECORD_MX,         "10 \"\"",							      NULL,                                                   "a name is empty"                    },
	{"a comment is refused",                          RECORD_A,          "192.0.2.1 ; office",                                                   NULL,                                                   "';' outside of quotes"              },
};

static void
check_reading(void **state)
{
	const struct reading *r = *state;
	struct err err = {0};
	struct record a = {0}, b = {0}, c = {0};
	struct buf text = {0}, wire = {0};
	int rc = record_parse("Example.COM.", r->type, 300, r->rdata, "example.com", &a, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		assert_non_null(strstr(err.text, r->want_text));
		return;
	}
	assert_ok(rc, &err);
	assert_string_equal(a.owner, "example.com");
	record_format_rdata(&a, &text);
	assert_string_equal(buf_str(&text), r->want);
	/* Text and wire each give the same record back. */
	assert_ok(record_parse("example.com", r->type, 60, r->want, "", &b, &err), &err);
	assert_true(record_same(&a, &b));
	assert_int_equal(record_compare(&a, &b), 0);
	record_to_wire(&a, &wire);
	assert_ok(record_from_wire("example.com", r->type, 60, (const uint8_t *)buf_str(&wire), wire.len, &c, &err),
	          &err);
	assert_true(record_same(&a, &c));
	record_release(&a);
	record_release(&b);
	record_release(&c);
	buf_release(&text);
	buf_release(&wire);
}

static const struct length {
	const char *name;
	size_t len;
	size_t strings;
} lengths[] = {
	{"no bytes are one empty string", 0,            1  },
	{"254 bytes are one string",      254,          1  },
	{"255 bytes are one string",      255,          1  },
	{"256 bytes are two strings",     256,          2  },
	{"509 bytes are two strings",     509,          2  },
	{"510 bytes are two strings",     510,          2  },
	{"511 bytes are three strings",   511,          3  },
	{"764 bytes are three strings",   764,          3  },
	{"765 bytes are three strings",   765,          3  },
	{"766 bytes are four strings",    766,          4  },
	{"the longest text fills RDATA",  TXT_DATA_MAX, 256},
};

static void
check_length(void **state)
{
	const struct length *r = *state;
	struct err err = {0};
	struct record a = {0}, b = {0}, c = {0};
	struct buf text = {0}, wire = {0};
	size_t strings = 0;
	char *bytes = malloc(r->len + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < r->len; i++)
		bytes[i] = (char)(i * 7 + i / 255);
	assert_ok(record_txt("example.com", 300, bytes, r->len, &a, &err), &err);
	assert_int_equal(a.data_len, r->len);
	assert_memory_equal(record_text(&a), bytes, r->len);
	assert_int_equal(record_text(&a)[r->len], '\0');
	record_to_wire(&a, &wire);
	assert_int_equal(wire.len, r->len + r->strings);
	assert_true(wire.len <= RECORD_DATA_MAX);
	for (size_t pos = 0; pos < wire.len; pos += 1U + (unsigned char)wire.data[pos])
		strings++;
	assert_int_equal(strings, r->strings);
	assert_ok(record_from_wire("example.com", RECORD_TXT, 300, (const uint8_t *)wire.data, wire.len, &b, &err),
	          &err);
	assert_true(record_same(&a, &b));
	record_format_rdata(&a, &text);
	assert_ok(record_parse("example.com", RECORD_TXT, 300, buf_str(&text), "", &c, &err), &err);
	assert_true(record_same(&a, &c));
	free(bytes);
	record_release(&a);
	record_release(&b);
	record_release(&c);
	buf_release(&text);
	buf_release(&wire);
}

static void
record__a_text_beyond_rdata_is_refused(void **state)
{
	static char bytes[TXT_DATA_MAX + 1];
	struct err err = {0};
	struct record r = {0};

	(void)state;
	assert_int_equal(record_txt("example.com", 300, bytes, sizeof(bytes), &r, &err), CR_EPARSE);
	assert_null(r.owner);
}

/* What different tools make of one DKIM key: split anywhere, escaped anyhow. */
static void
record__one_key_in_any_spelling_is_the_same(void **state)
{
	static const char *const spellings[] = {
		"\"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQ\"",
		"\"v=DKIM1; k=rsa; \" \"p=MIIBIjANBgkqhkiG9w0BAQ\"",
		"\"v=DKIM1\\; k=rsa\\; p=MIIB\"\"IjANBgkqhkiG9w0BAQ\"",
		"v=DKIM1\\;\\032k=rsa\\;\\ p=MIIBIjAN Bgk qhkiG9w0BAQ",
		"\"\" \"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BA\\081\" \"\"",
	};
	struct record a = {0};

	(void)state;
	assert_int_equal(record_parse("cr1._domainkey.example.com", RECORD_TXT, 1, spellings[0], "", &a, NULL), CR_OK);
	for (size_t i = 1; i < ARRAY_LEN(spellings); i++) {
		struct err err = {0};
		struct record b = {0};

		assert_ok(record_parse("CR1._domainkey.Example.com.", RECORD_TXT, 2, spellings[i], "", &b, &err), &err);
		assert_true(record_same(&a, &b));
		record_release(&b);
	}
	record_release(&a);
}

static const struct broken {
	const char *name;
	uint16_t type;
	const char *wire;
	size_t len;
} brokens[] = {
	{"an A of three bytes is refused",          RECORD_A,    "abc",                          3 },
	{"an A of five bytes is refused",           RECORD_A,    "abcde",                        5 },
	{"a TXT without a string is refused",       RECORD_TXT,  "",                             0 },
	{"a TXT cut off is refused",                RECORD_TXT,  "\005abc",                      4 },
	{"an MX without a name is refused",         RECORD_MX,   "\000\012",                     2 },
	{"a compressed name is refused",            RECORD_NS,   "\xc0\x0c",                     2 },
	{"a SOA cut off is refused",                RECORD_SOA,  "\000\000abcdabcdabcdabcdabc",  21},
	{"a CAA without a tag is refused",          RECORD_CAA,  "\000\000x",                    3 },
	{"a bitmap of an empty window is refused",  RECORD_NSEC, "\000\000\000",                 3 },
	{"a bitmap that ends in zero is refused",   RECORD_NSEC, "\000\000\002\100\000",         5 },
	{"bitmap windows out of order are refused", RECORD_NSEC, "\000\001\001\100\000\001\100", 7 },
};

static void
check_broken(void **state)
{
	const struct broken *r = *state;
	struct err err = {0};
	struct record record = {0};

	assert_int_equal(record_from_wire("example.com", r->type, 300, (const uint8_t *)r->wire, r->len, &record, &err),
	                 CR_EPARSE);
	assert_null(record.owner);
}

static const struct type {
	const char *name;
	const char *text;
	int want_rc;
	uint16_t want;
	const char *want_name;
} types[] = {
	{"a type by name",                      "MX",        CR_OK,     RECORD_MX,  "MX"       },
	{"a type in lower case",                "caa",       CR_OK,     RECORD_CAA, "CAA"      },
	{"a type by number",                    "TYPE65280", CR_OK,     65280,      "TYPE65280"},
	{"a known type by number has its name", "type16",    CR_OK,     RECORD_TXT, "TXT"      },
	{"a number above 65535 is refused",     "TYPE65536", CR_EPARSE, 0,          NULL       },
	{"a leading zero is refused",           "TYPE016",   CR_EPARSE, 0,          NULL       },
	{"no number is refused",                "TYPE",      CR_EPARSE, 0,          NULL       },
	{"an unknown word is refused",          "SPFX",      CR_EPARSE, 0,          NULL       },
};

static void
check_type(void **state)
{
	const struct type *r = *state;
	struct err err = {0};
	uint16_t type = 0;
	char name[16];

	assert_int_equal(record_type_parse(r->text, &type, &err), r->want_rc);
	if (r->want_rc == CR_OK) {
		assert_int_equal(type, r->want);
		assert_string_equal(record_type_name(type, name), r->want_name);
	}
}

static void
record__the_target_is_told(void **state)
{
	static const struct {
		uint16_t type;
		const char *rdata, *want;
	} rows[] = {
		{RECORD_MX,    "10 mx.example.net",     "mx.example.net"},
		{RECORD_MX,    "0 .",                   ""              },
		{RECORD_SRV,   "0 1 443 a.example.net", "a.example.net" },
		{RECORD_CNAME, "b.example.net",         "b.example.net" },
		{RECORD_A,     "192.0.2.1",             NULL            },
		{RECORD_TXT,   "a",                     NULL            },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct record r = {0};
		struct name target;

		assert_int_equal(record_parse("x", rows[i].type, 1, rows[i].rdata, "", &r, NULL), CR_OK);
		assert_int_equal(record_target(&r, &target), rows[i].want != NULL);
		if (rows[i].want != NULL)
			assert_string_equal(target.text, rows[i].want);
		record_release(&r);
	}
}

static void
record__a_ttl_has_31_bits(void **state)
{
	struct record r = {0};

	(void)state;
	assert_int_equal(record_parse("x", RECORD_A, RECORD_TTL_MAX, "192.0.2.1", "", &r, NULL), CR_OK);
	record_release(&r);
	assert_int_equal(record_parse("x", RECORD_A, RECORD_TTL_MAX + 1, "192.0.2.1", "", &r, NULL), CR_EPARSE);
	/* RFC 2181 s8: from the wire it counts as zero. */
	assert_int_equal(record_from_wire("x", RECORD_A, 0x80000001, (const uint8_t *)"abcd", 4, &r, NULL), CR_OK);
	assert_int_equal(r.ttl_s, 0);
	record_release(&r);
}

static void
record__a_record_is_one_line(void **state)
{
	struct record r = {0};
	struct buf text = {0};

	(void)state;
	assert_int_equal(record_txt("*.example.com", 300, "a\nb", 3, &r, NULL), CR_OK);
	record_format(&r, &text);
	assert_string_equal(buf_str(&text), "*.example.com. 300 IN TXT \"a\\010b\"");
	buf_release(&text);
	record_release(&r);
}

static void
records__a_sorted_list_has_no_doubles(void **state)
{
	struct records l = {0};

	(void)state;
	assert_int_equal(records_add(&l, "b.example", RECORD_A, 60, "192.0.2.2", NULL), CR_OK);
	assert_int_equal(records_add(&l, "a.b.example", RECORD_A, 60, "192.0.2.1", NULL), CR_OK);
	assert_int_equal(records_add(&l, "B.example.", RECORD_A, 30, "192.0.2.2", NULL), CR_OK);
	assert_int_equal(records_add(&l, "b.example", RECORD_A, 60, "192.0.2.1", NULL), CR_OK);
	assert_int_equal(records_add_copy(&l, &l.items[0], NULL), CR_OK);
	assert_int_equal(records_count(&l, "b.example", RECORD_A), 4);
	records_sort(&l);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.items[2].owner, "a.b.example");
	assert_int_equal(records_count(&l, "b.example", RECORD_A), 2);
	assert_int_equal(records_count(&l, "b.example", 0), 2);
	assert_int_equal(records_count(&l, "b.example", RECORD_TXT), 0);
	/* The lowest TTL of doubles stays. */
	assert_int_equal(l.items[1].ttl_s, 30);
	assert_ptr_equal(records_find(&l, &l.items[1]), &l.items[1]);
	records_release(&l);
	assert_int_equal(l.n, 0);
}

int
main(void)
{
	struct CMUnitTest tests[160];
	size_t n = 0;

	ROWS(tests, n, readings, check_reading);
	ROWS(tests, n, lengths, check_length);
	ROWS(tests, n, brokens, check_broken);
	ROWS(tests, n, types, check_type);
	TEST(tests, n, record__a_text_beyond_rdata_is_refused);
	TEST(tests, n, record__one_key_in_any_spelling_is_the_same);
	TEST(tests, n, record__the_target_is_told);
	TEST(tests, n, record__a_ttl_has_31_bits);
	TEST(tests, n, record__a_record_is_one_line);
	TEST(tests, n, records__a_sorted_list_has_no_doubles);
	return rows_run("dns/record", tests, n);
}
