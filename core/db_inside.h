/*
 * db_inside.h - the door's own state, shared by its parts: db_open.c opens and migrates, db_later.c knows what is not synced, db.c is the rest.
 */
#ifndef CORE_DB_INSIDE_H
#define CORE_DB_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/db_engine.h"
#include "core/db_file.h"
#include "core/lock.h"

/* Who gets the rows of db_query_many. */
struct asker {
	struct db *db;
	int (*got)(void *arg, size_t i, const struct db_rows *row, struct err *err);
	void *arg;
};
#define LATER_MAX 8

/* Commits whose sync was left: a mark stands in STORE.open from before the first until all are synced. */
struct unsynced {
	pthread_mutex_t mutex;
	uint64_t begun, ended; /* how many were to be left, and of these are over */
	bool marked;
};

struct db {
	char *path;
	enum db_mode mode;
	const struct clock *clock;
	int64_t busy_ms;
	const struct engine_kind *kind;
	struct engine *engine;
	struct lock *lock; /* of a file that is written; else NULL */
	struct db_presence presence;
	pthread_mutex_t mutex; /* guards waiting and owner, and is never held for long */
	pthread_cond_t freed;
	int waiting;
	_Atomic(const void *) owner; /* the mark of the thread whose turn it is, or NULL */
	int holds;                   /* of the owner: 1 for a transaction, 1 for each open rows */
	bool in_transaction, is_shared;
	int conflicts;                 /* in a row */
	struct asker later[LATER_MAX]; /* whose answers have not come yet */
	size_t n_later;
	uint32_t alone;  /* transactions of db_begin that may have changed something */
	uint64_t marked; /* by the last db_mark */
	bool is_marked;  /* and the engine can tell whether that still holds */
	struct unsynced unsynced;
	_Atomic(bool) suspect; /* damaged, or a write of unknown outcome: the next one to open it checks it */
};

/* The store's lock between processes, where the store is a file: a server has its own. */
static inline int
db_lock(struct db *db, int64_t wait_ms, struct err *err)
{
	return db->lock != NULL ? lock_take(db->lock, db->clock, wait_ms, NULL, err) : CR_OK;
}

static inline void
db_unlock(struct db *db)
{
	if (db->lock != NULL)
		lock_give(db->lock);
}

#endif
