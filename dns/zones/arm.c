/*
 * arm.c - Azure Resource Manager.
 *
 * Sources: https://learn.microsoft.com/azure/azure-resource-manager/management/ (async-operations, request-limits-and-throttling), the
 * Microsoft.Network descriptions of Azure/azure-rest-api-specs; read 2026-11-25.
 * Invariants: a token is sent to the configured host only; addresses that the API gives are followed there or not at all.
 */
#include "dns/zones/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/zones/zones.h"

#define FAULT_TEXT_MAX 200
#define WATCH_MS       2000 /* between looks, when the API does not say */

struct arm {
	struct http *http;
	const struct clock *clock;
	struct pacer *reads, *writes;
	struct oauth *oauth;
	struct secret *secret;
	char *base, *group_path, *token_url, *scope, *client_id;
};

void
arm_drop(struct arm **a)
{
	if (*a == NULL)
		return;
	oauth_drop(&(*a)->oauth);
	pacer_drop(&(*a)->reads);
	pacer_drop(&(*a)->writes);
	secret_drop(&(*a)->secret);
	free((*a)->base);
	free((*a)->group_path);
	free((*a)->token_url);
	free((*a)->scope);
	free((*a)->client_id);
	free(*a);
	*a = NULL;
}

static int
take_text(struct buf *b, const char *what, char **out, struct err *err)
{
	int rc = buf_take(b, what, out, err);

	buf_release(b);
	return rc;
}

/* What all requests have in common. */
static int
make_texts(struct arm *a, const struct arm_settings *s, struct err *err)
{
	struct buf group = {0}, token = {0}, scope = {0};
	char *login = NULL;
	int rc = zone_base_url("url", s->url, &a->base, err);

	if (rc == CR_OK)
		rc = zone_base_url("login_url", s->login_url, &login, err);
	if (rc == CR_OK && (a->client_id = strdup(s->client_id)) == NULL)
		rc = err_nomem(err, "client_id");
	if (rc == CR_OK) {
		buf_adds(&group, "/subscriptions/");
		http_encode(&group, s->subscription);
		buf_adds(&group, "/resourceGroups/");
		http_encode(&group, s->resource_group);
		rc = take_text(&group, "resource group", &a->group_path, err);
	}
	if (rc == CR_OK) {
		buf_addf(&token, "%s/", login);
		http_encode(&token, s->tenant_id);
		buf_adds(&token, "/oauth2/v2.0/token");
		rc = take_text(&token, "token address", &a->token_url, err);
	}
	if (rc == CR_OK) {
		buf_addf(&scope, "%s/.default", a->base);
		rc = take_text(&scope, "scope", &a->scope, err);
	}
	free(login);
	return rc;
}

int
arm_open(struct http *http, const struct clock *clock, const struct arm_settings *s, struct arm **out, struct err *err)
{
	const struct pacer_limit reads = {(unsigned)s->read_limit, ARM_LIMIT_MS};
	const struct pacer_limit writes = {(unsigned)s->write_limit, ARM_LIMIT_MS};
	struct arm *a = calloc(1, sizeof(*a));
	struct oauth_client client;
	bool is_inline;
	int rc;

	if (a == NULL)
		return err_nomem(err, "azure");
	a->http = http;
	a->clock = clock;
	rc = make_texts(a, s, err);
	if (rc == CR_OK && secret_resolve(s->client_secret, true, &is_inline, &a->secret, err) != CR_OK)
		rc = err_wrap(err, "client_secret");
	if (rc == CR_OK)
		rc = pacer_open(&reads, 1, &a->reads, err);
	if (rc == CR_OK)
		rc = pacer_open(&writes, 1, &a->writes, err);
	if (rc == CR_OK) {
		client = (struct oauth_client){a->token_url, a->client_id, a->secret, a->scope};
		rc = oauth_open(http, clock, &client, &a->oauth, err);
	}
	if (rc == CR_OK)
		*out = TAKE(a);
	arm_drop(&a);
	return rc;
}

int
arm_request(const struct arm *a, const char *method, const char *path, const char *version, const char *query,
            struct http_request *out, struct err *err)
{
	struct http_request q = {.method = method};
	struct buf b = {0};
	int rc;

	buf_addf(&b, "%s%s?%s%sapi-version=%s", a->group_path, path, query != NULL ? query : "",
	         query != NULL ? "&" : "", version);
	rc = buf_check(&b, "url", err);
	if (rc == CR_OK)
		rc = http_request_set_url(&q, a->base, buf_str(&b), err);
	buf_release(&b);
	if (rc == CR_OK) {
		http_request_add_header(&q, "Accept", "application/json");
		*out = q;
	}
	return rc;
}

