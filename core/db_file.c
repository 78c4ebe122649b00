/*
 * db_file.c - what is refused before SQLite sees the file, and the register of who has it open.
 *
 * Sources: sqlite.org/howtocorrupt.html (read 2026-11), sections 2.1 (locks that do not work: network file systems), 2.4 and 2.5
 * (several names for one file), 1.4 (a log that is parted from its database).
 */
#include "core/db_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"

static int
sync_directory_of(const char *path, struct err *err)
{
	char *dir = strdup(path), *slash;
	int fd = -1, rc = CR_OK;

	if (dir == NULL)
		return err_nomem(err, "store path");
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir] = '\0';
	fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		rc = err_errno(err, CR_ESTORE, errno, dir);
	if (fd >= 0)
		(void)close(fd);
	free(dir);
	return rc;
}

/* Make the empty file, so that it never exists with another mode; a second process that does the same is no error. */
static int
create_empty(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return CR_OK;
	if (fd < 0)
		return err_errno(err, errno == ENOENT ? CR_ECONFIG : CR_ESTORE, errno, path);
	(void)close(fd);
	return sync_directory_of(path, err);
}

/* Each byte again: a page that the kernel gave up on after a failed sync counts as written, and only becomes dirty by a new write. */
static int
write_again(int fd)
{
	uint8_t block[65536];
	off_t at = 0;

	for (;;) {
		ssize_t got = pread(fd, block, sizeof(block), at), put;

		if (got == 0)
			return fdatasync(fd);
		put = got > 0 ? pwrite(fd, block, (size_t)got, at) : -1;
		if (put < 0 && errno != EINTR)
			return -1;
		at += put > 0 ? put : 0;
	}
}

int
db_file_settle(const char *path, struct err *err)
{
	struct buf log = {0};
	int fd = -1, rc;

	buf_addf(&log, "%s-wal", path);
	rc = buf_check(&log, "store path", err);
	if (rc != CR_OK)
		goto out;
	fd = open(buf_str(&log), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		goto out;
	if (fd < 0 || write_again(fd) != 0)
		rc = err_errno(err, CR_ESTORE, errno, buf_str(&log));
	else
		rc = sync_directory_of(path, err);
out:
	if (fd >= 0)
		(void)close(fd);
	buf_release(&log);
	return rc;
}

static int
check_file(const char *path, struct err *err)
{
	const char *network;
	struct stat st;
	int rc;

	if (file_is_on_network(path, &network))
		return err_set(err, CR_ECONFIG,
		               "store '%s' is on a network file system (%s), where locks are not reliable", path,
		               network != NULL ? network : "unknown");
	if (stat(path, &st) != 0)
		return err_errno(err, CR_ESTORE, errno, path);
	rc = file_check_private(path, &st, err);
	if (rc != CR_OK)
		return rc;
	if (st.st_nlink > 1)
		return err_set(err, CR_ECONFIG,
		               "store '%s' has %lu names (hard links): under each it would get a log of its own", path,
		               (unsigned long)st.st_nlink);
	return CR_OK;
}

int
db_file_find(const char *path, enum db_mode mode, char **path_out, struct err *err)
{
	char *real = NULL;
	int rc = CR_OK;

	if (mode == DB_CREATE && access(path, F_OK) != 0) {
		rc = create_empty(path, err);
		if (rc != CR_OK)
			goto out;
	}
	real = realpath(path, NULL);
	if (real == NULL && errno == ENOENT)
		rc = err_set(err, CR_ENOTFOUND, "no store at '%s': 'coldrelay provision' makes it", path);
	else if (real == NULL)
		rc = err_errno(err, CR_ESTORE, errno, path);
	else
		rc = check_file(real, err);
	if (rc == CR_OK)
		*path_out = TAKE(real);
out:
	free(real);
	return rc;
}

bool
db_file_is_still(const char *path)
{
	char dir[PATH_MAX], log[PATH_MAX];
	struct stat st;
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir) ||
	    snprintf(log, sizeof(log), "%s-wal", path) >= (int)sizeof(log))
		return false;
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return false;
	slash[slash == dir] = '\0';
	return access(dir, W_OK) != 0 && stat(log, &st) != 0 && errno == ENOENT;
}

/* Bytes of STORE.open: locks, and marks of "!" that outlive whoever holds them. */
enum presence_byte {
	BYTE_OPEN,     /* shared by all who have it open; marked: somebody has it open */
	BYTE_UNSYNCED, /* marked: somebody's sync failed since the log was last written again; whoever leaves in order must not wipe that out */
	BYTE_LATER,    /* held and marked: somebody's commits are seen, and not synced yet */
	BYTE__COUNT,
};

static int
set_lock(int fd, enum presence_byte byte, int command, short type)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	int rc;

	do
		rc = fcntl(fd, command, &fl);
	while (rc != 0 && errno == EINTR);
	return rc;
}

static bool
put_mark(int fd, enum presence_byte at, const char *mark)
{
	ssize_t put;

	do
		put = pwrite(fd, mark, 1, (off_t)at);
	while (put < 0 && errno == EINTR);
	return put > 0;
}

