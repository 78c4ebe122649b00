/*
 * cases.h - labelled cases that are not part of this project, where they are at hand: each becomes a test of its own.
 *
 * COLDRELAY_AUTH_CASES (default ../shared/auth-cases) holds files of {"about": ..., "cases": [{"id": ..., "expect": {...}}, ...]}.  Where a
 * file is missing, one test is skipped and says so.
 */
#ifndef TESTS_LIB_CASES_H
#define TESTS_LIB_CASES_H

#include "tests/lib/rows.h"

#include "core/buf.h"
#include "core/json.h"

#define CASES_MAX 1024

struct one_case {
	struct json_at at, expect;
	char id[160];
};
struct cases {
	struct json *json;
	struct one_case items[CASES_MAX];
	struct CMUnitTest tests[CASES_MAX + 1];
	size_t n, n_tests;
};
/* All cases of a file as tests of fn, whose state is the struct one_case.  Fails the process on a file that cannot be read. */
void cases_open(const char *file, void (*fn)(void **state), struct cases *out);
/* The same for the cases of a file whose list is a member of each of several sections: "sections[].cases" with section's own members in at's parent. */
void cases_add(struct cases *c, const struct json_at *list, const char *prefix, void (*fn)(void **state));
void cases_close(struct cases *c);
/* Where the files are. */
const char *cases_dir(void);
/* A file beside the cases ("dkim/x.eml"); fails the running test. */
void cases_read(const char *file, struct buf *out);

/* Members of a case: NULL, or absent, where it has none. */
const char *case_text(const struct json_at *at, const char *key);
bool case_has(const struct json_at *at, const char *key);
/* at is the text itself, or a list that has it. */
bool case_says(const struct json_at *at, const char *text);

#endif
