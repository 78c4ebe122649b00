/*
 * file.h - files read whole with a ceiling, and replaced atomically and durably.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "core/buf.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Read all of path, at most max_bytes.  Refuses what is not a regular file.
 * Errors: CR_ENOTFOUND (no such file), CR_EIO, CR_EPARSE (too long), CR_ENOMEM.
 */
MUST_CHECK int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);

/* The same of standard input, whatever that is. */
MUST_CHECK int file_read_stdin(size_t max_bytes, struct buf *out, struct err *err);

/* Open for reading and see what it is; the caller closes.  A FIFO is not waited for.  Errors: CR_ENOTFOUND (no such file), CR_EIO. */
MUST_CHECK int file_open(const char *path, int *fd_out, struct stat *st_out, struct err *err);

/* Who the file will belong to; uid/gid -1 keep the process's own. */
struct file_owner {
	uid_t uid;
	gid_t gid;
};
#define FILE_OWNER_SELF ((struct file_owner){(uid_t)-1, (gid_t)-1})

/*
 * Replace path by data so that a reader sees the old or the new file and a power cut leaves one of
 * the two: write PATH.tmp.PID.N beside it (O_EXCL, mode set before the data), fsync, rename, fsync the directory.
 * A failure leaves the old file and no temporary one (a failure of the very last sync: the new file, perhaps not durable).
 * A symbolic link at path is replaced, not followed.  Left-over temporaries of a killed process
 * are removed by file_sweep.  Errors: CR_EIO (with the path and errno's text), CR_ENOMEM.
 */
MUST_CHECK int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct file_owner owner,
                            struct err *err);

/*
 * As file_replace, but only when path does not exist: of several processes that try at once exactly one succeeds, and no
 * reader ever sees half a file.  Errors: CR_ECONFLICT (exists), CR_EIO, CR_ENOMEM.
 */
MUST_CHECK int file_create(const char *path, const void *data, size_t len, mode_t mode, struct file_owner owner,
                           struct err *err);

/* Remove PATH.tmp.* of processes that no longer run.  Best effort, silent. */
void file_sweep(const char *path);

/* unlink + fsync of the directory; gone already is success.  Errors: CR_EIO. */
MUST_CHECK int file_remove(const char *path, struct err *err);

/* mkdir -p with mode for every directory made.  Errors: CR_EIO. */
MUST_CHECK int file_make_dirs(const char *path, mode_t mode, struct err *err);

/* DIR/NAME on the heap.  Errors: CR_ENOMEM. */
MUST_CHECK int file_join(const char *dir, const char *name, char **out, struct err *err);

/*
 * Is it safe to read a secret from this open file?  Regular, owner root or us, no group/other bits.
 * Errors: CR_ECONFIG with the chmod that mends it.
 */
MUST_CHECK int file_check_private(const char *path, const struct stat *st, struct err *err);

/* True when the file system of path is known to be shared over a network (statfs f_type); name_out its name or NULL. */
bool file_is_on_network(const char *path, const char **name_out);

#endif
