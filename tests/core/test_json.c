/*
 * test_json.c - what json.h promises: which texts are JSON, how values are read, what the writer writes.
 */
#include "tests/lib/rows.h"

#include "core/json.h"

static const struct text {
	const char *name;
	const char *text;
	size_t len;       /* 0: strlen */
	const char *want; /* NULL: accepted; else a part of the error */
} texts[] = {
	{"an object is accepted",                     "{\"a\":[1,-2.5e+3,true,false,null,\"x\"]}",                        0, NULL                                    },
	{"a lone value is accepted",                  " 7 ",							      0, NULL                                    },
	{"empty containers are accepted",             "[{},[]]",							  0, NULL                                    },
	{"every escape is accepted",                  "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",                            0, NULL                                    },
	{"a surrogate pair is accepted",              "\"\\ud83d\\ude00\"",                                               0, NULL                                    },
	{"a byte order mark is skipped",
         "\xef\xbb\xbf"
         "1",                                                                                                             0, NULL				    },
	{"UTF-8 of every length is accepted",         "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",                         0, NULL                                    },
	{"the empty text is refused",                 "",								 0, "byte 0: the text ends early"           },
	{"white space alone is refused",              " \n",							      0, "ends early"                            },
	{"a cut object is refused",                   "{\"a\":1",							 0, "byte 6: the text ends early"           },
	{"a cut string is refused",                   "\"abc",							    0, "the text ends in a string"             },
	{"a second value is refused",                 "{} {}",							    0, "byte 3, near '{}': more behind the end"},
	{"a comma in front of the close is refused",  "[1,]",							     0, "byte 3, near ']': not a value"         },
	{"a comma behind the last member is refused", "{\"a\":1,}",                                                       0, "expected a member's name"              },
	{"a missing comma is refused",                "[1 2]",							    0, "expected ',' or ']'"                   },
	{"a missing colon is refused",                "{\"a\" 1}",							0, "expected ':'"                          },
	{"a key without quotes is refused",           "{a:1}",							    0, "expected a member's name"              },
	{"the wrong bracket is refused",              "[1}",							      0, "expected ',' or ']'"                   },
	{"a close without open is refused",           "]",								0, "not a value"                           },
	{"a page of HTML is quoted",                  "<html><body>Bad Gateway",                                          0, "byte 0, near '<html><body>Bad Gate'"   },
	{"a comment is refused",                      "/* */1",							   0, "not a value"                           },
	{"NaN is refused",			    "NaN",							      0, "not a value"                           },
	{"a longer word is refused",                  "nullx",							    0, "more behind the end"                   },
	{"a leading zero is refused",                 "01",							       0, "more behind the end"                   },
	{"a lone minus is refused",                   "-",								0, "not a number"                          },
	{"a plus sign is refused",                    "+1",							       0, "not a value"                           },
	{"a bare point is refused",                   "1.",							       0, "not a number"                          },
	{"an empty exponent is refused",              "1e",							       0, "not a number"                          },
	{"a number of 64 digits is refused",          "1000000000000000000000000000000000000000000000000000000000000000", 0,
         "too many digits"																	   },
	{"a raw control character is refused",        "\"a\nb\"",                                                         0, "byte 2: control character"             },
	{"NUL between tokens is refused",             "[1,\0 2]",							 7, "not a value"                           },
	{"NUL in a string is refused",                "\"a\0b\"",							 5, "control character"                     },
	{"an escaped NUL is refused",                 "\"a\\u0000b\"",                                                    0, "NUL in a string"                       },
	{"an unknown escape is refused",              "\"\\x41\"",							0, "unknown escape"                        },
	{"a short escape is refused",                 "\"\\u12\"",							0, "unknown escape"                        },
	{"a high surrogate alone is refused",         "\"\\ud83d!\"",                                                     0, "half a surrogate pair"                 },
	{"a low surrogate alone is refused",          "\"\\ude00\"",                                                      0, "half a surrogate pair"                 },
	{"two high surrogates are refused",           "\"\\ud83d\\ud83d\"",                                               0, "half a surrogate pair"                 },
	{"a bare continuation byte is refused",       "\"\x80\"",                                                         0, "invalid UTF-8"                         },
	{"an overlong slash is refused",              "\"\xc0\xaf\"",                                                     0, "invalid UTF-8"                         },
	{"an overlong sequence of three is refused",  "\"\xe0\x80\xaf\"",                                                 0, "invalid UTF-8"                         },
	{"an encoded surrogate is refused",           "\"\xed\xa0\x80\"",                                                 0, "invalid UTF-8"                         },
	{"a code point over 10FFFF is refused",       "\"\xf4\x90\x80\x80\"",                                             0, "invalid UTF-8"                         },
	{"a cut sequence is refused",                 "\"\xe2\x82\"",                                                     0, "invalid UTF-8"                         },
	{"Latin-1 is refused",                        "\"caf\xe9\"",						      0, "invalid UTF-8"                         },
	{"a fault in a string repeats none of it",    "\"token-abc\x01\"",                                                0, "byte 10: control"                      },
};

