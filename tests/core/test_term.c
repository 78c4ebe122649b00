/*
 * test_term.c - what is shown on a pipe and on a (pseudo) terminal.
 */
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/term.h"

static const struct term_column columns[] = {
	{.title = "DOMAIN"},
	{ .title = "SENT",    .right = true},
	{ .title = "NOTE",  .may_cut = true},
};

#define LONG_NOTE                                                                                                      \
	"a note that is far longer than the eighty columns of an ordinary terminal, and that nobody may cut "          \
	"on a pipe, because the next program reads it"

static void
print_rows(FILE *to)
{
	static const char *const first[] = {"getnorthwind.example", "4", LONG_NOTE};
	static const char *const second[] = {"a.example", "12", "bell \a and \033[2J", NULL};
	static const char *const third[] = {"b.example", NULL, ""};
	struct term_table *t = NULL;
	struct err err = {0};

	assert_ok(term_table_open(columns, ARRAY_LEN(columns), &t, &err), &err);
	assert_ok(term_table_add(t, TERM_PLAIN, first, &err), &err);
	assert_ok(term_table_add(t, TERM_BAD, second, &err), &err);
	assert_ok(term_table_add(t, TERM_DIM, third, &err), &err);
	assert_ok(term_table_print(t, to, &err), &err);
	term_table_drop(&t);
	assert_null(t);
}

static void
term__a_table_on_a_pipe_is_plain_and_whole(void **state)
{
	char *text = NULL;
	FILE *f = tmpfile();
	size_t len;

	(void)state;
	assert_non_null(f);
	print_rows(f);
	len = (size_t)ftell(f);
	text = calloc(1, len + 1);
	rewind(f);
	assert_int_equal(fread(text, 1, len, f), len);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\a'));
	assert_non_null(strstr(text, LONG_NOTE));
	assert_non_null(strstr(text, "getnorthwind.example     4  a note"));
	assert_non_null(strstr(text, "a.example               12  bell ? and ?[2J"));
	assert_memory_equal(text, "DOMAIN                SENT  NOTE", 32);
	free(text);
	(void)fclose(f);
}

/* A pseudo terminal 60 columns wide; its reading side. */
struct screen {
	int master, slave;
	FILE *to;
};

static void
screen_open(struct screen *s)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 60};

	assert_int_equal(openpty(&s->master, &s->slave, NULL, NULL, &size), 0);
	s->to = fdopen(dup(s->slave), "w");
	assert_non_null(s->to);
}

/* What is there to read now. */
static void
screen_read(const struct screen *s, struct buf *out)
{
	struct pollfd p = {.fd = s->master, .events = POLLIN};
	char part[4096];

	while (poll(&p, 1, 0) > 0) {
		ssize_t got = read(s->master, part, sizeof(part));

		if (got <= 0)
			break;
		buf_add(out, part, (size_t)got);
	}
}

static void
screen_close(struct screen *s)
{
	(void)fclose(s->to);
	(void)close(s->slave);
	(void)close(s->master);
}

static const struct colored {
	const char *name;
	bool allowed;
	const char *no_color;
	const char *term;
	bool want;
} colored[] = {
	{"a terminal gets colour",            true,  NULL, "xterm", true },
	{"an empty NO_COLOR is none",         true,  "",   "xterm", true },
	{"NO_COLOR is obeyed",                true,  "1",  "xterm", false},
	{"--no-color is obeyed",              false, NULL, "xterm", false},
	{"a dumb terminal gets no sequences", true,  NULL, "dumb",  false},
};

static void
check_colored(void **state)
{
	const struct colored *c = *state;
	struct buf seen = {0};
	struct screen s;

	screen_open(&s);
	assert_int_equal(setenv("TERM", c->term, 1), 0);
	if (c->no_color != NULL)
		assert_int_equal(setenv("NO_COLOR", c->no_color, 1), 0);
	term_set_color(c->allowed);
	print_rows(s.to);
	screen_read(&s, &seen);
	assert_int_equal(strchr(buf_str(&seen), '\033') != NULL, c->want);
	/* Colour or not: outside text never reaches the terminal as a sequence, and a long note is cut there. */
	assert_null(strstr(buf_str(&seen), "\033[2J"));
	assert_null(strstr(buf_str(&seen), "next program"));
	assert_string_equal(term_on(s.to, TERM_BAD), c->want ? "\033[31m" : "");
	assert_string_equal(term_off(s.to), c->want ? "\033[0m" : "");
	term_set_color(true);
	(void)unsetenv("NO_COLOR");
	buf_release(&seen);
	screen_close(&s);
}

static void
term__no_colour_without_a_terminal(void **state)
{
	FILE *f = tmpfile();

	(void)state;
	assert_string_equal(term_on(f, TERM_GOOD), "");
	assert_string_equal(term_off(f), "");
	(void)fclose(f);
}

