/*
 * test_phrases.c - phrases found in one pass: what stands there, and nothing else.
 */
#include "tests/lib/rows.h"

#include "budget/phrases.h"

static const struct row {
	const char *name, *phrase, *text;
	bool found;
} rows[] = {
	{"a phrase in the middle",                      "user unknown",             "550 user unknown here",         true },
	{"at the very start and end",                   "user",                     "user",                          true },
	{"cut at the end of the text",                  "unknown",                  "550 user unkno",                false},
	{"one byte differs",                            "user unknown",             "550 user unknowm here",         false},
	{"longer than the text",                        "user unknown",             "use",                           false},
	{"three bytes are enough",                      "ube",                      "tube",                          true },
	{"the edge of a word on the left",              "~ube",                     "tube",                          false},
	{"the edge of a word at the start of the text", "~ube",                     "ube, id",                       true },
	{"the edge of a word on the right",             "spam~",                    "spamhaus",                      false},
	{"the edge of a word at the end of the text",   "spam~",                    "no spam",                       true },
	{"a letter of another script is no edge",       "~ube~",                    "\xc3\xa4ube",                   false},
	{"two pieces with something between",           "blocked * list",           "blocked by our list",           true },
	{"two pieces that touch",                       "blocked * list",           "blocked list",                  true },
	{"the other way round",                         "blocked * list",           "list of blocked",               false},
	{"the same bytes do not serve twice",           "abcd * cdef",              "abcdef",                        false},
	{"pieces too far apart",                        "first * second",
         "first 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890 second", false},
	{"the nearer of two beginnings counts",         "first * second",
         "first 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890 first "
         "second",                                                                                                   true },
	{"three pieces",				"one * two * three",        "one, two and three",            true },
	{"three pieces without the middle one",         "one * two * three",        "one, and three",                false},
	{"a phrase of another alphabet",                "\xe5\xad\x98\xe5\x9c\xa8", "x\xe5\xad\x98\xe5\x9c\xa8x",    true },
	{"the same trigram in another place",           "aaab",                     "aaaaaaab",                      true },
};

static void
check_row(void **state)
{
	static const char *const others[] = {"other", "user", "list * blocked", "aaaa", "second"};
	const struct row *row = *state;
	struct phrases p = {0};
	struct phrases_found found = {0};
	struct err err = {0};
	uint16_t id, other;

	assert_ok(phrases_add(&p, row->phrase, strlen(row->phrase), &id, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_ok(phrases_add(&p, others[i], strlen(others[i]), &other, &err), &err);
	assert_ok(phrases_close(&p, &err), &err);
	phrases_find(&p, row->text, strlen(row->text), &found);
	assert_int_equal(phrases_has(&found, id), row->found);
	phrases_release(&p);
}

static const struct refused_row {
	const char *name, *phrase, *want;
} refused[] = {
	{"two bytes",          "ab",       "'ab' is shorter than three bytes"},
	{"nothing",            "",         "'' is shorter than three bytes"  },
	{"a star alone",       "*",        "'' is shorter than three bytes"  },
	{"a short piece",      "abc * de", "'de' is shorter than three bytes"},
	{"marks do not count", "~ab~",     "'ab' is shorter than three bytes"},
};

static void
check_refused(void **state)
{
	const struct refused_row *row = *state;
	struct phrases p = {0};
	struct phrases_found found = {0};
	struct err err = {0};
	uint16_t id = 7, good;

	assert_int_equal(phrases_add(&p, row->phrase, strlen(row->phrase), &id, &err), CR_ECONFIG);
	assert_string_equal(err.text, row->want);
	assert_int_equal(id, 7);
	/* and leaves nothing behind */
	assert_ok(phrases_add(&p, "good phrase", 11, &good, &err), &err);
	assert_ok(phrases_close(&p, &err), &err);
	phrases_find(&p, "abc good phrase", 15, &found);
	assert_true(phrases_has(&found, good));
	phrases_release(&p);
}

static void
phrases__one_phrase_has_one_number(void **state)
{
	struct phrases p = {0};
	struct err err = {0};
	uint16_t a, b, c;

	(void)state;
	assert_ok(phrases_add(&p, "one phrase", 10, &a, &err), &err);
	assert_ok(phrases_add(&p, "another", 7, &b, &err), &err);
	assert_ok(phrases_add(&p, "one phrase", 10, &c, &err), &err);
	assert_int_equal(a, c);
	assert_int_not_equal(a, b);
	phrases_release(&p);
}

/* Every one of very many is found, and the ceiling is a refusal. */
static void
phrases__ceiling_is_a_refusal(void **state)
{
	struct phrases p = {0};
	struct phrases_found found = {0};
	struct err err = {0};
	char text[32];
	uint16_t id;

	(void)state;
	for (int i = 0; i < PHRASES_MAX; i++) {
		(void)snprintf(text, sizeof(text), "phrase number %d.", i);
		assert_ok(phrases_add(&p, text, strlen(text), &id, &err), &err);
		assert_int_equal(id, i);
	}
	assert_int_equal(phrases_add(&p, "one more", 8, &id, &err), CR_ECONFIG);
	assert_ok(phrases_close(&p, &err), &err);
	phrases_find(&p, "phrase number 8191. phrase number 77.", 37, &found);
	assert_true(phrases_has(&found, 8191));
	assert_true(phrases_has(&found, 77));
	assert_false(phrases_has(&found, 819));
	phrases_release(&p);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, refused, check_refused);
	TEST(tests, n, phrases__one_phrase_has_one_number);
	TEST(tests, n, phrases__ceiling_is_a_refusal);
	return rows_run("budget/phrases", tests, n);
}
