/*
 * test_letter.c - what letter.h promises: lines, fields, parts, texts; each as its sender most likely meant it.
 */
#include "tests/lib/rows.h"

#include "budget/letter.h"

static struct slice
whole(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* The text of the part number at of a mail, ended. */
static void
text_of(const char *mail, size_t at, char *out, size_t size)
{
	struct letter l = {.limit = ""};
	struct letter_room room = {0};
	struct err err = {0};
	struct slice text;
	bool cut = false;

	assert_ok(letter_read(mail, strlen(mail), &l, &err), &err);
	assert_true(at < l.n);
	assert_ok(letter_text(&l.part[at], &room, &text, &cut, &err), &err);
	assert_true(text.len < size);
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	letter_room_release(&room);
	letter_release(&l);
}

static const struct coded {
	const char *name, *head, *body, *want;
} coded[] = {
	{"plain text stands as it is",                     "",						"abc\n",                                               "abc\n"                   },
	{"base64, over lines",                             "Content-Transfer-Encoding: base64\n",             "YWJj\nZGVm\n",                                        "abcdef"                  },
	{"base64 passes over what is none",                "Content-Transfer-Encoding: BASE64\n",             "YW*Jj\r\n Z-GVm",                                     "abcdef"                  },
	{"base64 goes on behind padding",                  "Content-Transfer-Encoding: base64\n",             "YQ==\nYg==\n",                                        "ab"                      },
	{"quoted-printable",			       "Content-Transfer-Encoding: quoted-printable\n",   "a=3Db =\nc=20\n",                                     "a=b c \n"                },
	{"a soft break may have blanks, CRLF or CR CR LF", "Content-Transfer-Encoding: quoted-printable\n",
         "a= \t\nb=\r\nc=\r\r\nd",																   "abcd"                    },
	{"an equals sign alone stays",                     "Content-Transfer-Encoding: quoted-printable\n",
         "1 = 1, x=zz, =",																	   "1 = 1, x=zz, ="          },
	{"Latin-1 is UTF-8 afterwards",                    "Content-Type: text/plain; charset=iso-8859-1\n",  "gr\xfc\xdf",
         "gr\xc3\xbc\xc3\x9f"																				  },
	{"a charset in pieces, by RFC 2231",
         "Content-Type: text/plain; charset*0*=us-ascii'en'iso%2D8; charset*1=859-1\n",                       "gr\xfc\xdf",
         "gr\xc3\xbc\xc3\x9f"																				  },
	{"windows-1252 under a Latin name",                "Content-Type: text/plain; charset=ISO-8859-1\n",  "\x80 5",
         "\xe2\x82\xac 5"																				      },
	{"KOI8-R",					 "Content-Type: text/plain; charset=\"koi8-r\"\n",  "\xce\xc5\xd4",                                        "\xd0\xbd\xd0\xb5\xd1\x82"},
	{"Shift_JIS",				      "Content-Type: text/plain; charset=Shift_JIS\n",   "\x83\x41",                                            "\xe3\x82\xa2"            },
	{"ISO-2022-JP",				    "Content-Type: text/plain; charset=iso-2022-jp\n", "\x1b$B%\"\x1b(B",                                     "\xe3\x82\xa2"            },
	{"escapes of ISO-2022-JP without a charset",       "",                                                "\x1b$B%\"\x1b(B",                                     "\xe3\x82\xa2"            },
	{"EUC-JP that calls itself ISO-2022-JP",           "Content-Type: text/plain; charset=iso-2022-jp\n", "\xa5\xa2",
         "\xe3\x82\xa2"																					},
	{"a byte that does not belong is a question mark", "Content-Type: text/plain; charset=iso-2022-jp\n",
         "\x1b$B%\"\x1b(B\xff.",																     "\xe3\x82\xa2?."          },
	{"an unknown charset is left alone",               "Content-Type: text/plain; charset=x-none\n",      "gr\xfc",                                              "gr\xfc"                  },
	{"Latin without a charset",                        "",						"gr\xfc\xdf dich",                                     "gr\xc3\xbc\xc3\x9f dich" },
	{"UTF-8 without a charset",                        "",						"gr\xc3\xbc\xc3\x9f",                                  "gr\xc3\xbc\xc3\x9f"      },
	{"HTML: blocks are lines, the rest is one",        "Content-Type: text/html\n",                       "<p>a\nb<br/>c</p><div>d</div>",
         "a b\nc\nd\n"																					 },
	{"HTML: what is not shown is not there",           "Content-Type: text/html\n",
         "<title>t</title><style>p{}</style>a<!-- <p>b --><script>if (a<b)</script>c",                                                                               "ac"                      },
	{"HTML: entities",				 "Content-Type: text/html\n",                       "&lt;a&#64;b&gt; &amp;&nbsp;&#x2019;&uuml;&nope;&#0;",
         "<a@b> & \xe2\x80\x99\xc3\xbc&nope;&#0;"																	      },
	{"HTML: a tag that does not end hides the rest",   "Content-Type: text/html\n",                       "a<b",                                                 "a"                       },
};

static void
letter__decodes(void **state)
{
	const struct coded *c = *state;
	char mail[1024], got[1024];

	(void)snprintf(mail, sizeof(mail), "From: a@b.example\n%s\n%s", c->head, c->body);
	text_of(mail, 0, got, sizeof(got));
	assert_string_equal(got, c->want);
}

static const struct parted {
	const char *name, *mail;
	const char *want; /* a letter a part: its type; then how many messages stand around it */
} parted[] = {
	{"a mail is one part",				 "A: b\n\nc\n",								     "t0"            },
	{"a mail of a body alone",                             "\nc\n",									   "t0"            },
	{"a mail without a header",                            "this is no field\n",							      "t0"            },
	{"a multipart and its parts",
         "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x\nContent-Type: text/html\n\nb\n--x--\n",                                     "m0 t0 h0"      },
	{"a report",
         "Content-Type: multipart/report; boundary=\"x y\"\n\n--x y\n\na\n--x y\nContent-Type: "
         "message/delivery-status\n\n--x y\n"
         "Content-Type: message/rfc822\n\nFrom: a\n\nb\n--x y--\n",                                                                               "m0 t0 s0 r0 t1"},
	{"a boundary ends what stands within it",
         "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=y\n\n"
         "--y\n\na\n--x\n\nb\n",                                                                                                                  "m0 m0 t0 t0"   },
	{"a boundary that begins as another",
         "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=x2\n\n--x2\n\na\n"
         "--x2--\n--x\n\nb\n--x--\n",                                                                                                             "m0 m0 t0 t0"   },
	{"a multipart without parts is text",                  "Content-Type: multipart/mixed; boundary=x\n\na\n",                                "t0"            },
	{"another boundary than declared",
         "Content-Type: multipart/mixed; boundary=x\n\n--y\nContent-Type: text/html\n\na\n--y--\n",                                               "m0 h0"         },
	{"no boundary at all",				 "Content-Type: multipart/mixed\n\n--y\nContent-Type: text/html\n\na\n",            "m0 h0"         },
	{"a digest is made of messages",                       "Content-Type: multipart/digest; boundary=x\n\n--x\n\nFrom: a\n\nb\n--x--\n",
         "m0 r0 t1"																	       },
	{"a part without a blank line",
         "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n--x\n\nb\n",                                                 "m0 h0 t0"      },
	{"a type in comments and capitals",                    "Content-Type: TEXT/HTML (what else); charset=utf-8\n\na\n",                       "h0"            },
	{"the header of a message alone",                      "Content-Type: text/rfc822-headers\n\nFrom: a\n",                                  "H0"            },
	{"a message in base64 is not looked into",
         "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nRnJvbTogYQo=\n",                                                     "r0"            },
	{"empty parts do not count",                           "Content-Type: multipart/mixed; boundary=x\n\n--x\n\n--x\n\n \n--x\n\na\n--x--\n",
         "m0 t0"																		  },
	{"a folded parameter, tabs, a blank before the colon",
         "Content-Type : multipart/mixed;\n\tboundary=x\n\n--x\n\na\n",									   "m0 t0"         },
};

static void
letter__finds_parts(void **state)
{
	static const char letters[] = "thmrHsfo.";
	const struct parted *p = *state;
	struct letter l = {.limit = ""};
	struct err err = {0};
	char got[128] = "";
	size_t n = 0;

	static_assert(sizeof(letters) - 1 == LETTER_TYPE__COUNT, "a letter a type");
	assert_ok(letter_read(p->mail, strlen(p->mail), &l, &err), &err);
	for (size_t i = 0; i < l.n; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%c%d", i > 0 ? " " : "", letters[l.part[i].type],
		                      l.part[i].inside);
	assert_string_equal(got, p->want);
	letter_release(&l);
}

static const struct worded {
	const char *name, *value, *want;
} worded[] = {
	{"words as they are",                          "Pallets for  the\n autumn",          "Pallets for the autumn"     },
	{"an encoded word in Q",                       "=?iso-8859-1?Q?gr=FC=DF_dich?= Bob", "gr\xc3\xbc\xc3\x9f dich Bob"},
	{"blanks between encoded words are not there", "=?utf-8?B?YWI=?=\n =?utf-8?q?c?= d", "abc d"                      },
	{"a language is passed over",                  "=?us-ascii*en?Q?a?=",                "a"                          },
	{"what is no encoded word stays",              "=?utf-8?X?a?= =?utf-8?Q?b=",         "=?utf-8?X?a?= =?utf-8?Q?b=" },
	{"an encoded word within a word",              "x=?utf-8?Q?y?=",                     "xy"                         },
	{"nothing is nothing",                         "",				   ""                           },
};

static void
letter__reads_words(void **state)
{
	const struct worded *w = *state;
	char got[256];

	assert_int_equal(letter_words(whole(w->value), got, sizeof(got)), strlen(w->want));
	assert_string_equal(got, w->want);
}

static void
letter__cuts_words_to_size(void **state)
{
	char got[4];

	(void)state;
	assert_int_equal(letter_words(whole("abcdef"), got, sizeof(got)), 3);
	assert_string_equal(got, "abc");
	assert_int_equal(letter_words(whole("=?utf-8?q?abcdef?="), got, sizeof(got)), 3);
	assert_string_equal(got, "abc");
}

static void
letter__reads_lines_of_all_ends(void **state)
{
	struct lines l;
	struct slice line;
	const char *want[] = {"a", "b", "", "c", "d", "e"};
	size_t n = 0;

	(void)state;
	lines_begin(&l, whole("a\r\nb\r\rc\nd\r\r\ne"));
	for (; lines_next(&l, &line); n++) {
		assert_true(n < ARRAY_LEN(want));
		assert_true(slice_is(line, whole(want[n])));
	}
	assert_int_equal(n, ARRAY_LEN(want));
}

static void
letter__unfolds_no_further_than_a_field(void **state)
{
	struct fields f;
	struct slice name, value;
	bool cut = false;

	(void)state;
	fields_begin(&f, whole("A: b\n c\nnone\nD :e;\nf=g\nH:\n"));
	assert_true(fields_next(&f, &name, &value, &cut));
	assert_true(slice_is(name, SLICE("A")) && slice_is(value, SLICE("b\n c")));
	assert_true(fields_next(&f, &name, &value, &cut));
	assert_true(slice_is(name, SLICE("D")) && slice_is(value, SLICE("e;\nf=g")));
	assert_true(fields_next(&f, &name, &value, &cut));
	assert_true(slice_is(name, SLICE("H")) && value.len == 0);
	assert_false(fields_next(&f, &name, &value, &cut));
	assert_false(cut);
}

int
main(void)
{
	static struct CMUnitTest tests[ARRAY_LEN(coded) + ARRAY_LEN(parted) + ARRAY_LEN(worded) + 3];
	size_t n = 0;

	ROWS(tests, n, coded, letter__decodes);
	ROWS(tests, n, parted, letter__finds_parts);
	ROWS(tests, n, worded, letter__reads_words);
	TEST(tests, n, letter__cuts_words_to_size);
	TEST(tests, n, letter__reads_lines_of_all_ends);
	TEST(tests, n, letter__unfolds_no_further_than_a_field);
	return rows_run("budget/letter", tests, n);
}
