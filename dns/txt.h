/*
 * txt.h - TXT RDATA: character strings on the outside, one string of bytes inside (RFC 1035 s3.3.14).
 */
#ifndef DNS_TXT_H
#define DNS_TXT_H

#include "core/buf.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

#define TXT_STRING_MAX 255
/* Joined bytes whose strings, each with its length byte, still fit RDATA. */
#define TXT_DATA_MAX (65535 - 65535 / (TXT_STRING_MAX + 1) - 1)

/* "\"v=spf1\" \" -all\"" -> joined bytes, appended.  A quoted string over 255 bytes is taken: where it is split makes no difference. */
MUST_CHECK int txt_parse(const char *text, struct buf *out, struct err *err);
/* Quoted strings of at most 255 bytes, one blank between; "\"\"" for no bytes. */
void txt_format(const void *data, size_t len, struct buf *out);
/* One byte within quotes: \" \\, and \DDD outside printable ASCII, so that the line survives any tool and any character set. */
void txt_format_byte(unsigned char c, struct buf *out);

/* Length-prefixed strings joined.  Errors: CR_EPARSE. */
MUST_CHECK int txt_from_wire(const uint8_t *rdata, size_t len, struct buf *out, struct err *err);
void txt_to_wire(const void *data, size_t len, struct buf *out);

#endif
