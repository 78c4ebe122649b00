/*
 * svcb.h - the parameters of SVCB and HTTPS records (RFC 9460 s2.1, s2.2, appendix A).
 *
 * This program publishes none; it reads and rewrites zones that hold them.
 */
#ifndef DNS_SVCB_H
#define DNS_SVCB_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "alpn=h2,h3 port=443 key65333=\"x\"" from *pos to the end of the line, appended in wire form, keys in order.  Errors: CR_EPARSE. */
MUST_CHECK int svcb_parse(const char **pos, struct buf *out, struct err *err);
/* data: sound. */
void svcb_format(const uint8_t *data, size_t len, struct buf *out);
/* Keys rise strictly and no value is cut off (s2.2). */
bool svcb_is_sound(const uint8_t *data, size_t len);

#endif
