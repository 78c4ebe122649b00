/*
 * dnstcp.h - DNS messages over one TCP connection (RFC 7766: two bytes of length in front), within one deadline.
 */
#ifndef DNS_ZONES_DNSTCP_H
#define DNS_ZONES_DNSTCP_H

#include "core/buf.h"
#include "core/clock.h"

struct dnstcp;

/* host: a name or an address.  deadline_ms: for all that follows on this connection.
 * Errors: CR_ERETRY (nobody answers there), CR_ECONFIG (no such host), CR_ENOMEM. */
MUST_CHECK int dnstcp_open(const char *host, const char *port, const struct clock *clock, int64_t deadline_ms,
                           struct dnstcp **out, struct err *err);
void dnstcp_drop(struct dnstcp **c);

/* Errors: CR_ERETRY (cut off, or too late: perhaps sent in part). */
MUST_CHECK int dnstcp_send(struct dnstcp *c, const struct buf *message, struct err *err);
/* The next message; out is cleared first.  Errors: CR_ERETRY, CR_ENOMEM. */
MUST_CHECK int dnstcp_receive(struct dnstcp *c, struct buf *out, struct err *err);

#endif
