/*
 * expect.c - how long a run will take at least.
 */
#include "provision/expect.h"

/* Of how many record sets the changes are. */
static size_t
sets_of(const struct set_diff *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		bool seen = false;

		for (size_t k = 0; !seen && k < i; k++)
			seen = d->items[k].record.type == d->items[i].record.type &&
			       name_equal(d->items[k].record.owner, d->items[i].record.owner);
		n += !seen;
	}
	return n;
}

/* What the zone of one plan takes, its first look included: that counts to the same limit. */
static size_t
calls_of(const struct plan *p)
{
	const struct zone_driver *d = p->domain->zone->driver;

	return d->calls.observe + (p->zone_create ? d->calls.create : d->calls.change) +
	       d->calls.set * sets_of(&p->diff);
}

/* A key that is still to be made brings records with it. */
static bool
writes_zone(const struct plan *p)
{
	return p->rc == CR_OK && p->n_refused == 0 && (p->zone_create || p->key_make || p->diff.n > 0);
}

size_t
expect_of(const struct plan *plans, size_t n, struct expect out[EXPECT_MAX])
{
	size_t found = 0, at;

	for (size_t i = 0; i < n; i++) {
		const struct zone_provider *z = plans[i].domain->zone;

		if (z->driver->n_limits == 0 || !writes_zone(&plans[i]))
			continue;
		for (at = 0; at < found && out[at].provider != z; at++)
			;
		if (at == EXPECT_MAX)
			continue;
		if (at == found)
			out[found++] = (struct expect){.provider = z};
		out[at].zones++;
		out[at].calls += calls_of(&plans[i]);
	}
	for (at = 0; at < found; at++)
		out[at].ms = pacer_estimate_ms(out[at].provider->driver->limits, out[at].provider->driver->n_limits,
		                               out[at].calls);
	return found;
}
