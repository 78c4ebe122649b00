/*
 * test_db.c - what db.h promises: durable, one writer at a time, refused when it is not safe.
 */
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/db.h"

static char dir[] = "/tmp/coldrelay-test-db.XXXXXX";

#define CREATE_1                                                                                                       \
	"CREATE TABLE parent (id BIGINT PRIMARY KEY);"                                                                 \
	"CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT UNIQUE, data BLOB, parent BIGINT REFERENCES parent(id));"
static const char *const steps[] = {
	CREATE_1,
	"CREATE TABLE later (id BIGINT PRIMARY KEY); INSERT INTO later VALUES (7)",
	"INSERT INTO later VALUES (8)",
};
static const struct db_schema schema_1 = {steps, 1};
static const struct db_schema schema_3 = {steps, 3};
#define BAD_FIRST "CREATE TABLE parent (id BIGINT PRIMARY KEY)"
static const char *const bad_steps[] = {
	BAD_FIRST,
	"CREATE TABLE half (id BIGINT PRIMARY KEY); INSERT INTO nowhere VALUES (1)",
};
static const char *const mended_steps[] = {BAD_FIRST, "CREATE TABLE half (id BIGINT PRIMARY KEY)"};
static const struct db_schema schema_bad = {bad_steps, 2};
static const struct db_schema schema_mended = {mended_steps, 2};

static const char insert_id[] = "INSERT INTO t (id) VALUES ($1)";

static char *
in_dir(const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static int
try_open(const char *name, enum db_mode mode, const struct db_schema *schema, struct db **db, struct err *err)
{
	char *path = in_dir(name);
	int rc = db_open(&(struct db_options){.path = path, .mode = mode, .schema = schema, .clock = clock_system()},
	                 db, err);

	free(path);
	return rc;
}

static struct db *
open_new(const char *name)
{
	struct db *db = NULL;
	struct err err = {0};

	assert_ok(try_open(name, DB_CREATE, &schema_1, &db, &err), &err);
	return db;
}

static int64_t
count(struct db *db, const char *sql)
{
	struct err err = {0};
	int64_t n = 0;

	assert_ok(db_get_int(db, sql, DB_NO_ARGS, -1, &n, &err), &err);
	return n;
}

static off_t
size_of(const char *name)
{
	char *path = in_dir(name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	free(path);
	return st.st_size;
}

/* The frames that a recovery would read: 0 where the header is none.  sqlite.org/walformat.html s1. */
static int64_t
log_frames(const char *name)
{
	char *path = NULL;
	uint8_t header[32] = {0}, frame[24];
	int64_t n = 0, page_bytes;
	int fd;

	assert_true(asprintf(&path, "%s/%s-wal", dir, name) > 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, header, sizeof(header)) >= 0);
	page_bytes = header[10] * 256 + header[11];
	while (header[0] == 0x37 &&
	       pread(fd, frame, sizeof(frame), 32 + n * (page_bytes + 24)) == (ssize_t)sizeof(frame) &&
	       memcmp(frame + 8, header + 16, 8) == 0)
		n++;
	(void)close(fd);
	free(path);
	return n;
}

static void
put_id(struct db *db, int64_t id)
{
	struct err err = {0};

	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, insert_id, DB_ARGS(db_int(id)), NULL, &err), &err);
	assert_ok(db_commit(db, &err), &err);
}

/* ---- opening ---- */

static const struct refusal {
	const char *name;
	enum db_mode mode;
	mode_t file_mode; /* 0: no file */
	const char *contents;
	int want;
	const char *want_text;
} refusals[] = {
	{"a store that is not there is named with its maker", DB_WRITE,  0,    NULL, CR_ENOTFOUND, "coldrelay provision"},
	{"reading does not make a store",                     DB_READ,   0,    NULL, CR_ENOTFOUND, "coldrelay provision"},
	{"an empty file holds nothing to read",               DB_READ,   0600, "",   CR_ENOTFOUND, "empty"              },
	{"a store that others may read is refused",           DB_WRITE,  0644, "",   CR_ECONFIG,   "chmod"              },
	{"a store that a group may write is refused",         DB_CREATE, 0660, "",   CR_ECONFIG,   "chmod"              },
	{"a file that is no database is refused and kept",    DB_CREATE, 0600,
         "an invoice, not a store, and long enough to be read as "
         "the header of a file, which takes a hundred bytes at least",               CR_ECONFIG,   "not a database"     },
};

