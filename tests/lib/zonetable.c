/*
 * zonetable.c - DNS from a JSON object.
 */
#include "tests/lib/zonetable.h"

#include "tests/lib/rows.h"

#include <ctype.h>

#define CHAIN_MAX 16

/* \DDD is one byte, any other backslash itself. */
static void
add_string(const char *s, struct buf *out)
{
	while (*s != '\0') {
		if (s[0] == '\\' && isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2]) &&
		    isdigit((unsigned char)s[3])) {
			buf_addc(out, (char)((s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0'));
			s += 4;
		} else {
			buf_addc(out, *s++);
		}
	}
}

static const char *
text_of(const struct json_at *at)
{
	const char *text = NULL;
	struct err err = {0};

	assert_ok(json_want_string(at, &text, &err), &err);
	return text;
}

static void
add_txt(struct zonetable_name *n, const struct json_at *strings)
{
	struct buf joined = {0};
	struct record r = {0};
	struct err err = {0};

	for (size_t i = 0; i < json_count(strings); i++) {
		struct json_at s = json_item(strings, i);

		add_string(text_of(&s), &joined);
	}
	assert_ok(record_txt(n->name, 3600, buf_str(&joined), joined.len, &r, &err), &err);
	assert_ok(records_take(&n->records, &r, &err), &err);
	buf_release(&joined);
}

static void
add_value(struct zonetable_name *n, uint16_t type, const struct json_at *value)
{
	struct buf rdata = {0};
	struct err err = {0};

	if (type == RECORD_TXT) {
		add_txt(n, value);
		return;
	}
	if (json_is_array(value)) { /* MX */
		struct json_at preference = json_item(value, 0), host = json_item(value, 1);
		int64_t number = 0;

		assert_ok(json_want_int(&preference, 0, 65535, &number, &err), &err);
		buf_addf(&rdata, "%d %s", (int)number, text_of(&host));
	} else {
		buf_adds(&rdata, text_of(value));
	}
	if (type != RECORD_A && type != RECORD_AAAA && rdata.len > 0 && rdata.data[rdata.len - 1] != '.' &&
	    rdata.data[0] != '\\' && type != RECORD_DS && type != RECORD_DNSKEY && type != RECORD_SOA &&
	    type != RECORD_TLSA)
		buf_addc(&rdata, '.');
	/* A suite may publish what no server would load: such a record is not there. */
	if (records_add(&n->records, n->name, type, 3600, buf_str(&rdata), &err) != CR_OK)
		print_message("zonetable: %s\n", err.text);
	buf_release(&rdata);
}

static void
add_type(struct zonetable_name *n, const char *key, const struct json_at *values)
{
	struct err err = {0};
	int64_t number = 0;
	uint16_t type;

	if (strcmp(key, "RCODE") == 0) {
		assert_ok(json_want_int(values, 0, 4095, &number, &err), &err);
		n->rcode = (unsigned)number;
	} else if (strcmp(key, "TIMEOUT") == 0) {
		assert_ok(json_want_bool(values, &n->timeout, &err), &err);
	} else {
		assert_ok(record_type_parse(key, &type, &err), &err);
		for (size_t i = 0; i < json_count(values); i++) {
			struct json_at value = json_item(values, i);

			add_value(n, type, &value);
		}
	}
}

/* A name as bytes: whatever SPF macros can expand to may stand in a table. */
static bool
canonical_key(const char *key, struct name *out)
{
	struct buf escaped = {0};
	bool ok;

	for (; *key != '\0'; key++) {
		if ((*key > '\0' && *key <= ' ') || *key == 0x7f)
			buf_addf(&escaped, "\\%03d", *key);
		else
			buf_addc(&escaped, *key);
	}
	ok = name_parse(buf_str(&escaped), out, NULL) == CR_OK;
	buf_release(&escaped);
	return ok;
}

void
zonetable_open_at(const struct json_at *zone, struct zonetable *out)
{
	*out = (struct zonetable){.at = *zone, .n = json_count(zone)};
	out->names = calloc(out->n + 1, sizeof(*out->names));
	assert_non_null(out->names);
	for (size_t i = 0; i < out->n; i++) {
		const char *key = NULL;
		struct json_at types = json_member(zone, i, &key);
		struct name canonical;

		/* What is no name can be asked for by nobody, and is kept as it stands. */
		out->names[i].name = strdup(canonical_key(key, &canonical) ? canonical.text : key);
		assert_non_null(out->names[i].name);
		for (size_t k = 0; k < json_count(&types); k++) {
			struct json_at values = json_member(&types, k, &key);

			add_type(&out->names[i], key, &values);
		}
	}
}

void
zonetable_open(const char *zone, struct zonetable *out)
{
	struct json *json = NULL;
	struct err err = {0};
	struct json_at root;

	assert_ok(json_parse(zone, strlen(zone), &json, &err), &err);
	root = json_root(json);
	zonetable_open_at(&root, out);
	out->json = json;
}

void
zonetable_close(struct zonetable *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->names[i].name);
		records_release(&t->names[i].records);
	}
	free(t->names);
	for (size_t i = 0; i < t->n_asked; i++)
		free(t->asked[i]);
	json_drop(&t->json);
	*t = (struct zonetable){0};
}

