/*
 * verify_message.h - the test message of `coldrelay verify`: where its bytes come from, and what they are worth.
 */
#ifndef PROVISION_VERIFY_MESSAGE_H
#define PROVISION_VERIFY_MESSAGE_H

#include "core/buf.h"
#include "core/session.h"
#include "dns/passed.h"

/*
 * A saved message: file, or standard input for "-".  The "From " line of an mbox in front is taken off; of several messages the first
 * is read.  out may be filled already: it is emptied.
 * Errors: CR_ENOTFOUND, CR_EIO, CR_EPARSE (empty, or above MESSAGE_BYTES_MAX), CR_ENOMEM.
 */
MUST_CHECK int verify_message_read(const char *file, struct buf *out, struct err *err);

/* The newest message from the domain in the mailboxes that `bounce --imap` reads: nothing there is changed, or marked as seen. */
struct verify_message_fetch {
	const char *domain;           /* of From; canonical */
	const char *const *mailboxes; /* where it arrives: addresses or domains; none: every configured one */
	size_t n_mailboxes;
	int64_t wait_s; /* look again until it is there, or this is over; 0: once */
};
/* Errors: CR_ERETRY (no such message came in time), imap_open's, imap_each's. */
MUST_CHECK int verify_message_fetch(struct session *s, const struct verify_message_fetch *f, struct buf *out,
                                    struct err *err);

/* A job of lookup_settle. */
struct verify_message {
	struct message message;
	const char *domain; /* set by the caller, borrowed: who should have sent it; NULL: whoever From says */
	const char *const
		*trusted; /* set by the caller, borrowed: authserv-ids, NULL-terminated; NULL: the topmost field's */
	int64_t now_s;    /* set by the caller */
	struct passed passed; /* out: its findings are the group "message" */
};
/* Errors: message_read's. */
MUST_CHECK int verify_message_open(const struct buf *bytes, struct verify_message *out, struct err *err);
void verify_message_release(struct verify_message *m);
/* A lookup_check; arg is the struct verify_message.  Errors: passed_check's. */
MUST_CHECK int verify_message_check(struct lookup *l, void *arg, struct err *err);

#endif
