/*
 * intent.c - finding tenants, domains and providers in what was read, and opening what a command needs.
 *
 * Invariant: each writing command asks intent_guard_primary before anything is opened.
 */
#include "provision/intent_inside.h"

#include "core/opt.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TTL_S     3600
#define DEFAULT_CLOSING_S ((int64_t)60 * 86400) /* CASL: opt-outs work for 60 days after the last send */

static void
mailboxes_release(struct intent_mailbox *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cfg_release_group(intent_mailbox_rows, intent_mailbox_rows_n, &m[i]);
	free(m);
}

static void
defaults_release(struct intent_defaults *d)
{
	cfg_release_group(intent_default_rows, intent_default_rows_n, d);
}

static void
tenant_release(struct intent_tenant *t)
{
	for (size_t i = 0; i < t->n_domains; i++) {
		defaults_release(&t->domains[i].own);
		mailboxes_release(t->domains[i].mailboxes, t->domains[i].n_mailboxes);
	}
	free(t->domains);
	mailboxes_release(t->mailboxes, t->n_mailboxes);
	defaults_release(&t->defaults);
}

static void
host_release(struct mail_host *h)
{
	cfg_list_release(&h->facts.addresses);
	if (h->ctx != NULL)
		h->driver->drop(h->ctx);
	if (h->driver != NULL && h->settings != NULL)
		cfg_release_group(h->driver->rows, h->driver->n_rows, h->settings);
	free(h->settings);
	free(h->name);
}

static void
reverse_release(struct reverse *r)
{
	if (r->ctx != NULL)
		r->driver->drop(r->ctx);
	if (r->settings != NULL)
		cfg_release_group(r->driver->rows, r->driver->n_rows, r->settings);
	free(r->settings);
	cfg_release_group(intent_reverse_zone_rows, intent_reverse_zone_rows_n, r);
	cfg_release_group(intent_reverse_rows, intent_reverse_rows_n, r);
}

void
intent_release(struct intent *i)
{
	for (size_t n = 0; n < i->n_tenants; n++)
		tenant_release(&i->tenants[n]);
	for (size_t n = 0; n < i->n_zones; n++) {
		zone_provider_release(&i->zones[n].provider);
		free(i->zones[n].driver_name);
		free(i->zones[n].check_server);
	}
	for (size_t n = 0; n < i->n_hosts; n++)
		host_release(&i->hosts[n]);
	for (size_t n = 0; n < i->n_reverses; n++)
		reverse_release(&i->reverses[n]);
	for (size_t n = 0; n < i->n_lists; n++)
		cfg_release_group(intent_list_rows, intent_list_rows_n, &i->lists[n]);
	free(i->lists);
	free(i->tenants);
	free(i->zones);
	free(i->hosts);
	free(i->reverses);
	http_drop(&i->http);
	*i = (struct intent){0};
}

struct zone_provider *
intent_find_zone(const struct intent *i, const char *name)
{
	for (size_t n = 0; n < i->n_zones; n++)
		if (i->zones[n].provider.name != NULL && strcmp(i->zones[n].provider.name, name) == 0)
			return &i->zones[n].provider;
	return NULL;
}

struct mail_host *
intent_find_host(const struct intent *i, const char *name)
{
	for (size_t n = 0; n < i->n_hosts; n++)
		if (i->hosts[n].name != NULL && strcmp(i->hosts[n].name, name) == 0)
			return &i->hosts[n];
	return NULL;
}

struct reverse *
intent_find_reverse(const struct intent *i, const char *name)
{
	for (size_t n = 0; n < i->n_reverses; n++)
		if (i->reverses[n].name != NULL && strcmp(i->reverses[n].name, name) == 0)
			return &i->reverses[n];
	return NULL;
}

int
intent_tenant_find(const struct intent *i, const char *primary, struct intent_tenant **out, struct err *err)
{
	const char *names[64];
	const char *near;
	struct name name;
	size_t n = 0;

	if (name_parse_host(primary, &name, err) != CR_OK)
		return err_set(err, CR_EUSAGE, "'%s' is no domain name", primary);
	for (size_t t = 0; t < i->n_tenants; t++) {
		if (strcmp(i->tenants[t].primary, name.text) == 0) {
			*out = &i->tenants[t];
			return CR_OK;
		}
		if (n < ARRAY_LEN(names))
			names[n++] = i->tenants[t].primary;
	}
	near = opt_nearest(name.text, names, n);
	return err_set(err, CR_EUSAGE, "no tenant '%s' in the configuration%s%s", name.text,
	               near != NULL ? ": did you mean " : "", near != NULL ? near : "");
}

int
intent_guard_primary(const struct intent *i, const char *domain, struct err *err)
{
	for (size_t t = 0; t < i->n_tenants; t++) {
		const char *primary = i->tenants[t].primary;

		if (primary[0] == '\0')
			continue;
		if (name_is_under(domain, primary))
			return err_set(err, CR_EREFUSED, "%s %s the primary domain %s: coldrelay never touches it",
			               domain, strcmp(domain, primary) == 0 ? "is" : "lies in", primary);
		if (name_is_under(primary, domain))
			return err_set(err, CR_EREFUSED, "%s holds the primary domain %s: coldrelay never touches it",
			               domain, primary);
	}
	return CR_OK;
}

struct intent_domain *
intent_domain_anywhere(const struct intent *i, const char *name)
{
	for (size_t t = 0; t < i->n_tenants; t++)
		for (size_t n = 0; n < i->tenants[t].n_domains; n++)
			if (strcmp(i->tenants[t].domains[n].name, name) == 0)
				return &i->tenants[t].domains[n];
	return NULL;
}

