/*
 * maillog.h - Postfix's log: which deliveries were refused or put off, in whose words, and which mailbox had sent.
 *
 * Lines as syslog, journalctl and postlogd(8) write them, of any instance name.  A delivery names its queue id only; sender and
 * message id stand in the qmgr and cleanup lines before it, so the last MAILLOG_MESSAGES of them are remembered.
 */
#ifndef BUDGET_MAILLOG_H
#define BUDGET_MAILLOG_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Of the messages of as many mailboxes, with a day in the queue; what falls out has an unknown sender. */
#define MAILLOG_MESSAGES ((size_t)32768)
#define MAILLOG_LINE_MAX ((size_t)16384)

struct maillog;

/* Texts end with a NUL, are "" when the line does not tell, and are borrowed until the next call. */
struct maillog_event {
	const char *recipient;
	const char *sender;     /* "" also of a notice, whose sender is empty */
	const char *message_id; /* with its <> */
	const char *host;       /* the relay that was spoken to */
	const char *status;     /* dsn= */
	const char *text;       /* the reason, without its parentheses */
	bool temporary;         /* status=deferred */
};

MUST_CHECK int maillog_open(struct maillog **out, struct err *err);
void maillog_drop(struct maillog **l);
/*
 * One line, without its newline; longer ones are cut.  True: it tells of a delivery that was bounced or deferred.  All other lines are
 * looked at for senders only.  That there is no memory for a sender means that it is not known.
 */
bool maillog_line(struct maillog *l, const char *line, size_t len, struct maillog_event *out);

#endif
