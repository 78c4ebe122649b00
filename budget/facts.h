/*
 * facts.h - everything one decision of the gate rests on, gathered; and the tests over it, pure.
 *
 * Inside the room only: facts.c gathers, decide.c tests, gate.c spends, gate_answer.c tells.
 */
#ifndef BUDGET_FACTS_H
#define BUDGET_FACTS_H

#include "budget/gate.h"
#include "budget/ledger.h"
#include "budget/organisations.h"
#include "budget/suppress.h"
#include "dns/name.h"

struct gate {
	struct db *db;
	const struct vault *vault;
	const struct clock *clock;
	struct tokens_rules rules;
	struct buf peers; /* canonical, each with its NUL */
	struct organisations organisations;
	struct ledger ledger;
	bool has_new_clock; /* to be stored with this transaction */
	struct clockwork new_clock;
	uint8_t request_key[SECRET_SHORT_KEY], ticket_key[SECRET_SHORT_KEY];
};

/* Nothing in it is large: it lives on the stack. */
struct facts {
	const struct gate_words *words; /* the question's, or: */
	struct gate_words own_words;
	enum gate_class class;
	uint64_t key; /* of the request */
	uint8_t recipient_hash[SUPPRESS_HASH_HEX / 2];

	const struct standing *standing; /* of the mailbox's domain */
	struct seat *seat;
	bool known;          /* a mailbox of this installation, not removed; all below holds only then */
	char closed_by[64];  /* suppression entry; "": none */
	struct paced *paced; /* NULL: no pace is kept */
	bool gap_excused;    /* a further recipient of a message whose first one was just admitted */

	char clock_doubt[256]; /* "": now_ms holds */
	int64_t now_ms;
	int64_t wall_ahead_ms; /* wall time less the gate's */
	struct clockwork clock;
};

/* All but the texts, which are filled before they are read.  It must not move: words may point into it. */
void facts_clear(struct facts *f);
/* The words of the question, before the store is touched.  Errors: CR_EPARSE. */
MUST_CHECK int facts_read(const struct gate *g, const struct gate_request *q, struct facts *f, struct err *err);
/* Everything the tests need.  The caller holds the transaction, or wants only advice.  Errors: CR_ESTORE. */
MUST_CHECK int facts_look(struct gate *g, struct facts *f, struct err *err);

/* The index of the first test that does not allow, or GATE_TESTS; told: with the texts of all, else with none. */
size_t facts_test(const struct gate *g, const struct facts *f, bool told, struct gate_finding out[GATE_TESTS]);
/* The text of one. */
void facts_tell(const struct gate *g, const struct facts *f, size_t test, struct gate_finding *out);
/* The spend that already paid for this request, once the tests in front of the budget hold; or NULL. */
const struct token *facts_paid(const struct gate *g, const struct facts *f,
                               const struct gate_finding findings[GATE_TESTS]);

/* What the gate says.  spend: what the ticket names; NULL: nothing was charged, no ticket. */
void gate_answer_allow(const struct gate *g, const struct facts *f, const struct token *spend, struct gate_answer *a);
/* first: the test that answers. */
void gate_answer_no(const struct gate *g, const struct facts *f, struct gate_finding findings[GATE_TESTS], size_t first,
                    struct gate_answer *a);
/* Not now, "store": whatever else it was going to be. */
void gate_answer_trouble(const struct facts *f, const struct err *err, struct gate_answer *a);

#endif
