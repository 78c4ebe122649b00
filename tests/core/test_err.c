/*
 * test_err.c - what err.h promises: one line, context in front, one exit code a code.
 */
#include "tests/lib/rows.h"

#include <errno.h>

static const struct code {
	const char *name;
	int code;
	int want_exit; /* sysexits.h */
	const char *want_name;
} codes[] = {
	{"success exits 0",                CR_OK,        0,  "ok"             },
	{"a usage error exits 64",         CR_EUSAGE,    64, "usage"          },
	{"a configuration error exits 78", CR_ECONFIG,   78, "config"         },
	{"refused credentials exit 77",    CR_EAUTH,     77, "auth"           },
	{"a conflict exits 77",            CR_ECONFLICT, 77, "conflict"       },
	{"a refusal exits 77",             CR_EREFUSED,  77, "refused"        },
	{"try again exits 75",             CR_ERETRY,    75, "retry"          },
	{"an unknown outcome exits 75",    CR_EUNKNOWN,  75, "unknown_outcome"},
	{"unreadable input exits 65",      CR_EPARSE,    65, "parse"          },
	{"store trouble exits 74",         CR_ESTORE,    74, "store"          },
	{"file trouble exits 74",          CR_EIO,       74, "io"             },
	{"no memory exits 71",             CR_ENOMEM,    71, "memory"         },
	{"a bug exits 70",                 CR_EBUG,      70, "bug"            },
	{"a code nobody knows is a bug",   -99,          70, "bug"            },
	{"a positive code is a bug",       1,            70, "bug"            },
};

static void
check_code(void **state)
{
	const struct code *r = *state;

	assert_int_equal(err_exit_code(r->code), r->want_exit);
	assert_string_equal(err_code_name(r->code), r->want_name);
}

static void
err__set_returns_the_code_and_clears_the_wait(void **state)
{
	struct err err = {.retry_after_s = 30};

	(void)state;
	assert_int_equal(err_set(&err, CR_EPARSE, "ttl: not a number: '%s'", "x"), CR_EPARSE);
	assert_int_equal(err.code, CR_EPARSE);
	assert_int_equal(err.retry_after_s, 0);
	assert_string_equal(err.text, "ttl: not a number: 'x'");
}

static void
err__control_bytes_never_reach_a_terminal(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, CR_EPARSE, "%s", "a\x1b[31m\r\nb\x7f");
	assert_string_equal(err.text, "a?[31m??b?");
	(void)err_wrap(&err, "%s", "zone\n");
	assert_string_equal(err.text, "zone?: a?[31m??b?");
}

static void
err__wrapping_puts_the_context_in_front_and_keeps_code_and_wait(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, CR_ERETRY, "rate limit");
	err.retry_after_s = 30;
	assert_int_equal(err_wrap(&err, "zone %s", "a.example"), CR_ERETRY);
	assert_string_equal(err.text, "zone a.example: rate limit");
	assert_int_equal(err.retry_after_s, 30);
}

static void
err__a_long_text_is_cut_behind_its_context(void **state)
{
	struct err err = {0};
	char tail[2 * ERR_TEXT_MAX];

	(void)state;
	memset(tail, 'x', sizeof(tail) - 1);
	tail[sizeof(tail) - 1] = '\0';
	(void)err_set(&err, CR_EIO, "%s", tail);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	(void)err_wrap(&err, "file");
	assert_memory_equal(err.text, "file: xxx", 9);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	(void)err_wrap(&err, "%s", tail);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void
err__nowhere_to_write_is_fine(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(NULL, CR_EIO, "x"), CR_EIO);
	assert_int_equal(err_nomem(NULL, "x"), CR_ENOMEM);
	assert_int_equal(err_errno(NULL, CR_EIO, ENOENT, "x"), CR_EIO);
	assert_int_equal(err_wrap(NULL, "x"), CR_EBUG);
	assert_int_equal(err_wrap(&err, "x"), CR_EBUG);
	assert_string_equal(err.text, "");
}

static void
err__the_system_s_words_follow_the_name(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_errno(&err, CR_ESTORE, ENOENT, "/x"), CR_ESTORE);
	assert_string_equal(err.text, "/x: No such file or directory");
	assert_int_equal(err_nomem(&err, "a row"), CR_ENOMEM);
	assert_string_equal(err.text, "out of memory: a row");
}

static void
err__only_what_never_began_says_nothing_was_done(void **state)
{
	static const int closed[] = {CR_EAUTH, CR_ERETRY, CR_ECONFLICT, CR_EREFUSED, CR_ENOTFOUND};
	size_t n = 0;

	(void)state;
	for (int code = CR_OK; code >= CR_EBUG; code--)
		n += err_nothing_done(code) ? 1 : 0;
	assert_int_equal(n, ARRAY_LEN(closed));
	for (size_t i = 0; i < ARRAY_LEN(closed); i++)
		assert_true(err_nothing_done(closed[i]));
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, codes, check_code);
	TEST(tests, n, err__set_returns_the_code_and_clears_the_wait);
	TEST(tests, n, err__control_bytes_never_reach_a_terminal);
	TEST(tests, n, err__wrapping_puts_the_context_in_front_and_keeps_code_and_wait);
	TEST(tests, n, err__a_long_text_is_cut_behind_its_context);
	TEST(tests, n, err__nowhere_to_write_is_fine);
	TEST(tests, n, err__the_system_s_words_follow_the_name);
	TEST(tests, n, err__only_what_never_began_says_nothing_was_done);
	return rows_run("core/err", tests, n);
}
