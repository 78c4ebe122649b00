/*
 * test_message.c - what message.h promises: fields byte for byte, one author or none.
 */
#include "tests/lib/rows.h"

#include "core/buf.h"
#include "dns/message.h"

#define TEXT(s) (s), sizeof(s) - 1

static const struct split_row {
	const char *name, *data;
	size_t len;
	int want_rc;
	size_t n_fields;
	const char *field, *value, *whole, *body;
	bool converted;
} splits[] = {
	{"a message in order",                            TEXT("From: a@b.example\r\nSubject: x\r\n\r\nhello\r\n"),          CR_OK,     2, "subject", " x",
         "Subject: x\r\n",																					  "hello\r\n",                false},
	{"bare line feeds become CRLF",                   TEXT("From: a@b.example\nSubject: x\n\nhello\nyou\n"),             CR_OK,     2, "SUBJECT",
         " x",																			     "Subject: x\r\n",        "hello\r\nyou\r\n",         true },
	{"bare carriage returns become CRLF",             TEXT("From: a@b.example\rSubject: x\r\rhello\r"),                  CR_OK,     2, "Subject",
         " x",																			     "Subject: x\r\n",        "hello\r\n",                true },
	{"a stray carriage return stays",                 TEXT("From: a@b.example\r\n\r\nhel\rlo\r\n"),                      CR_OK,     1, "From",
         " a@b.example",																		   "From: a@b.example\r\n", "hel\rlo\r\n",              false},
	{"a stray line feed ends a line",                 TEXT("From: a@b.example\r\n\r\nhel\nlo\r\n"),                      CR_OK,     1, "From",
         " a@b.example",																		   "From: a@b.example\r\n", "hel\r\nlo\r\n",            true },
	{"folding is kept",			       TEXT("Subject: a\r\n\tb \r\n  c\r\n\r\n"),                         CR_OK,     1, "Subject", " a\r\n\tb \r\n  c",
         "Subject: a\r\n\tb \r\n  c\r\n",																			   "",                         false},
	{"a line of blanks continues a field",            TEXT("Subject: a\r\n \r\nFrom: x\r\n\r\nb"),                       CR_OK,     2, "Subject",
         " a\r\n ",																			"Subject: a\r\n \r\n",   "b",                        false},
	{"blanks before the colon",                       TEXT("Subject \t: a\r\n\r\nb"),                                    CR_OK,     1, "Subject", " a",                "Subject \t: a\r\n",     "b",
         false																										       },
	{"an empty value",				TEXT("Subject:\r\nFrom: x\r\n\r\n"),                               CR_OK,     2, "Subject", "",                  "Subject:\r\n",          "",                         false},
	{"no body",				       TEXT("From: x\r\nSubject: a\r\n"),                                 CR_OK,     2, "Subject", " a",                "Subject: a\r\n",        "",                         false},
	{"a header without its last line end",            TEXT("From: x\r\nSubject: a"),                                     CR_OK,     2, "Subject", " a",
         "Subject: a\r\n",																					  "",                         false},
	{"a body without its last line end",              TEXT("From: x\r\n\r\nhello"),                                      CR_OK,     1, "From",    " x",                "From: x\r\n",
         "hello",																									       false},
	{"blanks at the start of the body",               TEXT("From: x\r\n\r\n  \r\nhello"),                                CR_OK,     1, "From",    " x",                "From: x\r\n",
         "  \r\nhello",																									 false},
	{"an empty line at the start of the body",        TEXT("From: x\r\n\r\n\r\nhello"),                                  CR_OK,     1, "From",    " x",
         "From: x\r\n",																					     "\r\nhello",                false},
	{"a line that is no field begins the body",       TEXT("From: x\r\nhello there\r\nTo: y\r\n"),                       CR_OK,     1, "From",    " x",
         "From: x\r\n",																					     "hello there\r\nTo: y\r\n", false},
	{"the envelope line of an mbox is no field",      TEXT("From a@b.example Mon Jan  5 10:00:00 2026\nFrom: x\n\nb\n"),
         CR_OK,															 1, "From",    " x",                "From: x\r\n",           "b\r\n",                    true },
	{"a byte order mark is no field",
         TEXT("\xef\xbb\xbf"
              "From: x\r\n\r\nb"),
         CR_OK,															 1, "From",    " x",                "From: x\r\n",           "b",                        false},
	{"From with a blank before its colon is a field", TEXT("From : x\r\n\r\nb"),                                         CR_OK,     1, "From",    " x",
         "From : x\r\n",																					    "b",                        false},
	{"nothing at all",				TEXT(""),							  CR_EPARSE, 0, NULL,      NULL,                NULL,                    NULL,                       false},
	{"an empty line alone",                           TEXT("\r\n"),						      CR_EPARSE, 0, NULL,      NULL,                NULL,                    NULL,                       false},
	{"a first line that is no field",                 TEXT("hello there\r\nFrom: x\r\n\r\n"),                            CR_EPARSE, 0, NULL,      NULL,                NULL,                    NULL,
         false																										       },
	{"a first line that continues nothing",           TEXT(" From: x\r\n\r\n"),                                          CR_EPARSE, 0, NULL,      NULL,                NULL,                    NULL,                       false},
	{"a name of other bytes than ASCII",              TEXT("Fr\xc3\xb6m: x\r\n\r\n"),                                    CR_EPARSE, 0, NULL,      NULL,                NULL,                    NULL,
         false																										       },
	{"no name before the colon",                      TEXT(": x\r\n\r\n"),                                               CR_EPARSE, 0, NULL,      NULL,                NULL,                    NULL,                       false},
};

