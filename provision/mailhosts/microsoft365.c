/*
 * microsoft365.c - mailboxes at Microsoft 365: Microsoft Graph for domains, users and licences, Exchange's cmdlet proxy for DKIM.
 *
 * Sources: Microsoft Graph v1.0 (read 2026-11-25); office-docs-powershell; the order is that of Microsoft's own setup of a domain.
 * Invariants: no record is ever computed: proof, MX and DKIM targets are read from the service and checked for where they lie.  The
 * directory is never listed.  Each step can be repeated: what it makes is looked for before, and after an answer that was lost.
 *
 *   resource "domain"     added to the directory
 *            "ownership"  its proof was seen in DNS
 *            "service"    it is for mail
 *            "mailbox"    a user of that name; "licence" and "ready": its licence, and that Exchange made the mailbox
 *            "dkim"       Exchange's keys of the domain, 2048 bits; "signing": they sign
 *            "limit"      the outbound policy of the domain: recipients a day and mailbox
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/mailhosts/m365.h"

#define YEAR_S      31536000
#define WAIT_MAX_S  3600
#define GAP_MIN_MS  50
#define GAP_MAX_MS  15000
#define GAP_LAST_MS 60000

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct m365_settings, member)
static const struct cfg_row rows[] = {
	{"tenant", CFG_TEXT, AT(tenant), 0, 0, NULL, CFG_REQUIRED, NULL, "The directory: its GUID, or a verified domain of it. Two legal senders never share one."},
	{"client_id", CFG_TEXT, AT(client_id), 0, 0, NULL, CFG_REQUIRED, NULL, "Id of the application that is registered in the directory."},
	{"client_secret", CFG_SECRET, AT(client_secret), 0, 0, NULL, CFG_REQUIRED, NULL, "Its secret, as env:NAME or file:PATH."},
	{"licence", CFG_TEXT, AT(licence), 0, 0, NULL, CFG_REQUIRED, NULL, "Licence of each mailbox: skuId or skuPartNumber (EXCHANGESTANDARD)."},
	{"usage_location", CFG_TEXT, AT(usage_location), 0, 0, NULL, CFG_REQUIRED, NULL, "Two letters of the country where the mailboxes are used: no licence goes without."},
	{"exchange", CFG_BOOL, AT(exchange), 0, 0, "true", 0, NULL, "Use Exchange's cmdlet proxy for DKIM and the outbound limit; false: by hand, as provision says."},
	{"initial_domain", CFG_NAME, AT(initial_domain), 0, 0, NULL, 0, NULL, "The directory's first domain (NAME.onmicrosoft.com): the proxy has to be told."},
	{"dkim_targets", CFG_LIST, AT(dkim_targets), 0, 0, NULL, 0, NULL, "Without the proxy: \"DOMAIN TARGET1 TARGET2\" each, as Get-DkimSigningConfig shows Selector1CNAME and Selector2CNAME."},
	{"recipient_limit", CFG_INT, AT(recipient_limit), 0, 10000, "0", 0, "recipients", "RecipientLimitPerDay of an outbound policy for each domain, by the proxy; 0: none is made."},
	{"wait", CFG_DURATION, AT(wait_s), 0, WAIT_MAX_S, "5m", 0, NULL, "How long a run waits for one step of the service (verification, mailbox, DKIM) before it asks to be run again."},
	{"warm_up", CFG_DURATION, AT(warm_up_s), 0, YEAR_S, "14d", 0, NULL, "Time from a mailbox's making to its first outbound send."},
	{"template", CFG_TEXT, AT(template_name), 0, 0, "microsoft365", 0, NULL, "Template of the DNS records."},
	{"graph_url", CFG_TEXT, AT(graph_url), 0, 0, "https://graph.microsoft.com/v1.0", 0, NULL, "Where Microsoft Graph answers (national clouds have others)."},
	{"login_url", CFG_TEXT, AT(login_url), 0, 0, "https://login.microsoftonline.com", 0, NULL, "Where tokens are given."},
	{"exchange_url", CFG_TEXT, AT(exchange_url), 0, 0, "https://outlook.office365.com", 0, NULL, "Where the cmdlet proxy answers."},
};
#undef AT
/* clang-format on */

/*
 * Directory calls are counted in units, 3,500 in 10 s for the smallest directory, of which a call takes one to four; writes are 3,000 in
 * 2.5 minutes (read 2026-11-25).
 */
static const struct pacer_limit limits[] = {
	{850,  10000 },
	{3000, 150000},
};

static const struct mailhost_value values[M365_VALUE__COUNT] = {
	[M365_VERIFY] = {"verify_txt", "verify", "MS="                            },
	[M365_MX] = {"mx",         "mx",     "named-later.mx.microsoft"       },
	[M365_DKIM1] = {"dkim1",      "dkim",   "named-later.dkim.mail.microsoft"},
	[M365_DKIM2] = {"dkim2",      "dkim",   "named-later.dkim.mail.microsoft"},
};

