/*
 * cloudflare_json.c - what is said to Cloudflare's API, and what its answers mean: values to JSON and back.
 *
 * Sources: https://developers.cloudflare.com/api (zones, dns records, batch; read 2026-11-25); recorded answers in tests/golden/cloudflare.
 * Invariants: every record is sent with "proxied": false and a TTL of its own; a TXT is sent as quoted strings, which the API reads as those
 * of a zone file, and is compared decoded, since either form comes back.
 */
#include "dns/zones/cloudflare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/list.h"
#include "dns/txt.h"

#define PAGE_RECORDS   1000
#define FAULT_TEXT_MAX 200

void
cf_records_release(struct cf_records *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].id);
		record_release(&l->items[i].record);
	}
	free(l->items);
	*l = (struct cf_records){0};
}

/* METHOD BASE + path, with the token.  Takes path's text; a failed buf is reported. */
static int
start(const struct cf_target *t, const char *method, struct buf *path, struct http_request *out, struct err *err)
{
	struct http_request q = {.method = method};
	int rc = buf_check(path, "url", err);

	if (rc == CR_OK)
		rc = http_request_set_url(&q, t->base, buf_str(path), err);
	if (rc == CR_OK) {
		http_request_add_secret(&q, "Authorization", "Bearer ", t->token);
		*out = q;
	}
	buf_release(path);
	return rc;
}

/* The body is sound, or the request is released. */
static int
finish(struct http_request *q, int rc, struct err *err)
{
	if (rc == CR_OK)
		rc = buf_check(&q->body, "request", err);
	if (rc == CR_OK && q->body.len > 0)
		q->content_type = "application/json";
	if (rc != CR_OK)
		http_request_release(q);
	return rc;
}

int
cf_find_request(const struct cf_target *t, const char *zone, struct http_request *out, struct err *err)
{
	struct buf path = {0};

	buf_adds(&path, "/zones?name=");
	http_encode(&path, zone);
	buf_adds(&path, "&account.id=");
	http_encode(&path, t->account);
	return start(t, "GET", &path, out, err);
}

int
cf_records_request(const struct cf_target *t, const char *id, unsigned page, struct http_request *out, struct err *err)
{
	struct buf path = {0};

	buf_adds(&path, "/zones/");
	http_encode(&path, id);
	buf_addf(&path, "/dns_records?page=%u&per_page=%d", page, PAGE_RECORDS);
	return start(t, "GET", &path, out, err);
}

int
cf_remove_request(const struct cf_target *t, const char *id, struct http_request *out, struct err *err)
{
	struct buf path = {0};

	buf_adds(&path, "/zones/");
	http_encode(&path, id);
	return start(t, "DELETE", &path, out, err);
}

int
cf_create_request(const struct cf_target *t, const char *zone, struct http_request *out, struct err *err)
{
	struct buf path = {0};
	struct json_out j;
	int rc;

	buf_adds(&path, "/zones");
	rc = start(t, "POST", &path, out, err);
	if (rc != CR_OK)
		return rc;
	j = json_out_on(&out->body);
	json_out_open(&j, '{');
	json_out_member(&j, "name", zone);
	json_out_key(&j, "account");
	json_out_open(&j, '{');
	json_out_member(&j, "id", t->account);
	json_out_close(&j);
	json_out_member(&j, "type", "full");
	json_out_close(&j);
	return finish(out, rc, err);
}

/* The words of an RDATA text: at most n of them, borrowed from it. */
static size_t
words(char *text, char *out[], size_t n)
{
	size_t found = 0;
	char *rest = NULL;

	for (char *w = strtok_r(text, " ", &rest); w != NULL && found < n; w = strtok_r(NULL, " ", &rest))
		out[found++] = w;
	return found;
}

static void
cut_dot(char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
}

static void
member_number(struct json_out *j, const char *key, const char *digits)
{
	json_out_member_int(j, key, strtol(digits, NULL, 10));
}

/* SRV, CAA and TLSA have their fields apart; text is their RDATA, which record.c wrote. */
static void
write_data(struct json_out *j, uint16_t type, char *text)
{
	static const char *const srv[] = {"priority", "weight", "port"};
	static const char *const tlsa[] = {"usage", "selector", "matching_type"};
	char *w[4] = {0};

	json_out_key(j, "data");
	json_out_open(j, '{');
	if (type == RECORD_CAA) {
		/* FLAGS TAG "VALUE": the value may hold blanks. */
		char *quote = strchr(text, '"'), *end = strrchr(text, '"');

		if (quote != NULL && end > quote) {
			*quote = '\0';
			*end = '\0';
		}
		if (words(text, w, 2) == 2) {
			member_number(j, "flags", w[0]);
			json_out_member(j, "tag", w[1]);
			json_out_member(j, "value", quote != NULL ? quote + 1 : "");
		}
	} else if (words(text, w, 4) == 4) {
		for (size_t i = 0; i < 3; i++)
			member_number(j, type == RECORD_SRV ? srv[i] : tlsa[i], w[i]);
		cut_dot(w[3]);
		json_out_member(j, type == RECORD_SRV ? "target" : "certificate", w[3]);
	}
	json_out_close(j);
}