static void
check_refusal(void **state)
{
	const struct refusal *r = *state;
	char *path = in_dir("refused");
	struct db *db = NULL;
	struct err err = {0};
	struct stat st;

	(void)unlink(path);
	if (r->file_mode != 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, r->contents, strlen(r->contents)), strlen(r->contents));
		assert_int_equal(fchmod(fd, r->file_mode), 0);
		(void)close(fd);
	}
	assert_int_equal(try_open("refused", r->mode, &schema_1, &db, &err), r->want);
	assert_null(db);
	if (strstr(err.text, r->want_text) == NULL)
		fail_msg("'%s' does not say '%s'", err.text, r->want_text);
	if (r->file_mode != 0) {
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, strlen(r->contents));
	} else {
		assert_int_not_equal(stat(path, &st), 0);
	}
	free(path);
}

static void
db__a_new_store_is_private(void **state)
{
	static const char *const names[] = {"private", "private-wal", "private-shm", "private.lock", "private.open"};
	struct db *db = open_new("private");
	struct stat st;

	(void)state;
	put_id(db, 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = in_dir(names[i]);

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0077U, 0);
		free(path);
	}
	db_drop(&db);
	assert_null(db);
}

static void
db__a_newer_schema_is_refused_by_reader_and_writer(void **state)
{
	struct db *db = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(try_open("newer", DB_CREATE, &schema_3, &db, &err), &err);
	db_drop(&db);
	assert_int_equal(try_open("newer", DB_WRITE, &schema_1, &db, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "store is of schema 3, this program knows 1: use a newer coldrelay"));
	assert_int_equal(try_open("newer", DB_READ, &schema_1, &db, &err), CR_ECONFIG);
}

static void
db__migrations_go_forward_one_by_one(void **state)
{
	struct db *db = open_new("older");
	struct err err = {0};

	(void)state;
	put_id(db, 1);
	db_drop(&db);
	assert_int_equal(try_open("older", DB_READ, &schema_3, &db, &err), CR_ECONFIG);
	assert_ok(try_open("older", DB_WRITE, &schema_3, &db, &err), &err);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 1);
	assert_int_equal(count(db, "SELECT sum(id) FROM later"), 15);
	db_drop(&db);
	assert_ok(try_open("older", DB_READ, &schema_3, &db, &err), &err);
	db_drop(&db);
}

static void
db__a_failed_migration_leaves_the_version_before_it(void **state)
{
	struct db *db = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(try_open("failing", DB_CREATE, &schema_bad, &db, &err), CR_ESTORE);
	assert_ok(try_open("failing", DB_WRITE, &schema_mended, &db, &err), &err);
	assert_int_equal(count(db, "SELECT count(*) FROM half"), 0);
	db_drop(&db);
}

static void
db__a_store_with_two_names_is_refused(void **state)
{
	struct db *db = open_new("one-name");
	char *path = in_dir("one-name"), *other = in_dir("other-name");
	struct err err = {0};

	(void)state;
	db_drop(&db);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(try_open("one-name", DB_WRITE, &schema_1, &db, &err), CR_ECONFIG);
	assert_int_equal(unlink(other), 0);
	/* A symbolic link is another way to the same lock. */
	assert_int_equal(symlink(path, other), 0);
	assert_ok(try_open("other-name", DB_WRITE, &schema_1, &db, &err), &err);
	assert_string_equal(db_path(db), path);
	db_drop(&db);
	free(path);
	free(other);
}

/* ---- statements ---- */

static void
db__values_come_back_as_they_went_in(void **state)
{
	struct db *db = open_new("values");
	struct db_rows *rows = NULL;
	struct err err = {0};
	const void *data;
	int64_t changed = 0;
	size_t len = 0;
	bool more;

	(void)state;
	assert_ok(db_begin(db, &err), &err);
	/* The numbers, not the order in the text, say which argument is which. */
	assert_ok(db_exec(db, "INSERT INTO t (name, id, data) VALUES ($2, $1, $3)",
	                  DB_ARGS(db_int(INT64_MIN), db_text("it's $1"), db_blob("a\0b", 3)), &changed, &err),
	          &err);
	assert_int_equal(changed, 1);
	assert_ok(
		db_exec(db, "INSERT INTO t (id, name) VALUES ($1, $2)", DB_ARGS(db_int(2), db_text(NULL)), NULL, &err),
		&err);
	assert_ok(db_commit(db, &err), &err);
	assert_ok(db_query(db, "SELECT id, name, data, parent FROM t ORDER BY id", DB_NO_ARGS, &rows, &err), &err);
	assert_ok(db_next(rows, &more, &err), &err);
	assert_true(more);
	assert_int_equal(db_col_int(rows, 0), INT64_MIN);
	assert_string_equal(db_col_text(rows, 1), "it's $1");
	data = db_col_blob(rows, 2, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "a\0b", 3);
	assert_true(db_col_is_null(rows, 3));
	assert_ok(db_next(rows, &more, &err), &err);
	assert_null(db_col_text(rows, 1));
	assert_ok(db_next(rows, &more, &err), &err);
	assert_false(more);
	assert_ok(db_next(rows, &more, &err), &err);
	assert_false(more);
	db_rows_drop(&rows);
	db_drop(&db);
}

