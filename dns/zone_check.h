/*
 * zone_check.h - the zone around a domain: DNSSEC as far as the resolver can tell, and whether the delegation's name servers all do their work.
 */
#ifndef DNS_ZONE_CHECK_H
#define DNS_ZONE_CHECK_H

#include "dns/finding.h"
#include "dns/lookup.h"

/*
 * findings, appended: dnssec-signed, dnssec-unsigned, dnssec-unknown, dnssec-bogus, ns-lame, ns-silent, ns-propagation, ns-few, ns-cname, ...
 * Errors: CR_ENOMEM.
 */
MUST_CHECK int zone_check(struct lookup *l, const char *domain, struct findings *findings, struct err *err);
/*
 * What does each authoritative server of the zone say of name and type?  A finding "propagation" for each server that says something else
 * than most do, or than want (may be NULL) says.  Errors: CR_ENOMEM.
 */
MUST_CHECK int zone_compare(struct lookup *l, const char *zone, const char *name, uint16_t type,
                            const struct records *want, struct findings *findings, struct err *err);

#endif
