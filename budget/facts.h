/*
 * facts.h - everything one decision of the gate rests on, gathered; and the tests over it, pure.
 *
 * Inside the room only: facts.c gathers, decide.c tests, gate.c spends.
 */
#ifndef BUDGET_FACTS_H
#define BUDGET_FACTS_H

#include "budget/clockwork.h"
#include "budget/contain.h"
#include "budget/gate.h"
#include "budget/pace.h"
#include "budget/tokens.h"
#include "dns/name.h"

struct gate {
	struct db *db;
	const struct vault *vault;
	const struct clock *clock;
	struct tokens_rules rules;
	struct buf peers; /* canonical, each with its NUL */
};

struct facts {
	struct address mailbox, recipient;
	struct name organisation; /* of the recipient */
	enum gate_class class;
	uint8_t key[TOKENS_KEY_BYTES];

	char primary[256];  /* the mailbox is on or below this primary; "": on none */
	bool known;         /* a mailbox of this installation, not removed; all below holds only then */
	char closed_by[64]; /* suppression entry; "": none */
	char domain[256], tenant[256];
	enum domain_state state;
	char cause[64];
	bool tenant_frozen;
	int64_t first_send_ms;
	struct tokens tokens;
	struct pace pace;
	bool gap_excused; /* a further recipient of a message whose first one was just admitted */

	char clock_doubt[256]; /* "": now_ms holds */
	int64_t now_ms;
	int64_t wall_ahead_ms; /* wall time less the gate's */
};

/* The words of the question, before the store is touched.  The addresses point into f: it must not move.  Errors: CR_EPARSE. */
MUST_CHECK int facts_read(const struct gate *g, const struct gate_request *q, struct facts *f, struct err *err);
/* Everything the tests need.  The caller holds the transaction, or wants only advice.  Errors: CR_ESTORE. */
MUST_CHECK int facts_look(struct gate *g, struct facts *f, struct clockwork *w_out, struct err *err);
/* Only the pace, of f->tenant and f->organisation. */
MUST_CHECK int facts_look_at_pace(struct gate *g, struct facts *f, struct err *err);

/* Fill all findings; returns the index of the first that is no allow, or GATE_TESTS. */
size_t facts_test(const struct facts *f, const struct tokens_rules *r, struct gate_finding out[GATE_TESTS]);
/* The spend that already paid for this request, once the tests in front of the budget hold; or NULL. */
const struct token *facts_paid(const struct facts *f, const struct tokens_rules *r,
                               const struct gate_finding findings[GATE_TESTS]);

#endif
