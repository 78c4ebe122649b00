/*
 * phrases.h - many short phrases looked for in one text, in one pass.
 *
 * A phrase is made of literal pieces with `*` between them (up to PHRASES_GAP bytes of anything); `~` at the edge of a piece asks for the
 * edge of a word there.  Every piece is kept under one of its trigrams, the one that fewest others took; the text is walked once, and what
 * stands under its trigrams compared.  Against an automaton of Aho and Corasick: some tens of KB in place of megabytes, and built within
 * a millisecond, which a program that starts for each bounce notices; the longest walk is bounded by the text's length times the
 * fullest trigram.
 */
#ifndef BUDGET_PHRASES_H
#define BUDGET_PHRASES_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PHRASES_MAX       8192 /* phrases, and pieces of phrases that have several */
#define PHRASES_GAP       80
#define PHRASES_TEXT_MAX  60000
#define PHRASES_PIECE_MIN 3

/* All zero is empty. */
struct phrases {
	struct phrases_piece *pieces;
	struct phrases_phrase *list;
	char *bytes;     /* of all pieces, one after the other */
	uint16_t *heads; /* where in pieces each trigram's begin */
	uint16_t *index; /* hash of a phrase to its id + 1, until closed */
	size_t n_pieces, n, n_bytes, n_slots, cap_pieces, cap, cap_bytes;
	bool closed;
};

void phrases_release(struct phrases *p);

/*
 * Add a phrase (len bytes, folded as the texts will be), or find it where it was added before: id_out counts from 0.
 * Errors: CR_ECONFIG (a piece is shorter than three bytes, or there are too many), CR_ENOMEM.
 */
MUST_CHECK int phrases_add(struct phrases *p, const char *text, size_t len, uint16_t *id_out, struct err *err);

/* Nothing can be added after that.  Errors: CR_ENOMEM. */
MUST_CHECK int phrases_close(struct phrases *p, struct err *err);

/* Which phrases stand in text: their bits are set in found.  At most PHRASES_TEXT_MAX bytes are read. */
#define PHRASES_WORDS (PHRASES_MAX / 64)
struct phrases_found {
	uint64_t bits[PHRASES_WORDS];
};
void phrases_find(const struct phrases *p, const char *text, size_t len, struct phrases_found *found);

static inline bool
phrases_has(const struct phrases_found *found, uint16_t id)
{
	return (found->bits[id / 64] >> (id % 64) & 1) != 0;
}

#endif
