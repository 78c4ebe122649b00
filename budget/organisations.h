/*
 * organisations.h - which domains are one organisation: the registrable domain, and the aliases that the operator declared.
 *
 * All zero: none declared.  Built once, then read by any number of threads.
 */
#ifndef BUDGET_ORGANISATIONS_H
#define BUDGET_ORGANISATIONS_H

#include "dns/name.h"

#define ORGANISATION_NAMES 64 /* of one organisation: its own and its aliases */

struct organisations {
	struct organisation_alias {
		char *name;       /* registrable */
		const char *head; /* the name it goes by: of another entry, or of this one */
	} * alias;
	size_t n; /* sorted by name */
};

void organisations_release(struct organisations *o);
/* Any spelling; each stands for its registrable domain.  Errors: CR_ECONFIG (no host name, declared twice, too many), CR_ENOMEM. */
MUST_CHECK int organisations_add(struct organisations *o, const char *name, const char *const *aliases, size_t n,
                                 struct err *err);
/* The organisation of a canonical name. */
void organisations_of(const struct organisations *o, const char *name, struct name *out);
/* Every name of the organisation that goes by head, NULL at the end; none when no alias was declared.  Borrowed. */
void organisations_names(const struct organisations *o, const char *head, const char *out[ORGANISATION_NAMES + 1]);

#endif
