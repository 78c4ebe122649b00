/*
 * test_lock.c - what lock.h promises between open files, processes and the dead.
 */
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lock.h"
#include "tests/lib/fake_clock.h"

static char path[] = "/tmp/coldrelay-test-lock.XXXXXX";

static struct lock *
open_lock(void)
{
	struct lock *l = NULL;
	struct err err = {0};

	assert_ok(lock_open(path, &l, &err), &err);
	return l;
}

static int
take(struct lock *l, int64_t deadline_ms, const char *what, struct err *err)
{
	return lock_take(l, clock_system(), deadline_ms, what, err);
}

static void
lock__two_open_files_exclude_each_other(void **state)
{
	struct lock *a = open_lock(), *b = open_lock();
	struct err err = {0};

	(void)state;
	assert_ok(take(a, 0, NULL, &err), &err);
	assert_int_equal(take(b, 0, NULL, &err), CR_ERETRY);
	assert_non_null(strstr(err.text, "held by another process"));
	lock_give(a);
	assert_ok(take(b, 0, NULL, &err), &err);
	assert_int_equal(take(a, 0, NULL, &err), CR_ERETRY);
	lock_drop(&b);
	assert_ok(take(a, 0, NULL, &err), &err);
	assert_int_equal(take(a, 0, NULL, &err), CR_EBUG);
	lock_drop(&a);
	assert_null(a);
}

static void
lock__the_holder_is_named_while_it_holds(void **state)
{
	struct lock *a = open_lock(), *b = open_lock();
	struct err err = {0};
	char want[64];
	struct stat st;

	(void)state;
	assert_ok(take(a, 0, "provision northwind.example", &err), &err);
	assert_int_equal(take(b, 0, NULL, &err), CR_ERETRY);
	(void)snprintf(want, sizeof(want), "held by %ld (provision northwind.example) for ", (long)getpid());
	assert_non_null(strstr(err.text, want));
	lock_give(a);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	lock_drop(&a);
	lock_drop(&b);
}

/* Removed as left over: whoever had it open takes the new one, or there would be two locks. */
static void
lock__on_a_file_that_was_removed_is_taken_on_the_new_one(void **state)
{
	struct lock *a = open_lock(), *b;
	struct err err = {0};

	(void)state;
	assert_int_equal(unlink(path), 0);
	b = open_lock();
	assert_ok(take(b, 0, NULL, &err), &err);
	assert_int_equal(take(a, 0, NULL, &err), CR_ERETRY);
	lock_give(b);
	assert_ok(take(a, 0, NULL, &err), &err);
	assert_int_equal(take(b, 0, NULL, &err), CR_ERETRY);
	lock_drop(&a);
	lock_drop(&b);
}

/* What somebody else has put there leads elsewhere. */
static void
lock__a_link_in_its_place_is_not_followed(void **state)
{
	struct lock *l = NULL;
	struct err err = {0};
	char link[80];

	(void)state;
	(void)snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(lock_open(link, &l, &err), CR_EIO);
	assert_int_equal(unlink(link), 0);
}

static void
lock__waiting_ends_at_the_deadline_of_the_clock(void **state)
{
	struct lock *a = open_lock(), *b = open_lock();
	struct fake_clock clock;
	struct err err = {0};

	(void)state;
	fake_clock_init(&clock, 1764068819000);
	assert_ok(take(a, 0, NULL, &err), &err);
	assert_int_equal(lock_take(b, &clock.clock, 5000, NULL, &err), CR_ERETRY);
	assert_int_equal(clock.slept_ms, 5000);
	lock_drop(&a);
	lock_drop(&b);
}

/* The name of a killed holder must not stand for the next one. */
static void
lock__a_killed_holder_frees_it(void **state)
{
	struct lock *l = open_lock(), *other = open_lock();
	struct err err = {0};
	int ready[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct lock *mine = NULL;

		if (lock_open(path, &mine, &err) != CR_OK || take(mine, 0, "serve", &err) != CR_OK ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(take(l, 0, NULL, &err), CR_ERETRY);
	assert_non_null(strstr(err.text, "(serve)"));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(ready[0]);
	assert_ok(take(l, 0, NULL, &err), &err);
	assert_int_equal(take(other, 0, NULL, &err), CR_ERETRY);
	assert_null(strstr(err.text, "serve"));
	lock_drop(&l);
	lock_drop(&other);
}

static void
lock__a_removed_file_is_made_again(void **state)
{
	struct lock *a = open_lock(), *b = open_lock();
	struct err err = {0};

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_ok(take(a, 0, NULL, &err), &err);
	/* b still has the removed file open. */
	assert_int_equal(take(b, 0, NULL, &err), CR_ERETRY);
	lock_drop(&a);
	lock_drop(&b);
}

/* Whoever gives and takes in a loop may not pass the one at the turnstile. */
static void
lock__one_that_waits_is_not_passed(void **state)
{
	struct lock *a = open_lock(), *b = open_lock();
	struct flock turn = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
	struct err err = {0};
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &turn), 0);
	assert_int_equal(take(a, 0, NULL, &err), CR_ERETRY);
	(void)close(fd);
	assert_ok(take(a, 0, NULL, &err), &err);
	lock_drop(&a);
	lock_drop(&b);
}

static void
lock__only_a_regular_file_will_do(void **state)
{
	struct lock *l = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(lock_open("/dev/null", &l, &err), CR_EIO);
	assert_int_equal(lock_open("/tmp/coldrelay-no-such-directory/lock", &l, &err), CR_EIO);
	assert_null(l);
	lock_drop(&l);
	lock_give(NULL);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;
	int failed, fd = mkstemp(path);

	if (fd < 0)
		return 1;
	(void)close(fd);
	TEST(tests, n, lock__two_open_files_exclude_each_other);
	TEST(tests, n, lock__the_holder_is_named_while_it_holds);
	TEST(tests, n, lock__on_a_file_that_was_removed_is_taken_on_the_new_one);
	TEST(tests, n, lock__a_link_in_its_place_is_not_followed);
	TEST(tests, n, lock__waiting_ends_at_the_deadline_of_the_clock);
	TEST(tests, n, lock__a_killed_holder_frees_it);
	TEST(tests, n, lock__a_removed_file_is_made_again);
	TEST(tests, n, lock__one_that_waits_is_not_passed);
	TEST(tests, n, lock__only_a_regular_file_will_do);
	failed = rows_run("core/lock", tests, n);
	(void)unlink(path);
	return failed;
}
