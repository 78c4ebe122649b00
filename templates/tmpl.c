/*
 * tmpl.c - template files read and checked: every mistake that does not need a domain is found here, before anything is planned.
 *
 * The form is that of Domain Connect templates 2.3 (sections "Template Definition" and "Template Record"), so that a template written
 * for a DNS provider can be used as it is.  Members nobody here knows are ignored; a record type nobody here knows is refused, because
 * a record set with a hole in it is worse than none.
 */
#include "templates/tmpl.h"

#include <assert.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/json.h"
#include "core/num.h"
#include "templates/tmpl_row.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define RECORDS_MAX    256
#define FIELD_TEXT_MAX 4096
#define NAME_MAX_BYTES 63
#define PATH_BYTES_MAX 4096
#define SUFFIX         ".json"
#define BUILTINS_MAX   16

static const struct field {
	const char *name;
	const char *also; /* another spelling in the wild; NULL: none */
	int64_t max;      /* of a number; 0: text */
} fields[] = {
	[FIELD_HOST] = {"host",                      "name", 0             }, /* "name" in SRV records */
	[FIELD_POINTS_TO] = {"pointsTo",                  NULL,   0             },
	[FIELD_DATA] = {"data",                      NULL,   0             },
	[FIELD_TTL] = {"ttl",                       NULL,   RECORD_TTL_MAX},
	[FIELD_PRIORITY] = {"priority",                  NULL,   UINT16_MAX    },
	[FIELD_WEIGHT] = {"weight",                    NULL,   UINT16_MAX    },
	[FIELD_PORT] = {"port",                      NULL,   UINT16_MAX    },
	[FIELD_PROTOCOL] = {"protocol",                  NULL,   0             },
	[FIELD_SERVICE] = {"service",                   NULL,   0             },
	[FIELD_TARGET] = {"target",                    NULL,   0             },
	[FIELD_SPF_RULES] = {"spfRules",                  NULL,   0             },
	[FIELD_GROUP] = {"groupId",                   NULL,   0             },
	[FIELD_ESSENTIAL] = {"essential",                 NULL,   0             },
	[FIELD_MODE] = {"txtConflictMatchingMode",   NULL,   0             },
	[FIELD_PREFIX] = {"txtConflictMatchingPrefix", NULL,   0             },
};
static_assert(ARRAY_LEN(fields) == FIELD__COUNT, "a name for each field");

/* Fields whose text is decided by the file alone. */
#define FIXED (FIELD_BIT(FIELD_GROUP) | FIELD_BIT(FIELD_ESSENTIAL) | FIELD_BIT(FIELD_MODE))

#define HOST   FIELD_BIT(FIELD_HOST)
#define POINTS FIELD_BIT(FIELD_POINTS_TO)
#define DATA   FIELD_BIT(FIELD_DATA)
#define SERVICE                                                                                                        \
	(FIELD_BIT(FIELD_SERVICE) | FIELD_BIT(FIELD_PROTOCOL) | FIELD_BIT(FIELD_TARGET) | FIELD_BIT(FIELD_PORT) |      \
	 FIELD_BIT(FIELD_WEIGHT) | FIELD_BIT(FIELD_PRIORITY))
static const struct tmpl_type types[] = {
	{"A",     RECORD_A,     HOST | POINTS,                             false},
	{"AAAA",  RECORD_AAAA,  HOST | POINTS,                             false},
	{"CNAME", RECORD_CNAME, HOST | POINTS,                             false},
	{"MX",    RECORD_MX,    HOST | POINTS | FIELD_BIT(FIELD_PRIORITY), false},
	{"TXT",   RECORD_TXT,   HOST | DATA,                               false},
	{"NS",    RECORD_NS,    HOST | POINTS,                             false},
	{"SRV",   RECORD_SRV,   HOST | SERVICE,                            false},
	{"CAA",   RECORD_CAA,   HOST | DATA,                               false},
	{"TLSA",  RECORD_TLSA,  HOST | DATA,                               false},
	{"SPFM",  RECORD_TXT,   HOST | FIELD_BIT(FIELD_SPF_RULES),         true },
};

static const struct mode {
	const char *name;
	enum tmpl_conflict conflict;
} modes[] = {
	{"None",   TMPL_CONFLICT_NONE  },
	{"All",    TMPL_CONFLICT_ALL   },
	{"Prefix", TMPL_CONFLICT_PREFIX},
};

const char *
tmpl_field_name(enum tmpl_field f)
{
	return fields[f].name;
}

int64_t
tmpl_field_max(enum tmpl_field f)
{
	return fields[f].max;
}

/* What went wrong in a file of the operator is his configuration; memory is not. */
static int
as_config(int rc, struct err *err)
{
	if (rc == CR_ENOMEM)
		return rc;
	if (err != NULL)
		err->code = CR_ECONFIG;
	return CR_ECONFIG;
}

