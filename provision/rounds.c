/*
 * rounds.c - steps of a host one by one, each with its intention and receipt; and what it names meanwhile, published.
 *
 * A record that was named in a round is wanted before any step that needs it is tried, and a run that is cut off anywhere has a journal
 * that says what was made.  The number of rounds is that of the times a host names something new, and bounded all the same.
 */
#include "provision/rounds.h"

#include <stdlib.h>
#include <string.h>

#include "provision/hostwant.h"

#define ROUNDS_MAX 12

static bool
is_to_do(const struct mailhost_step *s)
{
	return s->change == MAILHOST_CREATE || s->change == MAILHOST_UPDATE;
}

/* One step, with a journal row of its own. */
static int
do_step(struct journal *j, const struct plan *p, const struct mailhost_domain *want, const struct mailhost_step *step,
        struct err *err)
{
	const struct mail_host *h = p->domain->host;
	struct mailhost_step one = *step;
	struct mailhost_steps steps = {.items = &one, .n = 1, .cap = 1};
	struct owned_resource r = {0};
	char driver[160], *json = NULL;
	struct journal_step s = {
		.domain = p->domain->name, .step = "mailhost", .driver = driver, .operation = "create"};
	int64_t seq = 0;
	int rc;

	(void)snprintf(driver, sizeof(driver), "%.100s/%.50s", h->name, h->driver->name);
	memcpy(r.kind, step->kind, sizeof(r.kind));
	memcpy(r.subject, step->subject, sizeof(r.subject));
	rc = owned_resources_json(&r, 1, &json, err);
	s.intent = json;
	if (rc == CR_OK)
		rc = journal_intend(j, &s, &seq, err);
	if (rc != CR_OK)
		goto out;
	memcpy(steps.values, p->host_steps.values, sizeof(steps.values));
	rc = h->driver->apply(h->ctx, want, &steps, err);
	rc = journal_close(j, seq, &s, json, rc, err);
out:
	free(json);
	return rc;
}

static void
mark_step(struct plan *p, const struct mailhost_step *step)
{
	char name[400];

	(void)snprintf(name, sizeof(name), "%s %s", step->kind, step->subject);
	for (size_t i = 0; i < p->n_steps; i++)
		if (p->steps[i].part == PLAN_MAILHOST && p->steps[i].status == PLAN_PLANNED &&
		    strcmp(p->steps[i].step, name) == 0)
			p->steps[i].status = PLAN_DONE;
}

/* The steps in their order, up to one before which the records have to be looked at.  *did_out: how many were done. */
static int
do_steps(struct apply *a, struct journal *j, struct plan *p, size_t *did_out, struct err *err)
{
	struct host_want w = {0};
	int rc = host_want_make(&a->env, p, &w, err);

	*did_out = 0;
	w.domain.zone = &p->zone.records;
	for (size_t i = 0; rc == CR_OK && i < p->host_steps.n; i++) {
		const struct mailhost_step *step = &p->host_steps.items[i];

		if (step->change == MAILHOST_FOREIGN || step->change == MAILHOST_REFUSED) {
			rc = err_set(err, CR_ECONFLICT, "%s %s: %s", step->kind, step->subject, step->detail);
			break;
		}
		if (!is_to_do(step))
			continue;
		if (step->after_records && *did_out > 0)
			break;
		rc = do_step(j, p, &w.domain, step, err);
		if (rc != CR_OK)
			break;
		mark_step(p, step);
		++*did_out;
	}
	host_want_release(&w);
	return rc;
}

static bool
has_steps(const struct plan *p)
{
	for (size_t i = 0; i < p->host_steps.n; i++)
		if (p->host_steps.items[i].change != MAILHOST_PRESENT)
			return true;
	return false;
}

/* Zone, journal and host as they are by now, and what the zone should have besides. */
static int
look_again(struct apply *a, struct plan *p, struct err *err)
{
	const struct zone_provider *z = p->domain->zone;
	int rc;

	owned_release(&p->owned);
	rc = owned_load(a->env.db, p->domain->name, &p->owned, err);
	zone_state_release(&p->zone);
	if (rc == CR_OK)
		rc = z->driver->observe(z->ctx, p->domain->name, p->owned.zone_id, &p->zone, err);
	if (rc == CR_OK)
		rc = owned_settle(&p->owned, &p->zone.records, err);
	if (rc == CR_OK)
		rc = plan_observe_host(&a->env, p, err);
	if (rc == CR_OK)
		rc = plan_want(&a->env, p, err);
	if (rc == CR_OK)
		rc = plan_more_records(p, err);
	if (rc == CR_OK && p->n_refused > 0)
		rc = err_set(err, CR_ECONFLICT, "%s: a record stands in the way of one that %s asks for",
		             p->domain->name, p->domain->host->name);
	return rc;
}

static int
publish(struct journal *j, struct plan *p, struct err *err)
{
	int rc = apply_zone_change(j, p, err);

	plan_mark(p, PLAN_RECORD, rc == CR_OK ? PLAN_DONE : PLAN_FAILED, rc == CR_OK ? NULL : err->text);
	return rc;
}

/* What was named before a step failed is published all the same: the next run finds it seen by the world. */
static void
publish_after(struct apply *a, struct journal *j, struct plan *p)
{
	struct err second = {0};

	if (look_again(a, p, &second) != CR_OK || publish(j, p, &second) != CR_OK)
		return;
}

static int
rounds(struct apply *a, struct journal *j, struct plan *p, struct err *err)
{
	size_t did;
	int rc = CR_OK;

	/* The zone was changed since the plan looked. */
	if (p->diff.n > 0)
		rc = look_again(a, p, err);
	for (int i = 0; rc == CR_OK && i < ROUNDS_MAX; i++) {
		rc = publish(j, p, err);
		if (rc == CR_OK && i > 0 && p->diff.n == 0 && !has_steps(p))
			return CR_OK;
		if (rc == CR_OK)
			rc = do_steps(a, j, p, &did, err);
		if (rc == CR_OK)
			rc = look_again(a, p, err);
		else
			publish_after(a, j, p);
	}
	return rc != CR_OK ? rc
	                   : err_set(err, CR_ERETRY, "%s: %s still asks for more after %d rounds: run again",
	                             p->domain->name, p->domain->host->name, ROUNDS_MAX);
}

int
apply_rounds(struct apply *a, struct journal *j, struct plan *p, struct err *err)
{
	const bool created = p->zone_create;
	int rc;

	if (!has_steps(p))
		return CR_OK;
	rc = apply_passwords(a, p, err);
	p->zone_create = false; /* it stands; whoever reports wants to know that it is new */
	if (rc == CR_OK)
		rc = rounds(a, j, p, err);
	p->zone_create = created;
	return rc == CR_OK ? CR_OK : err_wrap(err, "mail host %s", p->domain->host->name);
}
