/*
 * plan_make.c - observing one domain's world and deciding its steps.
 *
 * The records are decided in plan_records.c, which is pure.
 */
#include "provision/plan.h"

#include <stdlib.h>
#include <string.h>

#include "budget/contain.h"
#include "budget/sending.h"
#include "provision/addresses/addresses.h"
#include "provision/hostwant.h"
#include "provision/reverse.h"

static int
observe_zone(struct plan *p, struct err *err)
{
	const struct zone_provider *z = p->domain->zone;
	int rc = z->driver->observe(z->ctx, p->domain->name, p->owned.zone_id, &p->zone, err);

	if (rc != CR_OK)
		return err_wrap(err, "%s: zone at %s", p->domain->name, z->name);
	rc = owned_settle(&p->owned, &p->zone.records, err);
	if (rc != CR_OK)
		return rc;
	if (p->zone.exists)
		return plan_add(p, PLAN_ZONE, PLAN_NONE, PLAN_DONE, "zone", err, "served by %s (%s)", z->name,
		                z->driver->name);
	if ((z->driver->caps & ZONE_CAP_CREATE) == 0)
		return plan_add(
			p, PLAN_ZONE, PLAN_CREATE, PLAN_REFUSED, "zone", err,
			"%s (%s) does not serve %s and cannot create zones: add the zone to its configuration first",
			z->name, z->driver->name, p->domain->name);
	p->zone_create = true;
	return plan_add(p, PLAN_ZONE, PLAN_CREATE, PLAN_PLANNED, "zone", err, "at %s (%s)", z->name, z->driver->name);
}

int
plan_load_keys(const struct plan_env *env, struct plan *p, struct err *err)
{
	const int64_t oldest = clock_wall_ms(env->session->clock) - KEY_KEEP_MS;
	size_t kept = 0;
	int rc;

	keys_release(&p->keys);
	if (env->db == NULL)
		return CR_OK;
	rc = keys_load(env->db, NULL, p->domain->name, &p->keys, err);
	for (size_t i = 0; rc == CR_OK && i < p->keys.n; i++) {
		struct key *k = &p->keys.items[i];

		if (k->state == KEY_RETIRED && k->retired_ms <= oldest)
			secret_drop(&k->pem);
		else
			p->keys.items[kept++] = *k;
	}
	if (rc == CR_OK)
		p->keys.n = kept;
	return rc;
}

int
plan_intend(const struct plan_env *env, struct plan *p, struct err *err)
{
	struct domain_row row = {0};
	int rc = CR_ENOTFOUND;

	if (env->db != NULL)
		rc = domain_find(env->db, p->domain->name, &row, err);
	if (rc == CR_ENOTFOUND || (rc == CR_OK && row.state == DOMAIN_PLANNED))
		return err_set(err, CR_ENOTFOUND, "%s is not provisioned yet: run `coldrelay provision %s`",
		               p->domain->name, p->domain->tenant->primary);
	p->parked = rc == CR_OK && row.state == DOMAIN_PARKED;
	if (p->parked)
		return want_parked(p->domain, env->template_dirs, &p->want, err);
	if (rc == CR_OK)
		rc = plan_load_keys(env, p, err);
	if (rc == CR_OK && p->domain->host->driver->n_values > 0)
		rc = owned_load(env->db, p->domain->name, &p->owned, err);
	if (rc == CR_OK)
		rc = plan_want(env, p, err);
	return rc;
}

/* Is r what the shape stands for?  A name may hold several TXT: those are told apart by how they begin. */
static bool
is_shaped(const struct record *shape, const struct record *r)
{
	if (shape->type != r->type || strcmp(shape->owner, r->owner) != 0)
		return false;
	return shape->type != RECORD_TXT ||
	       strncmp(record_text(r), record_text(shape), strlen(record_text(shape))) == 0;
}

