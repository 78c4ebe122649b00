/*
 * pacer.c - rate limits of a provider over all threads of a run.
 *
 * Each limit remembers the times of its last calls, one a place in a ring; the oldest tells when the next may go.  A caller takes its
 * time under the lock and sleeps outside of it, so callers go in the order in which they came.
 */
#include "core/pacer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define LONG_AGO INT64_MIN

struct ring {
	struct pacer_limit limit;
	int64_t *at_ms; /* by the boot clock; LONG_AGO: never */
	size_t oldest;
};

struct pacer {
	pthread_mutex_t lock;
	struct ring rings[PACER_LIMITS_MAX];
	size_t n;
	int64_t last_ms;   /* of the call that went last, or will */
	int64_t paused_ms; /* until then */
};

int
pacer_open(const struct pacer_limit *limits, size_t n, struct pacer **out, struct err *err)
{
	struct pacer *p = calloc(1, sizeof(*p));

	assert(n <= PACER_LIMITS_MAX);
	if (p == NULL)
		return err_nomem(err, "pacer");
	(void)pthread_mutex_init(&p->lock, NULL);
	p->last_ms = p->paused_ms = LONG_AGO;
	for (size_t i = 0; i < n; i++) {
		struct ring *r = &p->rings[p->n++];

		assert(limits[i].calls > 0 && limits[i].calls <= PACER_CALLS_MAX);
		r->limit = limits[i];
		r->at_ms = malloc(limits[i].calls * sizeof(*r->at_ms));
		if (r->at_ms == NULL) {
			pacer_drop(&p);
			return err_nomem(err, "pacer");
		}
		for (unsigned k = 0; k < limits[i].calls; k++)
			r->at_ms[k] = LONG_AGO;
	}
	*out = p;
	return CR_OK;
}

void
pacer_drop(struct pacer **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->n; i++)
		free((*p)->rings[i].at_ms);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

/* The first moment at which no limit is broken, and nobody overtakes. */
static int64_t
take_place(struct pacer *p, int64_t now_ms)
{
	int64_t at = now_ms > p->last_ms ? now_ms : p->last_ms;

	if (p->paused_ms > at)
		at = p->paused_ms;
	for (size_t i = 0; i < p->n; i++) {
		const struct ring *r = &p->rings[i];
		const int64_t oldest = r->at_ms[r->oldest];

		if (oldest != LONG_AGO && oldest + r->limit.per_ms > at)
			at = oldest + r->limit.per_ms;
	}
	for (size_t i = 0; i < p->n; i++) {
		struct ring *r = &p->rings[i];

		r->at_ms[r->oldest] = at;
		r->oldest = (r->oldest + 1) % r->limit.calls;
	}
	p->last_ms = at;
	return at;
}

int64_t
pacer_wait(struct pacer *p, const struct clock *clock)
{
	const int64_t came_ms = clock_boot_ms(clock);
	int64_t at, now;

	(void)pthread_mutex_lock(&p->lock);
	at = take_place(p, came_ms);
	(void)pthread_mutex_unlock(&p->lock);
	for (;;) {
		now = clock_boot_ms(clock);
		if (now < at) {
			clock_sleep_ms(clock, at - now);
			continue;
		}
		/* A pause may have been called for while this one slept. */
		(void)pthread_mutex_lock(&p->lock);
		at = p->paused_ms;
		(void)pthread_mutex_unlock(&p->lock);
		if (at <= now)
			return now - came_ms;
	}
}

void
pacer_pause(struct pacer *p, const struct clock *clock, int64_t ms)
{
	const int64_t until = clock_boot_ms(clock) + ms;

	(void)pthread_mutex_lock(&p->lock);
	if (until > p->paused_ms)
		p->paused_ms = until;
	(void)pthread_mutex_unlock(&p->lock);
}

int64_t
pacer_estimate_ms(const struct pacer_limit *limits, size_t n, size_t calls)
{
	int64_t longest = 0;

	for (size_t i = 0; i < n; i++) {
		const int64_t whole = calls > 0 ? (int64_t)((calls - 1) / limits[i].calls) : 0;

		if (whole * limits[i].per_ms > longest)
			longest = whole * limits[i].per_ms;
	}
	return longest;
}
