/*
 * fcrdns.h - does a sending address have a name that leads back to it ("iprev", RFC 8601 s2.7.3, s3), and does HELO say that name?
 */
#ifndef DNS_FCRDNS_H
#define DNS_FCRDNS_H

#include "dns/finding.h"
#include "dns/lookup.h"

#define FCRDNS_NAMES_MAX 10 /* RFC 8601 s3 */

enum fcrdns_status { FCRDNS_PASS, FCRDNS_FAIL, FCRDNS_NO_PTR, FCRDNS_TEMPERROR, FCRDNS_STATUS__COUNT };
const char *fcrdns_status_name(enum fcrdns_status s);

enum helo_status {
	HELO_MATCH,        /* one of the confirmed names */
	HELO_RESOLVES,     /* another name, which leads to the address */
	HELO_MISMATCH,     /* leads to other addresses */
	HELO_UNRESOLVABLE, /* leads nowhere */
	HELO_INVALID,      /* no fully qualified name: an address literal, a bare name */
	HELO_UNKNOWN,      /* none given, or DNS did not say */
	HELO_STATUS__COUNT
};
const char *helo_status_name(enum helo_status s);

struct fcrdns {
	enum fcrdns_status status;
	char names[FCRDNS_NAMES_MAX][256]; /* confirmed ones, in the order of the answer */
	size_t n;
	bool generic; /* a confirmed name looks like one of a pool */
	enum helo_status helo;
};
/*
 * helo: NULL none.  findings, appended: ptr-missing, ptr-not-confirmed, ptr-several, ptr-many, ptr-generic, ptr-unknown, helo-other,
 * helo-mismatch, helo-unresolvable, helo-invalid, helo-unknown.  Errors: CR_EPARSE (ip is no address), CR_ENOMEM.
 */
MUST_CHECK int fcrdns_check(struct lookup *l, const char *ip, const char *helo, struct fcrdns *out,
                            struct findings *findings, struct err *err);
/* The same with the PTR at owner, canonical: of a server that knows a classless reverse zone only, and not the CNAME to it (RFC 2317). */
MUST_CHECK int fcrdns_check_at(struct lookup *l, const char *ip, const char *owner, const char *helo,
                               struct fcrdns *out, struct findings *findings, struct err *err);

#endif
