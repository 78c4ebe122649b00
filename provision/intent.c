/*
 * intent.c - tenants, domains and providers read from the configuration by rows.
 *
 * Invariant: after intent_read every name is canonical and no provider name dangles; the primary of a tenant is guarded by
 * intent_guard_primary, which each writing command asks before anything is opened.
 */
#include "provision/intent.h"

#include "core/log.h"
#include "core/num.h"
#include "core/opt.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

#define UNSET_S           (-1)
#define DEFAULT_TTL_S     3600
#define DEFAULT_CLOSING_S ((int64_t)60 * 86400) /* CASL: opt-outs work for 60 days after the last send */

#define DEF(member)  offsetof(struct intent_defaults, member)
#define HOST(member) offsetof(struct mail_host, member)

/* What the file says of a tenant besides its defaults. */
struct tenant_head {
	char *primary;
};
struct domain_head {
	char *name;
};
struct zone_head {
	char *name, *driver, *check_server;
	bool allow_plain;
};
struct host_head {
	char *name, *driver;
};

/* clang-format off */
const struct cfg_row intent_tenant_rows[] = {
	{"primary", CFG_NAME, offsetof(struct tenant_head, primary), 0, 0, NULL, CFG_REQUIRED, NULL, "The tenant's primary domain: names the tenant, and is never touched."},
	{"domains", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of outreach domains."},
	{"mailboxes", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of mailboxes for domains that have no list of their own."},
};
const size_t intent_tenant_rows_n = ARRAY_LEN(intent_tenant_rows);

static const struct cfg_row domain_rows[] = {
	{"name", CFG_NAME, offsetof(struct domain_head, name), 0, 0, NULL, CFG_REQUIRED, NULL, "The outreach domain."},
	{"mailboxes", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of mailboxes."},
};

/* Stand in a tenant or in a domain; the domain's own value wins. */
const struct cfg_row intent_default_rows[] = {
	{"zone", CFG_TEXT, DEF(zone), 0, 0, NULL, 0, NULL, "Name of the zone provider that serves the domain."},
	{"mail_host", CFG_TEXT, DEF(mail_host), 0, 0, NULL, 0, NULL, "Name of the mail host of its mailboxes."},
	{"reverse", CFG_TEXT, DEF(reverse), 0, 0, NULL, 0, NULL, "Name of the address owner that sets the PTR of the mail host's addresses."},
	{"template", CFG_TEXT, DEF(template), 0, 0, NULL, 0, NULL, "Record template; without it the mail host's own."},
	{"dmarc", CFG_TEXT, DEF(dmarc), 0, 0, NULL, 0, NULL, "DMARC policy: reject (default) or quarantine. Never none."},
	{"rua", CFG_TEXT, DEF(rua), 0, 0, NULL, 0, NULL, "Mail address for DMARC aggregate reports; without it postmaster at the domain."},
	{"tls_rua", CFG_TEXT, DEF(tls_rua), 0, 0, NULL, 0, NULL, "Mail address for TLS reports (RFC 8460); without it no such record."},
	{"web_addresses", CFG_LIST, DEF(web_addresses), 0, 0, NULL, 0, NULL, "Addresses of a web server that redirects visitors to the primary's site."},
	{"ttl", CFG_DURATION, DEF(ttl_s), 1, 2147483647, NULL, 0, "seconds", "TTL of the records (default 3600)."},
	{"warm_up", CFG_DURATION, DEF(warm_up_s), 0, 365 * 86400, NULL, 0, NULL, "From registration to the first outbound send; without it the mail host's own (self-hosted: 42 days)."},
	{"closing_period", CFG_DURATION, DEF(closing_s), 0, 365 * 86400, NULL, 0, NULL, "How long replies and opt-outs stay alive after the last send of a domain that is torn down (default 60 days)."},
	{"ed25519", CFG_BOOL, DEF(ed25519), 0, 0, "false", 0, NULL, "Make and publish an Ed25519 key beside the RSA one; OpenDKIM goes on signing with RSA."},
};
const size_t intent_default_rows_n = ARRAY_LEN(intent_default_rows);

const struct cfg_row intent_mailbox_rows[] = {
	{"local", CFG_TEXT, offsetof(struct intent_mailbox, local), 0, 0, NULL, CFG_REQUIRED, NULL, "Local part: the name in front of the @."},
	{"name", CFG_TEXT, offsetof(struct intent_mailbox, name), 0, 0, NULL, 0, NULL, "Display name."},
	{"password", CFG_SECRET, offsetof(struct intent_mailbox, password), 0, 0, NULL, 0, NULL, "Password; without it one is made and kept sealed in the store."},
};
const size_t intent_mailbox_rows_n = ARRAY_LEN(intent_mailbox_rows);

const struct cfg_row intent_zone_rows[] = {
	{"name", CFG_TEXT, offsetof(struct zone_head, name), 0, 0, NULL, CFG_REQUIRED, NULL, "What domains call it by."},
	{"driver", CFG_TEXT, offsetof(struct zone_head, driver), 0, 0, NULL, CFG_REQUIRED, NULL, "zonefile, powerdns or rfc2136."},
	{"check_server", CFG_TEXT, offsetof(struct zone_head, check_server), 0, 0, NULL, 0, NULL, "HOST:PORT of an authoritative server that is asked whether the records are published."},
	{"allow_plain", CFG_BOOL, offsetof(struct zone_head, allow_plain), 0, 0, "false", 0, NULL, "Accept http:// to a host other than this one (a management network)."},
};
const size_t intent_zone_rows_n = ARRAY_LEN(intent_zone_rows);

const struct cfg_row intent_host_rows[] = {
	{"name", CFG_TEXT, offsetof(struct host_head, name), 0, 0, NULL, CFG_REQUIRED, NULL, "What domains call it by."},
	{"driver", CFG_TEXT, offsetof(struct host_head, driver), 0, 0, NULL, CFG_REQUIRED, NULL, "local."},
};
const size_t intent_host_rows_n = ARRAY_LEN(intent_host_rows);

const struct cfg_row intent_reverse_rows[] = {
	{"name", CFG_TEXT, offsetof(struct reverse, name), 0, 0, NULL, CFG_REQUIRED, NULL, "What domains call it by."},
	{"driver", CFG_TEXT, offsetof(struct reverse, driver), 0, 0, "zone", 0, NULL, "zone: PTR records in reverse zones that a zone provider serves."},
	{"zone", CFG_TEXT, offsetof(struct reverse, zone), 0, 0, NULL, CFG_REQUIRED, NULL, "Name of that zone provider."},
	{"reverse_zones", CFG_LIST, offsetof(struct reverse, reverse_zones), 0, 0, NULL, CFG_REQUIRED, NULL, "The reverse zones it serves: 2.0.192.in-addr.arpa, or classless 64/26.2.0.192.in-addr.arpa (RFC 2317)."},
};
const size_t intent_reverse_rows_n = ARRAY_LEN(intent_reverse_rows);
/* clang-format on */

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
		cfg_release_group(intent_reverse_rows, intent_reverse_rows_n, &i->reverses[n]);
	free(i->tenants);
	free(i->zones);
	free(i->hosts);
	free(i->reverses);
	http_drop(&i->http);
	*i = (struct intent){0};
}

/* Canonical form of a configured name, or a finding. */
static void
canonical(struct cfg *c, const struct cfg_group *g, const char *key, const char *text, char out[256])
{
	struct name name;
	struct err err = {0};

	out[0] = '\0';
	if (text == NULL)
		return;
	if (name_parse_host(text, &name, &err) != CR_OK || strlen(name.text) > 253)
		cfg_fault(c, g, key, "%s", err.text);
	else
		(void)snprintf(out, 256, "%.255s", name.text);
}

static int
read_mailboxes(struct cfg *c, const struct cfg_group *g, struct intent_mailbox **out, size_t *n_out, struct err *err)
{
	size_t n = cfg_count(c, g, "mailboxes");
	struct intent_mailbox *m = calloc(n + 1, sizeof(*m));
	int rc = m == NULL ? err_nomem(err, "mailboxes") : CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = cfg_read_group(c, cfg_item(c, g, "mailboxes", i), "mailbox", intent_mailbox_rows,
		                    intent_mailbox_rows_n, NULL, 0, &m[i], err);
		*n_out = i + 1;
	}
	*out = m;
	return rc;
}

/* Durations left out stay UNSET_S, so that a domain can fall back on its tenant and the tenant on the default. */
static int
read_defaults(struct cfg *c, const struct cfg_group *g, const char *where, const struct cfg_row *head, size_t n_head,
              void *head_out, struct intent_defaults *out, struct err *err)
{
	int rc = cfg_read_group(c, g, where, head, n_head, intent_default_rows, intent_default_rows_n, head_out, err);

	if (rc == CR_OK)
		rc = cfg_read_group(c, g, where, intent_default_rows, intent_default_rows_n, head, n_head, out, err);
	if (!cfg_has(g, "ttl"))
		out->ttl_s = UNSET_S;
	if (!cfg_has(g, "warm_up"))
		out->warm_up_s = UNSET_S;
	if (!cfg_has(g, "closing_period"))
		out->closing_s = UNSET_S;
	if (rc == CR_OK && out->dmarc != NULL && strcmp(out->dmarc, "reject") != 0 &&
	    strcmp(out->dmarc, "quarantine") != 0)
		cfg_fault(c, g, "dmarc", "dmarc: must be reject or quarantine, not '%s'", out->dmarc);
	return rc;
}

static void
set_addresses(struct cfg *c, const struct cfg_group *g, struct intent_mailbox *m, size_t n, const char *domain)
{
	for (size_t i = 0; i < n; i++) {
		char text[700];
		struct address a;
		struct err err = {0};

		if (m[i].local == NULL)
			continue;
		(void)snprintf(text, sizeof(text), "%.300s@%s", m[i].local, domain);
		if (address_parse(text, &a, &err) != CR_OK || strlen(a.text) >= sizeof(m[i].address))
			cfg_fault(c, g, "mailboxes", "'%s' is no local part: %s", m[i].local, err.text);
		else
			memcpy(m[i].address, a.text, strlen(a.text) + 1);
		for (size_t j = 0; j < i; j++)
			if (strcmp(m[j].address, m[i].address) == 0)
				cfg_fault(c, g, "mailboxes", "'%s' stands twice", m[i].address);
	}
}

/* A copy of the tenant's list, with this domain's addresses. */
static int
inherit_mailboxes(struct intent_domain *d, struct err *err)
{
	size_t n = d->tenant->n_mailboxes;

	d->mailboxes = calloc(n, sizeof(*d->mailboxes));
	if (d->mailboxes == NULL)
		return err_nomem(err, "mailboxes");
	d->n_mailboxes = n;
	for (size_t i = 0; i < n; i++) {
		const struct intent_mailbox *from = &d->tenant->mailboxes[i];
		struct intent_mailbox *to = &d->mailboxes[i];

		to->local = strdup(from->local != NULL ? from->local : "");
		to->name = from->name != NULL ? strdup(from->name) : NULL;
		to->password = from->password != NULL ? strdup(from->password) : NULL;
		if (to->local == NULL || (from->name != NULL && to->name == NULL) ||
		    (from->password != NULL && to->password == NULL))
			return err_nomem(err, "mailboxes");
	}
	return CR_OK;
}

static int
read_domain(struct cfg *c, const struct cfg_group *g, struct intent_tenant *t, struct intent_domain *d, struct err *err)
{
	struct domain_head head = {0};
	int rc;

	d->tenant = t;
	rc = read_defaults(c, g, "domain", domain_rows, ARRAY_LEN(domain_rows), &head, &d->own, err);
	if (rc == CR_OK)
		canonical(c, g, "name", head.name, d->name);
	if (rc == CR_OK && cfg_count(c, g, "mailboxes") > 0)
		rc = read_mailboxes(c, g, &d->mailboxes, &d->n_mailboxes, err);
	else if (rc == CR_OK && t->n_mailboxes > 0)
		rc = inherit_mailboxes(d, err);
	if (rc == CR_OK && d->name[0] != '\0')
		set_addresses(c, g, d->mailboxes, d->n_mailboxes, d->name);
	cfg_release_group(domain_rows, ARRAY_LEN(domain_rows), &head);
	return rc;
}

static int
read_tenant(struct cfg *c, const struct cfg_group *g, struct intent_tenant *t, struct err *err)
{
	struct tenant_head head = {0};
	size_t n = cfg_count(c, g, "domains");
	int rc = read_defaults(c, g, "tenant", intent_tenant_rows, intent_tenant_rows_n, &head, &t->defaults, err);

	if (rc != CR_OK)
		goto out;
	canonical(c, g, "primary", head.primary, t->primary);
	rc = read_mailboxes(c, g, &t->mailboxes, &t->n_mailboxes, err);
	if (rc != CR_OK)
		goto out;
	t->domains = calloc(n + 1, sizeof(*t->domains));
	if (t->domains == NULL) {
		rc = err_nomem(err, "domains");
		goto out;
	}
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		t->n_domains = i + 1;
		rc = read_domain(c, cfg_item(c, g, "domains", i), t, &t->domains[i], err);
	}
out:
	cfg_release_group(intent_tenant_rows, intent_tenant_rows_n, &head);
	return rc;
}

