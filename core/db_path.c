/*
 * db_path.c - a file or an address; the password in an address.
 *
 * Source: PostgreSQL 15 manual, 34.1.1 (connection strings), read 2026-11.  Read by hand and not by libpq: who only asks a daemon
 * about its store, or complains about one, need not load it.
 */
#include "core/db_path.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"

static const char *const schemes[] = {"postgresql://", "postgres://", "pg:"};

/* Behind the scheme; NULL: a file. */
static const char *
behind_scheme(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (strncmp(path, schemes[i], strlen(schemes[i])) == 0)
			return path + strlen(schemes[i]);
	return NULL;
}

/* The password itself, from `at` for `len` bytes; what is left out around it is more. */
struct hidden {
	size_t at, len;
};

static bool
is_key(const char *p, const char *start)
{
	static const char *const keys[] = {"password", "sslpassword"};
	bool begins = p == start || strchr("?& \t\n", p[-1]) != NULL;

	for (size_t i = 0; begins && i < ARRAY_LEN(keys); i++) {
		size_t len = strlen(keys[i]);

		if (strncasecmp(p, keys[i], len) == 0 && p[len + strspn(p + len, " \t\n")] == '=')
			return true;
	}
	return false;
}

/* A value of key=value words: in quotes, a backslash before what is meant itself; or up to a blank. */
static size_t
word_value(const char *p)
{
	bool quoted = *p == '\'';
	size_t n = quoted;

	for (; p[n] != '\0'; n++) {
		if (p[n] == '\\' && p[n + 1] != '\0')
			n++;
		else if (quoted ? p[n] == '\'' : isspace((unsigned char)p[n]) != 0)
			return n + quoted;
	}
	return n;
}

/* The next one at or behind from. */
static bool
find_password(const char *path, size_t from, struct hidden *out)
{
	const char *start = behind_scheme(path);
	bool is_uri = start != NULL && start[-1] == '/';
	const char *at;

	if (start == NULL)
		return false;
	if (is_uri && from == 0) {
		/* The last @ before the path: one inside the password should have been %40, and must not be shown either. */
		size_t authority = strcspn(start, "/?");
		const char *end = memrchr(start, '@', authority);
		const char *colon = end != NULL ? memchr(start, ':', (size_t)(end - start)) : NULL;

		/* A slash in the password ends the authority too early: then hide up to the last @ of all. */
		if (end == NULL && (end = strrchr(start, '@')) != NULL)
			colon = memchr(start, ':', (size_t)(end - start));
		if (colon != NULL && colon + 1 < end) {
			*out = (struct hidden){(size_t)(colon + 1 - path), (size_t)(end - colon - 1)};
			return true;
		}
	}
	for (at = path + from < start ? start : path + from; *at != '\0'; at++) {
		if (!is_key(at, start))
			continue;
		at = strchr(at, '=') + 1;
		at += is_uri ? 0 : strspn(at, " \t\n");
		*out = (struct hidden){(size_t)(at - path), is_uri ? strcspn(at, "&") : word_value(at)};
		return true;
	}
	return false;
}

bool
db_path_is_server(const char *path)
{
	return behind_scheme(path) != NULL;
}

bool
db_path_has_password(const char *path)
{
	struct hidden h;

	return find_password(path, 0, &h) && h.len > 0;
}

int
db_path_show(const char *path, char **out, struct err *err)
{
	struct buf b = {0};
	struct hidden h;
	size_t from = 0;

	while (find_password(path, from, &h)) {
		buf_add(&b, path + from, h.at - from);
		buf_adds(&b, "***");
		from = h.at + h.len;
	}
	buf_adds(&b, path + from);
	return buf_take(&b, "store path", out, err);
}
