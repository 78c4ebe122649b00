/*
 * ip.h - IP addresses as numbers, and what the IANA special-purpose registries say of them.
 */
#ifndef DNS_IP_H
#define DNS_IP_H

#include "dns/record.h"

#define IP_TEXT_MAX 64

struct ip {
	uint8_t bytes[16];
	size_t len; /* 4 or 16; 0: none */
};
/* Numeric IPv4 or IPv6 without brackets, prefix or zone.  An IPv4 address written as IPv6 (::ffff:192.0.2.1) stays IPv6. */
bool ip_parse(const char *text, struct ip *out);
/* Of an A or AAAA record. */
bool ip_of_record(const struct record *r, struct ip *out);
bool ip_equal(const struct ip *a, const struct ip *b);
const char *ip_format(const struct ip *ip, char out[IP_TEXT_MAX]);
/* One of the addresses of its family among records? */
bool ip_among(const struct ip *ip, const struct records *records);

enum ip_scope {
	IP_GLOBAL,        /* reachable from everywhere */
	IP_DOCUMENTATION, /* stands for a global one in examples and tests */
	IP_LOOPBACK,
	IP_PRIVATE,    /* RFC 1918, RFC 6598, RFC 4193 */
	IP_UNROUTABLE, /* any other that mail from outside never reaches: link-local, multicast, reserved ... */
	IP_SCOPE__COUNT
};
/* name_out (may be NULL): the registry's words for the block, "" for a global one. */
enum ip_scope ip_scope(const struct ip *ip, const char **name_out);

#endif
