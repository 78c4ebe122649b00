/*
 * lock.h - one exclusive lock file between processes, with a deadline and the holder's name.
 *
 * An open-file-description lock (fcntl(2) F_OFD_SETLK): released by the kernel when the holder
 * dies, not dropped by an unrelated close of the same file as POSIX locks are, and it excludes
 * threads that opened the file separately.  The file holds "PID COMMAND\n" of the holder.
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include "core/clock.h"
#include "core/err.h"

#include <stdint.h>

struct lock; /* an open lock file, not yet or already held */

/* Open (create 0600) the lock file.  Errors: CR_EIO, CR_ENOMEM. */
MUST_CHECK int lock_open(const char *path, struct lock **out, struct err *err);
void lock_drop(struct lock **l); /* releases when held */

/*
 * Take it, waiting up to deadline_ms (0: one try).  what: the holder's description written for others, may be NULL (write nothing: cheap).
 * Errors: CR_ERETRY "held by PID (WHAT) for ..." after the deadline; CR_EIO.
 */
MUST_CHECK int lock_take(struct lock *l, const struct clock *clock, int64_t deadline_ms, const char *what,
                         struct err *err);
void lock_give(struct lock *l);

#endif
