/*
 * rounds.h - a mail host that names records itself, and the zone, brought up together in rounds.
 */
#ifndef PROVISION_ROUNDS_H
#define PROVISION_ROUNDS_H

#include "provision/apply.h"

/*
 * After the zone's own change.  Each round applies the host's steps one by one, looks at the host and the zone again, and publishes what
 * was named in between.  Errors: CR_ERETRY (a step waits for the provider: what came before it is done), CR_ECONFLICT, those of drivers.
 */
MUST_CHECK int apply_rounds(struct apply *a, struct journal *j, struct plan *p, struct err *err);

#endif
