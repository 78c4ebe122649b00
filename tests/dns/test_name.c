/*
 * test_name.c - what name.h promises: one spelling, the limits of RFC 1035, canonical order, addresses.
 */
#include "tests/lib/rows.h"

#include "dns/name.h"

#define L10 "abcdefghij"
#define L63 L10 L10 L10 L10 L10 L10 "abc"
#define L61 L10 L10 L10 L10 L10 L10 "a"

static const struct spelling {
	const char *name;
	const char *text;
	const char *want; /* NULL: refused */
	const char *want_text;
} spellings[] = {
	{"a canonical name stays",                           "mail.example.com",                     "mail.example.com",              NULL                   },
	{"upper case is folded",                             "MAIL.Example.COM",                     "mail.example.com",              NULL                   },
	{"the final dot goes",			       "example.com.",                         "example.com",                   NULL                   },
	{"the empty text is the root",                       "",                                     "",                              NULL                   },
	{"a dot alone is the root",                          ".",                                    "",                              NULL                   },
	{"a U-label becomes an A-label",                     "M\xc3\xbcnchen.example",               "xn--mnchen-3ya.example",        NULL                   },
	{"a decomposed letter becomes the same A-label",     "mu\xcc\x88nchen.example",              "xn--mnchen-3ya.example",        NULL                   },
	{"sharp s is kept (non-transitional)",
         "stra\xc3\x9f"
         "e.example",                                                                                "xn--strae-oqa.example",         NULL                   },
	{"a wide letter is its plain letter",                "\xef\xbd\x81.example",                 "a.example",                     NULL                   },
	{"an ideographic full stop separates labels",        "\xe4\xbe\x8b\xe3\x80\x82\xe4\xbe\x8b", "xn--fsq.xn--fsq",               NULL                   },
	{"an underscore stands beside a U-label",            "_dmarc.m\xc3\xbcnchen.example",        "_dmarc.xn--mnchen-3ya.example",
         NULL																		},
	{"an A-label is folded as ASCII",                    "XN--MNCHEN-3YA.example",               "xn--mnchen-3ya.example",        NULL                   },
	{"a wildcard stays",				 "*.example.com",                        "*.example.com",                 NULL                   },
	{"an escaped wildcard is the same name",             "\\042.example.com",                    "*.example.com",                 NULL                   },
	{"a slash stays (RFC 2317)",                         "0/25.2.0.192.in-addr.arpa",            "0/25.2.0.192.in-addr.arpa",     NULL                   },
	{"an equals sign stays",                             "a=b.example",                          "a=b.example",                   NULL                   },
	{"an escaped dot does not separate",                 "john\\.doe.example.com",               "john\\046doe.example.com",      NULL                   },
	{"a decimal dot does not separate",                  "john\\046doe.example.com",             "john\\046doe.example.com",      NULL                   },
	{"an escaped letter is the letter",                  "\\A\\066.example",                     "ab.example",                    NULL                   },
	{"a raw byte is written in decimal",                 "a\\255.example",                       "a\\255.example",                NULL                   },
	{"an at sign is escaped",                            "a@b.example",                          "a\\064b.example",               NULL                   },
	{"an escaped backslash is one byte",                 "a\\\\.example",                        "a\\092.example",                NULL                   },
	{"a label of 63 bytes is the longest",               L63 ".example",                         L63 ".example",                  NULL                   },
	{"a label of 64 bytes is refused",                   L63 "d.example",                        NULL,                            "longer than 63 bytes" },
	{"253 bytes are the longest name",                   L63 "." L63 "." L63 "." L61,            L63 "." L63 "." L63 "." L61,     NULL                   },
	{"the final dot of the longest name does not count", L63 "." L63 "." L63 "." L61 ".",
         L63 "." L63 "." L63 "." L61,												 NULL                   },
	{"254 bytes are refused",                            L63 "." L63 "." L63 "." L61 "b",        NULL,                            "longer than 253 bytes"},
	{"a U-label whose A-label is too long is refused",   "\xc3\xbc" L63 ".example",              NULL,                            "name '"               },
	{"an empty label is refused",                        "a..example",                           NULL,                            "empty label"          },
	{"a dot in front is refused",                        ".example",                             NULL,                            "empty label"          },
	{"two dots are refused",                             "..",                                   NULL,                            "empty label"          },
	{"a blank is refused",			       "a b.example",                          NULL,                            "blank or control"     },
	{"a line end is refused",                            "a.example\n",                          NULL,                            "blank or control"     },
	{"an escape at the end is refused",                  "a\\",                                  NULL,                            "broken escape"        },
	{"an escape above 255 is refused",                   "a\\256",                               NULL,                            "broken escape"        },
	{"an escape of two digits is refused",               "a\\12.b",                              NULL,                            "broken escape"        },
	{"escape and U-label in one label are refused",      "\\065\xc3\xbc.example",                NULL,                            "in one label"         },
	{"broken UTF-8 is refused",                          "\xc3(.example",                        NULL,                            "name '"               },
	{"a disallowed character is refused",                "\xe2\x80\xa5.example",                 NULL,                            "name '"               },
};

