/*
 * bloom.c - see bloom.h; the places of an entry are those of a double hash in a power of two of bits.
 */
#include "core/bloom.h"

#include <stdlib.h>
#include <string.h>

#define BITS_FIRST    ((size_t)1 << 14)
#define BITS_AN_ENTRY 16
#define PROBES        4

void
bloom_release(struct bloom *b)
{
	free(b->bits);
	*b = (struct bloom){0};
}

int
bloom_start(struct bloom *b, size_t n, struct err *err)
{
	size_t n_bits = BITS_FIRST;

	/* More than can be is left to the allocator to refuse. */
	while (n_bits / (2 * BITS_AN_ENTRY) < n && n_bits <= SIZE_MAX / 2)
		n_bits *= 2;
	free(b->bits);
	*b = (struct bloom){.bits = calloc(n_bits / 64, sizeof(b->bits[0]))};
	if (b->bits == NULL)
		return err_nomem(err, "filter");
	b->n_bits = n_bits;
	return CR_OK;
}

bool
bloom_is_full(const struct bloom *b)
{
	return b->n > b->n_bits / BITS_AN_ENTRY;
}

void
bloom_add(struct bloom *b, uint64_t hash)
{
	const uint64_t step = hash >> 32 | 1;

	for (int i = 0; i < PROBES; i++, hash += step) {
		size_t bit = hash & (b->n_bits - 1);

		b->bits[bit / 64] |= UINT64_C(1) << bit % 64;
	}
	b->n++;
}

bool
bloom_maybe(const struct bloom *b, uint64_t hash)
{
	const uint64_t step = hash >> 32 | 1;

	for (int i = 0; b->bits != NULL && i < PROBES; i++, hash += step) {
		size_t bit = hash & (b->n_bits - 1);

		if ((b->bits[bit / 64] >> bit % 64 & 1) == 0)
			return false;
	}
	return true;
}

uint64_t
bloom_hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	/* FNV's low bits alone are poor. */
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}
