/*
 * test_proc.c - a program's end, output and deadline, as proc.h promises them.
 */
#include "tests/lib/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "core/num.h"
#include "core/proc.h"

#define LONG_MS 20000

static const struct run {
	const char *name;
	const char *argv[5];
	const char *env[3];
	int want_status;
	const char *want_output;
} runs[] = {
	{"a status of 0 comes back",                     {"true"},                                  {NULL},                 0,   ""               },
	{"another status comes back",                    {"sh", "-c", "exit 77"},                   {NULL},                 77,  ""               },
	{"a signal is 128 and its number",               {"sh", "-c", "kill -TERM $$"},             {NULL},                 143, ""               },
	{"a signal that we ignore ends it all the same", {"sh", "-c", "kill -PIPE $$; echo alive"}, {NULL},                 141, ""               },
	{"stdout and stderr come together, in turn",
         {"sh", "-c", "echo out; echo err >&2; echo out"},
         {NULL},
         0,                                                                                                                      "out\nerr\nout\n"},
	{"arguments are not seen by a shell",            {"printf", "%s|", "$HOME", "a b"},         {NULL},                 0,   "$HOME|a b|"     },
	{"the environment has what was added",           {"sh", "-c", "echo $CR_A$CR_B"},           {"CR_A=x y", "CR_B=z"}, 0,   "x yz\n"         },
	{"what was added replaces what was there",       {"sh", "-c", "echo $CR_OLD"},              {"CR_OLD=new"},         0,   "new\n"          },
	{"our environment is passed on",                 {"sh", "-c", "echo $CR_OLD"},              {NULL},                 0,   "old\n"          },
	{"nothing is asked on stdin",                    {"cat"},                                   {NULL},                 0,   ""               },
	{"a closed output is not the end",               {"sh", "-c", "exec >&- 2>&-; exit 3"},     {NULL},                 3,   ""               },
};

static void
check_run(void **state)
{
	const struct run *r = *state;
	struct buf output = {0};
	struct err err = {0};
	int status = -1;

	assert_int_equal(setenv("CR_OLD", "old", 1), 0);
	/* As main and the HTTP transport do. */
	(void)signal(SIGPIPE, SIG_IGN);
	assert_ok(proc_run(r->argv, r->env, clock_system(), LONG_MS, &output, &status, &err), &err);
	assert_int_equal(status, r->want_status);
	assert_string_equal(buf_str(&output), r->want_output);
	buf_release(&output);
}

static void
proc__a_missing_program_is_not_found(void **state)
{
	const char *const argv[] = {"coldrelay-no-such-program", NULL};
	struct err err = {0};
	int status = -1;

	(void)state;
	assert_int_equal(proc_run(argv, NULL, clock_system(), LONG_MS, NULL, &status, &err), CR_ENOTFOUND);
	assert_non_null(strstr(err.text, argv[0]));
	assert_int_equal(status, -1);
}

/* It holds the output open; reading to the end of that would be waiting for it. */
static void
proc__a_program_left_behind_is_not_waited_for(void **state)
{
	const char *const argv[] = {"sh", "-c", "sleep 1000 & echo $!", NULL};
	struct buf output = {0};
	struct err err = {0};
	int64_t pid = 0;
	int status = -1;

	(void)state;
	assert_ok(proc_run(argv, NULL, clock_system(), LONG_MS, &output, &status, &err), &err);
	assert_int_equal(status, 0);
	assert_true(output.len > 0);
	output.data[--output.len] = '\0';
	assert_ok(num_parse(buf_str(&output), 2, INT32_MAX, &pid, &err), &err);
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
	buf_release(&output);
}

/* The program and what it started are gone, not only left alone. */
static void
proc__a_late_program_is_killed_with_its_children(void **state)
{
	const char *const argv[] = {"sh", "-c", "sleep 1000 & echo $!; wait", NULL};
	struct buf output = {0};
	struct err err = {0};
	int64_t pid = 0;
	int status = -1;
	struct pollfd end = {.events = POLLIN};

	(void)state;
	assert_int_equal(proc_run(argv, NULL, clock_system(), 200, &output, &status, &err), CR_ERETRY);
	assert_non_null(strstr(err.text, "'sh'"));
	assert_true(output.len > 0);
	output.data[--output.len] = '\0';
	assert_ok(num_parse(buf_str(&output), 2, INT32_MAX, &pid, &err), &err);
	/* Gone, or going: a pidfd becomes readable with the end of its process. */
	end.fd = pidfd_open((pid_t)pid, 0);
	assert_true(end.fd >= 0 || errno == ESRCH);
	assert_true(end.fd < 0 || poll(&end, 1, LONG_MS) == 1);
	if (end.fd >= 0)
		(void)close(end.fd);
	buf_release(&output);
}

static void
proc__output_is_cut_at_the_ceiling_and_read_to_its_end(void **state)
{
	const char *const argv[] = {"sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; exit 5", NULL};
	struct buf output = {.max_bytes = 1000};
	struct err err = {0};
	int status = -1;

	(void)state;
	assert_ok(proc_run(argv, NULL, clock_system(), LONG_MS, &output, &status, &err), &err);
	assert_int_equal(status, 5);
	assert_int_equal(output.len, 1000);
	buf_release(&output);
	assert_ok(proc_run(argv, NULL, clock_system(), LONG_MS, NULL, &status, &err), &err);
	assert_int_equal(status, 5);
}

static void
proc__open_files_are_not_handed_on(void **state)
{
	const char *const argv[] = {"sh", "-c", "ls /proc/$$/fd | tr '\\n' ' '", NULL};
	struct buf output = {0};
	struct err err = {0};
	int status = -1;
	char shown[16];
	int fd = fcntl(open("/dev/null", O_RDONLY | O_CLOEXEC), F_DUPFD, 40);

	(void)state;
	assert_true(fd >= 40);
	assert_ok(proc_run(argv, NULL, clock_system(), LONG_MS, &output, &status, &err), &err);
	/* The shell may be seen with the pipe of its own pipeline: only our number counts. */
	(void)snprintf(shown, sizeof(shown), " %d ", fd);
	assert_null(strstr(buf_str(&output), shown));
	buf_release(&output);
	(void)close(fd);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, runs, check_run);
	TEST(tests, n, proc__a_missing_program_is_not_found);
	TEST(tests, n, proc__a_program_left_behind_is_not_waited_for);
	TEST(tests, n, proc__a_late_program_is_killed_with_its_children);
	TEST(tests, n, proc__output_is_cut_at_the_ceiling_and_read_to_its_end);
	TEST(tests, n, proc__open_files_are_not_handed_on);
	return rows_run("core/proc", tests, n);
}
