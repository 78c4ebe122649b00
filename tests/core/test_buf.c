/*
 * test_buf.c - what buf.h promises: growth up to a ceiling, and a failure that stays until it is asked for.
 */
#include "tests/lib/rows.h"

#include "core/buf.h"

static void
buf__all_zero_is_empty(void **state)
{
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_ok(buf_check(&b, "nothing", &err), &err);
	buf_clear(&b);
	buf_release(&b);
	buf_release(&b);
}

static void
buf__appends_are_joined_and_terminated(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_addf(&b, "%d-%s", 42, "x");
	buf_add(&b, "\0z", 2);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data, "abc42-x\0z", 10);
	buf_release(&b);
}

static void
buf__growth_keeps_every_byte(void **state)
{
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_release(&b);
}

static const struct ceiling {
	const char *name;
	size_t max, first, second;
	int want_rc;
	size_t want_len;
} ceilings[] = {
	{"the last byte under the ceiling fits",     10, 9,  1,        CR_OK,     10},
	{"the first byte over it does not",          10, 10, 1,        CR_EPARSE, 10},
	{"an append over it is not written in part", 10, 5,  6,        CR_EPARSE, 5 },
	{"a ceiling met by the first append holds",  10, 11, 0,        CR_EPARSE, 0 },
	{"an append as long as memory is no wrap",   10, 1,  SIZE_MAX, CR_EPARSE, 1 },
};

static void
check_ceiling(void **state)
{
	const struct ceiling *r = *state;
	struct buf b = {.max_bytes = r->max};
	struct err err = {0};

	buf_add(&b, "xxxxxxxxxxxxxxxx", r->first);
	buf_add(&b, "yyyyyyyyyyyyyyyy", r->second);
	assert_int_equal(buf_check(&b, "the text", &err), r->want_rc);
	assert_int_equal(b.len, r->want_len);
	if (r->want_rc != CR_OK)
		assert_string_equal(err.text, "the text: longer than the limit of 10 bytes");
	buf_release(&b);
}

static void
buf__a_failure_stays_until_cleared(void **state)
{
	struct buf b = {.max_bytes = 4};
	struct err err = {0};
	char *out = NULL;

	(void)state;
	buf_adds(&b, "12345");
	buf_adds(&b, "1");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_take(&b, "x", &out, &err), CR_EPARSE);
	assert_null(out);
	buf_clear(&b);
	buf_adds(&b, "1234");
	assert_ok(buf_check(&b, "x", &err), &err);
	assert_int_equal(b.max_bytes, 4);
	buf_release(&b);
	assert_int_equal(b.max_bytes, 4);
}

static void
buf__take_hands_over_even_the_empty_text(void **state)
{
	struct buf b = {0};
	struct err err = {0};
	char *out = NULL;

	(void)state;
	assert_ok(buf_take(&b, "x", &out, &err), &err);
	assert_string_equal(out, "");
	free(out);
	buf_adds(&b, "text");
	assert_ok(buf_take(&b, "x", &out, &err), &err);
	assert_string_equal(out, "text");
	assert_null(b.data);
	free(out);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, ceilings, check_ceiling);
	TEST(tests, n, buf__all_zero_is_empty);
	TEST(tests, n, buf__appends_are_joined_and_terminated);
	TEST(tests, n, buf__growth_keeps_every_byte);
	TEST(tests, n, buf__a_failure_stays_until_cleared);
	TEST(tests, n, buf__take_hands_over_even_the_empty_text);
	return rows_run("core/buf", tests, n);
}
