/*
 * blocklist.h - DNS block lists (RFC 5782): what an answer means, and whether the list can be believed today.
 *
 * An error code is no listing, and no answer is no acquittal: both are unknown.  The key of a subscription is part of the question's name
 * and of nothing else: it is in no verdict, finding or error, also when it stands in front of a known zone's name.
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
	BLOCKLIST_DEAD,        /* does not list what every list does */
	BLOCKLIST_WILDCARD,    /* lists what no list may, or a resolver answers in its place */
	BLOCKLIST_BLOCKED,     /* does not answer us */
	BLOCKLIST_UNREACHABLE, /* DNS did not say */
	BLOCKLIST_HEALTH__COUNT
};
const char *blocklist_health_name(enum blocklist_health h); /* "working", ... */

struct blocklist {
	const char *zone; /* "zen.spamhaus.org", "zen.dq.spamhaus.net" */
	const char *key;  /* goes in front of the zone in the question; NULL none */
	enum blocklist_kind kind;
};
#define BLOCKLIST_LISTS_MAX 16
struct blocklist_verdict {
	enum blocklist_status status;
	char lists[BLOCKLIST_LISTS_MAX][24]; /* "SBL", "CSS", "abused-spam", "unknown"; sorted */
	size_t n;
	bool mild;     /* listed only where it is no reason to stop: "fresh", "grey" */
	char why[200]; /* of BLOCKLIST_UNKNOWN; of BLOCKLIST_LISTED the codes that are not known, or "" */
};
/* The zone's public name: without a key.  "" when it is no name. */
void blocklist_zone(const struct blocklist *b, struct name *out);
/* NULL; or when the list was closed: to ask it is a mistake of the configuration. */
const char *blocklist_closed(const struct blocklist *b);

/* The question's name: address reversed, or the domain, under key and zone.  Errors: CR_EPARSE. */
MUST_CHECK int blocklist_name(const struct blocklist *b, const char *target, struct name *out, struct err *err);
/* What an answer means.  Pure. */
void blocklist_judge(const struct blocklist *b, const struct lookup_answer *a, struct blocklist_verdict *out);
/* RFC 5782 s5: 127.0.0.2 is listed, 127.0.0.1 is not; TEST and INVALID of domain lists.  Errors: CR_EPARSE (the zone). */
MUST_CHECK int blocklist_selftest(struct lookup *l, const struct blocklist *b, enum blocklist_health *out,
                                  struct err *err);
/*
 * Self-test, then the target.  A closed list is not asked.  findings, appended: blocklist-listed, blocklist-unknown, blocklist-dead,
 * blocklist-wildcard, blocklist-blocked, blocklist-unreachable, blocklist-ipv6, blocklist-closed.  Errors: CR_EPARSE, CR_ENOMEM.
 */
MUST_CHECK int blocklist_check(struct lookup *l, const struct blocklist *b, const char *target,
                               struct blocklist_verdict *out, struct findings *findings, struct err *err);

#endif
