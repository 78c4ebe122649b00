/*
 * apply.c - the steps of a plan, each with its intention before and its receipt after.
 *
 * Invariants: no provider is called without a durable intention; a receipt says only what was done; CR_EUNKNOWN leaves the intention
 * pending, so that the next run looks first; any other failure of a call that was not sent closes it.
 */
#include "provision/apply.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "budget/contain.h"
#include "budget/sending.h"
#include "core/json.h"
#include "dns/zonetext.h"
#include "provision/addresses/addresses.h"
#include "provision/hostwant.h"
#include "provision/reverse.h"
#include "provision/rounds.h"

int
apply_begin(struct apply *a, struct plan *plans, size_t n, struct err *err)
{
	struct contain c;
	int rc = db_begin(a->env.db, err);

	if (rc != CR_OK)
		return rc;
	c = plan_contain(&a->env);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		if (plans[i].rc != CR_OK || plans[i].n_refused > 0 || plans[i].n_changes == 0)
			continue;
		rc = contain_plan_domain(&c, a->tenant, plans[i].domain->name, err);
		if (rc == CR_OK)
			rc = contain_provisioning(&c, plans[i].domain->name, err);
	}
	return db_end(a->env.db, rc, err);
}

/* "NAME/DRIVER" as the journal keeps it. */
static void
driver_name(const struct zone_provider *z, char out[160])
{
	(void)snprintf(out, 160, "%.100s/%.50s", z->name, z->driver->name);
}

int
apply_zone_change(struct journal *j, struct plan *p, struct err *err)
{
	const struct zone_provider *z = p->domain->zone;
	char driver[160], *json = NULL, *receipt = NULL;
	struct journal_step s = {.domain = p->domain->name,
	                         .step = p->zone_create ? "zone" : "records",
	                         .driver = driver,
	                         .operation = p->zone_create ? "create" : "update"};
	struct records all = {0};
	int64_t seq = 0;
	int rc;

	if (!p->zone_create && p->diff.n == 0)
		return CR_OK;
	driver_name(z, driver);
	rc = owned_changes_json(&p->diff, NULL, &json, err);
	s.intent = json;
	for (size_t i = 0; rc == CR_OK && p->zone_create && i < p->diff.n; i++)
		rc = records_add_copy(&all, &p->diff.items[i].record, err);
	if (rc == CR_OK)
		rc = journal_intend(j, &s, &seq, err);
	if (rc != CR_OK)
		goto out;
	if (p->zone_create)
		rc = z->driver->create(z->ctx, p->domain->name, &all, &p->zone, err);
	else
		rc = z->driver->change(z->ctx, p->domain->name, &p->zone, &p->diff, err);
	if (rc != CR_OK) {
		rc = journal_close(j, seq, &s, NULL, rc, err);
		goto out;
	}
	rc = owned_changes_json(&p->diff, p->zone.id, &receipt, err);
	if (rc == CR_OK)
		rc = journal_receipt(j, seq, &s, receipt, err);
out:
	records_release(&all);
	free(receipt);
	free(json);
	return rc;
}

/* The record lines under key of an intention. */
static int
intended(const struct json_at *root, const char *key, struct records *out, struct err *err)
{
	struct json_at at = json_get(root, key);
	const char *text = "";
	int rc = json_opt_string(&at, "", &text, err);

	return rc == CR_OK ? zonetext_read(text, strlen(text), "journal", "", out, err) : rc;
}

/* Of the changes an unfinished step intended: those that can be seen. */
static int
settled_json(const struct zone_state *zone, const char *intent, char **out, bool *any_out, struct err *err)
{
	struct json *doc = NULL;
	struct set_diff seen = {0};
	struct records made = {0}, ttl = {0}, gone = {0};
	struct json_at root;
	int rc = json_parse(intent, strlen(intent), &doc, err);

	if (rc != CR_OK)
		return rc;
	root = json_root(doc);
	rc = intended(&root, "create", &made, err);
	if (rc == CR_OK)
		rc = intended(&root, "ttl", &ttl, err);
	if (rc == CR_OK)
		rc = intended(&root, "delete", &gone, err);
	for (size_t i = 0; rc == CR_OK && i < made.n; i++)
		if (records_find(&zone->records, &made.items[i]) != NULL)
			rc = set_diff_add(&seen, SET_CREATE, &made.items[i], err);
	for (size_t i = 0; rc == CR_OK && i < ttl.n; i++) {
		const struct record *there = records_find(&zone->records, &ttl.items[i]);

		if (there != NULL && there->ttl_s == ttl.items[i].ttl_s)
			rc = set_diff_add(&seen, SET_TTL, &ttl.items[i], err);
	}
	for (size_t i = 0; rc == CR_OK && i < gone.n; i++)
		if (records_find(&zone->records, &gone.items[i]) == NULL)
			rc = set_diff_add(&seen, SET_DELETE, &gone.items[i], err);
	*any_out = seen.n > 0;
	if (rc == CR_OK)
		rc = owned_changes_json(&seen, zone->id, out, err);
	set_diff_release(&seen);
	records_release(&made);
	records_release(&ttl);
	records_release(&gone);
	json_drop(&doc);
	return rc;
}

