/*
 * slice.h - a stretch of text where it lies, without an end of its own: what the readers of mails hand around.
 */
#ifndef BUDGET_SLICE_H
#define BUDGET_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
	const char *at;
	size_t len;
};

/* Of a string literal: a value, and the initialiser of one in a table. */
#define SLICE(s) ((struct slice){(s), sizeof(s) - 1})
#define SLICE_INIT(s)                                                                                                  \
	{                                                                                                              \
		(s), sizeof(s) - 1                                                                                     \
	}

bool slice_is(struct slice s, struct slice want);     /* ASCII letters in any case */
bool slice_starts(struct slice s, struct slice want); /* the same */
struct slice slice_trim(struct slice s);
/* Where needle (lower case) first stands in s, in any case; NULL nowhere. */
const char *slice_find(struct slice s, struct slice needle);

#endif
