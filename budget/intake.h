/*
 * intake.h - what comes in is read, judged, acted upon, and told: one mail or some lines of a log, one transaction, a line a recipient.
 *
 * Only after the commit is anything printed.  What is read twice counts once (budget/react.h), so that whoever is cut off begins again.
 */
#ifndef BUDGET_INTAKE_H
#define BUDGET_INTAKE_H

#include "budget/contain.h"
#include "budget/mails.h"
#include "budget/react.h"
#include "budget/reply.h"
#include "core/session.h"

struct intake {
	struct session *s;
	struct reply_rules *rules;
	const char *mailbox; /* whose mail it is when it does not tell itself; NULL */
	bool dry_run;
	bool acts;     /* the store is open: what follows is asked for */
	bool explains; /* with the sentences for people in JSON too, and what is no mail is taken for a reply */
	struct organisations organisations;
	struct react_rules reactions;
	struct react_options options;
};

/*
 * Rules by the configuration, if there is one; the store when acts.  A dry run reads it only, and goes on without where there is none.
 * in is zero before; intake_release frees it in any case.  Errors: CR_ECONFIG, CR_ENOMEM, as session_store.
 */
MUST_CHECK int intake_open(struct intake *in, struct session *s, bool acts, bool dry_run, struct err *err);
void intake_release(struct intake *in);

/*
 * source as in react.h.  Errors: CR_EPARSE (these bytes are no mail), CR_ENOMEM, CR_ESTORE, CR_ERETRY, CR_EUNKNOWN (all of the store:
 * the mail is to be given again), CR_EIO (printing).
 */
MUST_CHECK int intake_mail(struct intake *in, const char *source, const struct mail *m, struct err *err);

/*
 * Every mail of files, mboxes, Maildirs, directories, "-".  What cannot be read is told, and the rest goes on.  0, or EX_DATAERR when
 * anything could not be read.  Errors: as intake_mail, without CR_EPARSE.
 */
MUST_CHECK int intake_places(struct intake *in, const char *const *paths, size_t n, struct err *err);

/* A reply as somebody copied it, told as name.  Errors: CR_EIO, CR_ENOMEM. */
MUST_CHECK int intake_text(struct intake *in, const char *name, const char *text, size_t len, struct err *err);

struct maillog;
/* Whole lines of a log, told as name.  Errors: as intake_mail, without CR_EPARSE. */
MUST_CHECK int intake_log(struct intake *in, struct maillog *log, const char *name, const char *lines, size_t len,
                          struct err *err);

#endif
