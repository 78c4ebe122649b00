/*
 * test_xml.c - what is read of XML and what is refused, and that what is written can be read.
 */
#include "tests/lib/rows.h"

#include "core/xml.h"

/* A row a line. */
/* clang-format off */
static const struct refused_row {
	const char *name, *text, *why;
} refused[] = {
	{"nothing", "", "0 bytes"},
	{"text", "hello", "not XML at line 1"},
	{"JSON", "{\"a\":1}", "not XML"},
	{"an end that is missing", "<a>\n<b></a>", "not XML at line 2"},
	{"two roots", "<a/><b/>", "not XML"},
	{"no root", "<!-- nothing -->", "not XML"},
	{"a document type", "<!DOCTYPE a><a/>", "document type"},
	{"an entity that is declared", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document type"},
	{"a file as an entity", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", "document type"},
	{"laughter without end", "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;&b;\">]><a>&c;</a>", "document type"},
	{"an entity of HTML", "<a>&nbsp;</a>", "not XML"},
	{"bytes that are no UTF-8", "<a>\xff\xfe</a>", "not XML"},
	{"bytes that are no UTF-8, by a declaration that they would be right by", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", "not XML"},
	{"a control byte", "<a>\x01</a>", "not XML"},
	{"a control byte by its number", "<a>&#1;</a>", "not XML"},
	{"an attribute twice", "<a x=\"1\" x=\"2\"/>", "not XML"},
};
/* clang-format on */

static void
check_refused(void **state)
{
	const struct refused_row *r = *state;
	struct xml *x = NULL;
	struct err err = {0};

	assert_int_equal(xml_parse(r->text, strlen(r->text), &x, &err), CR_EPARSE);
	assert_null(x);
	if (strstr(err.text, r->why) == NULL)
		fail_msg("'%s' is not in '%s'", r->why, err.text);
}

static void
xml__a_nul_is_refused(void **state)
{
	struct xml *x = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(xml_parse("<a>b\0c</a>", 10, &x, &err), CR_EPARSE);
}

static void
xml__depth_and_size_have_a_limit(void **state)
{
	struct buf b = {0};
	struct xml *x = NULL;
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_adds(&b, "<a>");
	for (int i = 0; i < 300; i++)
		buf_adds(&b, "</a>");
	assert_int_equal(xml_parse(buf_str(&b), b.len, &x, &err), CR_EPARSE);
	buf_clear(&b);
	buf_adds(&b, "<a>");
	while (b.len <= XML_MAX_BYTES)
		buf_adds(&b, "<b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/>");
	buf_adds(&b, "</a>");
	assert_int_equal(xml_parse(buf_str(&b), b.len, &x, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "bytes"));
	buf_release(&b);
}

/* clang-format off */
static const struct text_row {
	const char *name, *text;
	const char *want; /* of Root.A; NULL: refused ... */
	const char *why;  /* ... with this */
} texts[] = {
	{"plain", "<Root><A>x y</A></Root>", "x y", NULL},
	{"empty", "<Root><A/></Root>", "", NULL},
	{"blanks are kept", "<Root><A> x </A></Root>", " x ", NULL},
	{"the five entities", "<Root><A>&lt;&gt;&amp;&quot;&apos;</A></Root>", "<>&\"'", NULL},
	{"numbers of characters", "<Root><A>&#65;&#xe9;</A></Root>", "A\xc3\xa9", NULL},
	{"CDATA", "<Root><A><![CDATA[<x>&amp;]]></A></Root>", "<x>&amp;", NULL},
	{"CDATA within text", "<Root><A>a<![CDATA[b]]>c</A></Root>", "abc", NULL},
	{"a namespace", "<Root xmlns=\"https://x/\"><A>x</A></Root>", "x", NULL},
	{"a prefix", "<r:Root xmlns:r=\"https://x/\"><r:A>x</r:A></r:Root>", "x", NULL},
	{"a declaration and comments around", "<?xml version=\"1.0\"?><!-- a --><Root><!-- b --><A>x</A></Root><!-- c -->", "x", NULL},
	{"another element before", "<Root><New><A>y</A></New><A>x</A></Root>", "x", NULL},
	{"the first of two", "<Root><A>x</A><A>y</A></Root>", "x", NULL},
	{"not there", "<Root><B>x</B></Root>", NULL, "Root.A: missing"},
	{"in other letters", "<Root><a>x</a></Root>", NULL, "Root.A: missing"},
	{"an element within", "<Root><A>x<B/></A></Root>", NULL, "Root.A: not a text"},
	{"a comment within", "<Root><A>x<!-- y -->z</A></Root>", NULL, "Root.A: not a text"},
};
/* clang-format on */

static void
check_text(void **state)
{
	const struct text_row *r = *state;
	struct xml *x = NULL;
	struct xml_at root, at;
	const char *text = NULL;
	struct err err = {0};

	assert_ok(xml_parse(r->text, strlen(r->text), &x, &err), &err);
	root = xml_root(x);
	assert_true(xml_is(&root, "Root"));
	at = xml_get(&root, "A");
	if (r->want != NULL) {
		assert_ok(xml_want_text(&at, &text, &err), &err);
		assert_string_equal(text, r->want);
	} else {
		assert_int_equal(xml_want_text(&at, &text, &err), CR_EPARSE);
		assert_string_equal(err.text, r->why);
	}
	xml_drop(&x);
}

static void
xml__a_list_is_walked_with_its_places(void **state)
{
	static const char text[] = "<R><L>\n <N>1</N>\n <Other/>\n <N>2</N> <N>x</N></L></R>";
	struct xml *x = NULL;
	struct xml_at root, list, at;
	struct err err = {0};
	int64_t n = 0;

	(void)state;
	assert_ok(xml_parse(text, strlen(text), &x, &err), &err);
	root = xml_root(x);
	list = xml_get(&root, "L");
	at = xml_get(&list, "N");
	assert_ok(xml_want_int(&at, 1, 9, &n, &err), &err);
	assert_int_equal(n, 1);
	at = xml_next(&at);
	assert_ok(xml_want_int(&at, 1, 9, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_int_equal(xml_want_int(&at, 3, 9, &n, &err), CR_EPARSE);
	at = xml_next(&at);
	assert_int_equal(xml_want_int(&at, 1, 9, &n, &err), CR_EPARSE);
	assert_non_null(strstr(err.text, "R.L.N[2]"));
	at = xml_next(&at);
	assert_null(at.node);
	at = xml_next(&at);
	assert_null(at.node);
	at = xml_get(&at, "Deeper");
	assert_null(at.node);
	xml_drop(&x);
}

static void
xml__a_truth_is_true_or_false(void **state)
{
	static const char text[] = "<R><A>true</A><B>false</B><C>yes</C></R>";
	struct xml *x = NULL;
	struct xml_at root, at;
	struct err err = {0};
	bool b = false;

	(void)state;
	assert_ok(xml_parse(text, strlen(text), &x, &err), &err);
	root = xml_root(x);
	at = xml_get(&root, "A");
	assert_ok(xml_want_bool(&at, &b, &err), &err);
	assert_true(b);
	at = xml_get(&root, "B");
	assert_ok(xml_opt_bool(&at, true, &b, &err), &err);
	assert_false(b);
	at = xml_get(&root, "C");
	assert_int_equal(xml_opt_bool(&at, true, &b, &err), CR_EPARSE);
	at = xml_get(&root, "D");
	assert_ok(xml_opt_bool(&at, true, &b, &err), &err);
	assert_true(b);
	assert_int_equal(xml_want_bool(&at, &b, &err), CR_EPARSE);
	xml_drop(&x);
}

/* A path longer than its room is cut off, not overrun. */
static void
xml__a_long_path_is_cut(void **state)
{
	struct buf b = {0};
	struct xml *x = NULL;
	struct xml_at at;
	struct err err = {0};
	char name[101];

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	for (int i = 0; i < 5; i++)
		xml_out_open(&b, name);
	for (int i = 0; i < 5; i++)
		xml_out_close(&b, name);
	assert_ok(xml_parse(buf_str(&b), b.len, &x, &err), &err);
	at = xml_root(x);
	for (int i = 0; i < 4; i++) {
		at = xml_get(&at, name);
		assert_non_null(at.node);
		assert_true(strlen(at.path) < XML_PATH_MAX);
	}
	xml_drop(&x);
	buf_release(&b);
}

/* clang-format off */
static const struct written_row {
	const char *name, *text, *want; /* want NULL: comes back as it was */
} written[] = {
	{"plain text", "abc", NULL},
	{"what would be markup", "<a href=\"x\">&amp;</a> ]]>", NULL},
	{"line ends and tabs", "a\r\nb\tc\n", NULL},
	{"letters beyond ASCII", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", NULL},
	{"a control byte", "a\x01z", "a\xef\xbf\xbdz"},
	{"bytes that are no UTF-8", "a\xffz", "a\xef\xbf\xbdz"},
};
/* clang-format on */

static void
check_written(void **state)
{
	const struct written_row *r = *state;
	struct buf b = {0};
	struct xml *x = NULL;
	struct xml_at root;
	const char *text = NULL;
	struct err err = {0};

	xml_out_element(&b, "A", r->text);
	assert_ok(xml_parse(buf_str(&b), b.len, &x, &err), &err);
	root = xml_root(x);
	assert_ok(xml_want_text(&root, &text, &err), &err);
	assert_string_equal(text, r->want != NULL ? r->want : r->text);
	xml_drop(&x);
	buf_release(&b);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, refused, check_refused);
	TEST(tests, n, xml__a_nul_is_refused);
	TEST(tests, n, xml__depth_and_size_have_a_limit);
	ROWS(tests, n, texts, check_text);
	TEST(tests, n, xml__a_list_is_walked_with_its_places);
	TEST(tests, n, xml__a_truth_is_true_or_false);
	TEST(tests, n, xml__a_long_path_is_cut);
	ROWS(tests, n, written, check_written);
	return rows_run("core/xml", tests, n);
}