static void
check_text(void **state)
{
	const struct text *r = *state;
	struct json *j = NULL;
	struct err err = {0};
	size_t len = r->len != 0 ? r->len : strlen(r->text);
	/* On the heap without a NUL behind it, so that ASan sees a read too far. */
	char *exact = malloc(len > 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, r->text, len);
	if (r->want == NULL) {
		assert_ok(json_parse(exact, len, &j, &err), &err);
		assert_non_null(j);
	} else {
		assert_int_equal(json_parse(exact, len, &j, &err), CR_EPARSE);
		if (strstr(err.text, r->want) == NULL)
			fail_msg("'%s' does not hold '%s'", err.text, r->want);
		assert_null(strstr(err.text, "token"));
		assert_null(j);
	}
	json_drop(&j);
	free(exact);
}

static void
json__the_depth_limit_holds_to_the_level(void **state)
{
	char text[2 * JSON_MAX_DEPTH + 3];
	struct json *j = NULL;

	(void)state;
	for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(json_parse(text, 2 * depth, &j, NULL), depth > JSON_MAX_DEPTH ? CR_EPARSE : CR_OK);
		json_drop(&j);
	}
}

static const char sample[] =
	"{\"s\":\"text\",\"n\":42,\"f\":1.5,\"w\":3.0,\"big\":9007199254740993,\"max\":9007199254740991,"
	"\"t\":true,\"z\":null,\"o\":{\"k\":\"v\"},\"rrsets\":[{},{\"records\":[{}]}]}";

enum reader { WANT_STRING, WANT_INT, WANT_BOOL, WANT_OBJECT, WANT_ARRAY, OPT_STRING, OPT_INT, OPT_BOOL };

static const struct read {
	const char *name;
	const char *key;
	enum reader reader;
	const char *want; /* the value as text, or the error */
	int want_rc;
} reads[] = {
	{"a string is read",                          "s",      WANT_STRING, "text",                               CR_OK    },
	{"a number is read",                          "n",      WANT_INT,    "42",                                 CR_OK    },
	{"a whole number with a point is read",       "w",      WANT_INT,    "3",                                  CR_OK    },
	{"the greatest exact number is read",         "max",    WANT_INT,    "9007199254740991",                   CR_OK    },
	{"a truth is read",                           "t",      WANT_BOOL,   "true",                               CR_OK    },
	{"a missing member is named",                 "gone",   WANT_STRING, "gone: missing",                      CR_EPARSE},
	{"keys are told apart by case",               "S",      WANT_STRING, "S: missing",                         CR_EPARSE},
	{"a number is no string",                     "n",      WANT_STRING, "n: not a string",                    CR_EPARSE},
	{"null is no string",                         "z",      WANT_STRING, "z: not a string",                    CR_EPARSE},
	{"a string is no number",                     "s",      WANT_INT,    "s: not a number",                    CR_EPARSE},
	{"a fraction is no whole number",             "f",      WANT_INT,    "f: not a whole number below 2^53",   CR_EPARSE},
	{"an inexact number is refused",              "big",    WANT_INT,    "big: not a whole number below 2^53", CR_EPARSE},
	{"a number is no truth",                      "n",      WANT_BOOL,   "n: not true or false",               CR_EPARSE},
	{"an array is no object",                     "rrsets", WANT_OBJECT, "rrsets: not an object",              CR_EPARSE},
	{"an object is no array",                     "o",      WANT_ARRAY,  "o: not an array",                    CR_EPARSE},
	{"an absent optional string has its default", "gone",   OPT_STRING,  "default",                            CR_OK    },
	{"a null optional string has its default",    "z",      OPT_STRING,  "default",                            CR_OK    },
	{"an optional string of another type is bad", "n",      OPT_STRING,  "n: not a string",                    CR_EPARSE},
	{"an absent optional number has its default", "gone",   OPT_INT,     "-5",                                 CR_OK    },
	{"an optional number of another type is bad", "t",      OPT_INT,     "t: not a number",                    CR_EPARSE},
	{"an absent optional truth has its default",  "gone",   OPT_BOOL,    "true",                               CR_OK    },
	{"an optional truth of another type is bad",  "s",      OPT_BOOL,    "s: not true or false",               CR_EPARSE},
};

