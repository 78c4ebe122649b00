/*
 * cfg.c - libconfig behind a door: open, findings, and filling a struct by rows.
 *
 * Source: libconfig 1.5 manual.  cfg_scan.c looks at every text first and says what libconfig would pass over.
 * Invariants: every finding is one line and stands in the list once; the value of a secret never stands in it.
 */
#include "core/cfg.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "core/cfg_scan.h"
#include "core/file.h"
#include "core/num.h"
#include "core/opt.h"

#define FINDING_MAX    512
#define FINDINGS_SHOWN 100

struct findings {
	struct buf text;
	size_t n;
};

struct cfg {
	config_t config;
	char *path;
	char *dir;
	struct findings faults;
	struct findings warnings;
};

/* A group is libconfig's own setting under a name of ours; nothing else has this type. */
static const config_setting_t *
setting_of(const struct cfg_group *g)
{
	return (const config_setting_t *)(const void *)g;
}

static const struct cfg_group *
group_of(const config_setting_t *s)
{
	return (const struct cfg_group *)(const void *)s;
}

static const config_setting_t *
member(const struct cfg_group *g, const char *key)
{
	/* Reads only; the missing const is an oversight of libconfig 1.5, mended in 1.6. */
	return g != NULL ? config_setting_get_member((config_setting_t *)(uintptr_t)g, key) : NULL;
}

static const config_setting_t *
element(const config_setting_t *s, size_t index)
{
	return config_setting_get_elem((config_setting_t *)(uintptr_t)s, (unsigned)index);
}

static size_t
length(const config_setting_t *s)
{
	int n = config_setting_length(s);

	return n > 0 ? (size_t)n : 0;
}

/* libconfig writes strings as char *, reads them as const char *, and its getters lack const too. */
static const char *
text_of(const config_setting_t *s)
{
	const char *text = config_setting_get_string((config_setting_t *)(uintptr_t)s);

	return text != NULL ? text : "";
}

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

static void PRINTF_LIKE(3, 4) fault(struct cfg *c, const config_setting_t *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(c, &c->faults, s, fmt, ap);
	va_end(ap);
}

static void PRINTF_LIKE(3, 4) warning(struct cfg *c, const config_setting_t *s, const char *fmt, ...)
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
	struct cfg *c = calloc(1, sizeof(*c));
	int rc;

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

const struct cfg_group *
cfg_sub(struct cfg *c, const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = member(g, key);

	if (s == NULL)
		return NULL;
	if (config_setting_is_group(s))
		return group_of(s);
	fault(c, s, "%s: must be a group: %s: { ... }", key, key);
	return NULL;
}

/* The list of groups at key, or NULL. */
static const config_setting_t *
list_of(struct cfg *c, const struct cfg_group *g, const char *key)
{
	const config_setting_t *s = member(g, key);

	if (s == NULL || config_setting_is_list(s))
		return s;
	fault(c, s, "%s: must be a list of groups: %s = ( { ... }, { ... } )", key, key);
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
	fault(c, e, "%s: entry %zu must be a group: { ... }", key, index + 1);
	return NULL;
}

/* ---- values ---- */

static void *
field(const struct cfg_row *r, void *target)
{
	return (char *)target + r->offset;
}

static bool
has_limits(const struct cfg_row *r)
{
	return r->min != 0 || r->max != 0;
}

static bool
is_text(enum cfg_type type)
{
	return type == CFG_TEXT || type == CFG_SECRET || type == CFG_PATH || type == CFG_NAME;
}

void
cfg_list_release(struct cfg_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct cfg_list){0};
}

static int
list_add(struct cfg_list *l, const char *text, size_t len, struct err *err)
{
	char **items = reallocarray(l->items, l->n + 1, sizeof(*items));

	if (items == NULL)
		return err_nomem(err, "a list");
	l->items = items;
	items[l->n] = strndup(text, len);
	if (items[l->n] == NULL)
		return err_nomem(err, "a list");
	l->n++;
	return CR_OK;
}

