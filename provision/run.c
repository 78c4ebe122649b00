/*
 * run.c - opening, locking, planning and applying over a tenant's domains.
 */
#include "provision/run.h"

#include <stdlib.h>
#include <string.h>

#include "core/db_path.h"
#include "core/log.h"
#include "core/term.h"
#include "provision/pool.h"

void
run_release(struct run *r)
{
	for (size_t i = 0; i < r->n; i++)
		plan_release(&r->plans[i]);
	free(r->plans);
	lock_drop(&r->lock);
	intent_release(&r->intent);
	*r = (struct run){0};
}

static int
open_intent(struct session *s, struct run *out, struct err *err)
{
	*out = (struct run){.session = s, .need = INTENT_PROVIDERS};
	return intent_read(s, &out->intent, err);
}

int
run_open(struct session *s, const char *primary, struct run *out, struct err *err)
{
	int rc = open_intent(s, out, err);

	if (rc == CR_OK)
		rc = intent_tenant_find(&out->intent, primary, &out->tenant, err);
	return rc;
}

int
run_add(struct run *r, const char *domain, struct err *err)
{
	struct intent_domain *d = NULL;
	struct plan *grown;
	int rc = intent_domain_find(&r->intent, r->tenant, domain, &d, err);

	if (rc != CR_OK)
		return rc;
	for (size_t i = 0; i < r->n; i++)
		if (r->plans[i].domain == d)
			return CR_OK;
	rc = intent_open(r->session, &r->intent, d, r->need, err);
	if (rc != CR_OK)
		return rc;
	grown = realloc(r->plans, (r->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "plan");
	r->plans = grown;
	r->plans[r->n++] = (struct plan){.domain = d};
	return CR_OK;
}

int
run_add_all(struct run *r, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < r->tenant->n_domains; i++)
		rc = intent_guard_primary(&r->intent, r->tenant->domains[i].name, err);
	for (size_t i = 0; rc == CR_OK && i < r->tenant->n_domains; i++)
		rc = run_add(r, r->tenant->domains[i].name, err);
	if (rc == CR_OK && r->n == 0)
		return err_set(err, CR_EUSAGE, "tenant %s has no domains in the configuration", r->tenant->primary);
	return rc;
}

int
run_open_domain(struct session *s, const char *domain, enum intent_need need, struct run *out, struct err *err)
{
	struct intent_domain *d;
	struct name name;
	int rc = open_intent(s, out, err);

	if (rc != CR_OK)
		return rc;
	if (name_parse_host(domain, &name, err) != CR_OK)
		return err_set(err, CR_EUSAGE, "'%s' is no domain name", domain);
	rc = intent_guard_primary(&out->intent, name.text, err);
	if (rc != CR_OK)
		return rc;
	d = intent_domain_anywhere(&out->intent, name.text);
	if (d == NULL)
		return err_set(err, CR_ENOTFOUND,
		               "%s is no outreach domain of this configuration, which has to name its providers",
		               name.text);
	out->need = need;
	out->tenant = d->tenant;
	return run_add(out, d->name, err);
}

int
run_store(struct run *r, bool writes, struct err *err)
{
	struct session *s = r->session;
	struct err why = {0};
	int rc;

	r->template_dirs[0] = s->settings.templates;
	r->env = (struct plan_env){.session = s, .intent = &r->intent, .template_dirs = r->template_dirs};
	if (writes) {
		rc = session_store(s, DB_CREATE, err);
	} else {
		rc = session_store(s, DB_READ, &why);
		/* No store or no key yet: nothing was ever made here, and a dry run makes nothing. */
		if (rc == CR_ENOTFOUND || (rc == CR_ESTORE && s->vault == NULL && !session_has_store(s)))
			return CR_OK;
		if (rc != CR_OK && err != NULL)
			*err = why;
	}
	if (rc == CR_OK) {
		r->env.db = s->db;
		r->env.vault = s->vault;
	}
	return rc;
}

