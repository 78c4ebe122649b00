/*
 * test_daemon_sync.c - rounds that are decided while the last one's sync is waited for, on a disk that is slow or fails when it is told to.
 */
#include "core/db_file.h"
#include "tests/budget/desk.h"

#include <stdatomic.h>
#include <sys/syscall.h>

#define MANY 16 /* questions, from which on the daemon's other threads decide and sync */

/* SQLite, a shared library, finds this before the C library's.  The daemon sees it too. */
struct disk {
	_Atomic(bool) fails, holds;      /* holds: no sync of the daemon's ends */
	_Atomic(int) inside, begun, let; /* let: so many end all the same */
	_Atomic(int) write_errnum;       /* 0: writes go through */
};
static struct disk *disk;
static pid_t self;

int
fdatasync(int fd)
{
	(void)fd;
	if (disk == NULL || getpid() == self)
		return 0;
	disk->begun++;
	disk->inside++;
	while (disk->holds && disk->let == 0)
		(void)usleep(500);
	disk->let -= disk->let > 0;
	disk->inside--;
	errno = EIO;
	/* The kernel says it once. */
	return atomic_exchange(&disk->fails, false) ? -1 : 0;
}

static ssize_t
write_at(int fd, const void *data, size_t len, off_t at)
{
	if (disk != NULL && getpid() != self && disk->write_errnum != 0) {
		errno = disk->write_errnum;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return write_at(fd, data, len, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, __off64_t at)
{
	return write_at(fd, data, len, at);
}

static int
set_up_disk(void **state)
{
	self = getpid();
	disk->fails = disk->holds = false;
	disk->inside = disk->begun = disk->let = disk->write_errnum = 0;
	return set_up(state);
}

static int
tear_down_disk(void **state)
{
	disk->holds = disk->fails = false;
	return tear_down(state);
}

static void
until_inside(int n)
{
	for (int i = 0; disk->inside < n && i < PATIENCE_S * 1000; i++)
		(void)usleep(1000);
	assert_int_equal(disk->inside, n);
}

/* Read by the daemon as one round: it stands still until all have come. */
static void
ask_round(const char *mailbox, const char *name, int fd[MANY])
{
	char instance[24];

	assert_int_equal(kill(server, SIGSTOP), 0);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(instance, sizeof(instance), "%s.%d", name, i);
		put_question(fd[i], &(struct question){END, instance, mailbox, EXTERN_MAIL, NULL, 1});
	}
	assert_int_equal(kill(server, SIGCONT), 0);
}

static void
dial_all(int fd[MANY])
{
	for (int i = 0; i < MANY; i++)
		fd[i] = dial();
}

/* Two of them are allowed, as the budget has it; or none is answered. */
static void
expect_round(int fd[MANY], bool answered)
{
	char answer[POLICY_TEXT];
	int allowed = 0;

	for (int i = 0; i < MANY; i++) {
		get(fd[i], answer);
		if (!answered)
			assert_string_equal(answer, "");
		else if (strcmp(answer, GO) == 0)
			allowed++;
		else
			assert_non_null(strstr(answer, "(budget)"));
		(void)close(fd[i]);
	}
	assert_int_equal(allowed, answered ? 2 : 0);
}

static void
expect_words(int fd[MANY], const char *begins)
{
	char answer[POLICY_TEXT];

	for (int i = 0; i < MANY; i++) {
		get(fd[i], answer);
		assert_int_equal(strncmp(answer, begins, strlen(begins)), 0);
	}
}

/* Nothing to read, and not closed. */
static void
expect_silence(int fd[MANY])
{
	for (int i = 0; i < MANY; i++)
		assert_int_equal(poll(&(struct pollfd){.fd = fd[i], .events = POLLIN}, 1, 0), 0);
}

static int64_t
n_sends(const char *mailbox)
{
	int64_t n = -1;

	assert_ok(db_get_int(o.db,
	                     "SELECT count(*) FROM history WHERE mailbox = (SELECT id FROM mailbox WHERE address = $1)",
	                     DB_ARGS(db_text(mailbox)), 0, &n, &o.err),
	          &o.err);
	return n;
}

static void
until_seen(const char *mailbox)
{
	for (int i = 0; n_sends(mailbox) < 2 && i < PATIENCE_S * 1000; i++)
		(void)usleep(1000);
	assert_int_equal(n_sends(mailbox), 2);
}

/* The first is being synced, the second is decided, and both are seen; nobody is told. */
static void
hold_rounds(int anna[MANY], int ben[MANY])
{
	dial_all(anna);
	dial_all(ben);
	/* A log's header is synced where it is written. */
	expect(&(struct question){END, "c", CARL, EXTERN_MAIL, NULL, 1}, GO, "");
	disk->begun = 0;
	disk->holds = true;
	ask_round(ANNA, "a", anna);
	until_inside(1);
	ask_round(BEN, "b", ben);
	until_seen(BEN);
	assert_int_equal(n_sends(ANNA), 2);
	expect_silence(anna);
	expect_silence(ben);
	assert_int_equal(disk->begun, 1);
}

/* The second round's frames do not reach the log while the first is being synced. */
static void
hold_one_and_strike(int errnum, int anna[MANY], int ben[MANY])
{
	dial_all(anna);
	dial_all(ben);
	expect(&(struct question){END, "c", CARL, EXTERN_MAIL, NULL, 1}, GO, "");
	disk->begun = 0;
	disk->holds = true;
	ask_round(ANNA, "a", anna);
	until_inside(1);
	until_seen(ANNA);
	disk->write_errnum = errnum;
	ask_round(BEN, "b", ben);
}

static void
daemon__a_round_is_decided_while_the_last_is_synced_and_told_after_its_own_sync(void **state)
{
	int anna[MANY], ben[MANY];

	(void)state;
	if (store_server() != NULL)
		skip(); /* has a disk of its own */
	hold_rounds(anna, ben);
	disk->holds = false;
	expect_round(anna, true);
	expect_round(ben, true);
	assert_int_equal(disk->begun, 2);
	/* What writes nothing needs none. */
	dial_all(anna);
	ask_round(ANNA, "no", anna);
	expect_words(anna, LATER);
	assert_int_equal(disk->begun, 2);
}

/* Else an old beginning of it could come back, and with it an older store. */
static void
daemon__a_log_begun_anew_has_its_header_synced_before_anything_is_seen(void **state)
{
	int anna[MANY];

	(void)state;
	if (store_server() != NULL)
		skip();
	dial_all(anna);
	expect(&(struct question){END, "c", CARL, EXTERN_MAIL, NULL, 1}, GO, "");
	assert_ok(db_checkpoint(o.db, 0, &o.err), &o.err);
	disk->begun = 0;
	disk->holds = true;
	ask_round(ANNA, "a", anna);
	until_inside(1);
	assert_int_equal(n_sends(ANNA), 0);
	disk->let = 1;
	until_seen(ANNA);
	expect_silence(anna);
	disk->holds = false;
	expect_round(anna, true);
	assert_int_equal(disk->begun, 2);
}

static void
daemon__one_sync_is_for_all_rounds_that_were_decided_by_then(void **state)
{
	int anna[MANY], ben[MANY], carl[MANY], status;

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_rounds(anna, ben);
	dial_all(carl);
	ask_round(CARL, "d", carl);
	until_seen(CARL);
	disk->let = 1;
	expect_round(anna, true);
	until_inside(1);
	expect_silence(ben);
	expect_silence(carl);
	assert_int_equal(disk->begun, 2);
	disk->fails = true;
	disk->holds = false;
	expect_round(ben, false);
	expect_round(carl, false);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	assert_int_not_equal(WEXITSTATUS(status), 0);
	start(NO_PACE);
}

/* A single question comes behind it, and the loop does not wait for either. */
static void
daemon__the_loop_goes_on_while_a_sync_is_slow(void **state)
{
	char answer[POLICY_TEXT];
	int anna[MANY], ben[MANY], one = dial(), junk = dial();

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_one_and_strike(0, anna, ben);
	until_seen(BEN);
	put_question(one, &(struct question){END, "one", CARL, EXTERN_MAIL, NULL, 1});
	assert_int_equal(poll(&(struct pollfd){.fd = one, .events = POLLIN}, 1, 50), 0);
	put(junk, "\n\n", 2);
	assert_int_equal(poll(&(struct pollfd){.fd = junk, .events = POLLIN}, 1, PATIENCE_S * 100), 1);
	disk->holds = false;
	expect_round(anna, true);
	expect_round(ben, true);
	get(one, answer);
	assert_string_equal(answer, GO);
	(void)close(one);
	(void)close(junk);
}

static void
daemon__a_late_sync_that_fails_answers_nobody_and_the_next_settles(void **state)
{
	int anna[MANY], ben[MANY], status;

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_rounds(anna, ben);
	disk->fails = true;
	disk->holds = false;
	expect_round(anna, false);
	expect_round(ben, false);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 0);
	/* Who starts it anew has the store open itself: the log is written again all the same. */
	disk->fails = false;
	disk->begun = 0;
	start(NO_PACE);
	assert_true(disk->begun > 0);
	dial_all(anna);
	ask_round(ANNA, "a", anna);
	expect_round(anna, true);
}

