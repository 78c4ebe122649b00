/*
 * test_notify.c - what the service manager is told, and the socket that it hands over.
 */
#include "budget/listen.h"
#include "budget/notify.h"
#include "core/log.h"
#include "core/own.h"
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static int manager;
static char last_told[1024];

/* name: a path, or '@' and an abstract name. */
static void
listen_as_manager(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", name);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&at,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/' ? 1 : 0))),
	                 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

/* The next message, "" when there is none. */
static const char *
told(void)
{
	ssize_t n = recv(manager, last_told, sizeof(last_told) - 1, 0);

	last_told[n > 0 ? n : 0] = '\0';
	return last_told;
}

static int
set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	(void)snprintf(dir, sizeof(dir), "/tmp/coldrelay-notify.XXXXXX");
	assert_non_null(mkdtemp(dir));
	manager = -1;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID",
	                                    "LISTEN_FDS"};
	char path[96];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unsetenv(names[i]);
	if (manager >= 0)
		(void)close(manager);
	(void)snprintf(path, sizeof(path), "%s/notify", dir);
	(void)unlink(path);
	return rmdir(dir);
}

static void
say_all(void)
{
	struct notify n;
	static const char reloading[] = "RELOADING=1\nMONOTONIC_USEC=";

	notify_open(&n);
	assert_true(n.fd >= 0);
	notify_ready(&n, "answering\nREADY=0");
	assert_string_equal(told(), "READY=1\nSTATUS=answering READY=0");
	notify_reloading(&n);
	assert_memory_equal(told(), reloading, strlen(reloading));
	assert_true(strtoull(last_told + strlen(reloading), NULL, 10) > 0);
	notify_status(&n, "x");
	assert_string_equal(told(), "STATUS=x");
	notify_stopping(&n);
	assert_memory_equal(told(), "STOPPING=1\n", 11);
	notify_close(&n);
}

static void
notify__a_path_is_told(void **state)
{
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/notify", dir);
	listen_as_manager(path);
	say_all();
}

static void
notify__an_abstract_name_is_told(void **state)
{
	char name[96];

	(void)state;
	(void)snprintf(name, sizeof(name), "@coldrelay-test-%d", (int)getpid());
	listen_as_manager(name);
	say_all();
}

static void
notify__nobody_is_told_without_a_manager(void **state)
{
	struct notify n;

	(void)state;
	notify_open(&n);
	assert_int_equal(n.fd, -1);
	notify_ready(&n, "x");
	notify_alive(&n, 1);
	notify_close(&n);
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	notify_open(&n);
	assert_int_equal(n.fd, -1);
}

static const struct watchdog {
	const char *name, *usec, *pid; /* pid: "own", or as it is */
	int64_t ping_ms;
} watchdogs[] = {
	{"the watchdog is fed three times in its time", "30000000", "own", 10000},
	{"a watchdog without a process is ours",        "30000000", NULL,  10000},
	{"another process's watchdog is not fed",       "30000000", "1",   0    },
	{"a time that is no number is none",            "soon",     "own", 0    },
	{"a short time is fed every millisecond",       "100",      NULL,  1    },
};

static void
check_watchdog(void **state)
{
	const struct watchdog *w = *state;
	char name[96], pid[16];
	struct notify n;

	(void)set_up(NULL);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)snprintf(name, sizeof(name), "@coldrelay-test-%d", (int)getpid());
	listen_as_manager(name);
	assert_int_equal(setenv("WATCHDOG_USEC", w->usec, 1), 0);
	if (w->pid != NULL)
		assert_int_equal(setenv("WATCHDOG_PID", strcmp(w->pid, "own") == 0 ? pid : w->pid, 1), 0);
	notify_open(&n);
	assert_int_equal(n.ping_ms, w->ping_ms);
	notify_alive(&n, 1000);
	assert_string_equal(told(), w->ping_ms != 0 ? "WATCHDOG=1" : "");
	notify_alive(&n, 1000 + w->ping_ms - 1);
	assert_string_equal(told(), "");
	notify_alive(&n, 1000 + w->ping_ms);
	assert_string_equal(told(), w->ping_ms != 0 ? "WATCHDOG=1" : "");
	notify_close(&n);
}

