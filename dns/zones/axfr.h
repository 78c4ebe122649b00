/*
 * axfr.h - a whole zone read from its primary (RFC 5936), believed only when it is signed.
 */
#ifndef DNS_ZONES_AXFR_H
#define DNS_ZONES_AXFR_H

#include "dns/record.h"
#include "dns/zones/signed.h"

#define AXFR_MAX_BYTES ((size_t)64 << 20)

/*
 * raw holds the RDATA as the server has them: prerequisites of an update compare bytes, and a TXT may be cut into strings in more
 * than one way.
 */
struct axfr {
	bool exists;            /* false: the server does not serve the zone */
	struct records records; /* in the order they came; the SOA is the first */
	struct buf raw;
	struct axfr_span {
		size_t offset, len;
	} * spans; /* into raw, one for each of records */
	size_t n_spans, cap_spans;
};
void axfr_release(struct axfr *a);

/* Errors: CR_EAUTH, CR_ERETRY, CR_EPARSE, CR_EIO, CR_ENOMEM. */
MUST_CHECK int axfr_read(const struct signed_server *s, const char *zone, struct axfr *out, struct err *err);
/* The pure half: the records of one message; *soas counts the SOA, which opens and closes a transfer.  Errors: CR_EPARSE, CR_ENOMEM. */
MUST_CHECK int axfr_take(struct axfr *a, const char *zone, const struct buf *message, unsigned *soas, struct err *err);
/* The server's bytes of record i. */
const uint8_t *axfr_rdata(const struct axfr *a, size_t i, size_t *len_out);

#endif