/* Ours that w stands for, each wanted as it stands. */
static int
want_standing(struct plan *p, const struct tmpl_record *w, size_t *n_out, struct err *err)
{
	struct tmpl_records *to = &p->want.records;
	int rc = CR_OK;

	*n_out = 0;
	for (size_t i = 0; rc == CR_OK && i < p->owned.records.n; i++) {
		const struct record *ours = &p->owned.records.items[i];
		struct tmpl_record *grown;

		if (!is_shaped(&w->record, ours))
			continue;
		grown = realloc(to->items, (to->n + 1) * sizeof(*grown));
		if (grown == NULL)
			return err_nomem(err, "records");
		to->items = grown;
		to->cap = to->n + 1;
		grown[to->n] = (struct tmpl_record){.conflict = w->conflict, .essential = w->essential};
		rc = record_copy(ours, &grown[to->n].record, err);
		if (rc != CR_OK)
			return rc;
		grown[to->n++].record.ttl_s = w->record.ttl_s;
		++*n_out;
	}
	return rc;
}

int
plan_want(const struct plan_env *env, struct plan *p, struct err *err)
{
	size_t kept = 0;
	int rc;

	want_release(&p->want);
	rc = want_make(env->intent, p->domain, &p->keys, p->observed ? &p->host_steps : NULL, env->template_dirs,
	               &p->want, err);
	for (size_t i = 0; rc == CR_OK && i < p->want.later.n; i++) {
		size_t n;

		rc = want_standing(p, &p->want.later.items[i], &n, err);
		if (rc != CR_OK)
			return rc;
		/* Left among those that come later: what is still to be named. */
		if (n == 0 && kept != i) {
			struct tmpl_record r = p->want.later.items[kept];

			p->want.later.items[kept] = p->want.later.items[i];
			p->want.later.items[i] = r;
		}
		kept += n == 0 ? 1 : 0;
	}
	p->n_later = rc == CR_OK ? kept : 0;
	return rc;
}

int
plan_choose_selector(const struct plan_env *env, struct plan *p, enum dkim_algorithm a, struct err *err)
{
	struct keys used = {0};
	bool taken = true;
	int rc = env->db != NULL ? keys_load(env->db, NULL, p->domain->name, &used, err) : CR_OK;

	while (rc == CR_OK && taken) {
		rc = keys_next_selector(&used, a, clock_wall_s(env->session->clock), p->new_selector[a], err);
		if (rc == CR_OK)
			rc = plan_selector_taken(p, p->new_selector[a], &taken, err);
		if (rc == CR_OK && taken)
			rc = keys_add_used(&used, p->new_selector[a], err);
	}
	keys_release(&used);
	return rc;
}

/* An active key of each algorithm wanted; a missing one will be made. */
static int
decide_keys(const struct plan_env *env, struct plan *p, struct err *err)
{
	const bool ours = (p->domain->host->driver->caps & MAILHOST_CAP_DKIM_OURS) != 0;
	bool have[DKIM_ALGORITHM__COUNT] = {false};
	int rc;

	if (!ours)
		return CR_OK;
	rc = plan_load_keys(env, p, err);
	for (size_t i = 0; rc == CR_OK && i < p->keys.n; i++)
		if (p->keys.items[i].state == KEY_ACTIVE)
			have[p->keys.items[i].public.algorithm] = true;
	p->key_make = !have[DKIM_RSA];
	p->key_make_ed25519 = intent_ed25519(p->domain) && !have[DKIM_ED25519];
	if (rc == CR_OK && p->key_make)
		rc = plan_choose_selector(env, p, DKIM_RSA, err);
	if (rc == CR_OK && p->key_make_ed25519)
		rc = plan_choose_selector(env, p, DKIM_ED25519, err);
	if (rc == CR_OK && p->key_make)
		rc = plan_add(p, PLAN_KEY, PLAN_CREATE, PLAN_PLANNED, "key rsa", err, "RSA %d bits, and its TXT record",
		              DKIM_RSA_BITS);
	if (rc == CR_OK && p->key_make_ed25519)
		rc = plan_add(p, PLAN_KEY, PLAN_CREATE, PLAN_PLANNED, "key ed25519", err,
		              "Ed25519, and its TXT record");
	return rc;
}

static int
check_limits(struct plan *p, struct err *err)
{
	struct records all = {0};
	struct err why = {0};
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->want.records.n; i++)
		rc = records_add_copy(&all, &p->want.records.items[i].record, err);
	if (rc == CR_OK && zone_driver_accepts(p->domain->zone->driver, p->domain->name, &all, &why) != CR_OK)
		rc = plan_add(p, PLAN_RECORD, PLAN_CREATE, PLAN_REFUSED, "records", err, "%s", why.text);
	records_release(&all);
	return rc;
}

