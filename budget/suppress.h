/*
 * suppress.h - who must be left alone: addresses (kept as keyed hash) and organisations (in clear), per tenant or installation.
 */
#ifndef BUDGET_SUPPRESS_H
#define BUDGET_SUPPRESS_H

#include "budget/closed.h"
#include "budget/contain.h"

#include <stdbool.h>

struct suppress_entry {
	const char *scope; /* "" installation, else the tenant's primary */
	const char *what;  /* address, or organisation domain; or "hash:HEX" */
	const char *reason;
	const char *evidence; /* may be NULL */
	const char *source;   /* "manual", "import", "bounce" */
	int64_t added_ms;     /* 0: now; an import keeps the date it came with */
};
#define SUPPRESS_HASH_HEX 64

/* What is kept of e->what: "address" with its hash, or "organisation" with the registrable domain. */
struct suppress_key {
	const char *kind; /* static */
	char value[256];
};
/* Errors: CR_EPARSE. */
MUST_CHECK int suppress_key_of(const struct vault *v, const char *what, struct suppress_key *out, struct err *err);
/* "" stays the installation; else the canonical primary.  Errors: CR_EPARSE. */
MUST_CHECK int suppress_scope_of(const char *scope, char out[256], struct err *err);

/* Inside the caller's transaction.  There already: added_out false.  Errors: CR_EPARSE, CR_ESTORE. */
MUST_CHECK int suppress_add(struct contain *c, const struct suppress_entry *e, bool *added_out, struct err *err);
/* Reason and evidence are required.  Errors: CR_ENOTFOUND, CR_EUSAGE. */
MUST_CHECK int suppress_lift(struct contain *c, const char *scope, const char *what, const char *reason,
                             const char *evidence, struct err *err);
/* Is recipient (canonical; a bare domain stands for anybody there) closed for tenant?  reason_out (64 bytes) says which entry.  Errors: CR_ESTORE. */
MUST_CHECK int suppress_test(struct db *db, const struct vault *v, const char *tenant, const char *recipient,
                             bool *closed_out, char reason_out[64], struct err *err);
/* The same for a recipient whose keyed hash (purpose "address", SUPPRESS_HASH_HEX / 2 bytes) is at hand, asking the store only where filter says maybe.
 * names: what else the organisation is called, NULL at the end. */
MUST_CHECK int suppress_test_hashed(struct db *db, const struct closed *filter, const char *tenant, const uint8_t *hash,
                                    const char *domain, const char *const *names, bool *closed_out, char reason_out[64],
                                    struct err *err);

#endif
