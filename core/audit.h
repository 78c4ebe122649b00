/*
 * audit.h - the hash-chained log: one row a change, in the transaction that makes the change.
 *
 * hash(n) = keyed BLAKE2b-256 (vault purpose "audit") over hash(n-1) and the length-prefixed fields of row n; the head
 * (count and hash) is kept in meta under its own key, so a cut tail shows.  A restored older copy of the whole store cannot be told from inside:
 * `audit verify --expect HASH` compares with a head that was noted outside.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/db.h"
#include "core/secret.h"

struct audit_entry {
	int64_t seq;         /* filled by the log */
	int64_t at_ms;       /* UTC */
	const char *actor;   /* "cli:root", "gate", "bounce" */
	const char *action;  /* "domain.freeze", "zone.create", "suppress.add" */
	const char *subject; /* the domain, mailbox or organisation */
	const char *reason;  /* id of the reason or the operator's text; may be NULL */
	const char *detail;  /* one JSON object, without secrets; may be NULL */
};

/* Append inside the caller's transaction.  Errors: CR_ESTORE, CR_ENOMEM. */
MUST_CHECK int audit_append(struct db *db, const struct vault *v, const struct audit_entry *e, struct err *err);

struct audit_report {
	int64_t rows;
	char head_hex[65];
	int64_t first_bad_seq; /* 0: the chain holds */
	char fault[160];       /* "row 17 was changed", "row 4 is missing", "the last 2 rows are missing" */
};
/* Walk the whole chain.  CR_OK whatever the finding.  Errors: CR_ESTORE. */
MUST_CHECK int audit_verify(struct db *db, const struct vault *v, struct audit_report *out, struct err *err);

/* Call show for each row, oldest first; from_seq 0: all; subject NULL: any.  show's non-zero return stops and is returned. */
MUST_CHECK int audit_walk(struct db *db, int64_t from_seq, const char *subject,
                          int (*show)(const struct audit_entry *, void *), void *arg, struct err *err);

/* "cli:USER" of this process, static. */
const char *audit_actor(void);

#endif
