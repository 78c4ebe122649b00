/*
 * plan_records.c - wanted records against the zone as it is: what to create, delete, and what stands in the way.
 *
 * Invariants: only owned records are ever deleted or changed; a foreign record is left alone or refused, never overwritten.
 * Sources: Domain Connect (txtConflictMatchingMode); RFC 1034 s3.6.2 and RFC 2181 s10.1 (CNAME stands alone); RFC 7208 s3.2 (one SPF record).
 */
#include "provision/plan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/dkim.h"
#include "dns/dmarc.h"
#include "dns/spf.h"

#define TYPE_DNAME 39

static bool
is_ours(const struct plan *p, const struct record *r)
{
	return records_find(&p->owned.records, r) != NULL;
}

static bool
is_wanted(const struct plan *p, const struct record *r)
{
	for (size_t i = 0; i < p->want.records.n; i++)
		if (record_same(&p->want.records.items[i].record, r))
			return true;
	return false;
}

/* Two TXT records that publish the same key, whatever their tags' order and spelling. */
static bool
same_key(const struct record *a, const struct record *b)
{
	struct dkim_public ka, kb;
	bool revoked_a, revoked_b, testing_a, testing_b;

	if (a->type != RECORD_TXT || b->type != RECORD_TXT || strcmp(a->owner, b->owner) != 0)
		return false;
	if (strstr(a->owner, "._domainkey.") == NULL)
		return false;
	if (dkim_record_parse(record_text(a), &ka, &revoked_a, &testing_a, NULL) != CR_OK ||
	    dkim_record_parse(record_text(b), &kb, &revoked_b, &testing_b, NULL) != CR_OK)
		return false;
	return !revoked_a && !revoked_b && testing_a == testing_b && dkim_same_key(&ka, &kb);
}

/* Why f takes the name owner out of this zone (RFC 1034 s4.2.1, RFC 6672 s2.3); NULL when it does not. */
static const char *
cut_off(const struct record *f, const char *owner, const char *zone)
{
	if (!name_is_under(owner, f->owner))
		return NULL;
	if (f->type == RECORD_NS && strcmp(f->owner, zone) != 0)
		return "the name is delegated away";
	if (f->type == TYPE_DNAME && strcmp(f->owner, owner) != 0)
		return "a DNAME leads the name away";
	return NULL;
}

/* Why the foreign record f stands in the way of w; NULL when both can be. */
static const char *
conflict(const struct tmpl_record *w, const struct record *f, const char *zone)
{
	const char *why = cut_off(f, w->record.owner, zone);

	if (why != NULL || strcmp(w->record.owner, f->owner) != 0)
		return why;
	if (f->type == RECORD_CNAME)
		return "a CNAME stands at the name";
	if (w->record.type == RECORD_CNAME)
		return "the name holds other records, a CNAME must stand alone";
	if (f->type != w->record.type)
		return NULL;
	switch (w->conflict) {
	case TMPL_CONFLICT_SAME_SET:
		return "another value stands there";
	case TMPL_CONFLICT_ALL:
		return "another TXT stands there";
	case TMPL_CONFLICT_SPF:
		return spf_is_record(record_text(f)) ? "another SPF record stands there, a name must have one" : NULL;
	case TMPL_CONFLICT_PREFIX:
		if (w->prefix != NULL && strncasecmp(record_text(f), w->prefix, strlen(w->prefix)) == 0)
			return "another record of its kind stands there";
		return NULL;
	case TMPL_CONFLICT_NONE:
		/* Two SPF or DMARC records break the name for receivers, whatever the template says. */
		if (w->record.type == RECORD_TXT &&
		    ((spf_is_record(record_text(&w->record)) && spf_is_record(record_text(f))) ||
		     (dmarc_is_record(record_text(&w->record)) && dmarc_is_record(record_text(f)))))
			return "another record of its kind stands there, a name must have one";
		return NULL;
	}
	return NULL;
}

static void
step_name(const struct record *r, char out[400])
{
	char type[16];

	(void)snprintf(out, 400, "record %s %.360s", record_type_name(r->type, type), r->owner);
}

