/*
 * test_maillog.c - what a line of Postfix's log tells of a delivery, and who had sent.
 */
#include "budget/maillog.h"
#include "tests/lib/rows.h"

#define AT      "Nov 25 10:00:01 mx "
#define CLEANUP AT "postfix/cleanup[69]: 4bX1f20abc: message-id=<17@getnorthwind.example>\n"
#define QMGR    AT "postfix/qmgr[70]: 4bX1f20abc: from=<anna@getnorthwind.example>, size=512, nrcpt=1 (queue active)\n"
#define TO      AT "postfix/smtp[71]: 4bX1f20abc: to=<li@fabrikam.example>, "
#define RELAY   "relay=mx.fabrikam.example[192.0.2.1]:25, delay=1.2, delays=0.1/0/1/0.1, dsn=5.7.1, "
#define SAID    "host mx.fabrikam.example[192.0.2.1] said: 554 5.7.1 Not wanted (in reply to RCPT TO command)"

/* clang-format off */
/* What the last line tells, as "recipient sender message-id host status text", "" nothing. */
static const struct row {
	const char *name, *lines, *want;
} rows[] = {
	{"bounced: the sender and message id of its queue id", CLEANUP QMGR TO RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example anna@getnorthwind.example <17@getnorthwind.example> mx.fabrikam.example 5.7.1 " SAID },
	{"deferred is temporary", QMGR TO "relay=none, delay=30, dsn=4.4.1, status=deferred (connect to mx[192.0.2.1]:25: Connection timed out)",
         "li@fabrikam.example anna@getnorthwind.example   4.4.1 connect to mx[192.0.2.1]:25: Connection timed out (temporary)"},
	{"sent tells nothing", QMGR TO RELAY "status=sent (250 2.0.0 Ok: queued as 12345)", ""},
	{"an unknown queue id has no sender", TO RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example   mx.fabrikam.example 5.7.1 " SAID },
	{"a notice has none either", AT "postfix/qmgr[70]: 4bX1f20abc: from=<>, size=1, nrcpt=1 (queue active)\n" TO RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example   mx.fabrikam.example 5.7.1 " SAID },
	{"orig_to is not the recipient", TO "orig_to=<x@y.example>, " RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example   mx.fabrikam.example 5.7.1 " SAID },
	{"the other side's words are not taken for fields", TO RELAY "status=bounced (host mx[1] said: 550 a, status=sent (x), dsn=2.0.0, relay=evil[6] (in reply))",
         "li@fabrikam.example   mx.fabrikam.example 5.7.1 host mx[1] said: 550 a, status=sent (x), dsn=2.0.0, relay=evil[6] (in reply)"},
	{"a quoted local part with a bracket", AT "postfix/smtp[71]: 4bX1f20abc: to=<\"a>b\"@fabrikam.example>, " RELAY "status=bounced (" SAID ")",
         "\"a>b\"@fabrikam.example   mx.fabrikam.example 5.7.1 " SAID },
	{"an instance of another name, the time in RFC 3339",
         "2026-11-25T10:00:01.123456+01:00 mx postfix-out/smtp[71]: 4bX1f20abc: to=<li@fabrikam.example>, " RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example   mx.fabrikam.example 5.7.1 " SAID },
	{"a host that is called like the program", "Nov 25 10:00:01 postfix-1 postfix/lmtp[71]: 4bX1f20abc: to=<li@fabrikam.example>, " RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example   mx.fabrikam.example 5.7.1 " SAID },
	{"put off without a connection: the reason is kept", TO "relay=none, delay=3, dsn=4.7.0, status=deferred (delivery temporarily suspended: host mx[192.0.2.1] refused to talk to me: 554 no)",
         "li@fabrikam.example    4.7.0 delivery temporarily suspended: host mx[192.0.2.1] refused to talk to me: 554 no (temporary)"},
	{"a later message under the same queue id has its own sender",
         QMGR AT "postfix/qmgr[70]: 4bX1f20abc: from=<ben@getnorthwind.example>, size=1, nrcpt=1 (queue active)\n" TO RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example ben@getnorthwind.example  mx.fabrikam.example 5.7.1 " SAID },
	{"only qmgr says who sent", QMGR AT "postfix/pickup[70]: 4bX1f20abc: uid=0 from=<root>\n" AT "postfix/smtpd[1]: 4bX1f20abc: from=<x@y>, status=bounced (n)\n" TO RELAY "status=bounced (" SAID ")",
         "li@fabrikam.example anna@getnorthwind.example  mx.fabrikam.example 5.7.1 " SAID },
	{"another program's line is none", AT "dovecot/smtp: to=<li@fabrikam.example>, status=bounced (x)", ""},
	{"a delivery without a reason is none", TO RELAY "status=bounced ", ""},
	{"half a line is none", AT "postfix/smtp[71]: 4bX1f20abc: to=<li@fabri", ""},
	{"an empty line is none", "", ""},
};
/* clang-format on */

static bool
feed(struct maillog *l, const char *lines, struct maillog_event *out)
{
	bool is = false;

	for (const char *end; *lines != '\0'; lines = *end == '\n' ? end + 1 : end) {
		end = lines + strcspn(lines, "\n");
		is = maillog_line(l, lines, (size_t)(end - lines), out);
	}
	return is;
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct maillog *l = NULL;
	struct maillog_event e;
	struct err err = {0};
	char got[1024] = "";

	assert_ok(maillog_open(&l, &err), &err);
	if (feed(l, r->lines, &e))
		(void)snprintf(got, sizeof(got), "%s %s %s %s %s %s%s", e.recipient, e.sender, e.message_id, e.host,
		               e.status, e.text, e.temporary ? " (temporary)" : "");
	assert_string_equal(got, r->want);
	maillog_drop(&l);
}

static void
maillog__remembers_as_many_messages_as_it_says_and_no_more(void **state)
{
	const size_t n = 4 * MAILLOG_MESSAGES;
	struct maillog *l = NULL;
	struct maillog_event e;
	struct err err = {0};
	size_t known = 0;
	char line[512];

	(void)state;
	assert_ok(maillog_open(&l, &err), &err);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(line, sizeof(line), AT "postfix/qmgr[70]: 4bX%08zu: from=<a@b.example>, size=1", i);
		assert_false(maillog_line(l, line, strlen(line), &e));
	}
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(line, sizeof(line),
		               AT "postfix/smtp[71]: 4bX%08zu: to=<c@d.example>, " RELAY "status=bounced (no)", i);
		assert_true(maillog_line(l, line, strlen(line), &e));
		known += e.sender[0] != '\0';
		/* The newest is never the one to go. */
		if (i == n - 1)
			assert_string_equal(e.sender, "a@b.example");
	}
	assert_in_range(known, MAILLOG_MESSAGES / 2, MAILLOG_MESSAGES);
	maillog_drop(&l);
}

static void
maillog__too_long_a_line_is_cut(void **state)
{
	const size_t len = 3 * MAILLOG_LINE_MAX;
	char *line = malloc(len);
	struct maillog *l = NULL;
	struct maillog_event e;
	struct err err = {0};

	(void)state;
	assert_non_null(line);
	memset(line, 'x', len);
	memcpy(line, TO RELAY "status=bounced (", sizeof(TO RELAY "status=bounced (") - 1);
	assert_ok(maillog_open(&l, &err), &err);
	assert_true(maillog_line(l, line, len, &e));
	assert_true(strlen(e.text) < MAILLOG_LINE_MAX);
	maillog_drop(&l);
	free(line);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, maillog__remembers_as_many_messages_as_it_says_and_no_more);
	TEST(tests, n, maillog__too_long_a_line_is_cut);
	return rows_run("budget/maillog", tests, n);
}
