/*
 * test_opt.c - what opt.h promises: every way to write an option, and one exact line for every mistake.
 */
#include "tests/lib/rows.h"

#include "core/opt.h"

#define ARGS_MAX 8

struct values {
	bool json;
	int verbose;
	const char *to;
	int64_t spend;
	int64_t wait_s;
};

static const struct line {
	const char *name;
	const char *args[ARGS_MAX];
	const char *want; /* "json verbose to spend wait: operands", or the error */
	int want_rc;
} lines[] = {
	{"nothing is a valid line",                        {NULL},                      "0 0 - 0 0:",                                   CR_OK    },
	{"a flag is set",				  {"--json"},                  "1 0 - 0 0:",                                   CR_OK    },
	{"a value follows its option",                     {"--to", "a@b"},             "0 0 a@b 0 0:",                                 CR_OK    },
	{"a value is joined by =",                         {"--to=a=b"},                "0 0 a=b 0 0:",                                 CR_OK    },
	{"an empty value is a value",                      {"--to="},                   "0 0  0 0:",                                    CR_OK    },
	{"a value may begin with a dash",                  {"--to", "--json"},          "0 0 --json 0 0:",                              CR_OK    },
	{"a short value follows",                          {"-t", "x"},                 "0 0 x 0 0:",                                   CR_OK    },
	{"a short value is joined",                        {"-tx"},                     "0 0 x 0 0:",                                   CR_OK    },
	{"flags are joined",			       {"-vjv"},                    "1 2 - 0 0:",                                   CR_OK    },
	{"joined flags end in a value",                    {"-vtx"},                    "0 1 x 0 0:",                                   CR_OK    },
	{"a count counts",				 {"-v", "--verbose", "-v"},   "0 3 - 0 0:",                                   CR_OK    },
	{"the last of two values stands",                  {"--to", "x", "--to", "y"},  "0 0 y 0 0:",                                   CR_OK    },
	{"a number is read",			       {"--max-spend", "50"},       "0 0 - 50 0:",                                  CR_OK    },
	{"a duration is read",                             {"--wait", "2h"},            "0 0 - 0 7200:",                                CR_OK    },
	{"operands and options mix",                       {"a", "--json", "b"},        "1 0 - 0 0: a b",                               CR_OK    },
	{"two dashes end the options",                     {"a", "--", "--json", "--"}, "0 0 - 0 0: a --json --",                       CR_OK    },
	{"a lone dash is an operand",                      {"-"},                       "0 0 - 0 0: -",                                 CR_OK    },
	{"an unknown option names the nearest",            {"--jsno"},                  "unknown option '--jsno': did you mean --json", CR_EUSAGE},
	{"an unknown option far from all stands alone",    {"--frobnicate"},            "unknown option '--frobnicate'",                CR_EUSAGE},
	{"an abbreviation is unknown",                     {"--ver"},                   "unknown option '--ver'",                       CR_EUSAGE},
	{"the value of an unknown option is not repeated",
         {"--password=hunter2"},
         "unknown option '--password'",                                                                                                 CR_EUSAGE},
	{"an unknown letter is named",                     {"-vx"},                     "unknown option '-x'",                          CR_EUSAGE},
	{"a missing value is named",                       {"--to"},                    "option --to needs a value: RCPT",              CR_EUSAGE},
	{"a missing short value is named",                 {"-t"},                      "option --to needs a value: RCPT",              CR_EUSAGE},
	{"a flag takes no value",                          {"--json=yes"},              "option --json takes no value",                 CR_EUSAGE},
	{"a number out of range is named",                 {"--max-spend=101"},         "--max-spend: must be 0 to 100, not '101'",     CR_EUSAGE},
	{"a word is no number",                            {"--max-spend", "x"},        "--max-spend: not a number: 'x'",               CR_EUSAGE},
	{"a word is no duration",
         {"--wait", "soon"},
         "--wait: not a duration such as 45m, 24h or 14d: 'soon'",                                                                      CR_EUSAGE},
};

static size_t
make_rows(struct values *v, struct opt rows[5])
{
	rows[0] = (struct opt){
		.name = "json", .letter = 'j', .type = OPT_FLAG, .to = &v->json, .help = "one object a line"};
	rows[1] = (struct opt){
		.name = "verbose", .letter = 'v', .type = OPT_COUNT, .to = &v->verbose, .help = "say more"};
	rows[2] =
		(struct opt){.name = "to", .letter = 't', .type = OPT_TEXT, .to = &v->to, .arg = "RCPT", .help = "who"};
	rows[3] = (struct opt){
		.name = "max-spend", .type = OPT_INT, .to = &v->spend, .max = 100, .arg = "N", .help = "money"};
	rows[4] = (struct opt){.name = "wait", .type = OPT_DURATION, .to = &v->wait_s, .help = "how long"};
	return 5;
}

