/*
 * route53_change.c - from a difference to change batches.
 *
 * Source: ChangeResourceRecordSets in the Amazon Route 53 API Reference, and its quotas; read 2026-11-25: a batch is done whole or not at all, and holds
 * 1,000 ResourceRecords and 32,000 characters of values, of which UPSERT counts twice.
 * Invariants: a set is replaced by a DELETE of what was seen, to the letter, and a CREATE.  That costs what an UPSERT does and is refused
 * when another hand was there meanwhile, or when the same was done already: so no change of others is lost, and none is made twice.
 * All changes of a name stand in one batch, so a CNAME and what takes its place are never both away.
 */
#include "dns/zones/route53.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_RECORDS    1000
#define BATCH_CHARACTERS 32000

struct cost {
	size_t records, characters;
};

void
r53_changes_release(struct r53_changes *c)
{
	free(c->items);
	set_rrsets_release(&c->sets);
	*c = (struct r53_changes){0};
}

static const char *
owner_of(const struct r53_change *c)
{
	return c->old != NULL ? c->old->owner : c->new->owner;
}

static struct cost
cost_of(const struct r53_change *c)
{
	struct cost cost = {0};

	for (size_t i = 0; c->old != NULL && i < c->old->n_values; i++) {
		cost.records++;
		cost.characters += strlen(c->old->values[i]);
	}
	for (size_t i = 0; c->old == NULL && i < c->new->records.n; i++) {
		struct buf text = {0};

		r53_value_write(&c->new->records.items[i], &text);
		cost.records++;
		cost.characters += text.len;
		buf_release(&text);
	}
	return cost;
}

/* The changes of the name at from: how many, and what they cost. */
static size_t
name_at(const struct r53_changes *c, size_t from, struct cost *cost_out)
{
	size_t n = 0;

	*cost_out = (struct cost){0};
	while (from + n < c->n && name_equal(owner_of(&c->items[from + n]), owner_of(&c->items[from]))) {
		const struct cost one = cost_of(&c->items[from + n]);

		cost_out->records += one.records;
		cost_out->characters += one.characters;
		n++;
	}
	return n;
}

static bool
fits(const struct cost *a)
{
	return a->records <= BATCH_RECORDS && a->characters <= BATCH_CHARACTERS;
}

size_t
r53_changes_batch(const struct r53_changes *c, size_t from)
{
	struct cost sum = {0};
	size_t n = 0;

	while (from + n < c->n) {
		struct cost cost;
		const size_t more = name_at(c, from + n, &cost);

		sum.records += cost.records;
		sum.characters += cost.characters;
		if (n > 0 && !fits(&sum))
			break;
		n += more;
	}
	return n;
}

/* By names, and in each what goes before what comes. */
static int
compare(const void *a, const void *b)
{
	const struct r53_change *x = a, *y = b;
	const int order = strcmp(owner_of(x), owner_of(y));

	if (order != 0)
		return order;
	return (x->old == NULL) - (y->old == NULL);
}

/* Sorted; each name has to fit a batch. */
static int
changes_settle(struct r53_changes *c, struct err *err)
{
	struct cost cost;

	if (c->n > 0)
		qsort(c->items, c->n, sizeof(*c->items), compare);
	for (size_t i = 0; i < c->n;) {
		const size_t n = name_at(c, i, &cost);

		if (!fits(&cost))
			return err_set(err, CR_EREFUSED,
			               "%s: %zu values of %zu characters: more than Route 53 changes at once",
			               owner_of(&c->items[i]), cost.records, cost.characters);
		i += n;
	}
	return CR_OK;
}

static bool
is_of(const struct r53_set *s, const struct set_rrset *like)
{
	return s->type == like->type && name_equal(s->owner, like->owner);
}

/* The set that new stands for, NULL when there is none yet. */
static const struct r53_set *
standing(const struct r53_sets *now, const struct set_rrset *new)
{
	for (size_t i = 0; i < now->n; i++)
		if (now->items[i].fixed == NULL && is_of(&now->items[i], new))
			return &now->items[i];
	return NULL;
}