static void
same(struct span got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.at, want, got.len);
}

static void
check_split(void **state)
{
	const struct split_row *r = *state;
	struct message m = {0};
	struct err err = {0};
	const struct message_field *f;

	assert_int_equal(message_read(r->data, r->len, &m, &err), r->want_rc);
	if (r->want_rc != CR_OK) {
		assert_null(m.bytes);
		assert_string_not_equal(err.text, "");
		return;
	}
	assert_int_equal(m.n_fields, r->n_fields);
	f = message_field(&m, r->field, 0);
	assert_non_null(f);
	same(f->value, r->value);
	same(f->whole, r->whole);
	same(m.body, r->body);
	assert_int_equal(m.converted, r->converted);
	message_release(&m);
}

static void
message__fields_of_one_name_are_counted_from_the_top(void **state)
{
	struct message m = {0};
	struct err err = {0};

	(void)state;
	assert_ok(message_read(TEXT("X: 1\r\nY: 2\r\nx: 3\r\n\r\nX: 4\r\n"), &m, &err), &err);
	same(message_field(&m, "x", 0)->value, " 1");
	same(message_field(&m, "x", 1)->value, " 3");
	assert_null(message_field(&m, "x", 2));
	assert_null(message_field(&m, "z", 0));
	message_release(&m);
}

/* n times "X:" with so many bytes behind it. */
static int
read_many(size_t n, size_t bytes)
{
	struct buf text = {.max_bytes = MESSAGE_BYTES_MAX};
	struct message m = {0};
	struct err err = {0};
	int rc;

	for (size_t i = 0; i < n; i++) {
		buf_adds(&text, "X:");
		for (size_t k = 0; k < bytes; k++)
			buf_addc(&text, 'x');
		buf_adds(&text, "\r\n");
	}
	assert_ok(buf_check(&text, "message", &err), &err);
	rc = message_read(text.data, text.len, &m, &err);
	message_release(&m);
	buf_release(&text);
	return rc;
}

static void
message__ceilings_are_kept(void **state)
{
	struct message m = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(read_many(MESSAGE_FIELDS_MAX, 10), CR_OK);
	assert_int_equal(read_many(MESSAGE_FIELDS_MAX + 1, 10), CR_EPARSE);
	assert_int_equal(read_many(1, MESSAGE_HEADER_MAX - 100), CR_OK);
	assert_int_equal(read_many(1, MESSAGE_HEADER_MAX + 1), CR_EPARSE);
	assert_int_equal(message_read("x", MESSAGE_BYTES_MAX + 1, &m, &err), CR_EPARSE);
}

static const struct unfold_row {
	const char *name, *value, *want;
	size_t size;
} unfolds[] = {
	{"blanks around go",                   " a b \r\n",       "a b",     64},
	{"a fold leaves its blank",            " a\r\n b\r\n\tc", "a b c",   64},
	{"comments stay",                      " a (b) c",        "a (b) c", 64},
	{"a stray carriage return is no fold", " a\rb",           "a?b",     64},
	{"control bytes are shown",
         " a\x01"
         "b\x7f",                                                 "a?b?",    64},
	{"what does not fit is cut",           " abcdef",         "abc",     4 },
	{"nothing",			    " \r\n ",          "",        64},
};

