/*
 * policy.h - Postfix's policy delegation protocol: bytes in, a request out; an answer out as text.
 *
 * Source: Postfix SMTPD_POLICY_README (3.7 to 3.12).  A request is name=value lines and an empty line.  Unknown attributes are
 * ignored, order is free, of a repeated name the last one holds.  What breaks a rule or a limit is junk: the protocol has no word
 * for an error, so the connection is closed without an answer.
 */
#ifndef BUDGET_POLICY_H
#define BUDGET_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NAME_MAX      64
#define POLICY_VALUE_MAX     2048
#define POLICY_ATTRIBUTES    64
#define POLICY_REQUEST_BYTES 16384 /* with its empty line */
#define POLICY_ANSWER_MAX    512

/* How far a connection's next request has been looked at; all zero at its start. */
struct policy_scan {
	size_t at;   /* bytes looked at; of a whole request: its length */
	size_t line; /* where the present line begins */
	unsigned attributes;
	uint16_t ends[POLICY_ATTRIBUTES]; /* where their newlines are */
};
enum policy_progress { POLICY_MORE, POLICY_WHOLE, POLICY_JUNK };
/* data: all bytes since the request's start; those before s->at are not read again. */
enum policy_progress policy_scan(struct policy_scan *s, const char *data, size_t len);

enum policy_stage { POLICY_RCPT, POLICY_DATA, POLICY_END_OF_MESSAGE, POLICY_ELSEWHERE, POLICY_STAGE__COUNT };
const char *policy_stage_name(enum policy_stage stage);

enum policy_kind {
	POLICY_POSTFIX,
	POLICY_CHECK, /* ours: wire.h */
	POLICY_RELEASE,
	POLICY_KIND__COUNT
};

/* Absent is "" and 0.  Texts point into the bytes it was read from. */
struct policy_request {
	enum policy_kind kind;
	enum policy_stage stage;
	const char *instance, *client_address, *sender, *recipient, *sasl_username;
	int64_t recipient_count;
	const char *mailbox, *message_id, *ticket, *store; /* ours; the recipient too */
	bool dry_run;
};
/*
 * Of the s->at bytes that policy_scan called whole; they are changed, and have to stay as long as out.  False: junk (a line that is no
 * attribute or beyond the limits, another kind of request, a count that is no number).
 */
bool policy_read(char *data, const struct policy_scan *s, struct policy_request *out);

enum policy_action {
	POLICY_GO,      /* DUNNO, not OK, which would end the list of restrictions */
	POLICY_WAIT,    /* DEFER 4.7.1 */
	POLICY_TROUBLE, /* DEFER 4.3.0 */
	POLICY_REFUSE,  /* REJECT 5.7.1 */
	POLICY_ACTION__COUNT
};
/* The whole answer; text and reason end up in an SMTP reply, so what is not printable ASCII becomes '?'. */
void policy_answer(enum policy_action action, const char *text, const char *reason, char out[POLICY_ANSWER_MAX]);

#endif
