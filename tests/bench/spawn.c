/*
 * spawn.c - one process from start to exit: posix_spawn until waitpid, its output thrown away.
 *
 *   spawn RUNS -- NAME COMMAND ARGUMENT... [-- NAME COMMAND ARGUMENT...]...
 *
 * The commands take turns, so that what the machine does meanwhile hits all of them alike.  In an argument %m stands for the mailbox
 * of this run (tests/bench/lib/bench.h), %o for a recipient at an organisation of its own.  A command that does not exit with 0 ends
 * the bench.  Prints NAME_p50 and NAME_p99.
 */
#include "tests/bench/lib/bench.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#define COMMANDS_MAX  16
#define ARGUMENTS_MAX 16
#define ARGUMENT_MAX  4096
#define WARM_RUNS     10

struct command {
	const char *name;
	char **argv; /* ends in NULL */
	double *times_us;
};

static struct command commands[COMMANDS_MAX];
static int n_commands;
static posix_spawn_file_actions_t to_nowhere;

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
read_commands(int argc, char **argv, size_t runs)
{
	for (int i = 0; i < argc; i++) {
		struct command *c = &commands[n_commands];

		if (strcmp(argv[i], "--") != 0 || argc - i < 3 || n_commands == COMMANDS_MAX)
			die("usage: spawn RUNS -- NAME COMMAND ARGUMENT... [-- ...]");
		c->name = argv[++i];
		c->argv = &argv[++i];
		c->times_us = calloc(runs, sizeof(*c->times_us));
		if (c->times_us == NULL)
			die("out of memory");
		n_commands++;
		while (i + 1 < argc && strcmp(argv[i + 1], "--") != 0)
			i++;
	}
	/* Not before all are found: each list of arguments ends where the next command begins. */
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			argv[i] = NULL;
}

static void
expand(const char *argument, size_t run, char out[ARGUMENT_MAX])
{
	if (strcmp(argument, "%m") == 0)
		(void)snprintf(out, ARGUMENT_MAX, "m%0*zu@d%0*zu-contoso.example", BENCH_MAILBOX_DIGITS, run,
		               BENCH_DOMAIN_DIGITS, run / BENCH_MAILBOXES_PER_DOMAIN);
	else if (strcmp(argument, "%o") == 0)
		(void)snprintf(out, ARGUMENT_MAX, "anna@org%zu-fabrikam.example", run);
	else
		(void)snprintf(out, ARGUMENT_MAX, "%s", argument);
}

static double
once(const struct command *c, size_t run)
{
	static char texts[ARGUMENTS_MAX][ARGUMENT_MAX];
	char *argv[ARGUMENTS_MAX + 1] = {NULL};
	int64_t start_ns;
	int rc, status;
	pid_t pid;

	for (int i = 0; c->argv[i] != NULL; i++) {
		if (i == ARGUMENTS_MAX)
			die("%s: too many arguments", c->name);
		expand(c->argv[i], run, texts[i]);
		argv[i] = texts[i];
	}
	assert(argv[0] != NULL);
	start_ns = now_ns();
	rc = posix_spawn(&pid, argv[0], &to_nowhere, NULL, argv, environ);
	if (rc != 0)
		die("%s: %s", argv[0], strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die_errno("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("%s: run %zu: exit %d", c->name, run, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return (double)(now_ns() - start_ns) / 1e3;
}

int
main(int argc, char **argv)
{
	const size_t runs = argc > 1 ? (size_t)number(argv[1], "runs", 1, 100000) : 0;

	if (runs > 0)
		read_commands(argc - 2, argv + 2, runs);
	if (n_commands == 0)
		die("usage: spawn RUNS -- NAME COMMAND ARGUMENT... [-- ...]");
	if (posix_spawn_file_actions_init(&to_nowhere) != 0 ||
	    posix_spawn_file_actions_addopen(&to_nowhere, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0)
		die("out of memory");
	for (size_t run = 0; run < runs + WARM_RUNS; run++)
		for (int i = 0; i < n_commands; i++) {
			const double us = once(&commands[i], run);

			if (run >= WARM_RUNS)
				commands[i].times_us[run - WARM_RUNS] = us;
		}
	for (int i = 0; i < n_commands; i++) {
		double *times_us = commands[i].times_us;

		qsort(times_us, runs, sizeof(*times_us), by_value);
		printf("%s_p50 %.1f us\n%s_p99 %.1f us\n", commands[i].name, times_us[runs / 2], commands[i].name,
		       times_us[runs * 99 / 100]);
		free(times_us);
	}
	(void)posix_spawn_file_actions_destroy(&to_nowhere);
	return 0;
}
