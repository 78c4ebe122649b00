/*
 * reverse.c - the PTR of an address whose owner sets it by calls of its own.
 *
 * What is ours stands in the journal as resources of "ptr:ADDRESS": the name that was set, and the label that was made for it.
 */
#include "provision/reverse.h"

#include <stdlib.h>
#include <string.h>

#include "provision/apply.h"

/* The name under which the journal keeps an address: several domains may send from it. */
static void
journal_domain(const char *address, char out[80])
{
	(void)snprintf(out, 80, "ptr:%.63s", address);
}

/* Told once a plan, and only where somebody is about to rely on it. */
static int
add_note(struct plan *p, const char *note, struct err *err)
{
	for (size_t i = 0; i < p->n_steps; i++)
		if (p->steps[i].part == PLAN_NOTE && strcmp(p->steps[i].detail, note) == 0)
			return CR_OK;
	return plan_add(p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "note", err, "%s", note);
}

int
reverse_decide(struct db *db, struct plan *p, const char *address, struct err *err)
{
	const struct reverse *v = p->domain->reverse;
	const char *host = p->domain->host->facts.host;
	struct plan_reverse *out = &p->reverse[p->n_reverse];
	struct address_state now = {0};
	struct owned owned = {0};
	struct err why = {0};
	char step[100], domain[80];
	int rc;

	(void)snprintf(step, sizeof(step), "reverse %s", address);
	journal_domain(address, domain);
	rc = v->driver->observe(v->ctx, address, &now, &why);
	if (rc == CR_ENOTFOUND || rc == CR_EREFUSED)
		return plan_add(p, PLAN_REVERSE, PLAN_CREATE, PLAN_REFUSED, step, err, "%s", why.text);
	if (rc != CR_OK)
		return err_set(err, rc, "reverse DNS of %s at %s: %s", address, v->name, why.text);
	rc = owned_load(db, domain, &owned, err);
	if (rc != CR_OK)
		return rc;
	(void)snprintf(out->address, sizeof(out->address), "%s", address);
	p->n_reverse++;
	if (now.set && name_equal(now.host.text, host)) {
		rc = plan_add(p, PLAN_REVERSE, PLAN_NONE, PLAN_DONE, step, err, "PTR %s at %s", host, v->name);
	} else if (now.set && !owned_has_resource(&owned, "ptr", now.host.text)) {
		rc = plan_add(p, PLAN_REVERSE, PLAN_CREATE, PLAN_REFUSED, step, err,
		              "conflict: its PTR is %s, and it is not ours", now.host.text);
	} else {
		out->create = true;
		rc = plan_add(p, PLAN_REVERSE, now.set ? PLAN_UPDATE : PLAN_CREATE, PLAN_PLANNED, step, err,
		              "PTR %s at %s%s%s%s", host, v->name,
		              now.label[0] != '\0' && !now.label_there ? ", after its label " : "",
		              now.label_there ? "" : now.label, now.set ? ", in place of our last one" : "");
		if (rc == CR_OK && v->driver->note != NULL)
			rc = add_note(p, v->driver->note, err);
	}
	owned_release(&owned);
	return rc;
}

/* What is there of what we name, as steps: an intention that was cut off is settled by them. */
static int
add_seen(struct mailhost_steps *l, const char *kind, const char *subject, bool there, struct err *err)
{
	struct mailhost_step s = {.change = there ? MAILHOST_PRESENT : MAILHOST_CREATE};

	(void)snprintf(s.kind, sizeof(s.kind), "%s", kind);
	(void)snprintf(s.subject, sizeof(s.subject), "%.319s", subject);
	return mailhost_steps_add(l, &s, err);
}

/* The PTRs that ever were intended for this address, and the label. */
static int
see(const struct owned *owned, const struct address_state *now, struct mailhost_steps *out, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < owned->n_resources; i++) {
		const struct owned_resource *r = &owned->resources[i];
		const bool there = strcmp(r->kind, "ptr") == 0
		                           ? now->set && name_equal(r->subject, now->host.text)
		                           : now->label_there && strcmp(r->subject, now->label) == 0;

		rc = add_seen(out, r->kind, r->subject, there, err);
	}
	return rc;
}

/* {"resources": [["ptr", host], ["label", label]]} */
static int
resources_json(const char *host, const char *label, char **out, struct err *err)
{
	struct owned_resource r[2] = {0};

	(void)snprintf(r[0].kind, sizeof(r[0].kind), "ptr");
	(void)snprintf(r[0].subject, sizeof(r[0].subject), "%.319s", host);
	(void)snprintf(r[1].kind, sizeof(r[1].kind), "label");
	(void)snprintf(r[1].subject, sizeof(r[1].subject), "%.319s", label);
	return owned_resources_json(r, label[0] != '\0' ? 2 : 1, out, err);
}

/* The call between its two lines in the journal. */
static int
call(struct journal *j, const struct reverse *v, const char *address, const char *host, const struct address_state *now,
     const struct owned *owned, bool remove, struct err *err)
{
	const bool our_label = now->label_there && owned_has_resource(owned, "label", now->label);
	char domain[80], driver[160], *json = NULL;
	struct journal_step s = {
		.domain = domain, .step = "address", .driver = driver, .operation = remove ? "delete" : "create"};
	int64_t seq = 0;
	int rc = resources_json(host, remove && !our_label ? "" : now->label, &json, err);

	journal_domain(address, domain);
	(void)snprintf(driver, sizeof(driver), "%.100s/%.50s", v->name, v->driver->name);
	s.intent = json;
	if (rc == CR_OK)
		rc = journal_intend(j, &s, &seq, err);
	if (rc != CR_OK)
		goto out;
	rc = remove ? v->driver->clear(v->ctx, address, host, our_label, err)
	            : v->driver->set(v->ctx, address, now, host, err);
	rc = journal_close(j, seq, &s, json, rc, err);
out:
	free(json);
	return rc;
}

int
reverse_call(struct journal *j, struct plan *p, const struct plan_reverse *r, bool remove, struct err *err)
{
	const struct reverse *v = p->domain->reverse;
	const char *host = p->domain->host->facts.host;
	const struct zone_state no_zone = {0};
	struct mailhost_steps seen = {0};
	struct address_state now = {0};
	struct owned owned = {0};
	char domain[80];
	bool there, ours;
	int rc;

	journal_domain(r->address, domain);
	rc = owned_load(j->db, domain, &owned, err);
	if (rc == CR_OK)
		rc = v->driver->observe(v->ctx, r->address, &now, err);
	/* An address that was given up takes its PTR along. */
	if (rc == CR_ENOTFOUND && remove)
		rc = CR_OK;
	if (rc == CR_OK)
		rc = see(&owned, &now, &seen, err);
	if (rc == CR_OK)
		rc = apply_settle_rows(j, domain, &owned, &no_zone, &seen, err);
	if (rc != CR_OK)
		goto out;
	there = now.set && name_equal(now.host.text, host);
	ours = (there && owned_has_resource(&owned, "ptr", host)) ||
	       (now.label_there && owned_has_resource(&owned, "label", now.label));
	if (remove ? !ours : there)
		goto out;
	if (!remove && now.set && !owned_has_resource(&owned, "ptr", now.host.text))
		rc = err_set(err, CR_ECONFLICT, "its PTR is %s by now, and it is not ours", now.host.text);
	else
		rc = call(j, v, r->address, host, &now, &owned, remove, err);
out:
	mailhost_steps_release(&seen);
	owned_release(&owned);
	return rc;
}