static void
rdata_text(const struct record *r, char out[200])
{
	struct buf b = {0};

	record_format_rdata(r, &b);
	(void)snprintf(out, 200, "%.190s%s", buf_str(&b), b.len > 190 ? "..." : "");
	buf_release(&b);
}

/* A set that the provider answers in a way of its own, in the place of w; NULL. */
static const struct zone_fixed *
fixed_in_the_way(const struct zone_state *zone, const struct record *w)
{
	for (size_t i = 0; i < zone->n_fixed; i++) {
		const struct zone_fixed *f = &zone->fixed[i];
		const bool one = f->type == w->type || f->type == RECORD_CNAME || w->type == RECORD_CNAME;

		if (one && strcmp(f->owner, w->owner) == 0)
			return f;
	}
	return NULL;
}

/* The first foreign record in the way of w, shown as a refusal. */
static int
refuse_conflicts(struct plan *p, const struct tmpl_record *w, bool *refused_out, struct err *err)
{
	const struct zone_fixed *fixed = fixed_in_the_way(&p->zone, &w->record);

	*refused_out = fixed != NULL;
	if (fixed != NULL) {
		char step[400];

		step_name(&w->record, step);
		return plan_add(p, PLAN_RECORD, PLAN_CREATE, PLAN_REFUSED, step, err,
		                "conflict: %s stands there, and it is not ours", fixed->what);
	}
	for (size_t i = 0; i < p->zone.records.n; i++) {
		const struct record *f = &p->zone.records.items[i];
		char step[400], theirs[200];
		const char *why;

		if (is_ours(p, f) || record_same(f, &w->record) || same_key(f, &w->record))
			continue;
		why = conflict(w, f, p->domain->name);
		if (why == NULL)
			continue;
		*refused_out = true;
		step_name(&w->record, step);
		rdata_text(f, theirs);
		return plan_add(p, PLAN_RECORD, PLAN_CREATE, PLAN_REFUSED, step, err,
		                "conflict: %s, and it is not ours: %s", why, theirs);
	}
	return CR_OK;
}

int
plan_selector_taken(struct plan *p, const char *selector, bool *taken_out, struct err *err)
{
	struct record key = {.type = RECORD_TXT};
	char owner[400], step[400];
	const char *why = NULL;

	(void)snprintf(owner, sizeof(owner), "%.63s._domainkey.%.255s", selector, p->domain->name);
	key.owner = owner;
	*taken_out = false;
	for (size_t i = 0; i < p->zone.records.n && why == NULL; i++) {
		const struct record *f = &p->zone.records.items[i];

		why = cut_off(f, owner, p->domain->name);
		*taken_out = *taken_out || strcmp(f->owner, owner) == 0;
	}
	if (why == NULL)
		return CR_OK;
	*taken_out = false;
	step_name(&key, step);
	return plan_add(p, PLAN_RECORD, PLAN_CREATE, PLAN_REFUSED, step, err, "conflict: %s", why);
}

/* What stands in the zone for w: the same value, or the same key in other words; NULL. */
static const struct record *
standing(const struct plan *p, const struct record *w)
{
	const struct record *r = records_find(&p->zone.records, w);

	if (r != NULL)
		return r;
	for (size_t i = 0; i < p->zone.records.n; i++)
		if (same_key(&p->zone.records.items[i], w))
			return &p->zone.records.items[i];
	return NULL;
}

/* Does a record of others stand in w's RRset?  NULL when none does. */
static const struct record *
neighbour(const struct plan *p, const struct record *w)
{
	for (size_t i = 0; i < p->zone.records.n; i++) {
		const struct record *f = &p->zone.records.items[i];

		if (f->type == w->type && strcmp(f->owner, w->owner) == 0 && !is_ours(p, f))
			return f;
	}
	return NULL;
}

