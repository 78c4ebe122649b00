/*
 * judge.h - one request of Postfix against the gate: tested at RCPT, spent at DATA or END-OF-MESSAGE.
 *
 * The request id is a hash of instance, client and sender, so that a question repeated after a lost reply is the same question.
 * What cannot be read, attributed or counted is deferred without charge: it never passes.
 */
#ifndef BUDGET_JUDGE_H
#define BUDGET_JUDGE_H

#include "budget/gate.h"
#include "budget/policy.h"

struct judge; /* a gate, and the messages under way */

/* gate and clock are borrowed. */
MUST_CHECK int judge_open(struct gate *gate, const struct clock *clock, struct judge **out, struct err *err);
void judge_drop(struct judge **j);

struct judgement {
	enum policy_action action;
	char answer[POLICY_ANSWER_MAX];
	char log[POLICY_ANSWER_MAX]; /* one line: reason id, mailbox, organisation; no recipient's local part */
};

/* Does it write?  Then the caller holds the gate's transaction, and tells the answer only after its commit. */
bool judge_spends(const struct policy_request *r);
/* Errors, of a request that spends: as gate_ask_in, the transaction is to be rolled back.  A test has its trouble as an answer. */
MUST_CHECK int judge_request(struct judge *j, const struct policy_request *r, struct judgement *out, struct err *err);
/* The answer to anything while the store is in trouble and nothing was written. */
void judge_trouble(const char *why, struct judgement *out);

#endif
