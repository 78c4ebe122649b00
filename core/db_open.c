/*
 * db_open.c - the door opens: which engine, the store's lock, the settings, the migrations; and closes.
 */
#include "core/db.h"

#include <stdlib.h>
#include <string.h>

#include "core/db_inside.h"
#include "core/db_path.h"

#define BUSY_MS_DEFAULT     5000
#define DISTRUST_MS_DEFAULT 86400000
#define SHORT_LOG_PAGES     64 /* whoever opens the store next alone has to read all of them again */

static void
init_turns(struct db *db)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&db->mutex, NULL);
	(void)pthread_mutex_init(&db->unsynced.mutex, NULL);
	(void)pthread_cond_init(&db->freed, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static int
open_lock(struct db *db, struct err *err)
{
	struct buf path = {0};
	int rc;

	buf_addf(&path, "%s.lock", db->path);
	rc = buf_check(&path, "store path", err);
	if (rc == CR_OK)
		rc = lock_open(buf_str(&path), &db->lock, err);
	buf_release(&path);
	return rc;
}

static int
open_engine(struct db *db, const struct db_options *o, struct err *err)
{
	const struct engine_options options = {
		.path = db->kind->is_file ? db->path : o->path,
		.mode = o->mode,
		.still = db->kind->is_file && o->mode == DB_READ && db_file_is_still(db->path),
		.busy_ms = db->busy_ms,
		.password = o->password,
		.distrust_ms = o->distrust_ms > 0 ? o->distrust_ms : DISTRUST_MS_DEFAULT,
	};

	return db->kind->open(&options, &db->engine, err);
}

/* One step, unless somebody else has done it meanwhile: a server is asked under the lock of the transaction only. */
static int
migrate_one(struct db *db, const struct db_schema *schema, int64_t from, struct err *err)
{
	int64_t version;
	int rc = db->kind->begin(db->engine, ENGINE_ALONE, err);

	if (rc != CR_OK)
		return rc;
	rc = db->kind->version(db->engine, &version, err);
	if (rc == CR_OK && version == from) {
		rc = db->kind->run(db->engine, schema->migrations[from], err);
		if (rc == CR_OK)
			rc = db->kind->set_version(db->engine, from + 1, err);
	}
	if (rc == CR_OK)
		return db->kind->commit(db->engine, err);
	db->kind->rollback(db->engine);
	return rc;
}

/* Under the lock for a writer. */
static int
reach_version(struct db *db, const struct db_schema *schema, struct err *err)
{
	int64_t version;
	int rc = db->kind->version(db->engine, &version, err);

	if (rc != CR_OK)
		return rc;
	if (version > schema->n_migrations)
		return err_set(err, CR_ECONFIG, "store is of schema %lld, this program knows %d: use a newer coldrelay",
		               (long long)version, schema->n_migrations);
	if (db->mode == DB_READ && version == 0)
		return err_set(err, CR_ENOTFOUND, "store is still empty: 'coldrelay provision' fills it");
	if (db->mode == DB_READ && version < schema->n_migrations)
		return err_set(err, CR_ECONFIG,
		               "store is of schema %lld, this program reads %d: run a command that writes, it brings "
		               "the store forward",
		               (long long)version, schema->n_migrations);
	for (; rc == CR_OK && version < schema->n_migrations; version++)
		rc = migrate_one(db, schema, version, err);
	return rc;
}

static int
open_writer(struct db *db, const struct db_options *o, struct err *err)
{
	bool unclean = false;
	int rc = db->kind->is_file ? open_lock(db, err) : CR_OK;

	if (rc == CR_OK)
		rc = db_lock(db, db->busy_ms, err);
	if (rc != CR_OK)
		return rc;
	if (db->kind->is_file)
		rc = db_presence_enter(&db->presence, db->path, db->clock, db->busy_ms, &unclean, err);
	if (rc == CR_OK && unclean)
		rc = db_file_settle(db->path, err);
	if (rc == CR_OK)
		rc = open_engine(db, o, err);
	db->suspect = unclean;
	if (rc == CR_OK && unclean)
		rc = db->kind->quick_check(db->engine, err);
	if (rc == CR_OK && unclean)
		db_presence_settled(&db->presence);
	if (rc == CR_OK) {
		db->suspect = false;
		rc = reach_version(db, o->schema, err);
	}
	db_unlock(db);
	return rc;
}

static int
open_reader(struct db *db, const struct db_options *o, struct err *err)
{
	int rc = open_engine(db, o, err);

	if (rc == CR_OK)
		rc = reach_version(db, o->schema, err);
	if (rc == CR_ESTORE)
		(void)err_wrap(err, "read-only (a store with a log is read where STORE-shm can be used or made)");
	return rc;
}

static void
db_free(struct db **db)
{
	if (*db == NULL)
		return;
	if ((*db)->engine != NULL)
		(*db)->kind->drop(&(*db)->engine);
	lock_drop(&(*db)->lock);
	db_presence_leave(&(*db)->presence, !(*db)->suspect);
	(void)pthread_cond_destroy(&(*db)->freed);
	(void)pthread_mutex_destroy(&(*db)->mutex);
	(void)pthread_mutex_destroy(&(*db)->unsynced.mutex);
	free((*db)->path);
	free(*db);
	*db = NULL;
}

/* Its path on the heap: the one true one of a file, one to be shown of a server. */
static int
find_store(struct db *db, const struct db_options *o, struct err *err)
{
	if (db->kind->is_file)
		return db_file_find(o->path, o->mode, &db->path, err);
	return db_path_show(o->path, &db->path, err);
}

int
db_open(const struct db_options *o, struct db **out, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	int rc;

	if (db == NULL)
		return err_nomem(err, "store");
	db->mode = o->mode;
	db->clock = o->clock != NULL ? o->clock : clock_system();
	db->busy_ms = o->busy_ms > 0 ? o->busy_ms : BUSY_MS_DEFAULT;
	db->presence.fd = -1;
	init_turns(db);
	db->kind = db_path_is_server(o->path) ? &engine_postgres : &engine_sqlite;
	rc = find_store(db, o, err);
	if (rc == CR_OK)
		rc = o->mode == DB_READ ? open_reader(db, o, err) : open_writer(db, o, err);
	if (rc == CR_OK)
		*out = TAKE(db);
	else if (db->path != NULL && rc != CR_ENOMEM)
		(void)err_wrap(err, "%s", db->path);
	db_free(&db);
	return rc;
}

void
db_drop(struct db **db)
{
	struct err ignored;

	if (*db == NULL)
		return;
	db_rollback(*db);
	/*
	 * Only if nobody waits for us or we for anybody: whoever comes next finds the log as it is.  Beside others it is theirs: a daemon's
	 * may be long, and room that it needs again.
	 */
	if ((*db)->lock != NULL && !(*db)->suspect && (*db)->kind->log_length((*db)->engine) > SHORT_LOG_PAGES &&
	    db_lock(*db, 0, &ignored) == CR_OK) {
		if (db_presence_is_alone(&(*db)->presence))
			(void)!(*db)->kind->rewind((*db)->engine, &ignored);
		db_unlock(*db);
	}
	db_free(db);
}
