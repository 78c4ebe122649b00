/*
 * test_intake.c - what comes in, from bytes to what followed: the commands bounce and explain as the door runs them.
 */
#include "budget/cmd.h"
#include "core/log.h"
#include "tests/budget/office.h"

#include <sys/stat.h>

#define TRY  "ben@trynorthwind.example"
#define SAID "554 5.7.1 Your domain is blocked by the policy of our organization"

/* RECIPIENT, SENDER and REPLY of a notice as Postfix writes it. */
#define NOTICE(id, recipient, sender, status, reply)                                                                   \
	"From: MAILER-DAEMON@mx.relay.example (Mail Delivery System)\n"                                                \
	"To: " sender "\n"                                                                                             \
	"Subject: Undelivered Mail Returned to Sender\n"                                                               \
	"Auto-Submitted: auto-replied\n"                                                                               \
	"MIME-Version: 1.0\n"                                                                                          \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_1\"\n\n"                            \
	"--=_1\nContent-Type: text/plain\n\n"                                                                          \
	"This is the mail system at host mx.relay.example.\n\n"                                                        \
	"<" recipient ">: host mx.receiver.example[192.0.2.7] said: " reply " (in reply to RCPT TO command)\n\n"       \
	"--=_1\nContent-Type: message/delivery-status\n\n"                                                             \
	"Reporting-MTA: dns; mx.relay.example\n\n"                                                                     \
	"Final-Recipient: rfc822; " recipient "\nAction: failed\nStatus: " status "\n"                                 \
	"Remote-MTA: dns; mx.receiver.example\nDiagnostic-Code: smtp; " reply "\n\n"                                   \
	"--=_1\nContent-Type: text/rfc822-headers\n\n"                                                                 \
	"Return-Path: <" sender ">\nFrom: " sender "\nTo: " recipient "\nMessage-ID: <" id                             \
	"@getnorthwind.example>\n\n"                                                                                   \
	"--=_1--\n"

static char dir[64];
static struct fake_clock fake;

static const char *
in_dir(const char *name)
{
	static char path[4][128];
	static unsigned turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(in_dir(name), 0600), 0);
}

struct result {
	int exit_code;
	char *out;
	size_t out_len;
	struct err err;
};

/* A command line, split at blanks; "@/" begins a file of the test's directory, "_" stands for a blank. */
static struct result
run_line(const char *line, bool json)
{
	char copy[1024], *argv[16], *save = NULL;
	struct result r = {0};
	struct session s = {.config_path = access(in_dir("coldrelay.cfg"), F_OK) == 0 ? in_dir("coldrelay.cfg") : NULL,
	                    .clock = &fake.clock,
	                    .json = json};
	int argc = 0, rc = CR_EBUG;

	s.out = open_memstream(&r.out, &r.out_len);
	assert_non_null(s.out);
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL && argc < 15; w = strtok_r(NULL, " ", &save)) {
		for (char *p = w; *p != '\0'; p++)
			*p = *p == '_' ? ' ' : *p;
		argv[argc] = strncmp(w, "@/", 2) == 0 ? strdup(in_dir(w + 2)) : strdup(w);
		assert_non_null(argv[argc++]);
	}
	argv[argc] = NULL;
	for (size_t i = 0; i < budget_commands_n; i++)
		if (argc > 0 && strcmp(budget_commands[i].name, argv[0]) == 0)
			rc = budget_commands[i].run(&s, argc, argv, &r.err);
	session_release(&s);
	assert_int_equal(fclose(s.out), 0);
	while (argc > 0)
		free(argv[--argc]);
	r.exit_code = rc < 0 ? err_exit_code(rc) : rc;
	return r;
}

static void
expect(const char *line, bool json, int exit_code, const char *holds)
{
	struct result r = run_line(line, json);

	if (r.exit_code != exit_code)
		fail_msg("%s: exit %d, not %d: %s %s", line, r.exit_code, exit_code, r.out, r.err.text);
	if (holds != NULL && strstr(r.out, holds) == NULL && strstr(r.err.text, holds) == NULL)
		fail_msg("%s: no '%s' in: %s %s", line, holds, r.out, r.err.text);
	free(r.out);
}