static void
check_spelling(void **state)
{
	const struct spelling *r = *state;
	struct err err = {0};
	struct name name = {.text = "untouched"};
	struct name again;
	uint8_t wire[NAME_WIRE_MAX];
	size_t used = 0;
	size_t len;

	if (r->want == NULL) {
		assert_int_equal(name_parse(r->text, &name, &err), CR_EPARSE);
		assert_non_null(strstr(err.text, r->want_text));
		assert_string_equal(name.text, "untouched");
		return;
	}
	assert_ok(name_parse(r->text, &name, &err), &err);
	assert_string_equal(name.text, r->want);
	/* Canonical text is its own canonical text, and the wire gives it back. */
	assert_ok(name_parse(name.text, &again, &err), &err);
	assert_string_equal(again.text, r->want);
	len = name_to_wire(name.text, wire);
	assert_ok(name_from_wire(wire, len, &again, &used, &err), &err);
	assert_int_equal(used, len);
	assert_string_equal(again.text, r->want);
}

static const struct host {
	const char *name;
	const char *text;
	const char *want;
} hosts[] = {
	{"a registrable name is a host",        "Get-Northwind.example.", "get-northwind.example" },
	{"an internationalised name is a host", "m\xc3\xbcnchen.example", "xn--mnchen-3ya.example"},
	{"one label is no host",                "localhost",              NULL                    },
	{"the root is no host",                 ".",                      NULL                    },
	{"an underscore is no host",            "_dmarc.example.com",     NULL                    },
	{"a wildcard is no host",               "*.example.com",          NULL                    },
	{"a slash is no host",                  "0/25.example.com",       NULL                    },
	{"an escaped byte is no host",          "a\\046b.example.com",    NULL                    },
	{"a hyphen in front is no host",        "-a.example.com",         NULL                    },
	{"a hyphen behind is no host",          "a-.example.com",         NULL                    },
	{"an address is no host",               "192.0.2.10",             NULL                    },
};

static void
check_host(void **state)
{
	const struct host *r = *state;
	struct err err = {0};
	struct name name;
	int rc = name_parse_host(r->text, &name, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		return;
	}
	assert_ok(rc, &err);
	assert_string_equal(name.text, r->want);
}

static const struct under {
	const char *name;
	const char *relative, *origin;
	const char *want;
} unders[] = {
	{"a relative name stands below the origin", "Mail",              "example.com",  "mail.example.com"         },
	{"a final dot makes it absolute",           "mail.example.net.", "example.com",  "mail.example.net"         },
	{"an escaped final dot does not",           "mail\\.",           "example.com",  "mail\\046.example.com"    },
	{"@ is the origin",                         "@",                 "example.com",  "example.com"              },
	{"nothing is the origin",                   "",                  "example.com",  "example.com"              },
	{"an escaped @ is a label",                 "\\@",               "example.com",  "\\064.example.com"        },
	{"a dot is the root",                       ".",                 "example.com",  ""                         },
	{"below the root nothing is added",         "mail",              "",             "mail"                     },
	{"together at most 253 bytes",              L63 "." L63 "." L63, "example." L61, NULL                       },
	{"exactly 253 bytes together are a name",   L63 "." L63 "." L63, L61,            L63 "." L63 "." L63 "." L61},
};

static void
check_under(void **state)
{
	const struct under *r = *state;
	struct err err = {0};
	struct name name;
	int rc = name_under(r->relative, r->origin, &name, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		return;
	}
	assert_ok(rc, &err);
	assert_string_equal(name.text, r->want);
}

static const struct relation {
	const char *name;
	const char *a, *zone;
	const char *relative; /* NULL: not under */
} relations[] = {
	{"a zone is under itself",            "example.com",     "example.com", "@"          },
	{"a child is under its zone",         "a.b.example.com", "example.com", "a.b"        },
	{"a longer label is not under",       "notexample.com",  "example.com", NULL         },
	{"the parent is not under the child", "com",             "example.com", NULL         },
	{"all is under the root",             "example.com",     "",            "example.com"},
	{"the root is under itself",          "",                "",            "@"          },
};

static void
check_relation(void **state)
{
	const struct relation *r = *state;
	char out[NAME_TEXT_MAX];
	const char *got = name_relative(r->a, r->zone, out);

	assert_int_equal(name_is_under(r->a, r->zone), r->relative != NULL);
	if (r->relative == NULL)
		assert_null(got);
	else
		assert_string_equal(got, r->relative);
}

