/*
 * hosts.h - the hosts around a domain: where its mail goes (MX), and whether a sending address has a name that leads back (FCrDNS).
 */
#ifndef DNS_HOSTS_H
#define DNS_HOSTS_H

#include "dns/finding.h"
#include "dns/lookup.h"

enum mx_status { MX_OK, MX_IMPLICIT, MX_NONE, MX_NULL, MX_ERROR, MX_TEMPERROR, MX_STATUS__COUNT };
const char *mx_status_name(enum mx_status s);
#define MX_HOSTS_MAX 32
struct mx {
	enum mx_status status;
	struct {
		uint16_t preference;
		char name[256];
	} hosts[MX_HOSTS_MAX]; /* by preference, then name */
	size_t n;
	const char *
		why; /* static word of MX_ERROR: "cname", "unroutable", "null-with-others", "unresolvable", "address", ...; NULL */
};
/* findings, appended: mx-missing, mx-implicit, mx-null, mx-cname, mx-private, mx-unresolvable, mx-preference, ...  Errors: CR_ENOMEM. */
MUST_CHECK int mx_check(struct lookup *l, const char *domain, struct mx *out, struct findings *findings,
                        struct err *err);

enum fcrdns_status { FCRDNS_PASS, FCRDNS_FAIL, FCRDNS_NO_PTR, FCRDNS_TEMPERROR, FCRDNS_STATUS__COUNT };
const char *fcrdns_status_name(enum fcrdns_status s);
enum helo_status {
	HELO_MATCH,
	HELO_RESOLVES,
	HELO_MISMATCH,
	HELO_UNRESOLVABLE,
	HELO_INVALID,
	HELO_UNKNOWN,
	HELO_STATUS__COUNT
};
const char *helo_status_name(enum helo_status s);
#define FCRDNS_NAMES_MAX 10 /* RFC 8601 s3 */
struct fcrdns {
	enum fcrdns_status status;
	char names[FCRDNS_NAMES_MAX][256]; /* confirmed ones */
	size_t n;
	bool generic;          /* a confirmed name looks like one of a pool */
	enum helo_status helo; /* HELO_UNKNOWN: none given, or trouble */
};
/* helo: NULL none.  findings: ptr-missing, ptr-not-confirmed, ptr-several, ptr-generic, helo-mismatch, ...  Errors: CR_EPARSE (ip), CR_ENOMEM. */
MUST_CHECK int fcrdns_check(struct lookup *l, const char *ip, const char *helo, struct fcrdns *out,
                            struct findings *findings, struct err *err);
/* Does the name look like one of many (contains the address, dynamic, dsl, pool...)? */
bool host_is_generic(const char *name, const char *ip);

/* Not the DNS of mail alone.  Each appends findings, notes among them.  Errors: CR_ENOMEM. */
/* DNSSEC: signed, bogus, unsigned, as far as the resolver can tell; the delegation's own name servers: lame, not in step (serials), fewer than two. */
MUST_CHECK int zone_check(struct lookup *l, const char *domain, struct findings *findings, struct err *err);
/* MTA-STS (RFC 8461, the record; policy: the file's text when the caller fetched it, else NULL) and TLS-RPT (RFC 8460), where they are published. */
MUST_CHECK int transport_check(struct lookup *l, const char *domain, const struct mx *mx, const char *policy,
                               struct findings *findings, struct err *err);

#endif