static int
make_installation(void **state)
{
	static const char *const get[] = {ANNA, BEN}, *const try[] = {TRY};
	struct err err = {0};
	struct session s;
	struct contain c;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	(void)snprintf(dir, sizeof(dir), "/tmp/coldrelay-intake.XXXXXX");
	assert_non_null(mkdtemp(dir));
	fake_clock_init(&fake, OFFICE_START_MS);
	put("coldrelay.cfg", "store = \"store.db\";\nkey_file = \"install.key\";\n");
	s = (struct session){.config_path = in_dir("coldrelay.cfg"), .clock = &fake.clock, .out = stdout};
	assert_ok(session_store(&s, DB_CREATE, &err), &err);
	c = cmd_contain(&s);
	assert_ok(db_begin(s.db, &err), &err);
	assert_ok(contain_plan_domain(&c, TENANT, "getnorthwind.example", &err), &err);
	assert_ok(contain_provisioning(&c, "getnorthwind.example", &err), &err);
	assert_ok(contain_register(&c, "getnorthwind.example", OFFICE_START_MS, get, 2, &err), &err);
	assert_ok(contain_plan_domain(&c, TENANT, "trynorthwind.example", &err), &err);
	assert_ok(contain_provisioning(&c, "trynorthwind.example", &err), &err);
	assert_ok(contain_register(&c, "trynorthwind.example", OFFICE_START_MS, try, 1, &err), &err);
	assert_ok(db_commit(s.db, &err), &err);
	session_release(&s);
	put("block.eml", NOTICE("1", "li@fabrikam.example", ANNA, "5.7.1", SAID));
	put("dead.eml", NOTICE("2", "gone@adatum.example", TRY, "5.1.1", "550 5.1.1 User unknown"));
	put("foreign.eml", NOTICE("3", "li@contoso.example", "x@elsewhere.example", "5.7.1", SAID));
	put("plain.eml", "From: li@fabrikam.example\nTo: " ANNA "\nSubject: Re: a question\n\nYes, please call.\n");
	put("empty", "");
	put("junk", "no header here\n\nnor here\n");
	return 0;
}

static int
remove_installation(void **state)
{
	char line[128];

	(void)state;
	(void)snprintf(line, sizeof(line), "rm -rf %s", dir);
	return system(line);
}

/* How much of what was read is kept. */
static int64_t
evidence(void)
{
	struct session s = {.config_path = in_dir("coldrelay.cfg"), .clock = &fake.clock, .out = stdout};
	struct err err;
	int64_t n = -1;

	assert_ok(session_store(&s, DB_READ, &err), &err);
	assert_ok(db_get_int(s.db, "SELECT COUNT(*) FROM evidence", DB_NO_ARGS, -1, &n, &err), &err);
	session_release(&s);
	return n;
}

static void
bounce__a_block_freezes_and_suppresses_once(void **state)
{
	(void)state;
	expect("bounce --dry-run @/block.eml", true, 0, "freeze getnorthwind.example");
	expect("check " BEN " --to a@one.example --dry-run", false, 0, "allow");
	expect("bounce @/block.eml", true, 0,
	       "\"recipient\":\"li@fabrikam.example\",\"category\":\"policy_block\",\"layer\":\"\",\"status\":\"5.7."
	       "1\",\"reply\":\"554\"");
	expect("check " BEN " --to a@one.example", true, 77, "frozen");
	expect("check " TRY " --to other@fabrikam.example", true, 77, "suppressed");
	expect("check " TRY " --to a@one.example --dry-run", true, 0, NULL);
	expect("bounce @/block.eml", true, 0, "\"actions\":[],");
	expect("bounce @/block.eml", true, 0, "\"known\":true");
	expect("bounce @/block.eml", false, 0, "read before");
	expect("audit verify", false, 0, NULL);
}