static int
read_as_text(const struct json_at *at, enum reader reader, char *out, size_t size, struct err *err)
{
	const char *s = "";
	bool b = false;
	int64_t n = 0;
	int rc = CR_OK;

	switch (reader) {
	case WANT_STRING:
	case OPT_STRING:
		rc = reader == WANT_STRING ? json_want_string(at, &s, err) : json_opt_string(at, "default", &s, err);
		(void)snprintf(out, size, "%s", s);
		break;
	case WANT_INT:
	case OPT_INT:
		rc = reader == WANT_INT ? json_want_int(at, INT64_MIN, INT64_MAX, &n, err)
		                        : json_opt_int(at, 0, 100, -5, &n, err);
		(void)snprintf(out, size, "%lld", (long long)n);
		break;
	case WANT_BOOL:
	case OPT_BOOL:
		rc = reader == WANT_BOOL ? json_want_bool(at, &b, err) : json_opt_bool(at, true, &b, err);
		(void)snprintf(out, size, "%s", b ? "true" : "false");
		break;
	case WANT_OBJECT:
		rc = json_want_object(at, err);
		break;
	case WANT_ARRAY:
		rc = json_want_array(at, err);
		break;
	}
	return rc;
}

static void
check_read(void **state)
{
	const struct read *r = *state;
	struct json *j = NULL;
	struct err err = {0};
	struct json_at root, at;
	char got[64] = "";

	assert_ok(json_parse(sample, strlen(sample), &j, &err), &err);
	root = json_root(j);
	at = json_get(&root, r->key);
	assert_int_equal(read_as_text(&at, r->reader, got, sizeof(got), &err), r->want_rc);
	assert_string_equal(r->want_rc == CR_OK ? got : err.text, r->want);
	json_drop(&j);
}

static void
json__an_error_names_the_way_to_the_place(void **state)
{
	struct json *j = NULL;
	struct err err = {0};
	struct json_at at;
	const char *s;
	int64_t n;

	(void)state;
	assert_ok(json_parse(sample, strlen(sample), &j, &err), &err);
	at = json_root(j);
	assert_int_equal(json_want_string(&at, &s, &err), CR_EPARSE);
	assert_string_equal(err.text, "document: not a string");
	at = json_get(&at, "n");
	assert_int_equal(json_want_int(&at, 0, 9, &n, &err), CR_EPARSE);
	assert_string_equal(err.text, "n: must be 0 to 9, not 42");
	at = json_root(j);
	at = json_get(&at, "rrsets");
	at = json_item(&at, 1);
	at = json_get(&at, "records");
	at = json_item(&at, 0);
	at = json_get(&at, "content");
	assert_int_equal(json_want_string(&at, &s, &err), CR_EPARSE);
	assert_string_equal(err.text, "rrsets[1].records[0].content: missing");
	/* Walking on from nowhere stays nowhere, and keeps the way. */
	at = json_item(&at, 7);
	at = json_get(&at, "x");
	assert_string_equal(at.path, "rrsets[1].records[0].content[7].x");
	assert_true(json_is_null(&at));
	assert_int_equal(json_count(&at), 0);
	json_drop(&j);
}

static void
json__the_end_of_a_long_way_is_kept(void **state)
{
	struct json_at at = {0};
	char key[300];

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	for (int i = 0; i < 40; i++)
		at = json_get(&at, "member");
	assert_int_equal(strlen(at.path), JSON_PATH_MAX - 1);
	assert_memory_equal(at.path, "...", 3);
	assert_string_equal(at.path + strlen(at.path) - 14, ".member.member");
	at = json_get(&at, key);
	assert_int_equal(strlen(at.path), JSON_PATH_MAX - 1);
	/* A single name as long as the whole way. */
	at = (struct json_at){0};
	at = json_get(&at, key);
	assert_int_equal(strlen(at.path), JSON_PATH_MAX - 1);
}

