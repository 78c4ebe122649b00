/*
 * teardown.c - the two halves of a teardown.
 *
 * Invariants: only what owned.h names is removed; suppressions are not touched; after destruction the name is parked (null MX, SPF -all,
 * DMARC reject, empty DKIM), so that nobody can use it in our stead.  Sources: 16 CFR 316.5(a)(1)(ii) (CAN-SPAM, 30 days), CASL s11(3) (60 days).
 */
#include "provision/teardown.h"

#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "provision/addresses/addresses.h"

static struct plan *
plan_of(struct teardown *t)
{
	return &t->run->plans[0];
}

/* The period starts with the last send; a domain that never sent gets the whole of it too: warm-up peers may still answer. */
static int
closing_until(struct teardown *t, struct err *err)
{
	const int64_t now = clock_wall_ms(t->run->session->clock);
	int64_t last = 0;
	int rc = domain_last_send(t->run->env.db, t->row.name, &last, err);

	t->until_ms = (last > 0 ? last : now) + intent_closing_s(plan_of(t)->domain) * 1000;
	return rc;
}

static int
plan_close(struct teardown *t, struct err *err)
{
	char until[NUM_RFC3339_MAX];
	int rc = closing_until(t, err);

	if (rc != CR_OK)
		return rc;
	num_format_rfc3339(t->until_ms / 1000, until, sizeof(until));
	t->close = true;
	return plan_add(plan_of(t), PLAN_REGISTER, PLAN_UPDATE, PLAN_PLANNED, "close", err,
	                "no more sends; replies and opt-outs stay alive until %s", until);
}

/* Does another domain of this installation that still stands use the same mail host? Then its PTR stays. */
static int
host_is_shared(struct teardown *t, bool *shared_out, struct err *err)
{
	const struct intent *i = &t->run->intent;
	int rc = CR_OK;

	*shared_out = false;
	for (size_t n = 0; rc == CR_OK && n < i->n_tenants; n++)
		for (size_t m = 0; rc == CR_OK && m < i->tenants[n].n_domains; m++) {
			const struct intent_domain *d = &i->tenants[n].domains[m];
			const char *host = INTENT_PICK(d, mail_host);
			struct domain_row row;

			if (strcmp(d->name, t->row.name) == 0 || host == NULL ||
			    strcmp(host, plan_of(t)->domain->host->name) != 0)
				continue;
			rc = domain_find(t->run->env.db, d->name, &row, err);
			if (rc == CR_OK && row.state != DOMAIN_PARKED && row.state != DOMAIN_PLANNED)
				*shared_out = true;
			if (rc == CR_ENOTFOUND)
				rc = CR_OK;
		}
	return rc;
}

static int
plan_reverse_removal(struct teardown *t, struct err *err)
{
	struct plan *p = plan_of(t);
	const struct cfg_list *addresses = &p->domain->host->facts.addresses;
	const struct reverse *r = p->domain->reverse;
	bool shared = false;
	int rc = r != NULL ? host_is_shared(t, &shared, err) : CR_OK;

	if (rc == CR_OK && r != NULL)
		rc = plan_reverse_room(p, err);
	for (size_t i = 0; rc == CR_OK && r != NULL && i < addresses->n; i++) {
		struct plan_reverse *out = &p->reverse[p->n_reverse];
		char step[100];

		(void)snprintf(step, sizeof(step), "reverse %s", addresses->items[i]);
		if (r->driver == NULL)
			rc = address_ptr_owner(addresses->items[i], (const char *const *)r->reverse_zones.items,
			                       r->reverse_zones.n, &out->zone, &out->owner, err);
		if (rc != CR_OK)
			return err_wrap(err, "reverse DNS of %s", addresses->items[i]);
		(void)snprintf(out->address, sizeof(out->address), "%s", addresses->items[i]);
		if (shared) {
			rc = plan_add(p, PLAN_REVERSE, PLAN_NONE, PLAN_DONE, step, err,
			              "stays: other domains send from this address");
			continue;
		}
		p->n_reverse++;
		rc = plan_add(p, PLAN_REVERSE, PLAN_DELETE, PLAN_PLANNED, step, err, "PTR %s, where we made it",
		              p->domain->host->facts.host);
	}
	return rc;
}