/* Every reader of a provider group ends alike: a name that is its own. */
static void
fault_twice(struct cfg *c, const struct cfg_group *g, const char *name, const char *other)
{
	if (name != NULL && other != NULL && strcmp(name, other) == 0)
		cfg_fault(c, g, "name", "'%s' stands twice", name);
}

/* The driver decides which further keys are known: its name is read ahead of the rest. */
static int
read_zone(struct cfg *c, const struct cfg_group *g, struct intent_zone *z, struct err *err)
{
	const char *wanted = cfg_peek_text(g, "driver");
	const struct zone_driver *driver = wanted != NULL ? zone_driver_find(wanted) : NULL;
	struct zone_head head = {0};
	int rc = cfg_read_group(c, g, "zone provider", intent_zone_rows, intent_zone_rows_n,
	                        driver != NULL ? driver->rows : NULL, driver != NULL ? driver->n_rows : 0, &head, err);

	z->provider.name = TAKE(head.name);
	z->driver_name = TAKE(head.driver);
	z->check_server = TAKE(head.check_server);
	z->allow_plain = head.allow_plain;
	if (rc != CR_OK)
		return rc;
	if (driver == NULL) {
		if (wanted != NULL)
			cfg_fault(c, g, "driver", "no zone driver '%s'", wanted);
		return CR_OK;
	}
	z->provider.driver = driver;
	z->provider.settings = calloc(1, driver->settings_size + 1);
	if (z->provider.settings == NULL)
		return err_nomem(err, "settings");
	return cfg_read_group(c, g, "zone provider", driver->rows, driver->n_rows, intent_zone_rows, intent_zone_rows_n,
	                      z->provider.settings, err);
}