/* The example of RFC 4034 s6.1, in this program's spelling. */
static void
name__the_order_is_canonical(void **state)
{
	static const char *const order[] = {
		"",          "example",         "a.example",   "yljkjljk.a.example", "z.a.example", "zabc.a.example",
		"z.example", "\\001.z.example", "*.z.example", "\\200.z.example"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < ARRAY_LEN(order); j++) {
			int got = name_compare(order[i], order[j]);

			assert_int_equal((got > 0) - (got < 0), (i > j) - (i < j));
			assert_int_equal(name_equal(order[i], order[j]), i == j);
		}
}

static void
name__labels_and_parents(void **state)
{
	(void)state;
	assert_int_equal(name_labels(""), 0);
	assert_int_equal(name_labels("com"), 1);
	assert_int_equal(name_labels("a\\046b.example.com"), 3);
	assert_string_equal(name_parent("a.example.com"), "example.com");
	assert_string_equal(name_parent("com"), "");
	assert_string_equal(name_parent(""), "");
}

static const struct organisation {
	const char *name;
	const char *text;
	const char *want;
} organisations[] = {
	{"the registrable domain of a host",         "mail.example.com",    "example.com"     },
	{"a suffix of two labels",                   "a.b.example.co.uk",   "example.co.uk"   },
	{"a public suffix is itself",                "co.uk",               "co.uk"           },
	{"an unknown top level counts as one",       "mx.fabrikam.example", "fabrikam.example"},
	{"a service record belongs to its domain",   "_dmarc.example.com",  "example.com"     },
	{"a private suffix separates its customers", "a.b.github.io",       "b.github.io"     },
	{"the root is itself",                       "",                    ""                },
};

static void
check_organisation(void **state)
{
	const struct organisation *r = *state;
	struct name name;

	name_organisation(r->text, &name);
	assert_string_equal(name.text, r->want);
	name_organisation(name.text, &name); /* in place */
	assert_string_equal(name.text, r->want);
}

static void
name__people_see_letters(void **state)
{
	char out[64];
	char small[20];

	(void)state;
	name_display("xn--mnchen-3ya.example", out, sizeof(out));
	assert_string_equal(out, "m\xc3\xbcnchen.example");
	name_display("mail.example", out, sizeof(out));
	assert_string_equal(out, "mail.example");
	name_display("xn--zzzzzzz-99999999.example", out, sizeof(out));
	assert_string_equal(out, "xn--zzzzzzz-99999999.example");
	/* Too narrow for the letters: no half character is shown. */
	name_display("xn--mnchen-3ya.very-long.example", small, sizeof(small));
	assert_string_equal(small, "xn--mnchen-3ya.very");
}

static const struct reverse {
	const char *name;
	const char *text;
	const char *want;
} reverses[] = {
	{"IPv4 stands backwards",            "192.0.2.10",         "10.2.0.192.in-addr.arpa"},
	{"IPv6 stands backwards by nibbles", "2001:db8::567:89ab",
         "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"         },
	{"a name has no reverse",            "mail.example",       NULL                     },
	{"a short address has no reverse",   "192.0.2",            NULL                     },
	{"a prefix has no reverse",          "192.0.2.0/24",       NULL                     },
};

static void
check_reverse(void **state)
{
	const struct reverse *r = *state;
	struct err err = {0};
	struct name name;
	int rc = name_reverse(r->text, &name, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		return;
	}
	assert_ok(rc, &err);
	assert_string_equal(name.text, r->want);
}

