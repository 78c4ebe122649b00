/*
 * test_reply_text.c - a server's words out of whatever wrapped them.
 */
#include "tests/lib/rows.h"

#include "budget/reply_text.h"

static const struct fold_row {
	const char *name, *text, *want;
} folds[] = {
	{"capitals and blanks",      "  550  User\tUnknown\r\n ",                               "550 user unknown"           },
	{"accents",                  "Bo\xc3\xaete pleine, ung\xc3\xbcltig, \xc3\x89T\xc3\x89", "boite pleine, ungultig, ete"},
	{"Cyrillic capitals",        "\xd0\xaf\xd1\x89\xd0\xb8\xd0\xba \xd0\x9d\xd0\x95",
         "\xd1\x8f\xd1\x89\xd0\xb8\xd0\xba \xd0\xbd\xd0\xb5"								 },
	{"typographic quotes",       "doesn\xe2\x80\x99t \xe2\x80\x94 x",                       "doesn't - x"                },
	{"escapes of JSON",          "a\\r\\nb \\\"c\\\" \\u003cd\\u003e",                      "a b \"c\" <d>"              },
	{"escapes of HTML",          "&lt;a&gt; &amp; b&nbsp;c",                                "<a> & b c"                  },
	{"a byte that is not UTF-8", "a\xfc z",						 "a\xfc z"                    },
	{"half a letter at the end", "a\xc3",						   "a\xc3"                      },
	{"nothing",                  "",							""			   },
};

static void
check_fold(void **state)
{
	const struct fold_row *row = *state;
	char out[128];

	assert_int_equal(reply_text_fold(row->text, out, sizeof(out)), strlen(row->want));
	assert_string_equal(out, row->want);
}

static const struct row {
	const char *name, *text, *inner;
	int reply;
	uint32_t status;
	const char *host, *command;
} rows[] = {
	{"bare",			  "550 5.1.1 User unknown",							      "550 5.1.1 user unknown",       550, 5001001, "",               ""    },
	{"lines of one reply",            "550-5.7.1 one 550-5.7.1 two 550 5.7.1 three",                                         "550 5.7.1 one two three",      550, 5007001,
         "",																						     ""    },
	{"lines without a status",        "554-a 554-b 554 c",								   "554 a b c",                    554, 0,       "",               ""    },
	{"a number that is no line",      "550 5.7.1 over 550 messages",                                                         "550 5.7.1 over 550 messages",  550, 5007001, "",
         ""																							    },
	{"Postfix",		       "host mx.example.org[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command)",     "550 5.1.1 no",
         550,																			 5001001, "mx.example.org", "rcpt"},
	{"Postfix at the greeting",       "host mx.example.org[192.0.2.1] refused to talk to me: 554 no",                        "554 no",                       554, 0,
         "mx.example.org",																				       "conn"},
	{"Postfix at the end",            "host mx.example.org[192.0.2.1] said: 554 no (in reply to end of DATA command)",
         "554 no",																	       554, 0,       "mx.example.org", "data"},
	{"Exim",
         "SMTP error from remote mail server after RCPT TO:<a@example.org>: host mx.example.org [192.0.2.1]: 550 no",            "550 no",		       550, 0,       "mx.example.org", ""    },
	{"qmail",			 "192.0.2.1 does not like recipient. Remote host said: 550 no Giving up on 192.0.2.1.", "550 no",                       550,
         0,																				    "",               ""    },
	{"a report's field",              "smtp; 550 5.2.2 full",								"550 5.2.2 full",               550, 5002002, "",               ""    },
	{"Exchange Online wraps",         "550 5.0.350 Remote server returned an error -> 554 5.7.1 no",                         "554 5.7.1 no",                 554,
         5007001,																			      "",               ""    },
	{"what expired is not unwrapped", "550 5.4.300 Message expired -> 451 4.4.62 x",
         "550 5.4.300 message expired -> 451 4.4.62 x",													  550, 5004300, "",               ""    },
	{"Barracuda wraps",               "550 permanent failure for one or more recipients (a@example.org:550 5.4.1 no)",
         "550 5.4.1 no)",																	550, 5004001, "",               ""    },
	{"Barracuda's own word",          "550 permanent failure for one or more recipients (a@example.org:blocked)",
         "550 permanent failure for one or more recipients (a@example.org:blocked)",                                                                             550, 0,       "",               ""    },
	{"a wrapper in a wrapper",        "host a.example.org[192.0.2.1] said: 550 5.0.350 x -> 550 x -> 554 5.7.1 no",
         "554 5.7.1 no",																	 554, 5007001, "a.example.org",  ""    },
	{"JSON of a sending service",     "{\"reason\":\"550 5.1.1 no\",\"x\":1}",                                               "550 5.1.1 no\",\"x\":1}",      550, 5001001,
         "",																						     ""    },
	{"IronPort's form",               "5.1.0 - Unknown address error 550-'5.7.1 no'",                                        "550 '5.7.1 no'",               550, 5007001, "",               ""    },
	{"a status behind #",             "550 #5.1.0 Address rejected.",                                                        "550 #5.1.0 address rejected.", 550, 5001000, "",               ""    },
	{"a status at the end",           "553 sorry (#5.7.1)",								  "553 sorry (#5.7.1)",           553, 5007001, "",               ""    },
	{"an address is no status",       "550 from 5.6.7.8 no",								 "550 from 5.6.7.8 no",          550, 0,       "",               ""    },
	{"a status without a code",       "5.1.1 no",									    "5.1.1 no",                     0,   5001001, "",               ""    },
	{"words alone",                   "Mailbox full",									"mailbox full",                 0,   0,       "",               ""    },
	{"the client is not the host",    "554 client host mail.example.net[192.0.2.1] blocked",
         "554 client host mail.example.net[192.0.2.1] blocked",												  554, 0,       "",               ""    },
	{"nothing",		       "",										    "",			     0,   0,       "",               ""    },
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct reply_text t;

	reply_text_read(row->text, &t);
	assert_string_equal(t.inner, row->inner);
	assert_int_equal(t.inner_len, strlen(row->inner));
	assert_int_equal(t.reply, row->reply);
	assert_int_equal(t.status, row->status);
	assert_string_equal(t.host, row->host);
	assert_string_equal(t.command, row->command);
}

static void
reply_text__addresses_are_nobodys_reason(void **state)
{
	struct reply_text t;

	(void)state;
	reply_text_read("554 5.7.1 <newsletter@spam.example.net>: from 192.0.2.1, host[192.0.2.22]. 1.2.3", &t);
	assert_string_equal(t.bare, "554 5.7.1 <@>: from #ip, host[#ip]. 1.2.3");
	assert_int_equal(t.bare_len, strlen(t.bare));
}

/* However long, it is cut and nothing else. */
static void
reply_text__long_text_is_cut(void **state)
{
	static char text[100000];
	struct reply_text t;

	(void)state;
	(void)snprintf(text, sizeof(text), "550 5.1.1 %0*d", (int)sizeof(text) - 16, 0);
	reply_text_read(text, &t);
	assert_int_equal(t.reply, 550);
	assert_true(t.inner_len < REPLY_TEXT_MAX && t.inner_len > REPLY_TEXT_MAX - 8);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, folds, check_fold);
	ROWS(tests, n, rows, check_row);
	TEST(tests, n, reply_text__addresses_are_nobodys_reason);
	TEST(tests, n, reply_text__long_text_is_cut);
	return rows_run("budget/reply_text", tests, n);
}
