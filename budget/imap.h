/*
 * imap.h - the mailboxes of this installation read over IMAP, each mail handed out once.
 *
 * How far a folder was read stands in the store, and moves on only after whoever was handed a mail has returned, its own transaction
 * committed.  Cut off anywhere, the next run goes on there; what was handed out in the last moments comes again.
 */
#ifndef BUDGET_IMAP_H
#define BUDGET_IMAP_H

#include "core/session.h"

#include <stdbool.h>
#include <stddef.h>

struct imap;

/* Read the servers and open the store.  Instead of session_store, which would not see the faults of the list.
 * Errors: CR_ECONFIG (faults, or no server), session_store's. */
MUST_CHECK int imap_open(struct session *s, enum db_mode mode, struct imap **out, struct err *err);
void imap_drop(struct imap **i);

struct imap_run {
	const char *const
		*names; /* addresses and domains; none: every provisioned mailbox, and those the servers name */
	size_t n_names;
	bool dry_run; /* the place is not kept */
	size_t newest; /* that many mails of each folder, read before or not, and the place is not kept; 0: what is new */
	void *arg;
	/* A mail.  Borrowed.  Not inside a transaction; an error ends everything. */
	int (*got)(void *arg, const char *mailbox, const char *data, size_t len, struct err *err);
	/* A line for people: a mail that was skipped, one of several mailboxes that could not be read. */
	void (*note)(void *arg, const char *line);
};
struct imap_count {
	size_t mailboxes, mails, skipped, failed;
};

/*
 * One mailbox that cannot be read does not keep the others; its error is returned at the end.
 * Errors: got's; CR_ENOTFOUND (a name that no mailbox has, no such folder), imap_password's, imap_curl_open's, imap_box_read's.
 */
MUST_CHECK int imap_each(struct imap *i, const struct imap_run *run, struct imap_count *out, struct err *err);

#endif