int
plan_reverse_room(struct plan *p, struct err *err)
{
	p->reverse = calloc(p->domain->host->facts.addresses.n + 1, sizeof(*p->reverse));
	return p->reverse != NULL ? CR_OK : err_nomem(err, "addresses");
}

/* The PTR of each sending address: created where the reverse zone has none, refused where it names another host. */
static int
decide_one_reverse(struct plan *p, const char *address, struct err *err)
{
	const struct reverse *r = p->domain->reverse;
	struct plan_reverse *out = &p->reverse[p->n_reverse];
	struct zone_state state = {0};
	char step[100];
	bool here = false, foreign = false;
	int rc = address_ptr_owner(address, (const char *const *)r->reverse_zones.items, r->reverse_zones.n, &out->zone,
	                           &out->owner, err);

	(void)snprintf(step, sizeof(step), "reverse %s", address);
	if (rc == CR_ENOTFOUND || rc == CR_EREFUSED)
		return plan_add(p, PLAN_REVERSE, PLAN_CREATE, PLAN_REFUSED, step, err,
		                "no reverse zone of '%s' holds this address", r->name);
	if (rc != CR_OK)
		return rc;
	rc = r->provider->driver->observe(r->provider->ctx, out->zone.text, NULL, &state, err);
	if (rc != CR_OK)
		return err_wrap(err, "reverse zone %s", out->zone.text);
	for (size_t i = 0; i < state.records.n; i++) {
		struct name target;

		if (state.records.items[i].type != RECORD_PTR ||
		    strcmp(state.records.items[i].owner, out->owner.text) != 0)
			continue;
		if (record_target(&state.records.items[i], &target) &&
		    name_equal(target.text, p->domain->host->facts.host))
			here = true;
		else
			foreign = true;
	}
	if (!state.exists)
		rc = plan_add(p, PLAN_REVERSE, PLAN_CREATE, PLAN_REFUSED, step, err, "%s does not serve %s",
		              r->provider->name, out->zone.text);
	else if (foreign)
		rc = plan_add(p, PLAN_REVERSE, PLAN_CREATE, PLAN_REFUSED, step, err,
		              "conflict: %s names another host, and it is not ours", out->owner.text);
	else
		rc = plan_add(p, PLAN_REVERSE, here ? PLAN_NONE : PLAN_CREATE, here ? PLAN_DONE : PLAN_PLANNED, step,
		              err, "%s PTR %s", out->owner.text, p->domain->host->facts.host);
	(void)snprintf(out->address, sizeof(out->address), "%s", address);
	out->create = state.exists && !foreign && !here;
	p->n_reverse++;
	zone_state_release(&state);
	return rc;
}

/* A PTR without a receipt: it stands there perhaps, and then no step would come back to it. */
static int
decide_reverse_pending(const struct plan_env *env, struct plan_reverse *r, struct err *err)
{
	char domain[80];
	int64_t n = 0;
	int rc = CR_OK;

	(void)snprintf(domain, sizeof(domain), "ptr:%s", r->address);
	if (env->db != NULL)
		rc = db_get_int(
			env->db,
			"SELECT count(*) FROM journal WHERE domain = $1 AND receipt IS NULL AND undone_ms IS NULL",
			DB_ARGS(db_text(domain)), 0, &n, err);
	r->pending = n > 0;
	return rc;
}

static int
decide_reverse(const struct plan_env *env, struct plan *p, struct err *err)
{
	const struct cfg_list *addresses = &p->domain->host->facts.addresses;
	int rc = CR_OK;

	if (p->domain->reverse == NULL)
		return CR_OK;
	rc = plan_reverse_room(p, err);
	for (size_t i = 0; rc == CR_OK && i < addresses->n; i++)
		rc = p->domain->reverse->driver != NULL ? reverse_decide(env->db, p, addresses->items[i], err)
		                                        : decide_one_reverse(p, addresses->items[i], err);
	for (size_t i = 0; rc == CR_OK && i < p->n_reverse; i++)
		rc = decide_reverse_pending(env, &p->reverse[i], err);
	return rc;
}

