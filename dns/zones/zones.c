/*
 * zones.c - the table of zone providers, and what all of them share.
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
zone_state_release(struct zone_state *s)
{
	if (s == NULL)
		return;
	free(s->id);
	free(s->serial);
	records_release(&s->records);
	for (size_t i = 0; i < s->n_fixed; i++)
		free(s->fixed[i].owner);
	free(s->fixed);
	cfg_list_release(&s->name_servers);
	*s = (struct zone_state){0};
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

int
zone_base_url(const char *setting, const char *url, char **out, struct err *err)
{
	const size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
	size_t len = strlen(url);

	while (len > scheme && url[len - 1] == '/')
		len--;
	if (scheme == 0 || len == scheme || strpbrk(url, "?#@ \t") != NULL)
		return err_set(err, CR_ECONFIG, "%s: must be http(s)://HOST:PORT, not '%s'", setting, url);
	*out = strndup(url, len);
	return *out != NULL ? CR_OK : err_nomem(err, setting);
}

int
zone_state_add_server(struct zone_state *s, const char *text, struct err *err)
{
	struct cfg_list *l = &s->name_servers;
	char **items = realloc(l->items, (l->n + 1) * sizeof(*items));
	char *copy;

	if (items == NULL)
		return err_nomem(err, "name servers");
	l->items = items;
	copy = strdup(text);
	if (copy == NULL)
		return err_nomem(err, "name servers");
	l->items[l->n++] = copy;
	return CR_OK;
}

int
zone_state_add_fixed(struct zone_state *s, const char *owner, uint16_t type, const char *what, struct err *err)
{
	struct zone_fixed *grown = realloc(s->fixed, (s->n_fixed + 1) * sizeof(*grown));
	char *copy;

	if (grown == NULL)
		return err_nomem(err, owner);
	s->fixed = grown;
	copy = strdup(owner);
	if (copy == NULL)
		return err_nomem(err, owner);
	s->fixed[s->n_fixed++] = (struct zone_fixed){.owner = copy, .type = type, .what = what};
	return CR_OK;
}

int
zone_state_name_servers(struct zone_state *s, const char *zone, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < s->records.n && rc == CR_OK; i++) {
		const struct record *r = &s->records.items[i];
		struct name target;

		if (r->type == RECORD_NS && name_equal(r->owner, zone) && record_target(r, &target))
			rc = zone_state_add_server(s, target.text, err);
	}
	return rc;
}

/* What DNSSEC itself puts beside a CNAME (RFC 4034 s3, s4; RFC 2181 s10.1). */
static bool
may_stand_beside_cname(uint16_t type)
{
	return type == RECORD_RRSIG || type == RECORD_NSEC;
}

int
zone_check_cname(const struct records *l, struct err *err)
{
	for (size_t first = 0, next; first < l->n; first = next) {
		const char *owner = l->items[first].owner;
		size_t cnames = 0, others = 0;

		for (next = first; next < l->n && name_equal(l->items[next].owner, owner); next++) {
			if (l->items[next].type == RECORD_CNAME)
				cnames++;
			else if (!may_stand_beside_cname(l->items[next].type))
				others++;
		}
		if (cnames > 1)
			return err_set(err, CR_ECONFLICT, "%s: more than one CNAME", owner);
		if (cnames == 1 && others > 0)
			return err_set(err, CR_ECONFLICT, "%s: a CNAME cannot stand beside other records", owner);
	}
	return CR_OK;
}

static bool
is_touched(const struct set_rrsets *sets, const struct record *r)
{
	for (size_t i = 0; i < sets->n; i++)
		if (sets->items[i].type == r->type && name_equal(sets->items[i].owner, r->owner))
			return true;
	return false;
}

static int
add_set(struct records *out, const struct set_rrset *set, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < set->records.n && rc == CR_OK; i++) {
		rc = records_add_copy(out, &set->records.items[i], err);
		if (rc == CR_OK)
			out->items[out->n - 1].ttl_s = set->ttl_s;
	}
	return rc;
}

int
zone_records_changed(const struct records *now, const struct set_diff *d, struct records *out, struct err *err)
{
	struct set_rrsets sets = {0};
	struct records made = {0};
	int rc;

	rc = set_rrsets_make(now, d, &sets, err);
	for (size_t i = 0; i < now->n && rc == CR_OK; i++)
		if (!is_touched(&sets, &now->items[i]))
			rc = records_add_copy(&made, &now->items[i], err);
	for (size_t i = 0; i < sets.n && rc == CR_OK; i++)
		rc = add_set(&made, &sets.items[i], err);
	if (rc != CR_OK)
		goto out;
	records_sort(&made);
	rc = zone_check_cname(&made, err);
	if (rc != CR_OK)
		goto out;
	*out = made;
	made = (struct records){0};
out:
	records_release(&made);
	set_rrsets_release(&sets);
	return rc;
}

int
zone_check_change(const struct records *now, const struct set_diff *d, struct err *err)
{
	struct records after = {0};
	int rc = zone_records_changed(now, d, &after, err);

	records_release(&after);
	return rc;
}

int
zone_change_failed(const char *zone, bool some, int rc, const struct err *why, struct err *err)
{
	if (some && err_nothing_done(rc))
		return err_set(err, CR_EUNKNOWN, "zone %s: changed in part: %.300s", zone, why->text);
	if (err != NULL)
		*err = *why;
	return rc;
}