/* Run fn with stderr and stdin somewhere else. */
static void
with_streams(int in, int out, void (*fn)(void))
{
	int old_in = dup(STDIN_FILENO), old_out = dup(STDERR_FILENO);

	(void)fflush(stderr);
	assert_true(dup2(in, STDIN_FILENO) >= 0);
	assert_true(dup2(out, STDERR_FILENO) >= 0);
	fn();
	(void)fflush(stderr);
	assert_true(dup2(old_in, STDIN_FILENO) >= 0);
	assert_true(dup2(old_out, STDERR_FILENO) >= 0);
	(void)close(old_in);
	(void)close(old_out);
}

static void
progress_of_two(void)
{
	struct term_progress *p = NULL;
	struct err err = {0};

	assert_ok(term_progress_open("provision", 2, &p, &err), &err);
	term_progress_step(p, "one.example");
	log_warn("something to say");
	term_progress_step(p, "two.example");
	term_progress_drop(&p);
	assert_null(p);
	log_warn("after it");
}

static void
term__progress_on_a_terminal_makes_way_for_the_log(void **state)
{
	struct buf seen = {0};
	struct screen s;
	const char *at;

	(void)state;
	screen_open(&s);
	with_streams(s.slave, s.slave, progress_of_two);
	screen_read(&s, &seen);
	assert_non_null(strstr(buf_str(&seen), "2/2"));
	at = strstr(buf_str(&seen), "\r\033[Kcoldrelay: warning: something to say");
	assert_non_null(at);
	at = strstr(at, "\r\033[Kprovision [");
	assert_non_null(at);
	/* Nothing of the bar is left when it is over. */
	assert_non_null(strstr(at, "\r\033[Kcoldrelay: warning: after it"));
	buf_release(&seen);
	screen_close(&s);
}

static const struct piped {
	const char *name;
	enum log_level level;
	const char *want;
} piped[] = {
	{"progress on a pipe is a line an item", LOG_LEVEL_INFO,
         "provision 1/2: one.example\ncoldrelay: warning: something to say\nprovision 2/2: two.example\n"
         "coldrelay: warning: after it\n"                                      },
	{"-q shows no progress",                 LOG_LEVEL_WARN,
         "coldrelay: warning: something to say\ncoldrelay: warning: after it\n"},
};

static void
check_piped(void **state)
{
	const struct piped *p = *state;
	char text[512] = "";
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	log_set_level(p->level);
	with_streams(ends[0], ends[1], progress_of_two);
	log_set_level(LOG_LEVEL_INFO);
	(void)close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	(void)close(ends[0]);
	assert_string_equal(text, p->want);
}

static int confirmed;
static struct err confirm_err;

static void
ask(void)
{
	confirmed = term_confirm("go on?", &confirm_err);
}

static const struct answer {
	const char *name;
	const char *typed; /* NULL: stdin is no terminal */
	int want;
	const char *want_text;
} answers[] = {
	{"y is yes",                    "y\n",    CR_OK,       NULL           },
	{"yes is yes",                  "yes\n",  CR_OK,       NULL           },
	{"an empty line is no",         "\n",     CR_EREFUSED, "not confirmed"},
	{"anything else is no",         "yeah\n", CR_EREFUSED, "not confirmed"},
	{"without a terminal it is no", NULL,     CR_EREFUSED, "--yes"        },
};

static void
check_answer(void **state)
{
	const struct answer *a = *state;
	struct buf seen = {0};
	struct screen s;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	confirm_err = (struct err){0};
	screen_open(&s);
	if (a->typed != NULL)
		assert_int_equal(write(s.master, a->typed, strlen(a->typed)), strlen(a->typed));
	with_streams(a->typed != NULL ? s.slave : null, s.slave, ask);
	screen_read(&s, &seen);
	assert_int_equal(confirmed, a->want);
	assert_int_equal(strstr(buf_str(&seen), "go on? [y/N] ") != NULL, a->typed != NULL);
	if (a->want_text != NULL)
		assert_non_null(strstr(confirm_err.text, a->want_text));
	buf_release(&seen);
	screen_close(&s);
	(void)close(null);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	(void)unsetenv("NO_COLOR");
	TEST(tests, n, term__a_table_on_a_pipe_is_plain_and_whole);
	ROWS(tests, n, colored, check_colored);
	TEST(tests, n, term__no_colour_without_a_terminal);
	TEST(tests, n, term__progress_on_a_terminal_makes_way_for_the_log);
	ROWS(tests, n, piped, check_piped);
	ROWS(tests, n, answers, check_answer);
	return rows_run("core/term", tests, n);
}