static int
decide_wanted(struct plan *p, const struct tmpl_record *w, struct err *err)
{
	const struct record *there = standing(p, &w->record);
	const struct record *theirs = neighbour(p, &w->record);
	struct record at_ttl = w->record; /* borrows its data */
	char step[400], value[200];
	bool refused;
	int rc = refuse_conflicts(p, w, &refused, err);

	if (rc != CR_OK || refused)
		return rc;
	step_name(&w->record, step);
	rdata_text(&w->record, value);
	/* An RRset has one TTL (RFC 2181 s5.2): with another one, ours would change that of the records of others. */
	if (theirs != NULL)
		at_ttl.ttl_s = theirs->ttl_s;
	if (there == NULL) {
		rc = set_diff_add(&p->diff, SET_CREATE, &at_ttl, err);
		return rc == CR_OK ? plan_add(p, PLAN_RECORD, PLAN_CREATE, PLAN_PLANNED, step, err, "%s", value) : rc;
	}
	if (there->ttl_s != w->record.ttl_s && theirs == NULL && is_ours(p, there)) {
		rc = set_diff_add(&p->diff, SET_TTL, &w->record, err);
		return rc == CR_OK ? plan_add(p, PLAN_RECORD, PLAN_UPDATE, PLAN_PLANNED, step, err, "TTL %u to %u",
		                              there->ttl_s, w->record.ttl_s)
		                   : rc;
	}
	return plan_add(p, PLAN_RECORD, PLAN_NONE, PLAN_DONE, step, err, "%s%s",
	                is_ours(p, there) ? "" : "there already, not ours: ", value);
}

/* A record of ours that is wanted no more. */
static bool
stale(const struct plan *p, const struct record *r)
{
	if (!is_ours(p, r) || is_wanted(p, r))
		return false;
	for (size_t i = 0; i < p->want.records.n; i++)
		if (same_key(&p->want.records.items[i].record, r))
			return false;
	return true;
}

int
plan_decide_records(struct plan *p, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->zone.records.n; i++) {
		const struct record *r = &p->zone.records.items[i];
		char step[400], value[200];

		if (!stale(p, r))
			continue;
		step_name(r, step);
		rdata_text(r, value);
		rc = set_diff_add(&p->diff, SET_DELETE, r, err);
		if (rc == CR_OK)
			rc = plan_add(p, PLAN_RECORD, PLAN_DELETE, PLAN_PLANNED, step, err, "%s", value);
	}
	for (size_t i = 0; rc == CR_OK && i < p->want.records.n; i++)
		rc = decide_wanted(p, &p->want.records.items[i], err);
	return rc;
}

/* Back into the order in which the parts are done; stable, so that steps of a part keep theirs. */
static void
order_steps(struct plan *p)
{
	for (size_t i = 1; i < p->n_steps; i++) {
		struct plan_step s = p->steps[i];
		size_t to = i;

		for (; to > 0 && p->steps[to - 1].part > s.part; to--)
			p->steps[to] = p->steps[to - 1];
		p->steps[to] = s;
	}
}

int
plan_more_records(struct plan *p, struct err *err)
{
	size_t kept = p->n_steps;
	const size_t before = p->n_steps;
	int rc;

	set_diff_release(&p->diff);
	rc = plan_decide_records(p, err);
	for (size_t i = before; i < p->n_steps; i++) {
		struct plan_step *s = &p->steps[i];

		if (s->change != PLAN_NONE) {
			p->steps[kept++] = *s;
			continue;
		}
		free(s->step);
		free(s->detail);
	}
	p->n_steps = kept;
	order_steps(p);
	return rc;
}

int
plan_redecide_records(struct plan *p, struct err *err)
{
	size_t kept = 0;
	int rc;

	for (size_t i = 0; i < p->n_steps; i++) {
		struct plan_step *s = &p->steps[i];

		if (s->part != PLAN_RECORD) {
			p->steps[kept++] = *s;
			continue;
		}
		if (s->status == PLAN_REFUSED)
			p->n_refused--;
		else if (s->change != PLAN_NONE)
			p->n_changes--;
		free(s->step);
		free(s->detail);
	}
	p->n_steps = kept;
	rc = plan_decide_records(p, err);
	order_steps(p);
	return rc;
}
