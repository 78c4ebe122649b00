/*
 * test_db_stretch.c - room in the log before it is needed: made once, all of it or none, and nothing rests on it; and who leaves it behind.
 *
 * SQLite's writes and syncs and the size of the disk come through here.
 */
#include "tests/lib/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/db.h"
#include "core/db_file.h"

#define PAGES      1000
#define ROOM_BYTES ((off_t)PAGES * 2072)
#define LONG_LOG   26 /* commits that make a log which one would empty who leaves it */
#define ROWS_PUT   5

static char dir[] = "/tmp/coldrelay-test-stretch.XXXXXX";
static const char *const steps[] = {"CREATE TABLE parent (id BIGINT PRIMARY KEY);"
                                    "CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT UNIQUE, data BLOB);"};
static const struct db_schema schema = {steps, 1};

/* Writes that go well until one finds no room; negative: all do. */
static long writes_left = -1;
static long writes;
static bool kills; /* instead of failing */
static fsblkcnt_t disk_free = 0;
static bool sync_fails; /* the next one; those that follow go well, as a kernel's do that has told it once */

int __wrap_statvfs(const char *path, struct statvfs *out);
int __real_statvfs(const char *path, struct statvfs *out);

ssize_t
pwrite64(int fd, const void *data, size_t len, __off64_t at)
{
	writes++;
	if (writes_left >= 0 && writes_left-- == 0) {
		if (kills)
			(void)raise(SIGKILL);
		writes_left = 0;
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, len, at);
}

int
fdatasync(int fd)
{
	if (sync_fails) {
		sync_fails = false;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
__wrap_statvfs(const char *path, struct statvfs *out)
{
	int rc = __real_statvfs(path, out);

	if (rc == 0 && disk_free > 0) {
		out->f_frsize = 4096;
		out->f_bavail = disk_free / 4096;
	}
	return rc;
}

static struct db *
open_at(const char *name, enum db_mode mode)
{
	char path[128];
	struct db *db = NULL;
	struct err err = {0};
	const struct db_options o = {
		.path = path, .mode = mode, .schema = &schema, .clock = clock_system(), .busy_ms = 20};

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_ok(db_open(&o, &db, &err), &err);
	return db;
}

static int64_t
count(struct db *db)
{
	struct err err = {0};
	int64_t n = 0;

	assert_ok(db_get_int(db, "SELECT COUNT(*) FROM t", DB_NO_ARGS, -1, &n, &err), &err);
	return n;
}

static void
put_id(struct db *db, int64_t id)
{
	struct err err = {0};

	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, "INSERT INTO t (id) VALUES ($1)", DB_ARGS(db_int(id)), NULL, &err), &err);
	assert_ok(db_commit(db, &err), &err);
}

static void
put_ids(struct db *db, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		put_id(db, i);
}