static void
check_unfold(void **state)
{
	const struct unfold_row *r = *state;
	char out[64];

	message_unfold((struct span){r->value, strlen(r->value)}, out, r->size);
	assert_string_equal(out, r->want);
}

static const struct author_row {
	const char *name, *header;
	const char *domain; /* NULL: none */
	const char *want_err;
} authors[] = {
	{"a bare address",			       "From: a@b.example\r\n",                                  "b.example",             NULL                      },
	{"an address in brackets",                       "From: A B <a@b.example>\r\n",                            "b.example",             NULL                      },
	{"the domain is canonical",                      "From: <a@B.Example>\r\n",                                "b.example",             NULL                      },
	{"an international domain",
         "From: <a@b\xc3\xbc"
         "cher.example>\r\n",                                                                                      "xn--bcher-kva.example", NULL                      },
	{"a quoted name with an address in it",          "From: \"c@d.example\" <a@b.example>\r\n",                "b.example",             NULL                      },
	{"a bare name with an address in it",            "From: c@d.example <a@b.example>\r\n",                    "b.example",             NULL                      },
	{"a quoted name with a comma",                   "From: \"B, A\" <a@b.example>\r\n",                       "b.example",             NULL                      },
	{"a quoted pair within the name",                "From: \"B \\\" <x@y.example>\" <a@b.example>\r\n",       "b.example",             NULL                      },
	{"a comment with an address in it",              "From: (x@y.example, z) a@b.example (<p@q.example>)\r\n", "b.example",
         NULL																			 },
	{"comments within comments",                     "From: (a (b \\) c) d) a@b.example\r\n",                  "b.example",             NULL                      },
	{"an address behind a comment within a comment", "From: (a (b) x@y.example,) a@b.example\r\n",             "b.example",
         NULL																			 },
	{"a comment within the domain",                  "From: a@b(c).(d)example\r\n",                            "b.example",             NULL                      },
	{"blanks around the dots",                       "From: a@b . example\r\n",                                "b.example",             NULL                      },
	{"folded",				       "From: =?utf-8?q?x=40y?=\r\n <a@b.example>\r\n",          "b.example",             NULL                      },
	{"a quoted local part",                          "From: <\"x@y\"@b.example>\r\n",                          "b.example",             NULL                      },
	{"a quoted local part, bare",                    "From: \"x, y\"@b.example\r\n",                           "b.example",             NULL                      },
	{"an obsolete route",                            "From: <@x.example,@y.example:a@b.example>\r\n",          "b.example",             NULL                      },
	{"a group of one",			       "From: Team: a@b.example;\r\n",                           "b.example",             NULL                      },
	{"empty places of the list",                     "From: , a@b.example,,\r\n",                              "b.example",             NULL                      },
	{"a name that should be quoted",                 "From: B. A. (x) Co <a@b.example>\r\n",                   "b.example",             NULL                      },
	{"no From",				      "To: a@b.example\r\n",                                    NULL,                    "no such field"           },
	{"two From fields",			      "From: a@b.example\r\nTo: x\r\nfrom: a@b.example\r\n",    NULL,                    "more than one such field"},
	{"two authors",				  "From: a@b.example, c@d.example\r\n",                     NULL,                    "more than one author"    },
	{"two authors of one domain",                    "From: a@b.example, c@b.example\r\n",                     NULL,                    "more than one author"    },
	{"a group of two",			       "From: Team: a@b.example, c@d.example;\r\n",              NULL,                    "more than one author"    },
	{"a group and one more",                         "From: Team: a@b.example; c@d.example\r\n",               NULL,                    "more than one author"    },
	{"an empty group",			       "From: Team:;\r\n",                                       NULL,                    "nobody"                  },
	{"nothing",				      "From: \r\n",					     NULL,                    "nobody"                  },
	{"a name alone",				 "From: Someone\r\n",                                      NULL,                    "no address"              },
	{"empty brackets",			       "From: A <>\r\n",                                         NULL,                    "no address"              },
	{"no local part",				"From: <@b.example>\r\n",                                 NULL,                    "no address"              },
	{"no domain",				    "From: <a@>\r\n",					 NULL,                    "no domain"               },
	{"the root",				     "From: <a@.>\r\n",					NULL,                    "no domain"               },
	{"a domain of other bytes",                      "From: <a@b$c.example>\r\n",                              NULL,                    "no domain"               },
	{"an address literal",                           "From: <a@[192.0.2.1]>\r\n",                              NULL,                    "no domain"               },
	{"a quoted domain",			      "From: <a@\"b\".example>\r\n",                            NULL,                    "no domain"               },
	{"two at signs",				 "From: <a@b.example@c.example>\r\n",                      NULL,                    "more than one '@'"       },
	{"a blank within the domain",                    "From: <a@b exam>\r\n",                                   NULL,                    "blank within the domain" },
	{"text behind the brackets",                     "From: <a@b.example> c@d.example\r\n",                    NULL,                    "behind the address"      },
	{"a second pair of brackets",                    "From: <a@b.example> <c@d.example>\r\n",                  NULL,                    "second '<'"              },
	{"an open bracket",			      "From: <a@b.example\r\n",                                 NULL,                    "not closed"              },
	{"an open comment",			      "From: a@b.example (c\r\n",                               NULL,                    "not closed"              },
	{"an open comment ending in a quoted pair",      "From: a@b.example (c\\\r\n",                             NULL,                    "not closed"              },
	{"an open quote",				"From: \"A <a@b.example>\r\n",                            NULL,                    "not closed"              },
	{"a closing bracket alone",                      "From: a@b.example>\r\n",                                 NULL,                    "without '<'"             },
	{"a semicolon alone",                            "From: a@b.example;\r\n",                                 NULL,                    "without a group"         },
	{"a group within a group",                       "From: a: b: a@b.example;\r\n",                           NULL,                    "stray ':'"               },
	{"a colon within the address",                   "From: <a:b@c.example>\r\n",                              NULL,                    "within the address"      },
};