int
tmpl_fault(const struct tmpl *t, size_t row, enum tmpl_field f, int rc, struct err *err)
{
	(void)err_wrap(err, "%s: records[%zu].%s", t->file, row, fields[f].name);
	return as_config(rc, err);
}

static int
field_error(const struct tmpl *t, size_t row, enum tmpl_field f, const char *why, const char *text, struct err *err)
{
	return tmpl_fault(t, row, f, err_set(err, CR_ECONFIG, "%s '%s'", why, text), err);
}

void
tmpl_drop(struct tmpl **t)
{
	struct tmpl *gone = TAKE(*t);

	if (gone == NULL || gone->kept)
		return;
	for (size_t i = 0; i < gone->n; i++) {
		for (size_t f = 0; f < FIELD__COUNT; f++)
			free(gone->rows[i].field[f]);
	}
	for (size_t i = 0; i < gone->n_variables; i++)
		free(gone->variables[i]);
	free(gone->variables);
	free(gone->rows);
	free(gone->file);
	free(gone);
}

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '.';
}

const char *
tmpl_next_variable(const char *s, size_t *name_len_out)
{
	const char *sign = strchr(s, '%');
	size_t len = 0;

	if (sign == NULL)
		return NULL;
	while (is_word_byte(sign[1 + len]) && len <= NAME_MAX_BYTES)
		len++;
	*name_len_out = len <= NAME_MAX_BYTES && sign[1 + len] == '%' ? len : 0;
	return sign;
}

/* Where name is in the sorted list, or would be. */
static size_t
variable_place(const struct tmpl *t, const char *name, size_t len, bool *there_out)
{
	for (size_t i = 0; i < t->n_variables; i++) {
		int order = strncmp(t->variables[i], name, len);

		if (order == 0 && t->variables[i][len] != '\0')
			order = 1;
		if (order >= 0) {
			*there_out = order == 0;
			return i;
		}
	}
	*there_out = false;
	return t->n_variables;
}

static int
note_variable(struct tmpl *t, const char *name, size_t len, struct err *err)
{
	bool there;
	size_t at = variable_place(t, name, len, &there);
	char **grown, *copy;

	if (there)
		return CR_OK;
	grown = reallocarray(t->variables, t->n_variables + 2, sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "template variables");
	t->variables = grown;
	copy = strndup(name, len);
	if (copy == NULL)
		return err_nomem(err, "template variable");
	memmove(&grown[at + 1], &grown[at], (t->n_variables - at) * sizeof(*grown));
	grown[at] = copy;
	grown[++t->n_variables] = NULL;
	return CR_OK;
}

/* A text is free of stray '%', a number that holds no variable is one. */
static int
check_field(struct tmpl *t, size_t row, enum tmpl_field f, struct err *err)
{
	const char *text = t->rows[row].field[f], *at;
	size_t len = 0;
	bool variable = false;
	int64_t n;
	int rc;

	for (at = tmpl_next_variable(text, &len); at != NULL; at = tmpl_next_variable(at + len + 2, &len)) {
		if (len == 0)
			return field_error(t, row, f, "a '%' that starts no %variable% in", text, err);
		if ((FIXED & FIELD_BIT(f)) != 0)
			return field_error(t, row, f, "takes no variable:", text, err);
		variable = true;
		rc = note_variable(t, at + 1, len, err);
		if (rc != CR_OK)
			return rc;
	}
	if (fields[f].max == 0 || variable)
		return CR_OK;
	rc = num_parse(text, 0, fields[f].max, &n, err);
	return rc == CR_OK ? CR_OK : tmpl_fault(t, row, f, rc, err);
}

/* Text, or a number as text: both stand in templates in the wild. */
static int
read_text(const struct json_at *at, char **out, struct err *err)
{
	char number[24];
	const char *s;
	int64_t n;
	int rc;

	if (json_is_string(at)) {
		rc = json_want_string(at, &s, err);
	} else {
		rc = json_want_int(at, 0, RECORD_TTL_MAX, &n, err);
		if (rc == CR_OK) {
			(void)snprintf(number, sizeof(number), "%lld", (long long)n);
			s = number;
		}
	}
	if (rc != CR_OK)
		return rc;
	if (strlen(s) > FIELD_TEXT_MAX)
		return err_set(err, CR_EPARSE, "%s: longer than %d bytes", at->path, FIELD_TEXT_MAX);
	*out = strdup(s);
	return *out != NULL ? CR_OK : err_nomem(err, "template field");
}

