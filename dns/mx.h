/*
 * mx.h - where a domain's mail goes, and whether it arrives there.
 */
#ifndef DNS_MX_H
#define DNS_MX_H

#include "dns/finding.h"
#include "dns/lookup.h"

#define MX_HOSTS_MAX  32
#define MX_HOSTS_MANY 10 /* more make somebody's look-up, and SPF's mx term, give up (RFC 7208 s4.6.4) */

enum mx_status {
	MX_OK,
	MX_IMPLICIT, /* no MX; the domain's own address takes its place (RFC 5321 s5.1) */
	MX_NONE,
	MX_NULL, /* says that it takes no mail (RFC 7505) */
	MX_ERROR,
	MX_TEMPERROR,
	MX_STATUS__COUNT
};
const char *mx_status_name(enum mx_status s);

struct mx {
	enum mx_status status;
	struct {
		uint16_t preference;
		char name[256];
	} hosts[MX_HOSTS_MAX]; /* by preference, then name; without the null one; of MX_IMPLICIT the domain itself with 0 */
	size_t n;
	const char *
		why; /* of MX_ERROR, the gravest: "null-with-others", "address", "cname", "unroutable", "unresolvable" */
};
/*
 * findings, appended (whoever runs the check empties them first): mx-missing, mx-implicit, mx-null, mx-null-with-others, mx-preference,
 * mx-address, mx-cname, mx-private, mx-unresolvable, mx-host-name, mx-same-preference, mx-twice, mx-many, mx-alias, mx-unknown.
 * Addresses and names for documentation count as good ones; loopback does not.  Errors: CR_ENOMEM.
 */
MUST_CHECK int mx_check(struct lookup *l, const char *domain, struct mx *out, struct findings *findings,
                        struct err *err);

#endif
