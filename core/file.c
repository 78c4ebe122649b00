/*
 * file.c - whole-file reads with a ceiling; replacement by write, fsync, rename, fsync of the directory.
 *
 * Sources: rename(2), fsync(2) ("ensure that the entry in the directory has also reached disk"), statfs(2) and
 * linux/magic.h for the file system numbers.
 * Invariant: the name PATH always holds a complete old or a complete new file.
 */
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/num.h"

#define READ_CHUNK   16384
#define TMP_ATTEMPTS 64
#define TMP_MARK     ".tmp."

static int
close_fd(int fd)
{
	/* Linux closes the descriptor even when close(2) reports EINTR; trying again could close a stranger's. */
	return fd >= 0 && close(fd) < 0 && errno != EINTR ? -1 : 0;
}

/* The directory part of path on the heap: "." for a bare name, "/" for a name in the root. */
static int
parent_of(const char *path, char **out, struct err *err)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		*out = strdup(".");
	else if (slash == path)
		*out = strdup("/");
	else
		*out = strndup(path, (size_t)(slash - path));
	return *out != NULL ? CR_OK : err_nomem(err, path);
}

/* Make the directory's entries durable.  Errors: CR_EIO. */
static int
sync_dir(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = CR_OK;

	if (fd < 0)
		return err_errno(err, CR_EIO, errno, dir);
	/* EINVAL: a file system that has nothing to sync for a directory. */
	if (fsync(fd) < 0 && errno != EINVAL)
		rc = err_errno(err, CR_EIO, errno, dir);
	(void)close_fd(fd);
	return rc;
}

static int
read_all(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	char chunk[READ_CHUNK];
	size_t total = 0;
	ssize_t got;

	for (;;) {
		got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, CR_EIO, errno, path);
		if (got == 0)
			return buf_check(out, path, err);
		if ((size_t)got > max_bytes - total)
			return err_set(err, CR_EPARSE, "%s: longer than the limit of %zu bytes", path, max_bytes);
		total += (size_t)got;
		buf_add(out, chunk, (size_t)got);
	}
}

int
file_open(const char *path, int *fd_out, struct stat *st_out, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer; it has no effect on the regular files we go on with. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc;

	if (fd < 0)
		return err_errno(err, errno == ENOENT || errno == ENOTDIR ? CR_ENOTFOUND : CR_EIO, errno, path);
	if (fstat(fd, st_out) < 0) {
		rc = err_errno(err, CR_EIO, errno, path);
		(void)close_fd(fd);
		return rc;
	}
	*fd_out = fd;
	return CR_OK;
}

int
file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	size_t old_len = out->len;
	struct stat st = {0};
	int fd = -1, rc;

	rc = file_open(path, &fd, &st, err);
	if (rc != CR_OK)
		return rc;
	if (!S_ISREG(st.st_mode)) {
		rc = err_set(err, CR_EIO, "%s: not a regular file", path);
		goto out;
	}
	if (out->max_bytes == 0 && max_bytes > BUF_MAX_DEFAULT)
		out->max_bytes = max_bytes;
	rc = read_all(fd, path, max_bytes, out, err);
	if (rc != CR_OK && out->data != NULL) {
		out->len = old_len;
		out->data[old_len] = '\0';
	}
out:
	(void)close_fd(fd);
	return rc;
}

int
file_read_stdin(size_t max_bytes, struct buf *out, struct err *err)
{
	if (out->max_bytes == 0 && max_bytes > BUF_MAX_DEFAULT)
		out->max_bytes = max_bytes;
	return read_all(STDIN_FILENO, "standard input", max_bytes, out, err);
}

static int
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		data += put;
		len -= (size_t)put;
	}
	return 0;
}

/*
 * Create PATH.tmp.PID.N.  A name that exists is passed over, never reused: in two containers that share a volume the same
 * PID may be a living writer.
 */
