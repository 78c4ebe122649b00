/*
 * homes.h - "no mailbox of this installation", from memory: a filter over the domains that ever had one.
 *
 * Almost every recipient lives elsewhere.  A mailbox's domain is a row of `domain`, and mailboxes have numbers that rise (they are put in by
 * one at a time, and never removed), so catching up reads only what is new.  Of a file only: with a server the question goes out with others.
 */
#ifndef BUDGET_HOMES_H
#define BUDGET_HOMES_H

#include "core/bloom.h"
#include "core/db.h"

/* All zero: knows nothing yet, and says "maybe" to everything. */
struct homes {
	struct bloom domains;
	int64_t last_mailbox;
	unsigned asked; /* a handle that asks once shall not read the whole list for it */
	bool current;
};

void homes_release(struct homes *h);
/* Something may have been added. */
void homes_stale(struct homes *h);
/* Catch up, if it is worth it by now, for n questions more.  Errors: CR_ESTORE, CR_ENOMEM. */
MUST_CHECK int homes_refresh(struct homes *h, struct db *db, size_t n, struct err *err);
/* An address in its one spelling.  False: it is certainly none of a mailbox of ours. */
bool homes_maybe(const struct homes *h, const char *address);

#endif
