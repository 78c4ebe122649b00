/*
 * main.c - the front door: global options, the command table, the exit code.
 *
 * An error is printed here, once, on stderr; its code becomes the exit status by the one table in core/err.c.
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budget/cmd.h"
#include "core/log.h"
#include "core/opt.h"
#include "core/session.h"
#include "core/term.h"
#include "core/version.h"
#include "provision/cmd.h"
#include "provision/cmd_quiesce.h"

static const char *config_option;
static bool json_option, quiet_option, no_color_option, version_option, help_option;
static int verbose_option;

static const struct opt global_options[] = {
	{"config",   'c', OPT_TEXT,  &config_option,   0, 0, "FILE",
         "configuration; else $COLDRELAY_CONFIG, ./coldrelay.cfg, /etc/coldrelay/coldrelay.cfg"                         },
	{"json",     0,   OPT_FLAG,  &json_option,     0, 0, NULL,   "one JSON object a line on standard output"        },
	{"quiet",    'q', OPT_FLAG,  &quiet_option,    0, 0, NULL,   "only warnings and errors on standard error"       },
	{"verbose",  'v', OPT_COUNT, &verbose_option,  0, 0, NULL,   "say more; twice: every exchange, secrets left out"},
	{"no-color", 0,   OPT_FLAG,  &no_color_option, 0, 0, NULL,   "no colours"                                       },
	{"version",  0,   OPT_FLAG,  &version_option,  0, 0, NULL,   "print the version"                                },
	{"help",     'h', OPT_FLAG,  &help_option,     0, 0, NULL,   "print this"                                       },
};

static int run_help(struct session *s, int argc, char **argv, struct err *err);
static int run_version(struct session *s, int argc, char **argv, struct err *err);

static const struct command own_commands[] = {
	{"version", run_version, "",          "print the version",                       NULL},
	{"help",    run_help,    "[COMMAND]", "what there is, or one command's options", NULL},
};

/* Every command there is, room after room. */
static const struct command *
command_at(size_t i)
{
	if (i < provision_commands_n)
		return &provision_commands[i];
	i -= provision_commands_n;
	if (i < budget_commands_n)
		return &budget_commands[i];
	i -= budget_commands_n;
	return i < ARRAY_LEN(own_commands) ? &own_commands[i] : NULL;
}

static const struct command *
command_find(const char *name, struct err *err)
{
	const char *names[64], *near;
	size_t n = 0;

	for (size_t i = 0; command_at(i) != NULL; i++) {
		if (strcmp(command_at(i)->name, name) == 0)
			return command_at(i);
		if (n < ARRAY_LEN(names))
			names[n++] = command_at(i)->name;
	}
	near = opt_nearest(name, names, n);
	(void)err_set(err, CR_EUSAGE, "no command '%s'%s%s: `coldrelay help` lists them", name,
	              near != NULL ? ", did you mean " : "", near != NULL ? near : "");
	return NULL;
}

static void
print_help(FILE *to)
{
	(void)fputs("usage: coldrelay [-c FILE] [--json] [-q] [-v] [--no-color] COMMAND ...\n\ncommands:\n", to);
	for (size_t i = 0; command_at(i) != NULL; i++)
		(void)fprintf(to, "  %-10s %s\n", command_at(i)->name, command_at(i)->summary);
	(void)fputs("\noptions:\n", to);
	opt_help(global_options, ARRAY_LEN(global_options), to);
	(void)fputs("\n`coldrelay help COMMAND` tells a command's options; coldrelay(8) is the manual.\n", to);
}

static int
run_help(struct session *s, int argc, char **argv, struct err *err)
{
	const struct command *c;

	if (argc < 2) {
		print_help(s->out);
		return 0;
	}
	c = command_find(argv[1], err);
	if (c == NULL)
		return CR_EUSAGE;
	(void)fprintf(s->out, "usage: coldrelay %s %s\n%s\n", c->name, c->args, c->summary);
	if (c->help != NULL)
		c->help(s->out);
	return 0;
}

static int
run_version(struct session *s, int argc, char **argv, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)err;
	(void)fputs("coldrelay " COLDRELAY_VERSION "\n", s->out);
	return 0;
}

/* Commands of the gate's room that stop or free domains, whose mail hosts are another room's. */
static bool
is_containing(const struct command *c)
{
	return strcmp(c->name, "freeze") == 0 || strcmp(c->name, "thaw") == 0;
}

static int
run_command(struct session *s, int argc, char **argv, struct err *err)
{
	const struct command *c = command_find(argv[0], err);
	int rc = c != NULL ? c->run(s, argc, argv, err) : CR_EUSAGE;

	if (rc == 0 && is_containing(c))
		cmd_quiesce_after(s, argc, argv);
	return rc;
}

static int
run(struct session *s, int argc, char **argv, struct err *err)
{
	int used = 0;
	int rc = opt_parse_front(global_options, ARRAY_LEN(global_options), argc - 1, argv + 1, &used, err);

	if (rc != CR_OK)
		return rc;
	log_set_level(quiet_option          ? LOG_LEVEL_WARN
	              : verbose_option >= 2 ? LOG_LEVEL_TRACE
	              : verbose_option == 1 ? LOG_LEVEL_DEBUG
	                                    : LOG_LEVEL_INFO);
	term_set_color(!no_color_option);
	s->json = json_option;
	s->quiet = quiet_option;
	s->config_path = session_find_config(config_option);
	if (version_option)
		return run_version(s, 0, NULL, err);
	if (help_option) {
		print_help(s->out);
		return 0;
	}
	argc -= used + 1;
	argv += used + 1;
	if (argc == 0)
		return err_set(err, CR_EUSAGE, "no command given: `coldrelay help` lists them");
	return run_command(s, argc, argv, err);
}

/*
 * Descriptors 0 to 2 that the caller closed would go to the next files opened here, and a line for standard error into the store.
 * Opened for reading: what is written to them still fails.
 */
static bool
fill_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct session s = {.clock = clock_system(), .out = stdout};
	struct err err = {0};
	int rc;

	if (!fill_standard_files())
		return err_exit_code(CR_EIO);
	/* One heap for all workers: they wait for the network, not for malloc, and a heap each would cost megabytes. */
	(void)mallopt(M_ARENA_MAX, 1);
	/* A reader that went away is an error of the write, not the end of a half-done run. */
	(void)signal(SIGPIPE, SIG_IGN);
	rc = run(&s, argc, argv, &err);
	if (rc < 0)
		log_error("%s", err.text[0] != '\0' ? err.text : err_code_name(rc));
	if ((fflush(stdout) != 0 || ferror(stdout) != 0) && rc >= 0) {
		log_error("standard output cannot be written");
		rc = CR_EIO;
	}
	session_release(&s);
	return rc < 0 ? err_exit_code(rc) : rc;
}
