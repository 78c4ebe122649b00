/*
 * sending.h - which addresses a domain's mail leaves from, as far as they are the installation's own: a listed address stops all on it.
 */
#ifndef BUDGET_SENDING_H
#define BUDGET_SENDING_H

#include "budget/contain.h"

#include <stdbool.h>

/* IPv4 and IPv6 addresses as text, in any spelling; the domain's former ones are forgotten.  Inside the caller's transaction.
 * Errors: CR_EPARSE, CR_ENOTFOUND (no such domain), CR_ESTORE. */
MUST_CHECK int sending_set(struct contain *c, const char *domain, const char *const *addresses, size_t n,
                           struct err *err);
/* Are they just these? */
MUST_CHECK int sending_is(struct db *db, const char *domain, const char *const *addresses, size_t n, bool *out,
                          struct err *err);
/*
 * Every domain that sends from an address of this one, itself too, each with its NUL.  text: a reply; where it names one of the addresses,
 * only that one counts.  None when no address is known.
 */
MUST_CHECK int sending_neighbours(struct db *db, const char *domain, const char *text, struct buf *names_out,
                                  struct err *err);

#endif
