/*
 * front.c - the small door: what a mail system runs once a send, linked statically, with the whole program behind it.
 *
 * A dynamic start, with the libraries that a check loads, costs more than the question itself.  This is main.c and the rooms linked
 * without any shared object; what a check needs is inside.  Every other command, and a check whose store is on a server, is handed over:
 * the process becomes the whole program, which begins anew, before anything was done.  So there is one implementation of everything, and
 * two ways to link it.
 *
 * Source: execve(2); ARCHITECTURE.md, "What a start costs".
 */
#include <errno.h>
#include <idn2.h>
#include <libconfig.h>
#include <libpsl.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
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

/* What a check of one's own store needs.  A call that is missing here costs the hand-over, and tests/e2e/front.sh sees it. */
#define INSIDE(function)                                                                                               \
	{                                                                                                              \
#function, (void (*)(void))(function)                                                                  \
	}
/* clang-format off */
static const struct {
	const char *name;
	void (*function)(void);
} inside[] = {
	INSIDE(config_destroy), INSIDE(config_init), INSIDE(config_read_string),
	INSIDE(config_set_include_dir), INSIDE(config_setting_get_bool),
	INSIDE(config_setting_get_elem), INSIDE(config_setting_get_int64),
	INSIDE(config_setting_get_member), INSIDE(config_setting_get_string),
	INSIDE(config_setting_length),
	INSIDE(crypto_generichash), INSIDE(crypto_generichash_final),
	INSIDE(crypto_generichash_init), INSIDE(crypto_generichash_update),
	INSIDE(crypto_shorthash), INSIDE(crypto_secretbox_easy),
	INSIDE(crypto_secretbox_open_easy), INSIDE(randombytes_buf), INSIDE(sodium_base642bin),
	INSIDE(sodium_bin2base64), INSIDE(sodium_bin2hex), INSIDE(sodium_free),
	INSIDE(sodium_init), INSIDE(sodium_malloc), INSIDE(sodium_mprotect_readonly),
	INSIDE(sqlite3_bind_blob64), INSIDE(sqlite3_bind_int64), INSIDE(sqlite3_bind_null),
	INSIDE(sqlite3_bind_parameter_count), INSIDE(sqlite3_bind_parameter_name),
	INSIDE(sqlite3_bind_text64), INSIDE(sqlite3_busy_timeout), INSIDE(sqlite3_changes64),
	INSIDE(sqlite3_clear_bindings), INSIDE(sqlite3_close), INSIDE(sqlite3_column_blob),
	INSIDE(sqlite3_column_bytes), INSIDE(sqlite3_column_int64), INSIDE(sqlite3_column_text),
	INSIDE(sqlite3_column_type), INSIDE(sqlite3_config),
	INSIDE(sqlite3_create_module), INSIDE(sqlite3_db_config), INSIDE(sqlite3_declare_vtab), INSIDE(sqlite3_db_readonly), INSIDE(sqlite3_errmsg),
	INSIDE(sqlite3_errstr), INSIDE(sqlite3_exec), INSIDE(sqlite3_extended_errcode),
	INSIDE(sqlite3_extended_result_codes), INSIDE(sqlite3_file_control), INSIDE(sqlite3_finalize),
	INSIDE(sqlite3_get_autocommit), INSIDE(sqlite3_libversion), INSIDE(sqlite3_open_v2),
	INSIDE(sqlite3_prepare_v2), INSIDE(sqlite3_prepare_v3), INSIDE(sqlite3_reset),
	INSIDE(sqlite3_result_blob64), INSIDE(sqlite3_result_int64), INSIDE(sqlite3_result_text64),
	INSIDE(sqlite3_sql), INSIDE(sqlite3_step), INSIDE(sqlite3_stmt_readonly),
	INSIDE(sqlite3_vfs_find), INSIDE(sqlite3_vfs_register), INSIDE(sqlite3_wal_checkpoint_v2),
	INSIDE(sqlite3_wal_hook),
	INSIDE(idn2_free), INSIDE(idn2_lookup_u8), INSIDE(idn2_strerror),
	INSIDE(idn2_to_unicode_8z8z),
	INSIDE(psl_builtin), INSIDE(psl_latest), INSIDE(psl_registrable_domain),
};
/* clang-format on */

static char **own_argv;

/* The audit log, which a check does not write, asks for names; libc's own would want shared objects. */
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

/* From where the last one was found: both lists are sorted, more or less. */
static bool
find(const char *name, void *slot)
{
	static size_t next;

	for (size_t i = 0; i < ARRAY_LEN(inside); i++, next++) {
		const size_t at = next % ARRAY_LEN(inside);

		if (strcmp(inside[at].name, name) == 0) {
			memcpy(slot, &inside[at].function, sizeof(inside[at].function));
			return true;
		}
	}
	return false;
}

/* Stands for core/lazy.c: what is not inside is the whole program's, and is asked for before a store is open. */
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
