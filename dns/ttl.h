/*
 * ttl.h - times to live as master files write them: "3600", "1h", "1w2d".
 */
#ifndef DNS_TTL_H
#define DNS_TTL_H

#include "core/err.h"

#include <stdint.h>

/* Seconds, or BIND's units w d h m s in any case, added up.  Errors: CR_EPARSE, also above 4294967295. */
MUST_CHECK int ttl_parse(const char *text, uint32_t *out, struct err *err);

#endif