bool
arm_is_same_host(const char *base, const char *url)
{
	const char *host = strstr(base, "://");
	size_t len;

	if (host == NULL)
		return false;
	len = (size_t)(host - base) + 3;
	len += strcspn(base + len, "/");
	return strncasecmp(base, url, len) == 0 && url[len] == '/';
}

int
arm_request_given(const struct arm *a, const char *url, struct http_request *out, struct err *err)
{
	struct http_request q = {.method = "GET"};
	int rc;

	if (!arm_is_same_host(a->base, url))
		return err_set(err, CR_EPARSE, "an address in the answer leads away from %s: not followed", a->base);
	rc = http_request_set_url(&q, url, "", err);
	if (rc == CR_OK) {
		http_request_add_header(&q, "Accept", "application/json");
		*out = q;
	}
	return rc;
}

/* What the API's words mean for the caller; those not listed are told by the status. */
static const struct {
	const char *code;
	int rc;
} codes[] = {
	{"ResourceNotFound",                       CR_ENOTFOUND},
	{"ParentResourceNotFound",                 CR_ENOTFOUND},
	{"NotFound",			       CR_ENOTFOUND},
	{"ResourceGroupNotFound",                  CR_ECONFIG  },
	{"SubscriptionNotFound",                   CR_ECONFIG  },
	{"InvalidSubscriptionId",                  CR_ECONFIG  },
	{"PreconditionFailed",                     CR_ECONFLICT},
	{"AuthorizationFailed",                    CR_EAUTH    },
	{"LinkedAuthorizationFailed",              CR_EAUTH    },
	{"AnotherOperationInProgress",             CR_ERETRY   },
	{"RetryableError",                         CR_ERETRY   },
	{"ReferencedResourceNotProvisioned",       CR_ERETRY   },
	{"ReverseFqdnDoesNotBelongToSubscription", CR_ERETRY   },
};

/* code and message, in "error" or bare. */
static void
read_error(const struct json_at *root, char *code, char *message)
{
	struct json_at error = json_get(root, "error"), at;
	const char *text = NULL;

	code[0] = message[0] = '\0';
	if (!json_is_object(&error))
		error = *root;
	at = json_get(&error, "code");
	if (json_is_string(&at) && json_want_string(&at, &text, NULL) == CR_OK)
		(void)snprintf(code, ARM_CODE_MAX, "%s", text);
	at = json_get(&error, "message");
	if (json_is_string(&at) && json_want_string(&at, &text, NULL) == CR_OK)
		(void)snprintf(message, FAULT_TEXT_MAX, "%s", text);
}

static int
judge(int status, const char *what, const char *code, const char *message, struct err *err)
{
	int rc = CR_EREFUSED;

	if (status == 401 || status == 403)
		rc = CR_EAUTH;
	else if (status == 412)
		rc = CR_ECONFLICT;
	else if (status >= 500 || status / 100 == 2)
		rc = CR_EUNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcasecmp(codes[i].code, code) == 0)
			rc = codes[i].rc;
	if (rc == CR_EAUTH)
		return err_set(err, rc, "%s: not allowed (%d, %s): the application lacks a role there", what, status,
		               code[0] != '\0' ? code : "no code");
	if (code[0] == '\0')
		return err_set(err, rc, "%s: the answer (%d) is not the API's", what, status);
	return err_set(err, rc, "%s: answered %d, %s: %s", what, status, code,
	               message[0] != '\0' ? message : "nothing more");
}

int
arm_fault_parse(const struct http_reply *reply, const char *what, char *code_out, struct err *err)
{
	char message[FAULT_TEXT_MAX] = "";
	struct json *json = NULL;
	struct json_at root;

	code_out[0] = '\0';
	if (json_parse(buf_str(&reply->body), reply->body.len, &json, NULL) == CR_OK) {
		root = json_root(json);
		read_error(&root, code_out, message);
	}
	json_drop(&json);
	return judge(reply->status, what, code_out, message, err);
}

/* A page of somebody between is no answer, whatever its status. */
static bool
is_success(const struct http_reply *reply)
{
	return reply->status / 100 == 2 &&
	       (reply->body.len == 0 || strncasecmp(reply->content_type, "application/json", 16) == 0);
}

