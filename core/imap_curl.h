/*
 * imap_curl.h - a connection to an IMAP server, logged in: bytes there and back, each with a deadline.
 *
 * A link is an interface, so that whoever talks over it can be tried against a server that lies.
 */
#ifndef CORE_IMAP_CURL_H
#define CORE_IMAP_CURL_H

#include "core/clock.h"
#include "core/err.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum imap_tls {
	IMAP_TLS_IMPLICIT, /* RFC 8314 */
	IMAP_TLS_STARTTLS, /* RFC 3501 s6.2.1; a server that does not offer it is refused */
	IMAP_TLS_NONE,     /* to this machine only */
	IMAP_TLS__COUNT
};
/* "implicit", "starttls", "none". */
const char *imap_tls_name(enum imap_tls t);

struct imap_link {
	/* All of it, or an error.  Errors: CR_ERETRY (closed, too slow). */
	int (*send)(struct imap_link *l, const char *data, size_t len, int64_t wait_ms, struct err *err);
	/* At least one byte and at most size.  Errors: CR_ERETRY (closed, nothing within wait_ms). */
	int (*recv)(struct imap_link *l, char *to, size_t size, int64_t wait_ms, size_t *n_out, struct err *err);
	void (*drop)(struct imap_link *l);
};
void imap_link_drop(struct imap_link **l);

struct imap_curl_options {
	const char *host; /* a name, or an address; IPv6 with or without brackets */
	int port;         /* 0: 993 with implicit TLS, else 143 */
	enum imap_tls tls;
	const char *ca_file; /* NULL: the system's */
	const char *user;
	const struct secret *password;
	int64_t timeout_ms; /* for all of it, up to the login */
	const struct clock *clock;
};

/*
 * Connect, verify, log in with the best mechanism that the server has.
 * Errors: CR_EAUTH (the login was refused), CR_EREFUSED (a certificate that does not verify, no TLS, plain text to another host),
 * CR_ERETRY (not there, too slow, not now), CR_ECONFIG (ca_file, no libcurl).
 */
MUST_CHECK int imap_curl_open(const struct imap_curl_options *o, struct imap_link **out, struct err *err);

#endif
