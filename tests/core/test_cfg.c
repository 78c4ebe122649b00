/*
 * test_cfg.c - what cfg.h promises: every finding in one run, with file, line and the nearest key.
 */
#include "tests/lib/rows.h"

#include <sys/wait.h>
#include <unistd.h>

#include "core/cfg.h"
#include "core/file.h"

struct target {
	char *text, *name, *path, *token, *loose;
	int64_t count, window_s;
	bool on;
	struct cfg_list list;
};

#define AT(member) offsetof(struct target, member)

static const struct cfg_row rows[] = {
	{"text",   CFG_TEXT,     AT(text),     0,    10,    "default", 0,              NULL,          "a text"    },
	{"name",   CFG_NAME,     AT(name),     0,    0,     NULL,      0,              NULL,          "a name"    },
	{"path",   CFG_PATH,     AT(path),     0,    0,     "state",   0,              NULL,          "a path"    },
	{"token",  CFG_SECRET,   AT(token),    0,    0,     NULL,      0,              NULL,          "a secret"  },
	{"loose",  CFG_SECRET,   AT(loose),    0,    0,     NULL,      CFG_LITERAL_OK, NULL,          "a secret"  },
	{"count",  CFG_INT,      AT(count),    0,    4,     "4",       0,              "sends a day", "a number"  },
	{"window", CFG_DURATION, AT(window_s), 3600, 86400, "24h",     0,              NULL,          "a duration"},
	{"on",     CFG_BOOL,     AT(on),       0,    0,     "true",    0,              NULL,          "a switch"  },
	{"list",   CFG_LIST,     AT(list),     1,    3,     "a b",     0,              NULL,          "a list"    },
	{"groups", CFG_TEXT,     0,            0,    0,     NULL,      CFG_GROUP_KEY,  NULL,          "groups"    },
};
static const struct cfg_row needed[] = {
	{"name", CFG_NAME, AT(name), 0, 0, NULL, CFG_REQUIRED, NULL, "a name"},
};
static const struct cfg_row more[] = {
	{"region", CFG_TEXT, 0, 0, 0, NULL, 0, NULL, "of a driver"},
};

