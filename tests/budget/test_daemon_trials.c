/*
 * test_daemon_trials.c - what will be tried on a daemon: clients that do not behave, addresses of every kind, and a store that is
 * taken away under it.
 */
#include "budget/round.h"
#include "tests/budget/desk.h"

#include <stddef.h>
#include <sys/resource.h>

#define TROUBLE "action=DEFER 4.3.0 coldrelay: "
#define HEAD    "request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=1\n"
#define WHO     "sender=" ANNA "\nrecipient=" EXTERN_MAIL "\n"

/* A disk that fails when it is told to: SQLite, a shared library, finds this before the C library's.  The daemon sees it too. */
static bool *sync_fails;

int
fdatasync(int fd)
{
	(void)fd;
	errno = EIO;
	return sync_fails != NULL && *sync_fails ? -1 : 0;
}

static void
share_disk(void)
{
	sync_fails = mmap(NULL, sizeof(*sync_fails), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(sync_fails != MAP_FAILED);
	*sync_fails = false;
}

static const struct raw {
	const char *name, *bytes;
	size_t len;       /* 0: strlen */
	const char *want; /* the answer's beginning; "": the connection ends without one */
} raws[] = {
	{"attributes out of order are answered",       WHO HEAD "\n",                                  0,  GO       },
	{"unknown attributes are ignored",             HEAD "tls=none\nnew_in_4.0=\n" WHO "\n",        0,  GO       },
	{"a NUL closes",			       "request=smtpd_access_policy\nsender=a\0b\n\n", 38, ""       },
	{"a missing empty line is no question",        HEAD WHO,                                       0,  ""       },
	{"lines that end in CR LF close",              "request=smtpd_access_policy\r\n\r\n",          0,  ""       },
	{"an empty line first closes",                 "\n" HEAD WHO "\n",                             0,  ""       },
	{"a check that is neither dry nor wet closes", "request=coldrelay_check\ndry_run=yes\n\n",     0,  ""       },
	{"bytes above 127 are answered",
         HEAD "sender=\xff\xfe@getnorthwind.example\n"
              "recipient=" EXTERN_MAIL "\n\n",
         0,												"action="},
};

static void
check_raw(void **state)
{
	const struct raw *r = *state;
	char answer[POLICY_TEXT];
	int fd;

	(void)set_up(NULL);
	fd = dial();
	put(fd, r->bytes, r->len != 0 ? r->len : strlen(r->bytes));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	get(fd, answer);
	if (strncmp(answer, r->want, r->want[0] != '\0' ? strlen(r->want) : 1) != 0)
		fail_msg("'%s', not '%s'", answer, r->want);
	(void)close(fd);
	expect_two_left();
}

#define IDN     "xn--bcher-kva.example"
#define IDN_BOX "anna@" IDN

static const struct spelling {
	const char *name, *sender, *recipient, *sasl, *begins, *holds;
} spellings[] = {
	{"an upper-case sender is the mailbox",           "ANNA@GetNorthwind.EXAMPLE",        EXTERN_MAIL,                    NULL, GO,    ""                 },
	{"a quoted local part is the mailbox",            "\"anna\"@getnorthwind.example",    EXTERN_MAIL,                    NULL, GO,    ""                 },
	{"a plus tag without a login is a stranger",      "anna+tag@getnorthwind.example",    EXTERN_MAIL,                    NULL, NO,
         "(unknown_mailbox)"																  },
	{"a plus tag under a login is the mailbox",       "anna+tag@getnorthwind.example",    EXTERN_MAIL,                    ANNA, GO,    ""                 },
	{"a quoted blank is a stranger",                  "\"anna b\"@getnorthwind.example",  EXTERN_MAIL,                    NULL, NO,    "(unknown_mailbox)"},
	{"an SMTPUTF8 sender is a stranger",              "\xc3\xa4nna@getnorthwind.example", EXTERN_MAIL,                    NULL, NO,
         "(unknown_mailbox)"																  },
	{"an empty sender is deferred",                   "",                                 EXTERN_MAIL,                    NULL, LATER, "(no_sender)"      },
	{"an empty sender under a login is deferred",     "",                                 EXTERN_MAIL,                    ANNA, LATER, "(no_sender)"      },
	{"a domain in U-labels is the mailbox",
         "anna@b\xc3\xbc"
         "cher.example",                                                                      EXTERN_MAIL,                    NULL, GO,    ""                 },
	{"a domain in A-labels is the mailbox",           "anna@" IDN,                        EXTERN_MAIL,                    NULL, GO,    ""                 },
	{"an SMTPUTF8 recipient is a recipient",          ANNA,                               "d\xc3\xb6ra@fabrikam.example", NULL, GO,    ""                 },
	{"a recipient in U-labels is a recipient",        ANNA,
         "dora@f\xc3\xa4"
         "brikam.example",                                                                                                    NULL, GO,    ""                 },
	{"a quoted recipient is a recipient",             ANNA,                               "\"do ra\"@fabrikam.example",   NULL, GO,    ""                 },
	{"a recipient in the primary domain is outbound", ANNA,                               "ceo@" TENANT,                  NULL, GO,    ""                 },
	{"an address literal is deferred",                ANNA,                               "dora@[192.0.2.1]",             NULL, LATER, "(unreadable)"     },
	{"a recipient that is no UTF-8 is deferred",      ANNA,                               "d\xff@fabrikam.example",       NULL, LATER, "(unreadable)"     },
};

/* Allowed twice under one id, and then out of tokens: it was the same mailbox each time, and each message was charged once. */
static void
check_spelling(void **state)
{
	static const char *const boxes[] = {IDN_BOX};
	const struct spelling *s = *state;
	char answer[POLICY_TEXT];
	int fd;

	office_open(&o, NO_PACE);
	office_add_domain(&o, TENANT, IDN, OFFICE_START_MS - DAY_MS, boxes, 1);
	find_unix_place();
	start(NO_PACE);
	fd = dial();
	for (int i = 0; i < 4; i++) {
		const char *const instance = i < 2 ? "1" : i == 2 ? "2" : "3";
		const bool more = i < 3 || strcmp(s->begins, GO) != 0;

		put_question(fd, &(struct question){END, instance, s->sender, s->recipient, s->sasl, 1});
		get(fd, answer);
		if (strncmp(answer, more ? s->begins : LATER, strlen(more ? s->begins : LATER)) != 0 ||
		    strstr(answer, more ? s->holds : "(budget)") == NULL)
			fail_msg("%d: '%s'", i, answer);
	}
	(void)close(fd);
	if (strcmp(s->begins, GO) != 0)
		expect_two_left();
}

/* ---- connections ---- */

/* kB of the daemon's memory that are its own. */
static long
resident_kb(void)
{
	char path[64], line[128];
	long kb = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
	f = fopen(path, "r");
	assert_non_null(f);
	while (kb < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kb = strtol(line + 8, NULL, 10);
	assert_int_equal(fclose(f), 0);
	assert_true(kb >= 0);
	return kb;
}

/* What the places of four rounds take.  The sanitizer keeps what was freed. */
#if defined(__SANITIZE_ADDRESS__)
#define MOST_KB 300000
#else
#define MOST_KB 3072
#endif

#define IDLE       10000
#define IDLE_BYTES 400 /* of memory, each */

static void
daemon__ten_thousand_idle_connections_cost_little_and_hold_up_nobody(void **state)
{
	static int idle[IDLE];
	struct rlimit files, before;
	char answer[POLICY_TEXT];
	long kb;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	before = files;
	files.rlim_cur = files.rlim_max;
	if (files.rlim_max < IDLE + 100 || setrlimit(RLIMIT_NOFILE, &files) != 0) {
		print_message("skipped: this machine allows %lu open files\n", (unsigned long)files.rlim_max);
		skip();
	}
	/* Warm: what the first questions need is not the connections'. */
	expect_spend("1", GO, "");
	kb = resident_kb();
	for (int i = 0; i < IDLE; i++)
		idle[i] = dial();
	expect_spend("2", GO, "");
	kb = resident_kb() - kb;
	if (kb * 1024 > (long)IDLE * IDLE_BYTES)
		fail_msg("%ld bytes a connection", kb * 1024 / IDLE);
	/* They are connections, not promises of some: the last one and the first one are answered. */
	for (int i = IDLE - 1; i >= 0; i -= IDLE - 1) {
		put_question(idle[i], &(struct question){"RCPT", "3", BEN, EXTERN_MAIL, NULL, 0});
		get(idle[i], answer);
		assert_string_equal(answer, GO);
	}
	for (int i = 0; i < IDLE; i++)
		(void)close(idle[i]);
	expect_spend("3", LATER, "(budget)");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
daemon__a_hundred_megabytes_are_closed_long_before_their_end(void **state)
{
	static char block[65536];
	size_t sent = 0;
	long kb;
	int fd;

	(void)state;
	expect_spend("1", GO, "");
	kb = resident_kb();
	fd = dial();
	memset(block, 'x', sizeof(block));
	put(fd, HEAD "sender=", strlen(HEAD "sender="));
	while (sent < (size_t)100 << 20) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

		if (n < 0) {
			assert_true(errno == EPIPE || errno == ECONNRESET);
			break;
		}
		sent += (size_t)n;
	}
	assert_true(sent < (size_t)1 << 20);
	assert_true(resident_kb() - kb < 256);
	(void)close(fd);
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
}

static void
daemon__half_a_question_and_silence_is_closed_and_an_idle_one_is_not(void **state)
{
	const struct question q = {"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0};
	int half = dial(), idle = dial();
	char answer[POLICY_TEXT];

	(void)state;
	expect_on(idle, &q, GO, "");
	put(half, HEAD, strlen(HEAD));
	/* Seen: answers come in the order of the questions' rounds. */
	expect_on(idle, &q, GO, "");
	fake_clock_advance(hands, 99000);
	expect_on(idle, &q, GO, "");
	expect_on(idle, &q, GO, "");
	assert_int_equal(recv(half, answer, 1, MSG_DONTWAIT), -1);
	fake_clock_advance(hands, 11000);
	expect_on(idle, &q, GO, "");
	get(half, answer);
	assert_string_equal(answer, "");
	fake_clock_advance(hands, DAY_MS);
	expect_on(idle, &q, GO, "");
	(void)close(half);
	(void)close(idle);
}

/* A round large enough for the second thread: whoever has nothing more to ask is answered all the same. */
static void
daemon__a_crowd_that_asks_and_closes_its_half_is_answered(void **state)
{
	const struct question q = {"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0};
	char text[2048], answer[POLICY_TEXT];
	size_t len = write_question(&q, text, sizeof(text));
	int fds[48];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		put(fds[i], text, len);
		assert_int_equal(shutdown(fds[i], SHUT_WR), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		get(fds[i], answer);
		assert_memory_equal(answer, "action=DUNNO", strlen("action=DUNNO"));
		(void)close(fds[i]);
	}
}

/* A client that asks and never reads is not read either, and keeps nobody waiting. */
static void
daemon__answers_that_nobody_takes_are_bounded(void **state)
{
	const struct question q = {"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0};
	char text[2048];
	size_t len = write_question(&q, text, sizeof(text)), sent = 0;
	long kb;
	int fd;

	(void)state;
	expect(&q, GO, "");
	kb = resident_kb();
	fd = dial();
	for (int full = 0; full < 3 && sent < (size_t)64 << 20;) {
		ssize_t n = send(fd, text + sent % len, len - sent % len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		assert_true(n < 0 && errno == EAGAIN);
		full++;
		expect(&q, GO, "");
	}
	assert_true(sent < (size_t)16 << 20);
	assert_true(resident_kb() - kb < MOST_KB);
	(void)close(fd);
	expect_two_left();
}

/* ---- the world changes while a request waits ---- */

static void
daemon__a_mailbox_removed_while_its_request_waits_is_refused(void **state)
{
	const struct question q = {END, "1", ANNA, EXTERN_MAIL, NULL, 1};
	struct contain c;
	char answer[POLICY_TEXT];
	int fd;

	(void)state;
	desk_clock = clock_system();
	desk_busy_ms = 10000;
	(void)set_up(NULL);
	desk_clock = NULL;
	desk_busy_ms = 50;
	fd = dial();
	c = office_contain(&o);
	/* The lock is ours: whatever the daemon has read by now, it decides after us. */
	assert_ok(db_begin(o.db, &o.err), &o.err);
	put_question(fd, &q);
	assert_ok(contain_remove_mailbox(&c, ANNA, &o.err), &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	get(fd, answer);
	if (strncmp(answer, NO, strlen(NO)) != 0 || strstr(answer, "(unknown_mailbox)") == NULL)
		fail_msg("'%s'", answer);
	(void)close(fd);
}

/* ---- under a watchdog ---- */

#define PING_MS 100

static int
open_manager(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len = snprintf(name, sizeof(name), "@coldrelay-trials-%d", (int)getpid());

	assert_true(fd >= 0);
	memcpy(at.sun_path + 1, name + 1, (size_t)len - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	                 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(setenv("WATCHDOG_USEC", "300000", 1), 0);
	return fd;
}

/* Until there is (or is not, for so long) a message; false: not within patience. */
static bool
wait_ping(int manager, bool want, int silence_ms)
{
	char text[512];

	for (int waited_ms = 0; waited_ms < PATIENCE_S * 1000; waited_ms += PING_MS) {
		struct pollfd p = {.fd = manager, .events = POLLIN};
		ssize_t n = poll(&p, 1, silence_ms) == 1 ? recv(manager, text, sizeof(text) - 1, 0) : 0;

		text[n > 0 ? n : 0] = '\0';
		if (want ? strcmp(text, "WATCHDOG=1") == 0 : n == 0)
			return true;
	}
	return false;
}

/* A large round is decided beside the loop.  The loop that still turns must not tell the watchdog that all is well. */
static void
daemon__a_round_that_hangs_starves_the_watchdog(void **state)
{
	static char text[ROUND_MAX * 512];
	size_t len = 0;
	int manager, fd;

	(void)state;
	manager = open_manager();
	desk_clock = clock_system();
	desk_busy_ms = 60000;
	desk_notifies = true;
	(void)set_up(NULL);
	desk_clock = NULL;
	desk_busy_ms = 50;
	desk_notifies = false;
	assert_true(wait_ping(manager, true, 5000));
	fd = dial();
	for (int i = 0; i < ROUND_MAX; i++)
		len += write_question(&(struct question){END, "1", ANNA, EXTERN_MAIL, NULL, 1}, text + len,
		                      sizeof(text) - len);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	/* Not to the last byte: what is not read is not written either. */
	(void)!send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	assert_true(wait_ping(manager, false, 5 * PING_MS));
	db_rollback(o.db);
	assert_true(wait_ping(manager, true, 5000));
	(void)close(fd);
	(void)close(manager);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
}

/* ---- the store is taken away ---- */

static const char *
beside(const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", o.dir, name);
	return path;
}

static void
copy_file(const char *from, const char *to)
{
	char block[4096];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		assert_int_equal(fwrite(block, 1, n, out), n);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(to, 0600), 0);
}

/* Every kind of question is trouble. */
static void
expect_trouble(void)
{
	const struct question test = {"RCPT", "t", ANNA, EXTERN_MAIL, NULL, 0};

	expect(&test, TROUBLE, "(store)");
	expect_spend("t", TROUBLE, "(store)");
}

/* It says nothing, ends, and the same question is charged once by whoever comes after it. */
static void
expect_end_without_answer(int fd)
{
	char answer[POLICY_TEXT];
	int status;

	get(fd, answer);
	*sync_fails = false;
	assert_string_equal(answer, "");
	(void)close(fd);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 0);
	start(NO_PACE);
}

static void
daemon__a_commit_of_unknown_fate_is_not_answered_and_the_last(void **state)
{
	int fd;

	(void)state;
	if (store_server() != NULL)
		skip(); /* has a disk of its own */
	expect_spend("1", GO, "");
	fd = dial();
	*sync_fails = true;
	put_question(fd, &(struct question){END, "2", ANNA, EXTERN_MAIL, NULL, 1});
	expect_end_without_answer(fd);
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
}

static void
daemon__a_release_of_unknown_fate_is_not_answered_and_the_last(void **state)
{
	char answer[POLICY_TEXT], text[256];
	const char *ticket;
	int fd = dial();

	(void)state;
	if (store_server() != NULL)
		skip();
	(void)snprintf(text, sizeof(text), "request=coldrelay_check\nmailbox=%s\nrecipient=%s\n\n", ANNA, EXTERN_MAIL);
	put(fd, text, strlen(text));
	get(fd, answer);
	ticket = strstr(answer, "ticket=");
	assert_non_null(ticket);
	(void)snprintf(text, sizeof(text), "request=coldrelay_release\n%.*s\n\n", (int)strcspn(ticket, "\n"), ticket);
	*sync_fails = true;
	put(fd, text, strlen(text));
	expect_end_without_answer(fd);
}

/* The trouble of one mailbox: what was begun for it is over, and the next round is as any other. */
static void
daemon__after_a_damaged_mailbox_the_next_is_served(void **state)
{
	(void)state;
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db,
	                  "UPDATE spent SET slots = $1 WHERE mailbox = (SELECT id FROM mailbox WHERE address = $2)",
	                  DB_ARGS(db_blob("\1\1x", 3), db_text(BEN)), NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	expect(&(struct question){END, "b", BEN, EXTERN_MAIL, NULL, 1}, TROUBLE, "(store)");
	expect_two_left();
}

static void
daemon__a_store_that_was_deleted_is_trouble(void **state)
{
	(void)state;
	expect_spend("1", GO, "");
	assert_int_equal(unlink(o.path), 0);
	expect_trouble();
	expect_trouble();
}

static void
daemon__a_store_that_was_replaced_is_trouble_until_it_is_back(void **state)
{
	char away[160];

	(void)state;
	(void)snprintf(away, sizeof(away), "%s", beside("away"));
	expect_spend("1", GO, "");
	assert_int_equal(rename(o.path, away), 0);
	copy_file(away, o.path);
	expect_trouble();
	/* Once it is known to be gone nothing is written to it. */
	expect(&(struct question){END, "u", BEN, EXTERN_MAIL, NULL, 1}, TROUBLE, "(store)");
	assert_int_equal(rename(away, o.path), 0);
	/* What was asked meanwhile was answered with trouble; written or not, it is not more than two. */
	expect_spend("t", GO, "");
	expect_spend("3", LATER, "(budget)");
	expect(&(struct question){END, "v", BEN, EXTERN_MAIL, NULL, 1}, GO, "");
	expect(&(struct question){END, "w", BEN, EXTERN_MAIL, NULL, 1}, GO, "");
}

static void
daemon__a_store_made_read_only_goes_on_durably(void **state)
{
	int64_t n = 0;

	(void)state;
	assert_int_equal(chmod(o.path, 0400), 0);
	expect_spend("1", GO, "");
	assert_ok(db_get_int(o.db, "SELECT count(*) FROM history", DB_NO_ARGS, 0, &n, &o.err), &o.err);
	assert_int_equal(n, 1);
	assert_int_equal(chmod(o.path, 0600), 0);
}

/* A copy made meanwhile is another store, and changes nothing. */
static void
daemon__a_store_copied_while_in_use_is_unharmed(void **state)
{
	char copy[160];

	(void)state;
	(void)snprintf(copy, sizeof(copy), "%s", beside("copy"));
	expect_spend("1", GO, "");
	copy_file(o.path, copy);
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
	assert_int_equal(unlink(copy), 0);
	assert_int_equal(stop(SIGTERM), 0);
	start(NO_PACE);
	expect_spend("3", LATER, "(budget)");
}

int
main(void)
{
	struct CMUnitTest tests[64] = {
		DAEMON_TEST(daemon__ten_thousand_idle_connections_cost_little_and_hold_up_nobody),
		DAEMON_TEST(daemon__a_hundred_megabytes_are_closed_long_before_their_end),
		DAEMON_TEST(daemon__half_a_question_and_silence_is_closed_and_an_idle_one_is_not),
		DAEMON_TEST(daemon__a_crowd_that_asks_and_closes_its_half_is_answered),
		DAEMON_TEST(daemon__answers_that_nobody_takes_are_bounded),
		DAEMON_TEST(daemon__a_commit_of_unknown_fate_is_not_answered_and_the_last),
		DAEMON_TEST(daemon__a_release_of_unknown_fate_is_not_answered_and_the_last),
		DAEMON_TEST(daemon__after_a_damaged_mailbox_the_next_is_served),
		DAEMON_TEST(daemon__a_store_that_was_deleted_is_trouble),
		DAEMON_TEST(daemon__a_store_that_was_replaced_is_trouble_until_it_is_back),
		DAEMON_TEST(daemon__a_store_made_read_only_goes_on_durably),
		DAEMON_TEST(daemon__a_store_copied_while_in_use_is_unharmed),
	};
	size_t n = 11, first = n;

	share_disk();
	TEST(tests, n, daemon__a_round_that_hangs_starves_the_watchdog);
	TEST(tests, n, daemon__a_mailbox_removed_while_its_request_waits_is_refused);
	ROWS(tests, n, raws, check_raw);
	ROWS(tests, n, spellings, check_spelling);
	for (size_t i = first; i < n; i++)
		tests[i].teardown_func = tear_down;
	return rows_run("budget/daemon_trials", tests, n);
}