static const struct conflict {
	const char *name;
	const char *sql;
	int want;
} conflicts[] = {
	{"a second row of one primary key is a conflict", "INSERT INTO t (id) VALUES (1)",                CR_ECONFLICT},
	{"a second row of one unique name is a conflict", "INSERT INTO t (id, name) VALUES (2, 'taken')", CR_ECONFLICT},
	{"a row without its parent is a conflict",        "INSERT INTO t (id, parent) VALUES (2, 99)",    CR_ECONFLICT},
	{"a table that is not there is trouble",          "INSERT INTO nowhere VALUES (1)",               CR_ESTORE   },
	{"an argument too few is a bug",                  "INSERT INTO t (id) VALUES ($1)",               CR_EBUG     },
};

static void
check_conflict(void **state)
{
	const struct conflict *c = *state;
	struct db *db = open_new(c->name);
	struct err err = {0};

	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, "INSERT INTO t (id, name) VALUES (1, 'taken')", DB_NO_ARGS, NULL, &err), &err);
	assert_int_equal(db_exec(db, c->sql, DB_NO_ARGS, NULL, &err), c->want);
	/* The transaction lives on: the caller decides. */
	assert_ok(db_commit(db, &err), &err);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 1);
	db_drop(&db);
}

static void
db__a_write_outside_a_transaction_is_a_bug(void **state)
{
	struct db *db = open_new("outside");
	struct db_rows *rows = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(db_exec(db, insert_id, DB_ARGS(db_int(1)), NULL, &err), CR_EBUG);
	assert_int_equal(db_query(db, "INSERT INTO t (id) VALUES (1) RETURNING id", DB_NO_ARGS, &rows, &err), CR_EBUG);
	assert_int_equal(db_commit(db, &err), CR_EBUG);
	assert_ok(db_begin(db, &err), &err);
	assert_int_equal(db_begin(db, &err), CR_EBUG);
	assert_int_equal(db_checkpoint(db, 0, &err), CR_EBUG);
	db_rollback(db);
	db_rollback(db);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 0);
	db_drop(&db);
}

static void
db__an_end_commits_or_keeps_what_went_wrong(void **state)
{
	struct db *db = open_new("end");
	struct err err = {0};
	int rc;

	(void)state;
	assert_ok(db_begin(db, &err), &err);
	rc = db_exec(db, insert_id, DB_ARGS(db_int(1)), NULL, &err);
	assert_ok(db_end(db, rc, &err), &err);
	assert_ok(db_begin(db, &err), &err);
	rc = db_exec(db, insert_id, DB_ARGS(db_int(2)), NULL, &err);
	assert_ok(rc, &err);
	rc = err_set(&err, CR_EREFUSED, "a rule");
	assert_int_equal(db_end(db, rc, &err), CR_EREFUSED);
	assert_string_equal(err.text, "a rule");
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 1);
	db_drop(&db);
}

static void
db__a_query_may_run_inside_itself(void **state)
{
	static const char sql[] = "SELECT id FROM t ORDER BY id";
	struct db *db = open_new("nested");
	struct db_rows *outer = NULL;
	struct err err = {0};
	bool more;
	int seen = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		put_id(db, i);
	assert_ok(db_query(db, sql, DB_NO_ARGS, &outer, &err), &err);
	while (db_next(outer, &more, &err) == CR_OK && more) {
		assert_int_equal(db_col_int(outer, 0), seen++);
		assert_int_equal(count(db, sql), 0);
		assert_int_equal(db_begin(db, &err), CR_EBUG);
	}
	assert_int_equal(seen, 3);
	db_rows_drop(&outer);
	put_id(db, 3);
	db_drop(&db);
}

static void
db__absent_and_null_differ_from_nothing_asked(void **state)
{
	struct db *db = open_new("absent");
	struct err err = {0};
	char *text = NULL;
	int64_t n = 0;

	(void)state;
	assert_ok(db_get_int(db, "SELECT id FROM t WHERE id=$1", DB_ARGS(db_int(1)), 42, &n, &err), &err);
	assert_int_equal(n, 42);
	assert_ok(db_get_text(db, "SELECT name FROM t", DB_NO_ARGS, &text, &err), &err);
	assert_null(text);
	assert_ok(db_get_text(db, "SELECT 'here'", DB_NO_ARGS, &text, &err), &err);
	assert_string_equal(text, "here");
	free(text);
	db_drop(&db);
}

/* ---- several threads and processes ---- */

#define WRITERS 4
#define WRITES  60

static void *
write_many(void *arg)
{
	struct db *db = arg;
	static _Atomic int next;
	int me = next++;

	for (int i = 0; i < WRITES; i++)
		put_id(db, me * 1000 + i);
	return NULL;
}

