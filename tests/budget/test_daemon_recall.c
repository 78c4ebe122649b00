/*
 * test_daemon_recall.c - a no that the daemon remembers leaves at once, in its place, whole, counted once, and is never a yes.
 *
 * While this process holds the store's lock the daemon decides nothing: what it answers then it remembered.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "budget/wire.h"
#include "core/buf.h"
#include "tests/budget/desk.h"

#define WARMING   40 /* questions after which the list of whom not to mail is kept (closed.c) */
#define TROUBLE   "action=DEFER 4.3.0 coldrelay: "
#define PATIENT   10000
#define POLL_STEP 20 /* ms */

static const struct question no = {END, "no", ANNA, EXTERN_MAIL, NULL, 1},
			     yes = {END, "yes", BEN, EXTERN_MAIL, NULL, 1};

/* ANNA has nothing left, and that is known; BEN has. */
static void
exhaust(void)
{
	int fd = dial();

	for (int i = 0; i < WARMING; i++)
		expect_on(fd, &(struct question){"RCPT", "warm", CARL, EXTERN_MAIL, NULL, 0}, GO, "");
	expect_on(fd, &(struct question){END, "a", ANNA, EXTERN_MAIL, NULL, 1}, GO, "");
	expect_on(fd, &(struct question){END, "b", ANNA, EXTERN_MAIL, NULL, 1}, GO, "");
	expect_on(fd, &(struct question){"RCPT", "c", BEN, EXTERN_MAIL, NULL, 0}, GO, "");
	(void)close(fd);
}

static int
set_up_exhausted(void **state)
{
	(void)set_up(state);
	exhaust();
	return 0;
}

/* The daemon waits for the lock as long as the test needs. */
static int
set_up_patient(void **state)
{
	desk_clock = clock_system();
	desk_busy_ms = PATIENT;
	(void)set_up(state);
	desk_clock = NULL;
	desk_busy_ms = 50;
	exhaust();
	return 0;
}

static void
lock_store(void)
{
	assert_ok(db_begin(o.db, &o.err), &o.err);
}

static void
unlock_store(void)
{
	db_rollback(o.db);
}

static void
hold_daemon(void)
{
	int status;

	assert_int_equal(kill(server, SIGSTOP), 0);
	assert_int_equal(waitpid(server, &status, WUNTRACED), server);
	assert_true(WIFSTOPPED(status));
}

static void
let_daemon(void)
{
	assert_int_equal(kill(server, SIGCONT), 0);
}

static bool
has_answer(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

/* An answer that comes soon, taken; false: none does. */
static bool
comes(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char answer[POLICY_TEXT];

	if (poll(&p, 1, 5 * POLL_STEP) == 0)
		return false;
	get(fd, answer);
	return true;
}

static void
get_as(int fd, const char *begins, const char *holds)
{
	char answer[POLICY_TEXT];

	get(fd, answer);
	if (strncmp(answer, begins, strlen(begins)) != 0 || strstr(answer, holds) == NULL)
		fail_msg("'%s', not '%s ... %s'", answer, begins, holds);
}

/* Several questions in one piece. */
static void
put_questions(int fd, const struct question *const *q, size_t n)
{
	char text[16384];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += write_question(q[i], text + len, sizeof(text) - len);
	put(fd, text, len);
}

/* ---- at once ---- */

static void
recall__a_known_no_needs_no_turn(void **state)
{
	(void)state;
	lock_store();
	expect(&no, LATER, "(budget)");
	expect(&(struct question){"DATA", "no", ANNA, EXTERN_MAIL, NULL, 1}, LATER, "(budget)");
	/* The others do. */
	expect(&yes, TROUBLE, "(store)");
	expect(&(struct question){END, "no", ANNA, "new@fabrikam.example", NULL, 1}, TROUBLE, "(store)");
	expect(&(struct question){END, "no", "x@getnorthwind.example", EXTERN_MAIL, NULL, 1}, TROUBLE, "(store)");
	/* Paid for: it gets its allow when it can be written. */
	expect(&(struct question){END, "a", ANNA, EXTERN_MAIL, NULL, 1}, TROUBLE, "(store)");
	/* Trouble makes the gate forget, and a question makes it remember. */
	unlock_store();
	expect(&no, LATER, "(budget)");
	lock_store();
	expect(&no, LATER, "(budget)");
	unlock_store();
	expect(&(struct question){END, "a", ANNA, EXTERN_MAIL, NULL, 1}, GO, "");
}

static void
recall__does_not_wait_for_the_round_of_others(void **state)
{
	int asks = dial(), knows = dial();

	(void)state;
	/* Both have arrived when the daemon looks; the first one is decided when the lock is free. */
	hold_daemon();
	lock_store();
	put_question(asks, &yes);
	put_question(knows, &no);
	let_daemon();
	get_as(knows, LATER, "(budget)");
	assert_false(has_answer(asks));
	unlock_store();
	get_as(asks, GO, "");
	(void)close(asks);
	(void)close(knows);
}

#define TRIES 1000
#define CROWD 24 /* enough for the second thread */

/* What is remembered is the second thread's while it decides. */
static void
recall__leaves_the_memory_to_the_second_thread(void **state)
{
	int crowd[CROWD], knows = dial(), tries = 0;
	char instance[24];

	(void)state;
	for (int i = 0; i < CROWD; i++)
		crowd[i] = dial();
	hold_daemon();
	lock_store();
	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(instance, sizeof(instance), "crowd.%d", i);
		put_question(crowd[i], &(struct question){END, instance, BEN, EXTERN_MAIL, NULL, 1});
	}
	let_daemon();
	/* Until the round is away it is answered; from then on it waits. */
	do {
		assert_true(tries++ < TRIES);
		put_question(knows, &no);
	} while (comes(knows));
	unlock_store();
	for (int i = 0, allowed = 0; i < CROWD; i++) {
		char answer[POLICY_TEXT];

		get(crowd[i], answer);
		allowed += strcmp(answer, GO) == 0;
		assert_true(i < CROWD - 1 || allowed == 2);
		(void)close(crowd[i]);
	}
	get_as(knows, LATER, "(budget)");
	(void)close(knows);
}