static const struct mailbox {
	const char *name;
	const char *text;
	const char *want, *want_domain;
} mailboxes[] = {
	{"an address is folded to lower case",     "Jo.Doe@Example.COM",        "jo.doe@example.com",        "example.com"},
	{"a tag stays",			    "jo+news@example.com",       "jo+news@example.com",       "example.com"},
	{"the domain's final dot goes",            "jo@example.com.",           "jo@example.com",            "example.com"},
	{"the domain becomes A-labels",            "jo@m\xc3\xbcnchen.example", "jo@xn--mnchen-3ya.example",
         "xn--mnchen-3ya.example"											 },
	{"UTF-8 in the local part stays",          "j\xc3\xb6@example.com",     "j\xc3\xb6@example.com",     "example.com"},
	{"needed quotes stay",                     "\"Jo Doe\"@example.com",    "\"jo doe\"@example.com",    "example.com"},
	{"quotes that are not needed go",          "\"jo\"@example.com",        "jo@example.com",            "example.com"},
	{"backslashes that are not needed go",     "\"\\j\\o\"@example.com",    "jo@example.com",            "example.com"},
	{"an at sign may stand in quotes",         "\"a@b\"@example.com",       "\"a@b\"@example.com",       "example.com"},
	{"a quote may stand in quotes",            "\"a\\\"b\"@example.com",    "\"a\\\"b\"@example.com",    "example.com"},
	{"64 bytes are the longest local part",    L61 "bcd@example.com",       L61 "bcd@example.com",       "example.com"},
	{"65 bytes are refused",                   L61 "bcde@example.com",      NULL,                        NULL         },
	{"no at sign is refused",                  "example.com",               NULL,                        NULL         },
	{"no local part is refused",               "@example.com",              NULL,                        NULL         },
	{"no domain is refused",                   "jo@",                       NULL,                        NULL         },
	{"two at signs are refused",               "a@b@example.com",           NULL,                        NULL         },
	{"a bare blank is refused",                "jo doe@example.com",        NULL,                        NULL         },
	{"a blank behind is refused",              "jo@example.com ",           NULL,                        NULL         },
	{"angle brackets are refused",             "<jo@example.com>",          NULL,                        NULL         },
	{"a dot in front is refused",              ".jo@example.com",           NULL,                        NULL         },
	{"two dots are refused",                   "jo..doe@example.com",       NULL,                        NULL         },
	{"a control byte is refused",              "j\001o@example.com",        NULL,                        NULL         },
	{"a line end in quotes is refused",        "\"j\no\"@example.com",      NULL,                        NULL         },
	{"an open quote is refused",               "\"jo@example.com",          NULL,                        NULL         },
	{"an escaped closing quote is refused",    "\"jo\\\"@example.com",      NULL,                        NULL         },
	{"broken UTF-8 is refused",                "j\xc3@example.com",         NULL,                        NULL         },
	{"an overlong form is refused",            "j\xc0\xafo@example.com",    NULL,                        NULL         },
	{"a domain literal is refused",            "jo@[192.0.2.1]",            NULL,                        NULL         },
	{"one label is refused",                   "jo@localhost",              NULL,                        NULL         },
	{"an underscore in the domain is refused", "jo@a_b.example.com",        NULL,                        NULL         },
};

static void
check_mailbox(void **state)
{
	const struct mailbox *r = *state;
	struct err err = {0};
	struct address a;
	struct address again;
	int rc = address_parse(r->text, &a, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		return;
	}
	assert_ok(rc, &err);
	assert_string_equal(a.text, r->want);
	assert_string_equal(a.domain, r->want_domain);
	assert_ok(address_parse(a.text, &again, &err), &err);
	assert_string_equal(again.text, r->want);
}

static const struct broken {
	const char *name;
	const char *wire;
	size_t len;
} brokens[] = {
	{"nothing is no name",               "",             0 },
	{"a label cut off is refused",       "\003ab",       3 },
	{"a missing root is refused",        "\001a",        2 },
	{"a compression pointer is refused", "\xc0\x00",     2 },
	{"a label of 64 bytes is refused",   "\x40" L63 "d", 66},
};

static void
check_broken(void **state)
{
	const struct broken *r = *state;
	struct name name;
	size_t used;

	assert_int_equal(name_from_wire((const uint8_t *)r->wire, r->len, &name, &used, NULL), CR_EPARSE);
}

static void
name__the_wire_bounds_the_name(void **state)
{
	uint8_t wire[260];
	struct name name;
	size_t used;

	(void)state;
	/* 127 labels of one byte are the most; every byte escaped is the longest text. */
	for (size_t i = 0; i < 127; i++) {
		wire[2 * i] = 1;
		wire[2 * i + 1] = 0xff;
	}
	wire[254] = 0;
	assert_int_equal(name_from_wire(wire, 255, &name, &used, NULL), CR_OK);
	assert_int_equal(name_labels(name.text), 127);
	memcpy(wire + 254, "\001a", 3);
	assert_int_equal(name_from_wire(wire, 257, &name, &used, NULL), CR_EPARSE);
}

int
main(void)
{
	struct CMUnitTest tests[160];
	size_t n = 0;

	ROWS(tests, n, spellings, check_spelling);
	ROWS(tests, n, hosts, check_host);
	ROWS(tests, n, unders, check_under);
	ROWS(tests, n, relations, check_relation);
	ROWS(tests, n, organisations, check_organisation);
	ROWS(tests, n, reverses, check_reverse);
	ROWS(tests, n, mailboxes, check_mailbox);
	ROWS(tests, n, brokens, check_broken);
	TEST(tests, n, name__the_order_is_canonical);
	TEST(tests, n, name__labels_and_parents);
	TEST(tests, n, name__people_see_letters);
	TEST(tests, n, name__the_wire_bounds_the_name);
	return rows_run("dns/name", tests, n);
}
