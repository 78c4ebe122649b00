/*
 * test_bounce.c - what bounce.h promises: mails of many hands, each beside what is to be read in it; limits with a stated result.
 *
 * The mails are tests/golden/bounce/NAME.eml, what they say is NAME.want.
 */
#include "tests/lib/rows.h"

#include "budget/bounce.h"
#include "core/buf.h"
#include "core/file.h"

#define GOLDEN "tests/golden/bounce/"

static const struct golden {
	const char *name, *file;
} golden[] = {
	{"Postfix: host, command and words of whoever refused",                            "postfix"                         },
	{"lines that end in CRLF read the same",                                           "postfix-crlf"                    },
	{"lines that end in CR read the same",                                             "postfix-cr"                      },
	{"the From line of an mbox is passed over",                                        "postfix-mbox"                    },
	{"a missing last boundary costs nothing",                                          "postfix-open-end"                },
	{"recipients of one report have fates of their own",                               "postfix-several"                 },
	{"a quoted refusal within a diagnostic is taken out of it",                        "postfix-old-diagnostic"          },
	{"a delay is a delay",							     "postfix-delay"                   },
	{"a report that names nobody is about whom the message was to",                    "postfix-no-report"               },
	{"Postfix's prose, a host on the next line, somebody to ask above",                "postfix-japanese-prose"          },
	{"a transcript of Postfix's own sessions",                                         "postfix-smtpd"                   },
	{"sendmail: what the other side said, not what sendmail made of it",               "sendmail"                        },
	{"without a diagnostic the transcript speaks",                                     "sendmail-no-diagnostic"          },
	{"an exit code is no reason",						      "sendmail-x-unix"                 },
	{"in a list with one transcript everybody has the line about him",                 "sendmail-list"                   },
	{"an old transcript without addresses is about whom the message was to",           "sendmail-v5"                     },
	{"Exchange Online: a report in base64",                                            "exchange-online"                 },
	{"Exchange's prose alone: the second block has the reply",                         "exchange-online-text-only"       },
	{"only HTML, in German",							   "exchange-german-html"            },
	{"in Japanese, ISO-2022-JP",						       "exchange-japanese"               },
	{"in French, Latin-1",							     "exchange-french-latin1"          },
	{"a status without words is still a status",                                       "exchange-2003"                   },
	{"Exchange 5.5: the sentence behind the recipient, not the To of the quoted head", "exchange-55"                     },
	{"a status part in base64",							"status-base64"                   },
	{"a status part in quoted-printable",					      "status-quoted"                   },
	{"a status part that calls itself octets",                                         "status-octet-stream"             },
	{"a status part that calls itself text",                                           "status-text-plain"               },
	{"blanks before colons, and rfc/822",					      "status-mimecast"                 },
	{"an original recipient alone is a recipient",                                     "status-original-only"            },
	{"recipients without blank lines between them",                                    "status-no-blank-lines"           },
	{"the fields of one recipient in two groups",                                      "status-torn"                     },
	{"a route is no recipient, the original one is",                                   "status-source-route"             },
	{"internationalised addresses, escaped and plain",                                 "status-utf8"                     },
	{"a quoted local part",							    "status-quoted-local-part"        },
	{"a host without a dot is one within a field",                                     "status-name-without-dot"         },
	{"the status of the inner reply, not of the service's summary",                    "status-ses"                      },
	{"Domino folds within words",						      "status-domino"                   },
	{"a boundary in pieces, by RFC 2231",					      "boundary-in-pieces"              },
	{"another boundary than declared",						 "boundary-wrong"                  },
	{"a parameter that lost its indent",					       "boundary-unindented"             },
	{"a multipart without any part is text",                                           "boundary-never"                  },
	{"multiparts in multiparts, one of them cut off",                                  "nested"                          },
	{"bytes of zero are not there",						    "nul-bytes"                       },
	{"a report about a report is about the outer one",                                 "report-about-report"             },
	{"a report that somebody forwards is read",                                        "forwarded-attached"              },
	{"in a digest, too",							       "forwarded-digest"                },
	{"Exim: host before command",						      "exim"                            },
	{"an old Exim, its lines wrapped",						 "exim-old"                        },
	{"Exim: a folded reply, a time-out, no route",                                     "exim-several"                    },
	{"no address in the text: X-Failed-Recipients has it",                             "exim-saved-to"                   },
	{"a warning of Exim's is a delay",						 "exim-delay"                      },
	{"qmail: three recipients, three fates",                                           "qmail"                           },
	{"qmail: the sender was refused",						  "qmail-sender-refused"            },
	{"DragonFly Mail Agent",							   "dragonfly"                       },
	{"OpenSMTPD: address and words on one line",                                       "opensmtpd"                       },
	{"Google's old prose: the host that is named in passing",                          "google-old"                      },
	{"Google's old warning",							   "google-old-delay"                },
	{"whoever is addressed is not the recipient",                                      "google-group-czech"              },
	{"Google: the text where the status has no words",                                 "google-html-parts"               },
	{"Yahoo",									  "yahoo"			   },
	{"GMX and 1&1: quoted addresses, two forms of words",                              "gmx"                             },
	{"Domino: the sentence behind its heading",                                        "domino"                          },
	{"Notes: the reason in front of the address",                                      "notes-japanese"                  },
	{"IMail: all in one line",							 "imail"                           },
	{"MailMarshal: the reason in front of the recipients",                             "mailmarshal"                     },
	{"MX Logic: the recipient again on the next line",                                 "mxlogic"                         },
	{"InterScan: a transcript and a sentence",                                         "interscan"                       },
	{"MailFoundry: the host before its reply",                                         "mailfoundry"                     },
	{"a Japanese carrier: refused at MAIL FROM",                                       "ezweb"                           },
	{"EUC-JP that calls itself ISO-2022-JP",                                           "kddi-euc"                        },
	{"m-FILTER, Shift_JIS",							    "m-filter"                        },
	{"Zoho: codes in words",							   "zoho"                            },
	{"Courier: transcript without a report",                                           "courier"                         },
	{"James: the reply stands before the recipient",                                   "james"                           },
	{"a mailing list for members",						     "fml"                             },
	{"a phone carrier: the recipient is in the quoted head",                           "mmsc"                            },
	{"an X.400 gateway",							       "x400"                            },
	{"labels in front of reason and address",                                          "notice-reason-first"             },
	{"the reason in brackets",							 "symantec-prose"                  },
	{"Amazon SES by SNS: JSON in JSON",						"ses-sns"                         },
	{"a complaint by SNS",							     "ses-sns-complaint"               },
	{"report fields within a text",						    "workmail"                        },
	{"KOI8-R",									 "russian-koi8"                    },
	{"windows-1251",								   "russian-windows-1251"            },
	{"GB2312, and a label in Chinese",						 "chinese-gb2312"                  },
	{"UTF-16 in base64, and a label in German",                                        "german-utf16"                    },
	{"UTF-7",									  "german-utf7"                     },
	{"Latin-1 without a charset",						      "latin1-undeclared"               },
	{"a complaint names whom it is about",                                             "complaint"                       },
	{"a complaint of two recipients",						  "complaint-two-recipients"        },
	{"a complaint that hides its recipient has none",                                  "complaint-redacted"              },
	{"the recipient of the message that is complained about",                          "complaint-recipient-from-message"},
	{"an authentication failure report",					       "complaint-auth-failure"          },
	{"a complaint of Hotmail's, without a report part",                                "complaint-jmrp"                  },
	{"a complaint in words",							   "complaint-text-only"             },
	{"who is away is the recipient",						   "vacation"                        },
	{"away by an encoded subject",						     "vacation-german"                 },
	{"away in ISO-2022-JP",							    "vacation-japanese"               },
	{"away by an old header",							  "vacation-old-header"             },
	{"an address nobody reads names the one it answers for",                           "vacation-no-reply-address"       },
	{"a receipt is an automatic answer",					       "receipt"                         },
	{"ordinary mail is nothing of that",					       "ordinary"                        },
	{"an answer that quotes a report is ordinary mail",                                "ordinary-answer-to-report"       },
	{"a person who writes of undelivered mail is no report",                           "ordinary-asks-about-mail"        },
	{"a machine that reports something else is no report",                             "ordinary-generated"              },
	{"an aggregate report is no report",					       "ordinary-dmarc-report"           },
	{"a person who warns is no report",						"ordinary-warning"                },
	{"a mailing list that talks about a report is none",                               "ordinary-list-talk"              },
	{"a report in base64 that somebody forwards",                                      "forwarded-base64"                },
	{"a report whose text somebody forwards",                                          "forwarded-inline"                },
	{"a returned header in base64, and no further than it goes",                       "returned-base64"                 },
	{"what a local mailer said stands before sendmail's summary",                      "sendmail-local-mailer"           },
	{"OpenSMTPD: a delay",							     "opensmtpd-delay"                 },
};

