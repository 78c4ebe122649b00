/*
 * journal.h - each step written down twice: what is about to be done, before the call; what was done, after it.
 *
 * Nothing is created that is not journalled; nothing is removed that is not in the journal.  An intention without a receipt means
 * "unknown": the next run observes first, then adopts or repeats (owned.h).
 */
#ifndef PROVISION_JOURNAL_H
#define PROVISION_JOURNAL_H

#include "core/audit.h"
#include "core/db.h"
#include "core/secret.h"

/* Where a run writes. */
struct journal {
	struct db *db;
	const struct vault *vault;
	const struct clock *clock;
	char run[17];       /* id of this run */
	const char *tenant; /* primary, borrowed */
};
MUST_CHECK int journal_open(struct db *db, const struct vault *v, const struct clock *clock, const char *tenant,
                            struct journal *out, struct err *err);

struct journal_step {
	const char *domain;
	const char *step;      /* "zone", "records", "reverse:192.0.2.10", "mailhost" */
	const char *driver;    /* "NAME/DRIVER" */
	const char *operation; /* "create", "update", "delete" */
	const char *intent;    /* JSON */
};
/* Durable before it returns.  seq_out names the row for the receipt.  Errors: CR_ESTORE, CR_ERETRY. */
MUST_CHECK int journal_intend(struct journal *j, const struct journal_step *s, int64_t *seq_out, struct err *err);
/* It was done: receipt (JSON), and the audit line, in one transaction. */
MUST_CHECK int journal_receipt(struct journal *j, int64_t seq, const struct journal_step *s, const char *receipt,
                               struct err *err);
/* It was certainly not done (the call failed before anything was sent, or was refused): the intention is closed with its error. */
MUST_CHECK int journal_failed(struct journal *j, int64_t seq, const char *why, struct err *err);
/*
 * After a call that ended with code: its receipt; or, where it was certainly not done, the intention closed.  Anything else leaves that to
 * the next run.  Returns code, with err as it was, or what kept the receipt out.
 */
MUST_CHECK int journal_close(struct journal *j, int64_t seq, const struct journal_step *s, const char *receipt,
                             int code, struct err *err);

struct journal_row {
	int64_t seq;
	const char *tenant, *domain, *step, *driver, *operation, *intent;
	const char *receipt; /* NULL: pending */
	int64_t intended_ms;
};
/* Rows of a domain that still count (not failed, not undone), oldest first.  show's non-zero return stops and is returned. */
MUST_CHECK int journal_walk(struct db *db, const char *domain, int (*show)(const struct journal_row *, void *),
                            void *arg, struct err *err);

#endif