static void
recall__ends_with_what_happens_elsewhere(void **state)
{
	int fd = dial();

	(void)state;
	CHANGE(&o, contain_freeze, "getnorthwind.example", "manual", "test");
	expect_on(fd, &no, NO, "(frozen)");
	expect_on(fd, &no, NO, "(frozen)");
	CHANGE(&o, contain_thaw, "getnorthwind.example", "looked at");
	expect_on(fd, &yes, GO, "");
	expect_on(fd, &no, LATER, "(budget)");
	fake_clock_advance(hands, DAY_MS);
	expect_on(fd, &no, LATER, "(budget)");
	fake_clock_advance(hands, 1);
	expect_on(fd, &no, GO, "");
	(void)close(fd);
}

/* ---- in its place ---- */

static void
recall__keeps_the_order_of_a_connection(void **state)
{
	const struct question *const mixed[] = {&no, &yes, &no, &no, &yes, &no};
	int fd = dial();

	(void)state;
	lock_store();
	put_questions(fd, mixed, ARRAY_LEN(mixed));
	/* Nothing was asked before the first, and behind the second all wait. */
	get_as(fd, LATER, "(budget)");
	assert_false(has_answer(fd));
	unlock_store();
	for (size_t i = 1; i < ARRAY_LEN(mixed); i++)
		get_as(fd, mixed[i] == &no ? LATER : GO, mixed[i] == &no ? "(budget)" : "");
	(void)close(fd);
}

/* What is remembered but may be a yes waits with its words read; its place in the round is used again. */
static void
recall__the_words_of_an_earlier_question_are_not_taken_for_those_of_a_later_one(void **state)
{
	const struct question last[] = {
		{END, "1", BEN,                      EXTERN_MAIL, NULL, 1},
		{END, "2", "x@getnorthwind.example", EXTERN_MAIL, NULL, 1},
		{END, "3", "ceo@" TENANT,            EXTERN_MAIL, NULL, 1},
		{END, "4", CARL,                     EXTERN_MAIL, NULL, 1}
        };
	const struct question *const together[] = {&last[0], &last[1], &last[2], &last[3]};
	static const char *const begins[] = {GO, NO, NO, GO}, *const holds[] = {"", "(unknown_mailbox)",
	                                                                        "(primary_domain)", ""};
	int fds[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	expect(&last[0], GO, "");
	hold_daemon();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		put_question(fds[i], &last[0]);
	let_daemon();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		get_as(fds[i], GO, "");
		(void)close(fds[i]);
	}
	fds[0] = dial();
	put_questions(fds[0], together, ARRAY_LEN(together));
	for (size_t i = 0; i < ARRAY_LEN(together); i++)
		get_as(fds[0], begins[i], holds[i]);
	(void)close(fds[0]);
}

