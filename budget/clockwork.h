/*
 * clockwork.h - the gate's effective clock: setting the system's clock neither frees nor locks a token.
 *
 * Within one boot it advances with boot time from where it stood; after a reboot it is wall time again, unless that is behind
 * the stored time: then nobody knows what time it is, and the answer is "not now".
 */
#ifndef BUDGET_CLOCKWORK_H
#define BUDGET_CLOCKWORK_H

#include "core/clock.h"
#include "core/db.h"

#include <stdbool.h>

/*
 * Stored once a boot, the first reading; every later one follows from it.  What was stamped since then is the time of the last
 * history row: after a reboot the wall clock must not be behind that either.
 */
struct clockwork {
	int64_t effective_ms;
	int64_t boot_ms;
	int64_t last_ms;                 /* of what is stored: the last stamp */
	char boot_id[CLOCK_BOOT_ID_MAX]; /* "" : nothing stored yet */
	bool is_new;                     /* the first reading of this boot: store it, so that a later step is seen */
	bool is_server;                  /* the store's own clock: nothing to keep */
};

/* Pure: from the stored reading to the present one.  Errors: CR_ERETRY with the reason (clock in doubt). */
MUST_CHECK int clockwork_advance(const struct clockwork *stored, int64_t wall_ms, int64_t boot_ms, const char *boot_id,
                                 struct clockwork *out, struct err *err);

/* What is stored, with the last stamp.  Errors: CR_ESTORE. */
MUST_CHECK int clockwork_stored(struct db *db, struct clockwork *out, struct err *err);
/* The present reading; nothing is written.  Errors: CR_ERETRY (in doubt), CR_ESTORE. */
MUST_CHECK int clockwork_read(struct db *db, const struct clock *clock, struct clockwork *out, struct err *err);
/* Keep it, inside the caller's transaction: together with whatever was stamped with it. */
MUST_CHECK int clockwork_store(struct db *db, const struct clockwork *w, struct err *err);

#endif
