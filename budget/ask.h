/*
 * ask.h - ask a daemon in place of the store: one connection, one question, one answer.
 *
 * Needs neither the store nor its key.
 */
#ifndef BUDGET_ASK_H
#define BUDGET_ASK_H

#include "budget/listen.h"
#include "budget/wire.h"

/*
 * again: the question may be asked a second time when the first answer is lost (a message id, a dry run).
 * Errors: CR_ENOTFOUND (nobody answers there, or not for this store, or not to this user: nothing was done, the caller may open the
 * store himself; with `again` also after a lost answer), CR_EUNKNOWN (it may have been done; no answer within the time).
 */
MUST_CHECK int ask_daemon(const struct listen_at *at, const struct clock *clock, const struct buf *request, bool again,
                          struct wire_reply *out, struct err *err);

#endif
