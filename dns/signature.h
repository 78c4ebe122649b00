/*
 * signature.h - DKIM signatures of a message verified (RFC 6376, 8301, 8463), with a reason that tells what was changed.
 */
#ifndef DNS_SIGNATURE_H
#define DNS_SIGNATURE_H

#include "dns/dkim_check.h"
#include "dns/message.h"

enum signature_result { /* the words of RFC 8601 s2.7.1 */
	                SIGNATURE_NONE,
	                SIGNATURE_PASS,
	                SIGNATURE_FAIL,
	                SIGNATURE_POLICY, /* verifies, and is not accepted: weak key, sha1, t=y */
	                SIGNATURE_NEUTRAL,
	                SIGNATURE_TEMPERROR,
	                SIGNATURE_PERMERROR,
	                SIGNATURE_RESULT__COUNT
};
const char *signature_result_name(enum signature_result r);

struct signature {
	enum signature_result result;
	char domain[256], selector[256], identity[512]; /* d=, s=, i= */
	char algorithm[32];                             /* a= as written, lower case */
	unsigned bits;                                  /* of the key; 0 unknown */
	const char *
		reason; /* static word: "body-changed", "body-recoded" (the body's bytes were re-encoded on the way), "header-changed",
	                       "key-wrong", "key-missing", "expired", "from-not-signed", ...; NULL with pass */
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
	size_t n;                 /* in header order */
	struct findings findings; /* dkim-two-from, dkim-partial-body, dkim-from-not-oversigned, dkim-expiry, ... */
};
void signatures_release(struct signatures *s);
/* now_s: for x= and t=.  Errors: CR_ENOMEM. */
MUST_CHECK int signatures_verify(struct lookup *l, const struct message *m, int64_t now_s, struct signatures *out,
                                 struct err *err);

#endif