static void
m365_drop(void *ctx)
{
	struct m365 *m = ctx;

	if (m == NULL)
		return;
	oauth_drop(&m->graph);
	oauth_drop(&m->exchange);
	pacer_drop(&m->pacer);
	secret_drop(&m->secret);
	free(m->token_url);
	(void)pthread_mutex_destroy(&m->mutex);
	free(m);
}

static bool
is_plain(const char *text, const char *also)
{
	for (; *text != '\0'; text++)
		if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
		      (*text >= '0' && *text <= '9') || strchr(also, *text) != NULL))
			return false;
	return true;
}

/* "DOMAIN TARGET1 TARGET2". */
static int
check_targets(const char *line, struct err *err)
{
	char words[3][MAILHOST_VALUE_TEXT_MAX], rest[2];
	struct name name;

	if (sscanf(line, "%255s %255s %255s %1s", words[0], words[1], words[2], rest) != 3)
		return err_set(err, CR_ECONFIG, "dkim_targets: '%.200s' is not \"DOMAIN TARGET1 TARGET2\"", line);
	for (size_t i = 0; i < 3; i++) {
		if (name_parse(words[i], &name, NULL) != CR_OK)
			return err_set(err, CR_ECONFIG, "dkim_targets: '%.200s' is no name", words[i]);
		if (i > 0 && !exchange_is_target(name.text))
			return err_set(err, CR_ECONFIG,
			               "dkim_targets: '%.200s' lies neither under onmicrosoft.com nor under "
			               "dkim.mail.microsoft",
			               words[i]);
	}
	return CR_OK;
}

static int
check_settings(const struct m365_settings *s, struct err *err)
{
	struct name name;
	int rc = CR_OK;

	if (s->tenant[0] == '\0' || !is_plain(s->tenant, ".-"))
		return err_set(err, CR_ECONFIG, "tenant: '%s' is neither a GUID nor a domain", s->tenant);
	if (strlen(s->usage_location) != 2 || !is_plain(s->usage_location, ""))
		return err_set(err, CR_ECONFIG, "usage_location: '%s' is not the two letters of a country",
		               s->usage_location);
	if (strlen(s->licence) >= sizeof(((struct graph_sku *)NULL)->id))
		return err_set(err, CR_ECONFIG, "licence: '%.40s...' is too long", s->licence);
	if (s->exchange && (s->initial_domain == NULL || name_parse_host(s->initial_domain, &name, NULL) != CR_OK))
		return err_set(
			err, CR_ECONFIG,
			"initial_domain: the cmdlet proxy has to be told NAME.onmicrosoft.com; or set exchange = "
			"false");
	if (strlen(s->template_name) >= sizeof(((struct mailhost_facts *)NULL)->template_name))
		return err_set(err, CR_ECONFIG, "template: '%s' is too long", s->template_name);
	for (size_t i = 0; rc == CR_OK && i < s->dkim_targets.n; i++)
		rc = check_targets(s->dkim_targets.items[i], err);
	return rc;
}

/* Nothing is asked of anybody, and no secret read: a command that needs only the facts has none. */
static int
m365_open(const struct mailhost_env *env, const void *settings, void **ctx_out, struct err *err)
{
	struct m365 *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL)
		return err_nomem(err, "mail host");
	(void)pthread_mutex_init(&m->mutex, NULL);
	m->settings = settings;
	m->http = env->http;
	m->clock = env->clock;
	rc = check_settings(m->settings, err);
	if (rc == CR_OK)
		rc = pacer_open(limits, ARRAY_LEN(limits), &m->pacer, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(m);
	m365_drop(m);
	return rc;
}

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

static int
m365_facts(void *ctx, struct mailhost_facts *out, struct err *err)
{
	const struct m365 *m = ctx;

	(void)err;
	*out = (struct mailhost_facts){.warm_up_s = m->settings->warm_up_s};
	(void)snprintf(out->template_name, sizeof(out->template_name), "%s", m->settings->template_name);
	return CR_OK;
}

static const char *
m365_directory(const void *settings)
{
	const struct m365_settings *s = settings;

	return s->tenant;
}

const struct mailhost_driver mailhost_microsoft365 = {
	.name = "microsoft365",
	.summary = "Microsoft 365: Microsoft Graph, and Exchange's cmdlet proxy",
	.caps = MAILHOST_CAP_MAILBOXES | MAILHOST_CAP_RECORDS,
	.rows = rows,
	.n_rows = ARRAY_LEN(rows),
	.settings_size = sizeof(struct m365_settings),
	.values = values,
	.n_values = ARRAY_LEN(values),
	.directory = m365_directory,
	.open = m365_open,
	.drop = m365_drop,
	.facts = m365_facts,
	.observe = m365_observe,
	.apply = m365_apply,
	.undo = m365_undo,
	.quiesce = m365_quiesce,
};