static const struct reading {
	const char *name;
	const char *text;
	const char *want;          /* "text name path token loose count window on list", or NULL: not looked at */
	const char *want_faults;   /* NULL: none */
	const char *want_warnings; /* NULL: none */
} readings[] = {
	{"an empty file gives the defaults",               "",                                          "default - /etc/state - - 4 86400 1 a,b",  NULL,                                                    NULL},
	{"every type is read",
         "text = \"x\"; name = \"a.example\"; path = \"/abs\"; token = \"env:T\"; count = 2; window = \"2h\"; on = "
         "false; "
         "list = [ \"p\", \"q\" ];",                                                                    "x a.example /abs env:T - 2 7200 0 p,q",   NULL,                                                    NULL},
	{"a relative path starts at the file",             "path = \"keys/x\";",                        "default - /etc/keys/x - - 4 86400 1 a,b", NULL,
         NULL																								   },
	{"a relative file reference does too",             "token = \"file:tok\";",
         "default - /etc/state file:/etc/tok - 4 86400 1 a,b",										     NULL,                                                    NULL},
	{"a list may be one text",                         "list = \"p\";",                             "default - /etc/state - - 4 86400 1 p",    NULL,                                                    NULL},
	{"a list may stand in parentheses",                "list = ( \"p\" );",                         "default - /etc/state - - 4 86400 1 p",    NULL,                                                    NULL},
	{"a duration may be seconds",                      "window = 7200;",                            "default - /etc/state - - 4 7200 1 a,b",   NULL,                                                    NULL},
	{"a long integer is read",                         "count = 3L;",                               "default - /etc/state - - 3 86400 1 a,b",  NULL,                                                    NULL},
	{"a key of the second table is known",             "region = \"eu\"; groups = ();",             NULL,                                      NULL,                                                    NULL},
	{"all findings come in one run",                   "\ncuont = 1;\ncount = 5;\n\non = \"yes\";",
         "default - /etc/state - - 4 86400 1 a,b",                                                                                                 "/etc/t.cfg:2: unknown setting 'cuont': did you mean count\n"
         "/etc/t.cfg:3: count: must be 0 to 4 sends a day, not 5\n"
         "/etc/t.cfg:5: on: must be true or false, without quotes\n",                                                                                     NULL},
	{"the nearest key of the second table is named",   "regoin = 1;",                               NULL,
         "/etc/t.cfg:1: unknown setting 'regoin': did you mean region\n",																   NULL},
	{"a key far from all stands alone",                "frobnicate = 1;",                           NULL,                                      "/etc/t.cfg:1: unknown setting 'frobnicate'\n",
         NULL																								   },
	{"a fraction is no whole number",                  "count = 1.5;",                              NULL,                                      "/etc/t.cfg:1: count: must be a whole number\n",         NULL},
	{"a number in quotes is told so",                  "count = \"2\";",                            NULL,
         "/etc/t.cfg:1: count: must be a whole number, without quotes\n",																   NULL},
	{"a long integer out of range is not cut",         "count = 4294967298L;",                      NULL,
         "/etc/t.cfg:1: count: must be 0 to 4 sends a day, not 4294967298\n",															       NULL},
	{"a duration out of range is told in words",       "window = \"8d\";",                          NULL,
         "/etc/t.cfg:1: window: must be 1 h to 1 d, not '8d'\n",																	    NULL},
	{"a word is no duration",                          "window = \"soon\";",                        NULL,
         "/etc/t.cfg:1: window: not a duration such as 45m, 24h or 14d: 'soon'\n",															  NULL},
	{"a truth is no duration",                         "window = true;",                            NULL,
         "/etc/t.cfg:1: window: must be a duration such as \"45m\", \"24h\" or \"14d\"\n",														  NULL},
	{"a number is no text",                            "text = 5;",                                 NULL,                                      "/etc/t.cfg:1: text: must be a text in quotes\n",        NULL},
	{"a long text is refused",                         "text = \"12345678901\";",                   NULL,
         "/etc/t.cfg:1: text: must be 0 to 10 bytes long, not 11\n",																	NULL},
	{"an empty name is refused",                       "name = \"\";",                              NULL,                                      "/etc/t.cfg:1: name: empty\n",                           NULL},
	{"a line end in a name is refused",                "name = \"a\\nb\";",                         NULL,                                      "/etc/t.cfg:1: name: control character in it\n",
         NULL																								   },
	{"an empty list is refused",                       "list = ();",                                NULL,                                      "/etc/t.cfg:1: list: must have 1 to 3 entries, not 0\n", NULL},
	{"a number in a list is refused",                  "list = ( \"a\",\n 5 );",                    NULL,
         "/etc/t.cfg:2: list: entry 2 must be a text in quotes\n",																	  NULL},
	{"a group is no list",                             "list = { };",                               NULL,
         "/etc/t.cfg:1: list: must be a list of texts: [ \"...\", \"...\" ]\n",															     NULL},
	{"a literal secret is refused and not shown",      "token = \"hunter2\";",                      "default - /etc/state - - 4 86400 1 a,b",
         "/etc/t.cfg:1: token: a secret does not stand here itself: write env:NAME or file:PATH\n",													 NULL},
	{"a literal secret may be allowed with a warning", "loose = \"hunter2\";",
         "default - /etc/state - hunter2 4 86400 1 a,b",											   NULL,
         "/etc/t.cfg:1: loose: the secret stands in this file; env:NAME or file:PATH keeps it out of back-ups\n"                                                                                                },
};

static const char *
shown(const char *s)
{
	return s != NULL ? s : "-";
}

