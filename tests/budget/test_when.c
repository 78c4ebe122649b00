/*
 * test_when.c - dates of mails and of logs, and what is none.
 */
#include "budget/when.h"
#include "tests/lib/rows.h"

#define NOON_MS ((int64_t)1764072000000) /* 2025-11-25T12:00:00Z */
#define DAY_MS  ((int64_t)86400000)

static const struct mail_row {
	const char *name, *text;
	int64_t want_ms;
} mail_rows[] = {
	{"a date as RFC 5322 has it",                    "From: a\nDate: Tue, 25 Nov 2025 12:00:00 +0000\n\nx",             NOON_MS},
	{"east of it",				   "Date: Tue, 25 Nov 2025 13:00:00 +0100\n\n",                       NOON_MS},
	{"west of it, and half an hour",                 "Date: Tue, 25 Nov 2025 08:30:00 -0330\n\n",                       NOON_MS},
	{"without the day of the week, without seconds", "date:25 Nov 2025 12:00 -0000\n\n",                                NOON_MS},
	{"folded, with CRLF",                            "Subject: x\r\nDate: Tue,\r\n 25 Nov 2025 12:00:00 +0000\r\n\r\n", NOON_MS},
	{"with a zone's name",                           "Date: Tue, 25 Nov 2025 12:00:00 GMT\n\n",                         NOON_MS},
	{"a year of two digits",                         "Date: Tue, 25 Nov 25 12:00:00 +0000\n\n",                         NOON_MS},
	{"with dashes",				  "Date: 25-Nov-2025 12:00:00 +0000\n\n",                            NOON_MS},
	{"at the very end",			      "Date: Tue, 25 Nov 2025 12:00",                                    NOON_MS},
	{"behind the header is none",                    "Subject: x\n\nDate: Tue, 25 Nov 2025 12:00:00 +0000\n",           0      },
	{"no date",				      "Subject: x\n\n",						  0      },
	{"an empty mail",				"",								0      },
	{"no month",				     "Date: Tue, 25 Foo 2025 12:00:00 +0000\n\n",                       0      },
	{"no such hour",				 "Date: Tue, 25 Nov 2025 25:00:00 +0000\n\n",                       0      },
	{"no such day",				  "Date: Tue, 0 Nov 2025 12:00:00 +0000\n\n",                        0      },
	{"before the epoch",			     "Date: Tue, 25 Nov 1901 12:00:00 +0000\n\n",                       0      },
};

static const struct line_row {
	const char *name, *text;
	int64_t want_ms;
} line_rows[] = {
	{"RFC 5424",               "2025-11-25T13:00:00.123456+01:00 mx postfix/smtp[1]: x", NOON_MS               },
	{"in UTC",                 "2025-11-25T12:00:00Z mx postfix/smtp[1]: x",             NOON_MS               },
	{"RFC 3164 of yesterday",  "Nov 24 12:00:00 mx postfix/smtp[1]: x",                  NOON_MS - DAY_MS      },
	{"a day of one digit",     "Nov  5 12:00:00 mx postfix/smtp[1]: x",                  NOON_MS - 20 * DAY_MS },
	{"of the year before",     "Dec 25 12:00:00 mx postfix/smtp[1]: x",                  NOON_MS - 335 * DAY_MS},
	{"an hour ahead is today", "Nov 25 13:00:00 mx postfix/smtp[1]: x",                  NOON_MS + DAY_MS / 24 },
	{"no date",                "postfix/smtp[1]: x",                                     0                     },
	{"an empty line",          "",						       0                     },
	{"a month that is none",   "2025-13-25T12:00:00Z x",                                 0                     },
};

static void
check_mail(void **state)
{
	const struct mail_row *r = *state;

	assert_int_equal(when_of_mail(r->text, strlen(r->text)), r->want_ms);
}

static void
check_line(void **state)
{
	const struct line_row *r = *state;

	assert_int_equal(when_of_line(r->text, strlen(r->text), NOON_MS), r->want_ms);
}

int
main(void)
{
	struct CMUnitTest tests[40];
	size_t n = 0;

	(void)setenv("TZ", "UTC", 1);
	ROWS(tests, n, mail_rows, check_mail);
	ROWS(tests, n, line_rows, check_line);
	return rows_run("budget/when", tests, n);
}
