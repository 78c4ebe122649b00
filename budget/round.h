/*
 * round.h - one round of the daemon: whole requests collected, decided together in one transaction, answered after its commit.
 *
 * Knows no connection: who asks is a pointer of the caller's, and a descriptor to see whose process is at its other end.
 */
#ifndef BUDGET_ROUND_H
#define BUDGET_ROUND_H

#include "budget/gate.h"
#include "budget/metrics.h"
#include "budget/policy.h"

#define ROUND_MAX 128 /* requests of one commit */

struct round;

struct round_options {
	struct gate *gate;
	struct db *db; /* the gate's own */
	const struct clock *clock;
	struct metrics *metrics;
	bool log_recipients; /* else no recipient's local part is logged */
};
/* All is borrowed. */
MUST_CHECK int round_open(const struct round_options *o, struct round **out, struct err *err);
/* Another list of requests over the same gate and messages under way; to be dropped before r.  One of them is decided at a time. */
MUST_CHECK int round_twin(const struct round *r, struct round **out, struct err *err);
void round_drop(struct round **r);
/* Between two rounds, for its twin as well: another configuration. */
void round_set(struct round *r, struct gate *gate, bool log_recipients);

/*
 * A whole request, as policy_scan found it.  At most ROUND_MAX before round_decide.
 * ROUND_JUNK: or no memory for it; nothing was added.  ROUND_KNOWN: it is a no that memory knows, here is the answer, borrowed until the next
 * call; nothing was added.  may_recall: else none is looked for; only while no round is being decided.
 */
enum round_added { ROUND_JUNK, ROUND_WAITS, ROUND_KNOWN };
enum round_added round_add(struct round *r, void *who, int fd, const char *data, const struct policy_scan *scan,
                           bool may_recall, const char **answer_out);
size_t round_size(const struct round *r);

/*
 * Decide and commit.  True: something was committed.  The only one that uses the gate and the store: another thread may call it while
 * nobody touches this round, and nobody decides a twin.
 * may_leave: what was committed may still have to be synced when it returns; before any answer is given round_sync does that, in any thread,
 * while twins are decided.
 */
bool round_decide(struct round *r, bool may_leave);
/* Of n rounds that were decided, in any order: one sync serves them all. */
void round_sync(struct round *const *rounds, size_t n);
/*
 * Errors: CR_EIO, once the outcome of a commit to a file was unknown: a sync that failed cannot be tried again, so the store has to be
 * opened anew, which a new process does best.  A server's connection heals itself.
 */
MUST_CHECK int round_check(const struct round *r, struct err *err);
/* The i-th answer, in the order asked; NULL: none may be given, since nobody knows whether it is true.  who_out as it was added. */
const char *round_answer(struct round *r, size_t i, void **who_out);
/* What was recalled since then, to the log. */
void round_log(struct round *r);
/* Empty again, its decisions logged and counted. */
void round_end(struct round *r);

/* What the store says of itself, for the metrics. */
void round_look(struct round *r, struct metrics_now *out);

#endif
