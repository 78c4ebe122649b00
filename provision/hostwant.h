/*
 * hostwant.h - what a mail host should hold for a domain: mailboxes with passwords, keys with private halves, gathered from
 * intent, configuration secrets and the store.
 */
#ifndef PROVISION_HOSTWANT_H
#define PROVISION_HOSTWANT_H

#include "provision/plan.h"

struct host_want {
	struct mailhost_domain domain;
	/* what domain points to */
	struct mailhost_mailbox *mailboxes;
	struct secret **passwords;
	size_t n_passwords;
	struct mailhost_key *keys;
	struct keys unsealed;
};
void host_want_release(struct host_want *w);

/*
 * A mailbox without a stored password gets a random one that is not kept: good for observing (it matches nothing).
 * Errors: CR_ECONFIG (a configured secret), CR_ESTORE, CR_ENOMEM.
 */
MUST_CHECK int host_want_make(const struct plan_env *env, const struct plan *p, struct host_want *out, struct err *err);

#endif
