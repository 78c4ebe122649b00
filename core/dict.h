/*
 * dict.h - text to pointer, in memory: open addressing, grows, forgets all at once.
 */
#ifndef CORE_DICT_H
#define CORE_DICT_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is empty. */
struct dict {
	struct dict_entry {
		const char *key; /* NULL: free */
		void *value;
		uint64_t hash;
	} * entries;
	size_t cap, n;
};

/* NULL: not there. */
void *dict_get(const struct dict *m, const char *key);
/* key must live as long as its entry (a part of value, as a rule), and not be there yet.  Errors: CR_ENOMEM. */
MUST_CHECK int dict_put(struct dict *m, const char *key, void *value, struct err *err);
/* Each value to drop, if there is one; the map is empty then and keeps its room. */
void dict_clear(struct dict *m, void (*drop)(void *value));
void dict_release(struct dict *m, void (*drop)(void *value));
/* A part of dict_release, for whoever must not take long: of n places.  Until it has said true, which is all, m is good for nothing else. */
bool dict_release_some(struct dict *m, size_t n, void (*drop)(void *value));

#endif
