/*
 * signed.h - questions to one server, signed with one TSIG key, over TCP; and answers that count only when they are signed.
 */
#ifndef DNS_ZONES_SIGNED_H
#define DNS_ZONES_SIGNED_H

#include "dns/zones/dnstcp.h"
#include "dns/zones/tsig.h"

enum rcode {
	RCODE_NOERROR,
	RCODE_FORMERR,
	RCODE_SERVFAIL,
	RCODE_NXDOMAIN,
	RCODE_NOTIMP,
	RCODE_REFUSED,
	RCODE_YXDOMAIN,
	RCODE_YXRRSET,
	RCODE_NXRRSET,
	RCODE_NOTAUTH,
	RCODE_NOTZONE
};

struct signed_server {
	char *host, *port;
	const struct clock *clock;
	struct tsig_key key;
};
/* server: HOST, HOST:PORT, [IPv6]:PORT or an IPv6 address.  key_secret: base64, borrowed.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int signed_server_make(const char *server, const char *key_name, const char *key_algorithm,
                                  const struct secret *key_secret, const struct clock *clock, struct signed_server *out,
                                  struct err *err);
void signed_server_release(struct signed_server *s);

/* A header and one question (in an update: the zone section), whose name stands at byte WIRE_HEADER. */
void signed_start(struct buf *b, unsigned flags, const char *zone, uint16_t type);

/* One question on its way. */
struct signed_call {
	struct dnstcp *tcp;
	struct tsig_check *check;
	uint16_t id, flags;
};
/* Sign message and send it on a new connection.  Errors: CR_ERETRY (nothing was sent), CR_EUNKNOWN (perhaps it was). */
MUST_CHECK int signed_send(const struct signed_server *s, struct buf *message, struct signed_call *out,
                           struct err *err);
void signed_call_release(struct signed_call *c);
/*
 * One message of the answer.  result: TSIG_SIGNED, or TSIG_UNSIGNED, of which nothing must be believed.
 * Errors: CR_ERETRY (cut off, or late), CR_EPARSE (no answer to this), CR_EAUTH (our key is not accepted, or the signature is not the server's).
 */
MUST_CHECK int signed_receive(const struct signed_server *s, struct signed_call *c, struct buf *reply,
                              struct tsig_result *result, struct err *err);

enum rcode signed_rcode(const struct buf *reply);
const char *signed_rcode_name(enum rcode rcode);

#endif