static void
recall__a_piece_of_many_is_answered_whole(void **state)
{
	const struct question *many[40];
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = &no;
	lock_store();
	put_questions(fd, many, ARRAY_LEN(many));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		get_as(fd, LATER, "(budget)");
	unlock_store();
	(void)close(fd);
}

/* Cut anywhere: the half that waits is no question yet. */
static void
recall__a_question_in_pieces_is_one(void **state)
{
	char text[2048];
	size_t len = write_question(&no, text, sizeof(text));
	int fd = dial();

	(void)state;
	lock_store();
	for (size_t cut = 1; cut < len; cut += 31) {
		put(fd, text, cut);
		expect(&no, LATER, "(budget)");
		assert_false(has_answer(fd));
		put(fd, text + cut, len - cut);
		get_as(fd, LATER, "(budget)");
	}
	unlock_store();
	(void)close(fd);
}

static void
recall__junk_behind_it_closes_after_the_answer(void **state)
{
	char text[4096], answer[POLICY_TEXT];
	size_t len = write_question(&no, text, sizeof(text));
	int fd = dial();

	(void)state;
	memcpy(text + len, "junk\n\n", sizeof("junk\n\n"));
	put(fd, text, len + 6);
	get_as(fd, LATER, "(budget)");
	get(fd, answer);
	assert_string_equal(answer, "");
	(void)close(fd);
	/* A line that is none, in a question that came whole. */
	fd = dial();
	len = (size_t)snprintf(text, sizeof(text), "request=smtpd_access_policy\nno attribute\n\n");
	put(fd, text, len);
	get(fd, answer);
	assert_string_equal(answer, "");
	(void)close(fd);
	expect(&no, LATER, "(budget)");
}

/* ---- whole ---- */

static const struct way {
	const char *name;
	bool tcp;
} ways[] = {
	{"to who does not read, over a socket file, whole in the end", false},
	{"to who does not read, over TCP, whole in the end",           true },
};

/* Until the daemon takes no more, which it does when its answers stay; returns how much went. */
static size_t
fill(int fd, const char *text, size_t len)
{
	size_t sent = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n = send(fd, text + sent % len, len - sent % len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		else if (poll(&p, 1, 10 * POLL_STEP) == 0)
			return sent;
		assert_true(sent < (size_t)64 << 20);
	}
}

#define MORE 10000

static bool
put_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
put_times(int fd, const char *text, size_t len, int times)
{
	bool ok = true;

	for (int i = 0; ok && i < times; i++)
		ok = put_all(fd, text, len);
	return ok;
}

/* n times the same answers, and not one byte else. */
static void
get_many(int fd, const char *want, size_t n)
{
	char block[1000];
	const size_t len = strlen(want);
	size_t at = 0;

	while (at < n * len) {
		size_t most = n * len - at < sizeof(block) ? n * len - at : sizeof(block);
		ssize_t got = recv(fd, block, most, 0);

		assert_true(got > 0);
		for (ssize_t i = 0; i < got; i++, at++)
			assert_true(block[i] == want[at % len]);
	}
}

static void
check_way(void **state)
{
	const struct way *w = *state;
	const struct question stranger = {END, "no", "x@getnorthwind.example", EXTERN_MAIL, NULL, 1};
	char text[4096], want[2 * POLICY_TEXT], answer[POLICY_TEXT];
	const int small = 4096;
	size_t sent, len = write_question(&no, text, sizeof(text));
	pid_t writer;
	int fd;

	if (w->tcp) {
		office_open(&o, NO_PACE);
		(void)snprintf(answer, sizeof(answer), "inet:127.0.0.1:%d", 20000 + (int)(getpid() % 10000));
		assert_ok(listen_parse(answer, &place, &o.err), &o.err);
		start(NO_PACE);
	} else {
		(void)set_up(NULL);
	}
	exhaust();
	fd = socket(place.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&place.address, place.len), 0);
	expect_on(fd, &no, LATER, "(budget)");
	expect_on(fd, &stranger, NO, "(unknown_mailbox)");
	/* Two that are told apart: neither may be in the other's place. */
	len += write_question(&stranger, text + len, sizeof(text) - len);
	put(fd, text, len);
	get(fd, answer);
	(void)snprintf(want, sizeof(want), "%s\n\n", answer);
	get(fd, answer);
	(void)snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s\n\n", answer);
	sent = fill(fd, text, len);
	/* Others are answered meanwhile. */
	expect(&no, LATER, "(budget)");
	/* And while it is read more is asked; first the rest of the one that was cut. */
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		_exit(put_all(fd, text + sent % len, len - sent % len) && put_times(fd, text, len, MORE) ? 0 : 1);
	get_many(fd, want, sent / len + 1 + MORE);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	expect_on(fd, &yes, GO, "");
	(void)close(fd);
}

