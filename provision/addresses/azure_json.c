/*
 * azure_json.c - a public IP resource of Azure: JSON to values, and back whole.
 *
 * Source: the publicIPAddresses description 2023-09-01 of Azure/azure-rest-api-specs, read 2026-11-25.
 */
#include "provision/addresses/azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
azip_release(struct azip *a)
{
	json_drop(&a->json);
	free(a->id);
	free(a->etag);
	*a = (struct azip){0};
}

/* An optional text that has to fit. */
static int
read_text(const struct json_at *parent, const char *key, char *out, size_t size, struct err *err)
{
	struct json_at at = json_get(parent, key);
	const char *text = "";
	int rc = json_opt_string(&at, "", &text, err);

	if (rc == CR_OK && strlen(text) >= size)
		return err_set(err, CR_EPARSE, "%s: longer than %zu bytes", at.path, size - 1);
	if (rc == CR_OK)
		(void)snprintf(out, size, "%s", text);
	return rc;
}

static int
read_copy(const struct json_at *parent, const char *key, char **out, struct err *err)
{
	struct json_at at = json_get(parent, key);
	const char *text = NULL;
	int rc = json_want_string(&at, &text, err);

	if (rc == CR_OK && (*out = strdup(text)) == NULL)
		rc = err_nomem(err, key);
	return rc;
}

static int
read_dns(const struct json_at *properties, struct azip_dns *out, struct err *err)
{
	struct json_at dns = json_get(properties, "dnsSettings");
	int rc = read_text(&dns, "domainNameLabel", out->label, sizeof(out->label), err);

	if (rc == CR_OK)
		rc = read_text(&dns, "fqdn", out->fqdn, sizeof(out->fqdn), err);
	if (rc == CR_OK)
		rc = read_text(&dns, "reverseFqdn", out->reverse, sizeof(out->reverse), err);
	return rc;
}

int
azip_parse(const char *text, size_t len, struct azip *out, struct err *err)
{
	struct azip a = {0};
	struct json_at root, properties, sku;
	char method[32] = "", version[16] = "", state[32] = "", name[32] = "";
	int rc = json_parse(text, len, &a.json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(a.json);
	properties = json_get(&root, "properties");
	sku = json_get(&root, "sku");
	rc = read_copy(&root, "id", &a.id, err);
	if (rc == CR_OK)
		rc = read_copy(&root, "etag", &a.etag, err);
	if (rc == CR_OK)
		rc = json_want_object(&properties, err);
	if (rc == CR_OK)
		rc = read_text(&properties, "ipAddress", a.address, sizeof(a.address), err);
	if (rc == CR_OK)
		rc = read_text(&properties, "publicIPAllocationMethod", method, sizeof(method), err);
	if (rc == CR_OK)
		rc = read_text(&properties, "publicIPAddressVersion", version, sizeof(version), err);
	if (rc == CR_OK)
		rc = read_text(&properties, "provisioningState", state, sizeof(state), err);
	if (rc == CR_OK)
		rc = read_text(&sku, "name", name, sizeof(name), err);
	if (rc == CR_OK)
		rc = read_dns(&properties, &a.dns, err);
	if (rc == CR_OK) {
		a.is_static = strcasecmp(method, "Static") == 0;
		a.is_v6 = strcasecmp(version, "IPv6") == 0;
		a.is_basic = strcasecmp(name, "Basic") == 0;
		a.updating = strcasecmp(state, "Updating") == 0;
		*out = a;
		a = (struct azip){0};
	}
	azip_release(&a);
	return rc;
}

/* Where the copy differs from what came. */
struct copy {
	struct json_out j;
	const struct azip_dns *dns;
	struct err *err;
};

static int copy_value(struct copy *c, const struct json_at *at, unsigned depth);

static void
member_if_set(struct copy *c, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_out_member(&c->j, key, text);
}

/* dnsSettings: ours, and what else stands in it. */
static int
write_dns(struct copy *c, const struct json_at *at)
{
	static const char *const ours[] = {"domainNameLabel", "fqdn", "reverseFqdn"};
	const struct azip_dns *d = c->dns;
	int rc = CR_OK;

	/* The scope of a label that goes goes along. */
	if (d->label[0] == '\0' && d->reverse[0] == '\0')
		return CR_OK;
	json_out_key(&c->j, "dnsSettings");
	json_out_open(&c->j, '{');
	member_if_set(c, ours[0], d->label);
	member_if_set(c, ours[1], d->fqdn);
	member_if_set(c, ours[2], d->reverse);
	for (size_t i = 0; rc == CR_OK && i < json_count(at); i++) {
		const char *key = NULL;
		struct json_at member = json_member(at, i, &key);

		if (strcmp(key, ours[0]) == 0 || strcmp(key, ours[1]) == 0 || strcmp(key, ours[2]) == 0)
			continue;
		json_out_key(&c->j, key);
		rc = copy_value(c, &member, 2);
	}
	json_out_close(&c->j);
	return rc;
}

/* depth 1: the members of "properties", of which dnsSettings is written anew. */
static int
copy_object(struct copy *c, const struct json_at *at, unsigned depth, bool is_properties)
{
	struct json_at dns = json_get(at, "dnsSettings");
	int rc = CR_OK;

	json_out_open(&c->j, '{');
	for (size_t i = 0; rc == CR_OK && i < json_count(at); i++) {
		const char *key = NULL;
		struct json_at member = json_member(at, i, &key);

		if (is_properties && strcmp(key, "dnsSettings") == 0)
			continue;
		json_out_key(&c->j, key);
		rc = depth == 0 && strcmp(key, "properties") == 0 ? copy_object(c, &member, 1, true)
		                                                  : copy_value(c, &member, depth + 1);
	}
	if (rc == CR_OK && is_properties)
		rc = write_dns(c, &dns);
	json_out_close(&c->j);
	return rc;
}

static int
copy_array(struct copy *c, const struct json_at *at, unsigned depth)
{
	int rc = CR_OK;

	json_out_open(&c->j, '[');
	for (size_t i = 0; rc == CR_OK && i < json_count(at); i++) {
		struct json_at item = json_item(at, i);

		rc = copy_value(c, &item, depth + 1);
	}
	json_out_close(&c->j);
	return rc;
}

/* depth is bounded by the parser. */
static int
copy_value(struct copy *c, const struct json_at *at, unsigned depth)
{
	const char *text = NULL;
	int64_t number = 0;
	bool flag = false;
	int rc = CR_OK;

	if (json_is_object(at))
		return copy_object(c, at, depth, false);
	if (json_is_array(at))
		return copy_array(c, at, depth);
	if (json_is_null(at)) {
		json_out_null(&c->j);
	} else if (json_is_string(at)) {
		rc = json_want_string(at, &text, c->err);
		json_out_string(&c->j, text);
	} else if (json_want_bool(at, &flag, NULL) == CR_OK) {
		json_out_bool(&c->j, flag);
	} else {
		/* A fraction would not come back as it was; there is none in this resource. */
		rc = json_want_int(at, INT64_MIN, INT64_MAX, &number, c->err);
		json_out_int(&c->j, number);
	}
	return rc;
}

int
azip_write(const struct azip *a, const struct azip_dns *dns, struct buf *out, struct err *err)
{
	struct copy c = {.j = json_out_on(out), .dns = dns, .err = err};
	struct json_at root = json_root(a->json);
	int rc = copy_object(&c, &root, 0, false);

	return rc == CR_OK ? buf_check(out, "public IP", err) : rc;
}