static void
check_reading(void **state)
{
	const struct reading *r = *state;
	struct target t;
	struct cfg *c = NULL;
	struct err err = {0};
	char got[512];
	int len;

	memset(&t, 0xa5, sizeof(t)); /* the reader owes nothing to what was there */
	assert_ok(cfg_open_text(r->text, "/etc/t.cfg", &c, &err), &err);
	assert_ok(cfg_read_group(c, cfg_root(c), "top", rows, ARRAY_LEN(rows), more, ARRAY_LEN(more), &t, &err), &err);
	assert_string_equal(cfg_faults(c), r->want_faults != NULL ? r->want_faults : "");
	assert_string_equal(cfg_warnings(c), r->want_warnings != NULL ? r->want_warnings : "");
	assert_int_equal(cfg_fault_count(c) > 0, r->want_faults != NULL);
	len = snprintf(got, sizeof(got), "%s %s %s %s %s %d %d %d ", shown(t.text), shown(t.name), shown(t.path),
	               shown(t.token), shown(t.loose), (int)t.count, (int)t.window_s, t.on);
	for (size_t i = 0; i < t.list.n; i++)
		len += snprintf(got + len, sizeof(got) - (size_t)len, "%s%s", i > 0 ? "," : "", t.list.items[i]);
	if (r->want != NULL)
		assert_string_equal(got, r->want);
	cfg_release_group(rows, ARRAY_LEN(rows), &t);
	assert_null(t.text);
	cfg_drop(&c);
}

static const struct refusal {
	const char *name;
	const char *text;
	const char *want;
} refusals[] = {
	{"a syntax error has its line",             "a = 1;\nb = ;\n",                        "/t.cfg:2: syntax error"                   },
	{"a setting twice has its line",            "a = 1;\na = 2;\n",                       "/t.cfg:2: duplicate setting name"         },
	{"an integer that would be cut is refused", "a = 1;\nb = 4294967300;",
         "/t.cfg:2: number too large: '4294967300'"										      },
	{"a hexadecimal one too",                   "b = 0xFFFFFFFF;",                        "/t.cfg:1: number too large: '0xFFFFFFFF'" },
	{"a NUL written as escape is refused",      "b = \"a\\x00b\";",                       "/t.cfg:1: NUL in a text"                  },
	{"Latin-1 is refused",                      "b = 1;\n# caf\xe9\n",                    "/t.cfg:2: not UTF-8"                      },
	{"deep nesting is refused",                 "a=(((((((((((((((((1)))))))))))))))));", "/t.cfg:1: nested too deeply"              },
	{"a missing include has its line",          "\n@include \"none\"\n",                  "/t.cfg:2: @include: "                     },
	{"an include of a directory is refused",    "@include \"/\"\n",                       "/t.cfg:1: @include: /: not a regular file"},
	{"an include without quotes is refused",    "@include x\n",                           "/t.cfg:1: expected @include \"FILE\""     },
	{"an include without end is refused",       "@include \"x\n",                         "/t.cfg:1: expected @include \"FILE\""     },
};

static void
check_refusal(void **state)
{
	const struct refusal *r = *state;
	struct cfg *c = NULL;
	struct err err = {0};

	assert_int_equal(cfg_open_text(r->text, "/t.cfg", &c, &err), CR_ECONFIG);
	if (strncmp(err.text, r->want, strlen(r->want)) != 0)
		fail_msg("'%s' does not begin with '%s'", err.text, r->want);
	assert_null(c);
}

static const struct harmless {
	const char *name;
	const char *text;
} harmless[] = {
	{"what looks like an include in a text is none",    "a = \"\n@include \\\"/\\\"\n\";"     },
	{"what looks like an include in a comment is none",
         "/*\n@include \"/\"\n*/ # @include \"/\"\n// @include \"/\"\n"                           },
	{"a large number in a text is none",                "a = \"99999999999\"; # 99999999999\n"},
	{"a large number in a name is none",                "a99999999999 = 1;"                   },
	{"a large number with L is none",                   "a = 99999999999L;"                   },
	{"a fraction is not a large number",                "a = 99999999999.5;"                  },
	{"a comment without end is left to the parser",     "a = 1;"                              },
};