/* The same of a mail host's resources: all but those that host, what was observed there, shows as missing. */
static int
settled_resources(const struct mailhost_steps *host, const char *intent, char **out, bool *any_out, struct err *err)
{
	struct owned_resource *r = NULL;
	size_t n = 0, kept = 0;
	int rc = owned_resources_read(intent, &r, &n, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		bool missing = false;

		for (size_t k = 0; !missing && k < host->n; k++)
			missing = host->items[k].change == MAILHOST_CREATE &&
			          strcmp(host->items[k].kind, r[i].kind) == 0 &&
			          strcmp(host->items[k].subject, r[i].subject) == 0;
		if (!missing)
			r[kept++] = r[i];
	}
	*any_out = kept > 0;
	if (rc == CR_OK)
		rc = owned_resources_json(r, kept, out, err);
	free(r);
	return rc;
}

int
apply_settle_rows(struct journal *j, const char *domain, const struct owned *owned, const struct zone_state *zone,
                  const struct mailhost_steps *host, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < owned->n_pending; i++) {
		const struct owned_pending *q = &owned->pending[i];
		const bool of_zone = strcmp(q->step, "zone") == 0 || strcmp(q->step, "records") == 0;
		struct journal_step s = {.domain = domain, .step = q->step, .operation = q->operation};
		char *json = NULL;
		bool any = true;

		if (of_zone) {
			rc = settled_json(zone, q->intent, &json, &any, err);
		} else if (strcmp(q->operation, "delete") == 0) {
			any = false; /* repeated by whoever wants it gone: undo of a gone thing succeeds */
		} else {
			rc = settled_resources(host, q->intent, &json, &any, err);
		}
		if (rc == CR_OK)
			rc = any ? journal_receipt(j, q->seq, &s, json, err)
			         : journal_failed(j, q->seq, "cut off before it was done", err);
		free(json);
	}
	return rc;
}

int
apply_settle(struct journal *j, struct plan *p, struct err *err)
{
	return apply_settle_rows(j, p->domain->name, &p->owned, &p->zone, &p->host_steps, err);
}

/* One key of algorithm a: made (or taken from the pool), sealed into the store, known to the plan. */
static int
make_key(struct apply *a, struct plan *p, enum dkim_algorithm algorithm, struct err *err)
{
	struct key k = {.state = KEY_ACTIVE, .created_ms = clock_wall_ms(a->env.session->clock)};
	int rc;

	memcpy(k.selector, p->new_selector[algorithm], sizeof(k.selector));
	if (algorithm == DKIM_RSA && a->rsa != NULL)
		rc = keypool_take(a->rsa, &k.pem, &k.public, err);
	else
		rc = dkim_generate(algorithm, &k.pem, &k.public, err);
	if (rc == CR_OK)
		rc = db_begin(a->env.db, err);
	if (rc != CR_OK)
		goto out;
	rc = keys_store(a->env.db, a->env.vault, p->domain->name, &k, err);
	rc = db_end(a->env.db, rc, err);
out:
	secret_drop(&k.pem);
	return rc;
}

/* Keys first: their records go out with the zone's first write. */
static int
apply_keys(struct apply *a, struct plan *p, struct err *err)
{
	int rc = CR_OK;

	if (p->key_make)
		rc = make_key(a, p, DKIM_RSA, err);
	if (rc == CR_OK && p->key_make_ed25519)
		rc = make_key(a, p, DKIM_ED25519, err);
	if (rc == CR_OK && (p->key_make || p->key_make_ed25519)) {
		rc = plan_load_keys(&a->env, p, err);
		if (rc == CR_OK)
			rc = plan_want(&a->env, p, err);
		set_diff_release(&p->diff);
		if (rc == CR_OK)
			rc = plan_redecide_records(p, err);
		plan_mark(p, PLAN_KEY, rc == CR_OK ? PLAN_DONE : PLAN_FAILED, NULL);
	}
	if (rc == CR_OK && p->n_refused > 0)
		return err_set(err, CR_ECONFLICT, "%s: a record stands in the way of the new key", p->domain->name);
	return rc;
}

/* Reverse zones are shared by all domains of an address: one at a time, and looked at again under the lock. */
static pthread_mutex_t reverse_lock = PTHREAD_MUTEX_INITIALIZER;

