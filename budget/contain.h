/*
 * contain.h - domain states: planned, provisioning, warming, active, frozen, burned, closing, parked.
 *
 * Every function runs inside the caller's transaction and appends its audit line there.
 */
#ifndef BUDGET_CONTAIN_H
#define BUDGET_CONTAIN_H

#include "core/audit.h"
#include "core/db.h"
#include "core/secret.h"

enum domain_state {
	DOMAIN_PLANNED,
	DOMAIN_PROVISIONING,
	DOMAIN_WARMING,
	DOMAIN_ACTIVE,
	DOMAIN_FROZEN,
	DOMAIN_BURNED,
	DOMAIN_CLOSING,
	DOMAIN_PARKED,
	DOMAIN_STATE__COUNT
};
const char *domain_state_name(enum domain_state s);
MUST_CHECK int domain_state_parse(const char *text, enum domain_state *out, struct err *err);

/* A warming domain whose first-send date has come counts as active, without anybody having to say so. */
enum domain_state domain_state_in_effect(enum domain_state s, int64_t first_send_ms, int64_t now_ms);

/* Where it happens and who does it. */
struct contain {
	struct db *db;
	const struct vault *vault;
	int64_t now_ms;
	const char *actor;
};

#define CONTAIN_COOLDOWN_MS ((int64_t)30 * 86400000)
#define CONTAIN_NAME_GAP    2 /* edits; a name this near to a burned one is the same sender in disguise */

struct domain_row {
	char name[256], tenant[256];
	enum domain_state state;
	char cause[64];
	int64_t since_ms, created_ms, first_send_ms, closing_until_ms;
	int64_t burned_ms; /* 0: never; stays through closing and parked */
};
/* Errors: CR_ENOTFOUND. */
MUST_CHECK int contain_domain(struct db *db, const char *domain, struct domain_row *out, struct err *err);

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
/* Time of the last admitted send of the domain's mailboxes, 0: none. */
MUST_CHECK int contain_last_send(struct db *db, const char *domain, int64_t *out, struct err *err);

#endif
