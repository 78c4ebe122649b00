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

#define TOKENS_MAX      4                        /* live spends of a mailbox; a fifth is what this program refuses */
#define TOKENS_PACKED   53                       /* always: a row that keeps its length is changed where it stands */
#define TOKENS_FIRST_MS ((int64_t)1735689600000) /* 2025-01-01: no send of this program is older */
#define TOKENS_LAST_MS  (TOKENS_FIRST_MS + (((int64_t)1 << 40) - 2)) /* 2059 */
#define TOKENS_NEVER    INT64_MAX

struct token {
	int64_t spent_ms;
	int class;    /* enum gate_class */
	uint64_t key; /* of message id and recipient; random when it was asked without an id */
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

/* NULL and length 0: no spends.  Errors: CR_ESTORE (not what tokens_pack writes, now or in schema 1). */
MUST_CHECK int tokens_unpack(const void *data, size_t len, struct tokens *out, struct err *err);
void tokens_pack(const struct tokens *t, uint8_t out[TOKENS_PACKED]);

/* From when on may one more of this class be sent?  INT64_MIN: now and always; TOKENS_NEVER: a limit is 0. */
int64_t tokens_free_at(const struct tokens *t, const struct tokens_rules *r, int class);
/* From when on is the mailbox's gap over? */
int64_t tokens_gap_at(const struct tokens *t, const struct tokens_rules *r);
/* What is left of a class at now, the total respected. */
int tokens_left(const struct tokens *t, const struct tokens_rules *r, int class, int64_t now_ms);

/* The live spend of this request, or NULL.  Borrowed. */
const struct token *tokens_find(const struct tokens *t, const struct tokens_rules *r, uint64_t key, int64_t now_ms);
/* Only after tokens_free_at said so: a spent slot never gives way to a new one. */
void tokens_spend(struct tokens *t, const struct tokens_rules *r, const struct token *spend);
bool tokens_is_live(const struct token *s, const struct tokens_rules *r, int64_t now_ms);
/* Give back spend at. */
void tokens_remove(struct tokens *t, size_t at);

#endif
