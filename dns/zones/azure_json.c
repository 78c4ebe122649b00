/*
 * azure_json.c - what is said to Azure DNS, and what its answers mean: values to JSON and back.
 *
 * Sources: Azure/azure-rest-api-specs, Microsoft.Network 2018-05-01 dns.json, and its examples; read 2026-11-25.
 * Invariants: a set is written whole; a TXT is an array of strings of at most 255 bytes, unquoted, and is compared joined.
 */
#include "dns/zones/azure.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "dns/txt.h"

#define API_VERSION "2018-05-01"
#define PAGE_SETS   "$top=100"

/* How a type's values stand in "properties". */
static const struct kind {
	uint16_t type;
	const char *key;
	bool single; /* one object in place of an array */
	const char *fields[4];
	unsigned numbers; /* bit i: field i is one */
} kinds[] = {
	{RECORD_A,     "ARecords",    false, {"ipv4Address"},                          0 },
	{RECORD_AAAA,  "AAAARecords", false, {"ipv6Address"},                          0 },
	{RECORD_CAA,   "caaRecords",  false, {"flags", "tag", "value"},                1U},
	{RECORD_CNAME, "CNAMERecord", true,  {"cname"},                                0 },
	{RECORD_MX,    "MXRecords",   false, {"preference", "exchange"},               1U},
	{RECORD_NS,    "NSRecords",   false, {"nsdname"},                              0 },
	{RECORD_PTR,   "PTRRecords",  false, {"ptrdname"},                             0 },
	{RECORD_SRV,   "SRVRecords",  false, {"priority", "weight", "port", "target"}, 7U},
	{RECORD_TXT,   "TXTRecords",  false, {"value"},                                0 },
};