int
run_lock(struct run *r, const char *what, struct err *err)
{
	const struct settings *at = &r->session->settings;
	struct buf path = {0};
	int rc;

	/* Beside the file.  A server has no such place: runs of one tenant belong on one machine, where the key file is. */
	buf_addf(&path, "%s.run.%s", db_path_is_server(at->store) ? at->key_file : at->store, r->tenant->primary);
	rc = buf_check(&path, "lock file", err);
	if (rc == CR_OK)
		rc = lock_open(buf_str(&path), &r->lock, err);
	if (rc == CR_OK)
		rc = lock_take(r->lock, r->session->clock, r->session->settings.lock_wait_s * 1000, what, err);
	buf_release(&path);
	return rc == CR_OK ? CR_OK : err_wrap(err, "tenant %s", r->tenant->primary);
}

static void
plan_one(void *arg, size_t i)
{
	struct run *r = arg;

	plan_make(&r->env, &r->plans[i]);
}

int
run_plan(struct run *r, struct err *err)
{
	return pool_each(r->n, (size_t)r->session->settings.parallel, plan_one, r, err);
}

struct applying {
	struct run *run;
	struct apply apply;
	struct term_progress *progress;
};

static void
apply_one(void *arg, size_t i)
{
	struct applying *a = arg;
	struct plan *p = &a->run->plans[i];

	if (!plan_to_apply(p))
		return;
	apply_plan(&a->apply, p);
	term_progress_step(a->progress, p->domain->name);
}

int
run_apply(struct run *r, struct err *err)
{
	struct applying a = {
		.run = r, .apply = {.env = r->env, .tenant = r->tenant->primary}
        };
	size_t keys = 0, n = 0;
	int rc;

	for (size_t i = 0; i < r->n; i++) {
		if (!plan_to_apply(&r->plans[i]))
			continue;
		n++;
		keys += r->plans[i].key_make ? 1 : 0;
	}
	if (n == 0)
		return CR_OK;
	rc = apply_begin(&a.apply, r->plans, r->n, err);
	if (rc == CR_OK && keys > 0)
		rc = keypool_open(DKIM_RSA, keys, 0, &a.apply.rsa, err);
	if (rc == CR_OK)
		rc = term_progress_open("provisioning", n, &a.progress, err);
	if (rc == CR_OK)
		rc = pool_each(r->n, (size_t)r->session->settings.parallel, apply_one, &a, err);
	term_progress_drop(&a.progress);
	keypool_drop(&a.apply.rsa);
	return rc;
}

/* The first failure in words, so that the last line says more than a number. */
static const char *
first_failure(const struct run *r, int *code_out)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->plans[i].rc != CR_OK) {
			*code_out = r->plans[i].rc;
			return r->plans[i].err.text;
		}
	*code_out = CR_ERETRY;
	return "";
}

int
run_report(struct run *r, bool applied, struct report_count *count_out, struct err *err)
{
	struct expect expected[EXPECT_MAX];
	struct report_count c = {0};
	size_t n;
	int rc = CR_OK, code;

	for (size_t i = 0; rc == CR_OK && i < r->n; i++) {
		const size_t bad = c.failed + c.refused;

		report_add(&c, &r->plans[i]);
		/* People have seen the plan already: after it was done they are told what went wrong, and that the rest is done. */
		if (!applied || r->session->json || c.failed + c.refused > bad)
			rc = report_plan(r->session, &r->plans[i], err);
		else
			report_done(r->session, &r->plans[i]);
	}
	n = applied ? 0 : expect_of(r->plans, r->n, expected);
	if (rc == CR_OK)
		rc = report_summary(r->session, &c, applied, expected, n, err);
	*count_out = c;
	if (rc != CR_OK)
		return rc;
	if (c.failed > 0) {
		const char *text = first_failure(r, &code);

		/* Credentials, refusals and conflicts are for the operator to mend; anything else goes on when run again. */
		if (code != CR_EAUTH && code != CR_EREFUSED && code != CR_ECONFLICT && code != CR_ECONFIG)
			code = CR_ERETRY;
		return err_set(err, code, "%s", text);
	}
	if (c.refused > 0)
		return err_set(err, CR_EREFUSED, "%zu step%s refused", c.refused, c.refused == 1 ? " was" : "s were");
	return CR_OK;
}
