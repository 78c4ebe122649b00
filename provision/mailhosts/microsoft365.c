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

#define YEAR_S     31536000
#define WAIT_MAX_S 3600

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
