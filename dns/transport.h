/*
 * transport.h - how mail to a domain is protected on its way, where that is published: MTA-STS (RFC 8461), TLS-RPT (RFC 8460), DANE (RFC 7672).
 */
#ifndef DNS_TRANSPORT_H
#define DNS_TRANSPORT_H

#include "dns/finding.h"
#include "dns/lookup.h"
#include "dns/mx.h"

/*
 * Only what is published is judged.  policy: the text of https://mta-sts.<domain>/.well-known/mta-sts.txt when the caller fetched it, else
 * NULL; mx: its hosts have to be in the policy, NULL: not compared.  findings, appended: mta-sts-record, mta-sts-two-records,
 * mta-sts-policy, mta-sts-mx, mta-sts-max-age, mta-sts-mode, mta-sts-published, mta-sts-unknown; tls-rpt-record, tls-rpt-two-records,
 * tls-rpt-published, tls-rpt-unknown; dane-published, dane-usage, dane-unknown.  Errors: CR_ENOMEM.
 */
MUST_CHECK int transport_check(struct lookup *l, const char *domain, const struct mx *mx, const char *policy,
                               struct findings *findings, struct err *err);

#endif
