/*
 * memory.h - the handle of tests on the zone provider that lives in memory.
 *
 * The store is one for the whole process, so that a "restarted" run finds what the first one left.
 */
#ifndef DNS_ZONES_MEMORY_H
#define DNS_ZONES_MEMORY_H

#include <stddef.h>

enum memory_op { MEMORY_OBSERVE, MEMORY_CREATE, MEMORY_CHANGE, MEMORY_REMOVE, MEMORY__COUNT };

/* Forget all zones, faults and counts. */
void memory_reset(void);
/*
 * From now on the nth call of op (1: the next) fails with code; once.  done: the work is done all the same before it fails, as when
 * the reply is lost.
 */
void memory_fail(enum memory_op op, size_t nth, int code, int done);
/* Calls of op since the last reset. */
size_t memory_calls(enum memory_op op);
/* How many zones were observed by the id that was told for them. */
size_t memory_by_id(void);

#endif
