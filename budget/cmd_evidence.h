/*
 * cmd_evidence.h - the refusals behind a no of the gate, for `why` and `status`.
 *
 * Inside the room only.
 */
#ifndef BUDGET_CMD_EVIDENCE_H
#define BUDGET_CMD_EVIDENCE_H

#include "budget/evidence.h"
#include "core/json.h"
#include "core/session.h"

/* What of the store keeps this mailbox from this recipient, both canonical: into an array of j, or as lines of out.  Errors: CR_ESTORE. */
MUST_CHECK int cmd_evidence_between(struct session *s, const char *mailbox, const char *recipient, struct json_out *j,
                                    struct buf *out, struct err *err);
/* The number of the latest refusal that froze or burned a domain, 0: none, as when somebody did it by hand. */
MUST_CHECK int cmd_evidence_latest(struct db *db, const char *domain, int64_t *id_out, struct err *err);

#endif
