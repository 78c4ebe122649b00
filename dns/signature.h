/*
 * signature.h - DKIM signatures of a message verified (RFC 6376, 8301, 8463), with a reason that tells what was changed.
 */
#ifndef DNS_SIGNATURE_H
#define DNS_SIGNATURE_H

#include "dns/dkim_check.h"
#include "dns/message.h"

/* The words of RFC 8601 s2.7.1.  POLICY: verifies, and is not accepted: a weak key.  rsa-sha1 is not even verified (PERMERROR). */
enum signature_result {
	SIGNATURE_NONE,
	SIGNATURE_PASS,
	SIGNATURE_FAIL,
	SIGNATURE_POLICY,
	SIGNATURE_NEUTRAL,
	SIGNATURE_TEMPERROR,
	SIGNATURE_PERMERROR,
	SIGNATURE_RESULT__COUNT
};
const char *signature_result_name(enum signature_result r);

/*
 * Reasons.  FAIL: "body-changed", "body-recoded" (white space, encoding, line ends), "body-appended", "body-prepended", "body-cut" (shorter
 * than l=); "header-changed", "header-refolded"; "key-wrong" (RSA: made with another key); "header-or-key" (Ed25519: one of the two).
 * POLICY: "key-weak".  TEMPERROR: "dns".  PERMERROR, the key: "key-missing", "key-revoked", "key-syntax", "key-type", "key-hash",
 * "key-service"; the tags: "syntax", "tag-missing", "version", "algorithm", "sha1", "canonicalization", "query", "domain", "selector",
 * "identity", "header-list", "from-not-signed", "number", "base64"; and "expired".
 */
struct signature {
	enum signature_result result;
	char domain[256], selector[256], identity[512];           /* d=, s=, i= */
	char algorithm[32];                                       /* a= as written, lower case */
	unsigned bits;                                            /* of the key; 0 unknown */
	const char *reason;                                       /* static word, below; NULL with pass */
	char why[300];                                            /* the same for people */
	bool signs_list_unsubscribe, signs_list_unsubscribe_post; /* every one of those fields present is covered */
	bool partial_body;                                        /* l= leaves a tail unsigned */
	bool testing;         /* passes, with a key that says t=y: receivers may treat it as no signature at all */
	bool oversigns_from;  /* From stands once more in h= than in the message */
	int64_t expires_at_s; /* x=; 0 none */
};
#define SIGNATURES_MAX 16 /* of one message; more are not looked at, and a finding says so */
struct signatures {
	struct signature items[SIGNATURES_MAX];
	size_t n; /* in header order */
	struct findings
		findings; /* dkim-two-from, dkim-too-many-signatures, dkim-two-records; of those that pass: dkim-testing, dkim-partial-body,
	                           * dkim-from-not-oversigned (a note), dkim-fields-not-signed, dkim-expiry, dkim-clock */
};
void signatures_release(struct signatures *s);
/* now_s: for x= and t=.  out: empty, or of an earlier call.  Errors: CR_ENOMEM. */
MUST_CHECK int signatures_verify(struct lookup *l, const struct message *m, int64_t now_s, struct signatures *out,
                                 struct err *err);

#endif