static void
db__threads_share_one_store(void **state)
{
	struct db *db = open_new("threads");
	pthread_t threads[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, db), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), WRITERS * WRITES);
	db_drop(&db);
}

/* Read, add one, write: what is lost when two writers overlap. */
static int
count_up(const char *name, int times)
{
	struct db *db = NULL;
	struct err err = {0};
	int64_t n = 0;
	int rc = try_open(name, DB_WRITE, &schema_1, &db, &err);

	for (int i = 0; i < times && rc == CR_OK; i++) {
		rc = db_begin(db, &err);
		if (rc == CR_OK)
			rc = db_get_int(db, "SELECT id FROM parent", DB_NO_ARGS, 0, &n, &err);
		if (rc == CR_OK)
			rc = db_exec(db, "UPDATE parent SET id=$1", DB_ARGS(db_int(n + 1)), NULL, &err);
		if (rc == CR_OK)
			rc = db_commit(db, &err);
		if (rc == CR_OK && i % 10 == 0)
			rc = db_checkpoint(db, 0, &err);
	}
	if (rc != CR_OK)
		(void)fprintf(stderr, "child: %s\n", err.text);
	db_drop(&db);
	return rc;
}

static void
db__processes_take_turns(void **state)
{
	struct db *db = open_new("processes");
	struct err err = {0};
	pid_t children[WRITERS];
	int status;

	(void)state;
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, "INSERT INTO parent VALUES (0)", DB_NO_ARGS, NULL, &err), &err);
	assert_ok(db_commit(db, &err), &err);
	db_drop(&db);
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(count_up("processes", WRITES) == CR_OK ? 0 : 1);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_ok(try_open("processes", DB_READ, &schema_1, &db, &err), &err);
	assert_int_equal(count(db, "SELECT id FROM parent"), WRITERS * WRITES);
	db_drop(&db);
}

