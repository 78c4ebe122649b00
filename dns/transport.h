/*
 * transport.h - how mail to a domain is protected on its way, where that is published: MTA-STS (RFC 8461), TLS-RPT (RFC 8460), DANE (RFC 7672).
 */
#ifndef DNS_TRANSPORT_H
#define DNS_TRANSPORT_H

#include "dns/finding.h"
#include "dns/lookup.h"
#include "dns/mx.h"

/*
 * policy: the text of https://mta-sts.<domain>/.well-known/mta-sts.txt when the caller fetched it, else NULL.  findings, appended:
 * mta-sts-..., tls-rpt-..., dane-...  Errors: CR_ENOMEM.
 */
MUST_CHECK int transport_check(struct lookup *l, const char *domain, const struct mx *mx, const char *policy,
                               struct findings *findings, struct err *err);

#endif
