/*
 * test_taglist.c - what taglist.h promises: tags in order, white space around them away, limits kept, and what is wrong named.
 */
#include "tests/lib/rows.h"

#include "core/buf.h"
#include "dns/taglist.h"

static const struct list {
	const char *name;
	const char *text;
	bool lenient;
	const char *want; /* "name=value|..." and what was left out; NULL: refused */
	const char *want_err;
} lists[] = {
	{"tags in order",			     "v=DMARC1; p=reject;z=",  false, "v=DMARC1|p=reject|z=", NULL              },
	{"white space goes, within a value it stays", " v\t=\r\n a b ; c = d ", false, "v=a b|c=d",            NULL              },
	{"a value may hold an equals sign",           "p=a==; q==",             false, "p=a==|q==",            NULL              },
	{"empty pieces say nothing",                  ";;a=1; ;;b=2;;",         false, "a=1|b=2",              NULL              },
	{"the empty text is an empty list",           "",                       false, "",                     NULL              },
	{"names are told apart by case",              "a=1; A=2",               false, "a=1|A=2",              NULL              },
	{"a piece without = is refused",              "a=1; b; c=3",            false, NULL,                   "not a tag: 'b'"  },
	{"or left out",			       "a=1; b; c=3; d",         true,  "a=1|c=3 (b)",          NULL              },
	{"a name begins with a letter",               "a=1; 1b=2",              true,  "a=1 (1b=2)",           NULL              },
	{"a name holds letters, digits and _",        "a=1; x-y=2; x_9=3",      true,  "a=1|x_9=3 (x-y=2)",    NULL              },
	{"a piece without a name is none",            "=1; a=1",                true,  "a=1 (=1)",             NULL              },
	{"a name that stands twice is refused",       "a=1; b=2; a=1",          false, NULL,                   "'a' stands twice"},
	{"however leniently read",                    "a=1; b=2; a =",          true,  NULL,                   "'a' stands twice"},
};

static void
check_list(void **state)
{
	const struct list *r = *state;
	struct taglist l;
	struct buf got = {0};
	struct err err = {0};
	int rc = taglist_parse(r->text, r->lenient, &l, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_EPARSE);
		assert_non_null(strstr(err.text, r->want_err));
		return;
	}
	assert_ok(rc, &err);
	for (size_t i = 0; i < l.n; i++)
		buf_addf(&got, "%s%.*s=%.*s", i > 0 ? "|" : "", (int)l.tags[i].name.len, l.tags[i].name.at,
		         (int)l.tags[i].value.len, l.tags[i].value.at);
	if (l.stray.len > 0)
		buf_addf(&got, " (%.*s)", (int)l.stray.len, l.stray.at);
	assert_string_equal(buf_str(&got), r->want);
	buf_release(&got);
}

static void
taglist__its_tags_are_counted(void **state)
{
	struct taglist l;
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	for (int i = 0; i < TAGLIST_MAX; i++)
		buf_addf(&b, "t%d=%d;", i, i);
	assert_ok(taglist_parse(buf_str(&b), true, &l, &err), &err);
	assert_int_equal(l.n, TAGLIST_MAX);
	assert_true(span_is(taglist_find(&l, "t63")->value, "63"));
	assert_null(taglist_find(&l, "T63"));
	buf_adds(&b, "more=1");
	assert_int_equal(taglist_parse(buf_str(&b), true, &l, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "more than 64"));
	buf_release(&b);
}

static void
taglist__its_text_is_measured(void **state)
{
	struct taglist l;
	struct tag first;
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	buf_adds(&b, "v=1");
	while (b.len < TAGLIST_TEXT_MAX_BYTES)
		buf_addc(&b, ';');
	assert_ok(taglist_parse(buf_str(&b), false, &l, &err), &err);
	assert_int_equal(l.n, 1);
	buf_addc(&b, ';');
	assert_int_equal(taglist_parse(buf_str(&b), true, &l, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "longer than 65535"));
	/* What kind of record it is can be told all the same. */
	assert_true(taglist_first(buf_str(&b), &first));
	assert_true(span_is(first.name, "v") && span_is_nocase(first.value, "1"));
	assert_false(taglist_first("v", &first));
	buf_release(&b);
}

static void
taglist__a_long_name_is_quoted_in_part(void **state)
{
	struct taglist l;
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 3000; i++)
			buf_addc(&b, 'n');
		buf_adds(&b, "=1;");
	}
	assert_int_equal(taglist_parse(buf_str(&b), true, &l, &err), CR_EPARSE);
	assert_true(strlen(err.text) < 120);
	buf_release(&b);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, lists, check_list);
	TEST(tests, n, taglist__its_tags_are_counted);
	TEST(tests, n, taglist__its_text_is_measured);
	TEST(tests, n, taglist__a_long_name_is_quoted_in_part);
	return rows_run("dns/taglist", tests, n);
}