static int
read_fields(struct tmpl *t, size_t row, const struct json_at *record, struct err *err)
{
	int rc;

	for (size_t f = 0; f < FIELD__COUNT; f++) {
		struct json_at at = json_get(record, fields[f].name);

		if (json_is_null(&at) && fields[f].also != NULL)
			at = json_get(record, fields[f].also);
		if (json_is_null(&at))
			continue;
		rc = read_text(&at, &t->rows[row].field[f], err);
		if (rc != CR_OK) {
			(void)err_wrap(err, "%s", t->file);
			return as_config(rc, err);
		}
		rc = check_field(t, row, (enum tmpl_field)f, err);
		if (rc != CR_OK)
			return rc;
	}
	return CR_OK;
}

static int
read_type(struct tmpl *t, size_t row, const struct json_at *record, struct err *err)
{
	struct json_at at = json_get(record, "type");
	const char *name;
	int rc = json_want_string(&at, &name, err);

	if (rc != CR_OK) {
		(void)err_wrap(err, "%s", t->file);
		return as_config(rc, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, name) == 0) {
			t->rows[row].type = &types[i];
			return CR_OK;
		}
	}
	return err_set(err, CR_ECONFIG, "%s: records[%zu].type: cannot make '%s' records", t->file, row, name);
}

/* A NULL field is not there: then the first of the two. */
static int
read_essential(struct tmpl *t, size_t row, struct err *err)
{
	const char *text = t->rows[row].field[FIELD_ESSENTIAL];

	t->rows[row].essential = text == NULL || strcmp(text, "Always") == 0;
	if (!t->rows[row].essential && strcmp(text, "OnApply") != 0)
		return field_error(t, row, FIELD_ESSENTIAL, "must be Always or OnApply, not", text, err);
	return CR_OK;
}

static int
read_conflict(struct tmpl *t, size_t row, struct err *err)
{
	struct tmpl_row *r = &t->rows[row];
	const char *text = r->field[FIELD_MODE];

	if (r->type->type != RECORD_TXT || r->type->spf) {
		r->conflict = r->type->spf ? TMPL_CONFLICT_SPF : TMPL_CONFLICT_SAME_SET;
		return CR_OK;
	}
	r->conflict = TMPL_CONFLICT_NONE;
	for (size_t i = 0; text != NULL && i <= ARRAY_LEN(modes); i++) {
		if (i == ARRAY_LEN(modes))
			return field_error(t, row, FIELD_MODE, "must be None, All or Prefix, not", text, err);
		if (strcmp(modes[i].name, text) == 0) {
			r->conflict = modes[i].conflict;
			break;
		}
	}
	if (r->conflict == TMPL_CONFLICT_PREFIX &&
	    (r->field[FIELD_PREFIX] == NULL || r->field[FIELD_PREFIX][0] == '\0'))
		return tmpl_fault(t, row, FIELD_PREFIX, err_set(err, CR_ECONFIG, "missing"), err);
	return CR_OK;
}

static int
read_record(struct tmpl *t, const struct json_at *record, struct err *err)
{
	size_t row = t->n++;
	int rc = json_want_object(record, err);

	if (rc != CR_OK) {
		(void)err_wrap(err, "%s", t->file);
		return as_config(rc, err);
	}
	rc = read_type(t, row, record, err);
	if (rc == CR_OK)
		rc = read_fields(t, row, record, err);
	for (size_t f = 0; rc == CR_OK && f < FIELD__COUNT; f++) {
		if ((t->rows[row].type->required & FIELD_BIT(f)) != 0 && t->rows[row].field[f] == NULL)
			rc = tmpl_fault(t, row, (enum tmpl_field)f, err_set(err, CR_ECONFIG, "missing"), err);
	}
	if (rc == CR_OK)
		rc = read_essential(t, row, err);
	if (rc == CR_OK)
		rc = read_conflict(t, row, err);
	return rc;
}

static int
read_records(struct tmpl *t, const struct json *j, struct err *err)
{
	struct json_at root = json_root(j), records = json_get(&root, "records");
	size_t n = json_count(&records);
	int rc = json_want_array(&records, err);

	if (rc != CR_OK) {
		(void)err_wrap(err, "%s", t->file);
		return as_config(rc, err);
	}
	if (n == 0 || n > RECORDS_MAX)
		return err_set(err, CR_ECONFIG, "%s: records: must be 1 to %d, not %zu", t->file, RECORDS_MAX, n);
	t->rows = calloc(n, sizeof(*t->rows));
	if (t->rows == NULL)
		return err_nomem(err, "template records");
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct json_at record = json_item(&records, i);

		rc = read_record(t, &record, err);
	}
	return rc;
}

