/*
 * intent.h - what the configuration asks for: tenants, their outreach domains, and the providers these name.
 *
 * Read once, whole, with every fault reported; nothing here touches the network.  Names are canonical.
 */
#ifndef PROVISION_INTENT_H
#define PROVISION_INTENT_H

#include "core/session.h"
#include "dns/blocklist.h"
#include "dns/dmarc.h"
#include "dns/zones/zones.h"
#include "provision/addresses/addresses.h"
#include "provision/mailhosts/mailhosts.h"

struct intent_mailbox {
	char *local;    /* "anna" */
	char *name;     /* display name, NULL */
	char *password; /* secret reference; NULL: made and kept sealed */
	char address[320];
};

/* Shared settings of tenant and domain; a domain's own value wins over its tenant's. */
struct intent_defaults {
	char *zone, *mail_host, *reverse; /* names of providers; NULL */
	char *template;                   /* NULL: the mail host's own */
	char *rua, *tls_rua;              /* mailbox for reports; NULL: none */
	char *dmarc;                      /* "reject", "quarantine" */
	struct cfg_list web_addresses;
	int64_t ttl_s, warm_up_s, closing_s;
	bool ed25519;
};

struct intent_tenant;
struct intent_domain {
	char name[256];
	struct intent_tenant *tenant;
	struct intent_defaults own;
	struct intent_mailbox *mailboxes;
	size_t n_mailboxes;
	/* resolved by intent_select */
	struct zone_provider *zone;
	struct mail_host *host;
	struct reverse *reverse; /* NULL */
};
struct intent_tenant {
	char primary[256];
	struct intent_defaults defaults;
	struct intent_mailbox *mailboxes; /* for domains without a list of their own */
	size_t n_mailboxes;
	struct intent_domain *domains;
	size_t n_domains;
};
struct mail_host {
	char *name;
	const struct mailhost_driver *driver;
	void *settings, *ctx;
	struct mailhost_facts facts;
};
/* An address owner.  "zone": the PTR records of sending addresses in reverse zones that a zone provider serves; others set them by calls. */
struct reverse {
	char *name, *driver_name;
	const struct address_driver *driver; /* NULL: "zone" */
	void *settings, *ctx;                /* the driver's */
	char *zone;
	struct cfg_list reverse_zones;
	struct zone_provider *provider;
};
/* A zone provider with the settings that all of them share. */
struct intent_zone {
	struct zone_provider provider;
	char *driver_name;
	char *check_server; /* HOST:PORT of an authoritative server to ask; NULL */
	bool allow_plain;
};

/* A DNS block list that verify looks into. */
struct intent_list {
	char *zone;
	char *key; /* secret reference; NULL */
	char *kind_name;
	enum blocklist_kind kind;
};

struct intent {
	struct intent_tenant *tenants;
	size_t n_tenants;
	struct intent_zone *zones;
	size_t n_zones;
	struct mail_host *hosts;
	size_t n_hosts;
	struct reverse *reverses;
	size_t n_reverses;
	struct intent_list *lists;
	size_t n_lists;
	struct http *http;
};

extern const struct cfg_row intent_tenant_rows[], intent_default_rows[], intent_mailbox_rows[], intent_zone_rows[],
	intent_host_rows[], intent_reverse_rows[], intent_reverse_zone_rows[], intent_list_rows[];
extern const size_t intent_tenant_rows_n, intent_default_rows_n, intent_mailbox_rows_n, intent_zone_rows_n,
	intent_host_rows_n, intent_reverse_rows_n, intent_reverse_zone_rows_n, intent_list_rows_n;

/* session_config first.  Every fault is printed by the call, one a line.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int intent_read(struct session *s, struct intent *out, struct err *err);
void intent_release(struct intent *i);

/* Errors: CR_EUSAGE (no such tenant; nearest named). */
MUST_CHECK int intent_tenant_find(const struct intent *i, const char *primary, struct intent_tenant **out,
                                  struct err *err);
/* Is domain a primary domain of any tenant, below one, or a parent that holds one?  Errors: CR_EREFUSED with the primary. */
MUST_CHECK int intent_guard_primary(const struct intent *i, const char *domain, struct err *err);
/* The tenant's configured domain.  Errors: CR_EREFUSED (a primary, another tenant's), CR_EUSAGE (not configured). */
MUST_CHECK int intent_domain_find(struct intent *i, struct intent_tenant *t, const char *name,
                                  struct intent_domain **out, struct err *err);
/* Any tenant's configured domain of that name; NULL. */
struct intent_domain *intent_domain_anywhere(const struct intent *i, const char *name);
/* How much of a domain's providers a command needs. */
enum intent_need {
	INTENT_FACTS,    /* names resolved, the mail host's facts: no credentials of a zone provider */
	INTENT_PROVIDERS /* all opened, their secrets resolved */
};
/* Resolve the providers a domain names and open those not open yet.  Errors: CR_ECONFIG, CR_EIO. */
MUST_CHECK int intent_open(struct session *s, struct intent *i, struct intent_domain *d, enum intent_need need,
                           struct err *err);
/* check_server of the provider, NULL when not set. */
const char *intent_check_server(const struct intent *i, const struct zone_provider *p);

/* Effective values. */
#define INTENT_PICK(d, member) ((d)->own.member != NULL ? (d)->own.member : (d)->tenant->defaults.member)
const char *intent_dmarc_policy(const struct intent_domain *d);
int64_t intent_ttl_s(const struct intent_domain *d);
int64_t intent_warm_up_s(const struct intent_domain *d);
int64_t intent_closing_s(const struct intent_domain *d);
bool intent_ed25519(const struct intent_domain *d);

#endif