static const struct kind *
kind_of(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

bool
az_holds(uint16_t type)
{
	return kind_of(type) != NULL;
}

void
az_set_release(struct az_set *s)
{
	free(s->owner);
	free(s->etag);
	free(s->metadata);
	records_release(&s->records);
	*s = (struct az_set){0};
}

void
az_sets_release(struct az_sets *l)
{
	for (size_t i = 0; i < l->n; i++)
		az_set_release(&l->items[i]);
	free(l->items);
	*l = (struct az_sets){0};
}

void
az_mark_release(struct az_mark *m)
{
	free(m->etag);
	free(m->metadata);
	*m = (struct az_mark){0};
}

/* ---- requests ---- */

/* METHOD on the zone, or on tail below it. */
static int
start(const struct arm *a, const char *method, const char *zone, const char *tail, const char *query,
      struct http_request *out, struct err *err)
{
	struct buf path = {0};
	int rc;

	buf_adds(&path, "/providers/Microsoft.Network/dnsZones/");
	http_encode(&path, zone);
	buf_adds(&path, tail);
	rc = buf_check(&path, "url", err);
	if (rc == CR_OK)
		rc = arm_request(a, method, buf_str(&path), API_VERSION, query, out, err);
	buf_release(&path);
	return rc;
}

static int
start_set(const struct arm *a, const char *method, const char *zone, const char *owner, uint16_t type,
          struct http_request *out, struct err *err)
{
	char relative[NAME_TEXT_MAX], name[16];
	const char *label = name_relative(owner, zone, relative);
	struct buf tail = {0};
	int rc;

	if (label == NULL)
		return err_set(err, CR_EREFUSED, "%s: not in zone %s", owner, zone);
	buf_addf(&tail, "/%s/", record_type_name(type, name));
	/* The sign of the zone itself is no part of a name. */
	if (strcmp(label, "@") == 0)
		buf_addc(&tail, '@');
	else
		http_encode(&tail, label);
	rc = buf_check(&tail, "url", err);
	if (rc == CR_OK)
		rc = start(a, method, zone, buf_str(&tail), NULL, out, err);
	buf_release(&tail);
	return rc;
}

int
az_list_request(const struct arm *a, const char *zone, struct http_request *out, struct err *err)
{
	return start(a, "GET", zone, "/recordsets", PAGE_SETS, out, err);
}

int
az_remove_request(const struct arm *a, const char *zone, struct http_request *out, struct err *err)
{
	return start(a, "DELETE", zone, "", NULL, out, err);
}

int
az_set_request(const struct arm *a, const char *zone, const char *owner, uint16_t type, struct http_request *out,
               struct err *err)
{
	return start_set(a, "GET", zone, owner, type, out, err);
}

/* The body is sound, or the request is released. */
static int
finish(struct http_request *q, int rc, struct err *err)
{
	if (rc == CR_OK)
		rc = buf_check(&q->body, "request", err);
	q->content_type = "application/json";
	if (rc != CR_OK)
		http_request_release(q);
	return rc;
}

int
az_create_request(const struct arm *a, const char *zone, struct http_request *out, struct err *err)
{
	struct json_out j;
	int rc = start(a, "PUT", zone, "", NULL, out, err);

	if (rc != CR_OK)
		return rc;
	/* Made, or refused: never one that is there already taken over. */
	http_request_add_header(out, "If-None-Match", "*");
	j = json_out_on(&out->body);
	json_out_open(&j, '{');
	json_out_member(&j, "location", "global");
	json_out_close(&j);
	return finish(out, rc, err);
}

static void
add_guard(struct http_request *q, const struct az_mark *guard)
{
	if (guard->exists && guard->etag != NULL)
		http_request_add_header(q, "If-Match", guard->etag);
	else if (!guard->exists)
		http_request_add_header(q, "If-None-Match", "*");
}

int
az_delete_request(const struct arm *a, const char *zone, const struct set_rrset *set, const struct az_mark *guard,
                  struct http_request *out, struct err *err)
{
	int rc = start_set(a, "DELETE", zone, set->owner, set->type, out, err);

	if (rc == CR_OK)
		add_guard(out, guard);
	return rc;
}

/* Strings of at most 255 bytes, none for no bytes. */
static void
write_strings(struct json_out *j, const struct record *r)
{
	const char *text = record_text(r);

	json_out_key(j, "value");
	json_out_open(j, '[');
	for (size_t at = 0; at < r->data_len; at += TXT_STRING_MAX)
		json_out_string_n(j, text + at, r->data_len - at < TXT_STRING_MAX ? r->data_len - at : TXT_STRING_MAX);
	json_out_close(j);
}

/* The words of an RDATA text, quotes around the last one taken off: the value of a CAA may hold blanks. */
static size_t
split(char *text, size_t n, char *out[4])
{
	char *at = text;
	size_t found = 0;

	while (found < n && at != NULL && *at != '\0') {
		char *end = found + 1 < n ? strchr(at, ' ') : NULL;

		out[found++] = at;
		if (end != NULL)
			*end++ = '\0';
		at = end;
	}
	if (found == n && out[n - 1][0] == '"' && strlen(out[n - 1]) > 1) {
		out[n - 1]++;
		out[n - 1][strlen(out[n - 1]) - 1] = '\0';
	}
	return found;
}

static int
write_value(struct json_out *j, const struct kind *k, const struct record *r, struct err *err)
{
	struct buf text = {0};
	char *words[4] = {0};
	size_t n = 0;
	int rc = CR_OK;

	json_out_open(j, '{');
	if (r->type == RECORD_TXT) {
		write_strings(j, r);
		json_out_close(j);
		return CR_OK;
	}
	while (n < ARRAY_LEN(k->fields) && k->fields[n] != NULL)
		n++;
	record_format_rdata(r, &text);
	rc = buf_check(&text, "record", err);
	if (rc == CR_OK && split(text.data, n, words) != n)
		rc = err_set(err, CR_EBUG, "%s: RDATA without its %zu fields", r->owner, n);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		if ((k->numbers & 1U << i) != 0)
			json_out_member_int(j, k->fields[i], strtol(words[i], NULL, 10));
		else
			json_out_member(j, k->fields[i], words[i]);
	}
	json_out_close(j);
	buf_release(&text);
	return rc;
}

int
az_put_request(const struct arm *a, const char *zone, const struct set_rrset *set, const struct az_mark *guard,
               struct http_request *out, struct err *err)
{
	const struct kind *k = kind_of(set->type);
	struct json_out j;
	int rc;

	if (k == NULL || (k->single && set->records.n != 1))
		return err_set(err, CR_EREFUSED, "%s: no set that Azure holds", set->owner);
	rc = start_set(a, "PUT", zone, set->owner, set->type, out, err);
	if (rc != CR_OK)
		return rc;
	add_guard(out, guard);
	j = json_out_on(&out->body);
	json_out_open(&j, '{');
	json_out_key(&j, "properties");
	json_out_open(&j, '{');
	if (guard->metadata != NULL) {
		json_out_key(&j, "metadata");
		json_out_raw(&j, guard->metadata);
	}
	json_out_member_int(&j, "TTL", set->ttl_s);
	json_out_key(&j, k->key);
	if (!k->single)
		json_out_open(&j, '[');
	for (size_t i = 0; rc == CR_OK && i < set->records.n; i++)
		rc = write_value(&j, k, &set->records.items[i], err);
	if (!k->single)
		json_out_close(&j);
	json_out_close(&j);
	json_out_close(&j);
	return finish(out, rc, err);
}

