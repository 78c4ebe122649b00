/*
 * db_index.c - see db_index.h.
 */
#include "core/db_index.h"

#include <string.h>

#include "core/lazy.h"

#define CALLS(X) X(sqlite3_file_control)
LAZY_LIBRARY(index_calls, "libsqlite3.so.0", "libsqlite3-0", CALLS);
#define sqlite3_file_control index_calls.sqlite3_file_control

#define REGION_BYTES 32768 /* of the map; the header is in its first */

bool
db_index_find(struct db_index *x, sqlite3 *handle)
{
	sqlite3_file *file = NULL;
	volatile void *region = NULL;

	if (x->header != NULL)
		return true;
	if (lazy_need(&index_calls_lazy, NULL) != CR_OK ||
	    sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods == NULL || file->pMethods->iVersion < 2 || file->pMethods->xShmMap == NULL)
		return false;
	/* 0: what is not there yet is not made. */
	if (file->pMethods->xShmMap(file, 0, REGION_BYTES, 0, &region) == SQLITE_OK)
		x->header = region;
	return x->header != NULL;
}

void
db_index_read(const struct db_index *x, uint8_t out[DB_INDEX_BYTES])
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* Word for word, as others write it. */
	for (size_t i = 0; i < DB_INDEX_BYTES; i += sizeof(uint32_t)) {
		uint32_t word = *(const volatile uint32_t *)(const volatile void *)(x->header + i);

		memcpy(out + i, &word, sizeof(word));
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

void
db_index_keep(struct db_index *x, const uint8_t now[DB_INDEX_BYTES])
{
	memcpy(x->seen, now, DB_INDEX_BYTES);
	/* Half written: a commit is under way. */
	x->has_seen = memcmp(now, now + DB_INDEX_BYTES / 2, DB_INDEX_BYTES / 2) == 0;
}

bool
db_index_same(const struct db_index *x)
{
	uint8_t now[DB_INDEX_BYTES];

	if (!x->has_seen)
		return false;
	db_index_read(x, now);
	return memcmp(now, x->seen, DB_INDEX_BYTES) == 0;
}