static int
read_host(struct cfg *c, const struct cfg_group *g, struct mail_host *h, struct err *err)
{
	const char *wanted = cfg_peek_text(g, "driver");
	const struct mailhost_driver *driver = wanted != NULL ? mailhost_driver_find(wanted) : NULL;
	struct host_head head = {0};
	int rc = cfg_read_group(c, g, "mail host", intent_host_rows, intent_host_rows_n,
	                        driver != NULL ? driver->rows : NULL, driver != NULL ? driver->n_rows : 0, &head, err);

	h->name = TAKE(head.name);
	free(head.driver);
	if (rc != CR_OK)
		return rc;
	if (driver == NULL) {
		if (wanted != NULL)
			cfg_fault(c, g, "driver", "no mail host driver '%s'", wanted);
		return CR_OK;
	}
	h->driver = driver;
	h->settings = calloc(1, driver->settings_size + 1);
	if (h->settings == NULL)
		return err_nomem(err, "settings");
	return cfg_read_group(c, g, "mail host", driver->rows, driver->n_rows, intent_host_rows, intent_host_rows_n,
	                      h->settings, err);
}

static struct zone_provider *
find_zone(const struct intent *i, const char *name)
{
	for (size_t n = 0; n < i->n_zones; n++)
		if (i->zones[n].provider.name != NULL && strcmp(i->zones[n].provider.name, name) == 0)
			return &i->zones[n].provider;
	return NULL;
}

