/*
 * quiesce.h - the mail hosts' own lists of senders that are refused, brought in line with the states in the store.
 *
 * The gate obeys a state at its next decision; what stands at a mail host is a second line behind it, and as old as the last call here.
 * A freeze is committed by whoever reads a refusal, often by a user who cannot write at the mail host: so the states are carried over
 * by those who can, again and again, and not by the one who froze.
 */
#ifndef PROVISION_QUIESCE_H
#define PROVISION_QUIESCE_H

#include "provision/intent.h"

struct quiesce {
	struct session *session; /* with its store open */
	struct intent *intent;
	const char *const *names; /* domains, or primaries for all of theirs */
	const char *tenant;       /* only this one's; NULL: of all */
	size_t n_names;           /* 0: all domains whose host may be told often (MAILHOST_CAP_QUIESCE_CHEAP) */
	size_t n_refused, n_open, n_failed;
};

/*
 * Tell the mail host of each domain that stands whether it may send.  One caller at a time, so that none carries over an older state
 * than the one before; a domain that fails is told in a warning and does not keep the others.
 * Errors: CR_ERETRY (another caller is at it; some failed), CR_ESTORE, CR_EIO, CR_ENOMEM.
 */
MUST_CHECK int quiesce_sync(struct quiesce *q, struct err *err);

#endif
