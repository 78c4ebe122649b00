/*
 * change.c - what a change makes of a zone, and what is told of one that stopped half-way.
 */
#include "dns/zones/zones.h"

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
