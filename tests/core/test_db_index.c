/*
 * test_db_index.c - db_unchanged says yes only while nobody but this handle's own decisions has changed the store, and then it does.
 *
 * Another process has the store open from the start: it commits, reads, writes the log back, and leaves the header half written.
 */
#include "tests/lib/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/db.h"
#include "core/db_index.h"

#define HALF (DB_INDEX_BYTES / 2)

/* A disk that fails when it is told to, or is slow: SQLite, a shared library, finds this before the C library's. */
static bool reading_fails;
static void (*while_reading)(void); /* once */

ssize_t
pread64(int fd, void *data, size_t len, __off64_t at)
{
	if (reading_fails) {
		errno = EIO;
		return -1;
	}
	if (while_reading != NULL) {
		void (*happens)(void) = while_reading;

		while_reading = NULL;
		happens();
	}
	return syscall(SYS_pread64, fd, data, len, at);
}

static const char *const steps[] = {"CREATE TABLE t (id BIGINT PRIMARY KEY)"};
static const struct db_schema schema = {steps, 1};

struct place {
	char dir[64], path[96];
	struct db *db;
	int other; /* commands to the other process, and its answers */
	pid_t pid;
	uint64_t mark;
	int64_t next;
	struct err err;
};

static struct db *
open_store(struct place *p, enum db_mode mode)
{
	struct db *db = NULL;

	assert_ok(db_open(&(struct db_options){.path = p->path, .mode = mode, .schema = &schema}, &db, &p->err),
	          &p->err);
	return db;
}

static int
insert(struct db *db, int64_t id, bool shared, struct err *err)
{
	int rc = shared ? db_begin_shared(db, err) : db_begin(db, err);

	if (rc == CR_OK)
		rc = db_end(db, db_exec(db, "INSERT INTO t VALUES ($1)", DB_ARGS(db_int(id)), NULL, err), err);
	return rc;
}

/* ---- the other process ---- */

/* The header in the shared index, past SQLite: what a writer leaves that was stopped between its two copies. */
static bool
spoil(const struct place *p)
{
	static volatile uint8_t *header;
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s-shm", p->path);
	if (header == NULL) {
		/* Never closed: with it the locks of this process would go. */
		fd = open(path, O_RDWR | O_CLOEXEC);
		header = fd >= 0 ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
		if (header == MAP_FAILED)
			return false;
	}
	header[HALF + 8] ^= 0xff;
	return true;
}

static bool
obey(struct place *p, char command)
{
	int64_t n;

	switch (command) {
	case 'c':
		return insert(p->db, p->next++, false, &p->err) == CR_OK;
	case 's':
		return insert(p->db, p->next++, true, &p->err) == CR_OK;
	case 'k':
		return db_checkpoint(p->db, 0, &p->err) == CR_OK;
	case 'r':
		return db_get_int(p->db, "SELECT count(*) FROM t", DB_NO_ARGS, 0, &n, &p->err) == CR_OK;
	case 'h':
		return spoil(p);
	default:
		return false;
	}
}

static int
be_other(struct place *p, int fd)
{
	char command;

	p->next = 1000;
	if (db_open(&(struct db_options){.path = p->path, .mode = DB_WRITE, .schema = &schema}, &p->db, &p->err) !=
	    CR_OK)
		return 1;
	while (read(fd, &command, 1) == 1) {
		command = obey(p, command) ? '+' : '-';
		if (write(fd, &command, 1) != 1)
			return 1;
	}
	db_drop(&p->db);
	return 0;
}

static void
other(struct place *p, const char *commands)
{
	char said;

	for (; *commands != '\0'; commands++) {
		assert_int_equal(write(p->other, commands, 1), 1);
		assert_int_equal(read(p->other, &said, 1), 1);
		assert_int_equal(said, '+');
	}
}

/* ---- here ---- */