int
tmpl_parse(const char *text, size_t len, const char *file, struct tmpl **out, struct err *err)
{
	struct tmpl *t = calloc(1, sizeof(*t));
	struct json *j = NULL;
	int rc;

	if (t == NULL || (t->file = strdup(file)) == NULL ||
	    (t->variables = calloc(1, sizeof(*t->variables))) == NULL) {
		rc = err_nomem(err, "template");
		goto out;
	}
	rc = len <= FILE_MAX_BYTES ? json_parse(text, len, &j, err) : err_set(err, CR_EPARSE, "too long");
	if (rc != CR_OK) {
		(void)err_wrap(err, "%s", file);
		rc = as_config(rc, err);
		goto out;
	}
	rc = read_records(t, j, err);
	if (rc == CR_OK)
		*out = TAKE(t);
out:
	json_drop(&j);
	tmpl_drop(&t);
	return rc;
}

const char *const *
tmpl_variables(const struct tmpl *t)
{
	/* A char ** is no const char *const * in C, though nothing could go wrong. */
	return (const char *const *)t->variables;
}

static bool
is_template_file(const struct dirent *e)
{
	size_t len = strlen(e->d_name), suffix = sizeof(SUFFIX) - 1;

	return e->d_name[0] != '.' && len > suffix && strcmp(e->d_name + len - suffix, SUFFIX) == 0;
}

static int
select_template(const struct dirent *e)
{
	return is_template_file(e) ? 1 : 0;
}

/* "... there are google, local, ..., and in /etc/coldrelay/templates: mine". */
static int
not_found(const char *name, const char *const *dirs, struct err *err)
{
	struct buf names = {.max_bytes = ERR_TEXT_MAX};
	int rc;

	for (size_t i = 0; tmpl_builtin_at(i) != NULL; i++)
		buf_addf(&names, "%s%s", i != 0 ? ", " : "", tmpl_builtin_at(i)->name);
	for (; dirs != NULL && *dirs != NULL; dirs++) {
		struct dirent **entries = NULL;
		int n = scandir(*dirs, &entries, select_template, alphasort);

		for (int i = 0; i < n; i++) {
			if (i == 0)
				buf_addf(&names, "; in %s: ", *dirs);
			buf_addf(&names, "%s%.*s", i != 0 ? ", " : "",
			         (int)(strlen(entries[i]->d_name) - sizeof(SUFFIX) + 1), entries[i]->d_name);
			free(entries[i]);
		}
		free(entries);
	}
	rc = err_set(err, CR_ENOTFOUND, "no template '%s': there are %s", name, buf_str(&names));
	buf_release(&names);
	return rc;
}

static bool
is_template_name(const char *name)
{
	size_t len = 0;

	while (is_word_byte(name[len]))
		len++;
	return len != 0 && name[len] == '\0' && len <= NAME_MAX_BYTES && name[0] != '.';
}

static int
load_file(const char *dir, const char *name, struct tmpl **out, struct err *err)
{
	struct buf text = {0}, path = {.max_bytes = PATH_BYTES_MAX};
	int rc;

	buf_addf(&path, "%s/%s%s", dir, name, SUFFIX);
	rc = buf_check(&path, "template path", err);
	if (rc == CR_OK)
		rc = file_read(buf_str(&path), FILE_MAX_BYTES, &text, err);
	if (rc == CR_OK)
		rc = tmpl_parse(buf_str(&text), text.len, buf_str(&path), out, err);
	else if (rc == CR_EPARSE)
		rc = as_config(rc, err);
	buf_release(&text);
	buf_release(&path);
	return rc;
}

/* A built-in one is read once: a run over a thousand domains fills the same one a thousand times. */
static int
load_builtin(const struct tmpl_builtin *b, struct tmpl **out, struct err *err)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static struct tmpl *kept[BUILTINS_MAX];
	const size_t i = (size_t)(b - tmpl_builtin_at(0));
	char file[NAME_MAX_BYTES + 16];
	int rc = CR_OK;

	assert(i < ARRAY_LEN(kept));
	(void)snprintf(file, sizeof(file), "%s" SUFFIX, b->name);
	(void)pthread_mutex_lock(&mutex);
	if (kept[i] == NULL) {
		rc = tmpl_parse(b->text, (size_t)(b->end - b->text), file, &kept[i], err);
		if (rc == CR_OK)
			kept[i]->kept = true;
	}
	if (rc == CR_OK)
		*out = kept[i];
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

int
tmpl_load(const char *name, const char *const *dirs, struct tmpl **out, struct err *err)
{
	const struct tmpl_builtin *b;
	int rc;

	/* The name comes from the configuration and becomes part of a path. */
	if (!is_template_name(name))
		return not_found(name, dirs, err);
	for (size_t i = 0; dirs != NULL && dirs[i] != NULL; i++) {
		rc = load_file(dirs[i], name, out, err);
		if (rc != CR_ENOTFOUND)
			return rc;
	}
	b = tmpl_builtin_find(name);
	if (b == NULL)
		return not_found(name, dirs, err);
	return load_builtin(b, out, err);
}
