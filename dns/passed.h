/*
 * passed.h - did this test message pass: what its receiver said, what we compute from its bytes, and do the two agree?
 */
#ifndef DNS_PASSED_H
#define DNS_PASSED_H

#include "dns/authres.h"
#include "dns/dmarc_check.h"
#include "dns/finding.h"
#include "dns/signature.h"

struct passed_query {
	const struct message *message;
	/* Authserv-ids of receivers that are believed, NULL-terminated.  Microsoft's results have none: "outlook.com" names them.
	 * NULL: the topmost field's name is believed, and a finding says so. */
	const char *const *trusted;
	const char *domain; /* the outreach domain that should have sent it; NULL: whatever From says */
	int64_t now_s;
};
struct passed {
	bool ok; /* spf, dkim and dmarc pass by the receiver's word, both aligned, and no finding is a fail: nothing we compute contradicts */
	bool no_trusted; /* "no-trusted-results" */
	char from[256];
	const char *spf, *dkim, *dmarc; /* words of RFC 8601, static; "none" */
	bool spf_aligned, dkim_aligned;
	char receiver[256];           /* authserv-id that was believed; "" Microsoft's nameless one */
	struct signatures signatures; /* their findings are among those below */
	bool one_click; /* RFC 8058: both fields, https, covered by an aligned signature that passes here */
	char line[400]; /* spf=pass (aligned: ...) dkim=pass (...) dmarc=pass: the three verdicts in one line */
	struct findings
		findings; /* message-no-trusted-results, message-spf-alignment, message-dkim-disagrees, message-one-click-missing, ... */
};
void passed_release(struct passed *p);
/* When the topmost Received field says that it came in, UTC seconds; 0: it does not. */
int64_t passed_received_s(const struct message *m);
/* Errors: CR_EPARSE (no message), CR_ENOMEM. */
MUST_CHECK int passed_check(struct lookup *l, const struct passed_query *q, struct passed *out, struct err *err);

#endif