static const char *const kinds[] = {"none", "report", "complaint", "vacation"};
static const char *const actions[] = {"failed", "delayed", "delivered"};
static_assert(ARRAY_LEN(kinds) == BOUNCE_KIND__COUNT && ARRAY_LEN(actions) == BOUNCE_ACTION__COUNT, "names");

static void
field(struct buf *out, const char *name, const char *value)
{
	assert_non_null(value);
	if (value[0] != '\0')
		buf_addf(out, "%s: %s\n", name, value);
}

static void
render(struct buf *out, const struct bounce *b)
{
	field(out, "kind", kinds[b->kind]);
	field(out, "agent", b->agent);
	field(out, "reporter", b->reporter);
	field(out, "sender", b->sender);
	field(out, "message-id", b->message_id);
	field(out, "subject", b->subject);
	field(out, "limit", b->limit);
	for (size_t i = 0; i < b->n; i++) {
		const struct bounce_notice *n = &b->notice[i];
		buf_adds(out, "\n");
		field(out, "recipient", n->recipient);
		field(out, "action", actions[n->action]);
		field(out, "status", n->status);
		field(out, "reply", n->reply);
		field(out, "host", n->host);
		field(out, "command", n->command);
		field(out, "text", n->text);
	}
}

static void
read_file(const char *file, const char *end, struct buf *out)
{
	struct err err = {0};
	char path[256];

	(void)snprintf(path, sizeof(path), GOLDEN "%s%s", file, end);
	assert_ok(file_read(path, (size_t)1 << 20, out, &err), &err);
}