static int
make_temporary(const char *path, char **name_out, int *fd_out, struct err *err)
{
	static atomic_uint counter;
	char *name = NULL;
	int fd, errnum;

	for (int i = 0; i < TMP_ATTEMPTS; i++) {
		if (asprintf(&name, "%s" TMP_MARK "%ld.%u", path, (long)getpid(), atomic_fetch_add(&counter, 1)) < 0)
			return err_nomem(err, path);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0) {
			*name_out = name;
			*fd_out = fd;
			return CR_OK;
		}
		errnum = errno;
		free(name);
		if (errnum != EEXIST)
			return err_errno(err, CR_EIO, errnum, path);
	}
	return err_set(err, CR_EIO, "%s: too many left-over temporary files beside it", path);
}

/* Owner first: chown(2) may clear mode bits.  Both before the first byte, so that no wrong reader ever has a chance. */
static int
fill_temporary(int fd, const void *data, size_t len, mode_t mode, struct file_owner owner)
{
	if ((owner.uid != (uid_t)-1 || owner.gid != (gid_t)-1) && fchown(fd, owner.uid, owner.gid) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return -1;
	if (write_all(fd, data, len) < 0)
		return -1;
	return fsync(fd);
}

/*
 * Give tmp the name path, which must not exist.  0, or -1 with errno.  By rename where that can be told not to replace: a process
 * killed between link and unlink leaves the file, perhaps a key, under a second name.
 */
static int
name_new(const char *tmp, const char *path)
{
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	/* NFS and some FUSE file systems know no flags. */
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return link(tmp, path) == 0 ? unlink(tmp) : -1;
}

static int
put_file(const char *path, bool must_be_new, const void *data, size_t len, mode_t mode, struct file_owner owner,
         struct err *err)
{
	char *dir = NULL;
	char *tmp = NULL;
	int fd = -1;
	int failed, rc;

	rc = parent_of(path, &dir, err);
	if (rc != CR_OK)
		goto out;
	rc = make_temporary(path, &tmp, &fd, err);
	if (rc != CR_OK)
		goto out;
	if (fill_temporary(fd, data, len, mode, owner) < 0) {
		rc = err_errno(err, CR_EIO, errno, path);
		goto out;
	}
	/* A delayed write error (NFS, quota) may show only here. */
	failed = close_fd(fd);
	fd = -1;
	if (failed == 0)
		failed = must_be_new ? name_new(tmp, path) : rename(tmp, path);
	if (failed != 0) {
		rc = err_errno(err, must_be_new && errno == EEXIST ? CR_ECONFLICT : CR_EIO, errno, path);
		goto out;
	}
	free(TAKE(tmp));
	rc = sync_dir(dir, err);
out:
	(void)close_fd(fd);
	if (tmp != NULL)
		(void)unlink(tmp);
	free(tmp);
	free(dir);
	return rc;
}

int
file_replace(const char *path, const void *data, size_t len, mode_t mode, struct file_owner owner, struct err *err)
{
	return put_file(path, false, data, len, mode, owner, err);
}

int
file_create(const char *path, const void *data, size_t len, mode_t mode, struct file_owner owner, struct err *err)
{
	return put_file(path, true, data, len, mode, owner, err);
}

/* Is tail "PID.N" of a process that no longer runs? */
static bool
is_left_over(const char *tail)
{
	char pid_text[24];
	size_t pid_len = strcspn(tail, ".");
	int64_t pid, n;

	if (pid_len >= sizeof(pid_text) || tail[pid_len] != '.')
		return false;
	memcpy(pid_text, tail, pid_len);
	pid_text[pid_len] = '\0';
	if (num_parse(pid_text, 1, INT32_MAX, &pid, NULL) != CR_OK ||
	    num_parse(tail + pid_len + 1, 0, UINT32_MAX, &n, NULL) != CR_OK)
		return false;
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void
file_sweep(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	size_t base_len = strlen(base);
	char *dir = NULL;
	DIR *d = NULL;

	if (parent_of(path, &dir, NULL) != CR_OK)
		goto out;
	d = opendir(dir);
	if (d == NULL)
		goto out;
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		const char *tail = e->d_name + base_len;

		if (strncmp(e->d_name, base, base_len) != 0 || strncmp(tail, TMP_MARK, strlen(TMP_MARK)) != 0)
			continue;
		if (is_left_over(tail + strlen(TMP_MARK)))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
out:
	if (d != NULL)
		(void)closedir(d);
	free(dir);
}

int
file_remove(const char *path, struct err *err)
{
	char *dir = NULL;
	struct stat st;
	int rc;

	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_errno(err, CR_EIO, errno, path);
	rc = parent_of(path, &dir, err);
	/* Synced even when the file was gone: whoever removed it may have been cut off before its own sync. */
	if (rc == CR_OK && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		rc = sync_dir(dir, err);
	free(dir);
	return rc;
}

/* One directory, its entry durable in its parent.  There already is success; a plain file of that name is not. */
static int
make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	char *parent = NULL;
	int rc;

	if (mkdir(path, mode) < 0) {
		if (errno != EEXIST)
			return err_errno(err, CR_EIO, errno, path);
		if (stat(path, &st) < 0)
			return err_errno(err, CR_EIO, errno, path);
		return S_ISDIR(st.st_mode) ? CR_OK : err_errno(err, CR_EIO, ENOTDIR, path);
	}
	rc = parent_of(path, &parent, err);
	if (rc == CR_OK)
		rc = sync_dir(parent, err);
	free(parent);
	return rc;
}

int
file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	char *part = strdup(path);
	int rc = CR_OK;

	if (part == NULL)
		return err_nomem(err, path);
	/* Trailing slashes would make a last, empty component. */
	for (size_t len = strlen(part); len > 1 && part[len - 1] == '/'; len--)
		part[len - 1] = '\0';
	for (char *p = part; *p != '\0' && rc == CR_OK; p++) {
		if (*p != '/' || p == part || p[-1] == '/')
			continue;
		*p = '\0';
		rc = make_dir(part, mode, err);
		*p = '/';
	}
	if (rc == CR_OK)
		rc = make_dir(part, mode, err);
	free(part);
	return rc;
}

int
file_join(const char *dir, const char *name, char **out, struct err *err)
{
	size_t len = strlen(dir);
	const char *between = len > 0 && dir[len - 1] == '/' ? "" : "/";
	char *path;

	if (asprintf(&path, "%s%s%s", dir, between, name) < 0)
		return err_nomem(err, name);
	*out = path;
	return CR_OK;
}

int
file_check_private(const char *path, const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, CR_ECONFIG, "%s: not a regular file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, CR_ECONFIG, "%s: owned by user %ld, not by root or us: chown %ld '%s'", path,
		               (long)st->st_uid, (long)geteuid(), path);
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_set(err, CR_ECONFIG, "%s: open to other users (mode %04o): chmod 600 '%s'", path,
		               (unsigned)(st->st_mode & 07777U), path);
	return CR_OK;
}

