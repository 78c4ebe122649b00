/*
 * cfg.c - libconfig behind a door: opening, walking, and the list of findings.
 *
 * Source: libconfig 1.5 manual.  cfg_scan.c looks at every text first and says what libconfig would pass over.
 * Invariant: every finding is one line and stands in the list once.
 */
#include "core/cfg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cfg_inside.h"
#include "core/cfg_scan.h"
#include "core/file.h"

LAZY_SHARED_ROW(libconfig, "libconfig.so.9", "libconfig9", CFG_CALLS);

#define FINDING_MAX    512
#define FINDINGS_SHOWN 100

/* ---- findings ---- */

static void
add_position(const struct cfg *c, const config_setting_t *s, char *out, size_t size)
{
	const char *file = s != NULL ? config_setting_source_file(s) : NULL;
	unsigned line = s != NULL ? config_setting_source_line(s) : 0;
	const char *dir = file != NULL && *file != '/' && strcmp(c->dir, ".") != 0 ? c->dir : "";
	const char *slash = *dir != '\0' ? "/" : "";

	if (file == NULL)
		file = c->path;
	if (line > 0)
		(void)snprintf(out, size, "%s%s%s:%u: ", dir, slash, file, line);
	else
		(void)snprintf(out, size, "%s%s%s: ", dir, slash, file);
}

static void __attribute__((format(printf, 4, 0)))
add_finding(struct cfg *c, struct findings *f, const config_setting_t *s, const char *fmt, va_list ap)
{
	char line[FINDING_MAX];
	size_t len;

	add_position(c, s, line, sizeof(line) - 1);
	len = strlen(line);
	(void)vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	len = strlen(line);
	line[len] = '\n';
	line[len + 1] = '\0';
	/* Code that asks twice, as a loop over cfg_count does, reports once. */
	if (strstr(buf_str(&f->text), line) != NULL)
		return;
	f->n++;
	if (f->n <= FINDINGS_SHOWN)
		buf_adds(&f->text, line);
	else if (f->n == FINDINGS_SHOWN + 1)
		buf_addf(&f->text, "%s: more of them, not shown\n", c->path);
}

void
cfg_fault_at(struct cfg *c, const config_setting_t *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(c, &c->faults, s, fmt, ap);
	va_end(ap);
}

void
cfg_warn_at(struct cfg *c, const config_setting_t *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(c, &c->warnings, s, fmt, ap);
	va_end(ap);
}

/* The setting of key, or the group where there is none. */
static const config_setting_t *
where_is(const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = key != NULL ? member(g, key) : NULL;

	return s != NULL ? s : setting_of(g);
}

void
cfg_fault(struct cfg *c, const struct cfg_group *g, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(c, &c->faults, where_is(g, key), fmt, ap);
	va_end(ap);
}

void
cfg_warn(struct cfg *c, const struct cfg_group *g, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(c, &c->warnings, where_is(g, key), fmt, ap);
	va_end(ap);
}

size_t
cfg_fault_count(const struct cfg *c)
{
	return c->faults.n;
}

const char *
cfg_faults(const struct cfg *c)
{
	return buf_str(&c->faults.text);
}

const char *
cfg_warnings(const struct cfg *c)
{
	return buf_str(&c->warnings.text);
}

/* ---- opening ---- */

static int
parse_error(const struct cfg *c, struct err *err)
{
	const char *file = config_error_file(&c->config);
	const char *text = config_error_text(&c->config);

	return err_set(err, CR_ECONFIG, "%s:%d: %s", file != NULL ? file : c->path, config_error_line(&c->config),
	               text != NULL ? text : "syntax error");
}

/* The directory of path: absolute where it exists, so that paths hold after a chdir(2). */
static int
directory_of(const char *path, char **out, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *typed = NULL, *real;

	if (slash == NULL)
		typed = strdup(".");
	else
		typed = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (typed == NULL)
		return err_nomem(err, path);
	real = realpath(typed, NULL);
	if (real != NULL) {
		free(typed);
		typed = real;
	}
	*out = typed;
	return CR_OK;
}

