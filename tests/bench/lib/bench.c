/*
 * bench.c - what the bench programs share.
 */
#include "tests/bench/lib/bench.h"

#include "core/num.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list ap)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	(void)vfprintf(stderr, format, ap);
}

_Noreturn void
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	exit(1);
}

_Noreturn void
die_errno(const char *format, ...)
{
	const int e = errno;
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	(void)fprintf(stderr, ": %s\n", strerror(e));
	exit(1);
}

void
must(int rc, const struct err *err)
{
	if (rc != CR_OK)
		die("%s", err->text);
}

static int64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		die_errno("clock_gettime");
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t
cpu_ns(pid_t pid)
{
	clockid_t id;

	return clock_getcpuclockid(pid, &id) == 0 ? clock_ns(id) : 0;
}

void
raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		die_errno("getrlimit");
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		die_errno("setrlimit");
}

int64_t
number(const char *text, const char *what, int64_t min, int64_t max)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
		die("%s: not a number from %lld to %lld: '%s'", what, (long long)min, (long long)max, text);
	return n;
}

struct listen_at
place(const char *text)
{
	struct listen_at at;
	struct err err = {0};

	must(listen_parse(text, &at, &err), &err);
	return at;
}

int
connect_to(const struct listen_at *at)
{
	const int family = at->address.ss_family, one = 1;
	const int64_t deadline = now_ns() + INT64_C(10000000000);
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	while (connect(fd, (const struct sockaddr *)&at->address, at->len) != 0) {
		if ((errno != ENOENT && errno != ECONNREFUSED) || now_ns() > deadline)
			die_errno("%s", at->text);
		(void)usleep(10000);
	}
	if (family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		die_errno("%s: TCP_NODELAY", at->text);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die_errno("%s: O_NONBLOCK", at->text);
	return fd;
}

void
put_digits(char *to, int width, uint64_t value)
{
	for (int i = width - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
}