static void
json__long_lists_are_read_by_index(void **state)
{
	struct buf b = {0};
	struct json_out o = json_out_on(&b);
	struct json *j = NULL;
	struct err err = {0};
	struct json_at root, at;
	const char *key;
	char name[16];
	int64_t n;

	(void)state;
	json_out_open(&o, '{');
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "k%d", i);
		json_out_key(&o, name);
		json_out_open(&o, '[');
		for (int k = 0; k < i; k++)
			json_out_int(&o, k);
		json_out_close(&o);
	}
	json_out_close(&o);
	assert_ok(buf_check(&b, "text", &err), &err);
	assert_ok(json_parse(b.data, b.len, &j, &err), &err);
	root = json_root(j);
	assert_int_equal(json_count(&root), 100);
	for (size_t i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "k%zu", i);
		at = json_member(&root, i, &key);
		assert_string_equal(key, name);
		assert_string_equal(at.path, name);
		assert_int_equal(json_count(&at), i);
		if (i == 0)
			continue;
		at = json_item(&at, i - 1);
		assert_ok(json_want_int(&at, 0, 1000, &n, &err), &err);
		assert_int_equal(n, i - 1);
	}
	at = json_member(&root, 100, &key);
	assert_null(at.node);
	assert_string_equal(key, "");
	json_drop(&j);
	json_drop(&j);
	buf_release(&b);
}

static const struct written {
	const char *name;
	const char *text; /* written as a string */
	size_t len;
	const char *want;
} written[] = {
	{"plain text is written as it is",          "a b",                  3, "\"a b\""                     },
	{"the empty string is written",             "",                     0, "\"\""                        },
	{"quotes and backslashes are escaped",      "\"\\/",                3, "\"\\\"\\\\/\""               },
	{"control characters have short escapes",   "\b\f\n\r\t",           5, "\"\\b\\f\\n\\r\\t\""         },
	{"other control characters are escaped",    "\x01\x1b\x7f",         3, "\"\\u0001\\u001b\\u007f\""   },
	{"NUL is escaped",                          "a\0b",                 3, "\"a\\u0000b\""               },
	{"UTF-8 passes",			    "\xc3\xa9\xe2\x82\xac", 5, "\"\xc3\xa9\xe2\x82\xac\""    },
	{"an invalid byte is replaced",
         "a\xff"
         "b",                                                               3,
         "\"a\xef\xbf\xbd"
         "b\""											       },
	{"a cut sequence is replaced byte by byte", "\xe2\x82",             2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void
check_written(void **state)
{
	const struct written *r = *state;
	struct buf b = {0};
	struct json_out o = json_out_on(&b);

	json_out_string_n(&o, r->text, r->len);
	assert_string_equal(buf_str(&b), r->want);
	buf_release(&b);
}

static void
json_out__commas_stand_where_they_must(void **state)
{
	struct buf b = {0};
	struct json_out o = json_out_on(&b);
	struct err err = {0};

	(void)state;
	json_out_open(&o, '{');
	json_out_member(&o, "a", "x");
	json_out_member(&o, "none", NULL);
	json_out_key(&o, "list");
	json_out_open(&o, '[');
	json_out_int(&o, INT64_MIN);
	json_out_open(&o, '{');
	json_out_close(&o);
	json_out_open(&o, '[');
	json_out_close(&o);
	json_out_bool(&o, false);
	json_out_close(&o);
	json_out_member_int(&o, "n", 7);
	json_out_member_bool(&o, "yes", true);
	json_out_key(&o, "raw");
	json_out_raw(&o, "[1]");
	json_out_close(&o);
	assert_string_equal(buf_str(&b),
	                    "{\"a\":\"x\",\"none\":null,\"list\":[-9223372036854775808,{},[],false],\"n\":7,"
	                    "\"yes\":true,\"raw\":[1]}");
	assert_ok(json_check(b.data, b.len, &err), &err);
	buf_release(&b);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, texts, check_text);
	ROWS(tests, n, reads, check_read);
	ROWS(tests, n, written, check_written);
	TEST(tests, n, json__the_depth_limit_holds_to_the_level);
	TEST(tests, n, json__an_error_names_the_way_to_the_place);
	TEST(tests, n, json__the_end_of_a_long_way_is_kept);
	TEST(tests, n, json__long_lists_are_read_by_index);
	TEST(tests, n, json_out__commas_stand_where_they_must);
	return rows_run("core/json", tests, n);
}
