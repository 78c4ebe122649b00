/*
 * blocklist_codes.h - the block lists that are known, and what their answers say, as data.
 */
#ifndef DNS_BLOCKLIST_CODES_H
#define DNS_BLOCKLIST_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum blocklist_meaning {
	BLOCKLIST_CODE_LISTED,
	BLOCKLIST_CODE_MILD,    /* listed, and no reason to stop: young, watched */
	BLOCKLIST_CODE_NEUTRAL, /* an answer that is no listing */
	BLOCKLIST_CODE_REFUSED, /* the list's own way to say that it will not answer */
};
/* 127.b.c.from to 127.b.c.to; of a list of bits: the bit from. */
struct blocklist_code {
	uint8_t b, c, from, to;
	enum blocklist_meaning meaning;
	const char *name; /* as its operator writes it; of a refusal: why */
};
#define BLOCKLIST_TESTS_MAX 2
struct blocklist_row {
	const char *zone; /* it, and what lies under it: a key in front */
	const struct blocklist_code *codes;
	size_t n_codes;
	bool bits;                              /* codes are bits of the last octet */
	bool ipv6;                              /* known to list IPv6 addresses */
	bool registrable;                       /* wants the registrable domain, not a host below it */
	const char *tests[BLOCKLIST_TESTS_MAX]; /* of a domain list: listed for tests, besides TEST of RFC 5782 s5 */
	const char *page;                       /* where a listing is looked up and ended; %s: the target */
	const char *closed;                     /* when it ended; NULL: it lives */
};
/* zone: canonical, a key in front or not.  NULL: not known. */
const struct blocklist_row *blocklist_row_find(const char *zone);
/* The code that fits the octets of an answer within 127.0.0.0/8; NULL: none.  Of a list of bits: of one bit. */
const struct blocklist_code *blocklist_code_find(const struct blocklist_row *row, const uint8_t octets[4],
                                                 unsigned bit);

#endif
