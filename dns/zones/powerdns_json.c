/*
 * powerdns_json.c - what is said to a PowerDNS server, and what its answers mean: values to JSON and back.
 *
 * Sources: https://doc.powerdns.com/authoritative/http-api/ (read 2026-11-25); recorded answers in tests/golden/powerdns.
 * Invariant: a set that is replaced is sent whole, neighbours and disabled records included.
 */
#include "dns/zones/powerdns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define FAULT_TEXT_MAX 200
#define API_PATH       "/api/v1"

int
pdns_base(const char *url, const char *server, char **out, struct err *err)
{
	char *base = NULL;
	struct buf b = {0};
	size_t len;
	int rc = zone_base_url("url", url, &base, err);

	if (rc != CR_OK)
		return rc;
	len = strlen(base);
	buf_adds(&b, base);
	if (len < strlen(API_PATH) || strcmp(base + len - strlen(API_PATH), API_PATH) != 0)
		buf_adds(&b, API_PATH);
	free(base);
	buf_adds(&b, "/servers/");
	http_encode(&b, server);
	rc = buf_take(&b, "url", out, err);
	buf_release(&b);
	return rc;
}

void
pdns_zone_id(const char *zone, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

	for (; *zone != '\0'; zone++) {
		if (strchr(plain, *zone) != NULL)
			buf_addc(out, *zone);
		else
			buf_addf(out, "=%02X", (unsigned)(unsigned char)*zone);
	}
	buf_addc(out, '.');
}

/* An empty request for METHOD BASE/zones/ID; zone NULL: BASE/zones. */
static int
start_request(const struct pdns_target *t, const char *method, const char *zone, struct http_request *q,
              struct err *err)
{
	struct buf path = {0};
	int rc;

	*q = (struct http_request){.method = method};
	buf_adds(&path, "/zones");
	if (zone != NULL) {
		buf_addc(&path, '/');
		pdns_zone_id(zone, &path);
	}
	rc = buf_check(&path, "url", err);
	if (rc == CR_OK)
		rc = http_request_set_url(q, t->base, buf_str(&path), err);
	if (rc == CR_OK)
		http_request_add_secret(q, "X-API-Key", NULL, t->key);
	buf_release(&path);
	return rc;
}

/* Hand q over when rc and its body are sound, else release it. */
static int
finish_request(struct http_request *q, int rc, struct http_request *out, struct err *err)
{
	if (rc == CR_OK)
		rc = buf_check(&q->body, "request", err);
	if (rc == CR_OK) {
		*out = *q;
		return CR_OK;
	}
	http_request_release(q);
	return rc;
}

int
pdns_observe_request(const struct pdns_target *t, const char *zone, struct http_request *out, struct err *err)
{
	struct http_request q;

	return finish_request(&q, start_request(t, "GET", zone, &q, err), out, err);
}

int
pdns_remove_request(const struct pdns_target *t, const char *zone, struct http_request *out, struct err *err)
{
	struct http_request q;

	return finish_request(&q, start_request(t, "DELETE", zone, &q, err), out, err);
}

/* A name with its final dot. */
static int
write_name(struct json_out *j, const char *name, struct err *err)
{
	struct buf b = {0};
	int rc;

	buf_addf(&b, "%s.", name);
	rc = buf_check(&b, name, err);
	json_out_string(j, buf_str(&b));
	buf_release(&b);
	return rc;
}

static int
write_record(struct json_out *j, const struct record *r, bool disabled, struct err *err)
{
	struct buf b = {0};
	int rc;

	record_format_rdata(r, &b);
	rc = buf_check(&b, r->owner, err);
	json_out_open(j, '{');
	json_out_member(j, "content", buf_str(&b));
	json_out_member_bool(j, "disabled", disabled);
	json_out_close(j);
	buf_release(&b);
	return rc;
}

/* The records of disabled that belong to set; writes them when j is not NULL. */
static int
write_disabled(struct json_out *j, const struct set_rrset *set, const struct records *disabled, size_t *n_out,
               struct err *err)
{
	int rc = CR_OK;

	*n_out = 0;
	for (size_t i = 0; disabled != NULL && i < disabled->n && rc == CR_OK; i++) {
		const struct record *r = &disabled->items[i];

		if (r->type != set->type || !name_equal(r->owner, set->owner))
			continue;
		/* One that is now to be served would otherwise stand there twice, which is a 422. */
		if (records_find(&set->records, r) != NULL)
			continue;
		(*n_out)++;
		if (j != NULL)
			rc = write_record(j, r, true, err);
	}
	return rc;
}

/* One element of "rrsets".  changetype: not in a create. */
static int
write_set(struct json_out *j, const struct set_rrset *set, const struct records *disabled, bool changetype,
          struct err *err)
{
	char type[16];
	size_t n_disabled;
	bool gone;
	int rc = write_disabled(NULL, set, disabled, &n_disabled, err);

