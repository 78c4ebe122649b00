/*
 * bounce.h - what a mail says about mail that was not delivered: for whom, in whose words, and which mailbox had sent it.
 *
 * Pure: bytes in, texts out; no verdict.  RFC 3464, 6522, 6533 (delivery reports), RFC 5965 (complaints), RFC 3834 (automatic answers),
 * and what servers write that never read them.  Every limit has a stated result, none is a crash.
 */
#ifndef BUDGET_BOUNCE_H
#define BUDGET_BOUNCE_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum bounce_kind {
	BOUNCE_NONE,      /* ordinary mail */
	BOUNCE_REPORT,    /* a delivery report, in whatever form */
	BOUNCE_COMPLAINT, /* a feedback report */
	BOUNCE_VACATION,  /* an automatic answer of a person's mailbox */
	BOUNCE_KIND__COUNT
};
enum bounce_action {
	BOUNCE_FAILED, /* also where nothing says so: a report reports a failure */
	BOUNCE_DELAYED,
	BOUNCE_DELIVERED, /* relayed and expanded too */
	BOUNCE_ACTION__COUNT
};

/* All texts are UTF-8, one line, unfolded; "" when the mail does not tell. */
struct bounce_notice {
	const char *recipient; /* local@domain, lower case */
	enum bounce_action action;
	const char *status; /* "5.7.1": of the refusing server's words before the report's own Status */
	const char *reply;  /* "550" */
	const char *
		text; /* the words of whoever refused: Diagnostic-Code, a quoted reply, or the sentence that gives the reason */
	const char *
		host; /* who refused: Remote-MTA, or the host that the text names; "" also when it was the reporter itself */
	const char *command; /* "RCPT TO", "DATA", "MAIL FROM", "CONN": in reply to which */
};

struct bounce {
	enum bounce_kind kind;
	const char *reporter;   /* Reporting-MTA, or the server that wrote it */
	const char *agent;      /* whose hand it is: "postfix", "exim", "exchange", "m365", ...; for people and tests */
	const char *sender;     /* the mailbox that had sent the message: its From, else the addressee of the report */
	const char *envelope;   /* who had sent it by its Return-Path; a From may name somebody else */
	const char *message_id; /* of the message that was not delivered, with its <> */
	const char *subject;    /* of that message */
	const char *limit;      /* the first ceiling that was met, by its name below; "" none */
	size_t n;
	struct bounce_notice *notice; /* n of them; a report that names nobody has one, without a recipient */
};

/*
 * Ceilings: "depth" 32, "parts" 1,000 (empty ones do not count), "header" 1 MB, "field" 64 KB, "recipients" 10,000, "text" 256 KB a part
 * (a report's fields that need no decoding are read whole).  What lies before one is read, what lies beyond is not, and limit says so.
 * data is not copied as a whole, and is not needed after the call.  Errors: CR_ENOMEM only.
 */
MUST_CHECK int bounce_read(const char *data, size_t len, struct bounce **out, struct err *err);
void bounce_drop(struct bounce **b);

#endif
