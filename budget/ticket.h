/*
 * ticket.h - what names a spend to whoever was allowed it: the mailbox's row, and a proof that cannot be guessed.
 *
 * As text: the row's number and 16 digits, in lower-case hex, a hyphen between.
 */
#ifndef BUDGET_TICKET_H
#define BUDGET_TICKET_H

#include "budget/tokens.h"
#include "core/err.h"
#include "core/secret.h"

#include <stdint.h>

#define TICKET_SIZE 40

struct ticket {
	int64_t mailbox;
	uint64_t proof;
};

/* Which spend it is says nothing to whoever was not told: a hash under a key of ours. */
void ticket_of(const uint8_t key[SECRET_SHORT_KEY], int64_t mailbox, const struct token *spend, struct ticket *out);
void ticket_format(const struct ticket *t, char out[TICKET_SIZE]);
/* Errors: CR_EPARSE. */
MUST_CHECK int ticket_parse(const char *text, struct ticket *out, struct err *err);

#endif