static void
place_open(struct place *p)
{
	int ends[2];

	*p = (struct place){.next = 1};
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/coldrelay-index.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->path, sizeof(p->path), "%s/store", p->dir);
	p->db = open_store(p, DB_CREATE);
	db_drop(&p->db);
	/* SQLite must not be open across a fork. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		(void)close(ends[0]);
		_exit(be_other(p, ends[1]));
	}
	(void)close(ends[1]);
	p->other = ends[0];
	other(p, "r");
	p->db = open_store(p, DB_WRITE);
	assert_ok(db_mark(p->db, &p->mark, &p->err), &p->err);
}

static void
place_close(struct place *p)
{
	static const char *const names[] = {"", "-wal", "-shm", ".lock", ".open"};
	char path[128];
	int status;

	(void)close(p->other);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
	db_drop(&p->db);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", p->path, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(p->dir), 0);
}

static void
read_something(struct place *p)
{
	int64_t n;

	assert_ok(db_get_int(p->db, "SELECT count(*) FROM t", DB_NO_ARGS, 0, &n, &p->err), &p->err);
}

static void
begin_shared(struct place *p)
{
	assert_ok(db_begin_shared(p->db, &p->err), &p->err);
}

static void
write_one(struct place *p)
{
	assert_ok(db_exec(p->db, "INSERT INTO t VALUES ($1)", DB_ARGS(db_int(p->next++)), NULL, &p->err), &p->err);
}

static void
commit(struct place *p)
{
	assert_ok(db_commit(p->db, &p->err), &p->err);
}

static void
commit_shared(struct place *p)
{
	begin_shared(p);
	write_one(p);
	commit(p);
}

static void
commit_alone(struct place *p)
{
	assert_ok(insert(p->db, p->next++, false, &p->err), &p->err);
}

static void
commit_on_a_second_handle(struct place *p)
{
	struct db *second = open_store(p, DB_WRITE);

	assert_ok(insert(second, p->next++, true, &p->err), &p->err);
	db_drop(&second);
}

static void
others_commit(struct place *p)
{
	other(p, "c");
}

static void
others_decide(struct place *p)
{
	other(p, "s");
}

static void
others_read_and_write_back(struct place *p)
{
	other(p, "rkr");
}

static void
write_back(struct place *p)
{
	assert_ok(db_checkpoint(p->db, 0, &p->err), &p->err);
}

static void
others_restart_the_log(struct place *p)
{
	other(p, "kc");
}

static void
restart_the_log(struct place *p)
{
	commit_shared(p);
	write_back(p);
	commit_shared(p);
}

static void
roll_back_shared(struct place *p)
{
	begin_shared(p);
	write_one(p);
	db_rollback(p->db);
}

static void
roll_back_alone(struct place *p)
{
	assert_ok(db_begin(p->db, &p->err), &p->err);
	write_one(p);
	db_rollback(p->db);
}

static void
others_commit_before_ours(struct place *p)
{
	other(p, "c");
	commit_shared(p);
}

static void
others_commit_between_two_of_ours(struct place *p)
{
	commit_shared(p);
	other(p, "s");
	commit_shared(p);
	commit_shared(p);
}

static void
others_commit_before_one_that_writes_nothing(struct place *p)
{
	other(p, "c");
	begin_shared(p);
	commit(p);
}

static void
mark_again(struct place *p)
{
	other(p, "c");
	assert_ok(db_mark(p->db, &p->mark, &p->err), &p->err);
}

static void
mark_within_ours(struct place *p)
{
	other(p, "c");
	begin_shared(p);
	assert_ok(db_mark(p->db, &p->mark, &p->err), &p->err);
	write_one(p);
	commit(p);
}

static void
half_write(struct place *p)
{
	other(p, "h");
}

static void
half_write_and_mend(struct place *p)
{
	other(p, "hh");
}

static void
read_and_query(struct place *p)
{
	struct db_rows *rows = NULL;
	bool more;

	commit_shared(p);
	read_something(p);
	assert_ok(db_query(p->db, "SELECT id FROM t", DB_NO_ARGS, &rows, &p->err), &p->err);
	assert_ok(db_next(rows, &more, &p->err), &p->err);
	db_rows_drop(&rows);
}

static const struct change {
	const char *name;
	void (*happens)(struct place *p);
	bool want;
} changes[] = {
	{"reading changes nothing",				    read_something,                               true },
	{"nor do rows after a decision of our own",                    read_and_query,                               true },
	{"a decision of our own changes nothing",                      commit_shared,                                true },
	{"nor does one that was rolled back",                          roll_back_shared,                             true },
	{"nor does writing the log back",                              write_back,                                   true },
	{"nor do readers elsewhere, or their writing the log back",    others_read_and_write_back,                   true },
	{"nor our own restart of the log",                             restart_the_log,                              true },
	{"a new mark stands for what others did before",               mark_again,                                   true },
	{"so does one within our own transaction",                     mark_within_ours,                             true },
	{"a header that is whole again is as it was",                  half_write_and_mend,                          true },
	{"a half written header may be anything",                      half_write,                                   false},
	{"a commit of another process",                                others_commit,                                false},
	{"a decision of another process",                              others_decide,                                false},
	{"a commit of another handle",                                 commit_on_a_second_handle,                    false},
	{"what binds all, by this handle",                             commit_alone,                                 false},
	{"the same rolled back may be anything",                       roll_back_alone,                              false},
	{"a commit elsewhere that starts the log afresh",              others_restart_the_log,                       false},
	{"a decision of our own does not hide what others did before", others_commit_before_ours,                    false},
	{"nor what they did between two of them",                      others_commit_between_two_of_ours,            false},
	{"nor does one that writes nothing",                           others_commit_before_one_that_writes_nothing, false},
};

static void
check_change(void **state)
{
	const struct change *c = *state;
	struct place p;

	place_open(&p);
	assert_true(db_unchanged(p.db, p.mark));
	c->happens(&p);
	assert_int_equal(db_unchanged(p.db, p.mark), c->want);
	/* Who reads makes a half written one whole; then a new mark stands for it. */
	read_something(&p);
	assert_ok(db_mark(p.db, &p.mark, &p.err), &p.err);
	assert_true(db_unchanged(p.db, p.mark));
	place_close(&p);
}

