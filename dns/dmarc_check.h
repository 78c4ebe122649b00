/*
 * dmarc_check.h - which DMARC policy binds a name, and does a message meet it: RFC 9989's tree walk, and what a reader of RFC 7489
 * with the public suffix list makes of the same records.
 */
#ifndef DNS_DMARC_CHECK_H
#define DNS_DMARC_CHECK_H

#include "dns/dmarc.h"
#include "dns/finding.h"
#include "dns/lookup.h"

enum dmarc_status {
	DMARC_VALID,
	DMARC_NO_RECORD,
	DMARC_MULTIPLE,
	DMARC_INVALID, /* no DMARC processing */
	DMARC_TEMPERROR,
	DMARC_STATUS__COUNT
};
const char *dmarc_status_name(enum dmarc_status s); /* "valid", "none", "multiple", "invalid", "temperror" */

/* One record, read leniently as receivers do (RFC 9989 s4.7). */
struct dmarc_reading {
	enum dmarc_status status;
	struct dmarc record;
	/* As they act: a missing or invalid p with a rua is none; np falls back to sp, sp to p.  DMARC_ABSENT: no DMARC. */
	enum dmarc_policy p, sp, np;
	enum dmarc_policy p_7489, sp_7489; /* the same for a reader of RFC 7489, who has no np */
	char psd;                          /* 'y', 'n', 'u' */
	char fo[16];
	char ruf[DMARC_RUA_MAX][DMARC_URI_MAX];
	size_t n_ruf;
	bool enforced; /* quarantine or reject to all failing mail, by receivers of both RFCs */
};
/*
 * texts: joined TXT records of one name, all of them.  findings (may be NULL), appended without fix: dmarc-pct, dmarc-t, dmarc-rf,
 * dmarc-ri, dmarc-sp, dmarc-np, dmarc-p, dmarc-order, dmarc-rua, dmarc-ruf, dmarc-fo, dmarc-psd, dmarc-adkim, dmarc-aspf,
 * dmarc-unknown-tag, dmarc-stray, dmarc-syntax, dmarc-two-records, dmarc-unreadable, dmarc-other-txt.  Errors: CR_ENOMEM.
 */
MUST_CHECK int dmarc_read(const char *const *texts, size_t n, struct dmarc_reading *out, struct findings *findings,
                          struct err *err);

struct dmarc_policy_found {
	enum dmarc_status status;
	char policy_domain[256];       /* whose record decides */
	char organisational[256];      /* by the tree walk (RFC 9989 s4.10.2) */
	char organisational_7489[256]; /* by the public suffix list */
	bool differs;                  /* a receiver of RFC 7489 would use another policy; the findings say which */
	enum dmarc_policy policy;      /* what acts on the name, t=y not yet applied */
	struct dmarc_reading reading;
	bool exists; /* the author domain is no NXDOMAIN; asked only where the policy depends on it */
};
/*
 * findings (may be NULL), appended: those of dmarc_read for the record that decides, dmarc-7489, dmarc-organisation, dmarc-cname,
 * dmarc-temperror.  A name that cannot be one leaves DMARC_INVALID without a policy domain.  Errors: CR_ENOMEM.
 */
MUST_CHECK int dmarc_discover(struct lookup *l, const char *author_domain, struct dmarc_policy_found *out,
                              struct findings *findings, struct err *err);
/* The organisational domain alone, by the tree walk.  false: pending or trouble. */
bool dmarc_organisational(struct lookup *l, const char *domain, char *out, size_t size);

struct dmarc_identifier {
	const char *domain; /* of SPF's MAIL FROM (or HELO), or of d= */
	bool pass;
};
enum dmarc_result {
	DMARC_RESULT_NONE,
	DMARC_RESULT_PASS,
	DMARC_RESULT_FAIL,
	DMARC_RESULT_TEMPERROR,
	DMARC_RESULT_PERMERROR,
	DMARC_RESULT__COUNT
};
const char *dmarc_result_name(enum dmarc_result r);
struct dmarc_judgement {
	enum dmarc_result result;
	struct dmarc_policy_found found;
	bool spf_aligned, dkim_aligned; /* and passed */
	enum dmarc_policy
		disposition; /* what is to be done with a failing message, t=y applied; DMARC_NONE without DMARC */
};
/* permerror: the author domain is no domain.  A record that starts no DMARC processing is "none" (RFC 9989 s4.10.1).  Errors: CR_ENOMEM. */
MUST_CHECK int dmarc_judge(struct lookup *l, const char *author_domain, const struct dmarc_identifier *spf,
                           const struct dmarc_identifier *dkim, size_t n_dkim, struct dmarc_judgement *out,
                           struct findings *findings, struct err *err);

enum dmarc_report {
	DMARC_REPORT_SAME,
	DMARC_REPORT_AUTHORISED,
	DMARC_REPORT_MISSING,
	DMARC_REPORT_INVALID,
	DMARC_REPORT_TEMPERROR,
	DMARC_REPORT__COUNT
};
const char *dmarc_report_name(enum dmarc_report r); /* "same-org", "authorised", "missing", "invalid", "temperror" */
/* May reports about policy_domain go to uri (RFC 9990)?  query_out, override_out: "" where there is none. */
MUST_CHECK int dmarc_report_allowed(struct lookup *l, const char *policy_domain, const char *uri,
                                    enum dmarc_report *out, char query_out[NAME_TEXT_MAX],
                                    char override_out[DMARC_URI_MAX], struct err *err);
/*
 * All that `verify` asks of a sending domain's DMARC: record, enforcement, subdomains, report addresses and their authorisation, MX of
 * the report domain.  Fixes are exact records.  Appended besides those of dmarc_discover: dmarc-missing, dmarc-misplaced, dmarc-none,
 * dmarc-inherited, dmarc-rua-missing, dmarc-report-missing, dmarc-report-mx, dmarc-report-unknown.
 */
MUST_CHECK int dmarc_domain_check(struct lookup *l, const char *domain, struct dmarc_policy_found *out,
                                  struct findings *findings, struct err *err);

#endif
