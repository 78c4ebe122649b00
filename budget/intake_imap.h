/*
 * intake_imap.h - what comes in over IMAP: the mails of imap.h, each given to intake.h.
 */
#ifndef BUDGET_INTAKE_IMAP_H
#define BUDGET_INTAKE_IMAP_H

#include "budget/intake.h"

/*
 * In place of intake_open and intake_places: the new mails of the named mailboxes, or of all.  0, or EX_DATAERR when something in a
 * mailbox was no mail.  Errors: as imap_open, imap_each, intake_mail without CR_EPARSE.
 */
MUST_CHECK int intake_imap(struct intake *in, struct session *s, bool dry_run, const char *const *names, size_t n_names,
                           struct err *err);

#endif