/* ---- what is not remembered for it ---- */

static const struct other {
	const char *name;
	struct question q;
	const char *begins, *holds;
} others[] = {
	{"without an instance it is said so",             {END, "", ANNA, EXTERN_MAIL, NULL, 1},     LATER, "(no_instance)"       },
	{"of a login that is another sender",             {END, "1", ANNA, EXTERN_MAIL, CARL, 1},    NO,    "(foreign_sender)"    },
	{"of a login that is ours, the login is charged", {END, "1", ANNA, EXTERN_MAIL, BEN, 1},     GO,    ""                    },
	{"for several the recipients have to be known",
         {END, "1", ANNA, EXTERN_MAIL, NULL, 2},
         LATER,                                                                                             "(recipients_unknown)"},
	{"in another stage it is said so",                {"MAIL", "1", ANNA, EXTERN_MAIL, NULL, 1}, LATER, "(stage)"             },
	{"a test is made",				{"RCPT", "1", ANNA, EXTERN_MAIL, NULL, 1}, LATER, "(budget)"            },
	{"under its own login it is known",               {END, "1", ANNA, EXTERN_MAIL, ANNA, 1},    LATER, "(budget)"            },
	{"with no count it is known",                     {END, "1", ANNA, EXTERN_MAIL, NULL, 0},    LATER, "(budget)"            },
	{"in another spelling it is the same",
         {END, "1", "Anna@GetNorthwind.example", EXTERN_MAIL, NULL, 1},
         LATER,                                                                                             "(budget)"            },
};

static void
check_other(void **state)
{
	const struct other *t = *state;

	(void)set_up_exhausted(NULL);
	expect(&no, LATER, "(budget)");
	expect(&t->q, t->begins, t->holds);
	expect(&no, LATER, "(budget)");
}

/* ---- our own questions ---- */

static void
ask_wire(const char *mailbox, const char *id, const char *store, char out[POLICY_TEXT])
{
	const struct gate_request q = {.mailbox = mailbox, .recipient = EXTERN_MAIL, .message_id = id};
	struct buf b = {0};
	int fd = dial();

	assert_ok(wire_write_check(&q, store, &b, &o.err), &o.err);
	put(fd, b.data, b.len);
	get(fd, out);
	buf_release(&b);
	(void)close(fd);
}

static void
recall__our_own_question_is_told_the_same(void **state)
{
	char asked[POLICY_TEXT], known[POLICY_TEXT], store[WIRE_STORE_MAX];
	static const char *const ids[] = {"<x@y>", NULL};

	(void)state;
	assert_true(wire_store(o.path, store));
	/* The tests' own commit elsewhere makes it ask. */
	CHANGE(&o, contain_freeze, "trynorthwindnow.example", "manual", "test");
	ask_wire(ANNA, "<w@y>", store, asked);
	assert_non_null(strstr(asked, "reason=budget\n"));
	lock_store();
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		ask_wire(ANNA, ids[i], store, known);
		assert_string_equal(known, asked);
	}
	ask_wire(ANNA, "<x@y>", "1:2:3", known);
	assert_non_null(strstr(known, "error=auth\n"));
	unlock_store();
}

static void
recall__our_own_question_that_was_paid_for_is_allowed_again(void **state)
{
	char first[POLICY_TEXT], again[POLICY_TEXT], store[WIRE_STORE_MAX];

	(void)state;
	assert_true(wire_store(o.path, store));
	ask_wire(BEN, "<1@y>", store, first);
	assert_non_null(strstr(first, "verdict=allow\n"));
	ask_wire(BEN, "<2@y>", store, again);
	ask_wire(BEN, "<3@y>", store, again);
	assert_non_null(strstr(again, "reason=budget\n"));
	ask_wire(BEN, "<1@y>", store, again);
	assert_non_null(strstr(again, "verdict=allow\n"));
}

/* ---- counted once ---- */

static char log_path[160], metrics_text[128];
static struct listen_at metrics_place;

