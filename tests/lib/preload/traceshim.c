/*
 * traceshim.c - preloaded into a program under test, writes down in order what it does to the files of one directory, and what it
 * says and hears: the material from which tests/proof/powercut.py makes the disks that a power cut may leave.
 *
 *   LD_PRELOAD=build/debug/traceshim.so TRACE_DIR=/tmp/x TRACE_FILE=/tmp/trace TRACE_TAG='check anna' coldrelay check ...
 *
 * A record: kind 1, process 4, file descriptor 4, offset 8, length of name 2, length of data 4 bytes, little-endian, then name and data.
 *   P program started (data: TRACE_TAG)    O file made       w bytes written       t file cut or grown to offset
 *   u unlinked    r renamed (data: new)    b a sync begins (offset: thread)    s it is done
 *   e it failed: what it was to write is lost or kept, for good
 *   A bytes that are about to leave by a socket, or standard output flushed      R bytes that arrived by a socket      C socket closed
 * Each but a sync and its record are one step under a lock, over all processes, so the order in the trace is the order on the disk;
 * what leaves is written down before it leaves.  Files below TRACE_DIR's subdirectories are left out, and so is what is written
 * through a mapping: only the index of the write-ahead log is, which does not outlive a power cut.
 *
 * TRACE_KILL_SYNC=N: SIGKILL in the place of the N-th sync of a file.  TRACE_FAIL_SYNC=N: it fails, once, and syncs nothing.
 * TRACE_SLOW_SYNC=N: each takes N microseconds longer.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int trace = -1;
static char dir[512];
static size_t dir_len;
static long kill_sync, fail_sync, slow_us, syncs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* The function of that name behind ours.  ISO C has no conversion from an object pointer: the bytes are copied. */
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

static void
lock(void)
{
	(void)pthread_mutex_lock(&mutex);
	while (flock(trace, LOCK_EX) != 0 && errno == EINTR)
		continue;
}

/* errno stays: it belongs to the operation. */
static void
unlock(void)
{
	int errnum = errno;

	(void)flock(trace, LOCK_UN);
	(void)pthread_mutex_unlock(&mutex);
	errno = errnum;
}

static char *
put(char *p, uint64_t v, int bytes)
{
	for (; bytes > 0; bytes--, v >>= 8)
		*p++ = (char)(v & 0xff);
	return p;
}

static void
record(char kind, int fd, uint64_t at, const char *name, const void *data, size_t len)
{
	char head[23], *p = head;
	struct iovec parts[3];
	int errnum = errno;

	*p++ = kind;
	p = put(p, (uint64_t)getpid(), 4);
	p = put(p, (uint64_t)(uint32_t)fd, 4);
	p = put(p, at, 8);
	p = put(p, strlen(name), 2);
	(void)put(p, len, 4);
	parts[0] = (struct iovec){head, sizeof(head)};
	parts[1] = (struct iovec){(void *)(uintptr_t)name, strlen(name)};
	parts[2] = (struct iovec){(void *)(uintptr_t)data, len};
	if (syscall(SYS_writev, trace, parts, 3) != (ssize_t)(sizeof(head) + parts[1].iov_len + len))
		abort();
	errno = errnum;
}

__attribute__((constructor)) static void
start(void)
{
	const char *file = getenv("TRACE_FILE"), *root = getenv("TRACE_DIR"), *tag = getenv("TRACE_TAG");
	const char *kill_text = getenv("TRACE_KILL_SYNC"), *fail_text = getenv("TRACE_FAIL_SYNC");
	const char *slow_text = getenv("TRACE_SLOW_SYNC");

	(void)unsetenv("LD_PRELOAD");
	if (file == NULL || root == NULL || strlen(root) >= sizeof(dir))
		return;
	(void)snprintf(dir, sizeof(dir), "%s", root);
	dir_len = strlen(dir);
	kill_sync = kill_text != NULL ? strtol(kill_text, NULL, 10) : 0;
	fail_sync = fail_text != NULL ? strtol(fail_text, NULL, 10) : 0;
	slow_us = slow_text != NULL ? strtol(slow_text, NULL, 10) : 0;
	trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (trace < 0)
		abort();
	lock();
	record('P', 0, 0, "", tag != NULL ? tag : "", tag != NULL ? strlen(tag) : 0);
	unlock();
}

/* ---- which file is meant ---- */

struct target {
	enum { ELSEWHERE, STORE_FILE, SOCKET } kind;
	char name[256]; /* below the directory; "." is itself */
};