int
intent_domain_find(struct intent *i, struct intent_tenant *t, const char *text, struct intent_domain **out,
                   struct err *err)
{
	struct intent_domain *d;
	struct name name;
	int rc = name_parse_host(text, &name, err);

	if (rc != CR_OK)
		return err_set(err, CR_EUSAGE, "'%s' is no domain name", text);
	rc = intent_guard_primary(i, name.text, err);
	if (rc != CR_OK)
		return rc;
	d = intent_domain_anywhere(i, name.text);
	if (d != NULL && d->tenant != t)
		return err_set(err, CR_EREFUSED, "%s belongs to the tenant %s", name.text, d->tenant->primary);
	if (d == NULL)
		return err_set(err, CR_EUSAGE, "%s is not among the domains of %s in the configuration: add it there",
		               name.text, t->primary);
	*out = d;
	return CR_OK;
}

/* curl is opened once, when the first driver that may need it is. */
static int
open_http(struct session *s, struct intent *i, struct err *err)
{
	struct http_curl_options o = {.user_agent = "coldrelay", .deadline_ms = s->settings.timeout_s * 1000};

	if (i->http != NULL)
		return CR_OK;
	for (size_t n = 0; n < i->n_zones; n++)
		o.allow_plain = o.allow_plain || i->zones[n].allow_plain;
	return http_curl_open(&o, &i->http, err);
}

static int
open_zone(struct session *s, struct intent *i, struct zone_provider *p, struct err *err)
{
	struct zone_env env = {.clock = s->clock, .config_dir = session_config_dir(s)};
	int rc;

	if (p->ctx != NULL)
		return CR_OK;
	rc = open_http(s, i, err);
	if (rc != CR_OK)
		return rc;
	env.http = i->http;
	rc = p->driver->open(&env, p->settings, &p->ctx, err);
	return rc == CR_OK ? CR_OK : err_wrap(err, "zone provider %s", p->name);
}

static int
open_reverse(struct session *s, struct intent *i, struct reverse *r, struct err *err)
{
	struct address_env env = {.clock = s->clock};
	int rc;

	if (r->driver == NULL)
		return open_zone(s, i, r->provider, err);
	if (r->ctx != NULL)
		return CR_OK;
	rc = open_http(s, i, err);
	if (rc != CR_OK)
		return rc;
	env.http = i->http;
	rc = r->driver->open(&env, r->settings, &r->ctx, err);
	return rc == CR_OK ? CR_OK : err_wrap(err, "address owner %s", r->name);
}

static int
open_host(struct session *s, struct intent *i, struct mail_host *h, struct err *err)
{
	struct mailhost_env env = {.clock = s->clock, .config_dir = session_config_dir(s)};
	int rc = CR_OK;

	if (h->ctx != NULL)
		return CR_OK;
	if ((h->driver->caps & MAILHOST_CAP_RECORDS) != 0)
		rc = open_http(s, i, err);
	env.http = i->http;
	if (rc == CR_OK)
		rc = h->driver->open(&env, h->settings, &h->ctx, err);
	if (rc == CR_OK)
		rc = h->driver->facts(h->ctx, &h->facts, err);
	return rc == CR_OK ? CR_OK : err_wrap(err, "mail host %s", h->name);
}

int
intent_open(struct session *s, struct intent *i, struct intent_domain *d, enum intent_need need, struct err *err)
{
	const char *zone = INTENT_PICK(d, zone), *host = INTENT_PICK(d, mail_host), *reverse = INTENT_PICK(d, reverse);
	int rc;

	if (zone == NULL || host == NULL)
		return err_set(err, CR_ECONFIG, "%s: domain %s names no %s, nor does its tenant", s->config_path,
		               d->name, zone == NULL ? "zone provider ('zone')" : "mail host ('mail_host')");
	d->zone = intent_find_zone(i, zone);
	d->host = intent_find_host(i, host);
	d->reverse = reverse != NULL ? intent_find_reverse(i, reverse) : NULL;
	if (d->zone == NULL || d->host == NULL)
		return err_set(err, CR_ECONFIG, "%s: a provider of %s is missing", s->config_path, d->name);
	rc = open_host(s, i, d->host, err);
	if (rc == CR_OK && need == INTENT_PROVIDERS)
		rc = open_zone(s, i, d->zone, err);
	if (rc == CR_OK && need == INTENT_PROVIDERS && d->reverse != NULL)
		rc = open_reverse(s, i, d->reverse, err);
	return rc;
}

const char *
intent_check_server(const struct intent *i, const struct zone_provider *p)
{
	for (size_t n = 0; n < i->n_zones; n++)
		if (&i->zones[n].provider == p)
			return i->zones[n].check_server;
	return NULL;
}

const char *
intent_dmarc_policy(const struct intent_domain *d)
{
	const char *policy = INTENT_PICK(d, dmarc);

	return policy != NULL ? policy : "reject";
}

static int64_t
pick_s(int64_t own, int64_t tenant, int64_t absent)
{
	if (own != INTENT_UNSET_S)
		return own;
	return tenant != INTENT_UNSET_S ? tenant : absent;
}

int64_t
intent_ttl_s(const struct intent_domain *d)
{
	return pick_s(d->own.ttl_s, d->tenant->defaults.ttl_s, DEFAULT_TTL_S);
}

int64_t
intent_warm_up_s(const struct intent_domain *d)
{
	return pick_s(d->own.warm_up_s, d->tenant->defaults.warm_up_s, d->host->facts.warm_up_s);
}

int64_t
intent_closing_s(const struct intent_domain *d)
{
	return pick_s(d->own.closing_s, d->tenant->defaults.closing_s, DEFAULT_CLOSING_S);
}

bool
intent_ed25519(const struct intent_domain *d)
{
	return d->own.ed25519 || d->tenant->defaults.ed25519;
}