static struct mail_host *
find_host(const struct intent *i, const char *name)
{
	for (size_t n = 0; n < i->n_hosts; n++)
		if (i->hosts[n].name != NULL && strcmp(i->hosts[n].name, name) == 0)
			return &i->hosts[n];
	return NULL;
}

static struct reverse *
find_reverse(const struct intent *i, const char *name)
{
	for (size_t n = 0; n < i->n_reverses; n++)
		if (i->reverses[n].name != NULL && strcmp(i->reverses[n].name, name) == 0)
			return &i->reverses[n];
	return NULL;
}

static int
read_reverse(struct cfg *c, const struct cfg_group *g, struct intent *i, struct reverse *r, struct err *err)
{
	int rc = cfg_read_group(c, g, "address owner", intent_reverse_rows, intent_reverse_rows_n, NULL, 0, r, err);

	if (rc != CR_OK)
		return rc;
	if (r->driver != NULL && strcmp(r->driver, "zone") != 0)
		cfg_fault(c, g, "driver", "no address owner driver '%s': there is 'zone'", r->driver);
	if (r->zone != NULL) {
		r->provider = find_zone(i, r->zone);
		if (r->provider == NULL)
			cfg_fault(c, g, "zone", "no zone provider is named '%s'", r->zone);
	}
	return CR_OK;
}

