/*
 * verify_after.c - after the last step of a run: all domains that it did, side by side, at their own servers.
 */
#include "provision/verify_after.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "provision/verify.h"

/* A run that changed nothing of a domain has nothing new to show. */
static bool
is_done(const struct plan *p)
{
	return p->rc == CR_OK && p->n_refused == 0 && p->n_changes > 0;
}

static int
look_at(struct run *r, const struct verify_servers *servers, struct plan *plans, struct verify_subject *subjects,
        size_t n, struct err *err)
{
	struct lookup_job *jobs = calloc(n, sizeof(*jobs));
	struct lookup *l = NULL;
	int rc = jobs == NULL ? err_nomem(err, "domains") : CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct verify_subject *s = &subjects[i];

		rc = plan_intend(&r->env, &plans[i], err);
		buf_copy_text(s->domain, sizeof(s->domain), plans[i].domain->name);
		s->plan = &plans[i];
		s->at_server = s->reverse_at_server = s->records_only = true;
		jobs[i] = (struct lookup_job){.run = verify_subject_check, .arg = s};
	}
	if (rc == CR_OK)
		rc = verify_lookup_open(r->session, &r->intent, servers, &l, err);
	if (rc == CR_OK)
		rc = lookup_settle(l, jobs, n, NULL, NULL, err);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = jobs[i].rc;
		if (rc != CR_OK)
			*err = jobs[i].err;
	}
	lookup_drop(&l);
	free(jobs);
	return rc;
}

/* The first line that is not well says what to look for; all of them are what the command is for. */
static void
tell(const struct verify_subject *s)
{
	const struct verify_report *r = &s->report;

	for (size_t i = 0; i < r->n; i++) {
		if (r->items[i].status < VERIFY_UNKNOWN)
			continue;
		log_warn("%s: done, and not seen yet at its server: %s; see coldrelay verify %s --wait 1h", s->domain,
		         r->items[i].text, s->domain);
		return;
	}
	log_info("%s: published, as its server says", s->domain);
}

/* Nobody at hand could be asked: who wants to know has to wait for the name servers. */
static void
advise(size_t others, const char *one)
{
	if (others == 1)
		log_info("once its name servers have it: coldrelay verify %s --wait 1h", one);
	else if (others > 1)
		log_info("once the name servers have the %zu domains: coldrelay verify --all --wait 1h", others);
}

int
verify_after(struct run *r, struct err *err)
{
	const struct verify_servers servers = {.at_hand = true};
	struct verify_subject *subjects = calloc(r->n + 1, sizeof(*subjects));
	struct plan *plans = calloc(r->n + 1, sizeof(*plans));
	const char *other = NULL;
	size_t n = 0, others = 0;
	int rc = subjects == NULL || plans == NULL ? err_nomem(err, "domains") : CR_OK;

	for (size_t i = 0; rc == CR_OK && i < r->n; i++) {
		const struct plan *p = &r->plans[i];

		if (!is_done(p))
			continue;
		if (intent_check_server(&r->intent, p->domain->zone) != NULL) {
			plans[n++].domain = p->domain;
		} else {
			other = p->domain->name;
			others++;
		}
	}
	if (rc == CR_OK && n > 0)
		rc = look_at(r, &servers, plans, subjects, n, err);
	for (size_t i = 0; i < n; i++) {
		if (rc == CR_OK)
			tell(&subjects[i]);
		verify_subject_release(&subjects[i]);
		plan_release(&plans[i]);
	}
	if (rc == CR_OK)
		advise(others, other);
	free(subjects);
	free(plans);
	return rc;
}
