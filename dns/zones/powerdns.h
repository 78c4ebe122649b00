/*
 * powerdns.h - the pure halves of the PowerDNS client: requests from values, values from replies.
 */
#ifndef DNS_ZONES_POWERDNS_H
#define DNS_ZONES_POWERDNS_H

#include "dns/zones/zones.h"

struct pdns_target {
	char *base;            /* ".../api/v1/servers/localhost" */
	const char *kind;      /* of new zones: "Native", "Master", "Slave" */
	struct secret *key;    /* X-API-Key */
	struct cfg_list names; /* name servers of new zones, borrowed */
};

/* URL (with or without /api/v1) and server name -> base.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int pdns_base(const char *url, const char *server, char **out, struct err *err);
/* The id of a zone: a final dot, and =XX for all but letters, digits, '-' and '.'. */
void pdns_zone_id(const char *zone, struct buf *out);

MUST_CHECK int pdns_observe_request(const struct pdns_target *t, const char *zone, struct http_request *out,
                                    struct err *err);
MUST_CHECK int pdns_create_request(const struct pdns_target *t, const char *zone, const struct records *records,
                                   struct http_request *out, struct err *err);
/* disabled: records the server keeps but does not serve; those in a touched set are sent along, or REPLACE would lose them. */
MUST_CHECK int pdns_change_request(const struct pdns_target *t, const char *zone, const struct records *now,
                                   const struct records *disabled, const struct set_diff *diff,
                                   struct http_request *out, struct err *err);
MUST_CHECK int pdns_remove_request(const struct pdns_target *t, const char *zone, struct http_request *out,
                                   struct err *err);

/* A zone as GET returns it.  Errors: CR_EPARSE with the path in the JSON, CR_ENOMEM. */
MUST_CHECK int pdns_zone_parse(const char *text, size_t len, const char *zone, struct zone_state *out,
                               struct records *disabled_out, struct err *err);
/* What a reply that is no success means for its caller; never CR_OK. */
MUST_CHECK int pdns_fault_parse(const struct http_reply *reply, const char *zone, struct err *err);

#endif
