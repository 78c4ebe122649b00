/*
 * cmd_keys.c - `coldrelay keys list | rotate | export DOMAIN`.
 *
 * Rotation is two runs: the first makes the next key and publishes it beside the active one; the second, once receivers can have seen it,
 * switches the signer and retires the old key, which stays published for 7 days more.
 */
#include "provision/cmd_keys.h"

#include <stdlib.h>
#include <string.h>

#include "budget/contain.h"
#include "core/audit.h"
#include "core/file.h"
#include "core/json.h"
#include "core/num.h"
#include "core/opt.h"
#include "core/term.h"
#include "provision/run.h"

static bool opt_yes, opt_now, opt_credentials;
static const char *opt_out;
static const struct opt opts[] = {
	{"yes",         'y', OPT_FLAG, &opt_yes,         0, 0, NULL,  "rotate: do not ask"                                      },
	{"now",         0,   OPT_FLAG, &opt_now,         0, 0, NULL,  "rotate: switch to the next key before its TTL has passed"},
	{"out",         'o', OPT_TEXT, &opt_out,         0, 0, "DIR", "export: directory for the files (0600)"                  },
	{"credentials", 0,   OPT_FLAG, &opt_credentials, 0, 0, NULL,  "export: also the passwords of the mailboxes"             },
};

void
cmd_keys_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

static int
list_json(struct session *s, const char *domain, const struct key *k, struct err *err)
{
	char created[NUM_RFC3339_MAX];
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	num_format_rfc3339(k->created_ms / 1000, created, sizeof(created));
	json_out_open(&j, '{');
	json_out_member(&j, "domain", domain);
	json_out_member(&j, "selector", k->selector);
	json_out_member(&j, "algorithm", dkim_algorithm_name(k->public.algorithm));
	json_out_member_int(&j, "bits", k->public.bits);
	json_out_member(&j, "state", key_state_name(k->state));
	json_out_member(&j, "created", created);
	json_out_close(&j);
	rc = session_print_line(s, &b, err);
	buf_release(&b);
	return rc;
}

static int
list_table(struct session *s, const struct keys *keys, struct err *err)
{
	static const struct term_column columns[] = {
		{"SELECTOR",  false, false},
		{"ALGORITHM", false, false},
		{"BITS",      true,  false},
		{"STATE",     false, false},
		{"CREATED",   false, false}
        };
	struct term_table *t = NULL;
	int rc = term_table_open(columns, ARRAY_LEN(columns), &t, err);

	for (size_t i = 0; rc == CR_OK && i < keys->n; i++) {
		const struct key *k = &keys->items[i];
		char created[NUM_RFC3339_MAX], bits[16];

		num_format_rfc3339(k->created_ms / 1000, created, sizeof(created));
		(void)snprintf(bits, sizeof(bits), "%u", k->public.bits);
		rc = term_table_add(t, k->state == KEY_RETIRED ? TERM_DIM : TERM_PLAIN,
		                    (const char *const[]){k->selector, dkim_algorithm_name(k->public.algorithm), bits,
		                                          key_state_name(k->state), created},
		                    err);
	}
	if (rc == CR_OK)
		rc = term_table_print(t, s->out, err);
	term_table_drop(&t);
	return rc;
}

static int
list(struct run *r, struct err *err)
{
	const char *domain = r->plans[0].domain->name;
	struct keys keys = {0};
	int rc = run_store(r, false, err);

	if (rc == CR_OK && r->env.db != NULL)
		rc = keys_load(r->env.db, NULL, domain, &keys, err);
	if (rc == CR_OK && keys.n == 0)
		rc = err_set(err, CR_ENOTFOUND, "%s has no keys yet: `coldrelay provision %s` makes them", domain,
		             r->tenant->primary);
	if (rc == CR_OK && !r->session->json)
		rc = list_table(r->session, &keys, err);
	for (size_t i = 0; rc == CR_OK && r->session->json && i < keys.n; i++)
		rc = list_json(r->session, domain, &keys.items[i], err);
	keys_release(&keys);
	return rc;
}

static int
export_file(const char *name, const void *data, size_t len, struct session *s, struct err *err)
{
	char *path = NULL;
	int rc = file_join(opt_out, name, &path, err);

	if (rc == CR_OK)
		rc = file_replace(path, data, len, 0600, FILE_OWNER_SELF, err);
	if (rc == CR_OK && !s->json)
		(void)fprintf(s->out, "%s\n", path);
	free(path);
	return rc;
}

static int
export_credentials(struct run *r, struct err *err)
{
	const struct intent_domain *d = r->plans[0].domain;
	struct buf text = {0};
	char name[320];
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < d->n_mailboxes; i++) {
		struct secret *s = NULL;
		size_t len;

		rc = keys_password(r->env.db, r->env.vault, d->mailboxes[i].address, &s, err);
		if (rc == CR_OK) {
			buf_adds(&text, d->mailboxes[i].address);
			buf_addc(&text, '\t');
			buf_adds(&text, secret_bytes(s, &len));
			buf_addc(&text, '\n');
		} else if (rc == CR_ENOTFOUND) {
			rc = CR_OK; /* configured by reference: the operator has it */
		}
		secret_drop(&s);
	}
	(void)snprintf(name, sizeof(name), "%.255s.passwords.tsv", d->name);
	if (rc == CR_OK)
		rc = buf_check(&text, "passwords", err);
	if (rc == CR_OK)
		rc = export_file(name, buf_str(&text), text.len, r->session, err);
	secret_wipe_buf(&text);
	return rc;
}

