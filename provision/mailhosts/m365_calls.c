/*
 * m365_calls.c - one call to Microsoft Graph or to Exchange each, and the waits between them.
 */
#include "provision/mailhosts/m365.h"

#include <stdio.h>
#include <string.h>

#define GAP_MIN_MS  50
#define GAP_MAX_MS  15000
#define GAP_LAST_MS 60000

/* Under the mutex. */
static int
open_tokens(struct m365 *m, struct err *err)
{
	const struct m365_settings *s = m->settings;
	struct oauth_client client = {.id = s->client_id};
	bool is_inline;
	int rc = CR_OK;

	if (m->exchange != NULL)
		return CR_OK;
	if (m->secret == NULL && secret_resolve(s->client_secret, true, &is_inline, &m->secret, err) != CR_OK)
		return err_wrap(err, "client_secret");
	if (m->token_url == NULL && asprintf(&m->token_url, "%s/%s/oauth2/v2.0/token", s->login_url, s->tenant) < 0) {
		m->token_url = NULL;
		return err_nomem(err, "token address");
	}
	client.token_url = m->token_url;
	client.secret = m->secret;
	client.scope = "https://graph.microsoft.com/.default";
	if (m->graph == NULL)
		rc = oauth_open(m->http, m->clock, &client, &m->graph, err);
	client.scope = "https://outlook.office365.com/.default";
	if (rc == CR_OK)
		rc = oauth_open(m->http, m->clock, &client, &m->exchange, err);
	return rc;
}

static int
with_token(struct m365 *m, bool of_exchange, bool repeat, struct http_request *q, struct http_reply *reply,
           struct err *err)
{
	/* What the proxy counts is not told: it answers 429, which is waited for. */
	const struct http_policy policy = {.idempotent_write = repeat, .pacer = of_exchange ? NULL : m->pacer};
	int rc;

	(void)pthread_mutex_lock(&m->mutex);
	rc = open_tokens(m, err);
	(void)pthread_mutex_unlock(&m->mutex);
	return rc == CR_OK ? oauth_exchange(of_exchange ? m->exchange : m->graph, &policy, q, reply, err) : rc;
}

int
m365_graph(struct m365 *m, struct http_request *q, bool repeat, const char *what, const char *needs,
           struct http_reply *reply, struct err *err)
{
	const bool reads = strcmp(q->method, "GET") == 0;
	int rc = with_token(m, false, repeat, q, reply, err);

	if (rc == CR_OK && (reply->status < 200 || reply->status > 299 ||
	                    (reply->body.len > 0 && strncmp(reply->content_type, "application/json", 16) != 0))) {
		rc = graph_fault_parse(reply, what, needs, err);
		/* Nothing is changed by a read, and by a write that may be repeated nothing that the next one does not. */
		if (rc == CR_EUNKNOWN && (reads || repeat))
			rc = err_set(err, CR_ERETRY, "%s: answered %d", what, reply->status);
	}
	http_request_release(q);
	return rc;
}

int
m365_get(struct m365 *m, const char *path, const char *subject, const char *needs, struct http_reply *reply,
         struct err *err)
{
	struct http_request q = {0};
	int rc = graph_request(m->settings->graph_url, "GET", path, subject, &q, err);

	return rc == CR_OK ? m365_graph(m, &q, true, subject != NULL ? subject : path, needs, reply, err) : rc;
}

int
m365_cmdlet(struct m365 *m, const char *cmdlet, const struct exchange_parameter *parameters, size_t n,
            struct http_reply *reply, struct err *err)
{
	const struct exchange_target t = {m->settings->exchange_url, m->settings->tenant, m->settings->initial_domain};
	const bool repeat = strncmp(cmdlet, "New-", 4) != 0;
	struct http_request q = {0};
	char anchor[320];
	int rc = exchange_request(&t, cmdlet, parameters, n, anchor, &q, err);

	if (rc != CR_OK)
		return rc;
	rc = with_token(m, true, repeat, &q, reply, err);
	if (rc == CR_OK && (reply->status < 200 || reply->status > 299)) {
		rc = exchange_fault_parse(reply, cmdlet, err);
		if (rc == CR_EUNKNOWN && repeat)
			rc = err_set(err, CR_ERETRY, "%s: answered %d", cmdlet, reply->status);
	}
	http_request_release(&q);
	return rc;
}