static bool
below(const char *path, char name[256])
{
	const char *rest;

	if (trace < 0 || strncmp(path, dir, dir_len) != 0)
		return false;
	rest = path + dir_len;
	if (*rest != '\0' && *rest != '/')
		return false;
	while (*rest == '/')
		rest++;
	if (strchr(rest, '/') != NULL || strlen(rest) > 255)
		return false;
	(void)snprintf(name, 256, "%s", *rest == '\0' ? "." : rest);
	return true;
}

static struct target
target_of(int fd)
{
	struct target t = {.kind = ELSEWHERE};
	char place[64], found[1024];
	int errnum = errno;
	ssize_t got;

	if (trace < 0)
		return t;
	(void)snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
	got = readlink(place, found, sizeof(found) - 1);
	errno = errnum;
	if (got <= 0)
		return t;
	found[got] = '\0';
	if (strncmp(found, "socket:", 7) == 0)
		t.kind = SOCKET;
	else if (below(found, t.name))
		t.kind = STORE_FILE;
	return t;
}

/* Of a path as the program gives it, which may be relative. */
static bool
names(const char *path, char name[256])
{
	char full[1024], cwd[512];

	if (trace < 0)
		return false;
	if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		return below(path, name);
	(void)snprintf(full, sizeof(full), "%s/%s", cwd, path);
	return below(full, name);
}

static void
told(char kind, int fd, const void *data, size_t len)
{
	lock();
	record(kind, fd, 0, "", data, len);
	unlock();
}

/* ---- writing ---- */

static uint64_t
place_of(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags >= 0 && (flags & O_APPEND) != 0 && fstat(fd, &st) == 0)
		return (uint64_t)st.st_size;
	return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

static ssize_t
traced_write(int fd, const void *data, size_t len, int64_t at, ssize_t (*real)(int, const void *, size_t),
             ssize_t (*real_at)(int, const void *, size_t, off_t))
{
	struct target t = target_of(fd);
	ssize_t put_bytes;

	if (t.kind == SOCKET || (fd == 1 && trace >= 0))
		told('A', fd, data, len);
	if (t.kind != STORE_FILE)
		return at >= 0 ? real_at(fd, data, len, at) : real(fd, data, len);
	lock();
	if (at < 0) {
		at = (int64_t)place_of(fd);
		put_bytes = real(fd, data, len);
	} else {
		put_bytes = real_at(fd, data, len, at);
	}
	if (put_bytes > 0)
		record('w', fd, (uint64_t)at, t.name, data, (size_t)put_bytes);
	unlock();
	return put_bytes;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	REAL(write);
	return traced_write(fd, data, len, -1, real, NULL);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	REAL(pwrite);
	return traced_write(fd, data, len, at, NULL, real);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, __off64_t at)
{
	REAL(pwrite64);
	return traced_write(fd, data, len, at, NULL, real);
}

/* In parts: each is a record of its own, and what is written is the same. */
ssize_t
writev(int fd, const struct iovec *parts, int n)
{
	struct target t = target_of(fd);
	ssize_t sum = 0;
	REAL(writev);

	if (t.kind == ELSEWHERE && fd != 1)
		return real(fd, parts, n);
	for (int i = 0; i < n; i++) {
		ssize_t got = write(fd, parts[i].iov_base, parts[i].iov_len);

		if (got < 0)
			return sum > 0 ? sum : got;
		sum += got;
		if ((size_t)got < parts[i].iov_len)
			break;
	}
	return sum;
}

static int
traced_truncate(int fd, off_t len, int (*real)(int, off_t))
{
	struct target t = target_of(fd);
	int rc;

	if (t.kind != STORE_FILE)
		return real(fd, len);
	lock();
	rc = real(fd, len);
	if (rc == 0)
		record('t', fd, (uint64_t)len, t.name, NULL, 0);
	unlock();
	return rc;
}

int
ftruncate(int fd, off_t len)
{
	REAL(ftruncate);
	return traced_truncate(fd, len, real);
}

int
ftruncate64(int fd, __off64_t len)
{
	REAL(ftruncate64);
	return traced_truncate(fd, len, real);
}

/* Only what was written before it begins is promised: beginning and end are two records of one thread, and others write in between. */
static int
traced_sync(int fd, int (*real)(int))
{
	struct target t = target_of(fd);
	uint64_t thread = (uint64_t)syscall(SYS_gettid);
	bool is_file = strcmp(t.name, ".") != 0, fails;
	int rc;

	if (t.kind != STORE_FILE)
		return real(fd);
	lock();
	syncs += is_file;
	if (is_file && syncs == kill_sync)
		(void)kill(getpid(), SIGKILL);
	fails = is_file && syncs == fail_sync;
	record('b', fd, thread, t.name, NULL, 0);
	unlock();
	if (is_file && slow_us > 0)
		(void)usleep((useconds_t)slow_us);
	rc = fails ? -1 : real(fd);
	if (fails)
		errno = EIO;
	lock();
	record(rc == 0 ? 's' : 'e', fd, thread, t.name, NULL, 0);
	unlock();
	return rc;
}