/* ---- which mark ---- */

static void
index__before_the_first_mark_nothing_is_known(void **state)
{
	struct place p;

	(void)state;
	place_open(&p);
	db_drop(&p.db);
	p.db = open_store(&p, DB_WRITE);
	assert_false(db_unchanged(p.db, 0));
	assert_false(db_unchanged(p.db, p.mark));
	commit_shared(&p);
	assert_false(db_unchanged(p.db, p.mark));
	place_close(&p);
}

/* Two that remember over one handle: what the one has seen the other has not. */
static void
index__an_older_mark_is_not_the_last_one(void **state)
{
	struct place p;
	uint64_t newer = 0;

	(void)state;
	place_open(&p);
	other(&p, "c");
	assert_ok(db_mark(p.db, &newer, &p.err), &p.err);
	assert_true(db_unchanged(p.db, newer));
	assert_false(db_unchanged(p.db, p.mark));
	place_close(&p);
}

/* Rows that are being read hold the store as it was when they began; the number is of that time, the header of now. */
static void
index__a_mark_within_rows_knows_only_their_time(void **state)
{
	struct place p;
	struct db_rows *rows = NULL;
	uint64_t within = 0;
	bool more = false;

	(void)state;
	place_open(&p);
	commit_shared(&p);
	assert_ok(db_query(p.db, "SELECT id FROM t", DB_NO_ARGS, &rows, &p.err), &p.err);
	assert_ok(db_next(rows, &more, &p.err), &p.err);
	assert_true(more);
	other(&p, "c");
	assert_ok(db_mark(p.db, &within, &p.err), &p.err);
	assert_false(db_unchanged(p.db, within));
	db_rows_drop(&rows);
	assert_false(db_unchanged(p.db, within));
	place_close(&p);
}

/* A mark that failed has looked at the header, and knows nothing of what stands behind it. */
static void
index__a_mark_that_failed_stands_for_nothing(void **state)
{
	struct place p;
	uint64_t failed = 0;

	(void)state;
	place_open(&p);
	other(&p, "c");
	reading_fails = true;
	assert_int_equal(db_mark(p.db, &failed, &p.err), CR_ESTORE);
	reading_fails = false;
	assert_false(db_unchanged(p.db, p.mark));
	assert_false(db_unchanged(p.db, failed));
	assert_ok(db_mark(p.db, &p.mark, &p.err), &p.err);
	assert_true(db_unchanged(p.db, p.mark));
	place_close(&p);
}

static struct place *slow_place;

static void
others_commit_meanwhile(void)
{
	other(slow_place, "c");
}

/* The number is read, somebody commits, the call returns: what it stands for is the store of before. */
static void
index__what_comes_while_a_mark_is_made_is_a_change(void **state)
{
	struct place p;
	uint64_t mark = 0;

	(void)state;
	place_open(&p);
	slow_place = &p;
	/* So that there is something to read. */
	other(&p, "c");
	while_reading = others_commit_meanwhile;
	assert_ok(db_mark(p.db, &mark, &p.err), &p.err);
	assert_null(while_reading);
	assert_false(db_unchanged(p.db, mark));
	place_close(&p);
}

/* ---- stores that are only read ---- */

static void
index__a_reader_sees_others(void **state)
{
	struct place p;
	struct db *reader;
	uint64_t mark = 0;

	(void)state;
	place_open(&p);
	reader = open_store(&p, DB_READ);
	assert_ok(db_mark(reader, &mark, &p.err), &p.err);
	assert_true(db_unchanged(reader, mark));
	other(&p, "k");
	assert_true(db_unchanged(reader, mark));
	other(&p, "c");
	assert_false(db_unchanged(reader, mark));
	assert_ok(db_mark(reader, &mark, &p.err), &p.err);
	commit_shared(&p);
	assert_false(db_unchanged(reader, mark));
	db_drop(&reader);
	place_close(&p);
}

