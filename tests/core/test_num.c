/*
 * test_num.c - what num.h promises, a row a promise.
 */
#include "tests/lib/rows.h"

#include <limits.h>

#include "core/num.h"

static const struct number {
	const char *name;
	const char *text;
	int64_t min, max;
	int want_rc;
	int64_t want;
	const char *want_text;
} numbers[] = {
	{"a number is read",                           "42",                   0,         100,       CR_OK,     42,        NULL                      },
	{"a negative number is read",                  "-7",                   -10,       10,        CR_OK,     -7,        NULL                      },
	{"leading zeros are decimal",                  "010",                  0,         100,       CR_OK,     10,        NULL                      },
	{"the least int64 is read",                    "-9223372036854775808", INT64_MIN, INT64_MAX, CR_OK,     INT64_MIN, NULL                      },
	{"the greatest int64 is read",                 "9223372036854775807",  INT64_MIN, INT64_MAX, CR_OK,     INT64_MAX, NULL                      },
	{"the empty text is no number",                "",                     0,         9,         CR_EPARSE, 0,         "not a number: ''"        },
	{"a lone sign is no number",                   "-",                    -9,        9,         CR_EPARSE, 0,         "not a number: '-'"       },
	{"a plus sign is refused",                     "+4",                   0,         9,         CR_EPARSE, 0,         "not a number: '+4'"      },
	{"a blank in front is refused",                " 4",                   0,         9,         CR_EPARSE, 0,         "not a number: ' 4'"      },
	{"a tail is refused",                          "4x",                   0,         9,         CR_EPARSE, 0,         "not a number: '4x'"      },
	{"hexadecimal is refused",                     "0x10",                 0,         99,        CR_EPARSE, 0,         "not a number: '0x10'"    },
	{"a fraction is refused",                      "1.5",                  0,         9,         CR_EPARSE, 0,         "not a number: '1.5'"     },
	{"below the range names the range",            "-1",                   0,         4,         CR_EPARSE, 0,         "must be 0 to 4, not '-1'"},
	{"above the range names the range",            "5",                    0,         4,         CR_EPARSE, 0,         "must be 0 to 4, not '5'" },
	{"more digits than an int64 are out of range", "99999999999999999999", 0,         4,         CR_EPARSE, 0,
         "must be 0 to 4, not '99999999999999999999'"												},
};

static void
check_number(void **state)
{
	const struct number *r = *state;
	struct err err = {0};
	int64_t got = 0;

	assert_int_equal(num_parse(r->text, r->min, r->max, &got, &err), r->want_rc);
	assert_true(got == r->want);
	if (r->want_text != NULL)
		assert_string_equal(err.text, r->want_text);
}

static const struct duration {
	const char *name;
	const char *text;
	int want_rc;
	int64_t want_s;
} durations[] = {
	{"a bare number is seconds",          "90",                   CR_OK,     90       },
	{"s is seconds",                      "90s",                  CR_OK,     90       },
	{"m is minutes",                      "45m",                  CR_OK,     2700     },
	{"h is hours",			"24h",                  CR_OK,     86400    },
	{"d is days",			 "14d",                  CR_OK,     1209600  },
	{"w is weeks",			"2w",                   CR_OK,     1209600  },
	{"zero is a duration",                "0",                    CR_OK,     0        },
	{"ten years are a duration",          "3653d",                CR_OK,     315619200},
	{"more than ten years are refused",   "3654d",                CR_EPARSE, 0        },
	{"an overflowing count is refused",   "99999999999999999999", CR_EPARSE, 0        },
	{"an overflowing product is refused", "9223372036854775807w", CR_EPARSE, 0        },
	{"a negative duration is refused",    "-1h",                  CR_EPARSE, 0        },
	{"a unit alone is refused",           "h",                    CR_EPARSE, 0        },
	{"an unknown unit is refused",        "3y",                   CR_EPARSE, 0        },
	{"two units are refused",             "1h30m",                CR_EPARSE, 0        },
	{"a fractional duration is refused",  "1.5h",                 CR_EPARSE, 0        },
	{"the empty duration is refused",     "",                     CR_EPARSE, 0        },
};

static void
check_duration(void **state)
{
	const struct duration *r = *state;
	struct err err = {0};
	int64_t got = 0;

	assert_int_equal(num_parse_duration(r->text, &got, &err), r->want_rc);
	assert_true(got == r->want_s);
}

static const struct spoken {
	const char *name;
	int64_t seconds;
	const char *want;
} spoken[] = {
	{"seconds are told as seconds",        59,        "59 s"                   },
	{"zero is told as seconds",            0,         "0 s"                    },
	{"whole minutes stand alone",          2700,      "45 min"                 },
	{"minutes keep their seconds",         90,        "1 min 30 s"             },
	{"hours keep their minutes",           12000,     "3 h 20 min"             },
	{"whole days stand alone",             1209600,   "14 d"                   },
	{"only neighbouring units are told",   86400 + 5, "1 d"                    },
	{"a negative duration keeps its sign", -90,       "-1 min 30 s"            },
	{"the longest duration fits 24 bytes", INT64_MIN, "-106751991167300 d 15 h"},
};

static void
check_spoken(void **state)
{
	const struct spoken *r = *state;
	char got[24];

	num_format_duration(r->seconds, got, sizeof(got));
	assert_string_equal(got, r->want);
}

