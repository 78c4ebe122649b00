/*
 * closed.h - "certainly not suppressed", from memory: a Bloom filter over the suppression list.
 *
 * Almost every recipient is on no list.  The filter says so without a question to the store; where it cannot, the store is asked.
 * It only grows: a lifted entry costs a question, never a wrong answer.  Entries are added by their number, which rises (suppression is
 * written by one at a time, and rows are never removed), so catching up reads only what is new.
 */
#ifndef BUDGET_CLOSED_H
#define BUDGET_CLOSED_H

#include "core/bloom.h"
#include "core/db.h"

#include <stdbool.h>

/* All zero: knows nothing yet, and says "maybe" to everything. */
struct closed {
	struct bloom entries;
	int64_t last_id;
	unsigned asked; /* a handle that asks once shall not read the whole list for it */
	bool current;
};

void closed_release(struct closed *c);
/* Something may have been added. */
void closed_stale(struct closed *c);
/* Catch up, if it is worth it by now.  Errors: CR_ESTORE, CR_ENOMEM. */
MUST_CHECK int closed_refresh(struct closed *c, struct db *db, struct err *err);
/* An organisation, or the keyed hash of an address, as in the table.  False: no live entry of any scope. */
bool closed_maybe_organisation(const struct closed *c, const char *name);
bool closed_maybe_address(const struct closed *c, const uint8_t *hash);

#endif
