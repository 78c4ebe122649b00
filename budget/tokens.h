/*
 * tokens.h - the right to a send: spends packed into a mailbox's row, and the pure rules over them.
 *
 * Nothing here reads a clock or a store: a rule takes the row and answers with the time from which it holds, so the same
 * code decides, explains and names the moment to ask again.
 *
 * Exactly 24 hours: times are milliseconds rounded down.  Two sends whose rounded times differ by GATE_WINDOW_MS (24 h + 1 ms)
 * or more are truly more than 24 h apart, whatever was cut off; so no closed window of 24 h holds five.
 */
#ifndef BUDGET_TOKENS_H
#define BUDGET_TOKENS_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKENS_MAX         4 /* live spends of a mailbox; a fifth is what this program refuses */
#define TOKENS_KEY_BYTES   16
#define TOKENS_PACKED_MAX  (2 + TOKENS_MAX * (8 + 1 + TOKENS_KEY_BYTES + 8 + 8))
#define TOKENS_NEVER       INT64_MAX
#define TOKENS_TICKET_SIZE 40

/* Half of it finds the history row, half of it cannot be guessed. */
struct ticket {
	int64_t seq;
	uint64_t nonce;
};

struct token {
	int64_t spent_ms;
	int class;                     /* enum gate_class */
	uint8_t key[TOKENS_KEY_BYTES]; /* of message id and recipient; all zero: asked without an id, matches nothing */
	struct ticket ticket;
};

/* Oldest first. */
struct tokens {
	struct token slot[TOKENS_MAX];
	size_t n;
};

struct tokens_rules {
	int64_t total, per_class[2];
	int64_t window_ms;                 /* GATE_WINDOW_MS and the queue lifetime */
	int64_t gap_ms;                    /* 0: off */
	int64_t org_per_hour, org_per_day; /* 0: off */
};

/* NULL and length 0: no spends.  Errors: CR_ESTORE (not what tokens_pack writes). */
MUST_CHECK int tokens_unpack(const void *data, size_t len, struct tokens *out, struct err *err);
size_t tokens_pack(const struct tokens *t, uint8_t out[TOKENS_PACKED_MAX]);

/* From when on may one more of this class be sent?  INT64_MIN: now and always; TOKENS_NEVER: a limit is 0. */
int64_t tokens_free_at(const struct tokens *t, const struct tokens_rules *r, int class);
/* From when on is the mailbox's gap over? */
int64_t tokens_gap_at(const struct tokens *t, const struct tokens_rules *r);
/* What is left of a class at now, the total respected. */
int tokens_left(const struct tokens *t, const struct tokens_rules *r, int class, int64_t now_ms);

/* The live spend of this request, or NULL.  Borrowed. */
const struct token *tokens_find(const struct tokens *t, const struct tokens_rules *r, const uint8_t *key,
                                int64_t now_ms);
/* Only after tokens_free_at said so: a spent slot never gives way to a new one. */
void tokens_spend(struct tokens *t, const struct tokens_rules *r, const struct token *spend);
/* True when the ticket was a live spend; it is gone then. */
bool tokens_release(struct tokens *t, const struct tokens_rules *r, const struct ticket *ticket, int64_t now_ms,
                    struct token *released_out);

void ticket_format(const struct ticket *t, char out[TOKENS_TICKET_SIZE]);
/* Errors: CR_EPARSE. */
MUST_CHECK int ticket_parse(const char *text, struct ticket *out, struct err *err);

#endif
