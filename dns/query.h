/*
 * query.h - a DNS query as bytes, and whether a message is the reply to it.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "dns/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_HEADER_BYTES 12
#define QUERY_TAIL_BYTES   4  /* type and class, behind the name */
#define QUERY_OPT_BYTES    11 /* an empty OPT record */
#define QUERY_MAX          (QUERY_HEADER_BYTES + NAME_WIRE_MAX + QUERY_TAIL_BYTES + QUERY_OPT_BYTES)

struct query {
	const char *name; /* canonical */
	uint16_t type;
	uint16_t id;
	bool recursion; /* RD; and AD, to be told whether the answer was validated */
	bool edns;
};
/* Its length. */
size_t query_build(const struct query *q, uint8_t out[QUERY_MAX]);

/* RFC 5452 s9.1: id and question are the query's.  A server that cannot read us (FORMERR) may leave the question out. */
bool query_is_answered_by(const uint8_t *query, const uint8_t *reply, size_t len);

/* Of a query or a reply that is at least QUERY_HEADER_BYTES long. */
unsigned query_id(const uint8_t *message);
unsigned query_rcode(const uint8_t *message); /* without the four bits that an OPT record may add */
bool query_is_truncated(const uint8_t *message);

#endif