static int
change_reverse(struct journal *j, struct plan *p, const struct plan_reverse *r, bool remove, struct err *err)
{
	const struct zone_provider *z = p->domain->reverse->provider;
	const char *host = p->domain->host->facts.host;
	char journal_name[80], driver[160], *json = NULL;
	struct journal_step s = {.domain = journal_name, .step = "records", .driver = driver, .operation = "update"};
	const struct mailhost_steps no_host = {0};
	struct zone_state state = {0};
	struct set_diff diff = {0};
	struct record ptr = {0};
	struct owned owned = {0};
	int64_t seq = 0;
	bool there;
	int rc;

	(void)snprintf(journal_name, sizeof(journal_name), "ptr:%s", r->address);
	driver_name(z, driver);
	rc = address_ptr_record(r->owner.text, host, (uint32_t)intent_ttl_s(p->domain), &ptr, err);
	if (rc == CR_OK)
		rc = owned_load(j->db, journal_name, &owned, err);
	if (rc == CR_OK)
		rc = z->driver->observe(z->ctx, r->zone.text, owned.zone_id, &state, err);
	if (rc == CR_OK)
		rc = owned_settle(&owned, &state.records, err);
	if (rc == CR_OK)
		rc = apply_settle_rows(j, journal_name, &owned, &state, &no_host, err);
	if (rc != CR_OK)
		goto out;
	there = records_find(&state.records, &ptr) != NULL;
	if (there != remove || (remove && records_find(&owned.records, &ptr) == NULL))
		goto out;
	rc = set_diff_add(&diff, remove ? SET_DELETE : SET_CREATE, &ptr, err);
	if (rc == CR_OK)
		rc = owned_changes_json(&diff, state.id, &json, err);
	s.intent = json;
	if (rc == CR_OK)
		rc = journal_intend(j, &s, &seq, err);
	if (rc != CR_OK)
		goto out;
	rc = z->driver->change(z->ctx, r->zone.text, &state, &diff, err);
	rc = journal_close(j, seq, &s, json, rc, err);
out:
	owned_release(&owned);
	record_release(&ptr);
	set_diff_release(&diff);
	zone_state_release(&state);
	free(json);
	return rc;
}

int
apply_reverse(struct journal *j, struct plan *p, const struct plan_reverse *r, bool remove, struct err *err)
{
	int rc;

	(void)pthread_mutex_lock(&reverse_lock);
	rc = p->domain->reverse->driver != NULL ? reverse_call(j, p, r, remove, err)
	                                        : change_reverse(j, p, r, remove, err);
	(void)pthread_mutex_unlock(&reverse_lock);
	return rc == CR_OK ? CR_OK : err_wrap(err, "reverse DNS of %s", r->address);
}

static int
apply_reverses(struct journal *j, struct plan *p, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->n_reverse; i++)
		if (p->reverse[i].create || p->reverse[i].pending)
			rc = apply_reverse(j, p, &p->reverse[i], false, err);
	return rc;
}

/* Passwords that are to be kept are made and stored before the host hears of the mailbox. */
int
apply_passwords(struct apply *a, struct plan *p, struct err *err)
{
	int rc = CR_OK;
	bool begun = false;

	for (size_t i = 0; rc == CR_OK && i < p->domain->n_mailboxes; i++) {
		const struct intent_mailbox *m = &p->domain->mailboxes[i];
		struct secret *s = NULL;

		if (m->password != NULL)
			continue;
		rc = keys_password(a->env.db, a->env.vault, m->address, &s, err);
		if (rc == CR_ENOTFOUND) {
			rc = begun ? CR_OK : db_begin(a->env.db, err);
			begun = begun || rc == CR_OK;
			if (rc == CR_OK)
				rc = keys_make_password(a->env.db, a->env.vault, m->address,
				                        clock_wall_ms(a->env.session->clock), &s, err);
		}
		secret_drop(&s);
	}
	if (!begun)
		return rc;
	return db_end(a->env.db, rc, err);
}

static int
host_json(const struct mailhost_steps *steps, char **out, size_t *n_out, struct err *err)
{
	struct owned_resource *r = calloc(steps->n + 1, sizeof(*r));
	size_t n = 0;
	int rc;

	if (r == NULL)
		return err_nomem(err, "mail host steps");
	for (size_t i = 0; i < steps->n; i++) {
		if (steps->items[i].change != MAILHOST_CREATE && steps->items[i].change != MAILHOST_UPDATE)
			continue;
		memcpy(r[n].kind, steps->items[i].kind, sizeof(r[n].kind));
		memcpy(r[n].subject, steps->items[i].subject, sizeof(r[n].subject));
		n++;
	}
	rc = owned_resources_json(r, n, out, err);
	*n_out = n;
	free(r);
	return rc;
}