/* Resources newest first. */
static int
plan_host_removal(struct plan *p, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = p->owned.n_resources; rc == CR_OK && i > 0; i--) {
		const struct owned_resource *r = &p->owned.resources[i - 1];
		struct mailhost_step s = {.change = MAILHOST_PRESENT};
		char step[400];

		memcpy(s.kind, r->kind, sizeof(s.kind));
		memcpy(s.subject, r->subject, sizeof(s.subject));
		(void)snprintf(step, sizeof(step), "%s %s", r->kind, r->subject);
		rc = mailhost_steps_add(&p->host_steps, &s, err);
		if (rc == CR_OK)
			rc = plan_add(p, PLAN_MAILHOST, PLAN_DELETE, PLAN_PLANNED, step, err, "at %s",
			              p->domain->host->name);
	}
	return rc;
}

/* A foreign record where a parking record would go stays; that is no reason to keep ours. */
static void
tolerate_conflicts(struct plan *p)
{
	for (size_t i = 0; i < p->n_steps; i++) {
		struct plan_step *s = &p->steps[i];

		if (s->part != PLAN_RECORD || s->status != PLAN_REFUSED)
			continue;
		s->status = PLAN_DONE;
		s->change = PLAN_NONE;
		p->n_refused--;
	}
}

static int
plan_records_removal(struct teardown *t, struct err *err)
{
	struct plan *p = plan_of(t);
	const struct zone_provider *z = p->domain->zone;
	int rc = z->driver->observe(z->ctx, p->domain->name, p->owned.zone_id, &p->zone, err);

	if (rc != CR_OK)
		return err_wrap(err, "zone at %s", z->name);
	rc = owned_settle(&p->owned, &p->zone.records, err);
	if (rc == CR_OK && !p->zone.exists)
		return plan_add(p, PLAN_RECORD, PLAN_NONE, PLAN_DONE, "records", err, "the zone is gone already");
	if (rc == CR_OK)
		rc = want_parked(p->domain, t->run->env.template_dirs, &p->want, err);
	if (rc == CR_OK)
		rc = plan_decide_records(p, err);
	tolerate_conflicts(p);
	return rc;
}

static int
plan_destroy(struct teardown *t, struct err *err)
{
	struct plan *p = plan_of(t);
	int rc = owned_load(t->run->env.db, p->domain->name, &p->owned, err);

	t->destroy = true;
	if (rc == CR_OK)
		rc = plan_host_removal(p, err);
	if (rc == CR_OK)
		rc = plan_reverse_removal(t, err);
	if (rc == CR_OK)
		rc = plan_records_removal(t, err);
	if (rc == CR_OK)
		rc = plan_add(p, PLAN_ZONE, PLAN_UPDATE, PLAN_PLANNED, "park", err,
		              "the name takes and sends no mail; suppressions stay");
	return rc;
}

/* A provider that cannot be asked now is no reason to leave the gate open: this run closes, the next one destroys. */
static int
plan_close_only(struct teardown *t, int rc, const struct err *err)
{
	static const enum plan_part parts[] = {PLAN_MAILHOST, PLAN_REVERSE, PLAN_RECORD, PLAN_ZONE};
	struct plan *p = plan_of(t);

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		plan_mark(p, parts[i], PLAN_FAILED, "not reached");
	t->destroy = false;
	p->rc = rc;
	if (err != NULL)
		p->err = *err;
	return CR_OK;
}

int
teardown_plan(struct teardown *t, struct err *err)
{
	const int64_t now = clock_wall_ms(t->run->session->clock);
	struct plan *p = plan_of(t);
	char until[NUM_RFC3339_MAX];
	int rc = CR_ENOTFOUND;

	if (t->run->env.db != NULL)
		rc = domain_find(t->run->env.db, p->domain->name, &t->row, err);
	if (rc == CR_ENOTFOUND)
		return err_set(err, CR_ENOTFOUND, "%s was never provisioned here: there is nothing to tear down",
		               p->domain->name);
	if (rc != CR_OK)
		return rc;
	if (t->row.state == DOMAIN_PARKED)
		return plan_add(p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "park", err, "parked already");
	if (t->row.state != DOMAIN_CLOSING) {
		rc = plan_close(t, err);
		if (rc != CR_OK || !t->now)
			return rc;
		rc = plan_destroy(t, err);
		return rc == CR_OK ? CR_OK : plan_close_only(t, rc, err);
	}
	t->until_ms = t->row.closing_until_ms;
	if (t->now || now >= t->until_ms)
		return plan_destroy(t, err);
	t->quiesce = true;
	num_format_rfc3339(t->until_ms / 1000, until, sizeof(until));
	return plan_add(p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "close", err,
	                "closing until %s; run again then, or with --now --reason TEXT", until);
}