static off_t
log_bytes(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s-wal", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* It has a header, so a recovery would look for frames.  sqlite.org/walformat.html s1. */
static bool
log_has_frames(const char *name)
{
	char path[128];
	uint8_t header[32] = {0};
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s-wal", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, header, sizeof(header)) >= 0);
	(void)close(fd);
	return header[0] == 0x37;
}

static void
stretch__makes_room_once_and_only_beyond_the_end(void **state)
{
	struct db *db = open_at("once", DB_CREATE);
	off_t size;

	(void)state;
	put_ids(db, 0, ROWS_PUT);
	db_stretch(db, PAGES);
	size = log_bytes("once");
	assert_in_range(size, ROOM_BYTES, ROOM_BYTES + 65536);
	writes = 0;
	db_stretch(db, PAGES);
	db_stretch(db, PAGES / 2);
	assert_int_equal(writes, 0);
	assert_int_equal(log_bytes("once"), size);
	/* More, behind what is there. */
	db_stretch(db, 2 * PAGES);
	assert_in_range(log_bytes("once"), 2 * ROOM_BYTES, 2 * ROOM_BYTES + 65536);
	assert_int_equal(count(db), ROWS_PUT);
	db_drop(&db);
	db = open_at("once", DB_WRITE);
	assert_int_equal(count(db), ROWS_PUT);
	db_drop(&db);
}

static void
stretch__commits_that_follow_make_the_file_no_longer(void **state)
{
	struct db *db = open_at("commits", DB_CREATE), *other;
	off_t size;

	(void)state;
	put_id(db, 0);
	db_stretch(db, PAGES);
	size = log_bytes("commits");
	/* Who syncs often would write ahead behind the end. */
	put_ids(db, 1, 150);
	assert_int_equal(log_bytes("commits"), size);
	other = open_at("commits", DB_WRITE);
	put_ids(other, 150, 160);
	assert_int_equal(count(db), 160);
	assert_int_equal(log_bytes("commits"), size);
	db_drop(&other);
	assert_int_equal(log_bytes("commits"), size);
	db_drop(&db);
}

/* Beside what others have written, and what is theirs to write. */
static void
stretch__leaves_what_another_wrote(void **state)
{
	struct db *db = open_at("others", DB_CREATE), *other = open_at("others", DB_WRITE);

	(void)state;
	put_id(db, 0);
	put_ids(other, 1, 100);
	db_stretch(db, PAGES);
	put_ids(other, 100, 200);
	put_id(db, 200);
	db_stretch(other, 2 * PAGES);
	put_id(db, 201);
	assert_int_equal(count(other), 202);
	db_drop(&db);
	db_drop(&other);
	db = open_at("others", DB_READ);
	assert_int_equal(count(db), 202);
	db_drop(&db);
}

static void
stretch__a_store_in_use_is_left_alone(void **state)
{
	struct db *db = open_at("used", DB_CREATE), *other = open_at("used", DB_WRITE);
	struct err err = {0};
	off_t size;

	(void)state;
	put_id(db, 0);
	size = log_bytes("used");
	assert_ok(db_begin(other, &err), &err);
	db_stretch(db, PAGES);
	assert_int_equal(log_bytes("used"), size);
	db_rollback(other);
	/* Nor inside one's own transaction, whose lock it would give away. */
	assert_ok(db_begin(db, &err), &err);
	db_stretch(db, PAGES);
	assert_int_equal(db_begin(other, &err), CR_ERETRY);
	db_rollback(db);
	assert_int_equal(log_bytes("used"), size);
	/* It has given back what it took. */
	db_stretch(db, PAGES);
	assert_true(log_bytes("used") >= ROOM_BYTES);
	put_id(other, 1);
	db_drop(&db);
	db = open_at("used", DB_READ);
	size = log_bytes("used");
	db_stretch(db, 3 * PAGES);
	assert_int_equal(log_bytes("used"), size);
	db_drop(&db);
	db_drop(&other);
}

static void
stretch__a_disk_with_little_room_is_left_alone(void **state)
{
	struct db *db = open_at("little", DB_CREATE);
	off_t size;

	(void)state;
	put_id(db, 0);
	size = log_bytes("little");
	disk_free = 15 * (fsblkcnt_t)ROOM_BYTES;
	db_stretch(db, PAGES);
	assert_int_equal(log_bytes("little"), size);
	disk_free = 17 * (fsblkcnt_t)ROOM_BYTES;
	db_stretch(db, PAGES);
	assert_true(log_bytes("little") >= ROOM_BYTES);
	disk_free = 0;
	db_drop(&db);
}

/* A disk that is full before all is there, at each write in turn: as it was, to the byte. */
static void
stretch__a_disk_that_gets_full_leaves_the_log_as_it_was(void **state)
{
	struct db *db = open_at("full", DB_CREATE);
	const off_t size = (put_id(db, 0), log_bytes("full"));
	long at = 0;

	(void)state;
	for (; at < 100; at++) {
		writes_left = at;
		db_stretch(db, PAGES);
		writes_left = -1;
		if (log_bytes("full") > size)
			break;
		assert_int_equal(log_bytes("full"), size);
		put_id(db, at + 1);
	}
	assert_true(at > 20 && at < 100);
	assert_true(log_bytes("full") >= ROOM_BYTES);
	assert_int_equal(count(db), at + 1);
	db_drop(&db);
	db = open_at("full", DB_WRITE);
	assert_int_equal(count(db), at + 1);
	db_drop(&db);
}

/* What the kernel says once was said to whoever made room: no commit may be told later that all is well. */
static void
stretch__a_sync_that_fails_is_not_forgotten(void **state)
{
	struct db *db = open_at("sync", DB_CREATE);
	struct err err = {0};

	(void)state;
	put_id(db, 0);
	sync_fails = true;
	db_stretch(db, PAGES);
	assert_false(sync_fails);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, "INSERT INTO t (id) VALUES (1)", DB_NO_ARGS, NULL, &err), &err);
	assert_int_equal(db_commit(db, &err), CR_EUNKNOWN);
	assert_int_equal(db_begin(db, &err), CR_ESTORE);
	db_drop(&db);
}

