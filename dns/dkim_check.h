/*
 * dkim_check.h - the key record of a selector as receivers will read it: every fault by name, and is it the half of our private key?
 */
#ifndef DNS_DKIM_CHECK_H
#define DNS_DKIM_CHECK_H

#include "dns/dkim.h"
#include "dns/finding.h"
#include "dns/lookup.h"

enum dkim_key_status {
	DKIM_KEY_OK, /* usable; nothing to compare with */
	DKIM_KEY_MATCH,
	DKIM_KEY_MISMATCH,
	DKIM_KEY_MISSING,
	DKIM_KEY_REVOKED,
	DKIM_KEY_WEAK,     /* RSA below 1024 bits (RFC 8301 s3.2) */
	DKIM_KEY_UNUSABLE, /* h= without sha256, s= without email, k= unknown: dkim_key.why */
	DKIM_KEY_SYNTAX,
	DKIM_KEY_MULTIPLE, /* two records: what a receiver does is undefined (RFC 6376 s3.6.2.2) */
	DKIM_KEY_TEMPERROR,
	DKIM_KEY_STATUS__COUNT
};
const char *dkim_key_status_name(enum dkim_key_status s); /* "match", "missing", ... */

struct dkim_key {
	enum dkim_key_status status;
	struct dkim_public public; /* len 0: none could be read */
	bool testing, strict;      /* t=y, t=s */
	bool sha256;               /* h= allows it */
	const char *why;           /* static word of UNUSABLE: "hash", "service", "type"; NULL */
};
/*
 * Ask for selector._domainkey.domain and judge it.  ours: the public half of our private key, NULL: none is known.
 * findings, appended: dkim-missing, dkim-no-domainkey (NXDOMAIN at _domainkey, RFC 8020), dkim-two-records, dkim-quotes, dkim-backslash,
 * dkim-strings-order, dkim-string-lost, dkim-spki-ed25519, dkim-mismatch, dkim-revoked, dkim-weak, dkim-testing, dkim-sha1, ..., each with the
 * exact record as its fix when ours is known.
 * Errors: CR_ENOMEM.
 */
MUST_CHECK int dkim_key_check(struct lookup *l, const char *selector, const char *domain,
                              const struct dkim_public *ours, struct dkim_key *out, struct findings *findings,
                              struct err *err);
/* The pure half: the joined text of one record.  findings may be NULL. */
MUST_CHECK int dkim_key_read(const char *txt, const struct dkim_public *ours, struct dkim_key *out,
                             struct findings *findings, struct err *err);

#endif