static void
db__a_writer_killed_in_a_transaction_leaves_nothing(void **state)
{
	struct db *db = open_new("killed");
	struct err err = {0};
	int pipe_fds[2], status;
	char byte;
	pid_t child;

	(void)state;
	put_id(db, 1);
	db_drop(&db);
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (try_open("killed", DB_WRITE, &schema_1, &db, &err) != CR_OK || db_begin(db, &err) != CR_OK ||
		    db_exec(db, insert_id, DB_ARGS(db_int(2)), NULL, &err) != CR_OK || write(pipe_fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	/* A reader never waits, and does not see what is not committed; a writer waits its time and then says so. */
	assert_ok(try_open("killed", DB_READ, &schema_1, &db, &err), &err);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 1);
	db_drop(&db);
	{
		char *path = in_dir("killed");
		const struct db_options o = {
			.path = path, .mode = DB_WRITE, .schema = &schema_1, .clock = clock_system(), .busy_ms = 1};

		assert_int_equal(db_open(&o, &db, &err), CR_ERETRY);
		free(path);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(pipe_fds[0]);
	assert_ok(try_open("killed", DB_WRITE, &schema_1, &db, &err), &err);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 1);
	put_id(db, 2);
	db_drop(&db);
}

/* Another thread that holds the store is waited for, but not for ever. */
static void *
wait_for_it(void *arg)
{
	struct db *db = arg;
	struct err err = {0};

	return db_begin(db, &err) == CR_ERETRY ? db : NULL;
}

static void
db__a_thread_that_waits_too_long_is_told(void **state)
{
	struct db *db = open_new("slow"), *quick = NULL;
	char *path = in_dir("slow");
	struct db_rows *rows = NULL;
	struct err err = {0};
	pthread_t other;
	void *result = NULL;

	(void)state;
	db_drop(&db);
	assert_ok(db_open(&(struct db_options){.path = path, .mode = DB_WRITE, .schema = &schema_1, .busy_ms = 1},
	                  &quick, &err),
	          &err);
	assert_ok(db_query(quick, "SELECT id FROM t", DB_NO_ARGS, &rows, &err), &err);
	assert_int_equal(pthread_create(&other, NULL, wait_for_it, quick), 0);
	assert_int_equal(pthread_join(other, &result), 0);
	assert_non_null(result);
	db_rows_drop(&rows);
	put_id(quick, 1);
	db_drop(&quick);
	free(path);
}

#define LONG_LOG 26 /* commits that make a log which one would empty who leaves it */

/* The log may not grow: as a full disk or a quota, found by the write itself. */
static int
write_without_room(const char *name)
{
	static char data[1 << 20];
	struct db *db = NULL;
	struct err err = {0};
	int rc = try_open(name, DB_WRITE, &schema_1, &db, &err);

	(void)signal(SIGXFSZ, SIG_IGN);
	for (int64_t i = 3; rc == CR_OK && i < LONG_LOG; i++)
		put_id(db, i);
	if (rc != CR_OK || setrlimit(RLIMIT_FSIZE, &(struct rlimit){200000, 200000}) != 0)
		return 1;
	if (db_begin(db, &err) != CR_OK || db_exec(db, "INSERT INTO t (id, data) VALUES (2, $1)",
	                                           DB_ARGS(db_blob(data, sizeof(data))), NULL, &err) != CR_OK)
		return 2;
	rc = db_commit(db, &err);
	if (rc != CR_EUNKNOWN && rc != CR_ESTORE)
		return 3;
	/* Over, whatever came of it; and what the disk holds is not guessed at. */
	if (db_commit(db, &err) != CR_EBUG || (rc == CR_EUNKNOWN && db_begin(db, &err) != CR_ESTORE))
		return 4;
	db_drop(&db);
	return 0;
}

static void
db__a_write_that_finds_no_room_is_not_committed(void **state)
{
	struct db *db = open_new("full");
	struct err err = {0};
	int status;
	pid_t child;

	(void)state;
	put_id(db, 1);
	db_drop(&db);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(write_without_room("full"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* Nobody knows what the disk holds: whoever opens it next settles the log and looks at the pages first. */
	assert_true(size_of("full.open") > 0);
	assert_true(log_frames("full") > 64);
	assert_ok(try_open("full", DB_WRITE, &schema_1, &db, &err), &err);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), LONG_LOG - 2);
	put_id(db, 2);
	db_drop(&db);
}

static void
db__damage_is_found_after_an_unclean_end(void **state)
{
	struct db *db = open_new("damaged");
	char *path = in_dir("damaged"), *mark = in_dir("damaged.open"), *log = in_dir("damaged-wal");
	struct err err = {0};
	char noise[4096];
	struct stat st;
	int fd;

	(void)state;
	for (int i = 0; i < 50; i++)
		put_id(db, i);
	assert_ok(db_checkpoint(db, 0, &err), &err);
	db_drop(&db);
	assert_int_equal(stat(mark, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* What a killed process and a bad disk leave; the log still has the pages as they were. */
	assert_int_equal(unlink(log), 0);
	fd = open(mark, O_WRONLY);
	assert_int_equal(write(fd, "open\n", 5), 5);
	(void)close(fd);
	memset(noise, 0xa5, sizeof(noise));
	fd = open(path, O_WRONLY);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 4096; at < st.st_size; at += 4096)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
	(void)close(fd);
	assert_int_equal(try_open("damaged", DB_WRITE, &schema_1, &db, &err), CR_ESTORE);
	/* And again: one refusal does not make it whole. */
	assert_int_equal(try_open("damaged", DB_WRITE, &schema_1, &db, &err), CR_ESTORE);
	free(path);
	free(mark);
	free(log);
}

static void
db__a_checkpoint_empties_the_log_into_the_store(void **state)
{
	struct db *db = open_new("log");
	char *path = in_dir("log");
	struct err err = {0};
	struct stat before, after;

	(void)state;
	assert_int_equal(stat(path, &before), 0);
	for (int i = 0; i < 20; i++)
		put_id(db, i);
	assert_ok(db_checkpoint(db, 100000, &err), &err);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_ok(db_checkpoint(db, 0, &err), &err);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size > before.st_size);
	db_drop(&db);
	free(path);
}

static struct db *
open_again(const char *name, int64_t busy_ms)
{
	char *path = in_dir(name);
	struct db *db = NULL;
	struct err err = {0};

	assert_ok(db_open(&(struct db_options){.path = path,
	                                       .mode = DB_WRITE,
	                                       .schema = &schema_1,
	                                       .clock = clock_system(),
	                                       .busy_ms = busy_ms},
	                  &db, &err),
	          &err);
	free(path);
	return db;
}

static uint8_t much[500000];

static int64_t
count_much(struct db *db)
{
	struct err err = {0};
	int64_t n = 0;

	assert_ok(db_get_int(db, "SELECT count(*) FROM t WHERE data = $1", DB_ARGS(db_blob(much, sizeof(much))), 0, &n,
	                     &err),
	          &err);
	return n;
}

/* No two frames of the log alike. */
static void
fill_much(void)
{
	uint32_t x = 2463534242;

	for (size_t i = 0; i < sizeof(much); i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		much[i] = (uint8_t)x;
	}
}

static void
put_one_much(struct db *db, int64_t id)
{
	struct err err = {0};

	assert_ok(db_exec(db, "INSERT INTO t (id, data) VALUES ($1, $2)",
	                  DB_ARGS(db_int(id), db_blob(much, sizeof(much))), NULL, &err),
	          &err);
}

/* Some thousand pages of the log, in several commits. */
static void
put_much(struct db *db)
{
	struct err err = {0};

	fill_much();

	for (int64_t i = 0; i < 10; i++) {
		assert_ok(db_begin(db, &err), &err);
		put_one_much(db, 1000 + i);
		assert_ok(db_commit(db, &err), &err);
	}
}

/* To whoever opens a store alone, a log that was written back is as long to read as one that was not. */
static void
db__who_leaves_a_long_log_empties_it(void **state)
{
	struct db *db = open_new("leaves");
	struct err err = {0};
	off_t size;

	(void)state;
	put_id(db, 0);
	/* Made long enough at once for all that follows. */
	size = size_of("leaves-wal");
	for (int64_t i = 1; i < LONG_LOG; i++)
		put_id(db, i);
	assert_ok(db_checkpoint(db, 0, &err), &err);
	assert_true(log_frames("leaves") > 64);
	db_drop(&db);
	assert_int_equal(log_frames("leaves"), 0);
	assert_int_equal(size_of("leaves-wal"), size);
	/* Growing it again would cost each commit more than its bytes. */
	for (int64_t i = LONG_LOG; i < 200; i++) {
		db = open_again("leaves", 20);
		assert_int_equal(count(db, "SELECT count(*) FROM t"), i);
		put_id(db, i);
		db_drop(&db);
		assert_true(log_frames("leaves") <= 64);
	}
	assert_int_equal(size_of("leaves-wal"), size);
	/* A file that takes megabytes is not kept. */
	db = open_again("leaves", 20);
	put_much(db);
	db_drop(&db);
	assert_int_equal(size_of("leaves-wal"), 0);
	db = open_again("leaves", 20);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 210);
	put_id(db, 200);
	db_drop(&db);
	db = open_again("leaves", 20);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 211);
	db_drop(&db);
}

