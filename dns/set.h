/*
 * set.h - the difference between what is and what should be, per value.
 *
 * TTL-only changes are told apart; deletes stand before creates (a CNAME has to go before its A comes), and within those the order is
 * canonical.  RRset APIs group the changes with set_rrsets.
 */
#ifndef DNS_SET_H
#define DNS_SET_H

#include "dns/record.h"

enum set_op { SET_DELETE, SET_TTL, SET_CREATE, SET__COUNT };

struct set_change {
	enum set_op op;
	struct record record; /* for SET_TTL: with the new TTL */
};
struct set_diff {
	struct set_change *items;
	size_t n, cap;
};
void set_diff_release(struct set_diff *d);

/* From `have` to `want`; both are sorted by the call.  A record in neither is untouched: callers pass in have only what they own or replace. */
MUST_CHECK int set_diff_make(struct records *have, struct records *want, struct set_diff *out, struct err *err);
MUST_CHECK int set_diff_add(struct set_diff *d, enum set_op op, const struct record *r, struct err *err);
/* From nothing to these records, added to d.  Errors: CR_ENOMEM. */
MUST_CHECK int set_diff_create(const struct records *records, struct set_diff *d, struct err *err);

/*
 * Apply d to a whole zone's records, giving for each touched (owner, type) its full new RRset (empty: the set goes away): what RRset APIs
 * need so that neighbours survive.  One TTL a set (RFC 2181 s5.2): the change's.
 */
struct set_rrset {
	char *owner;
	uint16_t type;
	uint32_t ttl_s;
	struct records records;
};
struct set_rrsets {
	struct set_rrset *items;
	size_t n, cap;
};
void set_rrsets_release(struct set_rrsets *s);
MUST_CHECK int set_rrsets_make(const struct records *zone_now, const struct set_diff *d, struct set_rrsets *out,
                               struct err *err);

#endif
