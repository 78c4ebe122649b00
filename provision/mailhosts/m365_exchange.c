/*
 * m365_exchange.c - Exchange's cmdlet proxy: what is said to it, and what its answers mean.
 *
 * Sources: public clients of the endpoint (Microsoft publishes no contract of it); the cmdlets themselves in office-docs-powershell
 * (Get-, New-, Set-DkimSigningConfig, New-HostedOutboundSpamFilterPolicy, read 2026-11-25).  It may change without notice: whoever calls it
 * has a way without it.
 */
#include "provision/mailhosts/m365.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/json.h"
#include "dns/name.h"

#define FAULT_TEXT_MAX 200

int
exchange_request(const struct exchange_target *t, const char *cmdlet, const struct exchange_parameter *parameters,
                 size_t n, char anchor[320], struct http_request *out, struct err *err)
{
	struct http_request q = {0};
	struct json_out j;
	int rc = graph_request(t->base, "POST", "/adminapi/beta/%s/InvokeCommand", t->tenant, &q, err);

	if (rc != CR_OK)
		return rc;
	(void)snprintf(anchor, 320, "UPN:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@%.250s",
	               t->initial_domain);
	http_request_add_header(&q, "X-AnchorMailbox", anchor);
	http_request_add_header(&q, "X-CmdletName", cmdlet);
	q.content_type = "application/json";
	j = json_out_on(&q.body);
	json_out_open(&j, '{');
	json_out_key(&j, "CmdletInput");
	json_out_open(&j, '{');
	json_out_member(&j, "CmdletName", cmdlet);
	json_out_key(&j, "Parameters");
	json_out_open(&j, '{');
	for (size_t i = 0; i < n; i++) {
		const struct exchange_parameter *p = &parameters[i];

		if (p->text != NULL)
			json_out_member(&j, p->name, p->text);
		else if (p->is_number)
			json_out_member_int(&j, p->name, p->number);
		else
			json_out_member_bool(&j, p->name, p->truth);
	}
	json_out_close(&j);
	json_out_close(&j);
	json_out_close(&j);
	rc = buf_check(&q.body, "request", err);
	if (rc == CR_OK)
		*out = q;
	else
		http_request_release(&q);
	return rc;
}

bool
exchange_is_target(const char *name)
{
	return name_is_under(name, "onmicrosoft.com") || name_is_under(name, "dkim.mail.microsoft");
}

/* The first of the objects; .node NULL: there is none. */
static int
first(const char *text, size_t len, struct json **json, struct json_at *out, struct err *err)
{
	struct json_at root, value;
	int rc = json_parse(text, len, json, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(*json);
	value = json_get(&root, "value");
	rc = json_want_array(&value, err);
	if (rc == CR_OK)
		*out = json_item(&value, 0);
	return rc;
}

static int
read_target(const struct json_at *at, const char *key, char out[MAILHOST_VALUE_TEXT_MAX], struct err *err)
{
	struct json_at member = json_get(at, key);
	const char *text = "";
	struct name name;
	int rc = json_want_string(&member, &text, err);

	if (rc != CR_OK)
		return rc;
	if (name_parse(text, &name, NULL) != CR_OK || strlen(name.text) >= MAILHOST_VALUE_TEXT_MAX)
		return err_set(err, CR_EPARSE, "%s: '%.100s' is no name", member.path, text);
	if (!exchange_is_target(name.text))
		return err_set(
			err, CR_EREFUSED,
			"the DKIM target '%.200s' lies neither under onmicrosoft.com nor under dkim.mail.microsoft: "
			"it is not published",
			name.text);
	memcpy(out, name.text, strlen(name.text) + 1);
	return CR_OK;
}

/* "2048", or 2048. */
static int64_t
read_bits(const struct json_at *at)
{
	struct json_at member = json_get(at, "Selector1KeySize");
	const char *text = NULL;
	int64_t bits = 0;

	if (json_is_string(&member) && json_want_string(&member, &text, NULL) == CR_OK)
		return strcmp(text, "1024") == 0 ? 1024 : strcmp(text, "2048") == 0 ? 2048 : 0;
	return json_opt_int(&member, 0, 65536, 0, &bits, NULL) == CR_OK ? bits : 0;
}

int
exchange_dkim_parse(const char *text, size_t len, struct exchange_dkim *out, struct err *err)
{
	struct exchange_dkim d = {0};
	struct json *json = NULL;
	struct json_at at = {0}, member;
	const char *status = "";
	int rc = first(text, len, &json, &at, err);

	if (rc != CR_OK || at.node == NULL)
		goto out;
	d.found = true;
	member = json_get(&at, "Enabled");
	rc = json_want_bool(&member, &d.enabled, err);
	member = json_get(&at, "Status");
	if (rc == CR_OK)
		rc = json_want_string(&member, &status, err);
	d.valid = rc == CR_OK && strcasecmp(status, "Valid") == 0;
	if (rc == CR_OK)
		rc = read_target(&at, "Selector1CNAME", d.targets[0], err);
	if (rc == CR_OK)
		rc = read_target(&at, "Selector2CNAME", d.targets[1], err);
	d.bits = read_bits(&at);
out:
	if (rc == CR_OK)
		*out = d;
	json_drop(&json);
	return rc;
}

int
exchange_limit_parse(const char *text, size_t len, int64_t *out, struct err *err)
{
	struct json *json = NULL;
	struct json_at at = {0}, member;
	int rc = first(text, len, &json, &at, err);

	*out = -1;
	if (rc == CR_OK && at.node != NULL) {
		member = json_get(&at, "RecipientLimitPerDay");
		rc = json_want_int(&member, 0, INT32_MAX, out, err);
	}
	json_drop(&json);
	return rc;
}

int
exchange_any_parse(const char *text, size_t len, bool *out, struct err *err)
{
	struct json *json = NULL;
	struct json_at at = {0};
	int rc = first(text, len, &json, &at, err);

	*out = at.node != NULL;
	json_drop(&json);
	return rc;
}

int
exchange_fault_parse(const struct http_reply *reply, const char *cmdlet, struct err *err)
{
	const char *s = "";
	struct json *json = NULL;
	struct json_at root, error, at;
	char text[FAULT_TEXT_MAX] = "";
	bool missing;

	if (json_parse(buf_str(&reply->body), reply->body.len, &json, NULL) == CR_OK) {
		root = json_root(json);
		error = json_get(&root, "error");
		at = json_get(&error, "message");
		if (json_is_string(&at) && json_want_string(&at, &s, NULL) == CR_OK)
			(void)snprintf(text, sizeof(text), "%.*s", FAULT_TEXT_MAX - 1, s);
	}
	json_drop(&json);
	/* Cmdlets name the kind of their failure inside the text: "|Microsoft.Exchange...ManagementObjectNotFoundException|...". */
	missing = strstr(text, "ObjectNotFound") != NULL || strstr(text, "couldn't be found") != NULL;
	if (reply->status == 403)
		return err_set(err, CR_EAUTH,
		               "%s: Exchange's proxy does not allow it (403): Exchange.ManageAsApp and a role", cmdlet);
	if (missing)
		return err_set(err, CR_ENOTFOUND, "%s: not there", cmdlet);
	if (reply->status == 404)
		return err_set(err, CR_EAUTH, "%s: Exchange's proxy does not answer here (404)", cmdlet);
	if (reply->status >= 400 && reply->status < 500)
		return err_set(err, CR_EREFUSED, "%s: refused (%d): %s", cmdlet, reply->status, text);
	return err_set(err, CR_EUNKNOWN, "%s: answered %d, and what that is cannot be read", cmdlet, reply->status);
}