static void
bounce__a_dead_address_freezes_nothing(void **state)
{
	(void)state;
	expect("bounce @/dead.eml", true, 0, "\"category\":\"bad_recipient\"");
	expect("check " TRY " --to gone@adatum.example", true, 77, "suppressed");
	expect("check " TRY " --to mo@adatum.example --dry-run", true, 0, NULL);
}

static void
bounce__what_was_not_ours_does_nothing(void **state)
{
	(void)state;
	expect("bounce @/foreign.eml", true, 0, "\"actions\":[],");
	expect("bounce @/foreign.eml", false, 0, NULL);
	expect("check " TRY " --to a@contoso.example --dry-run", true, 0, NULL);
}

static void
bounce__one_that_does_not_tell_is_of_the_named_mailbox(void **state)
{
	(void)state;
	put("bare.eml", "From: MAILER-DAEMON@mx.relay.example\nSubject: Undelivered Mail Returned to Sender\n\n"
	                "<li@fabrikam.example>: host mx.receiver.example[192.0.2.7] said: " SAID
	                " (in reply to RCPT TO command)\n");
	expect("bounce --mailbox " ANNA " @/bare.eml", true, 0, "\"sender\":\"" ANNA "\"");
	expect("check " BEN " --to a@one.example", true, 77, "frozen");
}

/* The gate was asked by the envelope: a message may go out under somebody else's From. */
static void
bounce__a_foreign_from_does_not_hide_the_mailbox(void **state)
{
	(void)state;
	put("from.eml",
	    "From: MAILER-DAEMON@mx.relay.example (Mail Delivery System)\n"
	    "To: " ANNA "\n"
	    "Subject: Undelivered Mail Returned to Sender\n"
	    "Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_1\"\n\n"
	    "--=_1\nContent-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns; mx.relay.example\n\n"
	    "Final-Recipient: rfc822; li@fabrikam.example\nAction: failed\nStatus: 5.7.1\n"
	    "Diagnostic-Code: smtp; " SAID "\n\n"
	    "--=_1\nContent-Type: text/rfc822-headers\n\n"
	    "Return-Path: <" ANNA ">\nFrom: The Boss <boss@elsewhere.example>\nMessage-ID: <9@x>\n\n--=_1--\n");
	expect("explain @/from.eml", true, 0, "\"sender\":\"boss@elsewhere.example\"");
	expect("bounce @/from.eml", true, 0, "\"sender\":\"" ANNA "\"");
	expect("check " BEN " --to a@one.example", true, 77, "frozen");
}

static void
bounce__exit_says_what_was_read(void **state)
{
	(void)state;
	expect("bounce @/plain.eml", true, 0, "\"category\":\"none\"");
	/* Nothing of a person's answer is kept. */
	assert_int_equal(evidence(), 0);
	expect("bounce @/none", true, 65, NULL);
	expect("bounce @/empty", true, 65, NULL);
	expect("bounce @/junk", true, 65, NULL);
	expect("bounce @/junk @/dead.eml", true, 65, "bad_recipient");
	expect("bounce --pipe @/junk", true, 0, NULL);
	expect("bounce --follow", true, 64, "--log");
	expect("bounce --log @/log @/dead.eml", true, 64, "--log");
	expect("bounce --log - --follow", true, 64, "--follow");
	expect("bounce --pipe --dry-run", true, 75, "--pipe");
	expect("bounce --log @/none", true, 65, "none");
}

static void
bounce__trouble_keeps_the_mail(void **state)
{
	(void)state;
	assert_int_equal(rename(in_dir("store.db"), in_dir("away")), 0);
	expect("bounce @/block.eml", true, 75, "store.db");
	/* Without a store a dry run still reads. */
	expect("bounce --dry-run @/block.eml", true, 0, "policy_block");
	assert_int_equal(rename(in_dir("away"), in_dir("store.db")), 0);
	expect("bounce --dry-run @/block.eml", true, 0, "freeze getnorthwind.example");
	put("coldrelay.cfg", "store = \"store.db\";\nkey_file = \"install.key\";\nlimit = 3;\n");
	expect("bounce @/block.eml", true, 78, NULL);
	expect("bounce --pipe @/block.eml", true, 75, NULL);
	put("coldrelay.cfg", "store = \"store.db\";\nkey_file = \"install.key\";\nreply_rules = \"my.rules\";\n");
	put("my.rules", "rule x\n\tnonsense: y\n");
	expect("bounce @/block.eml", true, 78, "my.rules:2");
	put("coldrelay.cfg", "store = \"store.db\";\nkey_file = \"install.key\";\n");
	expect("bounce @/block.eml", true, 0, "\"known\":false");
}