int
m365_domain(struct m365 *m, const char *domain, struct graph_domain *out, struct err *err)
{
	struct http_reply reply = {0};
	int rc = m365_get(m, GRAPH_DOMAIN, domain, M365_MAY_DOMAIN, &reply, err);

	if (rc == CR_OK)
		rc = graph_domain_parse(buf_str(&reply.body), reply.body.len, out, err);
	http_reply_release(&reply);
	return rc;
}

int
m365_user(struct m365 *m, const char *user, struct graph_user *out, struct err *err)
{
	struct http_reply reply = {0};
	char sku[64];
	int rc = m365_sku_id(m, sku, err);

	if (rc == CR_OK)
		rc = m365_get(m, GRAPH_USER_LOOK, user, M365_MAY_USER, &reply, err);
	if (rc == CR_OK)
		rc = graph_user_parse(buf_str(&reply.body), reply.body.len, sku, out, err);
	http_reply_release(&reply);
	return rc;
}

int
m365_sku(struct m365 *m, struct graph_sku *out, struct err *err)
{
	struct http_reply reply = {0};
	int rc = m365_get(m, GRAPH_SKUS, NULL, M365_MAY_SKUS, &reply, err);

	if (rc == CR_OK)
		rc = graph_sku_parse(buf_str(&reply.body), reply.body.len, m->settings->licence, out, err);
	http_reply_release(&reply);
	return rc;
}

int
m365_sku_id(struct m365 *m, char out[64], struct err *err)
{
	struct graph_sku sku;
	int rc = CR_OK;

	(void)pthread_mutex_lock(&m->mutex);
	memcpy(out, m->sku, sizeof(m->sku));
	(void)pthread_mutex_unlock(&m->mutex);
	if (out[0] != '\0')
		return CR_OK;
	rc = m365_sku(m, &sku, err);
	if (rc != CR_OK)
		return rc;
	memcpy(out, sku.id, sizeof(sku.id));
	(void)pthread_mutex_lock(&m->mutex);
	memcpy(m->sku, sku.id, sizeof(m->sku));
	(void)pthread_mutex_unlock(&m->mutex);
	return CR_OK;
}

int
m365_dkim(struct m365 *m, const char *domain, struct exchange_dkim *out, struct err *err)
{
	const struct exchange_parameter identity = {.name = "Identity", .text = domain};
	struct http_reply reply = {0};
	int rc = m365_cmdlet(m, "Get-DkimSigningConfig", &identity, 1, &reply, err);

	*out = (struct exchange_dkim){0};
	if (rc == CR_OK)
		rc = exchange_dkim_parse(buf_str(&reply.body), reply.body.len, out, err);
	http_reply_release(&reply);
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

void
m365_policy_name(const char *domain, char out[300])
{
	(void)snprintf(out, 300, "coldrelay %.255s", domain);
}

struct m365_wait
m365_wait_begin(const struct m365 *m, int64_t most_s)
{
	struct m365_wait w = {.until_ms = clock_boot_ms(m->clock) + most_s * 1000, .gap_ms = most_s * 1000 / 20};

	if (w.gap_ms > GAP_MAX_MS)
		w.gap_ms = GAP_MAX_MS;
	if (w.gap_ms < GAP_MIN_MS)
		w.gap_ms = GAP_MIN_MS;
	return w;
}

bool
m365_wait_more(const struct m365 *m, struct m365_wait *w)
{
	if (clock_boot_ms(m->clock) + w->gap_ms > w->until_ms)
		return false;
	clock_sleep_ms(m->clock, w->gap_ms);
	w->gap_ms = w->gap_ms * 3 / 2 < GAP_LAST_MS ? w->gap_ms * 3 / 2 : GAP_LAST_MS;
	return true;
}

void
m365_by_hand(const char *domain, char *out, size_t size)
{
	(void)snprintf(out, size,
	               "by hand: New-DkimSigningConfig -DomainName %.80s -KeySize 2048 -Enabled $false; "
	               "Get-DkimSigningConfig -Identity %.80s | fl Selector1CNAME,Selector2CNAME; put both into "
	               "dkim_targets or the zone and run again",
	               domain, domain);
}
