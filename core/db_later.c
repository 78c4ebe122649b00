/*
 * db_later.c - commits that are seen and not synced yet: how many, and the mark in STORE.open that stands as long as there are any.
 *
 * The mark is for who opens the store: of a sync that fails the kernel tells only those who have the log open by then (core/db_file.h).
 */
#include "core/db.h"

#include "core/db_inside.h"

/* Others must know before they can see it. */
static bool
begin_unsynced(struct db *db)
{
	struct unsynced *u = &db->unsynced;
	bool marked;

	(void)pthread_mutex_lock(&u->mutex);
	u->marked = u->marked || db_presence_defer(&db->presence);
	marked = u->marked;
	u->begun += marked;
	(void)pthread_mutex_unlock(&u->mutex);
	return marked;
}

/* One that is on its way is not among those the sync was for. */
static void
end_unsynced(struct unsynced *u, struct db_presence *p, uint64_t synced)
{
	(void)pthread_mutex_lock(&u->mutex);
	if (u->marked && synced == u->begun) {
		db_presence_synced(p);
		u->marked = false;
	}
	(void)pthread_mutex_unlock(&u->mutex);
}

bool
db_sync_later(struct db *db, bool later)
{
	struct unsynced *u = &db->unsynced;

	if (db->kind->sync_later == NULL || (later && !begin_unsynced(db)))
		return false;
	if (!later) {
		(void)pthread_mutex_lock(&u->mutex);
		u->ended = u->begun;
		(void)pthread_mutex_unlock(&u->mutex);
	}
	return db->kind->sync_later(db->engine, later);
}

int
db_sync(struct db *db, struct err *err)
{
	struct unsynced *u = &db->unsynced;
	uint64_t ended;
	int rc;

	(void)pthread_mutex_lock(&u->mutex);
	ended = u->ended;
	(void)pthread_mutex_unlock(&u->mutex);
	rc = db->kind->sync != NULL ? db->kind->sync(db->engine, err) : CR_OK;
	if (rc == CR_EUNKNOWN)
		db->suspect = true;
	else if (rc == CR_OK)
		end_unsynced(u, &db->presence, ended);
	return rc;
}
