/*
 * verify_open.c - whom to ask for which name.
 *
 * Names under a domain whose provider has a check_server are asked there, without recursion, and so are its reverse zones; all others go
 * to a resolver.  The system's resolver is no judge of names that only a private server can have (RFC 6761, RFC 6762, RFC 8375, RFC 9476)
 * or of the reverse names of special addresses (RFC 5737, RFC 1918): there its "no such name" says nothing.  A resolver that was named is.
 */
#include <string.h>

#include "dns/ip.h"
#include "provision/intent_inside.h"
#include "provision/verify.h"

static const char *const private_zones[] = {"test",  "example", "invalid",  "localhost", "local",
                                            "onion", "alt",     "internal", "home.arpa"};

bool
verify_is_private(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(private_zones); i++) {
		if (name_is_under(name, private_zones[i]))
			return true;
	}
	return false;
}

static int
route_zone(struct lookup *l, const struct intent *i, const struct zone_provider *p, const char *zone, bool *routed_out,
           struct err *err)
{
	const char *at = p != NULL ? intent_check_server(i, p) : NULL;
	struct resolve_server server;

	if (at == NULL)
		return CR_OK;
	if (resolve_server_parse(at, &server, NULL) != CR_OK)
		return err_set(err, CR_ECONFIG, "check_server of %s: '%s' is no HOST:PORT of a DNS server", p->name,
		               at);
	*routed_out = true;
	return lookup_route(l, zone, &server, false, err);
}

/* An address owner that no domain names has nothing to say. */
static bool
is_used(const struct intent *i, const struct reverse *reverse)
{
	for (size_t t = 0; t < i->n_tenants; t++) {
		for (size_t n = 0; n < i->tenants[t].n_domains; n++) {
			const struct intent_domain *d = &i->tenants[t].domains[n];
			const char *name = INTENT_PICK(d, reverse);

			if (name != NULL && reverse->name != NULL && strcmp(name, reverse->name) == 0)
				return true;
		}
	}
	return false;
}

static int
route_all(struct lookup *l, const struct intent *i, bool *routed_out, struct err *err)
{
	int rc = CR_OK;

	for (size_t t = 0; rc == CR_OK && t < i->n_tenants; t++) {
		for (size_t n = 0; rc == CR_OK && n < i->tenants[t].n_domains; n++) {
			const struct intent_domain *d = &i->tenants[t].domains[n];
			const char *zone = INTENT_PICK(d, zone);

			rc = route_zone(l, i, zone != NULL ? intent_find_zone(i, zone) : NULL, d->name, routed_out,
			                err);
		}
	}
	for (size_t r = 0; rc == CR_OK && r < i->n_reverses; r++) {
		const struct reverse *reverse = &i->reverses[r];
		struct name zone;

		for (size_t n = 0; rc == CR_OK && is_used(i, reverse) && n < reverse->reverse_zones.n; n++) {
			rc = name_parse(reverse->reverse_zones.items[n], &zone, err);
			if (rc == CR_OK)
				rc = route_zone(l, i, reverse->provider, zone.text, routed_out, err);
		}
	}
	return rc;
}

static int
doubt_host(struct lookup *l, const struct mailhost_facts *f, struct err *err)
{
	struct name name;
	struct ip ip;
	int rc = CR_OK;

	name_organisation(f->host, &name);
	if (f->host[0] != '\0' && verify_is_private(f->host))
		rc = lookup_doubt(l, name.text, "a name that no public resolver can know", err);
	for (size_t n = 0; rc == CR_OK && n < f->addresses.n; n++) {
		const char *address = f->addresses.items[n];

		if (!ip_parse(address, &ip) || ip_scope(&ip, NULL) == IP_GLOBAL)
			continue;
		rc = name_reverse(address, &name, err);
		if (rc == CR_OK)
			rc = lookup_doubt(l, name.text, "an address whose name no public resolver can know", err);
	}
	return rc;
}

static int
ask_root(struct lookup *l, void *arg, struct err *err)
{
	(void)err;
	*(bool *)arg = lookup_is_trouble(lookup_ask(l, "", RECORD_NS));
	return CR_OK;
}

/*
 * The system's resolver, where it is only for what stands outside of our zones: one that does not answer is as good as none.  Found out
 * once, and not by every check.
 */
static int
judge_system(struct lookup *l, const struct intent *i, const struct resolve_server *server, struct err *err)
{
	bool dead = false;
	char why[120];
	int rc = CR_OK;

	for (size_t h = 0; rc == CR_OK && h < i->n_hosts; h++)
		rc = doubt_host(l, &i->hosts[h].facts, err);
	if (rc == CR_OK)
		rc = lookup_settle_one(l, ask_root, &dead, err);
	if (rc != CR_OK || !dead)
		return rc;
	(void)snprintf(why, sizeof(why), "the system's resolver %s does not answer: give --resolver", server->address);
	return lookup_nobody(l, "", why, err);
}

static int
find_resolver(const struct session *s, const struct verify_servers *servers, struct lookup_settings *out,
              struct err *err)
{
	const char *named = servers->resolver != NULL ? servers->resolver : s->settings.resolver;

	*out = (struct lookup_settings){.recursion = true};
	if (servers->at_hand)
		return CR_OK;
	if (named == NULL) {
		out->known = resolve_server_system(&out->resolver, NULL) == CR_OK;
		return CR_OK;
	}
	out->known = true;
	if (resolve_server_parse(named, &out->resolver, NULL) == CR_OK)
		return CR_OK;
	return err_set(err, servers->resolver != NULL ? CR_EUSAGE : CR_ECONFIG, "'%s' is no HOST:PORT of a DNS server",
	               named);
}

int
verify_lookup_open(const struct session *s, const struct intent *i, const struct verify_servers *servers,
                   struct lookup **out, struct err *err)
{
	struct lookup_settings settings;
	struct lookup *l = NULL;
	bool routed = false;
	int rc = find_resolver(s, servers, &settings, err);

	if (rc == CR_OK)
		rc = lookup_open(&settings, &l, err);
	if (rc == CR_OK && i != NULL && servers->resolver == NULL)
		rc = route_all(l, i, &routed, err);
	if (rc == CR_OK && !settings.known)
		rc = lookup_nobody(l, "", servers->at_hand ? "not asked here" : "no resolver is known: give --resolver",
		                   err);
	else if (rc == CR_OK && routed && s->settings.resolver == NULL)
		rc = judge_system(l, i, &settings.resolver, err);
	if (rc == CR_OK)
		*out = TAKE(l);
	lookup_drop(&l);
	return rc;
}