static int export(struct run *r, struct err *err)
{
	const char *domain = r->plans[0].domain->name;
	struct keys keys = {0};
	int rc;

	if (opt_out == NULL)
		return err_set(err, CR_EUSAGE,
		               "keys export: give --out DIR: private keys are written to files, never printed");
	rc = run_store(r, false, err);
	if (rc == CR_OK && r->env.db != NULL)
		rc = keys_load(r->env.db, r->env.vault, domain, &keys, err);
	if (rc == CR_OK && keys.n == 0)
		rc = err_set(err, CR_ENOTFOUND, "%s has no keys yet", domain);
	if (rc == CR_OK)
		rc = file_make_dirs(opt_out, 0700, err);
	for (size_t i = 0; rc == CR_OK && i < keys.n; i++) {
		char name[400];
		size_t len;
		const char *pem = secret_bytes(keys.items[i].pem, &len);

		(void)snprintf(name, sizeof(name), "%.255s.%.63s.private", domain, keys.items[i].selector);
		rc = export_file(name, pem, len, r->session, err);
	}
	if (rc == CR_OK && opt_credentials)
		rc = export_credentials(r, err);
	keys_release(&keys);
	return rc;
}

/* What the second run finds: a next key of this algorithm, and whether it has been up long enough. */
static const struct key *
find_state(const struct keys *keys, enum dkim_algorithm a, enum key_state state)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->items[i].public.algorithm == a && keys->items[i].state == state)
			return &keys->items[i];
	return NULL;
}

static int
make_next(struct run *r, const char *selector, enum dkim_algorithm a, struct err *err)
{
	struct key k = {.state = KEY_NEXT, .created_ms = clock_wall_ms(r->session->clock)};
	int rc = dkim_generate(a, &k.pem, &k.public, err);

	(void)snprintf(k.selector, sizeof(k.selector), "%s", selector);
	if (rc == CR_OK)
		rc = keys_store(r->env.db, r->env.vault, r->plans[0].domain->name, &k, err);
	secret_drop(&k.pem);
	return rc;
}

static int
switch_keys(struct run *r, const struct key *old, const struct key *next, struct err *err)
{
	const int64_t now = clock_wall_ms(r->session->clock);
	const char *domain = r->plans[0].domain->name;
	const struct audit_entry e = {.at_ms = now,
	                              .actor = audit_actor(),
	                              .action = "keys.switch",
	                              .subject = domain,
	                              .reason = next->selector};
	int rc = keys_set_state(r->env.db, domain, next->selector, KEY_ACTIVE, now, err);

	if (rc == CR_OK && old != NULL)
		rc = keys_set_state(r->env.db, domain, old->selector, KEY_RETIRED, now, err);
	return rc == CR_OK ? audit_append(r->env.db, r->env.vault, &e, err) : rc;
}

/* One algorithm's step of a rotation, inside a transaction. */
static int
rotate_one(struct run *r, const struct keys *keys, const char *selector, enum dkim_algorithm a, struct err *err)
{
	const struct key *active = find_state(keys, a, KEY_ACTIVE), *next = find_state(keys, a, KEY_NEXT);
	const int64_t up_ms = intent_ttl_s(r->plans[0].domain) * 1000;

	if (active == NULL && next == NULL)
		return CR_OK;
	if (next == NULL)
		return make_next(r, selector, a, err);
	if (!opt_now && clock_wall_ms(r->session->clock) < next->created_ms + up_ms) {
		char at[NUM_RFC3339_MAX];

		num_format_rfc3339((next->created_ms + up_ms) / 1000, at, sizeof(at));
		return err_set(err, CR_ERETRY, "selector %s is up since less than its TTL: run again after %s",
		               next->selector, at);
	}
	return switch_keys(r, active, next, err);
}

/* Selectors for the keys that this step makes, found in the zone as it is: the provider is not asked while the store is held. */
static int
choose_selectors(struct run *r, const struct keys *keys, struct plan *look, struct err *err)
{
	const struct zone_provider *z = look->domain->zone;
	int rc = z->driver->observe(z->ctx, look->domain->name, NULL, &look->zone, err);

	for (int a = 0; rc == CR_OK && a < DKIM_ALGORITHM__COUNT; a++)
		if (find_state(keys, (enum dkim_algorithm)a, KEY_ACTIVE) != NULL &&
		    find_state(keys, (enum dkim_algorithm)a, KEY_NEXT) == NULL)
			rc = plan_choose_selector(&r->env, look, (enum dkim_algorithm)a, err);
	if (rc == CR_OK && look->n_refused > 0)
		rc = err_set(err, CR_EREFUSED, "%s: %s", look->steps[0].step, look->steps[0].detail);
	return rc;
}

