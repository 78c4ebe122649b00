/*
 * resolve.h - questions to one given DNS server: what does it really publish?  First form, for provisioning; UDP with EDNS, TCP
 * when truncated or asked for, deadline per question.
 */
#ifndef DNS_RESOLVE_H
#define DNS_RESOLVE_H

#include "dns/record.h"

struct resolve_server {
	char address[64]; /* numeric IPv4 or IPv6 */
	uint16_t port;
};
/* "127.0.0.1:5300", "[::1]:53", "192.0.2.1".  Errors: CR_EPARSE. */
MUST_CHECK int resolve_server_parse(const char *text, struct resolve_server *out, struct err *err);
/* The first nameserver of /etc/resolv.conf.  Errors: CR_ENOTFOUND. */
MUST_CHECK int resolve_server_system(struct resolve_server *out, struct err *err);

struct resolve_answer {
	int rcode; /* 0 NOERROR, 3 NXDOMAIN, ... */
	bool authoritative;
	bool authenticated;      /* AD */
	bool recursive;          /* RA */
	bool negative, referral; /* the authority section holds an SOA (owned by soa); no SOA, but NS */
	struct name soa;
	struct records records; /* answer section, CNAMEs included */
};
void resolve_answer_release(struct resolve_answer *a);

/* Ask.  A reply with any rcode is CR_OK.  Errors: CR_ERETRY (no answer within timeout_ms), CR_EPARSE (malformed), CR_EIO. Thread-safe. */
MUST_CHECK int resolve_ask(const struct resolve_server *server, const char *name, uint16_t type, bool recursion,
                           int64_t timeout_ms, struct resolve_answer *out, struct err *err);

/* The pure half: a whole reply message as data.  Errors: CR_EPARSE. */
MUST_CHECK int resolve_parse(const uint8_t *reply, size_t len, struct resolve_answer *out, struct err *err);

#endif
