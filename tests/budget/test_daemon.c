/*
 * test_daemon.c - the policy daemon in a process of its own, asked over real sockets as Postfix asks.
 */
#include "tests/budget/desk.h"

#include <sys/statvfs.h>

#include "budget/daemon_inside.h"

static const struct refused {
	const char *name;
	struct question q;
	const char *begins, *holds;
} refused[] = {
	{"no instance is deferred without charge",                 {END, "", ANNA, EXTERN_MAIL, NULL, 1},                      LATER, "(no_instance)"       },
	{"no sender is deferred without charge",                   {END, "1", "", EXTERN_MAIL, NULL, 1},                       LATER, "(no_sender)"         },
	{"a sender that cannot be read is deferred",               {END, "1", "anna", EXTERN_MAIL, NULL, 1},                   LATER, "(unreadable)"        },
	{"a recipient that cannot be read is deferred at RCPT",
         {"RCPT", "1", ANNA, "li", NULL, 0},
         LATER,                                                                                                                       "(unreadable)"        },
	{"a recipient that cannot be read is deferred at the end",
         {END, "1", ANNA, "li", NULL, 1},
         LATER,                                                                                                                       "(unreadable)"        },
	{"recipients nobody asked about are deferred",             {END, "1", ANNA, "", NULL, 2},                              LATER, "(recipients_unknown)"},
	{"a count that does not fit the recipient is deferred",
         {END, "1", ANNA, EXTERN_MAIL, NULL, 2},
         LATER,                                                                                                                       "(recipients_unknown)"},
	{"another stage is deferred",                              {"MAIL", "1", ANNA, EXTERN_MAIL, NULL, 0},                  LATER, "(stage)"             },
	{"a stranger is refused",				  {"RCPT", "1", "x@elsewhere.example", EXTERN_MAIL, NULL, 0}, NO,    "(unknown_mailbox)"   },
	{"the primary is refused",                                 {END, "1", "ceo@" TENANT, EXTERN_MAIL, NULL, 1},            NO,    "(primary_domain)"    },
	{"a login does not send as the primary",
         {END, "1", "ceo@" TENANT, EXTERN_MAIL, ANNA, 1},
         NO,                                                                                                                          "(foreign_sender)"    },
	{"a login does not send as another domain",                {END, "1", CARL, EXTERN_MAIL, ANNA, 1},                     NO,    "(foreign_sender)"    },
};

static void
check_refused(void **state)
{
	const struct refused *r = *state;

	(void)set_up(NULL);
	expect(&r->q, r->begins, r->holds);
	expect_two_left();
}

