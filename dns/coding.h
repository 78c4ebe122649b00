/*
 * coding.h - bytes as hexadecimal, base32hex and base64 text (RFC 4648), for RDATA.
 */
#ifndef DNS_CODING_H
#define DNS_CODING_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum coding { CODING_HEX, CODING_BASE32HEX, CODING_BASE64, CODING__COUNT };

/* Append the bytes of text; padding may be missing.  Errors: CR_EPARSE (foreign character, cut off, stray bits). */
MUST_CHECK int coding_decode(enum coding c, const char *text, size_t len, struct buf *out, struct err *err);
/* Append the text, upper-case hex, base64 with padding, base32hex without (RFC 5155 s3.3). */
void coding_encode(enum coding c, const uint8_t *data, size_t len, struct buf *out);

#endif
