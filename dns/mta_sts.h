/*
 * mta_sts.h - MTA-STS (RFC 8461) and TLS-RPT (RFC 8460) as texts: the records, and the policy that a domain keeps on the web.  Pure.
 */
#ifndef DNS_MTA_STS_H
#define DNS_MTA_STS_H

#include "dns/taglist.h"

#include <stdint.h>

#define MTA_STS_ID_MAX        32
#define MTA_STS_MAX_AGE_S     31557600
#define MTA_STS_POLICY_BYTES  65536 /* RFC 8461 s3.3 lets senders stop at 64 KB */
#define MTA_STS_PATTERNS_MAX  64
#define TLS_RPT_ADDRESSES_MAX 16

/* Does the TXT claim to be one ("v=STSv1" first)? */
bool mta_sts_is_record(const char *txt);
struct mta_sts_record {
	char id[MTA_STS_ID_MAX + 1];
};
/* Errors: CR_EPARSE. */
MUST_CHECK int mta_sts_parse(const char *txt, struct mta_sts_record *out, struct err *err);

enum mta_sts_mode { MTA_STS_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE, MTA_STS_MODE__COUNT };
const char *mta_sts_mode_name(enum mta_sts_mode m);
struct mta_sts_policy {
	enum mta_sts_mode mode;
	int64_t max_age_s;
	struct span mx[MTA_STS_PATTERNS_MAX]; /* borrowed from the text: "mx1.example", "*.example" */
	size_t n_mx;
};
/* Errors: CR_EPARSE naming the line. */
MUST_CHECK int mta_sts_policy_parse(const char *text, size_t len, struct mta_sts_policy *out, struct err *err);
/* By one of the patterns; "*." stands for exactly one label (RFC 8461 s4.1).  host: canonical. */
bool mta_sts_allows(const struct mta_sts_policy *p, const char *host);

bool tls_rpt_is_record(const char *txt);
struct tls_rpt {
	struct span rua[TLS_RPT_ADDRESSES_MAX]; /* URIs, borrowed */
	size_t n;
};
/* Errors: CR_EPARSE. */
MUST_CHECK int tls_rpt_parse(const char *txt, struct tls_rpt *out, struct err *err);

#endif
