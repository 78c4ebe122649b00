/*
 * db_sqlite.c - the SQLite engine: a file is opened, and dropped, with its settings; and the table of what can be done with it.
 *
 * A setting that SQLite does not know, or cannot have, is passed over in silence; so each is read back.
 */
#include "core/db_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/db_pages.h"

#define OUR_ID 0x636f6c64 /* "cold": application_id, bytes 68..71 of the file header */

static int
engine_run(struct engine *e, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(e->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? CR_OK : lite_fault(e, rc, "run", err);
}

/* The first column of the first row as text, cut to size. */
static int
ask(struct engine *e, const char *sql, char *out, size_t size, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(e->handle, sql, -1, &st, NULL);
	const unsigned char *text;

	out[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		text = sqlite3_column_text(st, 0);
		(void)snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? CR_OK : lite_fault(e, rc, sql, err);
	(void)sqlite3_finalize(st);
	return rc;
}

/* What a connection is set to, and how the setting reads when it stuck; want NULL: nothing depends on it. */
static const struct setting {
	const char *set, *get, *want;
	bool writer_only;
} settings[] = {
  /*
	 * A small page: what a send changes is a few bytes on each of three.  It takes only in a store that is being made.
	 * A log that once grew is cut to 128 MB when it starts afresh.
	 */
	{"PRAGMA page_size=2048; PRAGMA cache_size=-33000; PRAGMA journal_size_limit=134217728", NULL,                        NULL,  true },
	{"PRAGMA journal_mode=WAL",							      "PRAGMA journal_mode",       "wal", true },
	{"PRAGMA synchronous=FULL",							      "PRAGMA synchronous",        "2",   true },
	{"PRAGMA foreign_keys=ON",							       "PRAGMA foreign_keys",       "1",   true },
	{"PRAGMA wal_autocheckpoint=0",							  "PRAGMA wal_autocheckpoint", "0",   false},
	{"PRAGMA temp_store=MEMORY",							     "PRAGMA temp_store",         "2",   false},
	{"PRAGMA trusted_schema=OFF",							    "PRAGMA trusted_schema",     "0",   false},
};

static int
apply_settings(struct engine *e, bool writer, struct err *err)
{
	char got[32];
	int rc = CR_OK, on = 0;

	if (sqlite3_db_config(e->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on) != SQLITE_OK || on != 1)
		return err_set(err, CR_ECONFIG,
		               "store: this SQLite (%s) checkpoints on close and cannot be told not to",
		               sqlite3_libversion());
	for (size_t i = 0; i < ARRAY_LEN(settings) && rc == CR_OK; i++) {
		const struct setting *s = &settings[i];

		if (s->writer_only && !writer)
			continue;
		if (s->want == NULL) {
			rc = engine_run(e, s->set, err);
			continue;
		}
		rc = ask(e, s->get, got, sizeof(got), err);
		if (rc != CR_OK || strcmp(got, s->want) == 0)
			continue;
		rc = engine_run(e, s->set, err);
		if (rc == CR_OK)
			rc = ask(e, s->get, got, sizeof(got), err);
		if (rc == CR_OK && strcmp(got, s->want) != 0)
			rc = err_set(err, CR_ECONFIG, "store: '%s' did not stick: it reads '%s'", s->set, got);
	}
	return rc;
}

/* The path as a URI: what RFC 3986 reserves there is escaped. */
static int
make_uri(const char *path, struct buf *uri, struct err *err)
{
	buf_adds(uri, "file:");
	for (const char *p = path; *p != '\0'; p++)
		if (*p == '%' || *p == '?' || *p == '#')
			buf_addf(uri, "%%%02X", (unsigned)(unsigned char)*p);
		else
			buf_addc(uri, *p);
	buf_adds(uri, "?immutable=1");
	return buf_check(uri, "store path", err);
}

static void
engine_drop(struct engine **e)
{
	if (*e == NULL)
		return;
	lite_drop_stmts(*e);
	(void)sqlite3_close((*e)->handle);
	free(*e);
	*e = NULL;
}

static int
engine_open(const struct engine_options *o, struct engine **out, struct err *err)
{
	struct engine *e;
	struct buf uri = {0};
	int flags = SQLITE_OPEN_NOMUTEX | (o->mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	int rc = lazy_sqlite_need(err);

	if (rc != CR_OK)
		return rc;
	db_pages_setup();
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return err_nomem(err, "store");
	e->is_still = o->still;
	if (o->still) {
		flags |= SQLITE_OPEN_URI;
		rc = make_uri(o->path, &uri, err);
		if (rc != CR_OK)
			goto out;
	}
	rc = sqlite3_open_v2(o->still ? buf_str(&uri) : o->path, &e->handle, flags, db_log_vfs());
	if (rc != SQLITE_OK) {
		rc = lite_fault(e, rc, "open", err);
		goto out;
	}
	/* Where a file cannot be opened for writing SQLite takes it for reading, and would say so at each write until it is opened anew. */
	if (o->mode != DB_READ && sqlite3_db_readonly(e->handle, "main") == 1) {
		rc = err_set(err, CR_ESTORE, "store: cannot be opened for writing");
		goto out;
	}
	(void)sqlite3_extended_result_codes(e->handle, 1);
	/* Room for the cursors of all statements at once: else each run of one asks the heap, through a lock.  Fails harmlessly. */
	if (o->mode != DB_READ)
		(void)sqlite3_db_config(e->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, 1200, 400);
	e->busy_ms = o->busy_ms > INT32_MAX ? INT32_MAX : (int)o->busy_ms;
	(void)sqlite3_busy_timeout(e->handle, e->busy_ms);
	/* The setting of the hook that it replaces then reads 0. */
	lite_watch_log(e);
	rc = apply_settings(e, o->mode != DB_READ, err);
	if (rc == CR_OK && !db_args_register(e->handle, &e->args))
		rc = lite_fault(e, SQLITE_NOMEM, "open", err);
	if (rc != CR_OK)
		goto out;
	*out = TAKE(e);
out:
	engine_drop(&e);
	buf_release(&uri);
	return rc;
}

static int
engine_version(struct engine *e, int64_t *out, struct err *err)
{
	char version[32], id[32], tables[32];
	int rc = ask(e, "PRAGMA user_version", version, sizeof(version), err);

	if (rc == CR_OK)
		rc = ask(e, "PRAGMA application_id", id, sizeof(id), err);
	if (rc == CR_OK)
		rc = ask(e, "SELECT count(*) FROM sqlite_master", tables, sizeof(tables), err);
	if (rc != CR_OK)
		return rc;
	/* Somebody else's database must not be given our tables. */
	if (strtol(id, NULL, 10) != OUR_ID && strcmp(tables, "0") != 0)
		return err_set(err, CR_ECONFIG, "store: a database of another program");
	*out = strtoll(version, NULL, 10);
	return CR_OK;
}

static int
engine_set_version(struct engine *e, int64_t version, struct err *err)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%lld", OUR_ID,
	               (long long)version);
	return engine_run(e, sql, err);
}

static int
engine_quick_check(struct engine *e, struct err *err)
{
	char found[200];
	int rc = ask(e, "PRAGMA quick_check(1)", found, sizeof(found), err);

	if (rc == CR_OK && strcmp(found, "ok") != 0)
		rc = err_set(err, CR_ESTORE, "store: damaged: %s", found);
	return rc;
}

const struct engine_kind engine_sqlite = {
	.name = "sqlite",
	.is_file = true,
	.open = engine_open,
	.drop = engine_drop,
	.run = engine_run,
	.version = engine_version,
	.set_version = engine_set_version,
	.quick_check = engine_quick_check,
	.begin = lite_engine_begin,
	.commit = lite_engine_commit,
	.sync_later = lite_engine_sync_later,
	.sync = lite_engine_sync,
	.stretch = lite_engine_stretch,
	.rollback = lite_engine_rollback,
	.in_transaction = lite_engine_in_transaction,
	.mark = lite_engine_mark,
	.unchanged = lite_engine_unchanged,
	.prepare = lite_engine_prepare,
	.many = lite_engine_many,
	.step = lite_engine_step,
	.done = lite_engine_done,
	.writes = lite_engine_writes,
	.changes = lite_engine_changes,
	.col_int = lite_engine_col_int,
	.col_text = lite_engine_col_text,
	.col_blob = lite_engine_col_blob,
	.col_is_null = lite_engine_col_is_null,
	.log_pages = lite_engine_log_pages,
	.checkpoint = lite_engine_checkpoint,
	.rewind = lite_engine_rewind,
	.log_length = lite_engine_log_length,
};
