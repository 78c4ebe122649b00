/*
 * m365_graph_parse.c - what the answers of Microsoft Graph mean.
 *
 * Sources: Microsoft Graph v1.0 (read 2026-11-25): domain, domainDnsRecord, user, subscribedSku, servicePlanInfo, errors.  Unknown members
 * are ignored.  An error is told by its code; its text, which changes, only where the documents give no code.
 */
#include "provision/mailhosts/m365.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/json.h"
#include "dns/name.h"

#define FAULT_TEXT_MAX 160

static int
member_text(const struct json_at *at, const char *key, char *out, size_t size, struct err *err)
{
	struct json_at member = json_get(at, key);
	const char *text = "";
	int rc = json_opt_string(&member, "", &text, err);

	if (rc == CR_OK && strlen(text) >= size)
		return err_set(err, CR_EPARSE, "%s: longer than %zu bytes", member.path, size - 1);
	if (rc == CR_OK)
		memcpy(out, text, strlen(text) + 1);
	return rc;
}

/* The array "value" of a collection. */
static int
collection(const char *text, size_t len, struct json **json, struct json_at *value, struct err *err)
{
	struct json_at root;
	int rc = json_parse(text, len, json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(*json);
	*value = json_get(&root, "value");
	return json_want_array(value, err);
}

int
graph_domain_parse(const char *text, size_t len, struct graph_domain *out, struct err *err)
{
	struct graph_domain d = {0};
	struct json *json = NULL;
	struct json_at root, at;
	int rc = json_parse(text, len, &json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	at = json_get(&root, "isVerified");
	rc = json_want_bool(&at, &d.verified, err);
	at = json_get(&root, "supportedServices");
	for (size_t i = 0; rc == CR_OK && i < json_count(&at); i++) {
		struct json_at item = json_item(&at, i);
		const char *service = "";

		rc = json_want_string(&item, &service, err);
		d.email = d.email || strcmp(service, "Email") == 0;
	}
	at = json_get(&root, "state");
	if (rc == CR_OK)
		rc = member_text(&at, "operation", d.operation, sizeof(d.operation), err);
	if (rc == CR_OK)
		rc = member_text(&at, "status", d.status, sizeof(d.status), err);
	if (rc == CR_OK)
		*out = d;
	json_drop(&json);
	return rc;
}

int
graph_proof_parse(const char *text, size_t len, char out[MAILHOST_VALUE_TEXT_MAX], struct err *err)
{
	struct json *json = NULL;
	struct json_at value;
	bool found = false;
	int rc = collection(text, len, &json, &value, err);

	for (size_t i = 0; rc == CR_OK && !found && i < json_count(&value); i++) {
		struct json_at item = json_item(&value, i), proof = json_get(&item, "text");
		char type[16];

		rc = member_text(&item, "recordType", type, sizeof(type), err);
		if (rc != CR_OK || strcasecmp(type, "Txt") != 0)
			continue;
		found = true;
		rc = json_is_string(&proof) ? member_text(&item, "text", out, MAILHOST_VALUE_TEXT_MAX, err)
		                            : err_set(err, CR_EPARSE, "%s: missing", proof.path);
		/* The shape of the template's record, by which it is known again. */
		if (rc == CR_OK && strncmp(out, "MS=", 3) != 0)
			rc = err_set(err, CR_EPARSE, "%s: '%.60s' is no proof of ownership (MS=...)", proof.path, out);
	}
	if (rc == CR_OK && !found)
		rc = err_set(err, CR_EPARSE, "value: no TXT among the records that prove ownership");
	json_drop(&json);
	return rc;
}

static bool
is_exchange_mx(const char *name)
{
	return name_is_under(name, "mail.protection.outlook.com") || name_is_under(name, "mx.microsoft");
}

static int
read_mx(const struct json_at *item, char out[MAILHOST_VALUE_TEXT_MAX], struct err *err)
{
	struct json_at at = json_get(item, "mailExchange");
	const char *text = "";
	struct name name;
	int rc = json_want_string(&at, &text, err);

	if (rc != CR_OK)
		return rc;
	if (name_parse_host(text, &name, NULL) != CR_OK || strlen(name.text) >= MAILHOST_VALUE_TEXT_MAX)
		return err_set(err, CR_EPARSE, "%s: '%.100s' is no host name", at.path, text);
	if (!is_exchange_mx(name.text))
		return err_set(err, CR_EREFUSED,
		               "the MX '%.200s' lies neither under mail.protection.outlook.com nor under mx.microsoft: "
		               "it is not published",
		               name.text);
	memcpy(out, name.text, strlen(name.text) + 1);
	return CR_OK;
}

int
graph_mx_parse(const char *text, size_t len, char out[MAILHOST_VALUE_TEXT_MAX], struct err *err)
{
	struct json *json = NULL;
	struct json_at value;
	int rc = collection(text, len, &json, &value, err);

	out[0] = '\0';
	for (size_t i = 0; rc == CR_OK && out[0] == '\0' && i < json_count(&value); i++) {
		struct json_at item = json_item(&value, i);
		char type[16];

		rc = member_text(&item, "recordType", type, sizeof(type), err);
		if (rc == CR_OK && strcasecmp(type, "Mx") == 0)
			rc = read_mx(&item, out, err);
	}
	json_drop(&json);
	return rc;
}

int
graph_user_parse(const char *text, size_t len, const char *sku, struct graph_user *out, struct err *err)
{
	struct graph_user u = {0};
	struct json *json = NULL;
	struct json_at root, at;
	const char *mail = "";
	int rc = json_parse(text, len, &json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	at = json_get(&root, "userPrincipalName");
	rc = json_want_string(&at, &mail, err);
	at = json_get(&root, "mail");
	if (rc == CR_OK)
		rc = json_opt_string(&at, "", &mail, err);
	u.has_mail = rc == CR_OK && mail[0] != '\0';
	if (rc == CR_OK)
		rc = member_text(&root, "usageLocation", u.location, sizeof(u.location), err);
	at = json_get(&root, "assignedLicenses");
	for (size_t i = 0; rc == CR_OK && i < json_count(&at); i++) {
		struct json_at item = json_item(&at, i), id_at = json_get(&item, "skuId");
		const char *id = "";

		rc = json_want_string(&id_at, &id, err);
		u.licensed = u.licensed || strcasecmp(id, sku) == 0;
	}
	if (rc == CR_OK)
		*out = u;
	json_drop(&json);
	return rc;
}

static int
read_sku(const struct json_at *item, struct graph_sku *s, struct err *err)
{
	struct json_at units = json_get(item, "prepaidUnits"), bought = json_get(&units, "enabled");
	struct json_at used = json_get(item, "consumedUnits");
	int rc = json_want_int(&bought, 0, INT32_MAX, &s->bought, err);

	if (rc == CR_OK)
		rc = json_want_int(&used, 0, INT32_MAX, &s->used, err);
	if (rc == CR_OK)
		rc = member_text(item, "capabilityStatus", s->status, sizeof(s->status), err);
	return rc;
}

int
graph_sku_parse(const char *text, size_t len, const char *wanted, struct graph_sku *out, struct err *err)
{
	struct json *json = NULL;
	struct json_at value;
	char names[200] = "";
	bool found = false;
	int rc = collection(text, len, &json, &value, err);

	for (size_t i = 0; rc == CR_OK && !found && i < json_count(&value); i++) {
		struct json_at item = json_item(&value, i);
		struct graph_sku s = {0};
		char part[100];
		size_t used = strlen(names);

		rc = member_text(&item, "skuId", s.id, sizeof(s.id), err);
		if (rc == CR_OK)
			rc = member_text(&item, "skuPartNumber", part, sizeof(part), err);
		if (rc != CR_OK)
			break;
		found = s.id[0] != '\0' && (strcasecmp(s.id, wanted) == 0 || strcasecmp(part, wanted) == 0);
		if (found)
			rc = read_sku(&item, &s, err);
		else
			(void)snprintf(names + used, sizeof(names) - used, "%s%.60s", used > 0 ? ", " : "", part);
		if (found && rc == CR_OK)
			*out = s;
	}
	if (rc == CR_OK && !found)
		rc = err_set(err, CR_ECONFIG, "licence: the directory has no '%s'; it has: %s", wanted,
		             names[0] != '\0' ? names : "none");
	json_drop(&json);
	return rc;
}

/* The plans of one licence: EXCHANGE_S_STANDARD and the like, but not those add-ons that make no mailbox. */
static int
read_plans(const struct json_at *plans, char status[32], struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < json_count(plans); i++) {
		struct json_at plan = json_item(plans, i);
		char name[128], is[32];

		rc = member_text(&plan, "servicePlanName", name, sizeof(name), err);
		if (rc == CR_OK)
			rc = member_text(&plan, "provisioningStatus", is, sizeof(is), err);
		if (rc != CR_OK || strncmp(name, "EXCHANGE_S_", 11) != 0 || strcmp(name, "EXCHANGE_S_FOUNDATION") == 0)
			continue;
		if (strcmp(status, "Success") != 0)
			memcpy(status, is, sizeof(is));
	}
	return rc;
}

int
graph_ready_parse(const char *text, size_t len, char status_out[32], struct err *err)
{
	struct json *json = NULL;
	struct json_at value;
	int rc = collection(text, len, &json, &value, err);

	status_out[0] = '\0';
	for (size_t i = 0; rc == CR_OK && i < json_count(&value); i++) {
		struct json_at item = json_item(&value, i), plans = json_get(&item, "servicePlans");

		rc = json_want_array(&plans, err);
		if (rc == CR_OK)
			rc = read_plans(&plans, status_out, err);
	}
	json_drop(&json);
	return rc;
}

int
graph_references_parse(const char *text, size_t len,
                       int (*user)(const char *name, bool is_user, void *arg, struct err *err), void *arg,
                       struct err *err)
{
	struct json *json = NULL;
	struct json_at value, root;
	int rc = collection(text, len, &json, &value, err);

	for (size_t i = 0; rc == CR_OK && i < json_count(&value); i++) {
		struct json_at item = json_item(&value, i);
		char type[64], upn[320], id[64], name[130];
		bool is_user;

		rc = member_text(&item, "@odata.type", type, sizeof(type), err);
		if (rc == CR_OK)
			rc = member_text(&item, "userPrincipalName", upn, sizeof(upn), err);
		if (rc == CR_OK)
			rc = member_text(&item, "id", id, sizeof(id), err);
		if (rc != CR_OK)
			break;
		is_user = upn[0] != '\0';
		(void)snprintf(name, sizeof(name), "%.50s %.60s", type[0] == '#' ? type + 1 : "object", id);
		rc = user(is_user ? upn : name, is_user, arg, err);
	}
	if (rc == CR_OK) {
		root = json_root(json);
		root = json_get(&root, "@odata.nextLink");
		if (json_is_string(&root))
			rc = err_set(err, CR_EREFUSED, "more objects use the domain than one answer holds");
	}
	json_drop(&json);
	return rc;
}

/* error.code, and error.message shortened. */
static void
read_fault(const struct http_reply *reply, char code[64], char text[FAULT_TEXT_MAX])
{
	struct json *json = NULL;
	struct json_at root, error;

	code[0] = text[0] = '\0';
	if (json_parse(buf_str(&reply->body), reply->body.len, &json, NULL) == CR_OK) {
		struct json_at at;
		const char *s = "";

		root = json_root(json);
		error = json_get(&root, "error");
		at = json_get(&error, "code");
		if (json_is_string(&at) && json_want_string(&at, &s, NULL) == CR_OK)
			(void)snprintf(code, 64, "%.63s", s);
		at = json_get(&error, "message");
		if (json_is_string(&at) && json_want_string(&at, &s, NULL) == CR_OK)
			(void)snprintf(text, FAULT_TEXT_MAX, "%.*s", FAULT_TEXT_MAX - 1, s);
	}
	json_drop(&json);
}

int
graph_fault_parse(const struct http_reply *reply, const char *what, const char *needs, struct err *err)
{
	char code[64], text[FAULT_TEXT_MAX];

	read_fault(reply, code, text);
	if (reply->status == 403 || strcmp(code, "Authorization_RequestDenied") == 0)
		return err_set(err, CR_EAUTH,
		               "%s: not allowed (%s): the application needs %s, with an administrator's consent", what,
		               code[0] != '\0' ? code : "403", needs);
	if (reply->status == 404 || strcmp(code, "Request_ResourceNotFound") == 0)
		return err_set(err, CR_ENOTFOUND, "%s: not there (%s)", what, code);
	if (reply->status == 409 || strcmp(code, "Request_MultipleObjectsWithSameKeyValue") == 0)
		return err_set(err, CR_ECONFLICT, "%s: there already (%s)", what, code);
	if (reply->status >= 400 && reply->status < 500 && code[0] != '\0')
		return err_set(err, CR_EREFUSED, "%s: refused (%s): %s", what, code, text);
	return err_set(err, CR_EUNKNOWN, "%s: answered %d, and what that is cannot be read", what, reply->status);
}
