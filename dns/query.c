/*
 * query.c - a DNS query as bytes, and whether a message is the reply to it.
 *
 * RFC 1035 s4.1 (header, question), RFC 6891 s6.1.2 (OPT, which says how much we take), RFC 6840 s5.7 (AD in a query), RFC 5452 s9.1.
 * A query is forty bytes whose form never changes: written by hand it costs a twentieth of what a packet library takes for it.
 */
#include "dns/query.h"

#include <string.h>

#define EDNS_UDP_BYTES 1232 /* pass every path without fragments */
#define CLASS_IN       1
#define OPT_TYPE       41
#define RCODE_FORMERR  1
#define FLAG_QR        0x80U /* byte 2 */
#define MASK_OPCODE    0x78U
#define FLAG_TC        0x02U
#define FLAG_RD        0x01U
#define FLAG_AD        0x20U /* byte 3 */
#define MASK_RCODE     0x0fU

static uint8_t *
put16(uint8_t *to, unsigned value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
	return to + 2;
}

static unsigned
read16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

unsigned
query_id(const uint8_t *message)
{
	return read16(message);
}

unsigned
query_rcode(const uint8_t *message)
{
	return message[3] & MASK_RCODE;
}

bool
query_is_truncated(const uint8_t *message)
{
	return (message[2] & FLAG_TC) != 0;
}

size_t
query_build(const struct query *q, uint8_t out[QUERY_MAX])
{
	uint8_t *at = out + QUERY_HEADER_BYTES;

	memset(out, 0, QUERY_HEADER_BYTES);
	(void)put16(out, q->id);
	out[2] = q->recursion ? FLAG_RD : 0;
	out[3] = q->recursion ? FLAG_AD : 0;
	out[5] = 1; /* question */
	at += name_to_wire(q->name, at);
	at = put16(at, q->type);
	at = put16(at, CLASS_IN);
	if (q->edns) {
		out[11] = 1; /* additional record: the root, OPT, our size, no flags, no options */
		*at++ = 0;
		at = put16(at, OPT_TYPE);
		at = put16(at, EDNS_UDP_BYTES);
		memset(at, 0, 6);
		at += 6;
	}
	return (size_t)(at - out);
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Bytes of the query's name and what follows it. */
static size_t
question_len(const uint8_t *query)
{
	size_t len = 0;

	while (query[QUERY_HEADER_BYTES + len] != 0)
		len += 1U + query[QUERY_HEADER_BYTES + len];
	return len + 1 + QUERY_TAIL_BYTES;
}

bool
query_is_answered_by(const uint8_t *query, const uint8_t *reply, size_t len)
{
	const uint8_t *asked = query + QUERY_HEADER_BYTES, *told = reply + QUERY_HEADER_BYTES;
	size_t question, name;

	if (len < QUERY_HEADER_BYTES || read16(reply) != read16(query) || (reply[2] & FLAG_QR) == 0 ||
	    (reply[2] & MASK_OPCODE) != 0)
		return false;
	if (read16(reply + 4) == 0)
		return query_rcode(reply) == RCODE_FORMERR;
	question = question_len(query);
	if (read16(reply + 4) != 1 || len - QUERY_HEADER_BYTES < question)
		return false;
	/* A length byte is below 64 and no letter, so that case can be folded over the whole name. */
	name = question - QUERY_TAIL_BYTES;
	for (size_t i = 0; i < name; i++) {
		if (lower(asked[i]) != lower(told[i]))
			return false;
	}
	return memcmp(asked + name, told + name, QUERY_TAIL_BYTES) == 0;
}