#define NOBODY 65534

/* In a process of its own, as somebody who may not write everywhere: 0 when all is as it should be. */
static int
mark_a_still_store(const struct place *p)
{
	char shm[128];
	struct db *db = NULL;
	struct stat st;
	struct err err = {0};
	uint64_t mark = 0;
	int rc;

	(void)snprintf(shm, sizeof(shm), "%s-shm", p->path);
	if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		return 2;
	if (db_open(&(struct db_options){.path = p->path, .mode = DB_READ, .schema = &schema}, &db, &err) != CR_OK)
		return 3;
	/* Where a file could be made now, none is: it would be the log's, which this store has not. */
	if (chmod(p->dir, 0700) != 0)
		return 4;
	rc = db_mark(db, &mark, &err);
	if (rc != CR_OK || db_mark(db, &mark, &err) != CR_OK)
		return 5;
	if (db_unchanged(db, mark))
		return 6;
	if (stat(shm, &st) == 0)
		return 7;
	db_drop(&db);
	return 0;
}

static void
index__a_still_store_has_none_and_gets_none(void **state)
{
	static const char *const names[] = {"-wal", "-shm", ".lock", ".open"};
	struct place p = {.dir = "/tmp/coldrelay-index.XXXXXX"};
	char path[128];
	int status = 0;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(p.dir));
	(void)snprintf(p.path, sizeof(p.path), "%s/store", p.dir);
	p.db = open_store(&p, DB_CREATE);
	assert_ok(db_checkpoint(p.db, 0, &p.err), &p.err);
	db_drop(&p.db);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", p.path, names[i]);
		(void)unlink(path);
	}
	if (geteuid() == 0) {
		assert_int_equal(chown(p.path, NOBODY, NOBODY), 0);
		assert_int_equal(chown(p.dir, NOBODY, NOBODY), 0);
	}
	assert_int_equal(chmod(p.dir, 0500), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(mark_a_still_store(&p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)unlink(p.path);
	assert_int_equal(rmdir(p.dir), 0);
}

/* ---- the header itself ---- */

static void
index__what_is_kept_is_every_byte_of_both_copies(void **state)
{
	uint8_t bytes[DB_INDEX_BYTES], now[DB_INDEX_BYTES];
	struct db_index x = {.header = bytes};

	(void)state;
	for (size_t i = 0; i < HALF; i++)
		bytes[i] = bytes[i + HALF] = (uint8_t)(i * 7 + 1);
	assert_false(db_index_same(&x));
	db_index_read(&x, now);
	assert_memory_equal(now, bytes, sizeof(now));
	db_index_keep(&x, now);
	assert_true(db_index_same(&x));
	for (size_t i = 0; i < DB_INDEX_BYTES; i++) {
		bytes[i] ^= 0x10;
		assert_false(db_index_same(&x));
		bytes[i] ^= 0x10;
	}
	assert_true(db_index_same(&x));
}

/* Two copies that differ: somebody writes, and what is written next may be the same bytes for another state. */
static void
index__a_half_written_header_is_never_kept(void **state)
{
	uint8_t bytes[DB_INDEX_BYTES] = {0}, now[DB_INDEX_BYTES];
	struct db_index x = {.header = bytes};

	(void)state;
	for (size_t i = 0; i < DB_INDEX_BYTES; i++) {
		bytes[i] = 1;
		db_index_read(&x, now);
		db_index_keep(&x, now);
		assert_false(db_index_same(&x));
		bytes[i] = 0;
	}
	db_index_read(&x, now);
	db_index_keep(&x, now);
	assert_true(db_index_same(&x));
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, changes, check_change);
	TEST(tests, n, index__before_the_first_mark_nothing_is_known);
	TEST(tests, n, index__an_older_mark_is_not_the_last_one);
	TEST(tests, n, index__a_mark_within_rows_knows_only_their_time);
	TEST(tests, n, index__a_mark_that_failed_stands_for_nothing);
	TEST(tests, n, index__what_comes_while_a_mark_is_made_is_a_change);
	TEST(tests, n, index__a_reader_sees_others);
	TEST(tests, n, index__a_still_store_has_none_and_gets_none);
	TEST(tests, n, index__what_is_kept_is_every_byte_of_both_copies);
	TEST(tests, n, index__a_half_written_header_is_never_kept);
	return rows_run("core/db_index", tests, n);
}
