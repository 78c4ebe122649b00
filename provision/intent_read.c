/*
 * intent_read.c - the configuration's tenants, domains and providers read by their rows, every fault kept for one report.
 *
 * Invariant: after intent_read every name is canonical and no provider name dangles.
 */
#include "provision/intent_inside.h"

#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

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

/* It goes into a record as a URI: what ends a tag, a list or a size there (RFC 9989, RFC 8460 s3) cannot be in it. */
static void
check_report_address(struct cfg *c, const struct cfg_group *g, const char *key, const char *text)
{
	struct address a;

	if (text != NULL && (address_parse(text, &a, NULL) != CR_OK || text[strcspn(text, ";,! \t\"")] != '\0'))
		cfg_fault(c, g, key, "%s: '%s' is no mail address", key, text);
}

/* Durations left out stay INTENT_UNSET_S, so that a domain can fall back on its tenant and the tenant on the default. */
static int
read_defaults(struct cfg *c, const struct cfg_group *g, const char *where, const struct cfg_row *head, size_t n_head,
              void *head_out, struct intent_defaults *out, struct err *err)
{
	int rc = cfg_read_group(c, g, where, head, n_head, intent_default_rows, intent_default_rows_n, head_out, err);

	if (rc == CR_OK)
		rc = cfg_read_group(c, g, where, intent_default_rows, intent_default_rows_n, head, n_head, out, err);
	if (!cfg_has(g, "ttl"))
		out->ttl_s = INTENT_UNSET_S;
	if (!cfg_has(g, "warm_up"))
		out->warm_up_s = INTENT_UNSET_S;
	if (!cfg_has(g, "closing_period"))
		out->closing_s = INTENT_UNSET_S;
	if (rc == CR_OK && out->dmarc != NULL && strcmp(out->dmarc, "reject") != 0 &&
	    strcmp(out->dmarc, "quarantine") != 0)
		cfg_fault(c, g, "dmarc", "dmarc: must be reject or quarantine, not '%s'", out->dmarc);
	if (rc == CR_OK) {
		check_report_address(c, g, "rua", out->rua);
		check_report_address(c, g, "tls_rua", out->tls_rua);
	}
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
	struct intent_domain_head head = {0};
	int rc;

	d->tenant = t;
	rc = read_defaults(c, g, "domain", intent_domain_rows, intent_domain_rows_n, &head, &d->own, err);
	if (rc == CR_OK)
		canonical(c, g, "name", head.name, d->name);
	if (rc == CR_OK && cfg_count(c, g, "mailboxes") > 0)
		rc = read_mailboxes(c, g, &d->mailboxes, &d->n_mailboxes, err);
	else if (rc == CR_OK && t->n_mailboxes > 0)
		rc = inherit_mailboxes(d, err);
	if (rc == CR_OK && d->name[0] != '\0')
		set_addresses(c, g, d->mailboxes, d->n_mailboxes, d->name);
	cfg_release_group(intent_domain_rows, intent_domain_rows_n, &head);
	return rc;
}

