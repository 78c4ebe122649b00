/*
 * front.c - the small door: what a mail system runs once a send, linked statically, with the whole program behind it.
 *
 * Where a daemon answers, a dynamic start costs more than the question.  This is main.c and the rooms linked without any shared object,
 * libconfig alone inside.  It asks the daemon.  Whatever else is wanted (another command, a store that has to be opened here, a name in
 * other letters) needs a library, and before the first of them was needed nothing was done: the process becomes the whole program, which
 * begins anew.  So there is one implementation of everything, and two ways to link it.
 *
 * Source: execve(2); ARCHITECTURE.md, "What a start costs".
 */
#include <errno.h>
#include <libconfig.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/lazy.h"
#include "core/log.h"
#include "provision/cmd.h"

/* From the directory that this program lies in. */
#define WHOLE "/../libexec/coldrelay/coldrelay"

int program_main(int argc, char **argv); /* main.c */

/* These are handed over before the table is looked at; their rooms are not linked. */
const struct command provision_commands[] = {
	{NULL, NULL, NULL, NULL, NULL}
};
const size_t provision_commands_n = 0;

#define INSIDE(function)                                                                                               \
	{                                                                                                              \
#function, (void (*)(void))(function)                                                                  \
	}
static const struct {
	const char *name;
	void (*function)(void);
} inside[] = {
	INSIDE(config_destroy),
	INSIDE(config_init),
	INSIDE(config_read_string),
	INSIDE(config_set_include_dir),
	INSIDE(config_setting_get_bool),
	INSIDE(config_setting_get_elem),
	INSIDE(config_setting_get_int64),
	INSIDE(config_setting_get_member),
	INSIDE(config_setting_get_string),
	INSIDE(config_setting_length),
};

static char **own_argv;

/* The audit log, which nothing here reaches, asks for names; libc's own would want shared objects. */
int
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name,readability-non-const-parameter): the C library's */
getpwuid_r(uid_t uid, struct passwd *entry, char *space, size_t size, struct passwd **found)
{
	(void)uid, (void)entry, (void)space, (void)size;
	*found = NULL;
	return ENOSYS;
}

/* Returns only when the whole program is not there. */
static int
hand_over(struct err *err)
{
	char path[PATH_MAX], *slash;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof(WHOLE));

	if (len <= 0)
		return err_errno(err, CR_ECONFIG, errno, "/proc/self/exe");
	path[len] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash != NULL ? slash : path, WHOLE, sizeof(WHOLE));
	(void)execv(path, own_argv);
	return err_errno(err, CR_ECONFIG, errno, path);
}

static bool
find(const char *name, void *slot)
{
	for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
		if (strcmp(inside[i].name, name) == 0) {
			memcpy(slot, &inside[i].function, sizeof(inside[i].function));
			return true;
		}
	}
	return false;
}

/* Stands for core/lazy.c: what is not inside is the whole program's. */
int
lazy_need(struct lazy *l, struct err *err)
{
	if (atomic_load_explicit(&l->loaded, memory_order_relaxed))
		return CR_OK;
	for (size_t i = 0; i < l->n; i++)
		if (!find(l->names[i], (char *)l->calls + i * sizeof(void (*)(void))))
			return hand_over(err);
	atomic_store_explicit(&l->loaded, true, memory_order_relaxed);
	return CR_OK;
}

void
lazy_must(struct lazy *l)
{
	struct err err = {0};
	int rc = lazy_need(l, &err);

	if (rc == CR_OK)
		return;
	log_error("%s", err.text);
	exit(err_exit_code(rc));
}

/* A command that may end here, with nothing in front of it but a configuration, --json or -q: talk would be told twice. */
static bool
may_end_here(char **argv)
{
	static const char *const commands[] = {"check", "release", "version"};
	char **at = argv + 1;

	for (; *at != NULL && **at == '-'; at++) {
		if ((strcmp(*at, "-c") == 0 || strcmp(*at, "--config") == 0) && at[1] != NULL)
			at++;
		else if (strcmp(*at, "--json") != 0 && strcmp(*at, "-q") != 0 && strncmp(*at, "--config=", 9) != 0)
			return false;
	}
	for (size_t i = 0; *at != NULL && i < ARRAY_LEN(commands); i++)
		if (strcmp(*at, commands[i]) == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	struct err err = {0};

	own_argv = argv;
	if (argc < 1 || !may_end_here(argv)) {
		int rc = hand_over(&err);

		log_error("%s", err.text);
		return err_exit_code(rc);
	}
	return program_main(argc, argv);
}
