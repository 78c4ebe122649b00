/*
 * test_imap.c - a folder read over a link to a server that is honest, slow, cut off, or lies; and how far it then counts as read.
 */
#include "tests/lib/rows.h"

#include "budget/imap_box.h"
#include "budget/imap_servers.h"
#include "budget/imap_wire.h"
#include "core/buf.h"
#include "tests/lib/fake_clock.h"

#define MAIL_MAX 64
#define ANSWERS  4
#define OPENED   "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 99] ok\r\nC1 OK [READ-ONLY] done\r\n"

/* What each command gets, in order; "" is silence.  A "%" in an answer stands for MAIL_MAX + 1 bytes of mail. */
struct talk_row {
	const char *name;
	const char *answers[ANSWERS];
	struct imap_place from;
	int fail_at; /* got fails for this UID; 0: never */
	int want_rc;
	struct imap_place want;
	const char *want_got; /* "UID:mail;" each, and "UID!" skipped */
	const char *why;      /* in the error */
};

/* clang-format off */
static const struct talk_row talks[] = {
	{"each new mail is handed out once, in order", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> {4}\r\nfour)\r\n* 2 FETCH (UID 5 BODY[]<0> {4}\r\nfive)\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 5}, "4:four;5:five;", NULL},
	{"a folder without mail is not searched", {"* 0 EXISTS\r\n* OK [UIDVALIDITY 7]\r\nC1 OK\r\n"}, {0}, 0, CR_OK, {7, 0}, "", NULL},
	{"the last mail, which n:* names although it is before n, is not read again", {OPENED, "* SEARCH 9\r\nC2 OK\r\n"},
		{7, 9}, 0, CR_OK, {7, 9}, "", NULL},
	{"only what is behind the place is read", {OPENED, "* SEARCH 3 4 8\r\nC2 OK\r\n", "* 3 FETCH (BODY[]<0> {1}\r\nx UID 8)\r\nC3 OK\r\n"},
		{7, 4}, 0, CR_OK, {7, 8}, "8:x;", NULL},
	{"another UIDVALIDITY starts over", {OPENED, "* SEARCH 1\r\nC2 OK\r\n", "* 1 FETCH (UID 1 BODY[]<0> {1}\r\nx)\r\nC3 OK\r\n"},
		{6, 500}, 0, CR_OK, {7, 1}, "1:x;", NULL},
	{"answers in another order count when there is no gap", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n",
		"* 2 FETCH (UID 5 BODY[]<0> {1}\r\nb)\r\n* 1 FETCH (UID 4 BODY[]<0> {1}\r\na)\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 5}, "5:b;4:a;", NULL},
	{"cut off with a gap, the place stays before it", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n", "* 2 FETCH (UID 5 BODY[]<0> {1}\r\nb)\r\n"},
		{7, 3}, 0, CR_ERETRY, {7, 3}, "5:b;", "closed"},
	{"cut off inside a mail, the place is behind the one before", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> {1}\r\na)\r\n* 2 FETCH (UID 5 BODY[]<0> {9}\r\nbbb"},
		{0}, 0, CR_ERETRY, {7, 4}, "4:a;", "closed"},
	{"a mail that could not be worked on is not passed over", {OPENED, "* SEARCH 4 5 6\r\nC2 OK\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> {1}\r\na)\r\n* 2 FETCH (UID 5 BODY[]<0> {1}\r\nb)\r\n* 3 FETCH (UID 6 BODY[]<0> {1}\r\nc)\r\nC3 OK\r\n"},
		{0}, 5, CR_ESTORE, {7, 4}, "4:a;", "store"},
	{"a mail that somebody deleted in between is passed over", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n",
		"* 2 FETCH (UID 5 BODY[]<0> {1}\r\nb)\r\nC3 NO [EXPUNGEISSUED] some are gone\r\n"},
		{0}, 0, CR_OK, {7, 5}, "5:b;", NULL},
	{"a mail above the ceiling is skipped and passed over", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> {65}\r\n%)\r\n* 2 FETCH (UID 5 BODY[]<0> {1}\r\nb)\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 5}, "4!5:b;", NULL},
	{"an answer inside a mail is the mail's", {OPENED, "* SEARCH 4\r\nC2 OK\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> {36}\r\n)\r\nC3 OK done\r\n* 2 FETCH (UID 9)\r\n\r\n)\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 4}, "4:)\r\nC3 OK done\r\n* 2 FETCH (UID 9)\r\n\r\n;", NULL},
	{"what looks like a literal in words for people is none", {OPENED, "* OK all is well {900}\r\n* SEARCH 4\r\nC2 OK found {9}\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> {1}\r\na)\r\nC3 OK\r\n"}, {0}, 0, CR_OK, {7, 4}, "4:a;", NULL},
	{"a mail as a quoted string, and none at all", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n",
		"* 1 FETCH (UID 4 BODY[]<0> \"a \\\"b\\\" \\\\\")\r\n* 2 FETCH (UID 5 BODY[]<0> NIL)\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 5}, "4:a \"b\" \\;", NULL},
	{"news of other kinds are passed over", {OPENED, "* FLAGS (\\Seen)\r\n* 4 RECENT\r\n* SEARCH\r\n* SEARCH 4 (MODSEQ 917)\r\n* 4 EXPUNGE\r\nC2 OK\r\n",
		"* 1 FETCH (FLAGS (\\Seen \"x\" (a (b) {2}\r\n)()) UID 4 MODSEQ (12) BODY[HEADER.FIELDS (FROM)] \"q\" BODY[]<0> {1}\r\na)\r\n* 1 FETCH (FLAGS ())\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 4}, "4:a;", NULL},
	{"a mail that was not asked for is not taken", {OPENED, "* SEARCH 4\r\nC2 OK\r\n",
		"* 1 FETCH (UID 3 BODY[]<0> {1}\r\nx)\r\n* 1 FETCH (UID 4 BODY[]<0> {1}\r\na)\r\n* 1 FETCH (UID 4 BODY[]<0> {1}\r\nb)\r\nC3 OK\r\n"},
		{0}, 0, CR_OK, {7, 4}, "4:a;", NULL},
	{"a server that sends more than was asked for is left", {OPENED, "* SEARCH 4\r\nC2 OK\r\n", "* 1 FETCH (UID 4 BODY[]<0> {66}\r\n"},
		{7, 3}, 0, CR_EPARSE, {7, 3}, "", "more bytes"},
	{"so is one that announces four gigabytes", {OPENED, "* SEARCH 4\r\nC2 OK\r\n", "* 1 FETCH (UID 4 BODY[]<0> {4294967299}\r\n"},
		{7, 3}, 0, CR_EPARSE, {7, 3}, "", "more bytes"},
	{"a folder without UIDVALIDITY is not read", {"* 3 EXISTS\r\nC1 OK\r\n"}, {7, 3}, 0, CR_EPARSE, {7, 3}, "", "UIDVALIDITY"},
	{"a folder that is not there has its own error", {"C1 NO [NONEXISTENT] Mailbox doesn't exist\r\n"}, {7, 3}, 0, CR_ENOTFOUND, {7, 3}, "", "exist"},
	{"so has one whose server gives no code", {"C1 NO Mailbox does not exist: Junk\r\n"}, {7, 3}, 0, CR_ENOTFOUND, {7, 3}, "", "exist"},
	{"a folder that is busy is for now", {"C1 NO [INUSE] busy\r\n"}, {7, 3}, 0, CR_ERETRY, {7, 3}, "", "busy"},
	{"a refusal for now is for now", {OPENED, "C2 NO [UNAVAILABLE] later\r\n"}, {7, 3}, 0, CR_ERETRY, {7, 3}, "", "later"},
	{"mails that are refused for now are not passed over", {OPENED, "* SEARCH 4 5\r\nC2 OK\r\n", "C3 NO [SERVERBUG] oh\r\n"},
		{7, 3}, 0, CR_ERETRY, {7, 3}, "", "SERVERBUG"},
	{"a goodbye in the middle is for now", {OPENED, "* BYE shutting down\r\n"}, {7, 3}, 0, CR_ERETRY, {7, 3}, "", "shutting down"},
	{"silence ends by the deadline", {OPENED, ""}, {7, 3}, 0, CR_ERETRY, {7, 3}, "", "silence"},
	{"what is no IMAP is said to be none", {"HTTP/1.1 400 Bad Request\r\n\r\n"}, {7, 3}, 0, CR_EPARSE, {7, 3}, "", "which was not asked"},
	{"an answer to something else is an error", {OPENED, "C9 OK\r\n"}, {7, 3}, 0, CR_EPARSE, {7, 3}, "", "C9"},
	{"a request to go on is an error", {OPENED, "+ go ahead\r\n"}, {7, 3}, 0, CR_EPARSE, {7, 3}, "", "waits for more"},
	{"numbers that are none are an error", {OPENED, "* SEARCH 4 5x\r\nC2 OK\r\n"}, {7, 3}, 0, CR_EPARSE, {7, 3}, "", "SEARCH"},
	{"so is a number above 32 bits", {OPENED, "* SEARCH 99999999999\r\nC2 OK\r\n"}, {7, 3}, 0, CR_EPARSE, {7, 3}, "", "SEARCH"},
	{"a FETCH that does not close is an error", {OPENED, "* SEARCH 4\r\nC2 OK\r\n", "* 1 FETCH (UID 4 BODY[]<0> {1}\r\na\r\nC3 OK\r\n"},
		{7, 3}, 0, CR_EPARSE, {7, 3}, "", "FETCH"},
	{"behind the last UID that there can be is nothing", {OPENED}, {7, UINT32_MAX}, 0, CR_OK, {7, UINT32_MAX}, "", NULL},
};
/* clang-format on */

/* Both ends: what the server is going to say, and what came of it. */
struct fake {
	struct imap_link link; /* first */
	struct fake_clock clock;
	const struct talk_row *row;
	struct buf said, got, asked;
	size_t at, chunk;
	size_t commands;
	bool silent;
	struct imap_place kept;
};

static int
fake_send(struct imap_link *l, const char *data, size_t len, int64_t wait_ms, struct err *err)
{
	struct fake *f = (struct fake *)l;
	const char *answer = f->commands < ANSWERS ? f->row->answers[f->commands] : NULL;

	(void)wait_ms;
	(void)err;
	assert_true(len > 2 && memcmp(data + len - 2, "\r\n", 2) == 0);
	buf_add(&f->asked, data, len);
	f->commands++;
	f->silent = answer != NULL && answer[0] == '\0';
	for (; answer != NULL && *answer != '\0'; answer++) {
		if (*answer == '%')
			for (int i = 0; i < MAIL_MAX + 1; i++)
				buf_addc(&f->said, 'm');
		else
			buf_addc(&f->said, *answer);
	}
	return CR_OK;
}

static int
fake_recv(struct imap_link *l, char *to, size_t size, int64_t wait_ms, size_t *n_out, struct err *err)
{
	struct fake *f = (struct fake *)l;
	size_t n = f->said.len - f->at;

	assert_true(wait_ms > 0);
	if (n == 0 && f->silent) {
		clock_sleep_ms(&f->clock.clock, wait_ms);
		return err_set(err, CR_ERETRY, "silence");
	}
	if (n == 0)
		return err_set(err, CR_ERETRY, "closed");
	if (n > f->chunk)
		n = f->chunk;
	if (n > size)
		n = size;
	memcpy(to, f->said.data + f->at, n);
	f->at += n;
	*n_out = n;
	return CR_OK;
}

static int
fake_got(void *arg, uint32_t uid, const char *data, size_t len, struct err *err)
{
	struct fake *f = arg;

	if (f->row->fail_at == (int)uid)
		return err_set(err, CR_ESTORE, "store");
	buf_addf(&f->got, "%lu:", (unsigned long)uid);
	buf_add(&f->got, data, len);
	buf_addc(&f->got, ';');
	return CR_OK;
}

static int
fake_skipped(void *arg, uint32_t uid, struct err *err)
{
	struct fake *f = arg;

	(void)err;
	buf_addf(&f->got, "%lu!", (unsigned long)uid);
	return CR_OK;
}

static int
fake_keep(void *arg, const struct imap_place *place, struct err *err)
{
	struct fake *f = arg;

	(void)err;
	f->kept = *place;
	return CR_OK;
}

static void
fake_start(struct fake *f, const struct talk_row *row, size_t chunk, struct imap_box *box)
{
	*f = (struct fake){
		.link = {.send = fake_send, .recv = fake_recv},
                  .row = row, .chunk = chunk
        };
	fake_clock_init(&f->clock, 1700000000000);
	*box = (struct imap_box){.link = &f->link,
	                         .clock = &f->clock.clock,
	                         .folder = "INBOX",
	                         .mail_max = MAIL_MAX,
	                         .timeout_ms = 60000,
	                         .arg = f,
	                         .got = fake_got,
	                         .skipped = fake_skipped,
	                         .keep = fake_keep};
}

static void
fake_end(struct fake *f)
{
	buf_release(&f->said);
	buf_release(&f->got);
	buf_release(&f->asked);
}

/* Whole, and byte by byte. */
static void
check_talk(void **state)
{
	const struct talk_row *r = *state;
	const size_t chunks[] = {1000000, 1, 7};

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct imap_place place = r->from;
		struct imap_box box;
		struct err err = {0};
		struct fake f;
		int rc;

		fake_start(&f, r, chunks[i], &box);
		rc = imap_box_read(&box, &place, &err);
		if (rc != r->want_rc)
			fail_msg("%d, not %d: %s", rc, r->want_rc, err.text);
		assert_string_equal(buf_str(&f.got), r->want_got);
		assert_int_equal(place.validity, r->want.validity);
		assert_int_equal(place.last, r->want.last);
		if (r->why != NULL && strstr(err.text, r->why) == NULL)
			fail_msg("'%s' says nothing of '%s'", err.text, r->why);
		if (rc == CR_OK && f.got.len > 0)
			assert_memory_equal(&f.kept, &place, sizeof(place));
		/* Nothing is changed: the folder is read-only, and mails are peeked at. */
		assert_int_equal(strncmp(buf_str(&f.asked), "C1 EXAMINE \"INBOX\"\r\n", 20), 0);
		assert_null(strstr(buf_str(&f.asked), "STORE"));
		assert_null(strstr(buf_str(&f.asked), " BODY["));
		fake_end(&f);
	}
}

static void
imap_box__only_the_newest_when_these_are_wanted(void **state)
{
	static const struct talk_row row = {
		.answers =
			{OPENED, "* SEARCH 9 4 6 4 5\r\nC2 OK\r\n",
	                          "* 4 FETCH (UID 6 BODY[]<0> {1}\r\nc)\r\n* 5 FETCH (UID 9 BODY[]<0> {1}\r\nd)\r\nC3 OK\r\n"},
	};
	struct imap_place place = {0};
	struct imap_box box;
	struct err err = {0};
	struct fake f;

	(void)state;
	fake_start(&f, &row, 1000, &box);
	box.newest = 2;
	assert_ok(imap_box_read(&box, &place, &err), &err);
	assert_string_equal(buf_str(&f.got), "6:c;9:d;");
	assert_non_null(strstr(buf_str(&f.asked), "UID FETCH 6,9 ("));
	fake_end(&f);
}

/* One byte whenever its patience is nearly over. */
static int
drip(struct imap_link *l, char *to, size_t size, int64_t wait_ms, size_t *n_out, struct err *err)
{
	struct fake *f = (struct fake *)l;

	(void)size;
	(void)err;
	clock_sleep_ms(&f->clock.clock, wait_ms < 5000 ? wait_ms : 5000);
	*to = 'x';
	*n_out = 1;
	return CR_OK;
}

static void
imap_box__a_server_that_drips_is_left(void **state)
{
	static const struct talk_row row = {.name = "drip"};
	struct imap_place place = {0};
	struct imap_box box;
	struct err err = {0};
	struct fake f;
	int64_t began;

	(void)state;
	fake_start(&f, &row, 1, &box);
	f.link.recv = drip;
	began = clock_boot_ms(&f.clock.clock);
	assert_int_equal(imap_box_read(&box, &place, &err), CR_ERETRY);
	assert_non_null(strstr(err.text, "too slow"));
	assert_true(clock_boot_ms(&f.clock.clock) - began <= 61000);
	fake_end(&f);
}

/* Complete answers without end, as fast as they are read. */
static int
flood(struct imap_link *l, char *to, size_t size, int64_t wait_ms, size_t *n_out, struct err *err)
{
	static const char line[] = "* 123 EXISTS\r\n";

	(void)l;
	(void)wait_ms;
	(void)err;
	assert_true(size >= sizeof(line));
	for (*n_out = 0; line[*n_out] != '\0'; ++*n_out)
		to[*n_out] = line[*n_out];
	return CR_OK;
}

static void
imap_box__a_server_that_does_not_end_is_left(void **state)
{
	static const struct talk_row row = {.name = "flood"};
	struct imap_place place = {0};
	struct imap_box box;
	struct err err = {0};
	struct fake f;

	(void)state;
	fake_start(&f, &row, 1, &box);
	f.link.recv = flood;
	assert_int_equal(imap_box_read(&box, &place, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "more than was asked"));
	fake_end(&f);
}

struct folder_row {
	const char *name, *folder, *want; /* NULL: refused */
};
static const struct folder_row folders[] = {
	{"a folder's name is quoted",                  "Junk Mail", "C1 EXAMINE \"Junk Mail\"\r\n" },
	{"a quote in a folder's name does not end it", "a\"b\\",    "C1 EXAMINE \"a\\\"b\\\\\"\r\n"},
	{"a line end in a folder's name is refused",   "a\r\nC1 X", NULL                           },
	{"a folder's name is not written as UTF-8",    "Entwürfe", NULL                           },
	{"a folder without a name is refused",         "",          NULL                           },
};

static void
check_folder(void **state)
{
	static const struct talk_row talk = {.name = "folder", .answers = {"C1 NO [INUSE]\r\n"}};
	const struct folder_row *r = *state;
	struct imap_place place = {0};
	struct imap_box box;
	struct fake f;
	int rc;

	fake_start(&f, &talk, 100, &box);
	box.folder = r->folder;
	rc = imap_box_read(&box, &place, NULL);
	assert_int_equal(rc, r->want != NULL ? CR_ERETRY : CR_ECONFIG);
	assert_string_equal(buf_str(&f.asked), r->want != NULL ? r->want : "");
	fake_end(&f);
}

struct config_row {
	const char *name, *text, *fault; /* NULL: none */
	const char *address, *host;      /* which server has it; host NULL: none */
};
static const struct config_row configs[] = {
	{"without a list every mailbox is on the server",                          "imap = ( { host = \"a.example\"; } );",                                  NULL,
         "anna@one.example",																					  "a.example"},
	{"a server that names the domain comes before one that names nobody",
         "imap = ( { host = \"a.example\"; }, { host = \"b.example\"; mailboxes = [ \"ONE.example\" ]; } );",                                                NULL,
         "anna@one.example",																					  "b.example"},
	{"a server that names the mailbox comes before one that names its domain",
         "imap = ( { host = \"a.example\"; mailboxes = [ \"one.example\" ]; }, { host = \"b.example\"; mailboxes = [ "
         "\"Anna@one.example\" ]; } );",                                                                                                                     NULL,		"anna@one.example", "b.example"},
	{"a mailbox that no server names is on none",
         "imap = ( { host = \"a.example\"; mailboxes = [ \"two.example\" ]; } );",                                                                           NULL,                "anna@one.example", NULL       },
	{"plain text to another host is a fault",                                  "imap = ( { host = \"a.example\"; tls = \"none\"; } );",
         "another host",																			  "",                 NULL       },
	{"plain text to a name that only looks like this machine is a fault",
         "imap = ( { host = \"localhost.example\"; tls = \"none\"; } );",										    "another host",      "",                 NULL       },
	{"plain text to this machine is none",                                     "imap = ( { host = \"127.0.0.1\"; tls = \"none\"; } );",                  NULL,
         "x@y.example",																					       "127.0.0.1"},
	{"an unknown way of TLS is a fault",                                       "imap = ( { host = \"a.example\"; tls = \"off\"; } );",
         "implicit, starttls or none",																	    "",                 NULL       },
	{"a user without a password is a fault",                                   "imap = ( { host = \"a.example\"; user = \"u\"; } );",
         "needs a password",																		      "",                 NULL       },
	{"a user for several mailboxes is a fault",
         "imap = ( { host = \"a.example\"; user = \"u\"; password = \"env:P\"; mailboxes = [ \"one.example\" ]; } );",                                       "needs one address", "",                 NULL       },
	{"a user for one mailbox is none",
         "imap = ( { host = \"a.example\"; user = \"u\"; password = \"env:P\"; mailboxes = [ \"b@one.example\" ]; } );",                                     NULL,		"b@one.example",    "a.example"},
	{"a password in clear is a fault",                                         "imap = ( { host = \"a.example\"; user = \"u\"; password = \"pw\"; } );",
         "password",																			      "",                 NULL       },
	{"a mailbox that is none is a fault",                                      "imap = ( { host = \"a.example\"; mailboxes = [ \"a b\" ]; } );",
         "mailboxes",																			     "",                 NULL       },
};

static void
check_config(void **state)
{
	const struct config_row *r = *state;
	struct session s = {.clock = clock_system(), .out = stdout};
	struct imap_servers servers = {0};
	const struct imap_server *server;
	struct err err = {0};

	assert_ok(cfg_open_text(r->text, "test.cfg", &s.cfg, &err), &err);
	assert_ok(imap_servers_read(&s, &servers, &err), &err);
	if (r->fault == NULL)
		assert_string_equal(cfg_faults(s.cfg), "");
	else if (strstr(cfg_faults(s.cfg), r->fault) == NULL)
		fail_msg("'%s' says nothing of '%s'", cfg_faults(s.cfg), r->fault);
	if (r->fault == NULL) {
		server = imap_servers_find(&servers, r->address);
		if (r->host == NULL)
			assert_null(server);
		else
			assert_string_equal(server->host, r->host);
	}
	imap_servers_release(&servers);
	session_release(&s);
}

/* Nothing is opened: no server, and no library, is needed to refuse it. */
static void
imap_curl__plain_text_to_another_host_is_refused(void **state)
{
	struct secret *password = NULL;
	struct imap_link *link = NULL;
	struct err err = {0};
	struct imap_curl_options o = {
		.host = "192.0.2.1", .tls = IMAP_TLS_NONE, .user = "u", .timeout_ms = 1000, .clock = clock_system()};

	(void)state;
	assert_ok(secret_make("pw", 2, &password, &err), &err);
	o.password = password;
	assert_int_equal(imap_curl_open(&o, &link, &err), CR_EREFUSED);
	o.host = "127.0.0.1@192.0.2.1";
	assert_int_equal(imap_curl_open(&o, &link, &err), CR_ECONFIG);
	assert_null(link);
	secret_drop(&password);
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, talks, check_talk);
	ROWS(tests, n, folders, check_folder);
	ROWS(tests, n, configs, check_config);
	TEST(tests, n, imap_box__only_the_newest_when_these_are_wanted);
	TEST(tests, n, imap_box__a_server_that_drips_is_left);
	TEST(tests, n, imap_box__a_server_that_does_not_end_is_left);
	TEST(tests, n, imap_curl__plain_text_to_another_host_is_refused);
	return rows_run("budget/imap", tests, n);
}
