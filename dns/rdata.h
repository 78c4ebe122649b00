/*
 * rdata.h - the RDATA of each known type as a row of fields; text, wire and checks walk the row.
 *
 * Data here is what struct record holds: the canonical wire form, for TXT the joined bytes.
 */
#ifndef DNS_RDATA_H
#define DNS_RDATA_H

#include "core/buf.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * One letter a field:
 *   a A, 6 AAAA, n name, 1 2 4 big-endian numbers of so many bytes, T 4-byte seconds (BIND units accepted),
 *   y type mnemonic, t RRSIG time, s length-prefixed hex ("-" for none), h length-prefixed base32hex, g CAA tag,
 *   q character string; and, as the last field, x hex, b base64, v text without a length, w type bitmap, p SVCB parameters, z joined strings.
 */
struct rdata_type {
	uint16_t type;
	const char *name;
	const char *layout;
};
/* NULL for a type without a name. */
const struct rdata_type *rdata_type(uint16_t type);
/* "" for a type that is only known as bytes. */
const char *rdata_layout(uint16_t type);

/* Master-file text, names below origin; or RFC 3597 \# for any type.  Errors: CR_EPARSE. */
MUST_CHECK int rdata_parse(uint16_t type, const char *text, const char *origin, struct buf *out, struct err *err);
/* Uncompressed wire form checked field by field, names lower-cased, TXT joined.  Errors: CR_EPARSE. */
MUST_CHECK int rdata_from_wire(uint16_t type, const uint8_t *wire, size_t len, struct buf *out, struct err *err);
void rdata_format(uint16_t type, const uint8_t *data, size_t len, struct buf *out);

/* Bytes the field takes at data; SIZE_MAX when it is cut off or broken.  A name's canonical bytes may be asked for with rdata_from_wire. */
size_t rdata_field_len(char field, const uint8_t *data, size_t left);

#endif
