/*
 * json.c - cJSON behind a door: a checked parse, and reading with the way to every value.
 *
 * Sources: RFC 8259; cJSON 1.7.15 (cJSON.c), the oldest version built against.
 * Invariants: json_scan.c has seen every text first, so depth is bounded and no string holds a NUL; numbers are only
 * given out where a double holds them exactly.
 */
#include "core/json.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/lazy.h"

#define CALLS(X) X(cJSON_Delete) X(cJSON_GetObjectItemCaseSensitive) X(cJSON_ParseWithLengthOpts)
LAZY_LIBRARY(libcjson, "libcjson.so.1", "libcjson1", CALLS);
#define cJSON_Delete                     libcjson.cJSON_Delete
#define cJSON_GetObjectItemCaseSensitive libcjson.cJSON_GetObjectItemCaseSensitive
#define cJSON_ParseWithLengthOpts        libcjson.cJSON_ParseWithLengthOpts

#define INDEX_FROM  16
#define EXACT_LIMIT 9007199254740992.0 /* 2^53: below it every whole number is a double, and no two share one */

struct json {
	cJSON *root;
};

static const cJSON *
node_of(const struct json_at *at)
{
	return at->node;
}

/* What cJSON_IsObject and its like do.  Places of no document ask too, and for those the library need not be there. */
static bool
is_kind(const cJSON *n, int kinds)
{
	return n != NULL && (n->type & 0xff & kinds) != 0;
}

static bool
is_container(const cJSON *n)
{
	return is_kind(n, cJSON_Array | cJSON_Object);
}

/*
 * cJSON keeps elements in a list, and walking it by index is quadratic: minutes for a zone of 100 000 records.  A long
 * list gets a table, hung where only strings have something (valuestring) and freed with the node by cJSON_Delete; its
 * length stands in valueint.  Recursion is bounded by JSON_MAX_DEPTH.
 */
static bool
index_children(cJSON *parent)
{
	size_t n = 0;
	cJSON **table;

	for (cJSON *c = parent->child; c != NULL; c = c->next, n++)
		if (is_container(c) && !index_children(c))
			return false;
	if (n < INDEX_FROM)
		return true;
	table = calloc(n, sizeof(cJSON *));
	if (table == NULL)
		return false;
	parent->valuestring = (char *)table;
	parent->valueint = (int)n;
	n = 0;
	for (cJSON *c = parent->child; c != NULL; c = c->next)
		table[n++] = c;
	return true;
}

static size_t
count_children(const cJSON *parent)
{
	size_t n = 0;

	if (!is_container(parent))
		return 0;
	if (parent->valuestring != NULL)
		return (size_t)parent->valueint;
	for (const cJSON *c = parent->child; c != NULL; c = c->next)
		n++;
	return n;
}

static const cJSON *
child_at(const cJSON *parent, size_t index)
{
	const cJSON *c;

	if (index >= count_children(parent))
		return NULL;
	if (parent->valuestring != NULL)
		return ((cJSON *const *)(const void *)parent->valuestring)[index];
	for (c = parent->child; index > 0; index--)
		c = c->next;
	return c;
}

/* cJSON writes the place of the last failure to a global without a lock, and the provisioning workers are threads. */
static cJSON *
parse_locked(const char *text, size_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	const char *end;
	cJSON *root;

	(void)pthread_mutex_lock(&lock);
	root = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	(void)pthread_mutex_unlock(&lock);
	return root;
}

int
json_parse(const char *text, size_t len, struct json **out, struct err *err)
{
	struct json *j = NULL;
	int rc = json_check(text, len, err);

	if (rc != CR_OK)
		return rc;
	if (len >= strlen(JSON_BOM) && memcmp(text, JSON_BOM, strlen(JSON_BOM)) == 0) {
		text += strlen(JSON_BOM);
		len -= strlen(JSON_BOM);
	}
	rc = lazy_need(&libcjson_lazy, err);
	if (rc != CR_OK)
		return rc;
	j = calloc(1, sizeof(*j));
	if (j == NULL) {
		rc = err_nomem(err, "JSON");
		goto out;
	}
	j->root = parse_locked(text, len);
	if (j->root == NULL || !index_children(j->root)) {
		rc = err_nomem(err, "JSON");
		goto out;
	}
	*out = TAKE(j);
out:
	json_drop(&j);
	return rc;
}

void
json_drop(struct json **j)
{
	if (*j == NULL)
		return;
	cJSON_Delete((*j)->root);
	free(*j);
	*j = NULL;
}

struct json_at
json_root(const struct json *j)
{
	return (struct json_at){.node = j->root};
}

