/*
 * domain.h - an outreach domain as the store knows it.  Its states: planned, provisioning, warming, active, frozen, burned, closing, parked.
 */
#ifndef BUDGET_DOMAIN_H
#define BUDGET_DOMAIN_H

#include "core/db.h"

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

struct domain_row {
	char name[256], tenant[256];
	enum domain_state state;
	char cause[64];
	int64_t since_ms, created_ms, first_send_ms, closing_until_ms;
	int64_t burned_ms; /* 0: never; stays through closing and parked */
};
/* Errors: CR_ENOTFOUND. */
MUST_CHECK int domain_find(struct db *db, const char *domain, struct domain_row *out, struct err *err);

/* Time of the last admitted send of the domain's mailboxes, 0: none. */
MUST_CHECK int domain_last_send(struct db *db, const char *domain, int64_t *out, struct err *err);

#endif