static int
rotate_states(struct run *r, struct err *err)
{
	struct plan look = {.domain = r->plans[0].domain};
	const struct mail_host *h = r->plans[0].domain->host;
	struct keys keys = {0};
	int rc;

	if ((h->driver->caps & MAILHOST_CAP_DKIM_OURS) == 0)
		return err_set(err, CR_EREFUSED, "the mail host %s (%s) makes keys of its own: they are rotated there",
		               h->name, h->driver->name);
	rc = keys_load(r->env.db, NULL, r->plans[0].domain->name, &keys, err);
	if (rc == CR_OK && keys.n == 0)
		rc = err_set(err, CR_ENOTFOUND, "%s has no keys yet: provision it first", r->plans[0].domain->name);
	if (rc == CR_OK)
		rc = choose_selectors(r, &keys, &look, err);
	if (rc == CR_OK)
		rc = db_begin(r->env.db, err);
	if (rc != CR_OK)
		goto out;
	for (int a = 0; rc == CR_OK && a < DKIM_ALGORITHM__COUNT; a++)
		rc = rotate_one(r, &keys, look.new_selector[a], (enum dkim_algorithm)a, err);
	rc = db_end(r->env.db, rc, err);
out:
	plan_release(&look);
	keys_release(&keys);
	return rc;
}

/* Only a domain that the gate knows has keys to rotate: what follows would provision any other one. */
static int
check_stands(struct run *r, struct err *err)
{
	const char *domain = r->plans[0].domain->name;
	struct domain_row row = {0};
	int rc = domain_find(r->env.db, domain, &row, err);

	if (rc == CR_ENOTFOUND || (rc == CR_OK && (row.state == DOMAIN_PLANNED || row.state == DOMAIN_PROVISIONING)))
		return err_set(err, CR_ENOTFOUND, "%s is not provisioned yet: run `coldrelay provision %s`", domain,
		               r->tenant->primary);
	if (rc == CR_OK && row.state != DOMAIN_WARMING && row.state != DOMAIN_ACTIVE && row.state != DOMAIN_FROZEN)
		return err_set(err, CR_EREFUSED, "%s is %s: its keys are not rotated", domain,
		               domain_state_name(row.state));
	return rc;
}

/* The one plan anew: observed and decided again. */
static int
plan_again(struct run *r, struct err *err)
{
	struct intent_domain *d = r->plans[0].domain;

	plan_release(&r->plans[0]);
	r->plans[0].domain = d;
	return run_plan(r, err);
}

static int
rotate(struct run *r, struct err *err)
{
	struct report_count c;
	bool unfinished;
	int rc = run_store(r, true, err);

	if (rc == CR_OK)
		rc = run_lock(r, "keys rotate", err);
	if (rc == CR_OK)
		rc = check_stands(r, err);
	if (rc == CR_OK && !opt_yes)
		rc = term_confirm("Take the next step of the key rotation", err);
	if (rc == CR_OK)
		rc = run_plan(r, err);
	/* What stands in the way would keep a new key out of the zone, and the next step would sign with it. */
	if (rc == CR_OK && (r->plans[0].rc != CR_OK || r->plans[0].n_refused > 0))
		return run_report(r, true, &c, err);
	/* A run cut off between the store and the zone made a key that nobody can see: it is published first, and signs later. */
	unfinished = rc == CR_OK && plan_to_apply(&r->plans[0]);
	if (rc == CR_OK && !unfinished)
		rc = rotate_states(r, err);
	if (rc == CR_OK && !unfinished)
		rc = plan_again(r, err);
	if (rc == CR_OK)
		rc = run_apply(r, err);
	if (rc == CR_OK)
		rc = run_report(r, true, &c, err);
	if (rc == CR_OK && unfinished)
		rc = err_set(err, CR_ERETRY,
		             "%s: what an earlier run left open is done now; the rotation goes on with the next run, a "
		             "TTL later",
		             r->plans[0].domain->name);
	return rc;
}

int
cmd_keys(struct session *s, int argc, char **argv, struct err *err)
{
	static const char *const verbs[] = {"list", "rotate", "export"};
	static int (*const runs[])(struct run *, struct err *) = {list, rotate, export};
	const char **operands = NULL;
	struct run r = {0};
	size_t n = 0, verb = 0;
	int rc;

	rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 2, 2, "keys list | rotate | export DOMAIN", &operands,
	                       &n, err);
	while (rc == CR_OK && verb < ARRAY_LEN(verbs) && strcmp(operands[0], verbs[verb]) != 0)
		verb++;
	if (rc == CR_OK && verb == ARRAY_LEN(verbs))
		rc = err_set(err, CR_EUSAGE, "keys: '%s' is none of list, rotate, export", operands[0]);
	if (rc == CR_OK)
		rc = run_open_domain(s, operands[1], runs[verb] == rotate ? INTENT_PROVIDERS : INTENT_FACTS, &r, err);
	if (rc == CR_OK)
		rc = runs[verb](&r, err);
	run_release(&r);
	free(operands);
	return rc;
}
