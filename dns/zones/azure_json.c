/*
 * azure_json.c - what is said to Azure DNS: requests from values.
 *
 * Sources: Azure/azure-rest-api-specs, Microsoft.Network 2018-05-01 dns.json, and its examples; read 2026-11-25.
 * Invariants: a set is written whole; a TXT is an array of strings of at most 255 bytes, unquoted.
 */
#include "dns/zones/azure_inside.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "dns/txt.h"

#define API_VERSION "2018-05-01"
#define PAGE_SETS   "$top=100"

static const struct az_kind kinds[] = {
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

const struct az_kind *
az_kind_of(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

bool
az_holds(uint16_t type)
{
	return az_kind_of(type) != NULL;
}

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
	if (n > 0 && found == n && out[n - 1][0] == '"' && strlen(out[n - 1]) > 1) {
		out[n - 1]++;
		out[n - 1][strlen(out[n - 1]) - 1] = '\0';
	}
	return found;
}

static int
write_value(struct json_out *j, const struct az_kind *k, const struct record *r, struct err *err)
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
	const struct az_kind *k = az_kind_of(set->type);
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
