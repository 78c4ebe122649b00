/*
 * azure_read.c - what the answers of Azure DNS mean: values from replies, and the marks that a zone's state carries of them.
 *
 * Sources: as azure_json.c.  Invariant: unknown members are passed over; a missing expected one is named by its path.
 */
#include "dns/zones/azure_inside.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/list.h"
#include "dns/txt.h"

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
read_field(const struct json_at *at, const struct az_kind *k, size_t i, struct buf *rdata, struct err *err)
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
read_value(const struct json_at *at, const struct az_kind *k, struct az_set *s, uint32_t ttl_s, struct err *err)
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
	const struct az_kind *k = az_kind_of(s->type);
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
	    (az_kind_of(s->type) == NULL && s->type != RECORD_SOA))
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
	struct az_set s = {0}, *grown = l->items;
	int rc = read_set(at, zone, &s, err);

	if (rc == CR_OK && (grown = list_grow(l->items, l->n, &l->cap, sizeof(*grown))) == NULL)
		rc = err_nomem(err, "record sets");
	if (rc == CR_OK) {
		l->items = grown;
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

void
az_mark_release(struct az_mark *m)
{
	free(m->etag);
	free(m->metadata);
	*m = (struct az_mark){0};
}

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