static void
daemon__a_full_disk_defers_the_round_behind_and_not_the_one_before(void **state)
{
	int anna[MANY], ben[MANY];

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_one_and_strike(ENOSPC, anna, ben);
	disk->holds = false;
	expect_round(anna, true);
	expect_words(ben, "action=DEFER 4.3.0 ");
	assert_int_equal(n_sends(BEN), 0);
	disk->write_errnum = 0;
	ask_round(BEN, "b", ben);
	expect_round(ben, true);
}

static void
daemon__a_write_that_fails_ends_all_that_waits(void **state)
{
	int anna[MANY], ben[MANY], status;

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_one_and_strike(EIO, anna, ben);
	disk->holds = false;
	/* Its sync was good, and had begun before: it may be answered or not, but as one. */
	expect_round(ben, false);
	for (int i = 0; i < MANY; i++)
		(void)close(anna[i]);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	assert_int_not_equal(WEXITSTATUS(status), 0);
	disk->write_errnum = 0;
	start(NO_PACE);
	assert_int_equal(n_sends(ANNA), 2);
	dial_all(anna);
	ask_round(ANNA, "a", anna);
	expect_round(anna, true);
}

static void
daemon__who_opens_the_store_waits_for_what_is_seen_and_not_synced(void **state)
{
	const struct db_options options = {
		.path = o.path, .mode = DB_WRITE, .schema = &schema_coldrelay, .busy_ms = 30};
	int anna[MANY], ben[MANY];
	struct db *db = NULL;

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_rounds(anna, ben);
	assert_int_equal(db_open(&options, &db, &o.err), CR_ERETRY);
	/* One sync is over, and was not for the second round. */
	disk->let = 1;
	expect_round(anna, true);
	until_inside(1);
	expect_silence(ben);
	assert_int_equal(db_open(&options, &db, &o.err), CR_ERETRY);
	disk->holds = false;
	expect_round(ben, true);
	assert_ok(db_open(&options, &db, &o.err), &o.err);
	db_drop(&db);
}