static int
read_tenant(struct cfg *c, const struct cfg_group *g, struct intent_tenant *t, struct err *err)
{
	struct intent_tenant_head head = {0};
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
	struct intent_zone_head head = {0};
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
	struct intent_host_head head = {0};
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

/* A reverse zone that a configured provider serves: no driver of its own. */
static int
read_reverse_zone(struct cfg *c, const struct cfg_group *g, struct intent *i, struct reverse *r, struct err *err)
{
	int rc = cfg_read_group(c, g, "address owner", intent_reverse_zone_rows, intent_reverse_zone_rows_n,
	                        intent_reverse_rows, intent_reverse_rows_n, r, err);

	if (rc != CR_OK || r->zone == NULL)
		return rc;
	r->provider = intent_find_zone(i, r->zone);
	if (r->provider == NULL)
		cfg_fault(c, g, "zone", "no zone provider is named '%s'", r->zone);
	return CR_OK;
}

static int
read_reverse_driver(struct cfg *c, const struct cfg_group *g, struct reverse *r, struct err *err)
{
	const size_t faults = cfg_fault_count(c);
	const struct address_driver *d = r->driver;
	struct err why = {0};
	int rc;

	r->settings = calloc(1, d->settings_size + 1);
	if (r->settings == NULL)
		return err_nomem(err, "settings");
	rc = cfg_read_group(c, g, "address owner", d->rows, d->n_rows, intent_reverse_rows, intent_reverse_rows_n,
	                    r->settings, err);
	if (rc == CR_OK && cfg_fault_count(c) == faults && d->check(r->settings, &why) != CR_OK)
		cfg_fault(c, g, NULL, "%s", why.text);
	return rc;
}

static int
read_reverse(struct cfg *c, const struct cfg_group *g, struct intent *i, struct reverse *r, struct err *err)
{
	const char *wanted = cfg_peek_text(g, "driver");
	const struct address_driver *d = address_driver_find(wanted != NULL ? wanted : "zone");
	const bool by_calls = d != NULL && d->place == NULL;
	int rc = cfg_read_group(c, g, "address owner", intent_reverse_rows, intent_reverse_rows_n,
	                        by_calls ? d->rows : intent_reverse_zone_rows,
	                        by_calls ? d->n_rows : intent_reverse_zone_rows_n, r, err);

	if (rc != CR_OK)
		return rc;
	if (d == NULL)
		cfg_fault(c, g, "driver", "no address owner driver '%s': there are 'zone' and 'azure'", wanted);
	if (!by_calls)
		return read_reverse_zone(c, g, i, r, err);
	r->driver = d;
	return read_reverse_driver(c, g, r, err);
}

/* A name of a provider that no provider has. */
static void
check_names(struct cfg *c, const struct cfg_group *g, const struct intent *i, const struct intent_defaults *d)
{
	if (d->zone != NULL && intent_find_zone(i, d->zone) == NULL)
		cfg_fault(c, g, "zone", "no zone provider is named '%s'", d->zone);
	if (d->mail_host != NULL && intent_find_host(i, d->mail_host) == NULL)
		cfg_fault(c, g, "mail_host", "no mail host is named '%s'", d->mail_host);
	if (d->reverse != NULL && intent_find_reverse(i, d->reverse) == NULL)
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

/* The directory of the mail host that d's mailboxes live at; NULL. */
static const char *
directory_of(const struct intent *i, const struct intent_domain *d)
{
	const char *name = INTENT_PICK(d, mail_host);
	const struct mail_host *h = name != NULL ? intent_find_host(i, name) : NULL;

	if (h == NULL || h->driver == NULL || h->driver->directory == NULL || h->settings == NULL)
		return NULL;
	return h->driver->directory(h->settings);
}

/* One legal sender's trouble (a blocked account, a directory's limits) must not become another's. */
static void
check_directories(struct cfg *c, const struct cfg_group *g, const struct intent *i, const struct intent_tenant *t)
{
	for (size_t n = 0; n < t->n_domains; n++) {
		const char *ours = directory_of(i, &t->domains[n]);

		for (const struct intent_tenant *o = i->tenants; ours != NULL && o < t; o++)
			for (size_t m = 0; m < o->n_domains; m++) {
				const char *theirs = directory_of(i, &o->domains[m]);

				if (theirs == NULL || strcasecmp(ours, theirs) != 0)
					continue;
				cfg_fault(c, g, "mail_host",
				          "%s and %s are two legal senders, and both would use the directory '%s': "
				          "each needs a tenant of its own",
				          o->primary, t->primary, ours);
				return;
			}
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
read_list(struct cfg *c, const struct cfg_group *g, struct intent_list *l, struct err *err)
{
	struct name zone;
	struct err why = {0};
	int rc = cfg_read_group(c, g, "block list", intent_list_rows, intent_list_rows_n, NULL, 0, l, err);

	if (rc != CR_OK || l->zone == NULL)
		return rc;
	if (name_parse_host(l->zone, &zone, &why) != CR_OK)
		cfg_fault(c, g, "zone", "%s", why.text);
	if (l->kind_name != NULL && strcmp(l->kind_name, "domain") == 0)
		l->kind = BLOCKLIST_DOMAIN;
	else if (l->kind_name != NULL && strcmp(l->kind_name, "address") != 0)
		cfg_fault(c, g, "kind", "kind: must be address or domain, not '%s'", l->kind_name);
	return CR_OK;
}

static int
read_lists(struct cfg *c, const struct cfg_group *root, struct intent *i, struct err *err)
{
	size_t n = cfg_count(c, root, "block_lists");
	int rc = make_array(n, sizeof(*i->lists), &i->lists, err);

	while (rc == CR_OK && i->n_lists < n) {
		rc = read_list(c, cfg_item(c, root, "block_lists", i->n_lists), &i->lists[i->n_lists], err);
		i->n_lists++;
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
		rc = read_lists(c, root, i, err);
	if (rc == CR_OK)
		rc = make_array(tenants, sizeof(*i->tenants), &i->tenants, err);
	for (size_t n = 0; rc == CR_OK && n < tenants; n++) {
		i->n_tenants = n + 1;
		rc = read_tenant(c, cfg_item(c, root, "tenants", n), &i->tenants[n], err);
	}
	for (size_t n = 0; rc == CR_OK && n < tenants; n++) {
		check_tenant(c, cfg_item(c, root, "tenants", n), i, &i->tenants[n]);
		check_directories(c, cfg_item(c, root, "tenants", n), i, &i->tenants[n]);
	}
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
