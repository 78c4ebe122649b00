/*
 * zone_servers.h - the authoritative servers of a zone, each asked directly: does it serve the zone, and which version of it?
 */
#ifndef DNS_ZONE_SERVERS_H
#define DNS_ZONE_SERVERS_H

#include "dns/finding.h"
#include "dns/ip.h"
#include "dns/lookup.h"

enum zone_server_state {
	ZONE_SERVER_PENDING,
	ZONE_SERVER_GOOD,   /* answers with authority */
	ZONE_SERVER_LAME,   /* answers that it does not serve the zone, or without authority (RFC 1912 s2.8) */
	ZONE_SERVER_BROKEN, /* answers that it cannot (SERVFAIL), or what cannot be read */
	ZONE_SERVER_SILENT,
	ZONE_SERVER_ALIAS,   /* its name is a CNAME (RFC 2181 s10.3) */
	ZONE_SERVER_NOWHERE, /* its name has no address */
	ZONE_SERVER_UNKNOWN, /* its address could not be found out */
	ZONE_SERVER_STATE__COUNT
};
struct zone_server {
	char name[256];
	struct ip ip; /* none: its name leads to no address */
	struct resolve_server at;
	enum zone_server_state state;
	uint32_t serial; /* of ZONE_SERVER_GOOD */
	/* A name or address that stands for others in examples and tests (RFC 6761, RFC 5737), or this machine itself: not to be reached is no
	 * fault of it. */
	bool rehearsal;
	bool nobody;   /* of ZONE_SERVER_UNKNOWN: there was nobody to ask */
	char why[200]; /* of BROKEN, SILENT, UNKNOWN; of ALIAS the target */
};
#define ZONE_SERVERS_MAX 16
struct zone_servers {
	struct zone_server items[ZONE_SERVERS_MAX]; /* one an address; by name, then address */
	size_t n;
	size_t names; /* of the NS records */
	size_t good;
	bool pending; /* some answers are out: nothing of this counts */
};
/*
 * The servers that NS of zone (an apex) names.  IPv6 addresses only of servers that have no other, since many hosts cannot reach them.
 * None when NS are not known.
 */
void zone_servers_find(struct lookup *l, const char *zone, struct zone_servers *out);

/* What a SOA's numbers say.  False: it is cut short. */
struct zone_soa {
	uint32_t serial;
	uint32_t negative_s; /* how long "not there" is remembered (RFC 2308 s4) */
};
bool zone_soa_read(const struct record *soa, struct zone_soa *out);

/* Name within one that nobody can own: example, test, invalid, localhost, example.com ... (RFC 2606, RFC 6761). */
bool zone_name_is_reserved(const char *name);

/*
 * What does each good server of the zone say of name and type?  A finding "propagation" (warn, absent) for each that does not have all of
 * want; or, want being NULL, for each that says something else than most do.  Servers that do not answer are zone_check's.
 * Errors: CR_ENOMEM.
 */
MUST_CHECK int zone_compare(struct lookup *l, const char *zone, const char *name, uint16_t type,
                            const struct records *want, struct findings *findings, struct err *err);

#endif
