/*
 * daemon.h - the gate behind a socket: one thread, many connections, one transaction a round.
 *
 * All requests that are whole in one round of the loop share one transaction and one sync; no answer of the round leaves before the
 * commit has said CR_OK.  When the commit's outcome is unknown nobody is answered and the connections close: Postfix asks again
 * with the same instance, and the same question is not charged twice.
 */
#ifndef BUDGET_DAEMON_H
#define BUDGET_DAEMON_H

#include "budget/gate.h"
#include "budget/listen.h"

struct daemon;

/*
 * Listens when it returns CR_OK; SIGTERM, SIGINT and SIGHUP are blocked from here to daemon_drop, and come through daemon_run.
 * All is borrowed; db is the gate's own.  Errors: CR_ECONFIG (the place is taken or not ours), CR_EIO, CR_ENOMEM.
 */
MUST_CHECK int daemon_open(const struct listen_at *at, struct gate *gate, struct db *db, const struct clock *clock,
                           struct daemon **out, struct err *err);
/* CR_OK after SIGTERM or SIGINT, when all that had arrived is answered.  Errors: CR_EIO. */
MUST_CHECK int daemon_run(struct daemon *d, struct err *err);
void daemon_drop(struct daemon **d);

#endif