/* What cannot be read counts as marked.  A file that another version made may hold anything behind its first byte: "!" only is ours. */
static bool
is_loose(int fd)
{
	char marks[BYTE__COUNT] = {0};
	ssize_t got;

	do
		got = pread(fd, marks, sizeof(marks), 0);
	while (got < 0 && errno == EINTR);
	return got < 0 || marks[BYTE_UNSYNCED] == '!' || marks[BYTE_LATER] == '!';
}

/* Until no commit is seen that waits for its sync: the store's lock is held, so none comes after these. */
static int
wait_synced(int fd, const struct clock *clock, int64_t wait_ms)
{
	const int64_t until_ms = clock_boot_ms(clock) + wait_ms;

	while (set_lock(fd, BYTE_LATER, F_OFD_SETLK, F_RDLCK) != 0) {
		if (errno != EAGAIN && errno != EACCES)
			return CR_EIO;
		if (clock_boot_ms(clock) >= until_ms)
			return CR_ERETRY;
		clock_sleep_ms(clock, 1);
	}
	(void)set_lock(fd, BYTE_LATER, F_OFD_SETLK, F_UNLCK);
	return CR_OK;
}

/*
 * The file is not empty while somebody has the store open.  Who gets the exclusive lock is alone: what stands in it then was
 * left by a process that was killed, or by a power cut.  Beside others only the marks of what is not synced count.
 */
static int
enter(struct db_presence *p, const struct clock *clock, int64_t wait_ms, bool *unclean_out)
{
	struct stat st;
	int rc = CR_OK;

	if (set_lock(p->fd, BYTE_OPEN, F_OFD_SETLK, F_WRLCK) == 0) {
		if (fstat(p->fd, &st) == 0 && st.st_size > 0)
			*unclean_out = true;
		else if (!put_mark(p->fd, BYTE_OPEN, "!"))
			rc = CR_EIO;
	}
	/* Waits at most for somebody who is just leaving. */
	if (rc == CR_OK && set_lock(p->fd, BYTE_OPEN, F_OFD_SETLKW, F_RDLCK) != 0)
		rc = CR_EIO;
	if (rc == CR_OK)
		rc = wait_synced(p->fd, clock, wait_ms);
	if (rc == CR_OK)
		*unclean_out = *unclean_out || is_loose(p->fd);
	return rc;
}

int
db_presence_enter(struct db_presence *p, const char *store, const struct clock *clock, int64_t wait_ms,
                  bool *unclean_out, struct err *err)
{
	struct buf path = {0};
	int rc;

	buf_addf(&path, "%s.open", store);
	rc = buf_check(&path, "store path", err);
	if (rc != CR_OK)
		goto out;
	*unclean_out = false;
	p->fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = p->fd < 0 ? CR_EIO : enter(p, clock, wait_ms, unclean_out);
	if (rc == CR_ERETRY)
		rc = err_set(err, rc, "%s: another process's sync takes too long", buf_str(&path));
	else if (rc != CR_OK)
		rc = err_errno(err, rc, errno, buf_str(&path));
out:
	buf_release(&path);
	if (rc != CR_OK && p->fd >= 0) {
		(void)close(p->fd);
		p->fd = -1;
	}
	return rc;
}

bool
db_presence_is_alone(const struct db_presence *p)
{
	bool alone = p->fd >= 0 && set_lock(p->fd, BYTE_OPEN, F_OFD_SETLK, F_WRLCK) == 0;

	/* Back to where one can be joined. */
	if (alone)
		(void)!set_lock(p->fd, BYTE_OPEN, F_OFD_SETLK, F_RDLCK);
	return alone;
}

void
db_presence_settled(struct db_presence *p)
{
	/* At worst the next one settles it once more. */
	(void)!ftruncate(p->fd, BYTE_OPEN + 1);
}

bool
db_presence_defer(struct db_presence *p)
{
	if (p->fd < 0 || set_lock(p->fd, BYTE_LATER, F_OFD_SETLK, F_WRLCK) != 0)
		return false;
	/* A mark that stands is another's, and not ours to take away. */
	if (!is_loose(p->fd) && put_mark(p->fd, BYTE_LATER, "!"))
		return true;
	(void)set_lock(p->fd, BYTE_LATER, F_OFD_SETLK, F_UNLCK);
	return false;
}

void
db_presence_synced(struct db_presence *p)
{
	(void)!put_mark(p->fd, BYTE_LATER, "");
	(void)set_lock(p->fd, BYTE_LATER, F_OFD_SETLK, F_UNLCK);
}

void
db_presence_leave(struct db_presence *p, bool clean)
{
	if (p->fd < 0)
		return;
	if (!clean)
		(void)!put_mark(p->fd, BYTE_UNSYNCED, "!");
	/* Not the last, or not writable: at worst the next one checks once too often. */
	else if (set_lock(p->fd, BYTE_OPEN, F_OFD_SETLK, F_WRLCK) == 0 && !is_loose(p->fd) && ftruncate(p->fd, 0) != 0)
		(void)set_lock(p->fd, BYTE_OPEN, F_OFD_SETLK, F_RDLCK);
	(void)close(p->fd);
	p->fd = -1;
}
