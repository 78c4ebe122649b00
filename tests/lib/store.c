/*
 * store.c - a file, or a schema of its own on a server.
 */
#include "tests/lib/store.h"

#include "tests/lib/rows.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/db.h"

const char *
store_server(void)
{
	const char *at = getenv("COLDRELAY_TEST_STORE");

	return at != NULL && *at != '\0' ? at : NULL;
}

/* One statement in the server's own words: nothing of ours need be there. */
static void
tell_server(const char *sql)
{
	static const struct db_schema none = {NULL, 0};
	struct db *db = NULL;
	struct err err = {0};

	assert_ok(db_open(&(struct db_options){.path = store_server(), .mode = DB_CREATE, .schema = &none}, &db, &err),
	          &err);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, sql, DB_NO_ARGS, NULL, &err), &err);
	assert_ok(db_commit(db, &err), &err);
	db_drop(&db);
}

void
store_place(const char *dir, const char *name, char path_out[STORE_PATH_MAX])
{
	static atomic_uint places;
	char sql[64];

	if (store_server() == NULL) {
		assert_true(snprintf(path_out, STORE_PATH_MAX, "%s/%s", dir, name) < STORE_PATH_MAX);
		return;
	}
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA t%ld_%u", (long)getpid(), atomic_fetch_add(&places, 1));
	tell_server(sql);
	/* What is named there comes before what the server brings: a test may set its clock. */
	assert_true(snprintf(path_out, STORE_PATH_MAX, "%s%coptions=-csearch_path%%3D%s%%2Cpg_catalog", store_server(),
	                     strchr(store_server(), '?') != NULL ? '&' : '?',
	                     sql + strlen("CREATE SCHEMA ")) < STORE_PATH_MAX);
}

void
store_clear(const char *path)
{
	const char *schema = strstr(path, "search_path%3D");
	char sql[128];

	if (store_server() == NULL || schema == NULL)
		return;
	schema += strlen("search_path%3D");
	(void)snprintf(sql, sizeof(sql), "DROP SCHEMA %.*s CASCADE", (int)strcspn(schema, "%"), schema);
	tell_server(sql);
}