/* What stands for the value of r: content, a priority beside it, or the fields in data. */
static int
write_value(struct json_out *j, const struct record *r, struct err *err)
{
	struct buf text = {0};
	char *host;
	int rc;

	record_format_rdata(r, &text);
	rc = buf_check(&text, "record", err);
	if (rc != CR_OK)
		goto out;
	if (r->type == RECORD_SRV || r->type == RECORD_CAA || r->type == RECORD_TLSA) {
		write_data(j, r->type, text.data);
		goto out;
	}
	host = text.data;
	if (r->type == RECORD_MX) {
		host = strchr(text.data, ' ');
		host = host != NULL ? host + 1 : text.data;
		member_number(j, "priority", text.data);
	}
	if (r->type == RECORD_MX || r->type == RECORD_CNAME || r->type == RECORD_NS || r->type == RECORD_PTR)
		cut_dot(host);
	json_out_member(j, "content", host);
out:
	buf_release(&text);
	return rc;
}

static int
write_record(struct json_out *j, const struct record *r, struct err *err)
{
	char type[16];
	int rc;

	json_out_open(j, '{');
	json_out_member(j, "type", record_type_name(r->type, type));
	json_out_member(j, "name", r->owner);
	rc = write_value(j, r, err);
	json_out_member_int(j, "ttl", r->ttl_s);
	/* Of those types alone that a proxy can stand in for: the others are refused with it. */
	if (r->type == RECORD_A || r->type == RECORD_AAAA || r->type == RECORD_CNAME)
		json_out_member_bool(j, "proxied", false);
	json_out_close(j);
	return rc;
}

int
cf_batch_request(const struct cf_target *t, const char *id, const struct cf_batch *b, struct http_request *out,
                 struct err *err)
{
	struct buf path = {0};
	struct json_out j;
	int rc;

	buf_adds(&path, "/zones/");
	http_encode(&path, id);
	buf_adds(&path, "/dns_records/batch");
	rc = start(t, "POST", &path, out, err);
	if (rc != CR_OK)
		return rc;
	j = json_out_on(&out->body);
	json_out_open(&j, '{');
	json_out_key(&j, "deletes");
	json_out_open(&j, '[');
	for (size_t i = 0; i < b->n_deletes; i++) {
		json_out_open(&j, '{');
		json_out_member(&j, "id", b->deletes[i]);
		json_out_close(&j);
	}
	json_out_close(&j);
	json_out_key(&j, "patches");
	json_out_open(&j, '[');
	for (size_t i = 0; i < b->n_patches; i++) {
		json_out_open(&j, '{');
		json_out_member(&j, "id", b->patches[i].id);
		json_out_member_int(&j, "ttl", b->patches[i].ttl_s);
		json_out_member_bool(&j, "proxied", false);
		json_out_close(&j);
	}
	json_out_close(&j);
	json_out_key(&j, "posts");
	json_out_open(&j, '[');
	for (size_t i = 0; rc == CR_OK && i < b->n_posts; i++)
		rc = write_record(&j, b->posts[i], err);
	json_out_close(&j);
	json_out_close(&j);
	return finish(out, rc, err);
}

static int
read_servers(const struct json_at *zone, struct zone_state *s, struct err *err)
{
	struct json_at list = json_get(zone, "name_servers");
	struct name name;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < json_count(&list); i++) {
		struct json_at at = json_item(&list, i);
		const char *text = NULL;

		rc = json_want_string(&at, &text, err);
		if (rc == CR_OK)
			rc = name_parse(text, &name, err);
		if (rc == CR_OK)
			rc = zone_state_add_server(s, name.text, err);
	}
	return rc;
}

static int
read_zone(const struct json_at *at, const char *zone, struct zone_state *s, struct err *err)
{
	struct json_at name_at = json_get(at, "name"), id_at = json_get(at, "id");
	const char *text = NULL, *id = NULL;
	struct name name;
	int rc = json_want_string(&name_at, &text, err);

	if (rc == CR_OK)
		rc = json_want_string(&id_at, &id, err);
	if (rc != CR_OK || name_parse(text, &name, NULL) != CR_OK || !name_equal(name.text, zone))
		return rc;
	s->exists = true;
	s->id = strdup(id);
	return s->id != NULL ? read_servers(at, s, err) : err_nomem(err, zone);
}

