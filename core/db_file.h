/*
 * db_file.h - the store as a file: may it be used, and did its last user leave it in order?
 */
#ifndef CORE_DB_FILE_H
#define CORE_DB_FILE_H

#include "core/db.h"

/*
 * The one true path on the heap (links resolved, so that one store has one lock), after checking that it is on a local file
 * system, a regular file with one name, ours, 0600.  DB_CREATE makes an empty one.  Errors: as db_open.
 */
MUST_CHECK int db_file_find(const char *path, enum db_mode mode, char **path_out, struct err *err);

/* Nobody can write: the directory takes no files, and there is no log left to read. */
bool db_file_is_still(const char *path);

/*
 * Writers register in STORE.open.  unclean_out: nobody else has the store open, and the last who had did not leave by
 * db_presence_leave; or, whoever has it open, a sync failed or was never made.  Waits up to wait_ms while commits of others wait for their
 * sync: the kernel tells of a sync that failed only those who had the file open by then.  Call under the store's lock.
 * Errors: CR_EIO, CR_ENOMEM, CR_ERETRY.
 */
struct db_presence {
	int fd; /* -1: not registered */
};
MUST_CHECK int db_presence_enter(struct db_presence *p, const char *store, const struct clock *clock, int64_t wait_ms,
                                 bool *unclean_out, struct err *err);
/*
 * Before an unclean store is opened: what stands in its log may be in memory only, of a process killed in front of its sync, or of a
 * sync that failed.  The next process would find it there and let an answer rest on it, which a power cut then takes back.  The log is
 * written again, and synced, with its name.  Errors: CR_ESTORE, CR_ENOMEM.
 */
MUST_CHECK int db_file_settle(const char *path, struct err *err);
/* That, and a look at the pages, was done. */
void db_presence_settled(struct db_presence *p);
/* Nobody else has the store open for writing.  Call under the store's lock. */
bool db_presence_is_alone(const struct db_presence *p);
/*
 * Under the store's lock, before a commit that others see before it is synced.  False: it has to be synced first; one process at a time may
 * do so.  Once all such are synced, db_presence_synced; who dies before that, or whose sync fails, leaves a mark.
 */
bool db_presence_defer(struct db_presence *p);
void db_presence_synced(struct db_presence *p);
/* clean false: leave as if killed, so that the next one checks. */
void db_presence_leave(struct db_presence *p, bool clean);

#endif
