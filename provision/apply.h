/*
 * apply.h - doing a plan: each step journalled twice, several domains side by side.
 *
 * Order for one domain: keys, zone with its records (one write), reverse DNS, mail host, gate.  A domain that fails keeps what was done
 * (it is journalled) and is carried on by the next run.
 */
#ifndef PROVISION_APPLY_H
#define PROVISION_APPLY_H

#include "provision/plan.h"

struct apply {
	struct plan_env env;
	const char *tenant;
	struct keypool *rsa;                     /* keys made beside the network; NULL: none are needed */
	void (*done)(void *arg, struct plan *p); /* called as each domain ends, from its thread */
	void *arg;
};

/* Before the first call: tenant and domain rows are made, states set.  Errors: CR_EREFUSED, CR_ECONFLICT, CR_ESTORE. */
MUST_CHECK int apply_begin(struct apply *a, struct plan *plans, size_t n, struct err *err);
/* Do one plan; its steps, rc and err tell how it went.  Thread-safe over different plans. */
void apply_plan(struct apply *a, struct plan *p);

/* Passwords that are to be kept are made and stored before the host hears of the mailbox. */
MUST_CHECK int apply_passwords(struct apply *a, struct plan *p, struct err *err);

/* Also for teardown: one change of a zone, journalled.  step "records" or "zone". */
MUST_CHECK int apply_zone_change(struct journal *j, struct plan *p, struct err *err);
/* Close what an earlier, cut-off run left pending, by what is really there. */
MUST_CHECK int apply_settle(struct journal *j, struct plan *p, struct err *err);
/*
 * The same of any rows.  domain: as the journal has it.  zone, host: what the intentions were about, as observed; of resources, all that host
 * does not show as missing were made.
 */
MUST_CHECK int apply_settle_rows(struct journal *j, const char *domain, const struct owned *owned,
                                 const struct zone_state *zone, const struct mailhost_steps *host, struct err *err);
/* One PTR, of a shared reverse zone or by a call of its owner, journalled under "ptr:ADDRESS".  Serialised over all threads. */
MUST_CHECK int apply_reverse(struct journal *j, struct plan *p, const struct plan_reverse *r, bool remove,
                             struct err *err);

#endif
