/*
 * test_file.c - what file.h promises, in a directory of its own.
 */
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"

static char dir[] = "/tmp/coldrelay-test-file.XXXXXX";

static char *
in_dir(const char *name)
{
	char *path = NULL;

	assert_int_equal(file_join(dir, name, &path, NULL), CR_OK);
	return path;
}

static void
put(const char *path, const char *text, mode_t mode)
{
	struct err err = {0};

	assert_ok(file_replace(path, text, strlen(text), mode, FILE_OWNER_SELF, &err), &err);
}

static void
file__a_replaced_file_is_read_back(void **state)
{
	char *path = in_dir("plain");
	struct buf b = {0};
	struct err err = {0};
	struct stat st;

	(void)state;
	put(path, "old", 0600);
	put(path, "new text", 0640);
	assert_ok(file_read(path, 100, &b, &err), &err);
	assert_string_equal(buf_str(&b), "new text");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777U, 0640);
	buf_release(&b);
	free(path);
}

static void
file__a_failed_replace_leaves_the_old_file_and_no_temporary(void **state)
{
	char *path = in_dir("taken");
	char *inner = in_dir("taken/inner");
	char *tmp = NULL;
	struct err err = {0};

	(void)state;
	/* A directory that is not empty cannot be renamed over. */
	assert_ok(file_make_dirs(inner, 0700, &err), &err);
	assert_int_equal(file_replace(path, "x", 1, 0600, FILE_OWNER_SELF, &err), CR_EIO);
	assert_non_null(strstr(err.text, path));
	for (int i = 0; i < 64; i++) {
		assert_true(asprintf(&tmp, "%s.tmp.%ld.%d", path, (long)getpid(), i) > 0);
		assert_int_equal(access(tmp, F_OK), -1);
		free(tmp);
	}
	assert_int_equal(access(inner, F_OK), 0);
	free(inner);
	free(path);
}

static void
file__create_never_overwrites(void **state)
{
	char *path = in_dir("first");
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	assert_ok(file_create(path, "one", 3, 0600, FILE_OWNER_SELF, &err), &err);
	assert_int_equal(file_create(path, "two", 3, 0600, FILE_OWNER_SELF, &err), CR_ECONFLICT);
	assert_ok(file_read(path, 100, &b, &err), &err);
	assert_string_equal(buf_str(&b), "one");
	buf_release(&b);
	free(path);
}

static void
file__a_file_over_the_ceiling_is_refused_and_adds_nothing(void **state)
{
	char *path = in_dir("long");
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	put(path, "12345", 0600);
	buf_adds(&b, "kept");
	assert_int_equal(file_read(path, 4, &b, &err), CR_EPARSE);
	assert_string_equal(buf_str(&b), "kept");
	assert_ok(file_read(path, 5, &b, &err), &err);
	assert_string_equal(buf_str(&b), "kept12345");
	buf_release(&b);
	free(path);
}

static void
file__what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	char *path = in_dir("fifo");
	struct buf b = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, 10, &b, &err), CR_EIO);
	assert_int_equal(file_read(dir, 10, &b, &err), CR_EIO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_read(path, 10, &b, &err), CR_ENOTFOUND);
	free(path);
}

static void
file__sweep_removes_only_what_dead_processes_left(void **state)
{
	char *path = in_dir("swept");
	char *dead = NULL, *ours = NULL, *foreign = in_dir("swept.tmp.notes");
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(asprintf(&dead, "%s.tmp.%ld.0", path, (long)child) > 0);
	assert_true(asprintf(&ours, "%s.tmp.%ld.9999", path, (long)getpid()) > 0);
	put(dead, "", 0600);
	put(ours, "", 0600);
	put(foreign, "", 0600);
	file_sweep(path);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(ours, F_OK), 0);
	assert_int_equal(access(foreign, F_OK), 0);
	free(dead);
	free(ours);
	free(foreign);
	free(path);
}