int
arm_exchange(const struct arm *a, struct http_request *q, bool idempotent, const char *what, struct http_reply *reply,
             char *code_out, struct err *err)
{
	const bool reads = strcmp(q->method, "GET") == 0;
	const struct http_policy policy = {.pacer = reads ? a->reads : a->writes, .idempotent_write = idempotent};
	int rc = oauth_exchange(a->oauth, &policy, q, reply, err);

	code_out[0] = '\0';
	if (rc == CR_OK && !is_success(reply)) {
		rc = arm_fault_parse(reply, what, code_out, err);
		/* Nothing is changed by a read, whatever went wrong with it. */
		if (rc == CR_EUNKNOWN && reads)
			rc = err_set(err, CR_ERETRY, "%s: answered %d", what, reply->status);
	}
	http_request_release(q);
	return rc;
}

int
arm_watch_parse(const struct http_reply *reply, bool tells_status, const char *what, bool *ended_out, struct err *err)
{
	char code[ARM_CODE_MAX] = "", message[FAULT_TEXT_MAX] = "";
	struct json *json = NULL;
	struct json_at root, at;
	const char *status = NULL;
	int rc;

	*ended_out = !tells_status && reply->status != 202;
	if (!tells_status || reply->status == 202)
		return CR_OK;
	rc = json_parse(buf_str(&reply->body), reply->body.len, &json, err);
	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	at = json_get(&root, "status");
	rc = json_want_string(&at, &status, err);
	if (rc == CR_OK && strcasecmp(status, "Succeeded") == 0)
		*ended_out = true;
	else if (rc == CR_OK && (strcasecmp(status, "Failed") == 0 || strcasecmp(status, "Canceled") == 0)) {
		read_error(&root, code, message);
		rc = judge(400, what, code[0] != '\0' ? code : status, message, err);
		*ended_out = true;
	}
	json_drop(&json);
	return rc;
}

/* One look.  Whatever keeps us from seeing it leaves open how it ended. */
static int
watch(const struct arm *a, const char *url, bool tells_status, const char *what, struct http_reply *reply,
      bool *ended_out, struct err *err)
{
	struct http_request q = {0};
	struct err why = {0};
	char code[ARM_CODE_MAX];
	int rc = arm_request_given(a, url, &q, &why);

	if (rc == CR_OK)
		rc = arm_exchange(a, &q, true, what, reply, code, &why);
	if (rc == CR_OK)
		rc = arm_watch_parse(reply, tells_status, what, ended_out, &why);
	if (rc == CR_OK)
		return CR_OK;
	if (*ended_out)
		return err_set(err, rc, "%s", why.text);
	return err_set(err, CR_EUNKNOWN, "%s: begun, and its end not seen: %.300s", what, why.text);
}

/* Before the next look: as the API says, within reason. */
static int64_t
pause_ms(const struct arm *a, const struct http_reply *reply)
{
	const int64_t after_s =
		reply->retry_after[0] != '\0' ? http_retry_after(reply->retry_after, clock_wall_s(a->clock)) : -1;

	return after_s <= 0 ? WATCH_MS : after_s > 60 ? 60000 : after_s * 1000;
}

int
arm_await(const struct arm *a, const struct http_reply *began, const char *what, struct err *err)
{
	const bool tells_status = began->operation[0] != '\0';
	const int64_t end_ms = clock_boot_ms(a->clock) + ARM_AWAIT_MS;
	char *url = strdup(tells_status ? began->operation : began->location);
	struct http_reply reply = {0};
	int64_t wait_ms = pause_ms(a, began);
	bool ended = !tells_status && began->status != 202;
	int rc = url != NULL ? CR_OK : err_nomem(err, what);

	if (rc == CR_OK && !ended && url[0] == '\0')
		rc = err_set(err, CR_EUNKNOWN, "%s: begun, and the answer does not say where its end is to be seen",
		             what);
	while (rc == CR_OK && !ended) {
		if (clock_boot_ms(a->clock) + wait_ms > end_ms) {
			rc = err_set(err, CR_EUNKNOWN, "%s: begun, and still going on after %lld s", what,
			             (long long)(ARM_AWAIT_MS / 1000));
			break;
		}
		clock_sleep_ms(a->clock, wait_ms);
		http_reply_release(&reply);
		rc = watch(a, url, tells_status, what, &reply, &ended, err);
		wait_ms = pause_ms(a, &reply);
	}
	http_reply_release(&reply);
	free(url);
	return rc;
}