/* What cannot be changed, and has the place of what is wanted. */
static int
check_way(const struct r53_sets *now, const struct set_rrset *new, struct err *err)
{
	for (size_t i = 0; i<now->n &&new->records.n> 0; i++) {
		const struct r53_set *s = &now->items[i];
		const bool unread = s->fixed == NULL && s->records.n == 0 && is_of(s, new);
		const bool one = s->type == new->type || s->type == RECORD_CNAME || new->type == RECORD_CNAME;

		if (unread || (s->fixed != NULL && one && name_equal(s->owner, new->owner)))
			return err_set(err, CR_ECONFLICT, "%s %s: %s stands there, and it is not ours: remove it first",
			               new->owner, s->type_name, unread ? "a value that cannot be read" : s->fixed);
	}
	return CR_OK;
}

static bool
is_done(const struct r53_set *old, const struct set_rrset *new)
{
	if (old == NULL || new->records.n == 0)
		return old == NULL && new->records.n == 0;
	if (old->ttl_s != new->ttl_s || old->records.n != new->records.n)
		return false;
	for (size_t i = 0; i < new->records.n; i++)
		if (records_find(&old->records, &new->records.items[i]) == NULL)
			return false;
	return true;
}

static int
records_of(const struct r53_sets *now, struct records *out, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < now->n; i++)
		for (size_t j = 0; rc == CR_OK && j < now->items[i].records.n; j++)
			rc = records_add_copy(out, &now->items[i].records.items[j], err);
	return rc;
}

int
r53_changes_make(const struct r53_sets *now, const struct set_diff *diff, struct r53_changes *out, struct err *err)
{
	struct r53_changes c = {0};
	struct records records = {0};
	int rc = records_of(now, &records, err);

	if (rc == CR_OK)
		rc = set_rrsets_make(&records, diff, &c.sets, err);
	if (rc == CR_OK && (c.items = calloc(2 * c.sets.n + 1, sizeof(*c.items))) == NULL)
		rc = err_nomem(err, "changes");
	for (size_t i = 0; rc == CR_OK && i < c.sets.n; i++) {
		const struct set_rrset *new = &c.sets.items[i];
		const struct r53_set *old = standing(now, new);

		rc = check_way(now, new, err);
		if (rc != CR_OK || is_done(old, new))
			continue;
		/* Of a set that cannot be read nothing is known to be ours. */
		if (old != NULL && old->records.n == 0)
			continue;
		if (old != NULL)
			c.items[c.n++].old = old;
		if (new->records.n > 0)
			c.items[c.n++].new = new;
	}
	if (rc == CR_OK)
		rc = changes_settle(&c, err);
	if (rc == CR_OK) {
		*out = c;
		c = (struct r53_changes){0};
	}
	records_release(&records);
	r53_changes_release(&c);
	return rc;
}

int
r53_changes_empty(const struct r53_sets *now, const char *zone, struct r53_changes *out, struct err *err)
{
	struct r53_changes c = {.items = calloc(now->n + 1, sizeof(*c.items))};
	int rc = c.items != NULL ? CR_OK : err_nomem(err, "changes");

	for (size_t i = 0; rc == CR_OK && i < now->n; i++) {
		const struct r53_set *s = &now->items[i];

		if (name_equal(s->owner, zone) && (s->type == RECORD_SOA || s->type == RECORD_NS))
			continue;
		if (s->fixed != NULL)
			rc = err_set(err, CR_ECONFLICT, "%s %s: %s stands there, and it is not ours: remove it first",
			             s->owner, s->type_name, s->fixed);
		else
			c.items[c.n++].old = s;
	}
	if (rc == CR_OK)
		rc = changes_settle(&c, err);
	if (rc == CR_OK) {
		*out = c;
		c = (struct r53_changes){0};
	}
	r53_changes_release(&c);
	return rc;
}