static void
daemon__rcpt_spends_nothing(void **state)
{
	const struct question q = {"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0};

	(void)state;
	for (int i = 0; i < 5; i++)
		expect(&q, GO, "");
	expect_two_left();
}

static void
daemon__data_alone_spends(void **state)
{
	const struct question q = {"DATA", "1", ANNA, EXTERN_MAIL, NULL, 1},
			      end = {END, "1", ANNA, EXTERN_MAIL, NULL, 1};

	(void)state;
	expect(&q, GO, "");
	expect(&end, GO, ""); /* the same message */
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
}

static void
ask_three(int fd, const char *instance, int n)
{
	static const char *const to[] = {"a@fabrikam.example", "b@contoso.example", "c@adatum.example"};

	for (int i = 0; i < n; i++)
		expect_on(fd, &(struct question){"RCPT", instance, ANNA, to[i], NULL, i}, GO, "");
}

static void
daemon__several_recipients_are_all_or_nothing(void **state)
{
	const struct question three = {END, "3", ANNA, "", NULL, 3}, two = {END, "2", ANNA, "", NULL, 2};
	int fd = dial();

	(void)state;
	ask_three(fd, "3", 3);
	expect_on(fd, &three, LATER, "(budget)");
	ask_three(fd, "2", 2);
	expect_on(fd, &two, GO, "");
	expect_on(fd, &two, GO, "");
	(void)close(fd);
	expect_spend("x", LATER, "(budget)");
}

/* Postfix 3.7 names nobody then; a server that names one means all the same. */
static void
daemon__a_recipient_named_beside_a_count_of_two_stands_for_both(void **state)
{
	const struct question end = {END, "1", ANNA, "a@fabrikam.example", NULL, 2};
	int fd = dial();

	(void)state;
	ask_three(fd, "1", 2);
	expect_on(fd, &end, GO, "");
	(void)close(fd);
	expect_spend("x", LATER, "(budget)");
}

/* Postfix accepted more than were asked about: some passed another way, and nobody can say whom to charge. */
static void
daemon__recipients_that_were_never_asked_about_are_deferred(void **state)
{
	int fd = dial();

	(void)state;
	ask_three(fd, "1", 1);
	expect_on(fd, &(struct question){END, "1", ANNA, "", NULL, 2}, LATER, "(recipients_unknown)");
	(void)close(fd);
	expect_two_left();
}

/* Who was refused at RCPT is no recipient of the message. */
static void
daemon__a_recipient_refused_at_rcpt_is_not_charged(void **state)
{
	const struct suppress_entry e = {.scope = "", .what = "adatum.example", .reason = "test", .source = "manual"};
	int fd = dial();
	bool added;

	(void)state;
	CHANGE(&o, suppress_add, &e, &added);
	ask_three(fd, "1", 2);
	expect_on(fd, &(struct question){"RCPT", "1", ANNA, "x@adatum.example", NULL, 2}, NO, "(suppressed)");
	expect_on(fd, &(struct question){END, "1", ANNA, "", NULL, 2}, GO, "");
	(void)close(fd);
	expect_spend("2", LATER, "(budget)");
}

/* DATA spends, as a site without END-OF-MESSAGE needs it. */
static void
daemon__data_without_an_end_spends(void **state)
{
	(void)state;
	expect(&(struct question){"DATA", "1", ANNA, EXTERN_MAIL, NULL, 1}, GO, "");
	expect(&(struct question){"DATA", "2", ANNA, EXTERN_MAIL, NULL, 1}, GO, "");
	expect(&(struct question){"DATA", "3", ANNA, EXTERN_MAIL, NULL, 1}, LATER, "(budget)");
}

/* An instance is a number of one Postfix: of another client, or from another sender, it is another message. */
static void
daemon__an_instance_of_another_client_or_sender_is_another_message(void **state)
{
	char answer[POLICY_TEXT], text[2048], *address;
	const struct question q = {END, "1", ANNA, EXTERN_MAIL, ANNA, 1},
			      other = {END, "1", "anna+2@getnorthwind.example", EXTERN_MAIL, ANNA, 1};
	int fd = dial();

	(void)state;
	expect_on(fd, &q, GO, "");
	(void)write_question(&q, text, sizeof(text));
	address = strstr(text, "192.0.2.1");
	assert_non_null(address);
	address[8] = '2';
	put(fd, text, strlen(text));
	get(fd, answer);
	assert_string_equal(answer, GO);
	expect_on(fd, &other, LATER, "(budget)");
	expect_on(fd, &q, GO, "");
	(void)close(fd);
}

static void
daemon__a_question_repeated_after_a_lost_reply_is_not_charged_again(void **state)
{
	const struct question q = {END, "1", ANNA, EXTERN_MAIL, NULL, 1};
	int fd;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fd = dial();
		put_question(fd, &q);
		(void)close(fd);
	}
	expect_spend("1", GO, "");
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
}

static void
daemon__a_freeze_elsewhere_binds_the_next_answer(void **state)
{
	int fd = dial();

	(void)state;
	expect_on(fd, &(struct question){"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0}, GO, "");
	CHANGE(&o, contain_freeze, "getnorthwind.example", "manual", "test");
	expect_on(fd, &(struct question){END, "1", ANNA, EXTERN_MAIL, NULL, 1}, NO, "(frozen)");
	expect_on(fd, &(struct question){"RCPT", "2", ANNA, EXTERN_MAIL, NULL, 0}, NO, "(frozen)");
	(void)close(fd);
}

static void
daemon__the_login_is_charged_when_it_is_ours(void **state)
{
	const struct question verp = {END, "1", "anna+b-17@getnorthwind.example", EXTERN_MAIL, ANNA, 1};
	const struct question below = {
		END, "2", "b-18@bounces.getnorthwind.example", EXTERN_MAIL, "Anna@GetNorthwind.example", 1};

	(void)state;
	expect(&verp, GO, "");
	expect(&below, GO, "");
	expect_spend("3", LATER, "(budget)");
	expect(&(struct question){END, "4", BEN, EXTERN_MAIL, "not-an-address", 1}, GO, "");
	expect(&(struct question){END, "5", BEN, EXTERN_MAIL, "x@elsewhere.example", 1}, GO, "");
	expect(&(struct question){END, "6", BEN, EXTERN_MAIL, NULL, 1}, LATER, "(budget)");
}

#define CROWD 64

static void
daemon__sixty_four_connections_share_two_tokens(void **state)
{
	char answer[POLICY_TEXT], instance[24];
	int fd[CROWD], allowed = 0;

	(void)state;
	for (int i = 0; i < CROWD; i++)
		fd[i] = dial();
	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(instance, sizeof(instance), "crowd.%d", i);
		put_question(fd[i], &(struct question){END, instance, ANNA, EXTERN_MAIL, NULL, 1});
	}
	for (int i = 0; i < CROWD; i++) {
		get(fd[i], answer);
		if (strcmp(answer, GO) == 0)
			allowed++;
		else
			assert_non_null(strstr(answer, "(budget)"));
	}
	assert_int_equal(allowed, 2);
	/* Kept open: the next question goes over the same connection. */
	expect_on(fd[CROWD - 1], &(struct question){END, "z", BEN, EXTERN_MAIL, NULL, 1}, GO, "");
	for (int i = 0; i < CROWD; i++)
		(void)close(fd[i]);
}

static void
daemon__pipelined_questions_are_answered_in_order(void **state)
{
	static char text[400 * 400];
	const struct question yes = {"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0},
			      no = {"RCPT", "", ANNA, EXTERN_MAIL, NULL, 0};
	char answer[POLICY_TEXT];
	size_t len = 0;
	int fd = dial();
	pid_t writer;

	(void)state;
	for (int i = 0; i < 400; i++)
		len += write_question(i % 3 == 0 ? &yes : &no, text + len, sizeof(text) - len);
	/* Another process writes: neither side may wait for the other. */
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		for (size_t at = 0; at < len;) {
			ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);

			if (n < 0)
				_exit(1);
			at += (size_t)n;
		}
		_exit(0);
	}
	for (int i = 0; i < 400; i++) {
		get(fd, answer);
		assert_int_equal(strcmp(answer, GO) == 0, i % 3 == 0);
	}
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	(void)close(fd);
}