/* argv wants char *; the parser does not write through it. */
static int
make_argv(const char *const *args, char **argv)
{
	int argc = 0;

	for (; argc < ARGS_MAX && args[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)args[argc];
	return argc;
}

static void
check_line(void **state)
{
	const struct line *r = *state;
	struct values v = {.to = "-"};
	struct opt rows[5];
	size_t n_rows = make_rows(&v, rows), n = 0;
	char *argv[ARGS_MAX], got[256];
	const char *operands[ARGS_MAX];
	struct err err = {0};
	int argc = make_argv(r->args, argv);
	int len;

	assert_int_equal(opt_parse(rows, n_rows, argc, argv, operands, &n, &err), r->want_rc);
	if (r->want_rc != CR_OK) {
		assert_string_equal(err.text, r->want);
		assert_int_equal(err.code, r->want_rc);
		return;
	}
	len = snprintf(got, sizeof(got), "%d %d %s %d %d:", v.json, v.verbose, v.to, (int)v.spend, (int)v.wait_s);
	for (size_t i = 0; i < n; i++)
		len += snprintf(got + len, sizeof(got) - (size_t)len, " %s", operands[i]);
	assert_string_equal(got, r->want);
}

static void
opt__a_list_takes_every_value_up_to_its_end(void **state)
{
	struct opt_list list = {0};
	const struct opt row = {.name = "address", .type = OPT_LIST, .to = &list, .arg = "IP", .help = "from where"};
	char *argv[] = {(char *)(uintptr_t) "--address", (char *)(uintptr_t) "192.0.2.1"};
	const char *operands[2];
	struct err err = {0};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < OPT_LIST_MAX; i++)
		assert_ok(opt_parse(&row, 1, 2, argv, operands, &n, &err), &err);
	assert_int_equal(list.n, OPT_LIST_MAX);
	assert_string_equal(list.items[OPT_LIST_MAX - 1], "192.0.2.1");
	assert_int_equal(opt_parse(&row, 1, 2, argv, operands, &n, &err), CR_EUSAGE);
	assert_string_equal(err.text, "--address: given more than 32 times");
}

static const struct front {
	const char *name;
	const char *args[ARGS_MAX];
	int want_used;
} fronts[] = {
	{"the front stops at the command",   {"-v", "--to", "x", "check", "--json"}, 3},
	{"the front may be empty",           {"check"},                              0},
	{"the front passes over two dashes", {"--", "check"},                        1},
	{"the front may be all",             {"-v"},                                 1},
};

static void
check_front(void **state)
{
	const struct front *r = *state;
	struct values v = {0};
	struct opt rows[5];
	size_t n_rows = make_rows(&v, rows);
	char *argv[ARGS_MAX];
	struct err err = {0};
	int argc = make_argv(r->args, argv), used = -1;

	assert_ok(opt_parse_front(rows, n_rows, argc, argv, &used, &err), &err);
	assert_int_equal(used, r->want_used);
	assert_false(v.json);
}

static const struct distance {
	const char *name;
	const char *a, *b;
	size_t limit, want;
} distances[] = {
	{"the same word is at no distance",      "frost",    "frost",     2, 0},
	{"a changed letter is one",              "frost",    "frist",     2, 1},
	{"a missing letter is one",              "provsion", "provision", 2, 1},
	{"two swapped letters are one",          "jsno",     "json",      2, 1},
	{"kitten to sitting is three",           "kitten",   "sitting",   9, 3},
	{"from nothing it is the length",        "",         "abc",       9, 3},
	{"beyond the limit it is limit and one", "kitten",   "sitting",   2, 3},
};

static void
check_distance(void **state)
{
	const struct distance *r = *state;

	assert_int_equal(opt_distance(r->a, r->b, r->limit), r->want);
	assert_int_equal(opt_distance(r->b, r->a, r->limit), r->want);
}

static const struct nearest {
	const char *name;
	const char *word;
	const char *want;
} nearests[] = {
	{"the nearest of several is found",     "stauts",                 "status"                },
	{"a word far from all has none",        "wallpaper",              NULL                    },
	{"a word of other letters has none",    "xy",                     NULL                    },
	{"the empty word has none",             "",                       NULL                    },
	{"a third of a long word may be wrong", "maximal_queue_lifetme2", "maximal_queue_lifetime"},
};

static void
check_nearest(void **state)
{
	static const char *const names[] = {"to", "start", "status", "maximal_queue_lifetime"};
	const struct nearest *r = *state;
	const char *got = opt_nearest(r->word, names, ARRAY_LEN(names));

	if (r->want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, r->want);
}

static void
opt__the_help_shows_every_row_in_columns(void **state)
{
	struct values v = {0};
	struct opt rows[5];
	char *text = NULL;
	size_t size = 0, n_rows = make_rows(&v, rows);
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	opt_help(rows, n_rows, f);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, "  -j, --json         one object a line\n"
	                          "  -v, --verbose      say more\n"
	                          "  -t, --to RCPT      who\n"
	                          "      --max-spend N  money\n"
	                          "      --wait VALUE   how long\n");
	free(text);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, lines, check_line);
	ROWS(tests, n, fronts, check_front);
	ROWS(tests, n, distances, check_distance);
	ROWS(tests, n, nearests, check_nearest);
	TEST(tests, n, opt__a_list_takes_every_value_up_to_its_end);
	TEST(tests, n, opt__the_help_shows_every_row_in_columns);
	return rows_run("core/opt", tests, n);
}