static struct bounce *
read_bounce(const char *data, size_t len)
{
	struct err err = {0};
	struct bounce *b = NULL;

	assert_ok(bounce_read(data, len, &b, &err), &err);
	return b;
}

static void
bounce__reads(void **state)
{
	const struct golden *g = *state;
	struct buf mail = {0}, want = {0}, got = {0};

	read_file(g->file, ".eml", &mail);
	read_file(g->file, ".want", &want);
	struct bounce *b = read_bounce(buf_str(&mail), mail.len);
	render(&got, b);
	assert_string_equal(buf_str(&got), buf_str(&want));
	bounce_drop(&b);
	assert_null(b);
	buf_release(&mail);
	buf_release(&want);
	buf_release(&got);
}

/* A mail of the same piece many times. */
static const struct repeated {
	const char *name, *head, *piece;
	size_t times;
	const char *tail;
	const char *want_limit;
	size_t want_n;
	const char *want_recipient, *want_status; /* of the last notice */
} repeated[] = {
#define MD     "From: MAILER-DAEMON@mx.example.net\nSubject: Undelivered Mail\n"
#define FIELDS "Final-Recipient: rfc822; bob@fabrikam.example\nAction: failed\nDiagnostic-Code: smtp; 550 5.1.1 no\n"
#define STATUS "Content-Type: message/delivery-status\n\n" FIELDS
	{"20,000 multiparts in one another: depth",                    MD,                                                     "Content-Type: multipart/mixed; boundary=b\n\n--b\n", 20000,    "",
                                                                         "depth",																												      1, "",                     ""     },
	{"200,000 messages in one another: depth",                     MD,                                                     "Content-Type: message/rfc822\n\n",                   200000,   "",                                           "depth",  1, "",
                                                                         ""																																	      },
	{"a million parts: parts, and the report before them is read",
                                                                         MD "Content-Type: multipart/report; boundary=x\n\n--x\n" STATUS "\n",                                                 "--x\n\na\n",                                         1000000,  "",                                           "parts",  1,
                                                                         "bob@fabrikam.example",																														  "5.1.1"},
	{"two million empty parts do not hide the report behind them",
                                                                         MD "Content-Type: multipart/report; boundary=x\n\n",								  "--x\n\n",                                            2000000,  "--x\n" STATUS,                               "",       1,
                                                                         "bob@fabrikam.example",																														  "5.1.1"},
	{"a header of 5 MB: header, and the body is read",             MD "X-A: ",                                             "aaaaaaaaaa",                                         500000,
                                                                         "\n\n<bob@fabrikam.example>: 550 5.1.1 no\n",																						       "header", 1, "bob@fabrikam.example", "5.1.1"},
	{"100,000 header fields: header, and the body is read",        MD,                                                     "X-Field: value of it\n",                             100000,
                                                                         "\n<bob@fabrikam.example>: 550 5.1.1 no\n",																							 "header", 1, "bob@fabrikam.example", "5.1.1"},
	{"a field of 100 KB is cut",                                   MD "X-A: ",                                             "aaaaaaaaaa",                                         10000,    "\n\n<bob@fabrikam.example>: 550 5.1.1 no\n",
                                                                         "field",																												      1, "bob@fabrikam.example", "5.1.1"},
	{"a line of 10 MB: text",				      MD "\n<bob@fabrikam.example>: 550 5.1.1 no ",           "aaaaaaaaaa",                                         1000000,  "\n",                                         "text",   1,
                                                                         "bob@fabrikam.example",																														  "5.1.1"},
	{"10 MB of at signs",					  MD "\n",						"@",						  10000000, "",                                           "text",   1, "",                     ""     },
	{"10 MB of digits like replies",                               MD "\n",                                                "550 ",                                               2500000,  "",                                           "text",   1, "",                     ""     },
	{"10 MB of angles in HTML",				    MD "Content-Type: text/html\n\n",                       "<",                                                  10000000, "",                                           "text",   1, "",                     ""     },
	{"10 MB of line ends",					 MD "\n",						"\r",						 10000000, "",                                           "text",   1, "",                     ""     },
	{"10 MB of base64 is decoded to the ceiling",                  MD "Content-Transfer-Encoding: base64\n\n",             "QUFB",                                               2500000,  "",
                                                                         "text",																												       1, "",                     ""     },
	{"boundaries that are none",                                   MD "Content-Type: multipart/mixed; boundary=x\n\n",     "--y\n",                                              2000000,  "",                                           "text",
                                                                         1,																													       "",		     ""     },
	{"the same recipient 50,000 times is one",                     MD "Content-Type: message/delivery-status\n\n",         FIELDS "\n",                                          50000,
                                                                         "",																												 "",       1, "bob@fabrikam.example", "5.1.1"},
	{"shift sequences without end",                                MD "Content-Type: text/plain; charset=iso-2022-jp\n\n", "\033$B\377",                                         100000,
                                                                         "",																												 "text",   1, "",                     ""     },
	{"an empty mail is ordinary",                                  "",						     "",						   0,        "",                                           "",       0, NULL,                   NULL   },
	{"a mail of one byte is ordinary",                             "a",						    "",                                                   0,        "",                                           "",       0, NULL,                   NULL   },
	{"a quote that does not close",
                                                                         MD "Content-Type: multipart/report; boundary=\"x; a=b\n\n--x\n\nThis\n--x\n" STATUS,                                  "",                                                   0,        "",                                           "",       1,
                                                                         "bob@fabrikam.example",																														  "5.1.1"},
};