/* A name of a provider that no provider has. */
static void
check_names(struct cfg *c, const struct cfg_group *g, const struct intent *i, const struct intent_defaults *d)
{
	if (d->zone != NULL && find_zone(i, d->zone) == NULL)
		cfg_fault(c, g, "zone", "no zone provider is named '%s'", d->zone);
	if (d->mail_host != NULL && find_host(i, d->mail_host) == NULL)
		cfg_fault(c, g, "mail_host", "no mail host is named '%s'", d->mail_host);
	if (d->reverse != NULL && find_reverse(i, d->reverse) == NULL)
		cfg_fault(c, g, "reverse", "no address owner is named '%s'", d->reverse);
}

static void
check_tenant(struct cfg *c, const struct cfg_group *g, const struct intent *i, const struct intent_tenant *t)
{
	check_names(c, g, i, &t->defaults);
	for (size_t n = 0; n < t->n_domains; n++) {
		const struct intent_domain *d = &t->domains[n];
		const struct cfg_group *at = cfg_item(c, g, "domains", n);
		const struct intent_domain *same = intent_domain_anywhere(i, d->name);

		check_names(c, at, i, &d->own);
		if (d->name[0] != '\0' && same != NULL && same != d)
			cfg_fault(c, at, "name", "'%s' stands twice: a domain belongs to one tenant, once", d->name);
	}
}

/* An array of n zeroed elements; one more, so that none at all is no failure. */
static int
make_array(size_t n, size_t size, void *out, struct err *err)
{
	void *p = calloc(n + 1, size);

	if (p == NULL)
		return err_nomem(err, "configuration");
	memcpy(out, &p, sizeof(p));
	return CR_OK;
}

static int
read_providers(struct cfg *c, const struct cfg_group *root, struct intent *i, struct err *err)
{
	size_t zones = cfg_count(c, root, "zones"), hosts = cfg_count(c, root, "mail_hosts");
	size_t reverses = cfg_count(c, root, "addresses");
	int rc = make_array(zones, sizeof(*i->zones), &i->zones, err);

	if (rc == CR_OK)
		rc = make_array(hosts, sizeof(*i->hosts), &i->hosts, err);
	if (rc == CR_OK)
		rc = make_array(reverses, sizeof(*i->reverses), &i->reverses, err);
	for (size_t n = 0; rc == CR_OK && n < zones; n++) {
		const struct cfg_group *g = cfg_item(c, root, "zones", n);

		i->n_zones = n + 1;
		rc = read_zone(c, g, &i->zones[n], err);
		for (size_t m = 0; m < n; m++)
			fault_twice(c, g, i->zones[n].provider.name, i->zones[m].provider.name);
	}
	for (size_t n = 0; rc == CR_OK && n < hosts; n++) {
		const struct cfg_group *g = cfg_item(c, root, "mail_hosts", n);

		i->n_hosts = n + 1;
		rc = read_host(c, g, &i->hosts[n], err);
		for (size_t m = 0; m < n; m++)
			fault_twice(c, g, i->hosts[n].name, i->hosts[m].name);
	}
	for (size_t n = 0; rc == CR_OK && n < reverses; n++) {
		const struct cfg_group *g = cfg_item(c, root, "addresses", n);

		i->n_reverses = n + 1;
		rc = read_reverse(c, g, i, &i->reverses[n], err);
		for (size_t m = 0; m < n; m++)
			fault_twice(c, g, i->reverses[n].name, i->reverses[m].name);
	}
	return rc;
}

