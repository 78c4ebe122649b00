/*
 * committer.h - two threads beside the loop: one decides rounds, the other syncs what they wrote.
 *
 * While a round is decided and the one before it is being synced, the loop reads the next.  Rounds come back in the order in which they were
 * given, each decided and durable; from committer_give until committer_take they are the committer's.  Everything rounds work on (gate, judge,
 * store) is the deciding thread's while committer_is_busy; a sync touches none of it.
 */
#ifndef BUDGET_COMMITTER_H
#define BUDGET_COMMITTER_H

#include "budget/round.h"

#define COMMITTER_ROUNDS 3 /* one being decided, one that waits for its sync, one being synced */

struct committer;

/* Starts the threads; every signal is blocked in them.  Errors: CR_EIO, CR_ENOMEM. */
MUST_CHECK int committer_open(struct committer **out, struct err *err);
/* Ends them, after their rounds. */
void committer_drop(struct committer **c);

/* Readable when rounds are ready to be taken back: all of them are to be taken then. */
int committer_fd(const struct committer *c);
/* A round is being decided. */
bool committer_is_busy(const struct committer *c);
/* Rounds that were given and not taken back. */
size_t committer_rounds(const struct committer *c);
/* Not while it is busy, nor beyond COMMITTER_ROUNDS. */
void committer_give(struct committer *c, struct round *r);
/*
 * The next round that is done, else NULL; wait: as long as that takes, NULL only when there is none.  wrote_out: as round_decide.
 */
struct round *committer_take(struct committer *c, bool wait, bool *wrote_out);

#endif
