/*
 * judge.h - one request against the gate: of Postfix, tested at RCPT, spent at DATA or END-OF-MESSAGE; or one of our own.
 *
 * The request id is a hash of instance, client and sender, so that a question repeated after a lost reply is the same question.
 * What cannot be read, attributed or counted is deferred without charge: it never passes.
 */
#ifndef BUDGET_JUDGE_H
#define BUDGET_JUDGE_H

#include "budget/gate.h"
#include "budget/policy.h"
#include "budget/wire.h"

struct judge; /* a gate, and the messages under way */

/* gate and clock are borrowed. */
MUST_CHECK int judge_open(struct gate *gate, const struct clock *clock, struct judge **out, struct err *err);
void judge_drop(struct judge **j);
/* Between two requests: another gate; and whether recipients are logged, which they are not by default. */
void judge_set(struct judge *j, struct gate *gate, bool log_recipients);

#define JUDGE_LOG 1024

struct judgement {
	enum policy_action action;
	char answer[WIRE_ANSWER_MAX];
	char reason[32];     /* its id */
	char log[JUDGE_LOG]; /* one printable line: reason, mailbox, organisation; recipients only where that is set */
};

/* What a request's words mean, where it has one mailbox, which signed in under the sender's address, and one recipient. */
struct judge_words {
	bool read; /* else they are read when it is judged */
	struct gate_words gate;
};
/* The same from memory, as gate_remembers.  True: judge_recall may know the answer. */
bool judge_remembers(const struct judge *j, const struct policy_request *r, struct judge_words *out);
/* Before its turn comes, and by any thread while judge_set is not called. */
void judge_read(const struct judge *j, const struct policy_request *r, struct judge_words *out);

/* Does it write?  Then the caller holds the gate's transaction, and tells the answer only after its commit. */
bool judge_spends(const struct policy_request *r);
/* All the requests that are going to be judged in the gate's transaction: see gate_expect.  Errors: as gate_expect. */
MUST_CHECK int judge_expect(struct judge *j, const struct policy_request *const *r,
                            const struct judge_words *const *words, size_t n, struct err *err);
/* The answer to one that spends, of which judge_remembers was true, if it is a no: see gate_recall.  False: judge_request. */
bool judge_recall(struct judge *j, const struct policy_request *r, const struct judge_words *words,
                  struct judgement *out);
/* Errors, of a request that spends: as gate_ask_in, the transaction is to be rolled back.  A test has its trouble as an answer. */
MUST_CHECK int judge_request(struct judge *j, const struct policy_request *r, const struct judge_words *words,
                             struct judgement *out, struct err *err);
/*
 * Give a ticket back, in a transaction of its own: no other may stand.  Errors: only those after which nothing may be answered
 * (CR_EUNKNOWN); every other one is an answer.
 */
MUST_CHECK int judge_release(struct judge *j, const struct policy_request *r, struct judgement *out, struct err *err);
/* The answer to a request while the store is in trouble and nothing was written. */
void judge_trouble(const struct policy_request *r, const struct err *why, struct judgement *out);
/* The answer to a question of ours that this caller may not ask here: he is to open the store himself. */
void judge_forbid(const struct policy_request *r, const char *why, struct judgement *out);

#endif
