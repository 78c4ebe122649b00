/*
 * killshim.c - preloaded into a program under test, ends it by SIGKILL right before its KILL_AT-th call that others can see.
 *
 *   LD_PRELOAD=build/debug/killshim.so KILL_AT=17 coldrelay provision ...
 *
 * Counted: rename, link, unlink, mkdir, ftruncate, fsync, fdatasync, connect, send.  Between two of them nothing becomes visible to
 * another process but bytes that no one reads yet, so killing before each of them in turn stands for killing at every instruction.
 * Only the first process counts: its children are started without this library.
 *
 * KILL_FINE=1 counts more, for the gate's store, which others read while it is written: write, pwrite, fcntl (its locks).
 * KILL_SERVE=1 counts from the first accepted connection on, so that a daemon's start is no step of a decision.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long kill_at;
static atomic_long calls;
static bool is_fine;
static atomic_bool is_counting;

__attribute__((constructor)) static void
start(void)
{
	const char *text = getenv("KILL_AT");

	if (text != NULL)
		kill_at = strtol(text, NULL, 10);
	is_fine = getenv("KILL_FINE") != NULL;
	is_counting = getenv("KILL_SERVE") == NULL;
	(void)unsetenv("KILL_AT");
	(void)unsetenv("KILL_FINE");
	(void)unsetenv("KILL_SERVE");
	(void)unsetenv("LD_PRELOAD");
}

static void
count(void)
{
	if (is_counting && atomic_fetch_add(&calls, 1) + 1 == kill_at)
		(void)kill(getpid(), SIGKILL);
}

/* The function of that name behind ours.  ISO C has no conversion from an object pointer: the bytes are copied. */
static void
next(const char *name, void *function_out, size_t size)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	memcpy(function_out, &symbol, size);
}

#define STEP(result, name, params, ...) CALL(true, result, name, params, __VA_ARGS__)
#define FINE(result, name, params, ...) CALL(is_fine, result, name, params, __VA_ARGS__)
#define CALL(counts, result, name, params, ...)                                                                        \
	result name params;                                                                                            \
	result name params                                                                                             \
	{                                                                                                              \
		result(*real) params;                                                                                  \
                                                                                                                       \
		if (counts)                                                                                            \
			count();                                                                                       \
		next(#name, &real, sizeof(real));                                                                      \
		return real(__VA_ARGS__);                                                                              \
	}

STEP(int, rename, (const char *from, const char *to), from, to)
STEP(int, renameat2, (int from_dir, const char *from, int to_dir, const char *to, unsigned flags), from_dir, from,
     to_dir, to, flags)
STEP(int, link, (const char *from, const char *to), from, to)
STEP(int, unlink, (const char *path), path)
STEP(int, mkdir, (const char *path, mode_t mode), path, mode)
STEP(int, ftruncate, (int fd, off_t len), fd, len)
STEP(int, ftruncate64, (int fd, __off64_t len), fd, len)
STEP(int, fsync, (int fd), fd)
STEP(int, fdatasync, (int fd), fd)
STEP(int, connect, (int fd, __CONST_SOCKADDR_ARG to, socklen_t len), fd, to, len)
STEP(ssize_t, send, (int fd, const void *data, size_t len, int flags), fd, data, len, flags)
STEP(ssize_t, sendto, (int fd, const void *data, size_t len, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_len), fd,
     data, len, flags, to, to_len)

FINE(ssize_t, write, (int fd, const void *data, size_t len), fd, data, len)
FINE(ssize_t, writev, (int fd, const struct iovec *parts, int n), fd, parts, n)
FINE(ssize_t, pwrite, (int fd, const void *data, size_t len, off_t at), fd, data, len, at)
FINE(ssize_t, pwrite64, (int fd, const void *data, size_t len, __off64_t at), fd, data, len, at)

/* The optional argument of fcntl is one word, an int or a pointer, and handed on as such. */
#define FINE_FCNTL(name)                                                                                               \
	int name(int fd, int op, ...)                                                                                  \
	{                                                                                                              \
		int (*real)(int, int, ...);                                                                            \
		va_list rest;                                                                                          \
		void *word;                                                                                            \
                                                                                                                       \
		va_start(rest, op);                                                                                    \
		word = va_arg(rest, void *);                                                                           \
		va_end(rest);                                                                                          \
		if (is_fine)                                                                                           \
			count();                                                                                       \
		next(#name, &real, sizeof(real));                                                                      \
		return real(fd, op, word);                                                                             \
	}

FINE_FCNTL(fcntl)
FINE_FCNTL(fcntl64)

int
accept4(int fd, __SOCKADDR_ARG from, socklen_t *restrict len, int flags)
{
	int (*real)(int, __SOCKADDR_ARG, socklen_t *restrict, int);
	int got;

	next("accept4", &real, sizeof(real));
	got = real(fd, from, len, flags);
	if (got >= 0)
		is_counting = true;
	return got;
}