/* Killed at a write: what was committed is there, and the next one goes on. */
static void
stretch__who_is_killed_meanwhile_loses_nothing(void **state)
{
	int64_t n = 0;

	(void)state;
	for (long at = 0; at < 12; at += 3) {
		struct db *db;
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			db = open_at("killed", DB_CREATE);
			put_ids(db, n, n + ROWS_PUT);
			kills = true;
			writes_left = at;
			db_stretch(db, PAGES);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		n += ROWS_PUT;
		db = open_at("killed", DB_WRITE);
		assert_int_equal(count(db), n);
		put_id(db, n++);
		assert_int_equal(count(db), n);
		db_drop(&db);
	}
}

/* ---- who leaves ---- */

static void
drop__who_leaves_beside_others_leaves_the_log(void **state)
{
	struct db *daemon = open_at("leaves", DB_CREATE), *brief;
	off_t size;

	(void)state;
	put_id(daemon, 0);
	db_stretch(daemon, 2 * PAGES);
	size = log_bytes("leaves");
	for (int64_t i = 0; i < 3; i++) {
		brief = open_at("leaves", DB_WRITE);
		put_ids(brief, 1 + i * LONG_LOG, 1 + (i + 1) * LONG_LOG);
		db_drop(&brief);
		assert_true(log_has_frames("leaves"));
		assert_int_equal(log_bytes("leaves"), size);
		assert_int_equal(count(daemon), 1 + (i + 1) * LONG_LOG);
	}
	put_id(daemon, 1000);
	db_drop(&daemon);
	/* The last one: nobody needs it now. */
	assert_false(log_has_frames("leaves"));
	assert_int_equal(log_bytes("leaves"), 0);
	brief = open_at("leaves", DB_WRITE);
	assert_int_equal(count(brief), 2 + 3 * LONG_LOG);
	db_drop(&brief);
}

/* A reader has nothing to lose by it. */
static void
drop__a_reader_is_nobody_to_leave_it_to(void **state)
{
	struct db *db = open_at("reader", DB_CREATE), *reader;

	(void)state;
	put_ids(db, 0, LONG_LOG);
	reader = open_at("reader", DB_READ);
	assert_int_equal(count(reader), LONG_LOG);
	db_drop(&db);
	assert_false(log_has_frames("reader"));
	assert_int_equal(count(reader), LONG_LOG);
	db_drop(&reader);
}

static bool
is_unclean(struct db_presence *p, const char *path)
{
	struct err err = {0};
	bool unclean = true;

	assert_ok(db_presence_enter(p, path, clock_system(), 20, &unclean, &err), &err);
	return unclean;
}

static void
presence__who_is_alone_may_be_joined(void **state)
{
	struct db_presence none = {.fd = -1}, a, b;
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/presence", dir);
	assert_false(db_presence_is_alone(&none));
	assert_false(is_unclean(&a, path));
	assert_true(db_presence_is_alone(&a));
	/* It would wait for ever, had the look not been given back. */
	(void)alarm(20);
	assert_false(is_unclean(&b, path));
	(void)alarm(0);
	assert_false(db_presence_is_alone(&a));
	assert_false(db_presence_is_alone(&b));
	db_presence_leave(&b, true);
	assert_true(db_presence_is_alone(&a));
	/* And is still there: who comes is not the first, and who was killed is noticed. */
	db_presence_leave(&a, false);
	assert_true(is_unclean(&b, path));
	assert_true(db_presence_is_alone(&b));
	db_presence_settled(&b);
	db_presence_leave(&b, true);
	assert_false(is_unclean(&a, path));
	db_presence_leave(&a, true);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	/* First: SQLite must not be open across a fork. */
	TEST(tests, n, stretch__who_is_killed_meanwhile_loses_nothing);
	TEST(tests, n, stretch__makes_room_once_and_only_beyond_the_end);
	TEST(tests, n, stretch__commits_that_follow_make_the_file_no_longer);
	TEST(tests, n, stretch__a_sync_that_fails_is_not_forgotten);
	TEST(tests, n, stretch__leaves_what_another_wrote);
	TEST(tests, n, stretch__a_store_in_use_is_left_alone);
	TEST(tests, n, stretch__a_disk_with_little_room_is_left_alone);
	TEST(tests, n, stretch__a_disk_that_gets_full_leaves_the_log_as_it_was);
	TEST(tests, n, drop__who_leaves_beside_others_leaves_the_log);
	TEST(tests, n, drop__a_reader_is_nobody_to_leave_it_to);
	TEST(tests, n, presence__who_is_alone_may_be_joined);
	failed = rows_run("core/db_stretch", tests, n);
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return failed;
}