static void
set_up_counting(enum log_level level)
{
	office_open(&o, NO_PACE);
	find_unix_place();
	(void)snprintf(log_path, sizeof(log_path), "%s/log", o.dir);
	(void)snprintf(metrics_text, sizeof(metrics_text), "unix:%s/metrics", o.dir);
	assert_ok(listen_parse(metrics_text, &metrics_place, &o.err), &o.err);
	desk_log = log_path;
	desk_log_level = level;
	desk_metrics = &metrics_place;
	start(NO_PACE);
	desk_log = NULL;
	desk_log_level = LOG_LEVEL_ERROR;
	desk_metrics = NULL;
	exhaust();
}

static int
clear_counting(void **state)
{
	char path[192];

	if (server > 0)
		(void)stop(SIGKILL);
	(void)unlink(log_path);
	(void)snprintf(path, sizeof(path), "%s/metrics", o.dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/metrics.lock", o.dir);
	(void)unlink(path);
	return tear_down(state);
}

static long
count_in_log(const char *what)
{
	char line[1024];
	long n = 0;
	FILE *f = fopen(log_path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, what) != NULL;
	assert_int_equal(fclose(f), 0);
	return n;
}

/* The number of a series; -1: it is not there. */
static long
metric(const char *series)
{
	static char text[65536];
	const char *at;
	size_t n = 0;
	ssize_t got;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&metrics_place.address, metrics_place.len), 0);
	put(fd, "GET /metrics HTTP/1.0\r\n\r\n", 25);
	while ((got = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	(void)close(fd);
	at = strstr(text, series);
	return at != NULL ? strtol(at + strlen(series), NULL, 10) : -1;
}

#define KNOWN      5
#define KNOWN_LINE "wait budget at=END-OF-MESSAGE mailbox=" ANNA " organisation=fabrikam.example recipients=1"
#define WAITED     "coldrelay_decisions_total{verdict=\"wait\",reason=\"budget\"} "

static void
recall__is_counted_and_logged_once(void **state)
{
	int fd;

	(void)state;
	set_up_counting(LOG_LEVEL_INFO);
	assert_int_equal(metric(WAITED), -1);
	/* Of as many recipients as it has, whatever was asked before. */
	expect(&(struct question){END, "z", CARL, "", NULL, 2}, LATER, "(recipients_unknown)");
	expect(&no, LATER, "(budget)");
	lock_store();
	fd = dial();
	for (int i = 0; i < KNOWN; i++)
		expect_on(fd, &no, LATER, "(budget)");
	assert_int_equal(metric(WAITED), 1 + KNOWN);
	/* Logged when the turn ends, which no round has to; the metrics were of another turn. */
	assert_int_equal(count_in_log(KNOWN_LINE), 1 + KNOWN);
	unlock_store();
	expect_on(fd, &yes, GO, "");
	assert_int_equal(metric(WAITED), 1 + KNOWN);
	assert_int_equal(metric("coldrelay_decision_seconds_count "), WARMING + 3 + 2 + KNOWN + 1);
	assert_int_equal(stop(SIGTERM), 0);
	assert_int_equal(count_in_log(KNOWN_LINE), 1 + KNOWN);
	assert_int_equal(count_in_log(" at="), WARMING + 3 + 2 + KNOWN + 1);
	(void)close(fd);
}

static void
recall__is_counted_but_not_logged_when_quiet(void **state)
{
	(void)state;
	set_up_counting(LOG_LEVEL_WARN);
	lock_store();
	for (int i = 0; i < KNOWN; i++)
		expect(&no, LATER, "(budget)");
	unlock_store();
	assert_int_equal(metric(WAITED), KNOWN);
	assert_int_equal(stop(SIGTERM), 0);
	assert_int_equal(count_in_log("at="), 0);
}

#define LAST 600 /* connections: more than a turn looks at */

static void
recall__what_arrives_last_is_answered_and_logged(void **state)
{
	static int fds[LAST];
	struct rlimit files;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_cur < LAST + 64) {
		files.rlim_cur = LAST + 64 < files.rlim_max ? LAST + 64 : files.rlim_max;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	}
	set_up_counting(LOG_LEVEL_INFO);
	for (int i = 0; i < LAST; i++)
		fds[i] = dial();
	/* Taken, all of them: the last one is answered. */
	expect_on(fds[LAST - 1], &no, LATER, "(budget)");
	hold_daemon();
	assert_int_equal(kill(server, SIGTERM), 0);
	for (int i = 0; i < LAST; i++)
		put_question(fds[i], &no);
	let_daemon();
	for (int i = 0; i < LAST; i++) {
		get_as(fds[i], LATER, "(budget)");
		(void)close(fds[i]);
	}
	assert_int_equal(waitpid(server, NULL, 0), server);
	server = 0;
	assert_int_equal(count_in_log("wait budget at="), LAST + 1);
}

