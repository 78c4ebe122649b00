/*
 * intent_inside.h - what the files of intent share: the parts of the file that are read first, and the finders.
 */
#ifndef PROVISION_INTENT_INSIDE_H
#define PROVISION_INTENT_INSIDE_H

#include "provision/intent.h"

/* A duration that the file leaves out: a domain falls back on its tenant, the tenant on the default. */
#define INTENT_UNSET_S (-1)

/* What the file says of a tenant besides its defaults. */
struct intent_tenant_head {
	char *primary;
};
struct intent_domain_head {
	char *name;
};
struct intent_zone_head {
	char *name, *driver, *check_server;
	bool allow_plain;
};
struct intent_host_head {
	char *name, *driver;
};

extern const struct cfg_row intent_domain_rows[];
extern const size_t intent_domain_rows_n;

/* By configured name; NULL. */
struct zone_provider *intent_find_zone(const struct intent *i, const char *name);
struct mail_host *intent_find_host(const struct intent *i, const char *name);
struct reverse *intent_find_reverse(const struct intent *i, const char *name);

#endif