static const struct stamp {
	const char *name;
	const char *text;
	int want_rc;
	int64_t want_s;
	const char *want_text; /* written again; NULL: as text */
} stamps[] = {
	{"the epoch",			   "1970-01-01T00:00:00Z",        CR_OK,     0,            NULL                  },
	{"a second before the epoch",           "1969-12-31T23:59:59Z",        CR_OK,     -1,           NULL                  },
	{"a time of our days",                  "2026-11-25T11:06:59Z",        CR_OK,     1795604819,   NULL                  },
	{"a leap day of a 400th year",          "2000-02-29T00:00:00Z",        CR_OK,     951782400,    NULL                  },
	{"the year zero",                       "0000-03-01T00:00:00Z",        CR_OK,     -62162035200, NULL                  },
	{"the last year of four digits",        "9999-12-31T23:59:59Z",        CR_OK,     253402300799, NULL                  },
	{"lower case letters are accepted",     "2026-11-25t11:06:59z",        CR_OK,     1795604819,   "2026-11-25T11:06:59Z"},
	{"an offset east is taken off",         "2026-11-25T12:06:59+01:00",   CR_OK,     1795604819,   "2026-11-25T11:06:59Z"},
	{"an offset west is added",             "2026-11-25T05:36:59-05:30",   CR_OK,     1795604819,   "2026-11-25T11:06:59Z"},
	{"a fraction is dropped",               "2026-11-25T11:06:59.999999Z", CR_OK,     1795604819,   "2026-11-25T11:06:59Z"},
	{"a leap second is the next second",    "2016-12-31T23:59:60Z",        CR_OK,     1483228800,   "2017-01-01T00:00:00Z"},
	{"a leap second in an offset",          "2017-01-01T00:59:60+01:00",   CR_OK,     1483228800,   "2017-01-01T00:00:00Z"},
	{"a second 60 within a day is refused", "2016-12-31T22:59:60Z",        CR_EPARSE, 0,            NULL                  },
	{"30 February is refused",              "2024-02-30T00:00:00Z",        CR_EPARSE, 0,            NULL                  },
	{"29 February of 1900 is refused",      "1900-02-29T00:00:00Z",        CR_EPARSE, 0,            NULL                  },
	{"31 April is refused",                 "2026-04-31T00:00:00Z",        CR_EPARSE, 0,            NULL                  },
	{"a month 13 is refused",               "2026-13-01T00:00:00Z",        CR_EPARSE, 0,            NULL                  },
	{"an hour 24 is refused",               "2026-01-01T24:00:00Z",        CR_EPARSE, 0,            NULL                  },
	{"a time without offset is refused",    "2026-11-25T11:06:59",         CR_EPARSE, 0,            NULL                  },
	{"an empty fraction is refused",        "2026-11-25T11:06:59.Z",       CR_EPARSE, 0,            NULL                  },
	{"a tail behind Z is refused",          "2026-11-25T11:06:59Zx",       CR_EPARSE, 0,            NULL                  },
	{"a date alone is refused",             "2026-11-25",                  CR_EPARSE, 0,            NULL                  },
	{"the empty time is refused",           "",                            CR_EPARSE, 0,            NULL                  },
};

static void
check_stamp(void **state)
{
	const struct stamp *r = *state;
	char again[NUM_RFC3339_MAX];
	struct err err = {0};
	int64_t got = 0;

	assert_int_equal(num_parse_rfc3339(r->text, &got, &err), r->want_rc);
	assert_true(got == r->want_s);
	if (r->want_rc != CR_OK)
		return;
	num_format_rfc3339(got, again, sizeof(again));
	assert_string_equal(again, r->want_text != NULL ? r->want_text : r->text);
}

static void
num__every_day_of_800_years_comes_back(void **state)
{
	char text[NUM_RFC3339_MAX];
	int64_t back;

	(void)state;
	for (int64_t day = -146097; day <= 146097; day++) {
		num_format_rfc3339(day * 86400, text, sizeof(text));
		assert_int_equal(num_parse_rfc3339(text, &back, NULL), CR_OK);
		assert_true(back == day * 86400);
	}
}

static void
num__the_ends_of_int64_are_written(void **state)
{
	char text[NUM_RFC3339_MAX];

	(void)state;
	num_format_rfc3339(INT64_MAX, text, sizeof(text));
	assert_string_equal(text, "292277026596-12-04T15:30:07Z");
	num_format_rfc3339(INT64_MIN, text, sizeof(text));
	assert_string_equal(text, "-292277022657-01-27T08:29:52Z");
}

static void
num__each_hexadecimal_digit_has_its_value(void **state)
{
	static const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";

	(void)state;
	for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
		const char *at = c != '\0' ? strchr(digits, c) : NULL, *up = c != '\0' ? strchr(capitals, c) : NULL;
		int want = at != NULL ? (int)(at - digits) : up != NULL ? (int)(up - capitals) : -1;

		assert_int_equal(num_hex_digit((char)c), want);
	}
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, numbers, check_number);
	ROWS(tests, n, durations, check_duration);
	ROWS(tests, n, spoken, check_spoken);
	ROWS(tests, n, stamps, check_stamp);
	TEST(tests, n, num__every_day_of_800_years_comes_back);
	TEST(tests, n, num__the_ends_of_int64_are_written);
	TEST(tests, n, num__each_hexadecimal_digit_has_its_value);
	return rows_run("core/num", tests, n);
}
