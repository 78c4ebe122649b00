/*
 * lock.c - two bytes of one file: the lock, and the turnstile in front of it.
 *
 * Sources: fcntl(2) "Open file description locks".
 *
 * The kernel has no OFD lock with a deadline, so waiting is polling; polling alone would let a process that gives and takes in
 * a loop starve the others.  Whoever wants the lock first takes the turn byte and keeps it until it has the lock: the one that
 * waits longest at the front is next, because the holder itself has to queue behind it.
 *
 * An operator may remove a lock file that looks left over.  A lock on the removed file excludes nobody, so after taking it the
 * path is looked at again and opened anew when it names another file.
 */
#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_FIRST_MS 1
#define POLL_LAST_MS  8
#define HOLDER_MAX    160

enum lock_byte { BYTE_LOCK = 0, BYTE_TURN = 1 };

struct lock {
	int fd; /* -1: not open */
	bool held;
	bool named; /* the holder's text stands in the file */
	char path[];
};

/* 0 or errno. */
static int
set_byte(int fd, enum lock_byte byte, short type)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};

	int rc;

	do
		rc = fcntl(fd, F_OFD_SETLK, &fl);
	while (rc != 0 && errno == EINTR);
	return rc == 0 ? 0 : errno;
}

static int
open_file(struct lock *l, struct err *err)
{
	struct stat st;

	l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (l->fd < 0 || fstat(l->fd, &st) != 0)
		return err_errno(err, CR_EIO, errno, l->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, CR_EIO, "%s: not a regular file", l->path);
	return CR_OK;
}

int
lock_open(const char *path, struct lock **out, struct err *err)
{
	size_t size = strlen(path) + 1;
	struct lock *l = malloc(sizeof(*l) + size);
	int rc;

	if (l == NULL)
		return err_nomem(err, "lock");
	*l = (struct lock){.fd = -1};
	memcpy(l->path, path, size);
	rc = open_file(l, err);
	if (rc != CR_OK)
		goto out;
	*out = TAKE(l);
out:
	lock_drop(&l);
	return rc;
}

void
lock_drop(struct lock **l)
{
	if (*l == NULL)
		return;
	lock_give(*l);
	if ((*l)->fd >= 0)
		(void)close((*l)->fd);
	free(*l);
	*l = NULL;
}

/* Poll for one byte until it is ours (CR_OK) or the time is over (CR_ERETRY, without text). */
static int
wait_byte(struct lock *l, enum lock_byte byte, const struct clock *clock, int64_t until_ms, struct err *err)
{
	for (int64_t step = POLL_FIRST_MS;; step = step < POLL_LAST_MS ? step * 2 : POLL_LAST_MS) {
		int errnum = set_byte(l->fd, byte, F_WRLCK);
		int64_t left;

		if (errnum == 0)
			return CR_OK;
		if (errnum != EAGAIN && errnum != EACCES)
			return err_errno(err, CR_EIO, errnum, l->path);
		left = until_ms - clock_boot_ms(clock);
		if (left <= 0)
			return CR_ERETRY;
		clock_sleep_ms(clock, left < step ? left : step);
	}
}

/* Through the turnstile to the lock. */
static int
wait_turn(struct lock *l, const struct clock *clock, int64_t until_ms, struct err *err)
{
	int rc = wait_byte(l, BYTE_TURN, clock, until_ms, err);

	if (rc != CR_OK)
		return rc;
	rc = wait_byte(l, BYTE_LOCK, clock, until_ms, err);
	(void)set_byte(l->fd, BYTE_TURN, F_UNLCK);
	return rc;
}

/* "held by 4711 (provision) for 12 s", as far as the holder said. */
static int
report_holder(const struct lock *l, const struct clock *clock, struct err *err)
{
	char text[HOLDER_MAX] = "";
	struct stat st;
	int64_t held_s;
	char *what;
	ssize_t got = pread(l->fd, text, sizeof(text) - 1, 0);

	if (got <= 0 || fstat(l->fd, &st) != 0)
		return err_set(err, CR_ERETRY, "%s: held by another process", l->path);
	text[strcspn(text, "\n")] = '\0';
	held_s = clock_wall_s(clock) - (int64_t)st.st_mtime;
	what = strchr(text, ' ');
	if (what != NULL)
		*what++ = '\0';
	return err_set(err, CR_ERETRY, "%s: held by %s (%s) for %lld s", l->path, text, what != NULL ? what : "?",
	               (long long)(held_s > 0 ? held_s : 0));
}

/* True when the path still names the file that is locked. */
static bool
is_current(const struct lock *l)
{
	struct stat mine, named;

	return fstat(l->fd, &mine) == 0 && lstat(l->path, &named) == 0 && mine.st_ino == named.st_ino &&
	       mine.st_dev == named.st_dev;
}

/* Say who holds it; without a name, remove what a killed holder left.  It only informs, so failing to write it is no failure. */
static void
sign(struct lock *l, const char *what)
{
	char text[HOLDER_MAX];
	struct stat st;
	int len;

	l->named = what != NULL;
	if (what == NULL && (fstat(l->fd, &st) != 0 || st.st_size == 0))
		return;
	if (ftruncate(l->fd, 0) != 0 || what == NULL)
		return;
	len = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(), what);
	if (len >= (int)sizeof(text))
		len = (int)sizeof(text) - 1;
	l->named = pwrite(l->fd, text, (size_t)len, 0) == len;
}

int
lock_take(struct lock *l, const struct clock *clock, int64_t deadline_ms, const char *what, struct err *err)
{
	int64_t until_ms = clock_boot_ms(clock) + deadline_ms;
	int rc;

	if (l->held)
		return err_set(err, CR_EBUG, "%s: taken twice", l->path);
	for (;;) {
		if (l->fd < 0 && (rc = open_file(l, err)) != CR_OK)
			return rc;
		rc = wait_turn(l, clock, until_ms, err);
		if (rc == CR_ERETRY)
			return report_holder(l, clock, err);
		if (rc != CR_OK)
			return rc;
		if (is_current(l))
			break;
		(void)close(l->fd);
		l->fd = -1;
	}
	l->held = true;
	sign(l, what);
	return CR_OK;
}

void
lock_give(struct lock *l)
{
	if (l == NULL || !l->held)
		return;
	/* A name that stays behind is removed by the next holder. */
	if (l->named && ftruncate(l->fd, 0) == 0)
		l->named = false;
	(void)set_byte(l->fd, BYTE_LOCK, F_UNLCK);
	l->held = false;
}
