/*
 * addresses.h - the contract of an address owner: who sets the reverse name (PTR) of a sending IP address.
 *
 * The owner `zone` is a reverse zone that one of the configured zone providers serves: the driver tells where the PTR belongs,
 * and the caller writes it like any other record, through its provider, journal and conflict rules.
 */
#ifndef PROVISION_ADDRESSES_ADDRESSES_H
#define PROVISION_ADDRESSES_ADDRESSES_H

#include "core/cfg.h"
#include "dns/record.h"

/* Where the PTR of one address belongs. */
struct address_place {
	const char *provider; /* name of a configured zone provider; borrowed from the settings */
	struct name zone, owner;
};

struct address_driver {
	const char *name;
	const char *summary;
	const struct cfg_row *rows;
	size_t n_rows;
	size_t settings_size;
	/* Everything of the settings that can be judged offline.  Errors: CR_ECONFIG. */
	int (*check)(const void *settings, struct err *err);
	/* Errors: CR_EPARSE (no address), CR_ENOTFOUND (an address or zone that is not this owner's). */
	int (*place)(const void *settings, const char *ip, struct address_place *out, struct err *err);
};
extern const struct address_driver *const address_drivers[]; /* NULL-terminated */
const struct address_driver *address_driver_find(const char *name);

/*
 * The deepest of the reverse zones that holds ip, and the PTR's owner in it.  Zones in any spelling; besides plain ones
 * ("2.0.192.in-addr.arpa", nibbles under ip6.arpa) the classless ones of RFC 2317 in the three usual forms:
 * "64/26.2.0.192.in-addr.arpa", "64-26..." and "64-127...", where the owner is LASTOCTET.zone.
 * Errors: CR_EPARSE (ip), CR_ECONFIG (a zone that is no reverse zone), CR_ENOTFOUND (none holds it).
 */
MUST_CHECK int address_ptr_owner(const char *ip, const char *const *reverse_zones, size_t n, struct name *zone_out,
                                 struct name *owner_out, struct err *err);

/* owner. TTL PTR host.  Both canonical.  Errors: CR_EPARSE, CR_ENOMEM. */
MUST_CHECK int address_ptr_record(const char *owner, const char *host, uint32_t ttl_s, struct record *out,
                                  struct err *err);

/* Does block ("192.0.2.10", "192.0.2.64/26", "2001:db8::/48") hold ip?  Errors: CR_EPARSE. */
MUST_CHECK int address_in_block(const char *ip, const char *block, bool *in_out, struct err *err);

#endif
