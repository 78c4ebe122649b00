/*
 * db_index.h - has anybody committed to a SQLite file?  Read from the shared index of its log, without a system call.
 *
 * Every commit of every connection, in whatever process, changes the header of that index, which SQLite itself compares to tell (twice
 * the same 48 bytes; a writer changes the second copy first).  So: the same bytes, no commit since.
 * Source: sqlite.org/walformat.html, "The WAL-Index Header" (read 2026-11); the map is SQLite's own (xShmMap of its file).
 */
#ifndef CORE_DB_INDEX_H
#define CORE_DB_INDEX_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_INDEX_BYTES (2 * 48)

struct db_index {
	const volatile uint8_t *header; /* NULL: not found yet, or the file has none */
	uint8_t seen[DB_INDEX_BYTES];
	bool has_seen;
};

/* handle: in WAL mode, and it has read before.  True: the header is there, as long as handle is open. */
bool db_index_find(struct db_index *x, sqlite3 *handle);
/* What the header says now, into out. */
void db_index_read(const struct db_index *x, uint8_t out[DB_INDEX_BYTES]);
/* Keep it: what the caller knows is the state that now stands for.  Nobody else can have changed anything meanwhile. */
void db_index_keep(struct db_index *x, const uint8_t now[DB_INDEX_BYTES]);
/* Certainly nobody has committed since what was kept. */
bool db_index_same(const struct db_index *x);

#endif