static void
check_harmless(void **state)
{
	const struct harmless *r = *state;
	struct cfg *c = NULL;
	struct err err = {0};

	assert_ok(cfg_open_text(r->text, "/t.cfg", &c, &err), &err);
	cfg_drop(&c);
	cfg_drop(&c);
}

static void
cfg__groups_are_walked_and_wrong_shapes_reported_once(void **state)
{
	static const char text[] = "g: { name = \"x\"; };\nl = ( { name = \"p\"; },\n 5 );\nn = 1;\n";
	struct target t;
	struct cfg *c = NULL;
	struct err err = {0};
	const struct cfg_group *root;

	(void)state;
	assert_ok(cfg_open_text(text, "t.cfg", &c, &err), &err);
	root = cfg_root(c);
	assert_non_null(cfg_sub(c, root, "g"));
	assert_null(cfg_sub(c, root, "none"));
	assert_int_equal(cfg_count(c, root, "none"), 0);
	assert_int_equal(cfg_fault_count(c), 0);
	assert_ok(cfg_read_group(c, cfg_sub(c, root, "g"), "g", needed, 1, NULL, 0, &t, &err), &err);
	assert_string_equal(t.name, "x");
	cfg_release_group(needed, 1, &t);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cfg_count(c, root, "l"), 2);
		assert_non_null(cfg_item(c, root, "l", 0));
		assert_null(cfg_item(c, root, "l", 1));
		assert_null(cfg_item(c, root, "l", 2));
		assert_null(cfg_sub(c, root, "n"));
		assert_int_equal(cfg_count(c, root, "g"), 0);
	}
	assert_int_equal(cfg_fault_count(c), 3);
	assert_string_equal(cfg_faults(c), "t.cfg:3: l: entry 2 must be a group: { ... }\n"
	                                   "t.cfg:4: n: must be a group: n: { ... }\n"
	                                   "t.cfg:1: g: must be a list of groups: g = ( { ... }, { ... } )\n");
	cfg_drop(&c);
}

static void
cfg__what_is_required_is_missed_even_without_a_group(void **state)
{
	struct target t;
	struct cfg *c = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(cfg_open_text("g: {\n};\n", "t.cfg", &c, &err), &err);
	assert_ok(cfg_read_group(c, NULL, "primary", needed, 1, NULL, 0, &t, &err), &err);
	assert_ok(cfg_read_group(c, cfg_sub(c, cfg_root(c), "g"), "g", needed, 1, NULL, 0, &t, &err), &err);
	assert_null(t.name);
	cfg_fault(c, cfg_root(c), "g", "the caller's own: %d\n", 7);
	cfg_warn(c, NULL, NULL, "a warning");
	assert_string_equal(cfg_faults(c), "t.cfg: primary: 'name' is missing\n"
	                                   "t.cfg:1: g: 'name' is missing\n"
	                                   "t.cfg:1: the caller's own: 7?\n");
	assert_string_equal(cfg_warnings(c), "t.cfg: a warning\n");
	cfg_drop(&c);
}

static void
cfg__ten_thousand_findings_stay_readable(void **state)
{
	struct buf text = {0};
	struct target t;
	struct cfg *c = NULL;
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "zzzzzzzz%d = 1;\n", i);
	assert_ok(cfg_open_text(buf_str(&text), "t.cfg", &c, &err), &err);
	assert_ok(cfg_read_group(c, cfg_root(c), "top", needed, 1, NULL, 0, &t, &err), &err);
	assert_int_equal(cfg_fault_count(c), 10001);
	assert_non_null(strstr(cfg_faults(c), "t.cfg: more of them, not shown\n"));
	assert_true(strlen(cfg_faults(c)) < 10000);
	cfg_drop(&c);
	buf_release(&text);
}

static void
put(const char *dir, const char *name, const char *text)
{
	struct err err = {0};
	char *path = NULL;

	assert_ok(file_join(dir, name, &path, &err), &err);
	assert_ok(file_replace(path, text, strlen(text), 0600, FILE_OWNER_SELF, &err), &err);
	free(path);
}

