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
	DKIM_KEY_SYNTAX,   /* also two records: what a receiver does is undefined (RFC 6376 s3.6.2.2) */
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
 * findings, appended, each with the exact record as its fix where it is known, of ours or of what was meant:
 * not there: dkim-missing, dkim-cname-nowhere; dkim-unknown (DNS says nothing), dkim-selector (no name);
 * dkim-no-domainkey (NXDOMAIN at _domainkey, RFC 8020), dkim-two-records, dkim-strings-as-records;
 * broken on the way: dkim-quotes, dkim-backslash, dkim-strings-order, dkim-string-lost, dkim-spki-ed25519, dkim-key-type, dkim-base64,
 * dkim-bad-key, dkim-empty, dkim-other-record, dkim-version, dkim-repeated-tag, dkim-no-key, dkim-syntax;
 * readable, and not as it should be: dkim-mismatch, dkim-revoked, dkim-weak (FAIL below 1024 bits, WARN below 2048), dkim-long, dkim-testing,
 * dkim-sha1, dkim-service, dkim-unknown-type, dkim-no-version (a note).
 * Errors: CR_ENOMEM.
 */
MUST_CHECK int dkim_key_check(struct lookup *l, const char *selector, const char *domain,
                              const struct dkim_public *ours, struct dkim_key *out, struct findings *findings,
                              struct err *err);
/* The pure half: the joined text of one record.  findings may be NULL. */
MUST_CHECK int dkim_key_read(const char *txt, const struct dkim_public *ours, struct dkim_key *out,
                             struct findings *findings, struct err *err);

#endif