static void
bounce__has_limits(void **state)
{
	const struct repeated *r = *state;
	struct buf mail = {.max_bytes = (size_t)64 << 20};

	buf_adds(&mail, r->head);
	for (size_t i = 0; i < r->times; i++)
		buf_adds(&mail, r->piece);
	buf_adds(&mail, r->tail);
	assert_int_equal(mail.failed, CR_OK);
	struct bounce *b = read_bounce(buf_str(&mail), mail.len);
	assert_string_equal(b->limit, r->want_limit);
	assert_int_equal(b->n, r->want_n);
	if (r->want_recipient != NULL) {
		assert_string_equal(b->notice[b->n - 1].recipient, r->want_recipient);
		assert_string_equal(b->notice[b->n - 1].status, r->want_status);
	}
	bounce_drop(&b);
	buf_release(&mail);
}

static void
bounce__reads_ten_thousand_recipients_and_no_more(void **state)
{
	struct buf mail = {.max_bytes = (size_t)64 << 20};

	(void)state;
	buf_adds(&mail, MD "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n");
	for (int i = 0; i < 10000; i++)
		buf_addf(&mail,
		         "Final-Recipient: rfc822; u%d@fabrikam.example\nAction: failed\nDiagnostic-Code: smtp; 550 "
		         "5.1.1 no %d\n\n",
		         i, i);
	struct bounce *b = read_bounce(buf_str(&mail), mail.len);
	assert_int_equal(b->n, 10000);
	assert_string_equal(b->limit, "");
	assert_string_equal(b->notice[9999].recipient, "u9999@fabrikam.example");
	assert_string_equal(b->notice[9999].text, "550 5.1.1 no 9999");
	bounce_drop(&b);
	buf_adds(&mail, "Final-Recipient: rfc822; one@more.example\nAction: failed\n\n");
	b = read_bounce(buf_str(&mail), mail.len);
	assert_int_equal(b->n, 10000);
	assert_string_equal(b->limit, "recipients");
	bounce_drop(&b);
	buf_release(&mail);
}

