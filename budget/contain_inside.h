/*
 * contain_inside.h - what the files of contain share: contain.c the moves of one domain, contain_plan.c which names may become one,
 * contain_tenant.c all of a tenant.
 */
#ifndef BUDGET_CONTAIN_INSIDE_H
#define BUDGET_CONTAIN_INSIDE_H

#include "budget/contain.h"
#include "dns/name.h"

/* The canonical name of a registrable host; a wrong spelling cannot name a row.  Errors: CR_EPARSE. */
MUST_CHECK int contain_canonical(const char *text, struct name *out, struct err *err);
/* A line of the log; reason and detail may be NULL. */
MUST_CHECK int contain_log(struct contain *c, const char *action, const char *subject, const char *reason,
                           const char *detail, struct err *err);
/* A thaw without a review is none.  Errors: CR_EUSAGE. */
MUST_CHECK int contain_want_review(const char *reason, struct err *err);

#endif
