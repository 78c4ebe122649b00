/*
 * contain.h - what a domain becomes: its way from planned to parked, and what stops it.
 *
 * Every function runs inside the caller's transaction and appends its audit line there.
 */
#ifndef BUDGET_CONTAIN_H
#define BUDGET_CONTAIN_H

#include "budget/domain.h"
#include "core/audit.h"
#include "core/db.h"
#include "core/secret.h"

/* Where it happens and who does it. */
struct contain {
	struct db *db;
	const struct vault *vault;
	int64_t now_ms;
	const char *actor;
};

#define CONTAIN_COOLDOWN_MS ((int64_t)30 * 86400000)
#define CONTAIN_NAME_GAP    2 /* edits; a name this near to a burned one is the same sender in disguise */

/* Tenant and domain rows made when missing (state planned).  A domain of another tenant: CR_ECONFLICT.  A primary (of anybody), a name
 * below or above one, a burned domain, a burned tenant in its cool-down, or a name within edit distance 2 of one of the tenant's
 * burned domains: CR_EREFUSED. */
MUST_CHECK int contain_plan_domain(struct contain *c, const char *tenant, const char *domain, struct err *err);
/* planned/parked -> provisioning; others unchanged. */
MUST_CHECK int contain_provisioning(struct contain *c, const char *domain, struct err *err);
/* provisioning -> warming with the first-send time; warming/active/frozen... unchanged.  Mailboxes are made (or un-removed). */
MUST_CHECK int contain_register(struct contain *c, const char *domain, int64_t first_send_ms,
                                const char *const *mailboxes, size_t n, struct err *err);
MUST_CHECK int contain_remove_mailbox(struct contain *c, const char *address, struct err *err);
/* warming/active -> frozen.  Already frozen: the graver cause is kept, CR_OK.  burned/closing/parked: CR_EREFUSED. */
MUST_CHECK int contain_freeze(struct contain *c, const char *domain, const char *cause, const char *reason,
                              struct err *err);
/*
 * frozen -> warming/active by first_send.  reason: what the review found, not blank (CR_EUSAGE).  A domain that was refused for its
 * authentication stays frozen until `verify` passed afterwards, which says so by contain_verified.
 * Errors: CR_EREFUSED (from any other state; not verified), CR_ENOTFOUND.
 */
MUST_CHECK int contain_thaw(struct contain *c, const char *domain, const char *reason, struct err *err);
/* Every check of `verify` holds now. */
MUST_CHECK int contain_verified(struct contain *c, const char *domain, struct err *err);
MUST_CHECK int contain_burn(struct contain *c, const char *domain, const char *cause, const char *reason,
                            struct err *err);
/* any but parked -> closing until closing_until_ms. */
MUST_CHECK int contain_close(struct contain *c, const char *domain, int64_t closing_until_ms, const char *reason,
                             struct err *err);
/* closing -> parked; every mailbox removed. */
MUST_CHECK int contain_park(struct contain *c, const char *domain, struct err *err);
/* A restriction of the tenant's own account: the tenant and every domain of it that sends stand still.  Errors: CR_ENOTFOUND. */
MUST_CHECK int contain_freeze_tenant(struct contain *c, const char *tenant, const char *cause, const char *reason,
                                     struct err *err);
/* Its end: the domains frozen for that cause are thawed; reason, recorded as the cause of a burn, ends the cool-down too.
 * Errors: CR_ENOTFOUND, CR_EREFUSED (neither frozen nor in a cool-down). */
MUST_CHECK int contain_thaw_tenant(struct contain *c, const char *tenant, const char *reason, struct err *err);

#endif