static void
daemon__half_a_question_holds_up_nobody(void **state)
{
	const struct question q = {END, "1", ANNA, EXTERN_MAIL, NULL, 1};
	char text[2048], answer[POLICY_TEXT];
	size_t len = write_question(&q, text, sizeof(text));
	int slow = dial(), gone = dial();

	(void)state;
	put(slow, text, len / 2);
	put(gone, text, len - 1);
	(void)close(gone);
	expect_spend("2", GO, "");
	put(slow, text + len / 2, len - len / 2 - 1);
	expect_spend("2", GO, "");
	put(slow, text + len - 1, 1);
	get(slow, answer);
	assert_string_equal(answer, GO);
	(void)close(slow);
	expect_spend("3", LATER, "(budget)");
}

static void
daemon__junk_closes_and_answers_nothing(void **state)
{
	const struct question q = {"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0};
	char text[2048], answer[POLICY_TEXT];
	size_t len = write_question(&q, text, sizeof(text) - 16);
	int fd = dial();

	(void)state;
	put(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	get(fd, answer);
	assert_string_equal(answer, "");
	(void)close(fd);
	/* Behind a good question: that one is answered. */
	fd = dial();
	memcpy(text + len, "junk\n\n", sizeof("junk\n\n"));
	put(fd, text, len + 6);
	get(fd, answer);
	assert_string_equal(answer, GO);
	get(fd, answer);
	assert_string_equal(answer, "");
	(void)close(fd);
}

static void
daemon__a_store_that_is_not_free_defers(void **state)
{
	(void)state;
	assert_ok(db_begin(o.db, &o.err), &o.err);
	expect_spend("1", "action=DEFER 4.3.0 coldrelay: ", "(store)");
	db_rollback(o.db);
	expect_two_left();
}

static void
daemon__sigterm_answers_what_has_arrived(void **state)
{
	char answer[POLICY_TEXT], path[160];
	int fd = dial(), idle = dial();
	struct stat st;

	(void)state;
	expect_on(fd, &(struct question){"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 0}, GO, "");
	put_question(fd, &(struct question){END, "1", ANNA, EXTERN_MAIL, NULL, 1});
	assert_int_equal(stop(SIGTERM), 0);
	get(fd, answer);
	assert_string_equal(answer, GO);
	get(idle, answer);
	assert_string_equal(answer, "");
	(void)close(fd);
	(void)close(idle);
	(void)snprintf(path, sizeof(path), "%s/gate", o.dir);
	assert_int_equal(stat(path, &st), -1);
	/* Written: the next daemon knows it. */
	start(NO_PACE);
	expect_spend("1", GO, "");
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
}

static void
daemon__a_socket_left_by_a_crash_is_replaced(void **state)
{
	(void)state;
	expect_spend("1", GO, "");
	assert_true(WIFSIGNALED(stop(SIGKILL)));
	start(NO_PACE);
	expect_spend("1", GO, "");
	expect_spend("2", GO, "");
	expect_spend("3", LATER, "(budget)");
}

static void
daemon__a_living_one_is_not_replaced(void **state)
{
	struct listener l = {.fd = -1};
	char path[160];

	(void)state;
	assert_int_equal(listener_open(&place, &o.clock.clock, &l, &o.err), CR_ECONFIG);
	assert_non_null(strstr(o.err.text, "listens there already"));
	/* Nor a stranger that answers, without our lock. */
	(void)snprintf(path, sizeof(path), "%s/gate.lock", o.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listener_open(&place, &o.clock.clock, &l, &o.err), CR_ECONFIG);
	expect_spend("1", GO, "");
}

static void
daemon__a_file_in_its_place_is_left_alone(void **state)
{
	struct listener l = {.fd = -1};
	char path[160];
	struct stat st;
	FILE *f;

	(void)state;
	assert_int_equal(stop(SIGTERM), 0);
	(void)snprintf(path, sizeof(path), "%s/gate", o.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(listener_open(&place, &o.clock.clock, &l, &o.err), CR_ECONFIG);
	assert_int_equal(stat(path, &st), 0);
}

static void
daemon__listens_on_an_address_too(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(stop(SIGTERM), 0);
	(void)snprintf(text, sizeof(text), "inet:127.0.0.1:%d", 20000 + (int)(getpid() % 10000));
	assert_ok(listen_parse(text, &place, &o.err), &o.err);
	start(NO_PACE);
	expect_two_left();
	assert_int_equal(stop(SIGTERM), 0);
}

/* The mailbox with the highest number of all: they rise. */
static void
put_mailbox(int64_t id, const char *address)
{
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "INSERT INTO mailbox (id, address, domain) VALUES ($1, $2, 'getnorthwind.example')",
	                  DB_ARGS(db_int(id), db_text(address)), NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
}

static off_t
log_bytes(void)
{
	char path[STORE_PATH_MAX + 8];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s-wal", o.path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Room in the log is for those who fill it: a small installation's disk is not taken. */
static void
daemon__many_mailboxes_are_given_room_in_the_log(void **state)
{
	const off_t room = (off_t)DAEMON_LOG_PAGES * 2048;
	off_t size;
	struct statvfs disk;

	(void)state;
	assert_int_equal(statvfs(o.dir, &disk), 0);
	if ((off_t)(disk.f_bavail * disk.f_frsize / 20) < room)
		skip();
	assert_int_equal(stop(SIGTERM), 0);
	put_mailbox(9999, "many@getnorthwind.example");
	start(NO_PACE);
	assert_true(log_bytes() < room / 10);
	assert_int_equal(stop(SIGTERM), 0);
	put_mailbox(10000, "more@getnorthwind.example");
	start(NO_PACE);
	assert_true(log_bytes() >= room);
	expect_two_left();
	assert_int_equal(stop(SIGTERM), 0);
	/* The next one finds it there. */
	size = log_bytes();
	start(NO_PACE);
	assert_int_equal(log_bytes(), size);
}

int
main(void)
{
	struct CMUnitTest tests[64] = {
		DAEMON_TEST(daemon__rcpt_spends_nothing),
		DAEMON_TEST(daemon__data_alone_spends),
		DAEMON_TEST(daemon__data_without_an_end_spends),
		DAEMON_TEST(daemon__recipients_that_were_never_asked_about_are_deferred),
		DAEMON_TEST(daemon__a_recipient_refused_at_rcpt_is_not_charged),
		DAEMON_TEST(daemon__an_instance_of_another_client_or_sender_is_another_message),
		DAEMON_TEST(daemon__several_recipients_are_all_or_nothing),
		DAEMON_TEST(daemon__a_recipient_named_beside_a_count_of_two_stands_for_both),
		DAEMON_TEST(daemon__a_question_repeated_after_a_lost_reply_is_not_charged_again),
		DAEMON_TEST(daemon__a_freeze_elsewhere_binds_the_next_answer),
		DAEMON_TEST(daemon__the_login_is_charged_when_it_is_ours),
		DAEMON_TEST(daemon__sixty_four_connections_share_two_tokens),
		DAEMON_TEST(daemon__pipelined_questions_are_answered_in_order),
		DAEMON_TEST(daemon__half_a_question_holds_up_nobody),
		DAEMON_TEST(daemon__junk_closes_and_answers_nothing),
		DAEMON_TEST(daemon__a_store_that_is_not_free_defers),
		DAEMON_TEST(daemon__sigterm_answers_what_has_arrived),
		DAEMON_TEST(daemon__a_socket_left_by_a_crash_is_replaced),
		DAEMON_TEST(daemon__a_living_one_is_not_replaced),
		DAEMON_TEST(daemon__a_file_in_its_place_is_left_alone),
		DAEMON_TEST(daemon__listens_on_an_address_too),
		DAEMON_TEST(daemon__many_mailboxes_are_given_room_in_the_log),
	};
	size_t n = 22, first = n;

	ROWS(tests, n, refused, check_refused);
	for (size_t i = first; i < n; i++)
		tests[i].teardown_func = tear_down;
	return rows_run("budget/daemon", tests, n);
}
