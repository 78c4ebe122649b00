/*
 * pool.h - the same work on many items, several side by side.
 */
#ifndef PROVISION_POOL_H
#define PROVISION_POOL_H

#include "core/err.h"

#include <stddef.h>

/*
 * Call work(arg, i) for i in 0..n-1 on at most `threads` threads (and never more than n).  Returns when all are done; what one item
 * met is in its own place, so nothing is returned but a failure to start at all: then no item was worked on.
 * Errors: CR_ENOMEM.
 */
MUST_CHECK int pool_each(size_t n, size_t threads, void (*work)(void *arg, size_t i), void *arg, struct err *err);

#endif