/* ---- replies ---- */

int
az_zone_parse(const char *text, size_t len, const char *zone, struct zone_state *out, struct err *err)
{
	struct zone_state s = {.exists = true};
	struct json *json = NULL;
	struct json_at root, properties, list;
	int rc = json_parse(text, len, &json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	properties = json_get(&root, "properties");
	list = json_get(&properties, "nameServers");
	rc = json_want_array(&list, err);
	for (size_t i = 0; rc == CR_OK && i < json_count(&list); i++) {
		struct json_at at = json_item(&list, i);
		const char *server = NULL;
		struct name name;

		rc = json_want_string(&at, &server, err);
		if (rc == CR_OK)
			rc = name_parse(server, &name, err);
		if (rc == CR_OK)
			rc = zone_state_add_server(&s, name.text, err);
	}
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
	} else {
		(void)err_wrap(err, "zone %s", zone);
	}
	zone_state_release(&s);
	json_drop(&json);
	return rc;
}

static int
read_txt(const struct json_at *at, struct az_set *s, uint32_t ttl_s, struct err *err)
{
	struct json_at list = json_get(at, "value");
	struct buf bytes = {.max_bytes = RECORD_DATA_MAX};
	struct record r = {0};
	int rc = json_want_array(&list, err);

	for (size_t i = 0; rc == CR_OK && i < json_count(&list); i++) {
		struct json_at item = json_item(&list, i);
		const char *text = NULL;

		rc = json_want_string(&item, &text, err);
		if (rc == CR_OK)
			buf_adds(&bytes, text);
	}
	if (rc == CR_OK)
		rc = buf_check(&bytes, "TXT", err);
	if (rc == CR_OK)
		rc = record_txt(s->owner, ttl_s, buf_str(&bytes), bytes.len, &r, err);
	if (rc == CR_OK)
		rc = records_take(&s->records, &r, err);
	buf_release(&bytes);
	return rc;
}

/* A value's field as a word of RDATA text. */
static int
read_field(const struct json_at *at, const struct kind *k, size_t i, struct buf *rdata, struct err *err)
{
	struct json_at member = json_get(at, k->fields[i]);
	const char *text = NULL;
	int64_t number = 0;
	int rc;

	if (i > 0)
		buf_addc(rdata, ' ');
	if ((k->numbers & 1U << i) != 0) {
		rc = json_want_int(&member, 0, UINT16_MAX, &number, err);
		buf_addf(rdata, "%d", (int)number);
		return rc;
	}
	rc = json_want_string(&member, &text, err);
	if (rc != CR_OK)
		return rc;
	if (k->type == RECORD_CAA && i == 2)
		txt_format(text, strlen(text), rdata);
	else
		buf_adds(rdata, text); /* a name with or without its final dot: either is absolute there */
	return CR_OK;
}

static int
read_value(const struct json_at *at, const struct kind *k, struct az_set *s, uint32_t ttl_s, struct err *err)
{
	struct buf rdata = {.max_bytes = RECORD_DATA_MAX};
	struct record r = {0};
	int rc = CR_OK;

	if (k->type == RECORD_TXT)
		return read_txt(at, s, ttl_s, err);
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(k->fields) && k->fields[i] != NULL; i++)
		rc = read_field(at, k, i, &rdata, err);
	if (rc == CR_OK)
		rc = buf_check(&rdata, "record", err);
	if (rc == CR_OK && record_parse(s->owner, k->type, ttl_s, buf_str(&rdata), "", &r, err) != CR_OK)
		rc = err_wrap(err, "%s", at->path);
	if (rc == CR_OK)
		rc = records_take(&s->records, &r, err);
	buf_release(&rdata);
	return rc;
}

