/*
 * reverse.h - the PTR of an address whose owner sets it by calls of its own (provision/addresses).
 */
#ifndef PROVISION_REVERSE_H
#define PROVISION_REVERSE_H

#include "provision/plan.h"

/* The step of one address: set where there is none, or where what stands is ours; refused where it is somebody else's.  db: NULL: nothing is ours. */
MUST_CHECK int reverse_decide(struct db *db, struct plan *p, const char *address, struct err *err);
/* Do it, or undo it, journalled under "ptr:ADDRESS"; an earlier run's intention is closed by what is there.  Looked at again first. */
MUST_CHECK int reverse_call(struct journal *j, struct plan *p, const struct plan_reverse *r, bool remove,
                            struct err *err);

#endif