static void
bounce__an_mbox_is_read_to_its_end(void **state)
{
	(void)state;
	put("box",
	    "From x 10:00:00\n" NOTICE("2", "gone@adatum.example", TRY, "5.1.1",
	                               "550 5.1.1 User unknown") "\n"
	                                                         "From x 10:00:00\n" NOTICE("1", "li@fabrikam.example",
	                                                                                    ANNA, "5.7.1", SAID));
	expect("bounce @/box", true, 0, "\"number\":2");
	expect("check " BEN " --to a@one.example", true, 77, "frozen");
	expect("check " TRY " --to gone@adatum.example", true, 77, "suppressed");
}

/* Read at once, but said in three months: no three organisations within a week. */
static void
bounce__what_came_long_ago_counts_as_of_then(void **state)
{
	(void)state;
	put("old", "From x 10:00:00\nDate: Mon, 1 Sep 2025 10:00:00 +0000\n" NOTICE(
			   "1", "li@fabrikam.example", ANNA, "5.7.1",
			   SAID) "\nFrom x 10:00:00\nDate: Wed, 1 Oct 2025 10:00:00 "
	                         "+0000\n" NOTICE("2", "li@contoso.example", ANNA, "5.7.1",
	                                          SAID) "\nFrom x 10:00:00\nDate: Sat, "
	                                                "1 Nov 2025 10:00:00 "
	                                                "+0000\n" NOTICE("3",
	                                                                 "li@adatum."
	                                                                 "example",
	                                                                 ANNA, "5.7.1", SAID));
	expect("bounce @/old", true, 0, "\"number\":3");
	expect("status getnorthwind.example", true, 1, "\"state\":\"frozen\"");
	put("new", "From x 10:00:00\nDate: Tue, 25 Nov 2025 10:00:00 +0000\n" NOTICE(
			   "4", "li@one.example", ANNA, "5.7.1",
			   SAID) "\nFrom x 10:00:00\nDate: Mon, 24 Nov 2025 10:00:00 "
	                         "+0000\n" NOTICE("5", "li@two.example", ANNA, "5.7.1",
	                                          SAID) "\nFrom x 10:00:00\nDate: Sun, "
	                                                "23 Nov 2025 10:00:00 "
	                                                "+0000\n" NOTICE("6",
	                                                                 "li@three."
	                                                                 "example",
	                                                                 ANNA, "5.7.1", SAID));
	expect("bounce @/new", true, 0, "burn getnorthwind.example");
}

static void
bounce__the_log_says_the_same(void **state)
{
	(void)state;
	put("log", "Nov 25 10:00:00 mx postfix/cleanup[1]: 4bX1f20abc: message-id=<1@getnorthwind.example>\n"
	           "Nov 25 10:00:00 mx postfix/qmgr[1]: 4bX1f20abc: from=<" ANNA ">, size=1, nrcpt=1 (queue active)\n"
	           "Nov 25 10:00:01 mx postfix/smtp[1]: 4bX1f20abc: to=<li@fabrikam.example>, "
	           "relay=mx.receiver.example[192.0.2.7]:25, delay=1, dsn=5.7.1, status=bounced (host "
	           "mx.receiver.example[192.0.2.7] said: " SAID " (in reply to RCPT TO command))\n"
	           "Nov 25 10:00:02 mx postfix/smtp[1]: 4bX1f20abc: to=<half@fabrik");
	expect("bounce --log @/log --dry-run", true, 0, "freeze getnorthwind.example");
	expect("bounce --log @/log", true, 0,
	       "\"status\":\"5.7.1\",\"reply\":\"554\",\"host\":\"mx.receiver.example\"");
	expect("check " BEN " --to a@one.example", true, 77, "frozen");
	expect("bounce --log @/log", true, 0, "\"known\":true");
	/* And the notice of it counts no second time. */
	expect("bounce @/block.eml", true, 0, "\"known\":true");
}