/* The SOA is Azure's own; it is read so that a zone is known whole. */
static int
read_soa(const struct json_at *properties, struct az_set *s, uint32_t ttl_s, struct err *err)
{
	static const char *const numbers[] = {"serialNumber", "refreshTime", "retryTime", "expireTime", "minimumTTL"};
	struct json_at soa = json_get(properties, "SOARecord"), at;
	struct buf rdata = {0};
	const char *host = NULL, *email = NULL;
	int64_t number;
	int rc;

	at = json_get(&soa, "host");
	rc = json_want_string(&at, &host, err);
	at = json_get(&soa, "email");
	if (rc == CR_OK)
		rc = json_want_string(&at, &email, err);
	if (rc == CR_OK)
		buf_addf(&rdata, "%s %s", host, email);
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(numbers); i++) {
		at = json_get(&soa, numbers[i]);
		rc = json_want_int(&at, 0, UINT32_MAX, &number, err);
		buf_addf(&rdata, " %lld", (long long)number);
	}
	if (rc == CR_OK)
		rc = buf_check(&rdata, "SOA", err);
	if (rc == CR_OK)
		rc = records_add(&s->records, s->owner, RECORD_SOA, ttl_s, buf_str(&rdata), err);
	buf_release(&rdata);
	return rc;
}

/* An object of texts, written again; anything else is nobody's notes. */
static int
read_metadata(const struct json_at *at, char **out, struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc = CR_OK;

	if (json_count(at) == 0 || !json_is_object(at))
		return CR_OK;
	json_out_open(&j, '{');
	for (size_t i = 0; rc == CR_OK && i < json_count(at); i++) {
		const char *key = NULL, *text = NULL;
		struct json_at member = json_member(at, i, &key);

		rc = json_want_string(&member, &text, err);
		if (rc == CR_OK)
			json_out_member(&j, key, text);
	}
	json_out_close(&j);
	if (rc == CR_OK)
		rc = buf_take(&b, "metadata", out, err);
	buf_release(&b);
	return rc;
}

static int
read_values(const struct json_at *properties, struct az_set *s, uint32_t ttl_s, struct err *err)
{
	const struct kind *k = kind_of(s->type);
	struct json_at values;
	int rc;

	if (k == NULL)
		return read_soa(properties, s, ttl_s, err);
	values = json_get(properties, k->key);
	if (k->single)
		return read_value(&values, k, s, ttl_s, err);
	rc = json_want_array(&values, err);
	for (size_t i = 0; rc == CR_OK && i < json_count(&values); i++) {
		struct json_at at = json_item(&values, i);

		rc = read_value(&at, k, s, ttl_s, err);
	}
	return rc;
}

/* CR_ENOTFOUND: of a type that is not held here. */
static int
read_set(const struct json_at *at, const char *zone, struct az_set *s, struct err *err)
{
	struct json_at name_at = json_get(at, "name"), type_at = json_get(at, "type"), etag_at = json_get(at, "etag");
	struct json_at properties = json_get(at, "properties"), ttl_at = json_get(&properties, "TTL");
	struct json_at metadata = json_get(&properties, "metadata"), target = json_get(&properties, "targetResource");
	struct json_at target_id = json_get(&target, "id");
	const char *relative = NULL, *type = NULL, *etag = NULL, *slash;
	struct name owner;
	int64_t ttl_s = 0;
	int rc = json_want_string(&name_at, &relative, err);

	if (rc == CR_OK)
		rc = json_want_string(&type_at, &type, err);
	if (rc != CR_OK)
		return rc;
	/* "Microsoft.Network/dnszones/MX" */
	slash = strrchr(type, '/');
	if (record_type_parse(slash != NULL ? slash + 1 : type, &s->type, NULL) != CR_OK ||
	    (kind_of(s->type) == NULL && s->type != RECORD_SOA))
		return CR_ENOTFOUND;
	rc = json_want_string(&etag_at, &etag, err);
	if (rc == CR_OK)
		rc = name_under(relative, zone, &owner, err);
	if (rc == CR_OK)
		rc = json_want_int(&ttl_at, 0, RECORD_TTL_MAX, &ttl_s, err);
	if (rc == CR_OK)
		rc = read_metadata(&metadata, &s->metadata, err);
	if (rc != CR_OK)
		return rc;
	s->owner = strdup(owner.text);
	s->etag = strdup(etag);
	if (s->owner == NULL || s->etag == NULL)
		return err_nomem(err, "record set");
	s->alias = json_is_string(&target_id);
	return s->alias ? CR_OK : read_values(&properties, s, (uint32_t)ttl_s, err);
}

