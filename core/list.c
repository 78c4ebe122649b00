/*
 * list.c - lists that grow.
 */
#include "core/list.h"

#include <stdlib.h>

#define FIRST 8

void *
list_grow(void *items, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap != 0 ? 2 * *cap : FIRST;
	void *grown;

	if (n < *cap)
		return items;
	grown = reallocarray(items, more, size);
	if (grown != NULL)
		*cap = more;
	return grown;
}