static int
open_bytes(const char *text, size_t len, const char *name, struct cfg **out, struct err *err)
{
	struct cfg *c;
	int rc = lazy_need(&libconfig_lazy, err);

	if (rc != CR_OK)
		return rc;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_nomem(err, name);
	config_init(&c->config);
	c->path = strdup(name);
	if (c->path == NULL) {
		rc = err_nomem(err, name);
		goto out;
	}
	rc = directory_of(name, &c->dir, err);
	if (rc != CR_OK)
		goto out;
	rc = cfg_scan(text, len, name, c->dir, err);
	if (rc != CR_OK)
		goto out;
	config_set_include_dir(&c->config, c->dir);
	if (config_read_string(&c->config, text) != CONFIG_TRUE) {
		rc = parse_error(c, err);
		goto out;
	}
	*out = TAKE(c);
out:
	cfg_drop(&c);
	return rc;
}

int
cfg_open_text(const char *text, const char *name, struct cfg **out, struct err *err)
{
	return open_bytes(text, strlen(text), name, out, err);
}

int
cfg_open(const char *path, struct cfg **out, struct err *err)
{
	struct buf text = {0};
	int rc = file_read(path, CFG_MAX_BYTES, &text, err);

	if (rc == CR_OK)
		rc = open_bytes(buf_str(&text), text.len, path, out, err);
	else if (rc != CR_ENOTFOUND && rc != CR_ENOMEM) {
		/* Unreadable, too long or no file: to the reader all one, the configuration has to be mended. */
		if (err != NULL)
			err->code = CR_ECONFIG;
		rc = CR_ECONFIG;
	}
	buf_release(&text);
	return rc;
}

void
cfg_drop(struct cfg **c)
{
	if (*c == NULL)
		return;
	config_destroy(&(*c)->config);
	buf_release(&(*c)->faults.text);
	buf_release(&(*c)->warnings.text);
	free((*c)->path);
	free((*c)->dir);
	free(*c);
	*c = NULL;
}

const char *
cfg_path(const struct cfg *c)
{
	return c->path;
}

/* ---- walking ---- */

const struct cfg_group *
cfg_root(const struct cfg *c)
{
	return group_of(config_root_setting(&c->config));
}

bool
cfg_has(const struct cfg_group *g, const char *key)
{
	return member(g, key) != NULL;
}

const char *
cfg_peek_text(const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = member(g, key);

	return s != NULL && config_setting_type(s) == CONFIG_TYPE_STRING ? text_of(s) : NULL;
}

const struct cfg_group *
cfg_sub(struct cfg *c, const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = member(g, key);

	if (s == NULL)
		return NULL;
	if (config_setting_is_group(s))
		return group_of(s);
	cfg_fault_at(c, s, "%s: must be a group: %s: { ... }", key, key);
	return NULL;
}

/* The list of groups at key, or NULL. */
static const config_setting_t *
list_of(struct cfg *c, const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = member(g, key);

	if (s == NULL || config_setting_is_list(s))
		return s;
	cfg_fault_at(c, s, "%s: must be a list of groups: %s = ( { ... }, { ... } )", key, key);
	return NULL;
}

size_t
cfg_count(struct cfg *c, const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = list_of(c, g, key);

	return s != NULL ? length(s) : 0;
}

const struct cfg_group *
cfg_item(struct cfg *c, const struct cfg_group *g, const char *key, size_t index)
{
	const config_setting_t *s = list_of(c, g, key);
	const config_setting_t *e = s != NULL && index < length(s) ? element(s, index) : NULL;

	if (e == NULL || config_setting_is_group(e))
		return group_of(e);
	cfg_fault_at(c, e, "%s: entry %zu must be a group: { ... }", key, index + 1);
	return NULL;
}
