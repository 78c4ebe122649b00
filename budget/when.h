/*
 * when.h - when a mail or a line of a log says that it was written: what is read late still counts for the day on which it was said.
 *
 * Pure.  Nobody vouches for it: it is taken for a time in the past only, and never decides whether something is done, only what is counted
 * together.  0: it does not tell.
 */
#ifndef BUDGET_WHEN_H
#define BUDGET_WHEN_H

#include <stddef.h>
#include <stdint.h>

/* The Date field of the header that data begins with, UTC milliseconds.  RFC 5322 s3.3 and s4.3. */
int64_t when_of_mail(const char *data, size_t len);
/* "2026-11-25T10:00:00.5+01:00 host ...", or "Nov 25 10:00:00 host ..." in the time of this machine, of the year before now_ms. */
int64_t when_of_line(const char *line, size_t len, int64_t now_ms);

#endif
