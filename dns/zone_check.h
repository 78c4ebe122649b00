/*
 * zone_check.h - the zone around a domain: DNSSEC as far as the resolver can tell, the name servers of its delegation, and how long caches
 * keep what it says.
 */
#ifndef DNS_ZONE_CHECK_H
#define DNS_ZONE_CHECK_H

#include "dns/finding.h"
#include "dns/lookup.h"

#define ZONE_TTL_LONG_S  86400
#define ZONE_TTL_SHORT_S 60

/*
 * findings, appended: zone-missing, zone-unknown, dnssec-signed, dnssec-unsigned, dnssec-no-ds, dnssec-bogus, dnssec-unknown; ns-lame,
 * ns-broken, ns-silent, ns-unresolvable, ns-unknown, ns-cname, ns-private, ns-few, ns-not-asked, propagation; ttl-long, ttl-short,
 * negative-ttl, zone-changed.  Name servers for examples and tests that cannot be reached are a note.  Errors: CR_ENOMEM.
 */
MUST_CHECK int zone_check(struct lookup *l, const char *domain, struct findings *findings, struct err *err);

#endif
