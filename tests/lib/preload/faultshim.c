/*
 * faultshim.c - preloaded into a program under test, lets its N-th call on the files of one directory go wrong.
 *
 *   LD_PRELOAD=build/debug/faultshim.so FAULT_DIR=/tmp/x FAULT_KIND=eio FAULT_AT=17 FAULT_HIT=/tmp/hit coldrelay check ...
 *
 *   eio     input/output error: open read write sync ftruncate lock mmap
 *   enospc  no space: an open that makes the file, write, ftruncate (a sync too: delayed allocation)
 *   eintr   interrupted: read write ftruncate, and a lock that is waited for; what cannot wait is not interrupted
 *   short   half of what was asked for: read write
 *
 * Calls that cannot go wrong that way are not counted.  FAULT_FOR=M: it and the next M - 1 (1); a disk that is gone, with a large one.
 * Locks do not belong to the disk: they fail one at a time only.
 * FAULT_HIT is written when it happens, with the name of the call: without it the program has lived to its end.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call {
	CALL_OPEN,
	CALL_CREATE,
	CALL_READ,
	CALL_WRITE,
	CALL_SYNC,
	CALL_TRUNCATE,
	CALL_LOCK,
	CALL_LOCK_WAIT,
	CALL_MAP
};
#define BIT(call) (1U << (call))

static const struct kind {
	const char *name;
	int errnum; /* 0: half of the length */
	unsigned calls;
} kinds[] = {
	{"eio",    EIO,    ~0U									},
	{"enospc", ENOSPC, BIT(CALL_CREATE) | BIT(CALL_WRITE) | BIT(CALL_TRUNCATE) | BIT(CALL_SYNC)   },
	{"eintr",  EINTR,  BIT(CALL_READ) | BIT(CALL_WRITE) | BIT(CALL_TRUNCATE) | BIT(CALL_LOCK_WAIT)},
	{"short",  0,      BIT(CALL_READ) | BIT(CALL_WRITE)                                           },
};

static const struct kind *kind;
static char dir[512];
static size_t dir_len;
static const char *hit;
static long from, until; /* counted calls, the last one excluded */
static atomic_long calls;

static void
next(const char *name, void *function_out, size_t size)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	memcpy(function_out, &symbol, size);
}

#define REAL(name)                                                                                                     \
	__typeof__(name) *real;                                                                                        \
	next(#name, &real, sizeof(real))

static long
number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void
start(void)
{
	const char *want = getenv("FAULT_KIND"), *root = getenv("FAULT_DIR");

	(void)unsetenv("LD_PRELOAD");
	if (want == NULL || root == NULL || strlen(root) >= sizeof(dir))
		abort();
	(void)snprintf(dir, sizeof(dir), "%s", root);
	dir_len = strlen(dir);
	hit = getenv("FAULT_HIT");
	from = number("FAULT_AT", 0);
	until = from + number("FAULT_FOR", 1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, want) == 0)
			kind = &kinds[i];
	}
	if (kind == NULL)
		abort();
}

static void
tell_hit(const char *what)
{
	int fd;

	if (hit == NULL)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, hit, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)!syscall(SYS_write, fd, what, strlen(what));
		(void)!syscall(SYS_write, fd, " ", 1);
		(void)syscall(SYS_close, fd);
	}
}

/* The store's files, and its configuration's neither: what is read before the store is another matter. */
static bool
is_store(const char *path)
{
	return strncmp(path, dir, dir_len) == 0 && strncmp(path + dir_len, "/store.db", 9) == 0;
}

static bool
is_store_fd(int fd)
{
	char place[64], found[1024];
	int errnum = errno;
	ssize_t got;

	(void)snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
	got = readlink(place, found, sizeof(found) - 1);
	errno = errnum;
	if (got <= 0)
		return false;
	found[got] = '\0';
	return is_store(found);
}

/* True: this one goes wrong, errno is set. */
static bool
strikes(enum call call, const char *what)
{
	long n;

	if (kind == NULL || (kind->calls & BIT(call)) == 0 ||
	    (until - from > 1 && (call == CALL_LOCK || call == CALL_LOCK_WAIT)))
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	if (n < from || n >= until)
		return false;
	tell_hit(what);
	errno = kind->errnum;
	return true;
}

static size_t
half(size_t len)
{
	return len > 1 ? len / 2 : len;
}