int
fsync(int fd)
{
	REAL(fsync);
	return traced_sync(fd, real);
}

int
fdatasync(int fd)
{
	REAL(fdatasync);
	return traced_sync(fd, real);
}

/* ---- names ---- */

static int
traced_open(int at, const char *path, int flags, mode_t mode)
{
	char name[256];
	struct stat st;
	bool is_new, is_ours = (flags & (O_CREAT | O_TRUNC)) != 0 && names(path, name);
	int fd;

	if (!is_ours)
		return (int)syscall(SYS_openat, at, path, flags, mode);
	lock();
	is_new = fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) != 0;
	fd = (int)syscall(SYS_openat, at, path, flags, mode);
	if (fd >= 0 && is_new)
		record('O', fd, 0, name, NULL, 0);
	else if (fd >= 0 && (flags & O_TRUNC) != 0 && st.st_size > 0)
		record('t', fd, 0, name, NULL, 0);
	unlock();
	return fd;
}

static mode_t
mode_from(int flags, va_list ap)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(ap, int) : 0;
}

#define OPEN(name)                                                                                                     \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		va_list ap;                                                                                            \
		mode_t mode;                                                                                           \
                                                                                                                       \
		va_start(ap, flags);                                                                                   \
		mode = mode_from(flags, ap);                                                                           \
		va_end(ap);                                                                                            \
		return traced_open(AT_FDCWD, path, flags, mode);                                                       \
	}
#define OPENAT(name)                                                                                                   \
	int name(int at, const char *path, int flags, ...)                                                             \
	{                                                                                                              \
		va_list ap;                                                                                            \
		mode_t mode;                                                                                           \
                                                                                                                       \
		va_start(ap, flags);                                                                                   \
		mode = mode_from(flags, ap);                                                                           \
		va_end(ap);                                                                                            \
		return traced_open(at, path, flags, mode);                                                             \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int
unlink(const char *path)
{
	char name[256];
	bool is_ours = names(path, name);
	int rc;
	REAL(unlink);

	if (!is_ours)
		return real(path);
	lock();
	rc = real(path);
	if (rc == 0)
		record('u', 0, 0, name, NULL, 0);
	unlock();
	return rc;
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char old[256], new[256];
	bool is_ours = from_dir == AT_FDCWD && to_dir == AT_FDCWD && names(from, old) && names(to, new);
	int rc;

	if (!is_ours)
		return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	lock();
	rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (rc == 0)
		record('r', 0, 0, old, new, strlen(new));
	unlock();
	return rc;
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
link(const char *from, const char *to)
{
	char old[256], new[256];
	bool is_ours = names(from, old) && names(to, new);
	int rc;
	REAL(link);

	lock();
	rc = real(from, to);
	if (rc == 0 && is_ours)
		record('l', 0, 0, old, new, strlen(new));
	unlock();
	return rc;
}

/* ---- what is said and heard ---- */

static ssize_t
heard(int fd, const void *data, ssize_t got)
{
	if (got > 0 && target_of(fd).kind == SOCKET)
		told('R', fd, data, (size_t)got);
	return got;
}

ssize_t
read(int fd, void *data, size_t len)
{
	REAL(read);
	return heard(fd, data, real(fd, data, len));
}

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	REAL(recv);
	return heard(fd, data, real(fd, data, len, flags));
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	REAL(send);
	if (trace >= 0)
		told('A', fd, data, len);
	return real(fd, data, len, flags);
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL(sendmsg);
	for (size_t i = 0; trace >= 0 && i < m->msg_iovlen; i++)
		told('A', fd, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
	return real(fd, m, flags);
}

/* What the program prints goes through the C library's own write, which nobody can stand before: the moment alone is noted. */
int
fflush(FILE *f)
{
	REAL(fflush);
	if (trace >= 0 && f == stdout)
		told('A', 1, NULL, 0);
	return real(f);
}

int
close(int fd)
{
	REAL(close);
	if (trace >= 0 && fd != trace && target_of(fd).kind == SOCKET)
		told('C', fd, NULL, 0);
	return real(fd);
}
