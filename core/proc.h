/*
 * proc.h - run a program without a shell, with a deadline, its output bounded.
 */
#ifndef CORE_PROC_H
#define CORE_PROC_H

#include "core/buf.h"
#include "core/clock.h"

/*
 * argv[0] is looked up in PATH.  env: extra NAME=VALUE entries, NULL-terminated, may be NULL; secrets go there, never in argv.
 * output: stdout and stderr together, up to its ceiling (the rest is read and dropped); may be NULL.
 * status_out: the exit status 0..255, or 128 + signal.
 * Errors: CR_ENOTFOUND (no such program), CR_ERETRY (deadline; the child was killed and reaped), CR_EIO.
 */
MUST_CHECK int proc_run(const char *const *argv, const char *const *env, const struct clock *clock, int64_t deadline_ms,
                        struct buf *output, int *status_out, struct err *err);

#endif
