/*
 * test_lazy.c - what lazy.h promises, on a library that every system has and on ones that none has.
 */
#include "tests/lib/rows.h"

#include "core/lazy.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

#define MATH(X) X(sqrt) X(hypot)
LAZY_LIBRARY(libmath, "libm.so.6", "libc6", MATH);
LAZY_LIBRARY(libshared, "libm.so.6", "libc6", MATH);

#define THREADS 8
#define DAMAGED "libdamaged.so.1"

static const char *const too_new[] = {"sqrt", "no_such_function"};

static const struct fault {
	const char *name;
	const char *soname, *package;
	const char *want;
} faults[] = {
	{"of a library that is not there, what to install is said",      "libfrob.so.2", "libfrob2",
         "libfrob.so.2 is not installed: apt-get install libfrob2"                                                   },
	{"of a library that is too old, the call that it lacks is said", "libm.so.6",    "libc6",
         "libm.so.6 lacks no_such_function: a newer libc6 is needed"                                                 },
	{"of a damaged library, the linker's words are said",            "./" DAMAGED,   "libdamaged1",
         "./" DAMAGED " cannot be loaded: ./" DAMAGED ": invalid ELF header: apt-get install --reinstall libdamaged1"},
};

static void
check_fault(void **state)
{
	const struct fault *f = *state;
	void *calls[ARRAY_LEN(too_new)] = {0};
	struct lazy library = {
		.soname = f->soname, .package = f->package, .names = too_new, .n = ARRAY_LEN(too_new), .calls = calls};
	struct err err = {0};

	/* Asked again it says so again: what was half done is not taken for done. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lazy_need(&library, &err), CR_ECONFIG);
		assert_string_equal(err.text, f->want);
		for (size_t k = 0; k < ARRAY_LEN(calls); k++)
			assert_null(calls[k]);
	}
}

static void
lazy__calls_reach_the_library(void **state)
{
	struct err err = {0};

	(void)state;
	assert_null(libmath.hypot);
	assert_ok(lazy_need(&libmath_lazy, &err), &err);
	assert_true(libmath.sqrt(9) == 3 && libmath.hypot(3, 4) == 5);
	assert_ok(lazy_need(&libmath_lazy, &err), &err);
	assert_true(libmath.sqrt(9) == 3);
}

static void *
use_at_once(void *arg)
{
	pthread_barrier_t *start = arg;

	(void)pthread_barrier_wait(start);
	return lazy_need(&libshared_lazy, NULL) == CR_OK && libshared.sqrt(4) == 2 && libshared.hypot(3, 4) == 5 ? arg
	                                                                                                         : NULL;
}

static void
lazy__threads_that_need_it_together_all_get_it(void **state)
{
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	void *done;

	(void)state;
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_at_once, &start), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &done), 0);
		assert_ptr_equal(done, &start);
	}
	assert_int_equal(pthread_barrier_destroy(&start), 0);
}

static int
damage(void)
{
	FILE *f = fopen(DAMAGED, "w");
	int rc = f != NULL && fprintf(f, "%200s\n", "no library") > 0 ? 0 : -1;

	return f != NULL && fclose(f) == 0 ? rc : -1;
}

int
main(void)
{
	struct CMUnitTest tests[16];
	char dir[] = "/tmp/coldrelay-lazy.XXXXXX";
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0 || damage() != 0)
		return 1;
	ROWS(tests, n, faults, check_fault);
	TEST(tests, n, lazy__calls_reach_the_library);
	TEST(tests, n, lazy__threads_that_need_it_together_all_get_it);
	failed = rows_run("core/lazy", tests, n);
	(void)unlink(DAMAGED);
	(void)chdir("/");
	(void)rmdir(dir);
	return failed;
}
