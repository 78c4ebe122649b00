/*
 * list.h - lists that grow: items side by side, their number, and for how many there is room.
 */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stddef.h>

#include "core/own.h"

/*
 * Room for one more of size bytes behind the n that there are, twice as much whenever it is used up.
 * The list, which may have moved; NULL: no memory, and the old one is as it was.
 */
MUST_CHECK void *list_grow(void *items, size_t n, size_t *cap, size_t size);

#endif
