/*
 * generic.h - does a host name look like one of a pool?  Filters distrust such senders whatever they publish.
 */
#ifndef DNS_GENERIC_H
#define DNS_GENERIC_H

#include "dns/ip.h"

/*
 * The name holds the address in any usual form (dashes, dots, reversed, padded, hexadecimal, partly), a word of access pools (dynamic, dsl,
 * dhcp ...) in front of the registrable domain, or is a hoster's default.  name: canonical.  NULL: no; else a static clause that says why.
 */
const char *host_is_generic(const char *name, const struct ip *ip);

#endif
