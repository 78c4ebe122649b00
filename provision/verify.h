/*
 * verify.h - is what is published what was intended?  Asks DNS servers, not provider APIs.
 */
#ifndef PROVISION_VERIFY_H
#define PROVISION_VERIFY_H

#include "dns/resolve.h"
#include "provision/plan.h"

enum verify_status { VERIFY_OK, VERIFY_NOT_YET, VERIFY_WRONG, VERIFY_UNKNOWN, VERIFY_STATUS__COUNT };
const char *verify_status_name(enum verify_status s); /* "ok", "not_yet", "fail", "unknown" */

struct verify_check {
	enum verify_status status;
	char what[400];              /* "MX getnorthwind.example" */
	char *expected, *seen, *fix; /* heap; NULL where there is nothing to say */
};
struct verify_report {
	struct verify_check *items;
	size_t n;
	size_t count[VERIFY_STATUS__COUNT];
};
void verify_report_release(struct verify_report *r);

/* Whom to ask for the names of a zone. */
struct verify_servers {
	struct resolve_server server;
	bool recursion;
	bool known;
};

/*
 * Ask for every record set of p->want, and for the PTR loop of the mail host's addresses when the domain has an address owner.
 * forward: for the domain; reverse: for the reverse zones.  Errors: CR_ENOMEM; what DNS says is in the report.
 */
MUST_CHECK int verify_run(const struct plan *p, const struct verify_servers *forward,
                          const struct verify_servers *reverse, struct verify_report *out, struct err *err);
/* check_server of the provider; else the system's resolver with recursion.  override: HOST:PORT of --resolver, may be NULL. */
MUST_CHECK int verify_servers_find(const struct intent *i, const struct zone_provider *p, const char *override,
                                   struct verify_servers *out, struct err *err);

#endif
