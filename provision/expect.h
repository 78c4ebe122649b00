/*
 * expect.h - how long a run will take at least, by what its providers allow one account.
 *
 * A run is paced, not refused (core/pacer.h); that it will take a quarter of an hour is said before it begins.  Pure.
 */
#ifndef PROVISION_EXPECT_H
#define PROVISION_EXPECT_H

#include "provision/plan.h"

#define EXPECT_MAX 32
struct expect {
	const struct zone_provider *provider; /* borrowed */
	size_t zones;                         /* that are made or changed there */
	size_t calls;                         /* for them, from the look that the plan was made from on */
	int64_t ms;                           /* at its rate limits; 0: no wait */
};

/* One for each provider with limits at which something is to be done; returns how many.  Those after EXPECT_MAX are left out. */
size_t expect_of(const struct plan *plans, size_t n, struct expect out[EXPECT_MAX]);

#endif
