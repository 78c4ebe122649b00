/*
 * addresses.h - the contract of an address owner: who sets the reverse name (PTR) of a sending IP address.
 *
 * There are two kinds.  The owner `zone` is a place: a reverse zone that one of the configured zone providers serves.  The driver tells where the
 * PTR belongs, and the caller writes it like any other record, through its provider, journal and conflict rules.  The others (a cloud that owns
 * the address) set the PTR by calls of their own: the caller looks, journals its intention, calls, and journals the receipt (provision/reverse.c).
 * Such a driver observes and does, like a zone provider; it never decides whose a PTR is.
 */
#ifndef PROVISION_ADDRESSES_ADDRESSES_H
#define PROVISION_ADDRESSES_ADDRESSES_H

#include "core/cfg.h"
#include "core/clock.h"
#include "core/http.h"
#include "dns/record.h"

/* Where the PTR of one address belongs. */
struct address_place {
	const char *provider; /* name of a configured zone provider; borrowed from the settings */
	struct name zone, owner;
};

/* All of the world a driver may touch. */
struct address_env {
	struct http *http;
	const struct clock *clock;
};

/* What stands for one address at an owner that sets the PTR by calls. */
struct address_state {
	bool set; /* somebody set a PTR */
	struct name host;
	/* Something that the PTR needs beside it, which is made, journalled and undone with it (a DNS label at Azure); "" none. */
	char label[64];
	bool label_there; /* as we name it; what others made in its place counts as none needed */
};

struct address_driver {
	const char *name;
	const char *summary;
	const struct cfg_row *rows;
	size_t n_rows;
	size_t settings_size;
	/* Everything of the settings that can be judged offline.  Errors: CR_ECONFIG. */
	int (*check)(const void *settings, struct err *err);
	/* Errors: CR_EPARSE (no address), CR_ENOTFOUND (an address or zone that is not this owner's).  NULL: the PTR is set by calls. */
	int (*place)(const void *settings, const char *ip, struct address_place *out, struct err *err);

	/* What follows is for those that set it by calls; NULL in a place.  ctx is used by several threads, for one address by one at a time. */

	const char *
		note; /* for the plan, where a PTR is to be set: what else a sender should know of such addresses; NULL */
	const char *tested;  /* as a zone provider's */
	const char *read_on; /* date its documents were read */
	/* settings: borrowed for the life of ctx.  Resolves its secrets.  No network.  Errors: CR_ECONFIG. */
	int (*open)(const struct address_env *env, const void *settings, void **ctx_out, struct err *err);
	void (*drop)(void *ctx);
	/* Read-only.  Errors: CR_ENOTFOUND (not this owner's), CR_EREFUSED (an address that can have no PTR, with the reason), CR_EAUTH, CR_ERETRY,
	 * CR_EPARSE, CR_EIO. */
	int (*observe)(void *ctx, const char *ip, struct address_state *out, struct err *err);
	/*
	 * The PTR of ip is host, and base->label stands.  base: what was observed; what another hand changed since is CR_ECONFLICT.  Set already is
	 * success.  Errors: CR_ERETRY (the forward name does not lead to the address yet, as the owner sees it), CR_EUNKNOWN; err_nothing_done as
	 * for a zone.
	 */
	int (*set)(void *ctx, const char *ip, const struct address_state *base, const char *host, struct err *err);
	/* No PTR any more where it is host, and with label not the label either; another name stays.  Gone already is success. */
	int (*clear)(void *ctx, const char *ip, const char *host, bool label, struct err *err);
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
