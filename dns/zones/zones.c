/*
 * zones.c - the table of zone providers, and what each of them can hold.
 *
 * Invariant: zone_driver_accepts is pure and offline, so that a plan is refused before the first call.
 */
#include "dns/zones/zones.h"

#include <stdlib.h>
#include <string.h>

extern const struct zone_driver zone_driver_azure;
extern const struct zone_driver zone_driver_cloudflare;
extern const struct zone_driver zone_driver_lexicon;
extern const struct zone_driver zone_driver_memory;
extern const struct zone_driver zone_driver_powerdns;
extern const struct zone_driver zone_driver_rfc2136;
extern const struct zone_driver zone_driver_route53;
extern const struct zone_driver zone_driver_zonefile;

const struct zone_driver *const zone_drivers[] = {
	&zone_driver_azure,   &zone_driver_cloudflare, &zone_driver_lexicon,
	&zone_driver_memory,  &zone_driver_powerdns,   &zone_driver_rfc2136,
	&zone_driver_route53, &zone_driver_zonefile,   NULL,
};

const struct zone_driver *
zone_driver_find(const char *name)
{
	for (size_t i = 0; zone_drivers[i] != NULL; i++)
		if (strcmp(zone_drivers[i]->name, name) == 0)
			return zone_drivers[i];
	return NULL;
}

void
zone_provider_release(struct zone_provider *p)
{
	if (p == NULL)
		return;
	/* The context borrows from the settings: it goes first. */
	if (p->ctx != NULL)
		p->driver->drop(p->ctx);
	if (p->settings != NULL)
		cfg_release_group(p->driver->rows, p->driver->n_rows, p->settings);
	free(p->settings);
	free(p->name);
	*p = (struct zone_provider){0};
}

static int
accepts_record(const struct zone_driver *d, const char *zone, const struct record *r, struct err *err)
{
	char type[16];

	(void)record_type_name(r->type, type);
	if (!name_is_under(r->owner, zone))
		return err_set(err, CR_EREFUSED, "%s %s: not in zone %s", r->owner, type, zone);
	if (r->ttl_s < d->ttl_min_s || r->ttl_s > d->ttl_max_s)
		return err_set(err, CR_EREFUSED, "%s %s: ttl %u, %s holds %u to %u", r->owner, type, r->ttl_s, d->name,
		               d->ttl_min_s, d->ttl_max_s);
	if (r->type == RECORD_TXT && r->data_len > d->txt_max_bytes)
		return err_set(err, CR_EREFUSED, "%s TXT: %zu bytes, %s holds %zu", r->owner, r->data_len, d->name,
		               d->txt_max_bytes);
	if ((d->caps & ZONE_CAP_SLASH) == 0 && strchr(r->owner, '/') != NULL)
		return err_set(err, CR_EREFUSED, "%s %s: %s holds no '/' in names", r->owner, type, d->name);
	return d->reject != NULL ? d->reject(r, zone, err) : CR_OK;
}

int
zone_driver_accepts(const struct zone_driver *d, const char *zone, const struct records *records, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < records->n && rc == CR_OK; i++)
		rc = accepts_record(d, zone, &records->items[i], err);
	return rc;
}
