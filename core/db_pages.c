/*
 * db_pages.c - SQLite's own page cache with one thing put right, and no counting of its heap.
 *
 * When a b-tree's pages are balanced, SQLite lends a page the number of the lock byte's page for a moment (balance_nonroot; the page at
 * 2^30 of a database is never used, fileformat2.html s1.3).  Its cache takes that for the highest number it ever held, so that at the end
 * of the transaction it looks through every page it has for some that are to be cut off: 160,000 instructions and as many misses
 * with 20,000 pages, once a round of the gate.  So that number is hidden from the cache: while it is lent, the page stands there under
 * 0, which is no page's number.  The cache is asked for pages by other numbers only.
 *
 * SQLite counts its heap under a lock, for a limit that nobody sets here.
 * Sources: sqlite.org/c3ref/pcache_methods2.html, sqlite.org/c3ref/c_config_covering_index_scan.html (read 2026-11).
 */
#include "core/db_pages.h"

#ifdef LAZY_LINKED

void
db_pages_setup(void)
{
}

#else

#include <pthread.h>
#include <stddef.h>

#include <sqlite3.h>

#include "core/lazy.h"

#define LOCK_BYTE  0x40000000
#define CACHES_MAX 16 /* that are known at a time; those beyond it are as SQLite made them */

#define CALLS(X)       X(sqlite3_config)
LAZY_LIBRARY(page_calls, "libsqlite3.so.0", "libsqlite3-0", CALLS);
#define sqlite3_config page_calls.sqlite3_config

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sqlite3_pcache_methods2 original;

/* Which page of which cache is the lock byte's: that depends on the size of its pages. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct known {
	sqlite3_pcache *cache;
	unsigned lock_page;
} known[CACHES_MAX];

static struct known *
find(const sqlite3_pcache *cache)
{
	for (size_t i = 0; i < CACHES_MAX; i++) {
		if (known[i].cache == cache)
			return &known[i];
	}
	return NULL;
}

static sqlite3_pcache *
create(int page_bytes, int extra_bytes, int is_purgeable)
{
	sqlite3_pcache *cache = original.xCreate(page_bytes, extra_bytes, is_purgeable);
	struct known *free_place;

	if (cache == NULL)
		return NULL;
	(void)pthread_mutex_lock(&mutex);
	if ((free_place = find(NULL)) != NULL)
		*free_place = (struct known){cache, (unsigned)(LOCK_BYTE / page_bytes) + 1};
	(void)pthread_mutex_unlock(&mutex);
	return cache;
}

static void
destroy(sqlite3_pcache *cache)
{
	struct known *k;

	(void)pthread_mutex_lock(&mutex);
	if ((k = find(cache)) != NULL)
		*k = (struct known){NULL, 0};
	(void)pthread_mutex_unlock(&mutex);
	original.xDestroy(cache);
}

static void
rekey(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned from, unsigned to)
{
	const struct known *k;
	unsigned lock_page = 0; /* of one that is not known: nothing is changed */

	(void)pthread_mutex_lock(&mutex);
	if ((k = find(cache)) != NULL)
		lock_page = k->lock_page;
	(void)pthread_mutex_unlock(&mutex);
	original.xRekey(cache, page, from == lock_page ? 0 : from, to == lock_page ? 0 : to);
}

static void
setup(void)
{
	sqlite3_pcache_methods2 ours;

	if (lazy_need(&page_calls_lazy, NULL) != CR_OK)
		return;
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &original) != SQLITE_OK || original.iVersion != 1)
		return;
	ours = original;
	ours.xCreate = create;
	ours.xDestroy = destroy;
	ours.xRekey = rekey;
	(void)sqlite3_config(SQLITE_CONFIG_PCACHE2, &ours);
}

void
db_pages_setup(void)
{
	(void)pthread_once(&once, setup);
}

#endif