static bool
host_owned(const char *kind, const char *subject, void *arg)
{
	const struct plan *p = arg;

	return owned_has_resource(&p->owned, kind, subject);
}

/* The plan saw everything in place, and nothing was made since. */
static bool
host_is_settled(const struct plan *p)
{
	for (size_t i = 0; i < p->host_steps.n; i++)
		if (p->host_steps.items[i].change != MAILHOST_PRESENT)
			return false;
	return !p->key_make && !p->key_make_ed25519 && p->host_steps.n > 0;
}

static int
apply_host(struct apply *a, struct journal *j, struct plan *p, struct err *err)
{
	const struct mail_host *h = p->domain->host;
	char driver[160], *json = NULL;
	struct journal_step s = {
		.domain = p->domain->name, .step = "mailhost", .driver = driver, .operation = "create"};
	struct host_want w = {0};
	int64_t seq = 0;
	size_t n = 0;
	int rc;

	if (host_is_settled(p))
		return CR_OK;
	(void)snprintf(driver, sizeof(driver), "%.100s/%.50s", h->name, h->driver->name);
	rc = apply_passwords(a, p, err);
	if (rc == CR_OK)
		rc = host_want_make(&a->env, p, &w, err);
	/* Looked at again with the real keys and passwords: they may have been made a moment ago. */
	mailhost_steps_release(&p->host_steps);
	if (rc == CR_OK)
		rc = h->driver->observe(h->ctx, &w.domain, host_owned, p, &p->host_steps, err);
	if (rc == CR_OK)
		rc = host_json(&p->host_steps, &json, &n, err);
	s.intent = json;
	if (rc != CR_OK || n == 0)
		goto out;
	rc = journal_intend(j, &s, &seq, err);
	if (rc != CR_OK)
		goto out;
	rc = h->driver->apply(h->ctx, &w.domain, &p->host_steps, err);
	rc = journal_close(j, seq, &s, json, rc, err);
out:
	host_want_release(&w);
	free(json);
	return rc == CR_OK ? CR_OK : err_wrap(err, "mail host %s", h->name);
}

static int
apply_register(struct apply *a, struct plan *p, struct err *err)
{
	const char **mailboxes = calloc(p->domain->n_mailboxes + 1, sizeof(*mailboxes));
	struct contain c;
	int64_t first;
	int rc;

	if (mailboxes == NULL)
		return err_nomem(err, "mailboxes");
	for (size_t i = 0; i < p->domain->n_mailboxes; i++)
		mailboxes[i] = p->domain->mailboxes[i].address;
	rc = db_begin(a->env.db, err);
	if (rc != CR_OK)
		goto out;
	c = plan_contain(&a->env);
	first = c.now_ms + intent_warm_up_s(p->domain) * 1000;
	rc = contain_register(&c, p->domain->name, first, mailboxes, p->domain->n_mailboxes, err);
	if (rc == CR_OK)
		rc = sending_set(&c, p->domain->name, (const char *const *)p->domain->host->facts.addresses.items,
		                 p->domain->host->facts.addresses.n, err);
	rc = db_end(a->env.db, rc, err);
out:
	free(mailboxes);
	return rc;
}

/* Run one part, mark its steps.  Parts after a failure stay planned. */
static int
finish_part(struct plan *p, enum plan_part part, int rc)
{
	plan_mark(p, part, rc == CR_OK ? PLAN_DONE : PLAN_FAILED, rc == CR_OK ? NULL : p->err.text);
	return rc;
}

void
apply_plan(struct apply *a, struct plan *p)
{
	struct journal j;
	int rc = journal_open(a->env.db, a->env.vault, a->env.session->clock, a->tenant, &j, &p->err);

	if (rc == CR_OK)
		rc = apply_settle(&j, p, &p->err);
	if (rc == CR_OK)
		rc = finish_part(p, PLAN_KEY, apply_keys(a, p, &p->err));
	if (rc == CR_OK) {
		rc = apply_zone_change(&j, p, &p->err);
		(void)finish_part(p, PLAN_ZONE, rc);
		(void)finish_part(p, PLAN_RECORD, rc);
	}
	if (rc == CR_OK)
		rc = finish_part(p, PLAN_REVERSE, apply_reverses(&j, p, &p->err));
	if (rc == CR_OK)
		rc = finish_part(p, PLAN_MAILHOST,
		                 (p->domain->host->driver->caps & MAILHOST_CAP_RECORDS) != 0
		                         ? apply_rounds(a, &j, p, &p->err)
		                         : apply_host(a, &j, p, &p->err));
	if (rc == CR_OK && !p->registered)
		rc = finish_part(p, PLAN_REGISTER, apply_register(a, p, &p->err));
	p->rc = rc;
	if (a->done != NULL)
		a->done(a->arg, p);
}
