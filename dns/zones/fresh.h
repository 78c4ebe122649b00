/*
 * fresh.h - a zone that was just made: it stands, and is not known everywhere at its provider yet, nor has it its records.
 */
#ifndef DNS_ZONES_FRESH_H
#define DNS_ZONES_FRESH_H

#include <stdbool.h>

#include "core/clock.h"
#include "core/err.h"

/*
 * Wait before such a zone is asked about again, twice as long each time, about a minute in all.  *turn: 0 at first.
 * False: that was long enough; nothing is waited for.
 */
bool fresh_wait(const struct clock *clock, int *turn);

/* What is told of one that is named, and whose id is not found: CR_ERETRY. */
int fresh_unseen(const char *zone, struct err *err);
/* And of one that was made and not filled, for which why is the reason: something is left of that, so CR_EUNKNOWN. */
int fresh_unfilled(const char *zone, const struct err *why, struct err *err);

#endif