/* The way to a place below parent.  Of one that is too long the end is kept: it is the end that tells places apart. */
static void
set_path(struct json_at *at, const char *parent, const char *between, const char *last)
{
	int need = snprintf(at->path, sizeof(at->path), "%s%s%s", parent, between, last);
	char whole[2 * JSON_PATH_MAX];

	if (need < (int)sizeof(at->path))
		return;
	(void)snprintf(whole, sizeof(whole), "%s%s%.*s", parent, between, JSON_PATH_MAX - 1, last);
	(void)snprintf(at->path, sizeof(at->path), "...%s", whole + strlen(whole) - (sizeof(at->path) - 4));
}

struct json_at
json_get(const struct json_at *parent, const char *key)
{
	struct json_at at = {0};
	const cJSON *n = node_of(parent);

	if (is_kind(n, cJSON_Object))
		at.node = cJSON_GetObjectItemCaseSensitive(n, key);
	set_path(&at, parent->path, parent->path[0] != '\0' ? "." : "", key);
	return at;
}

struct json_at
json_item(const struct json_at *array, size_t index)
{
	struct json_at at = {0};
	const cJSON *n = node_of(array);
	char place[32];

	if (is_kind(n, cJSON_Array))
		at.node = child_at(n, index);
	(void)snprintf(place, sizeof(place), "[%zu]", index);
	set_path(&at, array->path, "", place);
	return at;
}

size_t
json_count(const struct json_at *at)
{
	return count_children(node_of(at));
}

struct json_at
json_member(const struct json_at *object, size_t index, const char **key_out)
{
	struct json_at at = {0};
	const cJSON *n = node_of(object);
	const cJSON *child = is_kind(n, cJSON_Object) ? child_at(n, index) : NULL;

	*key_out = child != NULL ? child->string : "";
	at.node = child;
	set_path(&at, object->path, object->path[0] != '\0' ? "." : "", *key_out);
	return at;
}

bool
json_is_object(const struct json_at *at)
{
	return is_kind(node_of(at), cJSON_Object);
}

bool
json_is_array(const struct json_at *at)
{
	return is_kind(node_of(at), cJSON_Array);
}

bool
json_is_string(const struct json_at *at)
{
	return is_kind(node_of(at), cJSON_String);
}

bool
json_is_null(const struct json_at *at)
{
	return at->node == NULL || is_kind(node_of(at), cJSON_NULL);
}

static int
mismatch(const struct json_at *at, const char *what, struct err *err)
{
	return err_set(err, CR_EPARSE, "%s: %s", at->path[0] != '\0' ? at->path : "document",
	               at->node == NULL ? "missing" : what);
}

int
json_want_object(const struct json_at *at, struct err *err)
{
	return json_is_object(at) ? CR_OK : mismatch(at, "not an object", err);
}

int
json_want_array(const struct json_at *at, struct err *err)
{
	return json_is_array(at) ? CR_OK : mismatch(at, "not an array", err);
}

int
json_want_string(const struct json_at *at, const char **out, struct err *err)
{
	if (!json_is_string(at))
		return mismatch(at, "not a string", err);
	*out = node_of(at)->valuestring;
	return CR_OK;
}

int
json_want_int(const struct json_at *at, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	double d;

	if (!is_kind(node_of(at), cJSON_Number))
		return mismatch(at, "not a number", err);
	d = node_of(at)->valuedouble;
	if (d <= -EXACT_LIMIT || d >= EXACT_LIMIT || d != (double)(int64_t)d)
		return mismatch(at, "not a whole number below 2^53", err);
	if ((int64_t)d < min || (int64_t)d > max)
		return err_set(err, CR_EPARSE, "%s: must be %lld to %lld, not %.0f",
		               at->path[0] != '\0' ? at->path : "document", (long long)min, (long long)max, d);
	*out = (int64_t)d;
	return CR_OK;
}

int
json_want_bool(const struct json_at *at, bool *out, struct err *err)
{
	if (!is_kind(node_of(at), cJSON_True | cJSON_False))
		return mismatch(at, "not true or false", err);
	*out = is_kind(node_of(at), cJSON_True);
	return CR_OK;
}

int
json_opt_string(const struct json_at *at, const char *absent, const char **out, struct err *err)
{
	if (!json_is_null(at))
		return json_want_string(at, out, err);
	*out = absent;
	return CR_OK;
}

int
json_opt_int(const struct json_at *at, int64_t min, int64_t max, int64_t absent, int64_t *out, struct err *err)
{
	if (!json_is_null(at))
		return json_want_int(at, min, max, out, err);
	*out = absent;
	return CR_OK;
}

int
json_opt_bool(const struct json_at *at, bool absent, bool *out, struct err *err)
{
	if (!json_is_null(at))
		return json_want_bool(at, out, err);
	*out = absent;
	return CR_OK;
}