static void
check_author(void **state)
{
	const struct author_row *r = *state;
	struct message m = {0};
	struct err err = {0};
	char domain[256] = "untouched";
	int rc;

	assert_ok(message_read(r->header, strlen(r->header), &m, &err), &err);
	rc = message_author(&m, domain, sizeof(domain), &err);
	if (r->domain != NULL) {
		assert_ok(rc, &err);
		assert_string_equal(domain, r->domain);
	} else {
		assert_int_equal(rc, CR_EPARSE);
		assert_non_null(strstr(err.text, r->want_err));
		assert_string_equal(domain, "untouched");
	}
	message_release(&m);
}

static void
message__an_author_is_read_within_bounds(void **state)
{
	struct buf text = {0};
	struct message m = {0};
	struct err err = {0};
	char domain[256];

	(void)state;
	buf_adds(&text, "From: ");
	for (size_t i = 0; i < 1000; i++)
		buf_addc(&text, '(');
	buf_adds(&text, "a@b.example\r\nSender: ");
	assert_ok(message_read(text.data, text.len, &m, &err), &err);
	assert_int_equal(message_author(&m, domain, sizeof(domain), &err), CR_EPARSE);
	message_release(&m);
	buf_clear(&text);
	buf_adds(&text, "From: ");
	for (size_t i = 0; i < 100000; i++)
		buf_addc(&text, 'a');
	buf_adds(&text, "@b.example\r\n");
	assert_ok(message_read(text.data, text.len, &m, &err), &err);
	assert_int_equal(message_author(&m, domain, sizeof(domain), &err), CR_EPARSE);
	message_release(&m);
	assert_ok(message_read(TEXT("From: a@b.example\r\n"), &m, &err), &err);
	assert_int_equal(message_author(&m, domain, 9, &err), CR_EPARSE);
	assert_int_equal(message_author(&m, domain, 10, &err), CR_OK);
	message_release(&m);
	buf_release(&text);
}

int
main(void)
{
	static struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, splits, check_split);
	ROWS(tests, n, unfolds, check_unfold);
	ROWS(tests, n, authors, check_author);
	TEST(tests, n, message__fields_of_one_name_are_counted_from_the_top);
	TEST(tests, n, message__ceilings_are_kept);
	TEST(tests, n, message__an_author_is_read_within_bounds);
	return rows_run("dns/message", tests, n);
}
