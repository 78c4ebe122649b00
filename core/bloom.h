/*
 * bloom.h - "certainly not among them", from memory: a Bloom filter.
 *
 * Four bits an entry out of sixteen or more: at most one false alarm in some four hundred, which costs a question.  It only grows: what is
 * gone again costs a question too, never a wrong answer.
 */
#ifndef CORE_BLOOM_H
#define CORE_BLOOM_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty, and it says "maybe" to everything. */
struct bloom {
	uint64_t *bits;
	size_t n_bits, n;
};

void bloom_release(struct bloom *b);
/* Empty, with room for n entries and as many again.  Errors: CR_ENOMEM. */
MUST_CHECK int bloom_start(struct bloom *b, size_t n, struct err *err);
/* There are more than it has room for: start again, and add them all. */
bool bloom_is_full(const struct bloom *b);
/* By a hash whose every bit is as good as random: bloom_hash, or the beginning of a keyed hash. */
void bloom_add(struct bloom *b, uint64_t hash);
bool bloom_maybe(const struct bloom *b, uint64_t hash);
uint64_t bloom_hash(const char *text);

#endif
