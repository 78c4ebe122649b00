/*
 * committer.h - a second thread that decides and commits a round while the loop reads the next one.
 *
 * One round at a time, which belongs to the committer from committer_give until committer_take returns it.  Everything the round
 * works on (gate, judge, store) is the committer's for that time.
 */
#ifndef BUDGET_COMMITTER_H
#define BUDGET_COMMITTER_H

#include "budget/round.h"

struct committer;

/* Starts the thread; every signal is blocked in it.  Errors: CR_EIO, CR_ENOMEM. */
MUST_CHECK int committer_open(struct committer **out, struct err *err);
/* Ends the thread, after its round. */
void committer_drop(struct committer **c);

/* Readable when a round is ready to be taken back. */
int committer_fd(const struct committer *c);
bool committer_is_busy(const struct committer *c);
/* Not while it is busy. */
void committer_give(struct committer *c, struct round *r);
/* The round when it is decided, else NULL; wait: as long as that takes, NULL only when there is none.  wrote_out: as round_decide. */
struct round *committer_take(struct committer *c, bool wait, bool *wrote_out);

#endif