/* Nor is anything taken from a reader, or waited for his end. */
static void
db__a_log_that_is_read_stays(void **state)
{
	struct db *db = open_new("isread"), *reader = NULL;
	struct db_rows *rows = NULL;
	struct err err = {0};
	int64_t before, started;
	bool more = true;
	int n = 0;

	(void)state;
	for (int64_t i = 0; i < LONG_LOG; i++)
		put_id(db, i);
	assert_ok(try_open("isread", DB_READ, &schema_1, &reader, &err), &err);
	assert_ok(db_query(reader, "SELECT id FROM t", DB_NO_ARGS, &rows, &err), &err);
	assert_ok(db_next(rows, &more, &err), &err);
	put_id(db, LONG_LOG);
	before = log_frames("isread");
	started = clock_boot_ms(clock_system());
	db_drop(&db);
	assert_true(clock_boot_ms(clock_system()) - started < 1000);
	assert_int_equal(log_frames("isread"), before);
	for (; more; n++)
		assert_ok(db_next(rows, &more, &err), &err);
	assert_int_equal(n, LONG_LOG);
	db_rows_drop(&rows);
	db_drop(&reader);
}

/* SQLite's WAL-reset race: a checkpoint beside a commit of another connection can lose it. */
static void
db__nothing_is_written_back_beside_another_s_write(void **state)
{
	struct db *db = open_new("beside"), *other = open_again("beside", 20);
	struct err err = {0};
	off_t before;

	(void)state;
	put_much(other);
	assert_ok(db_begin(db, &err), &err);
	assert_int_equal(db_checkpoint(other, 0, &err), CR_ERETRY);
	before = size_of("beside");
	db_drop(&other);
	assert_int_equal(size_of("beside"), before);
	/* Somebody still has it open: were that one killed, the next would have to look. */
	assert_true(size_of("beside.open") > 0);
	db_rollback(db);
	db_drop(&db);
}

/* Neither at the thousandth page of a commit nor by the last one that closes. */
static void
db__sqlite_writes_nothing_back_by_itself(void **state)
{
	struct db *db = open_new("itself");
	struct err err = {0};
	off_t before = size_of("itself");

	(void)state;
	put_much(db);
	assert_int_equal(size_of("itself"), before);
	assert_ok(db_checkpoint(db, 1000, &err), &err);
	assert_true(size_of("itself") > before);
	/* The log starts afresh, and is short when the last one closes. */
	before = size_of("itself");
	put_id(db, 1);
	db_drop(&db);
	assert_int_equal(size_of("itself"), before);
	assert_true(size_of("itself-wal") > 0);
	db = open_again("itself", 20);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 11);
	assert_int_equal(count_much(db), 10);
	db_drop(&db);
}