/* ---- without its store ---- */

static void
recall__a_store_that_is_gone_is_a_no_or_trouble_and_never_a_yes(void **state)
{
	char away[STORE_PATH_MAX + 8];
	int fd = dial();

	(void)state;
	(void)snprintf(away, sizeof(away), "%s.away", o.path);
	expect_on(fd, &no, LATER, "(budget)");
	assert_int_equal(rename(o.path, away), 0);
	/* What it knew is a no still; whoever would spend finds the trouble, and then all do. */
	expect_on(fd, &no, LATER, "(budget)");
	expect_on(fd, &yes, TROUBLE, "(store)");
	expect_on(fd, &no, TROUBLE, "(store)");
	expect_on(fd, &(struct question){END, "a", ANNA, EXTERN_MAIL, NULL, 1}, TROUBLE, "(store)");
	assert_int_equal(rename(away, o.path), 0);
	expect_on(fd, &no, LATER, "(budget)");
	(void)close(fd);
}

static void
recall__a_store_that_was_replaced_is_a_no_or_trouble_and_never_a_yes(void **state)
{
	char away[STORE_PATH_MAX + 8];
	FILE *f;
	int fd = dial();

	(void)state;
	(void)snprintf(away, sizeof(away), "%s.away", o.path);
	assert_int_equal(rename(o.path, away), 0);
	f = fopen(o.path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	expect_on(fd, &no, LATER, "(budget)");
	expect_on(fd, &yes, TROUBLE, "(store)");
	expect_on(fd, &no, TROUBLE, "(store)");
	assert_int_equal(rename(away, o.path), 0);
	expect_on(fd, &yes, GO, "");
	(void)close(fd);
}

#define EXHAUSTED(fn)                                                                                                  \
	{                                                                                                              \
		.name = #fn, .test_func = (fn), .setup_func = set_up_exhausted, .teardown_func = tear_down             \
	}
#define PATIENTLY(fn)                                                                                                  \
	{                                                                                                              \
		.name = #fn, .test_func = (fn), .setup_func = set_up_patient, .teardown_func = tear_down               \
	}

#define COUNTED(fn)                                                                                                    \
	{                                                                                                              \
		.name = #fn, .test_func = (fn), .teardown_func = clear_counting                                        \
	}

int
main(void)
{
	struct CMUnitTest tests[64] = {
		COUNTED(recall__is_counted_and_logged_once),
		COUNTED(recall__is_counted_but_not_logged_when_quiet),
		COUNTED(recall__what_arrives_last_is_answered_and_logged),
		EXHAUSTED(recall__a_known_no_needs_no_turn),
		PATIENTLY(recall__does_not_wait_for_the_round_of_others),
		PATIENTLY(recall__leaves_the_memory_to_the_second_thread),
		EXHAUSTED(recall__ends_with_what_happens_elsewhere),
		PATIENTLY(recall__keeps_the_order_of_a_connection),
		EXHAUSTED(recall__a_piece_of_many_is_answered_whole),
		EXHAUSTED(recall__a_question_in_pieces_is_one),
		EXHAUSTED(recall__junk_behind_it_closes_after_the_answer),
		EXHAUSTED(recall__our_own_question_is_told_the_same),
		EXHAUSTED(recall__our_own_question_that_was_paid_for_is_allowed_again),
		EXHAUSTED(recall__the_words_of_an_earlier_question_are_not_taken_for_those_of_a_later_one),
		EXHAUSTED(recall__a_store_that_is_gone_is_a_no_or_trouble_and_never_a_yes),
		EXHAUSTED(recall__a_store_that_was_replaced_is_a_no_or_trouble_and_never_a_yes),
	};
	size_t n = 16, first = n;

	/* A server has to be asked. */
	if (store_server() != NULL)
		return 0;
	ROWS(tests, n, ways, check_way);
	ROWS(tests, n, others, check_other);
	for (size_t i = first; i < n; i++)
		tests[i].teardown_func = tear_down;
	return rows_run("budget/daemon_recall", tests, n);
}