int
cf_zone_parse(const char *text, size_t len, const char *zone, struct zone_state *out, struct err *err)
{
	struct zone_state s = {0};
	struct json *json = NULL;
	struct json_at root, result;
	int rc = json_parse(text, len, &json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	result = json_get(&root, "result");
	if (json_is_object(&result)) {
		rc = read_zone(&result, zone, &s, err);
		if (rc == CR_OK && !s.exists)
			rc = err_set(err, CR_EPARSE, "result.name: not %s", zone);
	} else {
		rc = json_want_array(&result, err);
		for (size_t i = 0; rc == CR_OK && !s.exists && i < json_count(&result); i++) {
			struct json_at at = json_item(&result, i);

			rc = read_zone(&at, zone, &s, err);
		}
	}
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
	}
	zone_state_release(&s);
	json_drop(&json);
	return rc;
}

/* The RDATA as a line of a zone file would have it.  false: this type has none that is known here. */
static int
read_rdata(const struct json_at *at, uint16_t type, const char *content, struct buf *out, struct err *err)
{
	struct json_at priority_at = json_get(at, "priority"), data = json_get(at, "data"), value_at;
	const char *value = "", *tag = "";
	int64_t priority = 0, flags = 0;
	int rc = CR_OK;

	if (type == RECORD_MX || type == RECORD_SRV) {
		rc = json_want_int(&priority_at, 0, UINT16_MAX, &priority, err);
		buf_addf(out, "%d ", (int)priority);
	}
	if (type == RECORD_CAA && json_is_object(&data)) {
		value_at = json_get(&data, "flags");
		rc = json_want_int(&value_at, 0, UINT8_MAX, &flags, err);
		value_at = json_get(&data, "tag");
		if (rc == CR_OK)
			rc = json_want_string(&value_at, &tag, err);
		value_at = json_get(&data, "value");
		if (rc == CR_OK)
			rc = json_want_string(&value_at, &value, err);
		buf_addf(out, "%d %s ", (int)flags, tag);
		txt_format(value, strlen(value), out);
		return rc;
	}
	buf_adds(out, content);
	if ((type == RECORD_MX || type == RECORD_CNAME || type == RECORD_NS || type == RECORD_PTR ||
	     type == RECORD_SRV) &&
	    out->len > 0 && out->data[out->len - 1] != '.')
		buf_addc(out, '.');
	return rc;
}

/* Quoted: strings of a zone file.  Else: the bytes themselves. */
static int
read_txt(const char *owner, uint32_t ttl_s, const char *content, struct record *out, struct err *err)
{
	const size_t len = strlen(content);
	struct buf bytes = {.max_bytes = RECORD_DATA_MAX};
	int rc = CR_OK;

	if (len > 1 && content[0] == '"' && content[len - 1] == '"')
		rc = txt_parse(content, &bytes, err);
	else
		buf_add(&bytes, content, len);
	if (rc == CR_OK)
		rc = buf_check(&bytes, "TXT", err);
	if (rc == CR_OK)
		rc = record_txt(owner, ttl_s, buf_str(&bytes), bytes.len, out, err);
	buf_release(&bytes);
	return rc;
}

/* CR_ENOTFOUND: a type, or a form of one, that nobody here can have made. */
static int
read_value(const struct json_at *at, const char *owner, int64_t ttl_s, struct record *out, struct err *err)
{
	struct json_at type_at = json_get(at, "type"), content_at = json_get(at, "content");
	const char *type_name = NULL, *content = NULL;
	struct buf rdata = {.max_bytes = RECORD_DATA_MAX};
	uint16_t type;
	int rc = json_want_string(&type_at, &type_name, err);

	if (rc == CR_OK)
		rc = json_want_string(&content_at, &content, err);
	if (rc != CR_OK)
		return rc;
	if (record_type_parse(type_name, &type, NULL) != CR_OK)
		return CR_ENOTFOUND;
	if (type == RECORD_TXT)
		return read_txt(owner, (uint32_t)ttl_s, content, out, err) == CR_OK ? CR_OK : CR_ENOTFOUND;
	rc = read_rdata(at, type, content, &rdata, err);
	if (rc == CR_OK)
		rc = buf_check(&rdata, "record", err);
	if (rc == CR_OK && record_parse(owner, type, (uint32_t)ttl_s, buf_str(&rdata), "", out, NULL) != CR_OK)
		rc = CR_ENOTFOUND;
	buf_release(&rdata);
	return rc;
}