static void
daemon__one_killed_before_its_sync_is_settled_beside_others(void **state)
{
	struct db_presence other = {.fd = -1};
	int anna[MANY], ben[MANY];
	bool unclean;

	(void)state;
	if (store_server() != NULL)
		skip();
	assert_ok(db_presence_enter(&other, o.path, clock_system(), 0, &unclean, &o.err), &o.err);
	assert_false(unclean);
	hold_rounds(anna, ben);
	(void)stop(SIGKILL);
	expect_round(anna, false);
	expect_round(ben, false);
	disk->holds = false;
	disk->begun = 0;
	start(NO_PACE);
	assert_true(disk->begun > 0);
	dial_all(ben);
	ask_round(BEN, "b", ben);
	expect_round(ben, true);
	db_presence_leave(&other, true);
}

static void
daemon__a_signal_to_end_answers_what_was_read(void **state)
{
	int anna[MANY], ben[MANY], status;

	(void)state;
	if (store_server() != NULL)
		skip();
	hold_rounds(anna, ben);
	assert_int_equal(kill(server, SIGHUP), 0);
	assert_int_equal(kill(server, SIGTERM), 0);
	expect_silence(anna);
	disk->holds = false;
	expect_round(anna, true);
	expect_round(ben, true);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	assert_int_equal(status, 0);
}

#define DISK_TEST(fn)                                                                                                  \
	{                                                                                                              \
		.name = #fn, .test_func = (fn), .setup_func = set_up_disk, .teardown_func = tear_down_disk             \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST(daemon__a_round_is_decided_while_the_last_is_synced_and_told_after_its_own_sync),
		DISK_TEST(daemon__a_log_begun_anew_has_its_header_synced_before_anything_is_seen),
		DISK_TEST(daemon__one_sync_is_for_all_rounds_that_were_decided_by_then),
		DISK_TEST(daemon__the_loop_goes_on_while_a_sync_is_slow),
		DISK_TEST(daemon__a_late_sync_that_fails_answers_nobody_and_the_next_settles),
		DISK_TEST(daemon__a_full_disk_defers_the_round_behind_and_not_the_one_before),
		DISK_TEST(daemon__a_write_that_fails_ends_all_that_waits),
		DISK_TEST(daemon__who_opens_the_store_waits_for_what_is_seen_and_not_synced),
		DISK_TEST(daemon__one_killed_before_its_sync_is_settled_beside_others),
		DISK_TEST(daemon__a_signal_to_end_answers_what_was_read),
	};

	disk = mmap(NULL, sizeof(*disk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(disk != MAP_FAILED);
	return rows_run("budget/daemon_sync", tests, ARRAY_LEN(tests));
}
