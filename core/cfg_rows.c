/*
 * cfg_rows.c - a struct filled from a group of the configuration, row by row.
 *
 * Invariants: a value that was found faulty leaves the default; the value of a secret never stands in a finding.
 */
#include "core/cfg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cfg_inside.h"
#include "core/db_path.h"
#include "core/num.h"
#include "core/opt.h"

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

	if ((r->flags & CFG_SERVER_OK) != 0 && db_path_is_server(path))
		relative = false;
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
		cfg_fault_at(c, s, "%s: must be a whole number%s", r->key,
		             config_setting_type(s) == CONFIG_TYPE_STRING ? ", without quotes" : "");
	else if (has_limits(r) && (v < r->min || v > r->max))
		cfg_fault_at(c, s, "%s: must be %lld to %lld%s%s, not %lld", r->key, (long long)r->min,
		             (long long)r->max, r->unit != NULL ? " " : "", r->unit != NULL ? r->unit : "",
		             (long long)v);
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
		cfg_fault_at(c, s, "%s: must be a duration such as \"45m\", \"24h\" or \"14d\"", r->key);
		return;
	}
	if (num_parse_duration(have, &v, &err) != CR_OK) {
		cfg_fault_at(c, s, "%s: %s", r->key, err.text);
	} else if (has_limits(r) && (v < r->min || v > r->max)) {
		num_format_duration(r->min, min, sizeof(min));
		num_format_duration(r->max, max, sizeof(max));
		cfg_fault_at(c, s, "%s: must be %s to %s, not '%s'", r->key, min, max, have);
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
		cfg_fault_at(c, s, "%s: must be true or false, without quotes", r->key);
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
		cfg_fault_at(c, s, "%s: must be a text in quotes", r->key);
	else if (len == 0 && r->type != CFG_TEXT)
		cfg_fault_at(c, s, "%s: empty", r->key);
	else if (r->type != CFG_TEXT && has_control(text))
		cfg_fault_at(c, s, "%s: control character in it", r->key);
	else if (has_limits(r) && (len < r->min || len > r->max))
		cfg_fault_at(c, s, "%s: must be %lld to %lld bytes long, not %lld", r->key, (long long)r->min,
		             (long long)r->max, (long long)len);
	else if (r->type == CFG_SECRET && !is_reference(text) && (r->flags & CFG_LITERAL_OK) == 0)
		cfg_fault_at(c, s, "%s: a secret does not stand here itself: write env:NAME or file:PATH", r->key);
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
		cfg_warn_at(c, s, "%s: the secret stands in this file; env:NAME or file:PATH keeps it out of back-ups",
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
		cfg_fault_at(c, s, "%s: must be a list of texts: [ \"...\", \"...\" ]", r->key);
		return CR_OK;
	}
	if (has_limits(r) && ((int64_t)n < r->min || (int64_t)n > r->max)) {
		cfg_fault_at(c, s, "%s: must have %lld to %lld entries, not %zu", r->key, (long long)r->min,
		             (long long)r->max, n);
		return CR_OK;
	}
	for (size_t i = 0; i < n && rc == CR_OK; i++) {
		const config_setting_t *e = single ? s : element(s, i);

		if (config_setting_type(e) != CONFIG_TYPE_STRING)
			cfg_fault_at(c, e, "%s: entry %zu must be a text in quotes", r->key, i + 1);
		else if (*text_of(e) == '\0' || has_control(text_of(e)))
			cfg_fault_at(c, e, "%s: entry %zu is empty or has a control character in it", r->key, i + 1);
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
		cfg_fault_at(c, s, "unknown setting '%s': did you mean %s", key, nearest);
	else
		cfg_fault_at(c, s, "unknown setting '%s'", key);
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
			cfg_fault_at(c, setting_of(g), "%s: '%s' is missing", where, rows[i].key);
	if (rc == CR_OK && c->faults.text.failed == CR_ENOMEM)
		rc = err_nomem(err, "the list of findings");
	return rc;
}
