/*
 * set.c - two sorted lists walked side by side; and the change as whole RRsets for the APIs that replace.
 */
#include "dns/set.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"

void
set_diff_release(struct set_diff *d)
{
	for (size_t i = 0; i < d->n; i++)
		record_release(&d->items[i].record);
	free(d->items);
	*d = (struct set_diff){0};
}

int
set_diff_add(struct set_diff *d, enum set_op op, const struct record *r, struct err *err)
{
	struct set_change *items = list_grow(d->items, d->n, &d->cap, sizeof(*items));
	struct record copy;
	int rc;

	if (items == NULL)
		return err_nomem(err, "set of changes");
	d->items = items;
	rc = record_copy(r, &copy, err);
	if (rc != CR_OK)
		return rc;
	d->items[d->n++] = (struct set_change){.op = op, .record = copy};
	return CR_OK;
}

int
set_diff_create(const struct records *records, struct set_diff *d, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < records->n; i++)
		rc = set_diff_add(d, SET_CREATE, &records->items[i], err);
	return rc;
}

/* One walk over both sorted lists, keeping the changes of one kind. */
static int
collect(const struct records *have, const struct records *want, enum set_op op, struct set_diff *out, struct err *err)
{
	size_t h = 0, w = 0;
	int rc = CR_OK;

	while (rc == CR_OK && (h < have->n || w < want->n)) {
		const struct record *old = h < have->n ? &have->items[h] : NULL;
		const struct record *new = w < want->n ? &want->items[w] : NULL;
		int order = old == NULL ? 1 : new == NULL ? -1 : record_compare(old, new);

		h += order <= 0;
		w += order >= 0;
		if (order < 0 && op == SET_DELETE)
			rc = set_diff_add(out, op, old, err);
		else if (order > 0 && op == SET_CREATE)
			rc = set_diff_add(out, op, new, err);
		else if (order == 0 && op == SET_TTL && old->ttl_s != new->ttl_s)
			rc = set_diff_add(out, op, new, err);
	}
	return rc;
}

int
set_diff_make(struct records *have, struct records *want, struct set_diff *out, struct err *err)
{
	struct set_diff d = {0};
	int rc = CR_OK;

	records_sort(have);
	records_sort(want);
	for (enum set_op op = SET_DELETE; op < SET__COUNT && rc == CR_OK; op++)
		rc = collect(have, want, op, &d, err);
	if (rc == CR_OK) {
		*out = d;
		d = (struct set_diff){0};
	}
	set_diff_release(&d);
	return rc;
}

static void
rrset_release(struct set_rrset *s)
{
	free(s->owner);
	records_release(&s->records);
	*s = (struct set_rrset){0};
}

void
set_rrsets_release(struct set_rrsets *s)
{
	for (size_t i = 0; i < s->n; i++)
		rrset_release(&s->items[i]);
	free(s->items);
	*s = (struct set_rrsets){0};
}

static bool
in_set(const struct record *r, const char *owner, uint16_t type)
{
	return r->type == type && name_equal(r->owner, owner);
}

static const struct set_rrset *
rrset_find(const struct set_rrsets *s, const struct record *like)
{
	for (size_t i = 0; i < s->n; i++)
		if (in_set(like, s->items[i].owner, s->items[i].type))
			return &s->items[i];
	return NULL;
}

static const struct set_change *
change_of(const struct set_diff *d, const struct record *r, enum set_op op)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->items[i].op == op && record_same(&d->items[i].record, r))
			return &d->items[i];
	return NULL;
}

/* RFC 2181 s5.2: the set's one TTL: the lowest a change asks for, else what stays keeps the lowest it has. */
static void
settle_ttl(const struct set_diff *d, struct set_rrset *s)
{
	uint32_t ttl_s = UINT32_MAX;

	for (size_t i = 0; i < d->n; i++)
		if (d->items[i].op != SET_DELETE && in_set(&d->items[i].record, s->owner, s->type) &&
		    d->items[i].record.ttl_s < ttl_s)
			ttl_s = d->items[i].record.ttl_s;
	if (ttl_s == UINT32_MAX)
		for (size_t i = 0; i < s->records.n; i++)
			if (s->records.items[i].ttl_s < ttl_s)
				ttl_s = s->records.items[i].ttl_s;
	s->ttl_s = ttl_s != UINT32_MAX ? ttl_s : 0;
	for (size_t i = 0; i < s->records.n; i++)
		s->records.items[i].ttl_s = s->ttl_s;
}

/* The set that like belongs to, after the changes.  A zone has tens of records and a diff no more: plain scans. */
static int
rrset_make(const struct records *zone_now, const struct set_diff *d, const struct record *like, struct set_rrset *out,
           struct err *err)
{
	struct set_rrset s = {.type = like->type};
	int rc = CR_OK;

	s.owner = strdup(like->owner);
	if (s.owner == NULL)
		return err_nomem(err, "record set");
	for (size_t i = 0; i < zone_now->n && rc == CR_OK; i++) {
		const struct record *r = &zone_now->items[i];

		if (in_set(r, s.owner, s.type) && change_of(d, r, SET_DELETE) == NULL)
			rc = records_add_copy(&s.records, r, err);
	}
	for (size_t i = 0; i < d->n && rc == CR_OK; i++) {
		const struct set_change *c = &d->items[i];

		if (c->op == SET_CREATE && in_set(&c->record, s.owner, s.type))
			rc = records_add_copy(&s.records, &c->record, err);
	}
	if (rc != CR_OK) {
		rrset_release(&s);
		return rc;
	}
	records_sort(&s.records);
	settle_ttl(d, &s);
	*out = s;
	return CR_OK;
}

int
set_rrsets_make(const struct records *zone_now, const struct set_diff *d, struct set_rrsets *out, struct err *err)
{
	struct set_rrsets s = {0};
	int rc = CR_OK;

	if (d->n > 0) {
		s.items = calloc(d->n, sizeof(*s.items));
		if (s.items == NULL)
			return err_nomem(err, "record sets");
		s.cap = d->n;
	}
	/* In the order of the diff: a set that goes away stands before one that takes its place. */
	for (size_t i = 0; i < d->n && rc == CR_OK; i++) {
		if (rrset_find(&s, &d->items[i].record) != NULL)
			continue;
		rc = rrset_make(zone_now, d, &d->items[i].record, &s.items[s.n], err);
		s.n += rc == CR_OK;
	}
	if (rc == CR_OK) {
		*out = s;
		s = (struct set_rrsets){0};
	}
	set_rrsets_release(&s);
	return rc;
}