static void
cfg__an_included_file_is_named_in_its_findings(void **state)
{
	char dir[] = "/tmp/coldrelay-test-cfg.XXXXXX";
	char want[128], path[64];
	struct target t;
	struct cfg *c = NULL;
	struct err err = {0};
	pid_t child;

	(void)state;
	assert_non_null(mkdtemp(dir));
	put(dir, "main.cfg", "# first\n@include \"part.cfg\"\npath = \"p\";\n");
	put(dir, "part.cfg", "\ncount = 9;\n");
	put(dir, "loop.cfg", "@include \"loop.cfg\"\n");
	put(dir, "bad.cfg", "@include \"worse.cfg\"\n");
	put(dir, "worse.cfg", "\n\na = 4294967300;\n");
	(void)snprintf(path, sizeof(path), "%s/main.cfg", dir);
	assert_ok(cfg_open(path, &c, &err), &err);
	assert_string_equal(cfg_path(c), path);
	assert_ok(cfg_read_group(c, cfg_root(c), "top", rows, ARRAY_LEN(rows), NULL, 0, &t, &err), &err);
	(void)snprintf(want, sizeof(want), "%s/part.cfg:2: count: must be 0 to 4 sends a day, not 9\n", dir);
	assert_string_equal(cfg_faults(c), want);
	(void)snprintf(want, sizeof(want), "%s/p", dir);
	assert_string_equal(t.path, want);
	cfg_release_group(rows, ARRAY_LEN(rows), &t);
	cfg_drop(&c);
	(void)snprintf(path, sizeof(path), "%s/loop.cfg", dir);
	assert_int_equal(cfg_open(path, &c, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "include each other too deeply"));
	(void)snprintf(path, sizeof(path), "%s/bad.cfg", dir);
	assert_int_equal(cfg_open(path, &c, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "/worse.cfg:3: number too large"));
	(void)snprintf(path, sizeof(path), "%s/none.cfg", dir);
	assert_int_equal(cfg_open(path, &c, &err), CR_ENOTFOUND);
	assert_int_equal(cfg_open(dir, &c, &err), CR_ECONFIG);
	child = fork();
	if (child == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void
cfg__the_manual_text_follows_the_rows(void **state)
{
	static const struct cfg_row shown_rows[] = {
		{"count",   CFG_INT,      0, 0,  4,    "4",  0,             "sends a day", ".dots and \\ are escaped."},
		{"name",    CFG_NAME,     0, 0,  0,    NULL, CFG_REQUIRED,  NULL,          "The name."                },
		{"wait",    CFG_DURATION, 0, 60, 3600, "5m", 0,             NULL,          "A time."                  },
		{"domains", CFG_TEXT,     0, 0,  0,    NULL, CFG_GROUP_KEY, NULL,          "A list of groups."        },
	};
	struct buf b = {0};

	(void)state;
	cfg_rows_to_mdoc(shown_rows, ARRAY_LEN(shown_rows), &b);
	assert_string_equal(buf_str(&b),
	                    ".It Ic count No = Ar number\n\\&.dots and \\e are escaped.\nFrom 0 to 4 sends a day.\n"
	                    "Default:\n.Ql 4\n"
	                    ".It Ic name No = Ar name\nThe name.\nRequired.\n"
	                    ".It Ic wait No = Ar duration\nA time.\nFrom 1 min to 1 h.\nDefault:\n.Ql 5m\n"
	                    ".It Ic domains\nA list of groups.\n");
	buf_release(&b);
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, readings, check_reading);
	ROWS(tests, n, refusals, check_refusal);
	ROWS(tests, n, harmless, check_harmless);
	TEST(tests, n, cfg__groups_are_walked_and_wrong_shapes_reported_once);
	TEST(tests, n, cfg__what_is_required_is_missed_even_without_a_group);
	TEST(tests, n, cfg__ten_thousand_findings_stay_readable);
	TEST(tests, n, cfg__an_included_file_is_named_in_its_findings);
	TEST(tests, n, cfg__the_manual_text_follows_the_rows);
	return rows_run("core/cfg", tests, n);
}