/* What stands at descriptor 3 of a process that is told of it. */
enum handed { NOTHING, LISTENING, NOT_LISTENING, DATAGRAM, A_FILE };

static const struct hand_over {
	const char *name, *count;
	enum handed what;
	bool own_pid;
	int want; /* CR_OK with a socket; 1: CR_OK without; else the error */
} hand_overs[] = {
	{"a listening socket is taken",                    "1", LISTENING,     true,  CR_OK     },
	{"what is meant for another process is not taken", "1", LISTENING,     false, 1         },
	{"no socket is no fault",                          "0", NOTHING,       true,  1         },
	{"two sockets are refused",                        "2", LISTENING,     true,  CR_ECONFIG},
	{"a count that is no number is none",              "x", LISTENING,     true,  1         },
	{"a socket that does not listen is refused",       "1", NOT_LISTENING, true,  CR_ECONFIG},
	{"a datagram socket is refused",                   "1", DATAGRAM,      true,  CR_ECONFIG},
	{"a file is refused",			      "1", A_FILE,        true,  CR_ECONFIG},
	{"a closed descriptor is refused",                 "1", NOTHING,       true,  CR_ECONFIG},
};

static int
make(enum handed what)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd;

	if (what == A_FILE)
		return open("/dev/null", O_RDONLY);
	fd = socket(AF_UNIX, what == DATAGRAM ? SOCK_DGRAM : SOCK_STREAM, 0);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", dir);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || (what == LISTENING && listen(fd, 8) != 0))
		return -1;
	return fd;
}

/* 0: as the row wants it; else which part is not. */
static int
take(const struct hand_over *h)
{
	struct listener l = {.fd = -1};
	struct err err = {0};
	char pid[16], want[128];
	bool taken = false;
	int fd = h->what == NOTHING ? -1 : make(h->what), rc;

	if (h->what != NOTHING && (fd < 0 || (fd != 3 && dup2(fd, 3) != 3)))
		return 1;
	if (h->what == NOTHING)
		(void)close(3);
	(void)snprintf(pid, sizeof(pid), "%d", h->own_pid ? (int)getpid() : 1);
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", h->count, 1);
	rc = listener_take(&l, &taken, &err);
	if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL)
		return 2;
	if (h->want < 0)
		return rc == h->want && !taken ? 0 : 3;
	if (rc != CR_OK || taken != (h->want == CR_OK))
		return 4;
	(void)snprintf(want, sizeof(want), "unix:%s/notify", dir);
	if (taken && (l.fd != 3 || strcmp(l.at.text, want) != 0 || (fcntl(3, F_GETFL) & O_NONBLOCK) == 0 ||
	              (fcntl(3, F_GETFD) & FD_CLOEXEC) == 0))
		return 5;
	/* It is the manager's: closing it leaves the file. */
	listener_close(&l);
	return !taken || access(want + 5, F_OK) == 0 ? 0 : 6;
}

static void
check_hand_over(void **state)
{
	const struct hand_over *h = *state;
	int status = -1;
	pid_t child;

	(void)set_up(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(take(h));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	struct CMUnitTest tests[32] = {{0}};
	size_t n = 0;

	TEST(tests, n, notify__a_path_is_told);
	TEST(tests, n, notify__an_abstract_name_is_told);
	TEST(tests, n, notify__nobody_is_told_without_a_manager);
	for (size_t i = 0; i < n; i++)
		tests[i].setup_func = set_up;
	ROWS(tests, n, watchdogs, check_watchdog);
	ROWS(tests, n, hand_overs, check_hand_over);
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = tear_down;
	return rows_run("budget/notify", tests, n);
}
