/*
 * pacer.h - a provider's rate limits as data, kept by all threads of a run together.
 *
 * A limit is a number of calls in any stretch of time, as providers state it.  A call takes its place in line and waits for its time, so
 * a run that needs more than the provider allows becomes slower, not refused.  What the provider says itself (Retry-After) holds for
 * every thread.  Another process is not seen: its calls come out as 429, which is waited for.
 */
#ifndef CORE_PACER_H
#define CORE_PACER_H

#include "core/clock.h"
#include "core/err.h"

#include <stddef.h>

struct pacer_limit {
	unsigned calls; /* at most so many ... */
	int64_t per_ms; /* ... in any stretch as long as this */
};
#define PACER_LIMITS_MAX 4
#define PACER_CALLS_MAX  10000

struct pacer;

/* limits: copied.  Errors: CR_ENOMEM. */
MUST_CHECK int pacer_open(const struct pacer_limit *limits, size_t n, struct pacer **out, struct err *err);
void pacer_drop(struct pacer **p);
/* Wait for this call's turn.  Returns the milliseconds that were waited.  Thread-safe. */
int64_t pacer_wait(struct pacer *p, const struct clock *clock);
/* Nobody calls for so long: the provider said so. */
void pacer_pause(struct pacer *p, const struct clock *clock, int64_t ms);
/* How long calls calls take at least, beginning with nothing spent: for the plan.  Pure. */
int64_t pacer_estimate_ms(const struct pacer_limit *limits, size_t n, size_t calls);

#endif