#define MOVE(call, name, type, params, args, shorter)                                                                  \
	ssize_t name params                                                                                            \
	{                                                                                                              \
		REAL(name);                                                                                            \
		if (!is_store_fd(fd) || !strikes(call, #name))                                                         \
			return real args;                                                                              \
		return kind->errnum == 0 ? real shorter : -1;                                                          \
	}
MOVE(CALL_READ, read, , (int fd, void *data, size_t len), (fd, data, len), (fd, data, half(len)))
MOVE(CALL_READ, pread, , (int fd, void *data, size_t len, off_t at), (fd, data, len, at), (fd, data, half(len), at))
MOVE(CALL_READ, pread64, , (int fd, void *data, size_t len, __off64_t at), (fd, data, len, at),
     (fd, data, half(len), at))
MOVE(CALL_WRITE, write, , (int fd, const void *data, size_t len), (fd, data, len), (fd, data, half(len)))
MOVE(CALL_WRITE, pwrite, , (int fd, const void *data, size_t len, off_t at), (fd, data, len, at),
     (fd, data, half(len), at))
MOVE(CALL_WRITE, pwrite64, , (int fd, const void *data, size_t len, __off64_t at), (fd, data, len, at),
     (fd, data, half(len), at))

#define STEP(call, name, params, ...)                                                                                  \
	int name params                                                                                                \
	{                                                                                                              \
		REAL(name);                                                                                            \
		return is_store_fd(fd) && strikes(call, #name) ? -1 : real(__VA_ARGS__);                               \
	}
STEP(CALL_SYNC, fsync, (int fd), fd)
STEP(CALL_SYNC, fdatasync, (int fd), fd)
STEP(CALL_TRUNCATE, ftruncate, (int fd, off_t len), fd, len)
STEP(CALL_TRUNCATE, ftruncate64, (int fd, __off64_t len), fd, len)

static bool
lock_strikes(int fd, int command, const struct flock *lock)
{
	bool waits = command == F_SETLKW || command == F_OFD_SETLKW;

	if (!waits && command != F_SETLK && command != F_OFD_SETLK)
		return false;
	/* Giving up a lock of a local file does not fail. */
	return lock->l_type != F_UNLCK && is_store_fd(fd) && strikes(waits ? CALL_LOCK_WAIT : CALL_LOCK, "lock");
}

#define FCNTL(name)                                                                                                    \
	int name(int fd, int command, ...)                                                                             \
	{                                                                                                              \
		va_list ap;                                                                                            \
		void *arg;                                                                                             \
                                                                                                                       \
		va_start(ap, command);                                                                                 \
		arg = va_arg(ap, void *);                                                                              \
		va_end(ap);                                                                                            \
		if (lock_strikes(fd, command, arg))                                                                    \
			return -1;                                                                                     \
		return (int)syscall(SYS_fcntl, fd, command, arg);                                                      \
	}
FCNTL(fcntl)
FCNTL(fcntl64)

static int
opened(int at, const char *path, int flags, mode_t mode)
{
	if (is_store(path) && strikes((flags & O_CREAT) != 0 ? CALL_CREATE : CALL_OPEN, "open"))
		return -1;
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

#define OPEN(name, params, at)                                                                                         \
	int name params                                                                                                \
	{                                                                                                              \
		va_list ap;                                                                                            \
		mode_t mode = 0;                                                                                       \
                                                                                                                       \
		va_start(ap, flags);                                                                                   \
		if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                              \
			mode = (mode_t)va_arg(ap, int);                                                                \
		va_end(ap);                                                                                            \
		return opened(at, path, flags, mode);                                                                  \
	}
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int dir_fd, const char *path, int flags, ...), dir_fd)
OPEN(openat64, (int dir_fd, const char *path, int flags, ...), dir_fd)

#define MMAP(name, off_type)                                                                                           \
	void *name(void *addr, size_t len, int prot, int flags, int fd, off_type at)                                   \
	{                                                                                                              \
		REAL(name);                                                                                            \
		if (fd >= 0 && is_store_fd(fd) && strikes(CALL_MAP, "mmap"))                                           \
			return MAP_FAILED;                                                                             \
		return real(addr, len, prot, flags, fd, at);                                                           \
	}
MMAP(mmap, off_t)
MMAP(mmap64, __off64_t)
