/*
 * wire.h - DNS messages as bytes (RFC 1035 s4.1): what a client of updates and transfers writes and reads.
 *
 * Readers take a message and a position that they move; every step is bounded by len, a name by its 255 bytes.
 */
#ifndef DNS_ZONES_WIRE_H
#define DNS_ZONES_WIRE_H

#include "core/buf.h"
#include "dns/name.h"

/* The header, and where its four counts lie. */
#define WIRE_HEADER      12U
#define WIRE_QUESTION    4U
#define WIRE_ANSWER      6U
#define WIRE_AUTHORITY   8U
#define WIRE_ADDITIONAL  10U
#define WIRE_MESSAGE_MAX 65535U

uint16_t wire_u16(const uint8_t *p);
uint32_t wire_u32(const uint8_t *p);
void wire_add_u16(struct buf *b, uint16_t v);
void wire_add_u32(struct buf *b, uint32_t v);
/* Uncompressed.  name: canonical. */
void wire_add_name(struct buf *b, const char *name);
/* One more in the count at `where`. */
void wire_count_one(uint8_t *message, size_t where);

/* A name, compressed or not.  Errors: CR_EPARSE. */
MUST_CHECK int wire_name(const uint8_t *message, size_t len, size_t *pos, struct name *out, struct err *err);

struct wire_rr {
	size_t offset; /* where it begins */
	struct name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	size_t rdata; /* offset */
	uint16_t rdata_len;
};
MUST_CHECK int wire_rr(const uint8_t *message, size_t len, size_t *pos, struct wire_rr *out, struct err *err);
/* To the first record.  Errors: CR_EPARSE (shorter than a header, too). */
MUST_CHECK int wire_skip_questions(const uint8_t *message, size_t len, size_t *pos_out, struct err *err);
/*
 * The RDATA of rr with the names in it written out.  Compression is undone in the types that may use it (RFC 3597 s4, and SRV,
 * which some servers compress in spite of RFC 2782).  Errors: CR_EPARSE.
 */
MUST_CHECK int wire_rdata(const uint8_t *message, size_t len, const struct wire_rr *rr, struct buf *out,
                          struct err *err);

#endif