/* Cut anywhere, a report is read without fault, and never names somebody else. */
static void
bounce__reads_what_is_cut_off(void **state)
{
	static const char *const files[] = {
		"postfix-several", "exchange-german-html", "exchange-japanese", "ses-sns", "qmail", "complaint"};

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(files); f++) {
		struct buf mail = {0};
		read_file(files[f], ".eml", &mail);
		for (size_t len = 0; len < mail.len; len++) {
			/* In memory of its own size, for the sanitizer to see a byte too many */
			char *part = malloc(len + 1);
			assert_non_null(part);
			memcpy(part, mail.data, len);
			struct bounce *b = read_bounce(part, len);
			assert_true(b->n <= 4);
			bounce_drop(&b);
			free(part);
		}
		buf_release(&mail);
	}
}

/*
 * Memory that is not there: the n-th wish for it fails.  Not under the address sanitizer, which has an allocator of its own.
 */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *p, size_t size);

static long wishes_left = -1;

static bool
refused(void)
{
	return wishes_left > 0 && --wishes_left == 0;
}

/* In the C library's place, as is realloc. */
void *
malloc(size_t size) /* NOLINT(readability-redundant-declaration) */
{
	return refused() ? NULL : __libc_malloc(size);
}

void *
realloc(void *p, size_t size) /* NOLINT(readability-redundant-declaration) */
{
	return refused() ? NULL : __libc_realloc(p, size);
}

/* How often it was said, with every wish refused in turn.  What comes out is whole, or does not come out. */
static long
faults(const struct buf *mail)
{
	struct buf want = {0}, got = {0};
	struct bounce *b = read_bounce(mail->data, mail->len);
	long said = 0;
	bool met = true;

	render(&want, b);
	bounce_drop(&b);
	for (long n = 1; met; n++) {
		struct err err = {0};
		wishes_left = n;
		int rc = bounce_read(mail->data, mail->len, &b, &err);
		met = wishes_left == 0;
		wishes_left = -1;
		assert_true(rc == CR_OK || rc == CR_ENOMEM);
		assert_int_equal(rc == CR_OK, b != NULL);
		said += rc != CR_OK;
		buf_clear(&got);
		if (b != NULL) {
			render(&got, b);
			assert_string_equal(buf_str(&got), buf_str(&want));
		}
		bounce_drop(&b);
	}
	buf_release(&want);
	buf_release(&got);
	return said;
}

static void
bounce__says_when_memory_is_out(void **state)
{
	static const char *const files[] = {"postfix-several", "exchange-german-html", "forwarded-base64",
	                                    "status-base64", "exim-several"};
	struct buf many = {0};
	long said = 0;

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(files); f++) {
		struct buf mail = {0};
		read_file(files[f], ".eml", &mail);
		said += faults(&mail);
		buf_release(&mail);
	}
	assert_true(said >= 10);
	buf_adds(&many, MD "Content-Type: message/delivery-status\n\n");
	for (int i = 0; i < 200; i++)
		buf_addf(&many,
		         "Final-Recipient: rfc822; u%d@fabrikam.example\nAction: failed\nDiagnostic-Code: smtp; 550 "
		         "5.1.1 no %d\n\n",
		         i, i);
	assert_true(faults(&many) >= 5);
	/* In prose, more of them than the list has room for at first. */
	buf_clear(&many);
	buf_adds(&many, "From: Mail Delivery System <Mailer-Daemon@mail.example.net>\n"
	                "Subject: Mail delivery failed: returning message to sender\n\n"
	                "A message that you sent could not be delivered to one or more of its\n"
	                "recipients. This is a permanent error. The following address(es) failed:\n\n");
	for (int i = 0; i < 20; i++)
		buf_addf(&many, "  u%d@fabrikam.example\n    550 5.1.1 no %d\n", i, i);
	assert_true(faults(&many) >= 2);
	buf_release(&many);
}
#endif

int
main(void)
{
	static struct CMUnitTest tests[ARRAY_LEN(golden) + ARRAY_LEN(repeated) + 3];
	size_t n = 0;

	ROWS(tests, n, golden, bounce__reads);
	ROWS(tests, n, repeated, bounce__has_limits);
	TEST(tests, n, bounce__reads_ten_thousand_recipients_and_no_more);
	TEST(tests, n, bounce__reads_what_is_cut_off);
#ifndef __SANITIZE_ADDRESS__
	TEST(tests, n, bounce__says_when_memory_is_out);
#endif
	return rows_run("budget/bounce", tests, n);
}