static int
add_set(const struct json_at *at, const char *zone, struct az_sets *l, struct err *err)
{
	struct az_set s = {0}, *grown;
	int rc = read_set(at, zone, &s, err);

	if (rc == CR_OK && l->n == l->cap) {
		grown = realloc(l->items, (l->cap * 2 + 16) * sizeof(*grown));
		if (grown != NULL) {
			l->items = grown;
			l->cap = l->cap * 2 + 16;
		} else {
			rc = err_nomem(err, "record sets");
		}
	}
	if (rc == CR_OK) {
		l->items[l->n++] = s;
		s = (struct az_set){0};
	}
	az_set_release(&s);
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

int
az_list_parse(const char *text, size_t len, const char *zone, struct az_sets *out, char **next_out, struct err *err)
{
	struct json *json = NULL;
	struct json_at root, list, next_at;
	const char *next = NULL;
	int rc = json_parse(text, len, &json, err);

	*next_out = NULL;
	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	list = json_get(&root, "value");
	next_at = json_get(&root, "nextLink");
	rc = json_want_array(&list, err);
	for (size_t i = 0; rc == CR_OK && i < json_count(&list); i++) {
		struct json_at at = json_item(&list, i);

		rc = add_set(&at, zone, out, err);
	}
	if (rc == CR_OK)
		rc = json_opt_string(&next_at, NULL, &next, err);
	if (rc == CR_OK && next != NULL && next[0] != '\0' && (*next_out = strdup(next)) == NULL)
		rc = err_nomem(err, "next page");
	json_drop(&json);
	return rc;
}

int
az_set_parse(const char *text, size_t len, const char *zone, struct az_set *out, struct err *err)
{
	struct az_set s = {0};
	struct json *json = NULL;
	struct json_at root;
	int rc = json_parse(text, len, &json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	rc = read_set(&root, zone, &s, err);
	if (rc == CR_ENOTFOUND)
		rc = err_set(err, CR_EPARSE, "type: not the one that was asked for");
	if (rc == CR_OK) {
		*out = s;
		s = (struct az_set){0};
	}
	az_set_release(&s);
	json_drop(&json);
	return rc;
}

/* ---- marks ---- */

/* "MX mail.example.com" */
static void
mark_key(const char *owner, uint16_t type, char out[NAME_TEXT_MAX + 20])
{
	char name[16];

	(void)snprintf(out, NAME_TEXT_MAX + 20, "%s %s", record_type_name(type, name), owner);
}

int
az_marks_make(const struct az_sets *l, char **out, struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	char key[NAME_TEXT_MAX + 20];
	int rc;

	json_out_open(&j, '{');
	for (size_t i = 0; i < l->n; i++) {
		mark_key(l->items[i].owner, l->items[i].type, key);
		json_out_key(&j, key);
		json_out_open(&j, '[');
		json_out_string(&j, l->items[i].etag);
		json_out_string(&j, l->items[i].metadata);
		json_out_bool(&j, l->items[i].alias);
		json_out_close(&j);
	}
	json_out_close(&j);
	rc = buf_take(&b, "zone", out, err);
	buf_release(&b);
	return rc;
}

int
az_mark_find(const struct json *marks, const char *owner, uint16_t type, struct az_mark *out, struct err *err)
{
	char key[NAME_TEXT_MAX + 20];
	const char *etag = NULL, *metadata = NULL;
	struct az_mark m = {0};
	struct json_at root, mark, at;
	int rc;

	*out = m;
	if (marks == NULL)
		return CR_OK;
	mark_key(owner, type, key);
	root = json_root(marks);
	mark = json_get(&root, key);
	if (mark.node == NULL)
		return CR_OK;
	at = json_item(&mark, 0);
	rc = json_want_string(&at, &etag, err);
	at = json_item(&mark, 1);
	if (rc == CR_OK)
		rc = json_opt_string(&at, NULL, &metadata, err);
	at = json_item(&mark, 2);
	if (rc == CR_OK)
		rc = json_want_bool(&at, &m.alias, err);
	if (rc != CR_OK)
		return rc;
	m.exists = true;
	m.etag = strdup(etag);
	m.metadata = metadata != NULL ? strdup(metadata) : NULL;
	if (m.etag == NULL || (metadata != NULL && m.metadata == NULL)) {
		az_mark_release(&m);
		return err_nomem(err, "record set");
	}
	*out = m;
	return CR_OK;
}
