/*
 * intent_rows.c - the settings of tenants, domains and providers as rows.
 */
#include "provision/intent_inside.h"

#define DEF(member) offsetof(struct intent_defaults, member)

/* clang-format off */
const struct cfg_row intent_tenant_rows[] = {
	{"primary", CFG_NAME, offsetof(struct intent_tenant_head, primary), 0, 0, NULL, CFG_REQUIRED, NULL, "The tenant's primary domain: names the tenant, and is never touched."},
	{"domains", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of outreach domains."},
	{"mailboxes", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of mailboxes for domains that have no list of their own."},
};
const size_t intent_tenant_rows_n = ARRAY_LEN(intent_tenant_rows);

const struct cfg_row intent_domain_rows[] = {
	{"name", CFG_NAME, offsetof(struct intent_domain_head, name), 0, 0, NULL, CFG_REQUIRED, NULL, "The outreach domain."},
	{"mailboxes", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of mailboxes."},
};
const size_t intent_domain_rows_n = ARRAY_LEN(intent_domain_rows);

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
	{"name", CFG_TEXT, offsetof(struct intent_zone_head, name), 0, 0, NULL, CFG_REQUIRED, NULL, "What domains call it by."},
	{"driver", CFG_TEXT, offsetof(struct intent_zone_head, driver), 0, 0, NULL, CFG_REQUIRED, NULL, "zonefile, powerdns, rfc2136, cloudflare, route53, azure or lexicon."},
	{"check_server", CFG_TEXT, offsetof(struct intent_zone_head, check_server), 0, 0, NULL, 0, NULL, "HOST:PORT of an authoritative server that is asked whether the records are published."},
	{"allow_plain", CFG_BOOL, offsetof(struct intent_zone_head, allow_plain), 0, 0, "false", 0, NULL, "Accept http:// to a host other than this one (a management network)."},
};
const size_t intent_zone_rows_n = ARRAY_LEN(intent_zone_rows);

const struct cfg_row intent_host_rows[] = {
	{"name", CFG_TEXT, offsetof(struct intent_host_head, name), 0, 0, NULL, CFG_REQUIRED, NULL, "What domains call it by."},
	{"driver", CFG_TEXT, offsetof(struct intent_host_head, driver), 0, 0, NULL, CFG_REQUIRED, NULL, "local or microsoft365."},
};
const size_t intent_host_rows_n = ARRAY_LEN(intent_host_rows);

const struct cfg_row intent_reverse_rows[] = {
	{"name", CFG_TEXT, offsetof(struct reverse, name), 0, 0, NULL, CFG_REQUIRED, NULL, "What domains call it by."},
	{"driver", CFG_TEXT, offsetof(struct reverse, driver_name), 0, 0, "zone", 0, NULL, "zone: PTR records in reverse zones that a zone provider serves; azure: public addresses there."},
};
const size_t intent_reverse_rows_n = ARRAY_LEN(intent_reverse_rows);

const struct cfg_row intent_reverse_zone_rows[] = {
	{"zone", CFG_TEXT, offsetof(struct reverse, zone), 0, 0, NULL, CFG_REQUIRED, NULL, "Name of that zone provider."},
	{"reverse_zones", CFG_LIST, offsetof(struct reverse, reverse_zones), 0, 0, NULL, CFG_REQUIRED, NULL, "The reverse zones it serves: 2.0.192.in-addr.arpa, or classless 64/26.2.0.192.in-addr.arpa (RFC 2317)."},
};
const size_t intent_reverse_zone_rows_n = ARRAY_LEN(intent_reverse_zone_rows);

const struct cfg_row intent_list_rows[] = {
	{"zone", CFG_NAME, offsetof(struct intent_list, zone), 0, 0, NULL, CFG_REQUIRED, NULL, "The list's zone: zen.dq.spamhaus.net, dbl.spamhaus.org ..."},
	{"kind", CFG_TEXT, offsetof(struct intent_list, kind_name), 0, 0, "address", 0, NULL, "What it lists: address (of the sending hosts) or domain."},
	{"key", CFG_SECRET, offsetof(struct intent_list, key), 0, 0, NULL, 0, NULL, "Your key, where the list wants one: asked in front of the zone, and never shown."},
};
const size_t intent_list_rows_n = ARRAY_LEN(intent_list_rows);
/* clang-format on */
