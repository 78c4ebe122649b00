/*
 * verify_auth.c - DKIM and DMARC of one domain, as its receivers will read them.
 *
 * Sources: RFC 6376 s3.6, RFC 9989.  A parked name sends nothing, and its records say that.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/dkim_check.h"
#include "dns/dmarc_check.h"
#include "provision/verify_inside.h"

/* ---- DKIM ---- */

static int
check_key(struct lookup *l, struct verify_subject *s, const char *selector, const struct dkim_public *ours,
          struct err *err)
{
	char name[600], about[600];
	const struct verify_check c = {.group = VERIFY_DKIM, .id = "dkim", .name = name, .about = about};
	struct findings f = {0};
	struct dkim_key key;
	int rc;

	(void)snprintf(about, sizeof(about), "%.255s._domainkey.%s", selector, s->domain);
	(void)snprintf(name, sizeof(name), "DKIM key %.255s of %s", selector, s->domain);
	(void)lookup_met(l);
	rc = dkim_key_check(l, selector, s->domain, ours, &key, &f, err);
	if (rc == CR_OK)
		rc = verify_add_checked(l, s, &c, &f, err);
	findings_release(&f);
	return rc;
}

/* A mail host that makes its own keys names them in its records. */
static int
check_named_in_records(struct lookup *l, struct verify_subject *s, size_t *n, struct err *err)
{
	const struct tmpl_records *all = s->plan != NULL ? &s->plan->want.records : NULL;
	int rc = CR_OK;

	for (size_t i = 0; all != NULL && rc == CR_OK && i < all->n; i++) {
		const struct record *r = &all->items[i].record;
		const char *at = strstr(r->owner, "._domainkey.");
		char selector[256];

		if (at == NULL || r->type != RECORD_CNAME || (size_t)(at - r->owner) >= sizeof(selector))
			continue;
		memcpy(selector, r->owner, (size_t)(at - r->owner));
		selector[at - r->owner] = '\0';
		++*n;
		rc = check_key(l, s, selector, NULL, err);
	}
	return rc;
}

int
verify_dkim(struct lookup *l, struct verify_subject *s, struct err *err)
{
	const struct keys *keys = s->plan != NULL ? &s->plan->keys : NULL;
	size_t n = 0;
	int rc = CR_OK;

	if (s->parked)
		return CR_OK;
	for (size_t i = 0; keys != NULL && rc == CR_OK && i < keys->n; i++, n++)
		rc = check_key(l, s, keys->items[i].selector, &keys->items[i].public, err);
	if (rc == CR_OK)
		rc = check_named_in_records(l, s, &n, err);
	for (size_t i = 0; rc == CR_OK && i < s->n_selectors; i++, n++)
		rc = check_key(l, s, s->selectors[i], NULL, err);
	if (rc == CR_OK && n == 0)
		rc = verify_add(&s->report,
		                &(struct verify_line){
					.group = VERIFY_DKIM,
					.topic = VERIFY_DKIM,
					.status = VERIFY_NOTE,
					.id = "dkim-no-selector",
					.name = s->domain,
					.text = (char[]){"no DKIM key was looked at: none is known, give --selector"}},
		                err);
	return rc;
}

/* ---- DMARC ---- */

/* A name that sends nothing needs no reports. */
static void
drop_reports(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->items[i].id, "dmarc-rua-missing") == 0)
			f->items[i].level = FINDING_NOTE;
	}
}

int
verify_dmarc(struct lookup *l, struct verify_subject *s, struct err *err)
{
	struct verify_check c = {.group = VERIFY_DMARC, .id = "dmarc", .outside = true};
	struct dmarc_policy_found found;
	struct findings f = {0};
	char name[300];
	int rc = dmarc_domain_check(l, s->domain, &found, &f, err);

	(void)snprintf(name, sizeof(name), "DMARC of %s", s->domain);
	c.name = name;
	if (s->parked)
		drop_reports(&f);
	if (rc == CR_OK)
		rc = verify_add_checked(l, s, &c, &f, err);
	findings_release(&f);
	return rc;
}