static void
file__removing_what_is_gone_is_success(void **state)
{
	char *path = in_dir("gone");
	char *nowhere = in_dir("no/such/dir");
	struct err err = {0};

	(void)state;
	put(path, "", 0600);
	assert_ok(file_remove(path, &err), &err);
	assert_ok(file_remove(path, &err), &err);
	assert_ok(file_remove(nowhere, &err), &err);
	assert_int_equal(file_remove(dir, &err), CR_EIO);
	free(nowhere);
	free(path);
}

static void
file__directories_are_made_once_and_never_through_a_file(void **state)
{
	char *path = in_dir("a//b/c/");
	char *file = in_dir("a/file");
	char *below = in_dir("a/file/d");
	struct err err = {0};
	struct stat st;

	(void)state;
	assert_ok(file_make_dirs(path, 0700, &err), &err);
	assert_ok(file_make_dirs(path, 0700, &err), &err);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777U, 0700);
	put(file, "", 0600);
	assert_int_equal(file_make_dirs(file, 0700, &err), CR_EIO);
	assert_int_equal(file_make_dirs(below, 0700, &err), CR_EIO);
	free(below);
	free(file);
	free(path);
}

static const struct join {
	const char *name;
	const char *dir, *file, *want;
} joins[] = {
	{"a slash is put between",       "/etc",  "x", "/etc/x"},
	{"a slash is not doubled",       "/etc/", "x", "/etc/x"},
	{"the root keeps its one slash", "/",     "x", "/x"    },
};

static void
check_join(void **state)
{
	const struct join *r = *state;
	char *path = NULL;

	assert_int_equal(file_join(r->dir, r->file, &path, NULL), CR_OK);
	assert_string_equal(path, r->want);
	free(path);
}

static const struct private
{
	const char *name;
	mode_t mode;
	uid_t uid; /* added to ours */
	int want_rc;
	const char *want_text;
}
privates[] = {
	{"0600 of ours is private",              S_IFREG | 0600, 0, CR_OK,      NULL            },
	{"0400 of ours is private",              S_IFREG | 0400, 0, CR_OK,      NULL            },
	{"a group bit is not private",           S_IFREG | 0640, 0, CR_ECONFIG, "chmod 600 '/k'"},
	{"a world bit is not private",           S_IFREG | 0604, 0, CR_ECONFIG, "(mode 0604)"   },
	{"a stranger's file is not private",     S_IFREG | 0600, 7, CR_ECONFIG, "owned by user" },
	{"a directory is no place for a secret", S_IFDIR | 0700, 0, CR_ECONFIG, "not a regular" },
};

static void
check_private(void **state)
{
	const struct private *r = *state;
	struct stat st = {.st_mode = r->mode, .st_uid = geteuid() + r->uid};
	struct err err = {0};

	assert_int_equal(file_check_private("/k", &st, &err), r->want_rc);
	if (r->want_text != NULL)
		assert_non_null(strstr(err.text, r->want_text));
}

static void
file__a_local_directory_is_not_on_the_network(void **state)
{
	const char *name = "?";

	(void)state;
	assert_false(file_is_on_network("/proc", &name));
	assert_null(name);
	assert_false(file_is_on_network("/proc/no-such-file", NULL));
}

static int
make_dir(void)
{
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;
	int failed;

	ROWS(tests, n, joins, check_join);
	ROWS(tests, n, privates, check_private);
	TEST(tests, n, file__a_replaced_file_is_read_back);
	TEST(tests, n, file__a_failed_replace_leaves_the_old_file_and_no_temporary);
	TEST(tests, n, file__create_never_overwrites);
	TEST(tests, n, file__a_file_over_the_ceiling_is_refused_and_adds_nothing);
	TEST(tests, n, file__what_is_no_regular_file_is_refused_without_waiting);
	TEST(tests, n, file__sweep_removes_only_what_dead_processes_left);
	TEST(tests, n, file__removing_what_is_gone_is_success);
	TEST(tests, n, file__directories_are_made_once_and_never_through_a_file);
	TEST(tests, n, file__a_local_directory_is_not_on_the_network);
	if (make_dir() < 0)
		return EXIT_FAILURE;
	failed = rows_run("core/file", tests, n);
	return remove_dir() == 0 ? failed : EXIT_FAILURE;
}