static bool
host_owned(const char *kind, const char *subject, void *arg)
{
	const struct plan *p = arg;

	return owned_has_resource(&p->owned, kind, subject);
}

/* What the host should hold; passwords and keys as far as the store has them (a missing one shows as a create anyway). */
int
plan_observe_host(const struct plan_env *env, struct plan *p, struct err *err)
{
	const struct mail_host *h = p->domain->host;
	struct host_want w = {0};
	int rc = host_want_make(env, p, &w, err);

	mailhost_steps_release(&p->host_steps);
	p->observed = false;
	w.domain.zone = &p->zone.records;
	if (rc == CR_OK)
		rc = h->driver->observe(h->ctx, &w.domain, host_owned, p, &p->host_steps, err);
	p->observed = rc == CR_OK;
	host_want_release(&w);
	return rc;
}

/* Records that the host names only after a part of its steps. */
static int
note_later(struct plan *p, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->n_later; i++) {
		const struct record *r = &p->want.later.items[i].record;
		char type[16];

		/* A proof is asked for once. */
		if (r->type != RECORD_TXT)
			rc = plan_add(p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "note", err,
			              "%s %s follows when %s has named its value", record_type_name(r->type, type),
			              r->owner, p->domain->host->name);
	}
	return rc;
}

static int
show_host(struct plan *p, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->host_steps.n; i++) {
		const struct mailhost_step *s = &p->host_steps.items[i];
		const char *detail = s->detail[0] != '\0' ? s->detail : p->domain->host->name;
		char step[400];

		(void)snprintf(step, sizeof(step), "%s %s", s->kind, s->subject);
		switch (s->change) {
		case MAILHOST_CREATE:
			rc = plan_add(p, PLAN_MAILHOST, PLAN_CREATE, PLAN_PLANNED, step, err, "%s", detail);
			break;
		case MAILHOST_UPDATE:
			rc = plan_add(p, PLAN_MAILHOST, PLAN_UPDATE, PLAN_PLANNED, step, err, "%s", detail);
			break;
		case MAILHOST_PRESENT:
			rc = plan_add(p, PLAN_MAILHOST, PLAN_NONE, PLAN_DONE, step, err, "%s", detail);
			break;
		case MAILHOST_FOREIGN:
			rc = plan_add(p, PLAN_MAILHOST, PLAN_CREATE, PLAN_REFUSED, step, err,
			              "conflict: there, and not ours: %s", detail);
			break;
		case MAILHOST_REFUSED:
			rc = plan_add(p, PLAN_MAILHOST, PLAN_CREATE, PLAN_REFUSED, step, err, "%s", detail);
			break;
		}
	}
	return rc == CR_OK ? note_later(p, err) : rc;
}

static bool
is_configured(const struct plan *p, const char *address)
{
	for (size_t i = 0; i < p->domain->n_mailboxes; i++)
		if (strcmp(p->domain->mailboxes[i].address, address) == 0)
			return true;
	return false;
}

/* A line taken out of the configuration removes nobody's mail; that the mailbox goes on sending has to be said. */
static int
note_left_out(const struct plan_env *env, struct plan *p, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(env->db, "SELECT address FROM mailbox WHERE domain = $1 AND removed_ms = 0 ORDER BY address",
	                  DB_ARGS(db_text(p->domain->name)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		const char *address = db_col_text(rows, 0);

		if (!is_configured(p, address))
			rc = plan_add(
				p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "note", err,
				"%s is not configured any more: it stays, and may send, until the domain is torn down",
				address);
	}
	db_rows_drop(&rows);
	return rc;
}

int
plan_decide_mailboxes(const struct plan_env *env, struct plan *p, const char *state, struct err *err)
{
	const struct cfg_list *sends = &p->domain->host->facts.addresses;
	size_t missing = 0;
	bool same = true;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->domain->n_mailboxes; i++) {
		int64_t known = 0;

		rc = db_get_int(env->db, "SELECT count(*) FROM mailbox WHERE address = $1 AND removed_ms = 0",
		                DB_ARGS(db_text(p->domain->mailboxes[i].address)), 0, &known, err);
		if (known == 0)
			missing++;
	}
	if (rc == CR_OK)
		rc = note_left_out(env, p, err);
	if (rc != CR_OK)
		return rc;
	rc = sending_is(env->db, p->domain->name, (const char *const *)sends->items, sends->n, &same, err);
	if (rc != CR_OK)
		return rc;
	if (missing == 0 && same)
		return plan_add(p, PLAN_REGISTER, PLAN_NONE, PLAN_DONE, "register", err, "%s", state);
	p->registered = false;
	if (missing == 0)
		return plan_add(p, PLAN_REGISTER, PLAN_UPDATE, PLAN_PLANNED, "register", err, "its sending addresses");
	return plan_add(p, PLAN_REGISTER, PLAN_UPDATE, PLAN_PLANNED, "register", err, "%zu new mailbox%s", missing,
	                missing == 1 ? "" : "es");
}