	gone = set->records.n == 0 && n_disabled == 0;
	json_out_open(j, '{');
	json_out_key(j, "name");
	if (rc == CR_OK)
		rc = write_name(j, set->owner, err);
	json_out_member(j, "type", record_type_name(set->type, type));
	if (changetype)
		json_out_member(j, "changetype", gone ? "DELETE" : "REPLACE");
	if (!gone) {
		json_out_member_int(j, "ttl", set->ttl_s);
		json_out_key(j, "records");
		json_out_open(j, '[');
		for (size_t i = 0; i < set->records.n && rc == CR_OK; i++)
			rc = write_record(j, &set->records.items[i], false, err);
		if (rc == CR_OK)
			rc = write_disabled(j, set, disabled, &n_disabled, err);
		json_out_close(j);
	}
	json_out_close(j);
	return rc;
}

static int
write_sets(struct json_out *j, const struct set_rrsets *sets, const struct records *disabled, bool changetype,
           struct err *err)
{
	int rc = CR_OK;

	json_out_key(j, "rrsets");
	json_out_open(j, '[');
	for (size_t i = 0; i < sets->n && rc == CR_OK; i++)
		rc = write_set(j, &sets->items[i], disabled, changetype, err);
	json_out_close(j);
	return rc;
}

int
pdns_change_request(const struct pdns_target *t, const char *zone, const struct records *now,
                    const struct records *disabled, const struct set_diff *diff, struct http_request *out,
                    struct err *err)
{
	struct http_request q;
	struct set_rrsets sets = {0};
	struct json_out j;
	int rc;

	rc = start_request(t, "PATCH", zone, &q, err);
	if (rc == CR_OK)
		rc = set_rrsets_make(now, diff, &sets, err);
	if (rc == CR_OK) {
		j = json_out_on(&q.body);
		json_out_open(&j, '{');
		rc = write_sets(&j, &sets, disabled, true, err);
		json_out_close(&j);
		q.content_type = "application/json";
	}
	set_rrsets_release(&sets);
	return finish_request(&q, rc, out, err);
}

/* The sets of a new zone: a diff from nothing. */
static int
sets_of(const struct records *records, struct set_rrsets *out, struct err *err)
{
	struct records none = {0};
	struct set_diff diff = {0};
	int rc = set_diff_create(records, &diff, err);

	if (rc == CR_OK)
		rc = set_rrsets_make(&none, &diff, out, err);
	set_diff_release(&diff);
	return rc;
}

int
pdns_create_request(const struct pdns_target *t, const char *zone, const struct records *records,
                    struct http_request *out, struct err *err)
{
	struct http_request q;
	struct set_rrsets sets = {0};
	struct json_out j;
	/* "nameservers" and an apex NS set exclude each other; the key itself must be there. */
	size_t n_names = records_count(records, zone, RECORD_NS) == 0 ? t->names.n : 0;
	int rc;

	rc = start_request(t, "POST", NULL, &q, err);
	if (rc == CR_OK)
		rc = sets_of(records, &sets, err);
	if (rc != CR_OK)
		goto out;
	j = json_out_on(&q.body);
	json_out_open(&j, '{');
	json_out_key(&j, "name");
	rc = write_name(&j, zone, err);
	json_out_member(&j, "kind", t->kind);
	json_out_key(&j, "nameservers");
	json_out_open(&j, '[');
	for (size_t i = 0; i < n_names && rc == CR_OK; i++) {
		struct name name;

		rc = name_parse(t->names.items[i], &name, err);
		if (rc == CR_OK)
			rc = write_name(&j, name.text, err);
	}
	json_out_close(&j);
	if (rc == CR_OK)
		rc = write_sets(&j, &sets, NULL, false, err);
	json_out_close(&j);
	q.content_type = "application/json";
out:
	set_rrsets_release(&sets);
	return finish_request(&q, rc, out, err);
}

struct parsed_set {
	struct name owner;
	uint16_t type;
	uint32_t ttl_s;
};

static int
parse_record(const struct json_at *at, const struct parsed_set *set, struct zone_state *s, struct records *disabled,
             struct err *err)
{
	struct json_at content_at = json_get(at, "content");
	struct json_at disabled_at = json_get(at, "disabled");
	struct record r = {0};
	const char *content;
	bool off;
	int rc;

	rc = json_want_string(&content_at, &content, err);
	if (rc == CR_OK)
		rc = json_opt_bool(&disabled_at, false, &off, err);
	if (rc != CR_OK)
		return rc;
	if (record_parse(set->owner.text, set->type, set->ttl_s, content, "", &r, err) != CR_OK)
		return err_wrap(err, "%s", content_at.path);
	return records_take(off ? disabled : &s->records, &r, err);
}

