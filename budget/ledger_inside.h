/*
 * ledger_inside.h - what the files of the ledger share.
 */
#ifndef BUDGET_LEDGER_INSIDE_H
#define BUDGET_LEDGER_INSIDE_H

#include "budget/ledger.h"

/* What was not kept is gone; what was kept as well when all is. */
void ledger_list_cut(struct ledger_list *list, size_t n, void (*drop)(void *));
MUST_CHECK int ledger_list_add(struct ledger_list *list, void *item, struct err *err);

/* What the answers to questions that go out later are put into stays until they have come.  Takes p, also when it fails. */
MUST_CHECK int ledger_lend(struct ledger *l, void *p, struct err *err);
void ledger_came(struct ledger *l);

void ledger_standing_drop(void *standing);

/*
 * The server's time, once after all that a transaction waits for.  It is compared with the last send in the store at first, and then
 * with what it was before, which is later.
 */
MUST_CHECK int ledger_server_clock(struct ledger *l, const struct clock *clock, struct clockwork *out, struct err *err);

#endif
