/*
 * fuzz_journal.c - any bytes as journal rows: replayed, or refused whole; what is owned is written and replays the same.
 *
 * A line is a row: STEP, OPERATION, "done" or "pending", and the changes, with blanks between; a last line without an end counts.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/schema.h"
#include "provision/owned.h"
#include "tests/lib/fake_clock.h"

#define DOMAIN   "getnorthwind.example"
#define ROWS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static struct fake_clock fake;
static struct db *db;

static void
remove_store(void)
{
	static const char *const names[] = {"", "-wal", "-shm", ".lock", ".open"};
	char path[96];

	db_drop(&db);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/store.db%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* One store for all inputs: every input is a transaction that is rolled back. */
static void
open_store(void)
{
	char path[96];
	const struct db_options o = {
		.path = path, .mode = DB_CREATE, .schema = &schema_coldrelay, .clock = &fake.clock};
	int rc;

	(void)snprintf(dir, sizeof(dir), "%s/coldrelay-fuzz.XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	fake_clock_init(&fake, 1764068819000);
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	rc = db_open(&o, &db, NULL);
	assert(rc == CR_OK);
	(void)atexit(remove_store);
}

static int
add_row(const char *step, const char *operation, const char *intent, const char *receipt)
{
	return db_exec(
		db,
		"INSERT INTO journal (run, tenant, domain, step, driver, operation, intent, intended_ms, receipt)"
		" VALUES ('r', 't', $1, $2, 'd', $3, $4, 0, $5)",
		DB_ARGS(db_text(DOMAIN), db_text(step), db_text(operation), db_text(intent), db_text(receipt)), NULL,
		NULL);
}

static void
add_line(char *line)
{
	const char *step = strsep(&line, " "), *operation = line != NULL ? strsep(&line, " ") : NULL;
	const char *fate = line != NULL ? strsep(&line, " ") : NULL;
	int rc;

	if (fate == NULL || line == NULL)
		return;
	rc = add_row(step, operation, line, strcmp(fate, "pending") == 0 ? NULL : line);
	assert(rc == CR_OK);
}

static void
release_all(struct owned *o)
{
	owned_release(o);
	assert(o->records.n + o->maybe.n + o->n_resources + o->n_pending == 0);
}

/* What is owned, as one row: it replays to the same. */
static void
check_round(const struct owned *o)
{
	struct set_diff diff = {0};
	struct owned again = {0};
	char *json = NULL;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < o->records.n; i++)
		rc = set_diff_add(&diff, i % 2 == 0 ? SET_CREATE : SET_TTL, &o->records.items[i], NULL);
	assert(rc == CR_OK);
	rc = owned_changes_json(&diff, NULL, &json, NULL);
	assert(rc == CR_OK);
	rc = db_exec(db, "DELETE FROM journal", DB_NO_ARGS, NULL, NULL);
	assert(rc == CR_OK);
	rc = add_row("records", "update", json, json);
	assert(rc == CR_OK);
	rc = owned_load(db, DOMAIN, &again, NULL);
	assert(rc == CR_OK);
	assert(again.records.n == o->records.n);
	for (size_t i = 0; i < o->records.n; i++)
		assert(records_find(&again.records, &o->records.items[i]) != NULL);
	release_all(&again);
	set_diff_release(&diff);
	free(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct records nothing = {0};
	struct owned o = {0};
	char *text = strndup((const char *)data, size), *rest = text;
	size_t n = 0;
	int rc;

	if (db == NULL)
		open_store();
	assert(text != NULL);
	rc = db_begin(db, NULL);
	assert(rc == CR_OK);
	for (char *line = strsep(&rest, "\n"); line != NULL && n < ROWS_MAX; line = strsep(&rest, "\n"), n++)
		add_line(line);
	rc = owned_load(db, DOMAIN, &o, NULL);
	if (rc == CR_OK) {
		check_round(&o);
		/* Nothing of it is there: nothing is ours to remove. */
		rc = owned_settle(&o, &nothing, NULL);
		assert(rc == CR_OK && o.records.n == 0 && o.maybe.n == 0);
	}
	release_all(&o);
	db_rollback(db);
	free(text);
	return 0;
}
