/*
 * teardown.h - closing a domain, and later removing what was made for it, in reverse order, and parking the name.
 *
 * Two steps, since opt-outs must work after the last send: `closing` shuts the gate and keeps mail alive; destruction comes when the
 * period is over, or with --now and a reason.
 */
#ifndef PROVISION_TEARDOWN_H
#define PROVISION_TEARDOWN_H

#include "budget/contain.h"
#include "provision/run.h"

struct teardown {
	struct run *run;
	struct domain_row row; /* as stored */
	bool now;              /* --now */
	const char *reason;
	bool close, destroy; /* what this run does */
	bool quiesce;        /* closed by an earlier run, which may have been cut off before the host heard of it */
	int64_t until_ms;    /* end of the closing period */
};

/* Decide what this run does for its one domain; fills the plan's steps.  Read-only.
 * Errors: CR_ENOTFOUND (nothing was ever made), CR_ERETRY and others of observe. */
MUST_CHECK int teardown_plan(struct teardown *t, struct err *err);
/* Do it.  Steps tell how it went; what was done is journalled, and a rerun goes on. */
MUST_CHECK int teardown_apply(struct teardown *t, struct err *err);

#endif
