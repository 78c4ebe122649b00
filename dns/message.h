/*
 * message.h - a received message as signatures see it: header fields byte for byte, and the body behind the empty line.
 *
 * RFC 5322 s2.2, s3.5.  Bare LF of a saved file is turned into CRLF first, since that is what was signed; bare CR only where the file has no
 * other line ends.  A byte order mark and the "From " line of an mbox are left out.
 */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "core/err.h"
#include "dns/taglist.h"

#include <stdbool.h>
#include <stddef.h>

#define MESSAGE_BYTES_MAX  ((size_t)64 << 20)
#define MESSAGE_FIELDS_MAX 2000
#define MESSAGE_HEADER_MAX ((size_t)1 << 20)

struct message_field {
	struct span name;  /* as written, without blanks before the colon */
	struct span value; /* behind the colon, folding kept, without the final CRLF */
	struct span whole; /* name to final CRLF: what simple canonicalisation takes */
};
struct message {
	char *bytes; /* with CRLF everywhere; owns all spans */
	size_t len;
	struct message_field *fields; /* top first */
	size_t n_fields;
	struct span body;
	bool converted; /* the file had bare line ends */
};
/* data is copied.  Errors: CR_EPARSE (over a ceiling, a first line that is no field), CR_ENOMEM. */
MUST_CHECK int message_read(const char *data, size_t len, struct message *out, struct err *err);
void message_release(struct message *m);

/* The n-th field of that name from the top, n from 0, case ignored; NULL. */
const struct message_field *message_field(const struct message *m, const char *name, size_t n);
/* The value unfolded, comments kept, trimmed, into out, cut where it must be; a tab is a blank, any other control byte a '?'. */
void message_unfold(struct span value, char *out, size_t size);
/*
 * The domain of the one author (RFC 5322 s3.6.2), canonical.  Comments, display names, groups and quoted local parts are read.
 * Errors: CR_EPARSE: no From, several From fields or several authors (DMARC, RFC 9989 s5.3.1, has no answer then), no domain.
 */
MUST_CHECK int message_author(const struct message *m, char *domain_out, size_t size, struct err *err);

#endif
