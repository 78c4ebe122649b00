/*
 * rows.h - cmocka with the headers it needs, and a test a row: every row of a table becomes its own test, named by the row.
 *
 *   static const struct row { const char *name; ... } rows[] = {...};
 *   static void check_row(void **state) { const struct row *r = *state; ... }
 *   int main(void) {
 *           struct CMUnitTest tests[64]; size_t n = 0;
 *           ROWS(tests, n, rows, check_row);
 *           TEST(tests, n, module__promise);
 *           return rows_run("room/module", tests, n);
 *   }
 */
#ifndef TESTS_LIB_ROWS_H
#define TESTS_LIB_ROWS_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

#define ROWS(tests, n, rows, fn)                                                                                       \
	do {                                                                                                           \
		for (size_t row_ = 0; row_ < sizeof(rows) / sizeof((rows)[0]); row_++) {                               \
			assert((n) < sizeof(tests) / sizeof((tests)[0]));                                              \
			(tests)[(n)++] = (struct CMUnitTest){                                                          \
				.name = (rows)[row_].name,                                                             \
				.test_func = (fn),                                                                     \
				.initial_state = (void *)(uintptr_t) & (rows)[row_],                                   \
			};                                                                                             \
		}                                                                                                      \
	} while (0)

#define TEST(tests, n, fn)                                                                                             \
	do {                                                                                                           \
		assert((n) < sizeof(tests) / sizeof((tests)[0]));                                                      \
		(tests)[(n)++] = (struct CMUnitTest){.name = #fn, .test_func = (fn)};                                  \
	} while (0)

static inline int
rows_run(const char *group, const struct CMUnitTest *tests, size_t n)
{
	return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}

/* Fails with the error's own text. */
#define assert_ok(rc, err)                                                                                             \
	do {                                                                                                           \
		int rc_ = (rc);                                                                                        \
		if (rc_ != CR_OK)                                                                                      \
			fail_msg("%s:%d: %s (%d): %s", __FILE__, __LINE__, err_code_name(rc_), rc_, (err)->text);      \
	} while (0)

#endif
