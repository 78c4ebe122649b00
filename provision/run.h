/*
 * run.h - one run over domains of a tenant: configuration, store, the tenant's run lock, plans made and applied side by side.
 *
 * The steps a command takes: run_open, run_add for each domain, run_store, run_plan, then run_apply.
 */
#ifndef PROVISION_RUN_H
#define PROVISION_RUN_H

#include "core/lock.h"
#include "provision/apply.h"
#include "provision/plan.h"
#include "provision/report.h"

struct run {
	struct session *session;
	struct intent intent;
	struct intent_tenant *tenant;
	enum intent_need need;
	struct plan *plans;
	size_t n;
	struct plan_env env;
	struct lock *lock;
	const char *template_dirs[2];
};
void run_release(struct run *r);

/* Read the configuration and find the tenant of primary.  Errors: CR_ECONFIG, CR_EUSAGE. */
MUST_CHECK int run_open(struct session *s, const char *primary, struct run *out, struct err *err);
/* As run_open, by an outreach domain; it becomes the only plan.  A primary is refused before anything is opened. */
MUST_CHECK int run_open_domain(struct session *s, const char *domain, enum intent_need need, struct run *out,
                               struct err *err);
/* Add one domain by name, or all configured ones.  Each is guarded against every primary first, then its providers are opened. */
MUST_CHECK int run_add(struct run *r, const char *domain, struct err *err);
MUST_CHECK int run_add_all(struct run *r, struct err *err);
/* Store and vault.  writes false: nothing is made; a store that is not there yet counts as empty. */
MUST_CHECK int run_store(struct run *r, bool writes, struct err *err);
/* Take the tenant's run lock: what goes on ("provision") is told to whoever waits.  Errors: CR_ERETRY naming the holder. */
MUST_CHECK int run_lock(struct run *r, const char *what, struct err *err);
/* Plan all, side by side; a failure is left in its plan. */
MUST_CHECK int run_plan(struct run *r, struct err *err);
/* Apply the plans that have changes and no refusal, side by side. */
MUST_CHECK int run_apply(struct run *r, struct err *err);
/* Print every plan and the sum.  Returns CR_OK, CR_ERETRY (something failed), CR_EREFUSED (something was refused), with err set. */
MUST_CHECK int run_report(struct run *r, bool applied, struct report_count *count_out, struct err *err);

#endif