/* A text as it is stored: the path in a CFG_PATH or a file: reference made to start from the configuration's directory. */
static int
make_text(const struct cfg *c, const struct cfg_row *r, const char *text, char **out, struct err *err)
{
	const char *prefix = r->type == CFG_SECRET && strncmp(text, "file:", 5) == 0 ? "file:" : "";
	const char *path = text + strlen(prefix);
	bool relative = (r->type == CFG_PATH || *prefix != '\0') && *path != '/' && *path != '\0';

	if (!relative)
		*out = strdup(text);
	else if (asprintf(out, "%s%s/%s", prefix, c->dir, path) < 0)
		*out = NULL;
	return *out != NULL ? CR_OK : err_nomem(err, r->key);
}

static void
release_field(const struct cfg_row *r, void *target)
{
	if ((r->flags & CFG_GROUP_KEY) != 0)
		return;
	if (is_text(r->type)) {
		char **text = field(r, target);

		free(*text);
		*text = NULL;
	} else if (r->type == CFG_LIST) {
		cfg_list_release(field(r, target));
	}
}

void
cfg_release_group(const struct cfg_row *rows, size_t n_rows, void *target)
{
	for (size_t i = 0; i < n_rows; i++)
		release_field(&rows[i], target);
}

static void
clear_field(const struct cfg_row *r, void *target)
{
	if ((r->flags & CFG_GROUP_KEY) != 0)
		return;
	if (is_text(r->type))
		*(char **)field(r, target) = NULL;
	else if (r->type == CFG_LIST)
		*(struct cfg_list *)field(r, target) = (struct cfg_list){0};
	else if (r->type == CFG_BOOL)
		*(bool *)field(r, target) = false;
	else
		*(int64_t *)field(r, target) = 0;
}

/* Defaults are the program's own words: one that cannot be read is a bug, and a test over all rows finds it. */
static int
set_default(const struct cfg *c, const struct cfg_row *r, void *target, struct err *err)
{
	int rc = CR_OK;

	if (r->absent == NULL || (r->flags & CFG_GROUP_KEY) != 0)
		return CR_OK;
	if (is_text(r->type))
		return make_text(c, r, r->absent, field(r, target), err);
	if (r->type == CFG_BOOL) {
		*(bool *)field(r, target) = strcmp(r->absent, "true") == 0;
	} else if (r->type == CFG_INT) {
		rc = num_parse(r->absent, INT64_MIN, INT64_MAX, field(r, target), err);
		assert(rc == CR_OK);
	} else if (r->type == CFG_DURATION) {
		rc = num_parse_duration(r->absent, field(r, target), err);
		assert(rc == CR_OK);
	} else {
		for (const char *p = r->absent + strspn(r->absent, " "); rc == CR_OK && *p != '\0';
		     p += strspn(p, " ")) {
			size_t len = strcspn(p, " ");

			rc = list_add(field(r, target), p, len, err);
			p += len;
		}
	}
	return rc;
}

static bool
is_number(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_INT || config_setting_type(s) == CONFIG_TYPE_INT64;
}

static void
read_int(struct cfg *c, const struct cfg_row *r, const config_setting_t *s, void *target)
{
	int64_t v = config_setting_get_int64(s);

	if (!is_number(s))
		fault(c, s, "%s: must be a whole number%s", r->key,
		      config_setting_type(s) == CONFIG_TYPE_STRING ? ", without quotes" : "");
	else if (has_limits(r) && (v < r->min || v > r->max))
		fault(c, s, "%s: must be %lld to %lld%s%s, not %lld", r->key, (long long)r->min, (long long)r->max,
		      r->unit != NULL ? " " : "", r->unit != NULL ? r->unit : "", (long long)v);
	else
		*(int64_t *)field(r, target) = v;
}