static int
read_all(struct cfg *c, struct intent *i, struct err *err)
{
	const struct cfg_group *root = cfg_root(c);
	size_t tenants = cfg_count(c, root, "tenants");
	int rc = read_providers(c, root, i, err);

	if (rc == CR_OK)
		rc = make_array(tenants, sizeof(*i->tenants), &i->tenants, err);
	for (size_t n = 0; rc == CR_OK && n < tenants; n++) {
		i->n_tenants = n + 1;
		rc = read_tenant(c, cfg_item(c, root, "tenants", n), &i->tenants[n], err);
	}
	for (size_t n = 0; rc == CR_OK && n < tenants; n++)
		check_tenant(c, cfg_item(c, root, "tenants", n), i, &i->tenants[n]);
	return rc;
}

int
intent_read(struct session *s, struct intent *out, struct err *err)
{
	int rc = session_read(s, err);

	if (rc != CR_OK)
		return rc;
	rc = read_all(s->cfg, out, err);
	if (rc == CR_OK)
		rc = session_findings(s, err);
	if (rc != CR_OK)
		intent_release(out);
	return rc;
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
open_http(struct session *s, struct intent *i, bool allow_plain, struct err *err)
{
	const struct http_curl_options o = {
		.allow_plain = allow_plain, .user_agent = "coldrelay", .deadline_ms = s->settings.timeout_s * 1000};

	if (i->http != NULL)
		return CR_OK;
	return http_curl_open(&o, &i->http, err);
}

static int
open_zone(struct session *s, struct intent *i, struct zone_provider *p, struct err *err)
{
	struct zone_env env = {.clock = s->clock, .config_dir = session_config_dir(s)};
	bool plain = false;
	int rc;

	if (p->ctx != NULL)
		return CR_OK;
	for (size_t n = 0; n < i->n_zones; n++)
		plain = plain || i->zones[n].allow_plain;
	rc = open_http(s, i, plain, err);
	if (rc != CR_OK)
		return rc;
	env.http = i->http;
	rc = p->driver->open(&env, p->settings, &p->ctx, err);
	return rc == CR_OK ? CR_OK : err_wrap(err, "zone provider %s", p->name);
}

static int
open_host(struct session *s, struct intent *i, struct mail_host *h, struct err *err)
{
	const struct mailhost_env env = {.http = i->http, .clock = s->clock, .config_dir = session_config_dir(s)};
	int rc;

	if (h->ctx != NULL)
		return CR_OK;
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
	d->zone = find_zone(i, zone);
	d->host = find_host(i, host);
	d->reverse = reverse != NULL ? find_reverse(i, reverse) : NULL;
	if (d->zone == NULL || d->host == NULL)
		return err_set(err, CR_ECONFIG, "%s: a provider of %s is missing", s->config_path, d->name);
	rc = open_host(s, i, d->host, err);
	if (rc == CR_OK && need == INTENT_PROVIDERS)
		rc = open_zone(s, i, d->zone, err);
	if (rc == CR_OK && need == INTENT_PROVIDERS && d->reverse != NULL)
		rc = open_zone(s, i, d->reverse->provider, err);
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
	if (own != UNSET_S)
		return own;
	return tenant != UNSET_S ? tenant : absent;
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
