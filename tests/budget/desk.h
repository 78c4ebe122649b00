/*
 * desk.h - the daemon in a process of its own over an office's store, and a client that asks it over real sockets as Postfix asks.
 */
#ifndef TESTS_BUDGET_DESK_H
#define TESTS_BUDGET_DESK_H

#include "budget/daemon.h"
#include "core/log.h"
#include "tests/budget/office.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#define PATIENCE_S  20
#define POLICY_TEXT 1024

static struct office o;
static pid_t server;
static struct listen_at place;

static inline void
find_unix_place(void)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "unix:%s/gate", o.dir);
	assert_ok(listen_parse(text, &place, &o.err), &o.err);
}

/* The daemon's clock, which the test may turn: a fake one in memory that both see. */
static struct fake_clock *hands;
/* Or another one, and how long it waits for the store's lock; of the next start. */
static const struct clock *desk_clock;
static int64_t desk_busy_ms = 50;
static bool desk_notifies; /* the environment names a service manager */
/* What it logs, and where; NULL: with the test's own. */
static enum log_level desk_log_level = LOG_LEVEL_ERROR;
static const char *desk_log;
static const struct listen_at *desk_metrics; /* NULL: it tells none */

static inline void
share_clock(void)
{
	if (hands == NULL)
		hands = mmap(NULL, sizeof(*hands), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(hands != MAP_FAILED);
	*hands = o.clock;
	hands->clock.state = hands;
}

/* In the child: a store, a gate and a daemon of its own.  Says one byte when it listens. */
static inline int
serve(int ready, struct gate_limits limits)
{
	const struct clock *clock = desk_clock != NULL ? desk_clock : &hands->clock;
	const struct db_options options = {
		.path = o.path, .mode = DB_WRITE, .schema = &schema_coldrelay, .clock = clock, .busy_ms = desk_busy_ms};
	struct daemon_options d_options = {.at = &place, .clock = clock, .metrics = desk_metrics};
	struct notify notify = {.fd = -1};
	struct daemon *d = NULL;
	int rc;

	if (desk_notifies) {
		notify_open(&notify);
		d_options.notify = &notify;
	}
	log_set_level(desk_log_level);
	if (desk_log != NULL && freopen(desk_log, "a", stderr) == NULL)
		return 1;
	if ((rc = db_open(&options, &o.db, &o.err)) != CR_OK ||
	    (rc = gate_open(o.db, o.vault, clock, &limits, NULL, &o.gate, &o.err)) != CR_OK)
		goto out;
	d_options.gate = o.gate;
	d_options.db = o.db;
	if ((rc = daemon_open(&d_options, &d, &o.err)) != CR_OK || write(ready, "r", 1) != 1)
		goto out;
	rc = daemon_run(d, &o.err);
out:
	daemon_drop(&d);
	gate_drop(&o.gate);
	db_drop(&o.db);
	vault_drop(&o.vault);
	return rc == CR_OK ? 0 : 1;
}

static inline void
start(struct gate_limits limits)
{
	int ready[2];
	char byte;

	/* SQLite must not be open across a fork. */
	gate_drop(&o.gate);
	db_drop(&o.db);
	share_clock();
	assert_int_equal(pipe(ready), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		(void)close(ready[0]);
		_exit(serve(ready[1], limits));
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	o.db = office_open_store(&o, DB_WRITE);
}

static inline int
stop(int signal)
{
	int status = -1;

	if (server <= 0)
		return -1;
	assert_int_equal(kill(server, signal), 0);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	return status;
}

static inline int
set_up_with(struct gate_limits limits)
{
	office_open(&o, limits);
	find_unix_place();
	start(limits);
	return 0;
}

static inline int
set_up(void **state)
{
	(void)state;
	return set_up_with(NO_PACE);
}

static inline int
tear_down(void **state)
{
	char path[160];

	(void)state;
	if (server > 0)
		(void)stop(SIGKILL);
	(void)snprintf(path, sizeof(path), "%s/gate", o.dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/gate.lock", o.dir);
	(void)unlink(path);
	office_close(&o);
	return 0;
}

static inline int
dial(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(place.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&place.address, place.len), 0);
	return fd;
}

static inline void
put(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* One answer without its newlines; "" when the connection was closed instead. */
static inline void
get(int fd, char out[POLICY_TEXT])
{
	size_t n = 0;

	out[0] = '\0';
	while (n < POLICY_TEXT - 1) {
		ssize_t got = recv(fd, out + n, 1, 0);

		if (got < 0 && errno == ECONNRESET)
			got = 0;
		assert_true(got >= 0);
		if (got == 0)
			break;
		out[++n] = '\0';
		if (n >= 2 && strcmp(out + n - 2, "\n\n") == 0) {
			out[n - 2] = '\0';
			return;
		}
	}
	assert_int_equal(n, 0);
}

struct question {
	const char *state, *instance, *sender, *recipient, *sasl;
	int count;
};

static inline size_t
write_question(const struct question *q, char *out, size_t size)
{
	return (size_t)snprintf(out, size,
	                        "request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\n"
	                        "client_address=192.0.2.1\ninstance=%s\nsender=%s\nrecipient=%s\n"
	                        "sasl_username=%s\nrecipient_count=%d\nsize=0\n\n",
	                        q->state, q->instance, q->sender, q->recipient, q->sasl != NULL ? q->sasl : "",
	                        q->count);
}

static inline void
put_question(int fd, const struct question *q)
{
	char text[2048];

	put(fd, text, write_question(q, text, sizeof(text)));
}

static inline void
expect_on(int fd, const struct question *q, const char *begins, const char *holds)
{
	char answer[POLICY_TEXT];

	put_question(fd, q);
	get(fd, answer);
	if (strncmp(answer, begins, strlen(begins)) != 0 || strstr(answer, holds) == NULL)
		fail_msg("%s of %s: '%s', not '%s ... %s'", q->state, q->instance, answer, begins, holds);
}

#define GO    "action=DUNNO"
#define LATER "action=DEFER 4.7.1 coldrelay: "
#define NO    "action=REJECT 5.7.1 coldrelay: "
#define END   "END-OF-MESSAGE"

static inline void
expect(const struct question *q, const char *begins, const char *holds)
{
	int fd = dial();

	expect_on(fd, q, begins, holds);
	(void)close(fd);
}

static inline void
expect_spend(const char *instance, const char *begins, const char *holds)
{
	const struct question q = {END, instance, ANNA, EXTERN_MAIL, NULL, 1};

	expect(&q, begins, holds);
}

/* Neither is a message: what follows is charged from an untouched budget of two. */
static inline void
expect_two_left(void)
{
	expect_spend("left.1", GO, "");
	expect_spend("left.2", GO, "");
	expect_spend("left.3", LATER, "(budget)");
}

#define DAEMON_TEST(fn)                                                                                                \
	{                                                                                                              \
		.name = #fn, .test_func = (fn), .setup_func = set_up, .teardown_func = tear_down                       \
	}

#endif
