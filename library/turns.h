/*
 * turns.h - one gate, many threads: who asks while another one commits shares the next commit.
 *
 * A small group commit.  Jobs stand in one line, in order of arrival.  The thread at its head leads: it takes the questions up to the
 * next job that has to be alone, answers them in one transaction with one sync, and only then wakes who asked and hands the
 * lead to the next in line.  No thread of its own, no timer: one thread alone commits at once.
 *
 * Invariants: at most one leader, and only it touches gate and store; a job leaves the line once, and is answered after the commit.
 */
#ifndef LIBRARY_TURNS_H
#define LIBRARY_TURNS_H

#include "budget/gate.h"

struct turns;

/* gate and its store are borrowed. */
MUST_CHECK int turns_open(struct gate *gate, struct db *db, struct turns **out, struct err *err);
/* Nobody is in line. */
void turns_drop(struct turns **t);

/*
 * gate_ask_in for the n recipients of one message, in a transaction shared with others.  Errors: as gate_begin, gate_ask_in and
 * gate_commit; out then holds nothing that counts.
 */
MUST_CHECK int turns_ask(struct turns *t, const struct gate_request *q, size_t n, struct gate_answer *out,
                         struct err *err);
/* work, when its turn has come, with the gate to itself and no transaction.  Returns what work returns. */
MUST_CHECK int turns_alone(struct turns *t, int (*work)(struct gate *gate, void *arg, struct err *err), void *arg,
                           struct err *err);

/* How many stand in line, the leader's batch not counted; for tests that want them there. */
size_t turns_waiting(struct turns *t);

#endif