/* Release 14 of the formatter would indent this table by turns with tabs and blanks. */
/* clang-format off */
static const struct {
	uint32_t magic;
	const char *name;
} network_types[] = {
	{0x00006969, "nfs"   },
	{0x0000517b, "smb"   },
	{0xff534d42, "cifs"  },
	{0xfe534d42, "smb2"  },
	{0x5346414f, "afs"   },
	{0x6b414653, "afs"   },
	{0x73757245, "coda"  },
	{0x0000564c, "ncp"   },
	{0x00c36400, "ceph"  },
	{0x01161970, "gfs2"  },
	{0x7461636f, "ocfs2" },
	{0x0bd00bd0, "lustre"},
	{0x47504653, "gpfs"  },
	{0x19830326, "beegfs"},
	{0x20030528, "pvfs2" },
	{0x786f4256, "vboxsf"},
};
/* clang-format on */

bool
file_is_on_network(const char *path, const char **name_out)
{
	const char *name = NULL;
	char *dir = NULL;
	struct statfs fs;
	int got = statfs(path, &fs);

	/* A file that is about to be made lies where its directory does. */
	if (got < 0 && errno == ENOENT && parent_of(path, &dir, NULL) == CR_OK)
		got = statfs(dir, &fs);
	free(dir);
	for (size_t i = 0; got == 0 && i < ARRAY_LEN(network_types); i++)
		if ((uint32_t)fs.f_type == network_types[i].magic)
			name = network_types[i].name;
	if (name_out != NULL)
		*name_out = name;
	return name != NULL;
}
