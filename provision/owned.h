/*
 * owned.h - what the journal says we made for a domain: its zone, record values, host resources.
 *
 * Only what is in here may be changed or removed.  A pending intention (no receipt: the run was cut off) counts for what is really
 * there now: owned_settle compares it with the observed state, and says which intentions can be closed as done.
 */
#ifndef PROVISION_OWNED_H
#define PROVISION_OWNED_H

#include "core/db.h"
#include "dns/record.h"
#include "dns/set.h"
#include "provision/journal.h"

struct owned_pending {
	int64_t seq;
	char step[400];
	char operation[16];
	char *intent; /* JSON, heap */
};
struct owned_resource {
	char kind[16];
	char subject[320];
};
struct owned {
	bool zone;              /* we created the zone */
	char *zone_id;          /* what its provider calls it, as last told; NULL: nothing */
	bool zone_pending;      /* a create without receipt */
	struct records records; /* record values we created and have not removed */
	struct records maybe;   /* values of pending creates: ours if they are there */
	struct owned_resource *resources;
	size_t n_resources;
	struct owned_pending *pending;
	size_t n_pending;
};
void owned_release(struct owned *o);

/* From the journal; db NULL: nothing is owned.  zone: the DNS zone whose records are wanted (a reverse zone has its own journal entries). */
MUST_CHECK int owned_load(struct db *db, const char *domain, struct owned *out, struct err *err);
/* Move those of maybe that the zone really holds (records: observed) to records. exists: is the zone there? */
MUST_CHECK int owned_settle(struct owned *o, const struct records *observed, struct err *err);
bool owned_has_resource(const struct owned *o, const char *kind, const char *subject);

/* JSON of record changes, for intents and receipts: {"create":"lines","delete":"lines","ttl":"lines","zone_id":"..."}; id: NULL none. */
MUST_CHECK int owned_changes_json(const struct set_diff *d, const char *id, char **out, struct err *err);
/* JSON of host resources: {"resources":[["mailbox","anna@x"],...]}. */
MUST_CHECK int owned_resources_json(const struct owned_resource *r, size_t n, char **out, struct err *err);
/* The resources of that; *out on the heap, NULL when there are none.  Errors: CR_EPARSE, CR_ENOMEM. */
MUST_CHECK int owned_resources_read(const char *text, struct owned_resource **out, size_t *n_out, struct err *err);

#endif
