/*
 * systemic.h - one organisation's decision, or many's: how many unrelated ones are behind a heap of refusals.
 *
 * Pure, and made for some hundreds of them.  At 4 sends a day a percentage means nothing: they are counted.  Two organisations are one where a gateway's host shows the same
 * customer; and where a vendor decided for its customers, the vendor is the one who did.
 */
#ifndef BUDGET_SYSTEMIC_H
#define BUDGET_SYSTEMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSTEMIC_CUSTOMER 96

struct refusal {
	char organisation[256]; /* "": not known */
	char customer[SYSTEMIC_CUSTOMER];
	char vendor[64]; /* who decided in place of the organisation; "": it did itself */
	char rule[64];   /* "" where the rule is none of the wording: a fallback */
	int64_t wording; /* 0: nothing to compare */
	size_t heap;     /* while counting */
	bool left_out;
};

/* The customer that a gateway's host name shows, "0262c01.pphosted.com"; "" where it shows none. */
void systemic_customer(const char *host, char out[SYSTEMIC_CUSTOMER]);
/* Hash of what is left of a reply without digits, addresses, host names and ids; 0 when that is less than four words. */
int64_t systemic_wording(const char *text);

/* How many unrelated organisations refused. */
size_t systemic_organisations(struct refusal *r, size_t n);
/* How many decided so: customers of one vendor that was asked are one. */
size_t systemic_deciders(struct refusal *r, size_t n);
/* How many unrelated organisations refused by the rule or in the words of like (one of r, or not). */
size_t systemic_alike(struct refusal *r, size_t n, const struct refusal *like);

#endif