static int
parse_set(const struct json_at *at, const char *zone, struct zone_state *s, struct records *disabled, struct err *err)
{
	struct json_at name_at = json_get(at, "name");
	struct json_at type_at = json_get(at, "type");
	struct json_at ttl_at = json_get(at, "ttl");
	struct json_at records_at = json_get(at, "records");
	struct parsed_set set;
	const char *name, *type;
	int64_t ttl_s;
	int rc;

	rc = json_want_string(&name_at, &name, err);
	if (rc == CR_OK)
		rc = json_want_string(&type_at, &type, err);
	if (rc == CR_OK)
		rc = json_want_int(&ttl_at, 0, RECORD_TTL_MAX, &ttl_s, err);
	if (rc == CR_OK)
		rc = json_want_array(&records_at, err);
	if (rc != CR_OK)
		return rc;
	/* LUA, ALIAS and others that exist in PowerDNS alone: nothing here makes or touches such a set. */
	if (record_type_parse(type, &set.type, NULL) != CR_OK)
		return CR_OK;
	if (name_parse(name, &set.owner, err) != CR_OK)
		return err_wrap(err, "%s", name_at.path);
	if (!name_is_under(set.owner.text, zone))
		return err_set(err, CR_EPARSE, "%s: not in zone %s", name_at.path, zone);
	set.ttl_s = (uint32_t)ttl_s;
	for (size_t i = 0; i < json_count(&records_at) && rc == CR_OK; i++) {
		struct json_at record_at = json_item(&records_at, i);

		rc = parse_record(&record_at, &set, s, disabled, err);
	}
	return rc;
}

static int
parse_head(const struct json_at *root, const char *zone, struct zone_state *s, struct err *err)
{
	struct json_at name_at = json_get(root, "name");
	struct json_at id_at = json_get(root, "id");
	struct json_at serial_at = json_get(root, "serial");
	struct name name;
	const char *text, *id;
	int64_t serial;
	int rc;

	rc = json_want_string(&name_at, &text, err);
	if (rc == CR_OK)
		rc = json_want_string(&id_at, &id, err);
	if (rc == CR_OK)
		rc = json_opt_int(&serial_at, 0, UINT32_MAX, 0, &serial, err);
	if (rc == CR_OK)
		rc = name_parse(text, &name, err);
	if (rc != CR_OK)
		return rc;
	if (!name_equal(name.text, zone))
		return err_set(err, CR_EPARSE, "name: asked for %s, got '%s'", zone, text);
	s->id = strdup(id);
	if (s->id == NULL || asprintf(&s->serial, "%lld", (long long)serial) < 0) {
		s->serial = NULL;
		return err_nomem(err, zone);
	}
	return CR_OK;
}

int
pdns_zone_parse(const char *text, size_t len, const char *zone, struct zone_state *out, struct records *disabled_out,
                struct err *err)
{
	struct zone_state s = {.exists = true};
	struct records disabled = {0};
	struct json *j = NULL;
	struct json_at root, sets;
	int rc;

	rc = json_parse(text, len, &j, err);
	if (rc != CR_OK)
		goto out;
	root = json_root(j);
	sets = json_get(&root, "rrsets");
	rc = parse_head(&root, zone, &s, err);
	if (rc == CR_OK)
		rc = json_want_array(&sets, err);
	if (rc != CR_OK)
		goto out;
	for (size_t i = 0; i < json_count(&sets) && rc == CR_OK; i++) {
		struct json_at set = json_item(&sets, i);

		rc = parse_set(&set, zone, &s, &disabled, err);
	}
	if (rc == CR_OK)
		rc = zone_state_name_servers(&s, zone, err);
	if (rc != CR_OK)
		goto out;
	*out = s;
	*disabled_out = disabled;
	s = (struct zone_state){0};
	disabled = (struct records){0};
out:
	json_drop(&j);
	records_release(&disabled);
	zone_state_release(&s);
	return rc;
}

/* What the server says: {"error":"..."}, or bare text. */
static void
fault_text(const struct http_reply *reply, char out[FAULT_TEXT_MAX])
{
	const char *said = NULL;
	struct json *j = NULL;

	if (json_parse(buf_str(&reply->body), reply->body.len, &j, NULL) == CR_OK) {
		struct json_at root = json_root(j);
		struct json_at error = json_get(&root, "error");

		if (json_want_string(&error, &said, NULL) != CR_OK)
			said = NULL;
	}
	if (said == NULL)
		said = reply->body.len > 0 ? buf_str(&reply->body) : "no text";
	(void)snprintf(out, FAULT_TEXT_MAX, "%s", said);
	json_drop(&j);
}

int
pdns_fault_parse(const struct http_reply *reply, const char *zone, struct err *err)
{
	char text[FAULT_TEXT_MAX];

	fault_text(reply, text);
	switch (reply->status) {
	case 401:
	case 403:
		return err_set(err, CR_EAUTH, "the api_key was not accepted (%d)", reply->status);
	case 404:
		return err_set(err, CR_ENOTFOUND, "zone %s does not exist on the server", zone);
	case 409:
		return err_set(err, CR_ECONFLICT, "zone %s exists already", zone);
	case 400:
	case 422:
		/* "Conflicts with pre-existing RRset", "... conflicts with another RRset": a CNAME and other data. */
		return err_set(err, strcasestr(text, "conflicts with") != NULL ? CR_ECONFLICT : CR_EREFUSED,
		               "the server refused zone %s: %s", zone, text);
	default:
		return err_set(err, reply->status >= 500 ? CR_ERETRY : CR_EIO, "zone %s: answered %d: %s", zone,
		               reply->status, text);
	}
}