static int
read_record(const struct json_at *at, struct cf_records *l, struct err *err)
{
	struct json_at id_at = json_get(at, "id"), name_at = json_get(at, "name"), ttl_at = json_get(at, "ttl"),
		       proxied_at = json_get(at, "proxied");
	const char *id = NULL, *name = NULL;
	struct cf_record r = {0}, *grown;
	int64_t ttl_s = 0;
	int rc = json_want_string(&id_at, &id, err);

	if (rc == CR_OK)
		rc = json_want_string(&name_at, &name, err);
	if (rc == CR_OK)
		rc = json_want_int(&ttl_at, 0, RECORD_TTL_MAX, &ttl_s, err);
	if (rc == CR_OK)
		rc = json_opt_bool(&proxied_at, false, &r.proxied, err);
	/* A proxied record is not what DNS answers: its TTL is never ours, so that the plan mends it. */
	if (rc == CR_OK)
		rc = read_value(at, name, r.proxied ? 1 : ttl_s, &r.record, err);
	if (rc == CR_ENOTFOUND)
		return CR_OK;
	if (rc != CR_OK)
		return rc;
	grown = list_grow(l->items, l->n, &l->cap, sizeof(*grown));
	if (grown == NULL)
		goto nomem;
	l->items = grown;
	r.id = strdup(id);
	if (r.id == NULL)
		goto nomem;
	l->items[l->n++] = r;
	return CR_OK;
nomem:
	record_release(&r.record);
	return err_nomem(err, "records");
}

int
cf_records_parse(const char *text, size_t len, struct cf_records *out, struct err *err)
{
	struct json *json = NULL;
	struct json_at root, result, info, total_at;
	int64_t total = 0;
	int rc = json_parse(text, len, &json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	result = json_get(&root, "result");
	info = json_get(&root, "result_info");
	total_at = json_get(&info, "total_count");
	rc = json_want_array(&result, err);
	if (rc == CR_OK)
		rc = json_want_int(&total_at, 0, INT32_MAX, &total, err);
	for (size_t i = 0; rc == CR_OK && i < json_count(&result); i++) {
		struct json_at at = json_item(&result, i);

		rc = read_record(&at, out, err);
		out->seen++;
	}
	out->total = (size_t)total;
	json_drop(&json);
	return rc;
}

/* errors[0] of the envelope. */
static int64_t
read_error(const struct http_reply *reply, char *message, size_t size)
{
	struct json *json = NULL;
	struct json_at root, errors, first, at;
	const char *text = NULL;
	int64_t code = 0;

	message[0] = '\0';
	if (json_parse(buf_str(&reply->body), reply->body.len, &json, NULL) != CR_OK)
		return 0;
	root = json_root(json);
	errors = json_get(&root, "errors");
	first = json_item(&errors, 0);
	at = json_get(&first, "code");
	if (at.node == NULL || json_want_int(&at, 0, INT32_MAX, &code, NULL) != CR_OK)
		code = 0;
	at = json_get(&first, "message");
	if (json_is_string(&at) && json_want_string(&at, &text, NULL) == CR_OK)
		(void)snprintf(message, size, "%.*s", FAULT_TEXT_MAX, text);
	json_drop(&json);
	return code;
}

/* What the API's codes mean for the caller; those not listed are told by the status. */
static const struct {
	int64_t code;
	int rc;
} codes[] = {
	{CF_ZONE_EXISTS,   CR_ECONFLICT},
	{CF_SAME_RECORD,   CR_ECONFLICT},
	{CF_SAME_RECORD_2, CR_ECONFLICT},
	{CF_HOST_TAKEN,    CR_ECONFLICT},
	{CF_HOST_TAKEN_2,  CR_ECONFLICT},
	{CF_NO_SUCH,       CR_ECONFLICT},
	{CF_NO_SUCH_ID,    CR_ENOTFOUND},
	{9103,             CR_EAUTH    },
	{9109,             CR_EAUTH    },
	{6003,             CR_EAUTH    },
	{10000,            CR_EAUTH    },
};

int
cf_fault_parse(const struct http_reply *reply, const char *what, int64_t *code_out, struct err *err)
{
	char message[FAULT_TEXT_MAX + 1];
	int rc = CR_EREFUSED;

	*code_out = read_error(reply, message, sizeof(message));
	if (reply->status == 401 || reply->status == 403)
		rc = CR_EAUTH;
	else if (reply->status >= 500)
		rc = CR_EUNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == *code_out)
			rc = codes[i].rc;
	if (*code_out == 0 && reply->status / 100 == 2)
		return err_set(err, CR_EUNKNOWN, "%s: the answer (%d) is not the API's", what, reply->status);
	if (rc == CR_EAUTH)
		return err_set(err, rc,
		               "%s: the token is not accepted (%d, code %lld): it needs Zone Edit and DNS Edit", what,
		               reply->status, (long long)*code_out);
	return err_set(err, rc, "%s: answered %d, code %lld: %s", what, reply->status, (long long)*code_out,
	               message[0] != '\0' ? message : "nothing more");
}