/* At the host nothing leaves any more; silent already is success. */
static int
quiesce(struct teardown *t, struct err *err)
{
	const struct mail_host *h = plan_of(t)->domain->host;

	return h->driver->quiesce != NULL ? h->driver->quiesce(h->ctx, t->row.name, true, err) : CR_OK;
}

/* The gate first: it is shut before anything else is touched.  Then the host, which is only the second line. */
static int
apply_close(struct teardown *t, struct err *err)
{
	struct contain c;
	int rc = db_begin(t->run->env.db, err);

	if (rc != CR_OK)
		return rc;
	c = plan_contain(&t->run->env);
	rc = contain_close(&c, t->row.name, t->until_ms, t->reason != NULL ? t->reason : "teardown", err);
	rc = db_end(t->run->env.db, rc, err);
	return rc == CR_OK ? quiesce(t, err) : rc;
}

static int
remove_from_host(struct journal *j, struct plan *p, struct err *err)
{
	const struct mail_host *h = p->domain->host;
	char driver[160], *json = NULL;
	struct journal_step s = {
		.domain = p->domain->name, .step = "mailhost", .driver = driver, .operation = "delete"};
	int64_t seq = 0;
	int rc;

	if (p->owned.n_resources == 0)
		return CR_OK;
	(void)snprintf(driver, sizeof(driver), "%.100s/%.50s", h->name, h->driver->name);
	rc = owned_resources_json(p->owned.resources, p->owned.n_resources, &json, err);
	s.intent = json;
	if (rc == CR_OK)
		rc = journal_intend(j, &s, &seq, err);
	if (rc == CR_OK)
		rc = h->driver->undo(h->ctx, p->domain->name, &p->host_steps, err);
	if (rc == CR_OK)
		rc = journal_receipt(j, seq, &s, json, err);
	free(json);
	return rc;
}

/* Keys of a parked name sign nothing any more; they stay sealed in the store, retired, so that a selector is never used twice. */
static int
park(struct teardown *t, struct err *err)
{
	struct keys keys = {0};
	struct contain c;
	int rc = keys_load(t->run->env.db, NULL, t->row.name, &keys, err);

	if (rc == CR_OK)
		rc = db_begin(t->run->env.db, err);
	if (rc != CR_OK)
		goto out;
	c = plan_contain(&t->run->env);
	for (size_t i = 0; rc == CR_OK && i < keys.n; i++)
		if (keys.items[i].state != KEY_RETIRED)
			rc = keys_set_state(t->run->env.db, t->row.name, keys.items[i].selector, KEY_RETIRED, c.now_ms,
			                    err);
	if (rc == CR_OK)
		rc = contain_park(&c, t->row.name, err);
	rc = db_end(t->run->env.db, rc, err);
out:
	keys_release(&keys);
	return rc;
}

static int
finish_part(struct plan *p, enum plan_part part, int rc, const struct err *err)
{
	plan_mark(p, part, rc == CR_OK ? PLAN_DONE : PLAN_FAILED, rc == CR_OK ? NULL : err->text);
	return rc;
}

static int
apply_destroy(struct teardown *t, struct err *err)
{
	struct plan *p = plan_of(t);
	struct journal j;
	int rc = journal_open(t->run->env.db, t->run->env.vault, t->run->session->clock, t->run->tenant->primary, &j,
	                      err);

	if (rc == CR_OK)
		rc = apply_settle(&j, p, err);
	if (rc == CR_OK)
		rc = finish_part(p, PLAN_MAILHOST, remove_from_host(&j, p, err), err);
	for (size_t i = 0; rc == CR_OK && i < p->n_reverse; i++)
		rc = apply_reverse(&j, p, &p->reverse[i], true, err);
	if (rc == CR_OK)
		(void)finish_part(p, PLAN_REVERSE, rc, err);
	if (rc == CR_OK)
		rc = finish_part(p, PLAN_RECORD, apply_zone_change(&j, p, err), err);
	if (rc == CR_OK)
		rc = finish_part(p, PLAN_ZONE, park(t, err), err);
	return rc;
}

int
teardown_apply(struct teardown *t, struct err *err)
{
	struct plan *p = plan_of(t);
	int rc = CR_OK;

	if (t->close)
		rc = finish_part(p, PLAN_REGISTER, apply_close(t, err), err);
	else if (t->quiesce)
		rc = quiesce(t, err);
	if (rc == CR_OK && t->destroy)
		rc = apply_destroy(t, err);
	if (rc != CR_OK) {
		p->rc = rc;
		if (err != NULL)
			p->err = *err;
	}
	return p->rc;
}