/* What does not fit the cache goes into the log early: it is read from there, and nothing of it is left after a rollback. */
static void
db__a_transaction_larger_than_memory_is_read_and_rolled_back(void **state)
{
	struct db *db = open_new("large");
	struct err err = {0};
	char *found = NULL;

	(void)state;
	fill_much();
	assert_ok(db_begin(db, &err), &err);
	for (int64_t i = 0; i < 90; i++)
		put_one_much(db, 1000 + i);
	assert_int_equal(count_much(db), 90);
	for (int64_t i = 90; i < 100; i++)
		put_one_much(db, 1000 + i);
	db_rollback(db);
	put_id(db, 1);
	assert_ok(db_begin(db, &err), &err);
	put_one_much(db, 2);
	assert_ok(db_commit(db, &err), &err);
	db_drop(&db);
	db = open_again("large", 20);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 2);
	assert_int_equal(count_much(db), 1);
	assert_ok(db_get_text(db, "PRAGMA integrity_check(1)", DB_NO_ARGS, &found, &err), &err);
	assert_string_equal(found, "ok");
	free(found);
	db_drop(&db);
}

/* Zeros behind the frames make a sync cheaper; who writes once leaves none behind, and no frame is ever under them. */
static void
db__who_writes_often_finds_room_in_the_log(void **state)
{
	struct db *db = open_new("often"), *other;

	(void)state;
	put_id(db, 0);
	assert_true(size_of("often-wal") < 200000);
	for (int i = 1; i < 300; i++)
		put_id(db, i);
	assert_true(size_of("often-wal") >= 2000000);
	other = open_again("often", 20);
	for (int i = 300; i < 400; i++)
		put_id(i % 2 == 0 ? db : other, i);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 400);
	assert_int_equal(count(other, "SELECT count(*) FROM t"), 400);
	/* Behind the end that another has made longer meanwhile, not the one that was seen last. */
	put_much(other);
	put_id(db, 400);
	db_drop(&other);
	db_drop(&db);
	db = open_again("often", 20);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 411);
	assert_int_equal(count_much(db), 10);
	db_drop(&db);
}

static void
db__a_transaction_that_is_left_open_is_rolled_back(void **state)
{
	struct db *db = open_new("left");
	struct err err = {0};

	(void)state;
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, insert_id, DB_ARGS(db_int(1)), NULL, &err), &err);
	db_drop(&db);
	db = open_again("left", 20);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 0);
	db_drop(&db);
}

/* As SQLite does by itself on a full disk: the next statement would else be a transaction of its own. */
static void
db__a_transaction_that_ended_early_takes_nothing_more(void **state)
{
	struct db *db = open_new("early");
	struct err err = {0};

	(void)state;
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, "ROLLBACK", DB_NO_ARGS, NULL, &err), &err);
	assert_int_equal(db_exec(db, insert_id, DB_ARGS(db_int(1)), NULL, &err), CR_ESTORE);
	assert_int_equal(db_commit(db, &err), CR_ESTORE);
	assert_int_equal(count(db, "SELECT count(*) FROM t"), 0);
	db_drop(&db);
}

static void
db__a_statement_takes_what_it_names_and_stays_as_it_is(void **state)
{
	char text[] = "SELECT 1";
	struct db *db = open_new("names");
	struct err err = {0};
	int64_t n;

	(void)state;
	assert_int_equal(count(db, text), 1);
	text[7] = '2';
	assert_int_equal(db_get_int(db, text, DB_NO_ARGS, 0, &n, &err), CR_EBUG);
	assert_ok(db_begin(db, &err), &err);
	assert_int_equal(db_exec(db, insert_id, DB_ARGS(db_int(1), db_int(2)), NULL, &err), CR_EBUG);
	db_rollback(db);
	/* A sum of nothing is nothing, not 0. */
	assert_int_equal(count(db, "SELECT max(id) FROM t"), -1);
	db_drop(&db);
}

/* A database it is, and not ours: application_id, bytes 68 to 71 of the header (sqlite.org/fileformat.html). */
static void
db__another_program_s_database_is_refused(void **state)
{
	char *path = in_dir("theirs"), *log = in_dir("theirs-wal");
	struct db *db = open_new("theirs");
	struct err err = {0};
	int fd;

	(void)state;
	assert_ok(db_checkpoint(db, 0, &err), &err);
	db_drop(&db);
	assert_int_equal(unlink(log), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "mine", 4, 68), 4);
	(void)close(fd);
	assert_int_equal(try_open("theirs", DB_WRITE, &schema_1, &db, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "another program"));
	free(path);
	free(log);
}

/* ---- reading what cannot be written ---- */

#define NOBODY 65534
/* With what a URI has a use for. */
#define RO_STORE "ro/st%41?r#e"

/* As another user, for root may write everywhere: 0 when the store could be read. */
static int
read_as_owner(const char *name)
{
	struct db *db = NULL;
	struct err err = {0};
	int64_t n = 0;
	int rc;

	if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		return 2;
	rc = try_open(name, DB_READ, &schema_1, &db, &err);
	if (rc == CR_OK)
		rc = db_get_int(db, "SELECT count(*) FROM t", DB_NO_ARGS, 0, &n, &err);
	db_drop(&db);
	if (rc == CR_ESTORE)
		return strstr(err.text, "read-only") != NULL ? 3 : 4;
	return rc == CR_OK && n == 1 ? 0 : 1;
}