/* The gate has to know the domain; a frozen, burned or closing one is not provisioned over. */
static int
decide_register(const struct plan_env *env, struct plan *p, struct err *err)
{
	struct domain_row row = {0};
	int rc = CR_ENOTFOUND;

	if (env->db != NULL)
		rc = domain_find(env->db, p->domain->name, &row, err);
	if (rc == CR_ENOTFOUND)
		return plan_add(p, PLAN_REGISTER, PLAN_CREATE, PLAN_PLANNED, "register", err, "with the gate, warming");
	if (rc != CR_OK)
		return rc;
	if (strcmp(row.tenant, p->domain->tenant->primary) != 0)
		return plan_add(p, PLAN_REGISTER, PLAN_CREATE, PLAN_REFUSED, "register", err,
		                "%s belongs to the tenant %s", row.name, row.tenant);
	switch (row.state) {
	case DOMAIN_PLANNED:
	case DOMAIN_PROVISIONING:
	case DOMAIN_PARKED:
		return plan_add(p, PLAN_REGISTER, PLAN_CREATE, PLAN_PLANNED, "register", err, "with the gate, warming");
	case DOMAIN_BURNED:
	case DOMAIN_CLOSING:
		return plan_add(p, PLAN_REGISTER, PLAN_CREATE, PLAN_REFUSED, "register", err,
		                "%s is %s: it cannot be provisioned", row.name, domain_state_name(row.state));
	case DOMAIN_FROZEN:
	case DOMAIN_WARMING:
	case DOMAIN_ACTIVE:
	case DOMAIN_STATE__COUNT:
		break;
	}
	p->registered = true;
	return plan_decide_mailboxes(env, p, domain_state_name(row.state), err);
}

static int
decide(const struct plan_env *env, struct plan *p, struct err *err)
{
	int rc = owned_load(env->db, p->domain->name, &p->owned, err);

	if (rc == CR_OK)
		rc = observe_zone(p, err);
	if (rc == CR_OK)
		rc = decide_keys(env, p, err);
	if (rc == CR_OK)
		rc = plan_observe_host(env, p, err);
	if (rc == CR_OK)
		rc = plan_want(env, p, err);
	if (rc == CR_OK)
		rc = check_limits(p, err);
	if (rc == CR_OK)
		rc = plan_decide_records(p, err);
	if (rc == CR_OK)
		rc = decide_reverse(env, p, err);
	if (rc == CR_OK)
		rc = show_host(p, err);
	if (rc == CR_OK)
		rc = decide_register(env, p, err);
	if (rc == CR_OK && p->n_changes > 0 && p->domain->zone->driver->note != NULL)
		rc = plan_add(p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "note", err, "%s: %s", p->domain->zone->name,
		              p->domain->zone->driver->note);
	for (size_t i = 0; rc == CR_OK && i < p->want.n_notes; i++)
		rc = plan_add(p, PLAN_NOTE, PLAN_NONE, PLAN_DONE, "note", err, "%s", p->want.notes[i].text);
	return rc;
}

/* A domain with nothing to do keeps its steps for the report and gives the rest back: a run holds hundreds of plans. */
static void
shed(struct plan *p)
{
	zone_state_release(&p->zone);
	want_release(&p->want);
	keys_release(&p->keys);
	mailhost_steps_release(&p->host_steps);
	owned_release(&p->owned);
}

void
plan_make(const struct plan_env *env, struct plan *p)
{
	p->rc = decide(env, p, &p->err);
	if (p->rc == CR_OK && p->n_changes == 0 && p->owned.n_pending == 0)
		shed(p);
}