static void
read_duration(struct cfg *c, const struct cfg_row *r, const config_setting_t *s, void *target)
{
	char min[24], max[24], have[24];
	struct err err = {0};
	int64_t v = 0;

	if (is_number(s))
		(void)snprintf(have, sizeof(have), "%lld", (long long)config_setting_get_int64(s));
	else if (config_setting_type(s) == CONFIG_TYPE_STRING && strlen(text_of(s)) < sizeof(have))
		(void)snprintf(have, sizeof(have), "%s", text_of(s));
	else {
		fault(c, s, "%s: must be a duration such as \"45m\", \"24h\" or \"14d\"", r->key);
		return;
	}
	if (num_parse_duration(have, &v, &err) != CR_OK) {
		fault(c, s, "%s: %s", r->key, err.text);
	} else if (has_limits(r) && (v < r->min || v > r->max)) {
		num_format_duration(r->min, min, sizeof(min));
		num_format_duration(r->max, max, sizeof(max));
		fault(c, s, "%s: must be %s to %s, not '%s'", r->key, min, max, have);
	} else {
		*(int64_t *)field(r, target) = v;
	}
}

static void
read_bool(struct cfg *c, const struct cfg_row *r, const config_setting_t *s, void *target)
{
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*(bool *)field(r, target) = config_setting_get_bool(s) != 0;
	else
		fault(c, s, "%s: must be true or false, without quotes", r->key);
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static bool
is_reference(const char *text)
{
	return (strncmp(text, "env:", 4) == 0 && text[4] != '\0') ||
	       (strncmp(text, "file:", 5) == 0 && text[5] != '\0');
}

/* May this text be taken?  Findings about a secret do not repeat it. */
static bool
check_text(struct cfg *c, const struct cfg_row *r, const config_setting_t *s)
{
	const char *text = text_of(s);
	int64_t len = (int64_t)strlen(text);

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		fault(c, s, "%s: must be a text in quotes", r->key);
	else if (len == 0 && r->type != CFG_TEXT)
		fault(c, s, "%s: empty", r->key);
	else if (r->type != CFG_TEXT && has_control(text))
		fault(c, s, "%s: control character in it", r->key);
	else if (has_limits(r) && (len < r->min || len > r->max))
		fault(c, s, "%s: must be %lld to %lld bytes long, not %lld", r->key, (long long)r->min,
		      (long long)r->max, (long long)len);
	else if (r->type == CFG_SECRET && !is_reference(text) && (r->flags & CFG_LITERAL_OK) == 0)
		fault(c, s, "%s: a secret does not stand here itself: write env:NAME or file:PATH", r->key);
	else
		return true;
	return false;
}

static int
read_text(struct cfg *c, const struct cfg_row *r, const config_setting_t *s, void *target, struct err *err)
{
	if (!check_text(c, r, s))
		return CR_OK;
	if (r->type == CFG_SECRET && !is_reference(text_of(s)))
		warning(c, s, "%s: the secret stands in this file; env:NAME or file:PATH keeps it out of back-ups",
		        r->key);
	release_field(r, target);
	return make_text(c, r, text_of(s), field(r, target), err);
}

static int
read_list(struct cfg *c, const struct cfg_row *r, const config_setting_t *s, void *target, struct err *err)
{
	bool single = config_setting_type(s) == CONFIG_TYPE_STRING;
	size_t n = single ? 1 : length(s);
	struct cfg_list list = {0};
	int rc = CR_OK;

	if (!single && !config_setting_is_list(s) && !config_setting_is_array(s)) {
		fault(c, s, "%s: must be a list of texts: [ \"...\", \"...\" ]", r->key);
		return CR_OK;
	}
	if (has_limits(r) && ((int64_t)n < r->min || (int64_t)n > r->max)) {
		fault(c, s, "%s: must have %lld to %lld entries, not %zu", r->key, (long long)r->min, (long long)r->max,
		      n);
		return CR_OK;
	}
	for (size_t i = 0; i < n && rc == CR_OK; i++) {
		const config_setting_t *e = single ? s : element(s, i);

		if (config_setting_type(e) != CONFIG_TYPE_STRING)
			fault(c, e, "%s: entry %zu must be a text in quotes", r->key, i + 1);
		else if (*text_of(e) == '\0' || has_control(text_of(e)))
			fault(c, e, "%s: entry %zu is empty or has a control character in it", r->key, i + 1);
		else
			rc = list_add(&list, text_of(e), strlen(text_of(e)), err);
	}
	if (rc != CR_OK) {
		cfg_list_release(&list);
		return rc;
	}
	release_field(r, target);
	*(struct cfg_list *)field(r, target) = list;
	return CR_OK;
}

static int
read_value(struct cfg *c, const struct cfg_row *r, const config_setting_t *s, void *target, struct err *err)
{
	switch (r->type) {
	case CFG_TEXT:
	case CFG_SECRET:
	case CFG_PATH:
	case CFG_NAME:
		return read_text(c, r, s, target, err);
	case CFG_LIST:
		return read_list(c, r, s, target, err);
	case CFG_INT:
		read_int(c, r, s, target);
		break;
	case CFG_DURATION:
		read_duration(c, r, s, target);
		break;
	case CFG_BOOL:
		read_bool(c, r, s, target);
		break;
	}
	return CR_OK;
}

static const struct cfg_row *
find_row(const struct cfg_row *rows, size_t n_rows, const char *key)
{
	for (size_t i = 0; i < n_rows; i++)
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

/* The nearer of best and the nearest key of rows. */
static const char *
nearest_key(const char *word, const struct cfg_row *rows, size_t n_rows, const char *best)
{
	for (size_t i = 0; i < n_rows; i++) {
		const char *pair[2] = {best, rows[i].key};

		best = best != NULL ? opt_nearest(word, pair, 2) : opt_nearest(word, &pair[1], 1);
	}
	return best;
}

static void
unknown_key(struct cfg *c, const config_setting_t *s, const struct cfg_row *rows, size_t n_rows,
            const struct cfg_row *more, size_t n_more)
{
	const char *key = config_setting_name(s);
	const char *nearest = nearest_key(key, more, n_more, nearest_key(key, rows, n_rows, NULL));

	if (nearest != NULL)
		fault(c, s, "unknown setting '%s': did you mean %s", key, nearest);
	else
		fault(c, s, "unknown setting '%s'", key);
}

static int
set_defaults(const struct cfg *c, const struct cfg_row *rows, size_t n_rows, void *target, struct err *err)
{
	int rc = CR_OK;

	/* All of them first: a release after a failure half-way must find nothing but its own. */
	for (size_t i = 0; i < n_rows; i++)
		clear_field(&rows[i], target);
	for (size_t i = 0; i < n_rows && rc == CR_OK; i++)
		rc = set_default(c, &rows[i], target, err);
	return rc;
}

int
cfg_read_group(struct cfg *c, const struct cfg_group *g, const char *where, const struct cfg_row *rows, size_t n_rows,
               const struct cfg_row *more, size_t n_more, void *target, struct err *err)
{
	size_t n = g != NULL ? length(setting_of(g)) : 0;
	int rc = set_defaults(c, rows, n_rows, target, err);

	for (size_t i = 0; i < n && rc == CR_OK; i++) {
		const config_setting_t *s = element(setting_of(g), i);
		const struct cfg_row *r = find_row(rows, n_rows, config_setting_name(s));

		if (r != NULL && (r->flags & CFG_GROUP_KEY) == 0)
			rc = read_value(c, r, s, target, err);
		else if (r == NULL && find_row(more, n_more, config_setting_name(s)) == NULL)
			unknown_key(c, s, rows, n_rows, more, n_more);
	}
	for (size_t i = 0; i < n_rows; i++)
		if ((rows[i].flags & CFG_REQUIRED) != 0 && member(g, rows[i].key) == NULL)
			fault(c, setting_of(g), "%s: '%s' is missing", where, rows[i].key);
	if (rc == CR_OK && c->faults.text.failed == CR_ENOMEM)
		rc = err_nomem(err, "the list of findings");
	return rc;
}