static void
explain__needs_neither_store_nor_configuration(void **state)
{
	(void)state;
	assert_int_equal(unlink(in_dir("coldrelay.cfg")), 0);
	expect("explain 550_5.4.1_Recipient_address_rejected:_Access_denied", true, 0,
	       "\"category\":\"bad_recipient\"");
	expect("explain 550 5.4.1 Recipient address rejected: Access denied", false, 0, "do not");
	expect("explain @/block.eml", true, 0, "\"actions\":[],");
	expect("explain @/block.eml", true, 0, "\"scope\":\"organisation\"");
	put("reply.txt", "550-5.1.1 No such\r\n550 5.1.1 user here\r\n");
	expect("explain @/reply.txt", true, 0, "\"category\":\"bad_recipient\"");
	put("list.tsv", "r1\t550 5.1.1 User unknown\n\nr2\t452 4.2.2 Mailbox full\n");
	expect("explain --replies @/list.tsv", false, 0,
	       "{\"id\":\"r1\",\"category\":\"bad_recipient\",\"layer\":\"\"}\n{\"id\":\"r2\",\"category\":\"mailbox_"
	       "full\",\"layer\":\"\"}\n");
	put("bad.tsv", "r1 550 5.1.1 User unknown\nr2\t550 5.1.1 User unknown\n");
	expect("explain --replies @/bad.tsv", false, 65, "r2");
	expect("explain --replies @/empty", false, 65, NULL);
	expect("explain --rules", true, 0, "\"do_not\":");
	expect("explain", false, 64, "usage");
	expect("explain --rules text", false, 64, "usage");
	expect("explain _", false, 65, NULL);
	expect("explain @/empty", false, 65, NULL);
}

/* Every word of a refusal is outside's: none of it moves somebody's cursor. */
static void
explain__no_control_byte_reaches_a_terminal(void **state)
{
	struct result r;

	(void)state;
	put("mail\x1b[2J\x07", "From: li@fabrikam.example\nSubject: Re: a question\n\nYes.\n");
	r = run_line("explain @/mail\x1b[2J\x07", false);
	assert_int_equal(r.exit_code, 0);
	assert_non_null(strstr(r.out, "mail?[2J?"));
	free(r.out);
	put("reply.txt", "550 5.1.1 \x1b[2J\xc2\x9b"
	                 "31m user unknown\x7f");
	r = run_line("explain @/reply.txt", false);
	assert_int_equal(r.exit_code, 0);
	for (size_t i = 0; i < r.out_len; i++)
		assert_true(((unsigned char)r.out[i] >= 0x20 || r.out[i] == '\n') && r.out[i] != 0x7f &&
		            (unsigned char)r.out[i] != 0x9b);
	free(r.out);
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, make_installation, remove_installation)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(bounce__a_block_freezes_and_suppresses_once),
		EACH(bounce__a_dead_address_freezes_nothing),
		EACH(bounce__what_was_not_ours_does_nothing),
		EACH(bounce__one_that_does_not_tell_is_of_the_named_mailbox),
		EACH(bounce__a_foreign_from_does_not_hide_the_mailbox),
		EACH(bounce__exit_says_what_was_read),
		EACH(bounce__trouble_keeps_the_mail),
		EACH(bounce__an_mbox_is_read_to_its_end),
		EACH(bounce__what_came_long_ago_counts_as_of_then),
		EACH(bounce__the_log_says_the_same),
		EACH(explain__needs_neither_store_nor_configuration),
		EACH(explain__no_control_byte_reaches_a_terminal),
	};

	return cmocka_run_group_tests_name("budget/intake", tests, NULL, NULL);
}
