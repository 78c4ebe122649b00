/*
 * zones.h - the contract of a zone provider: who serves the DNS of an outreach domain.
 *
 * Drivers observe and do; they never decide.  All calls take canonical names; ctx is used by several threads at once.
 * What a driver cannot hold is said before the first call: caps, limits and reject are pure and offline.
 */
#ifndef DNS_ZONES_ZONES_H
#define DNS_ZONES_ZONES_H

#include "core/cfg.h"
#include "core/clock.h"
#include "core/http.h"
#include "core/secret.h"
#include "dns/record.h"
#include "dns/set.h"

#define ZONE_CAP_CREATE        (1U << 0) /* can create and remove zones */
#define ZONE_CAP_CREATE_FILLED (1U << 1) /* a zone with its records in one call */
#define ZONE_CAP_ATOMIC        (1U << 2) /* a change of many records is all or nothing */
#define ZONE_CAP_RRSET_TTL     (1U << 3) /* one TTL a set */
#define ZONE_CAP_SLASH         (1U << 4) /* '/' in names (RFC 2317) */
#define ZONE_CAP_NO_APEX       (1U << 5) /* SOA and NS of the zone itself are the provider's, and are not among its records */

/* All of the world a driver may touch. */
struct zone_env {
	struct http *http; /* NULL for drivers that need none */
	const struct clock *clock;
	const char *config_dir; /* relative paths start here */
};

/* A set that is more than its values: an alias, an answer by weight or place.  Never touched, and in the way of what is wanted there. */
struct zone_fixed {
	char *owner;
	uint16_t type;
	const char *what; /* static: "an alias" */
};

/* The record sets of a zone as they are now. */
struct zone_state {
	bool exists;
	char *id; /* the provider's, heap; may be NULL.  Kept in the journal, so that the zone need not be looked for by its name again */
	char *serial; /* something that changes with the zone, for "nothing else changed it meanwhile"; may be NULL */
	struct records records;   /* all, SOA and NS too */
	struct zone_fixed *fixed; /* not among the records */
	size_t n_fixed;
	struct cfg_list name_servers; /* canonical names */
};
void zone_state_release(struct zone_state *s);

struct zone_driver {
	const char *name; /* "powerdns" */
	const char *summary;
	unsigned caps;
	uint32_t ttl_min_s, ttl_max_s;
	size_t txt_max_bytes;
	const struct cfg_row *rows; /* the driver's own settings, over struct at settings_size */
	size_t n_rows;
	size_t settings_size;
	const char *tested;  /* "real server", "checked mock", "stateful fake", "golden" - for the capability table */
	const char *read_on; /* date its documents were read */
	const char *note;    /* what a plan that writes there should say of its limits; NULL: nothing */
	/* What the provider allows one account; kept by the driver's pacer, and the plan says how long a run takes at least. */
	struct pacer_limit limits[PACER_LIMITS_MAX];
	size_t n_limits;
	struct {
		unsigned observe, create, change; /* calls of one zone, as a rule; for the plan */
		unsigned set;                     /* and for each record set that is written, where each is a call */
	} calls;

	/* settings: filled by cfg_read_group from rows, borrowed for the life of ctx.  Resolves its secrets.  No network.
	 * Errors: CR_ECONFIG. */
	int (*open)(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err);
	void (*drop)(void *ctx);
	/* Why this driver cannot hold r: CR_EREFUSED with the reason; CR_OK.  Pure.  May be NULL. */
	int (*reject)(const struct record *r, const char *zone, struct err *err);
	/* Read-only.  id: what the zone was known by, NULL: never seen; one that is no longer right is looked for by name.  A missing zone is
	 * exists = false.  Errors: CR_EAUTH, CR_ERETRY, CR_EPARSE, CR_EIO. */
	int (*observe)(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err);
	/*
	 * Create the zone with records in it.  out (may be NULL) gets its id and name servers where the provider tells them at once, no records.  Exists
	 * already: CR_ECONFLICT.  CR_EUNKNOWN: fate unknown, or done in part: observe.
	 * Here and in change, a code of which err_nothing_done is true says just that: the intention is closed.
	 * NULL without ZONE_CAP_CREATE.
	 */
	int (*create)(void *ctx, const char *zone, const struct records *records, struct zone_state *out,
	              struct err *err);
	/*
	 * Make the changes, as one write where the provider can.  base: the state the diff was made from (neighbours of an RRset
	 * survive; a driver that can guard against a change meanwhile does, and answers CR_ECONFLICT).  Deleting what is gone already is success.
	 */
	int (*change)(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff,
	              struct err *err);
	/* Remove the whole zone; gone already is success.  NULL without ZONE_CAP_CREATE. */
	int (*remove)(void *ctx, const char *zone, struct err *err);
};

/* The table, NULL-terminated; and by name (NULL when unknown). */
extern const struct zone_driver *const zone_drivers[];
const struct zone_driver *zone_driver_find(const char *name);

/* A configured provider. */
struct zone_provider {
	char *name; /* as configured */
	const struct zone_driver *driver;
	void *settings; /* owned */
	void *ctx;      /* NULL until opened */
};
void zone_provider_release(struct zone_provider *p); /* drops ctx, releases settings by the driver's rows */

/* Check a record set against caps and limits of the driver: TTL range, TXT length, '/' and reject.  Errors: CR_EREFUSED. */
MUST_CHECK int zone_driver_accepts(const struct zone_driver *d, const char *zone, const struct records *records,
                                   struct err *err);

/* For drivers. */

/* An API's address: http(s)://HOST:PORT with a path perhaps, without its final slashes.  Errors: CR_ECONFIG naming setting, CR_ENOMEM. */
MUST_CHECK int zone_base_url(const char *setting, const char *url, char **out, struct err *err);
/* One more name server, canonical.  Errors: CR_ENOMEM. */
MUST_CHECK int zone_state_add_server(struct zone_state *s, const char *name, struct err *err);
/* One more set that is more than its values.  Errors: CR_ENOMEM. */
MUST_CHECK int zone_state_add_fixed(struct zone_state *s, const char *owner, uint16_t type, const char *what,
                                    struct err *err);
/* Fill s->name_servers from the NS records at the apex.  Errors: CR_ENOMEM. */
MUST_CHECK int zone_state_name_servers(struct zone_state *s, const char *zone, struct err *err);
/* RFC 1034 s3.6.2: no other data beside a CNAME (DNSSEC's own records excepted).  l: sorted.  Errors: CR_ECONFLICT. */
MUST_CHECK int zone_check_cname(const struct records *l, struct err *err);
/* The records of `now` as d leaves them, sorted.  Errors: CR_ECONFLICT (zone_check_cname), CR_ENOMEM. */
MUST_CHECK int zone_records_changed(const struct records *now, const struct set_diff *d, struct records *out,
                                    struct err *err);
/* May `now` become what d makes of it?  For an API whose own word for it comes late or names no record.  Errors: as above. */
MUST_CHECK int zone_check_change(const struct records *now, const struct set_diff *d, struct err *err);
/*
 * What is told of a change that ended with rc and why: one of which some was done is none that failed, so CR_EUNKNOWN in place of a code
 * by which nothing would have been; else as it is.
 */
int zone_change_failed(const char *zone, bool some, int rc, const struct err *why, struct err *err);

#endif
