/*
 * local_compiled.c - the seconds of compiled tables, read and moved.
 *
 * Source: src/util/dict.c of Postfix 3.7, dict_changed_name (st_mtime in whole seconds, or the file unlinked).
 */
#include "provision/mailhosts/local_compiled.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const suffixes[COMPILED_FORMS] = {".db", ".lmdb", ".cdb", ".dbm"};

static bool
is_older(const struct stat *a, const struct stat *b)
{
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
	return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

bool
compiled_is_older(const char *path)
{
	struct stat text, compiled;
	char name[4096];
	int len;

	if (stat(path, &text) != 0)
		return false;
	for (size_t i = 0; i < COMPILED_FORMS; i++) {
		len = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		if (len > 0 && (size_t)len < sizeof(name) && stat(name, &compiled) == 0 && !is_older(&compiled, &text))
			return false;
	}
	return true;
}

struct compiled
compiled_when(const char *path)
{
	struct compiled when = {0};
	struct stat st;
	char name[4096];

	for (size_t i = 0; i < COMPILED_FORMS; i++) {
		int len = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);

		if (len > 0 && (size_t)len < sizeof(name) && stat(name, &st) == 0)
			when.at[i] = st.st_mtim.tv_sec;
	}
	return when;
}

static int
set_second(const char *path, size_t form, time_t at, struct err *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = at}};
	char name[4096];

	(void)snprintf(name, sizeof(name), "%s%s", path, suffixes[form]);
	return utimensat(AT_FDCWD, name, times, 0) == 0 ? CR_OK : err_errno(err, CR_EIO, errno, name);
}

int
compiled_step_back(const char *path, const struct compiled *before, struct err *err)
{
	const time_t now = time(NULL);
	int rc = CR_OK;

	for (size_t i = 0; i < COMPILED_FORMS && rc == CR_OK; i++)
		if (before->at[i] >= now)
			rc = set_second(path, i, now - 1, err);
	return rc;
}

int
compiled_move_on(const char *path, const struct compiled *before, struct err *err)
{
	const struct compiled now = compiled_when(path);
	int rc = CR_OK;

	for (size_t i = 0; i < COMPILED_FORMS && rc == CR_OK; i++)
		if (now.at[i] != 0 && now.at[i] <= before->at[i])
			rc = set_second(path, i, before->at[i] + 1, err);
	return rc;
}