static const struct read_only {
	const char *name;
	bool with_log;
	bool with_shm;
	int want;
} read_only[] = {
	{"a copy without a log is read from a read-only directory",      false, false, 0},
	{"a store with its log is read from a read-only directory",      true,  true,  0},
	{"a log that cannot be read is an error, not a store of before", true,  false, 3},
};

static void
check_read_only(void **state)
{
	const struct read_only *r = *state;
	char *sub = in_dir("ro"), *path = in_dir(RO_STORE), *log = in_dir(RO_STORE "-wal"),
	     *shm = in_dir(RO_STORE "-shm");
	struct err err = {0};
	struct db *db;
	pid_t child;
	int status;

	assert_int_equal(mkdir(sub, 0700), 0);
	db = open_new(RO_STORE);
	put_id(db, 1);
	if (!r->with_log)
		assert_ok(db_checkpoint(db, 0, &err), &err);
	db_drop(&db);
	if (!r->with_log)
		assert_int_equal(unlink(log), 0);
	if (!r->with_shm)
		assert_int_equal(unlink(shm), 0);
	if (geteuid() == 0) {
		assert_int_equal(chmod(dir, 0711), 0);
		assert_int_equal(chown(sub, NOBODY, NOBODY), 0);
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
		assert_true(!r->with_log || chown(log, NOBODY, NOBODY) == 0);
		assert_true(!r->with_shm || chown(shm, NOBODY, NOBODY) == 0);
	}
	assert_int_equal(chmod(sub, 0500), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(read_as_owner(RO_STORE));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod(sub, 0700), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), r->want);
	for (size_t i = 0; i < 5; i++) {
		static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".open"};
		char *file = NULL;

		assert_true(asprintf(&file, "%s%s", path, ends[i]) > 0);
		(void)unlink(file);
		free(file);
	}
	assert_int_equal(rmdir(sub), 0);
	free(sub);
	free(path);
	free(log);
	free(shm);
}

static void
db__a_reader_cannot_write(void **state)
{
	struct db *db = open_new("reader");
	struct err err = {0};

	(void)state;
	db_drop(&db);
	assert_ok(try_open("reader", DB_READ, &schema_1, &db, &err), &err);
	assert_int_equal(db_begin(db, &err), CR_EBUG);
	assert_int_equal(db_checkpoint(db, 0, &err), CR_EBUG);
	db_drop(&db);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	ROWS(tests, n, refusals, check_refusal);
	TEST(tests, n, db__a_new_store_is_private);
	TEST(tests, n, db__a_newer_schema_is_refused_by_reader_and_writer);
	TEST(tests, n, db__migrations_go_forward_one_by_one);
	TEST(tests, n, db__a_failed_migration_leaves_the_version_before_it);
	TEST(tests, n, db__a_store_with_two_names_is_refused);
	TEST(tests, n, db__values_come_back_as_they_went_in);
	ROWS(tests, n, conflicts, check_conflict);
	TEST(tests, n, db__a_write_outside_a_transaction_is_a_bug);
	TEST(tests, n, db__an_end_commits_or_keeps_what_went_wrong);
	TEST(tests, n, db__a_query_may_run_inside_itself);
	TEST(tests, n, db__absent_and_null_differ_from_nothing_asked);
	TEST(tests, n, db__threads_share_one_store);
	TEST(tests, n, db__processes_take_turns);
	TEST(tests, n, db__a_writer_killed_in_a_transaction_leaves_nothing);
	TEST(tests, n, db__a_thread_that_waits_too_long_is_told);
	TEST(tests, n, db__a_write_that_finds_no_room_is_not_committed);
	TEST(tests, n, db__damage_is_found_after_an_unclean_end);
	TEST(tests, n, db__a_checkpoint_empties_the_log_into_the_store);
	TEST(tests, n, db__who_leaves_a_long_log_empties_it);
	TEST(tests, n, db__a_log_that_is_read_stays);
	TEST(tests, n, db__nothing_is_written_back_beside_another_s_write);
	TEST(tests, n, db__sqlite_writes_nothing_back_by_itself);
	TEST(tests, n, db__a_transaction_larger_than_memory_is_read_and_rolled_back);
	TEST(tests, n, db__who_writes_often_finds_room_in_the_log);
	TEST(tests, n, db__a_transaction_that_is_left_open_is_rolled_back);
	TEST(tests, n, db__a_transaction_that_ended_early_takes_nothing_more);
	TEST(tests, n, db__a_statement_takes_what_it_names_and_stays_as_it_is);
	TEST(tests, n, db__another_program_s_database_is_refused);
	ROWS(tests, n, read_only, check_read_only);
	TEST(tests, n, db__a_reader_cannot_write);
	failed = rows_run("core/db", tests, n);
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return failed;
}
