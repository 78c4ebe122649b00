/*
 * pace.h - how fast one recipient organisation hears from one tenant, over all its domains: pure, as tokens.h.
 */
#ifndef BUDGET_PACE_H
#define BUDGET_PACE_H

#include "budget/tokens.h"

#define PACE_MAX        100 /* the largest pace that can be configured */
#define PACE_PACKED_MAX (PACE_MAX * 8)
#define PACE_DAY_MS     ((int64_t)86400000 + 1)

/* Oldest first. */
struct pace {
	int64_t times_ms[PACE_MAX];
	size_t n;
};

/* Of more than PACE_MAX times the latest are taken.  Errors: CR_ESTORE. */
MUST_CHECK int pace_unpack(const void *data, size_t len, struct pace *out, struct err *err);
size_t pace_pack(const struct pace *p, uint8_t out[PACE_PACKED_MAX]);
/* Only what is there, not the empty places. */
void pace_copy(struct pace *to, const struct pace *from);

/* From when on may one more be sent?  INT64_MIN: always. */
int64_t pace_free_at(const struct pace *p, const struct tokens_rules *r);
/* Adds now, forgets what is older than a day. */
void pace_spend(struct pace *p, int64_t now_ms);
void pace_release(struct pace *p, int64_t spent_ms);

#endif
