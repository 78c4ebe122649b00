/*
 * daemon.h - the gate behind a socket: one loop, many connections, one transaction a round.
 *
 * All requests that are whole in one round of the loop share one transaction and one sync; no answer of the round leaves before the
 * commit has said CR_OK.  When the commit's outcome is unknown nobody is answered and the connections close: Postfix asks again
 * with the same instance, and the same question is not charged twice.
 */
#ifndef BUDGET_DAEMON_H
#define BUDGET_DAEMON_H

#include "budget/gate.h"
#include "budget/listen.h"
#include "budget/notify.h"

struct daemon;

/* All is borrowed, and has to live as long as the daemon. */
struct daemon_options {
	const struct listen_at *at;      /* unless the service manager hands a socket over */
	const struct listen_at *metrics; /* NULL: none are told */
	struct gate *gate;
	struct db *db; /* the gate's own */
	const struct clock *clock;
	struct notify *notify; /* NULL: there is no service manager */
	bool log_recipients;
	/* SIGHUP: read the configuration again, and say the new one by daemon_set; on an error the old one stays.  NULL: not done. */
	int (*reload)(void *arg, struct daemon *d, struct err *err);
	void *arg;
};

/*
 * Listens when it returns CR_OK; SIGTERM, SIGINT and SIGHUP are blocked from here to daemon_drop, and come through daemon_run.
 * Errors: CR_ECONFIG (a place is taken, not ours, or not for metrics), CR_EIO, CR_ENOMEM.
 */
MUST_CHECK int daemon_open(const struct daemon_options *o, struct daemon **out, struct err *err);
/* CR_OK after SIGTERM or SIGINT, when all that had arrived is answered.  Errors: CR_EIO. */
MUST_CHECK int daemon_run(struct daemon *d, struct err *err);
void daemon_drop(struct daemon **d);

/* From the next round on. */
void daemon_set(struct daemon *d, struct gate *gate, bool log_recipients);
/* Where it listens, borrowed. */
const struct listen_at *daemon_place(const struct daemon *d);

#endif
