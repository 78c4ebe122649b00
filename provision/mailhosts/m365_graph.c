/*
 * m365_graph.c - what is said to Microsoft Graph, as values.
 *
 * Sources: Microsoft Graph v1.0, domain, user and subscribedSku (read 2026-11-25).  A password stands in a request's body and nowhere else.
 */
#include "provision/mailhosts/m365.h"

#include <string.h>

#include "core/json.h"

int
graph_request(const char *base, const char *method, const char *path, const char *subject, struct http_request *out,
              struct err *err)
{
	struct http_request q = {.method = method};
	const char *at = strstr(path, "%s");
	struct buf b = {0};
	int rc;

	if (at == NULL) {
		buf_adds(&b, path);
	} else {
		buf_add(&b, path, (size_t)(at - path));
		http_encode(&b, subject);
		buf_adds(&b, at + 2);
	}
	rc = buf_check(&b, "url", err);
	if (rc == CR_OK)
		rc = http_request_set_url(&q, base, buf_str(&b), err);
	buf_release(&b);
	if (rc != CR_OK)
		return rc;
	http_request_add_header(&q, "Accept", "application/json");
	*out = q;
	return CR_OK;
}

/* A request with an open object for its body. */
static int
begin(const char *base, const char *method, const char *path, const char *subject, struct http_request *out,
      struct json_out *j, struct err *err)
{
	int rc = graph_request(base, method, path, subject, out, err);

	if (rc != CR_OK)
		return rc;
	*j = json_out_on(&out->body);
	json_out_open(j, '{');
	return CR_OK;
}

static int
finish(struct http_request *q, struct json_out *j, struct err *err)
{
	int rc;

	json_out_close(j);
	q->content_type = "application/json";
	rc = buf_check(&q->body, "request", err);
	if (rc != CR_OK)
		http_request_release(q);
	return rc;
}

int
graph_domain_add_request(const char *base, const char *domain, struct http_request *out, struct err *err)
{
	struct json_out j;
	int rc = begin(base, "POST", "/domains", domain, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_member(&j, "id", domain);
	return finish(out, &j, err);
}

int
graph_domain_service_request(const char *base, const char *domain, struct http_request *out, struct err *err)
{
	struct json_out j;
	int rc = begin(base, "PATCH", GRAPH_DOMAIN, domain, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_key(&j, "supportedServices");
	json_out_open(&j, '[');
	json_out_string(&j, "Email");
	json_out_close(&j);
	return finish(out, &j, err);
}

int
graph_domain_force_request(const char *base, const char *domain, struct http_request *out, struct err *err)
{
	struct json_out j;
	int rc = begin(base, "POST", "/domains/%s/forceDelete", domain, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_member_bool(&j, "disableUserAccounts", true);
	return finish(out, &j, err);
}

int
graph_user_create_request(const char *base, const struct mailhost_mailbox *m, const char *location,
                          struct http_request *out, struct err *err)
{
	const size_t n_local = strcspn(m->address, "@");
	struct json_out j;
	size_t len;
	int rc = begin(base, "POST", "/users", NULL, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_member_bool(&j, "accountEnabled", true);
	json_out_key(&j, "displayName");
	if (m->name != NULL)
		json_out_string(&j, m->name);
	else
		json_out_string_n(&j, m->address, n_local);
	json_out_key(&j, "mailNickname");
	json_out_string_n(&j, m->address, n_local);
	json_out_member(&j, "userPrincipalName", m->address);
	json_out_member(&j, "usageLocation", location);
	json_out_key(&j, "passwordProfile");
	json_out_open(&j, '{');
	json_out_member_bool(&j, "forceChangePasswordNextSignIn", false);
	json_out_member(&j, "password", secret_bytes(m->password, &len));
	json_out_close(&j);
	return finish(out, &j, err);
}

int
graph_user_location_request(const char *base, const char *user, const char *location, struct http_request *out,
                            struct err *err)
{
	struct json_out j;
	int rc = begin(base, "PATCH", GRAPH_USER, user, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_member(&j, "usageLocation", location);
	return finish(out, &j, err);
}

int
graph_user_enabled_request(const char *base, const char *user, bool enabled, struct http_request *out, struct err *err)
{
	struct json_out j;
	int rc = begin(base, "PATCH", GRAPH_USER, user, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_member_bool(&j, "accountEnabled", enabled);
	return finish(out, &j, err);
}

int
graph_user_licence_request(const char *base, const char *user, const char *sku, struct http_request *out,
                           struct err *err)
{
	struct json_out j;
	int rc = begin(base, "POST", "/users/%s/assignLicense", user, out, &j, err);

	if (rc != CR_OK)
		return rc;
	json_out_key(&j, "addLicenses");
	json_out_open(&j, '[');
	json_out_open(&j, '{');
	json_out_member(&j, "skuId", sku);
	json_out_key(&j, "disabledPlans");
	json_out_open(&j, '[');
	json_out_close(&j);
	json_out_close(&j);
	json_out_close(&j);
	/* Both have to be there. */
	json_out_key(&j, "removeLicenses");
	json_out_open(&j, '[');
	json_out_close(&j);
	return finish(out, &j, err);
}
