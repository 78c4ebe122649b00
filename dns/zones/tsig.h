/*
 * tsig.h - transaction signatures on DNS messages: sign a request, check its replies.
 *
 * RFC 8945.  Works on wire bytes and knows nothing of sockets.  A reply may be a stream of messages (a zone transfer), of which
 * up to 99 in a row may be unsigned (s5.3.1); a stream counts only when its last message was signed.
 */
#ifndef DNS_ZONES_TSIG_H
#define DNS_ZONES_TSIG_H

#include "core/buf.h"
#include "core/secret.h"
#include "dns/name.h"

#define TSIG_MAC_MAX 64

enum tsig_error { TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

struct tsig_key {
	struct name name;
	const struct tsig_algorithm *algorithm;
	struct secret *secret; /* decoded */
};

/* algorithm: "hmac-sha256", ...; secret: base64, borrowed.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int tsig_key_make(const char *name, const char *algorithm, const struct secret *base64, struct tsig_key *out,
                             struct err *err);
void tsig_key_release(struct tsig_key *k);

struct tsig_mac {
	uint8_t bytes[TSIG_MAC_MAX];
	size_t len;
};

/* Append a signature of now_s to a whole message.  Errors: CR_ENOMEM, CR_EIO (libcrypto). */
MUST_CHECK int tsig_sign(const struct tsig_key *k, int64_t now_s, struct buf *message, struct tsig_mac *mac_out,
                         struct err *err);

/* The replies to one signed request. */
struct tsig_check;
/* k is borrowed.  Errors: CR_ENOMEM, CR_EIO. */
MUST_CHECK int tsig_check_open(const struct tsig_key *k, const struct tsig_mac *request, struct tsig_check **out,
                               struct err *err);
void tsig_check_drop(struct tsig_check **c);

enum tsig_verdict {
	TSIG_SIGNED,   /* this message and the unsigned ones before it are the server's */
	TSIG_UNSIGNED, /* nothing is known yet */
	TSIG_REFUSED /* the server does not accept the request's signature; error says why.  Unsigned for BADSIG and BADKEY */
};
struct tsig_result {
	enum tsig_verdict verdict;
	unsigned error;      /* enum tsig_error or 0 */
	int64_t server_s;    /* of BADTIME; 0 */
	size_t message_len;  /* of the message without its signature */
	uint16_t additional; /* records in the additional section without it */
};
/*
 * Errors: CR_EPARSE (no DNS message), CR_EAUTH (a signature that is not the server's: changed on the way, another key, too old, or
 * too many unsigned messages).
 */
MUST_CHECK int tsig_check_message(struct tsig_check *c, const uint8_t *message, size_t len, int64_t now_s,
                                  struct tsig_result *out, struct err *err);

#endif