static const struct zonetable_name *
find(const struct zonetable *t, const char *name, bool *below_out)
{
	const struct zonetable_name *found = NULL;

	*below_out = false;
	for (size_t i = 0; i < t->n; i++) {
		if (name_equal(t->names[i].name, name))
			found = &t->names[i];
		else if (name_is_under(t->names[i].name, name))
			*below_out = true;
	}
	return found;
}

/* RFC 4592: the wildcard below the closest name that exists. */
static const struct zonetable_name *
find_wildcard(const struct zonetable *t, const char *name)
{
	const struct zonetable_name *found = NULL;
	char wildcard[NAME_TEXT_MAX + 2];
	bool below = false;

	while (found == NULL && !below && *name != '\0') {
		name = name_parent(name);
		(void)snprintf(wildcard, sizeof(wildcard), "*.%s", name);
		found = find(t, wildcard, &below);
		if (found != NULL)
			return found;
		found = find(t, name, &below);
	}
	return NULL;
}

/* What stands at one name; CNAMEs lead on.  *next_out: where to. */
static int
at_name(const struct zonetable *t, const char *name, uint16_t type, struct lookup_answer *out, struct name *next_out,
        struct err *err)
{
	bool below, cname = false;
	const struct zonetable_name *n = find(t, name, &below);
	int rc = CR_OK;

	next_out->text[0] = '\0';
	if (n == NULL && !below)
		n = find_wildcard(t, name);
	if (n == NULL) {
		out->state = below ? LOOKUP_EMPTY : LOOKUP_NONAME;
		out->rcode = below ? 0 : 3;
		return CR_OK;
	}
	if (n->rcode != 0) {
		out->rcode = (int)n->rcode;
		out->state = n->rcode == 3 ? LOOKUP_NONAME : LOOKUP_FAILED;
		(void)snprintf(out->why, sizeof(out->why), "the server answers with code %u", n->rcode);
		return CR_OK;
	}
	out->rcode = 0;
	for (size_t i = 0; rc == CR_OK && i < n->records.n; i++) {
		const struct record *r = &n->records.items[i];

		if (r->type == type) {
			rc = records_add_copy(&out->records, r, err);
		} else if (r->type == RECORD_CNAME && !cname) {
			cname = record_target(r, next_out);
			rc = records_add_copy(&out->chain, r, err);
		}
	}
	out->state = out->records.n > 0 ? LOOKUP_FOUND : n->timeout ? LOOKUP_SILENT : LOOKUP_EMPTY;
	if (out->state == LOOKUP_SILENT)
		(void)snprintf(out->why, sizeof(out->why), "no answer in time");
	return rc;
}

static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	struct zonetable *t = ctx;
	struct name here, next;
	struct buf asked = {0};
	char type_name[16];
	int rc = CR_OK;

	(void)at;
	buf_addf(&asked, "%s %s", record_type_name(type, type_name), name);
	assert_true(t->n_asked < ZONETABLE_ASKED_MAX);
	assert_ok(buf_take(&asked, "asked", &t->asked[t->n_asked], err), err);
	t->n_asked++;
	(void)snprintf(here.text, sizeof(here.text), "%s", name);
	out->authenticated = t->authenticated;
	for (size_t i = 0; rc == CR_OK && i < CHAIN_MAX; i++) {
		rc = at_name(t, here.text, type, out, &next, err);
		if (next.text[0] == '\0' || out->state == LOOKUP_FOUND)
			return rc;
		here = next;
	}
	out->state = LOOKUP_FAILED;
	(void)snprintf(out->why, sizeof(out->why), "CNAMEs in a circle at %.100s", name);
	return rc;
}

struct lookup *
zonetable_lookup(struct zonetable *t, bool deferred)
{
	struct lookup *l = NULL;
	struct err err = {0};

	assert_ok(lookup_open_table(answer, t, deferred, &l, &err), &err);
	return l;
}
