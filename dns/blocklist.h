/*
 * blocklist.h - DNS block lists (RFC 5782): what an answer means, and whether the list can be believed today.
 *
 * An error code is no listing, and no answer is no acquittal: both are unknown.
 */
#ifndef DNS_BLOCKLIST_H
#define DNS_BLOCKLIST_H

#include "dns/finding.h"
#include "dns/lookup.h"

enum blocklist_kind { BLOCKLIST_IP, BLOCKLIST_DOMAIN, BLOCKLIST_KIND__COUNT };
enum blocklist_status { BLOCKLIST_CLEAN, BLOCKLIST_LISTED, BLOCKLIST_UNKNOWN, BLOCKLIST_STATUS__COUNT };
const char *blocklist_status_name(enum blocklist_status s); /* "clean", "listed", "error" */
enum blocklist_health {
	BLOCKLIST_WORKING,
	BLOCKLIST_DEAD,
	BLOCKLIST_WILDCARD,
	BLOCKLIST_BLOCKED,
	BLOCKLIST_UNREACHABLE,
	BLOCKLIST_HEALTH__COUNT
};
const char *blocklist_health_name(enum blocklist_health h); /* "working", ... */

struct blocklist {
	const char *zone; /* public name: "zen.spamhaus.org", "zen.dq.spamhaus.net" */
	const char *key;  /* goes in front of the zone in the question and nowhere else; NULL none */
	enum blocklist_kind kind;
};
struct blocklist_verdict {
	enum blocklist_status status;
	char lists[16][24]; /* "SBL", "CSS", "abused-spam", "unknown"; canonical order */
	size_t n;
	char why[200]; /* of BLOCKLIST_UNKNOWN; without the key */
};
/* The question's name: address reversed, or the domain, under key and zone.  Errors: CR_EPARSE. */
MUST_CHECK int blocklist_name(const struct blocklist *b, const char *target, struct name *out, struct err *err);
/* What an answer means.  Pure. */
void blocklist_judge(const struct blocklist *b, const struct lookup_answer *a, struct blocklist_verdict *out);
/* RFC 5782 s5: 127.0.0.2 is listed, 127.0.0.1 is not; TEST and INVALID of domain lists. */
MUST_CHECK int blocklist_selftest(struct lookup *l, const struct blocklist *b, enum blocklist_health *out,
                                  struct err *err);
/* Self-test, then the target.  findings: blocklist-listed, blocklist-unknown, blocklist-dead, ...  Errors: CR_EPARSE, CR_ENOMEM. */
MUST_CHECK int blocklist_check(struct lookup *l, const struct blocklist *b, const char *target,
                               struct blocklist_verdict *out, struct findings *findings, struct err *err);

#endif
