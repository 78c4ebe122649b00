/*
 * authres.h - Authentication-Results as receivers write it (RFC 8601), strict and otherwise, and which of a message's may be believed.
 */
#ifndef DNS_AUTHRES_H
#define DNS_AUTHRES_H

#include "core/err.h"
#include "dns/message.h"

#include <stdbool.h>
#include <stddef.h>

#define AUTHRES_RESULTS_MAX 64
#define AUTHRES_PROPS_MAX   16
#define AUTHRES_BYTES_MAX   65536

struct authres_prop {
	const char *ptype, *property, *value; /* ptype "" where the field gives none; names in lower case */
};
struct authres_result {
	const char *method, *result;  /* lower case */
	int method_version;           /* 1 */
	const char *reason, *comment; /* NULL none */
	struct authres_prop props[AUTHRES_PROPS_MAX];
	size_t n_props;
};
struct authres {
	char *text;              /* owns all of it */
	const char *authserv_id; /* NULL: the field has none */
	int version;             /* 0: none given */
	struct authres_result results[AUTHRES_RESULTS_MAX];
	size_t n;
	bool invalid; /* open comment or quote, cut off: results that stand before it are not to be believed either */
	bool lenient; /* read against the grammar */
};
/* value: behind the colon, folding kept.  Errors: CR_ENOMEM.  What cannot be read gives invalid and no results. */
MUST_CHECK int authres_read(struct span value, struct authres *out, struct err *err);
void authres_release(struct authres *a);
const char *authres_prop(const struct authres_result *r, const char *ptype, const char *property); /* NULL */

#endif
