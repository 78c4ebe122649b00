/*
 * transport.c - what a domain publishes so that mail to it travels encrypted.
 *
 * RFC 8461 (MTA-STS), RFC 8460 (TLS-RPT), RFC 7672 s3.1.3 and s2.2 (DANE: usages 2 and 3, and only where DNSSEC is validated).  None of it
 * is owed: only what is published is judged.
 */
#include "dns/transport.h"

#include <stdio.h>
#include <string.h>

#include "dns/mta_sts.h"

struct run {
	struct lookup *l;
	const char *domain;
	const struct mx *mx;
	const char *policy; /* may be NULL */
	struct findings *findings;
};

/* The records of one kind at a name below the domain; *n_out of them, the first in *first_out. */
static int
find_records(struct run *r, const char *label, bool (*is_one)(const char *txt), const char *unknown_id,
             const char **first_out, size_t *n_out, struct err *err)
{
	const struct lookup_answer *a;
	struct name name;
	int rc = name_under(label, r->domain, &name, NULL);

	*n_out = 0;
	*first_out = NULL;
	/* A domain so long that the name does not fit publishes nothing there. */
	if (rc != CR_OK)
		return CR_OK;
	a = lookup_ask(r->l, name.text, RECORD_TXT);
	if (lookup_is_trouble(a))
		return findings_add(r->findings, FINDING_UNKNOWN, unknown_id, NULL, err, "TXT of %s: %s", name.text,
		                    a->why);
	for (size_t i = 0; a->state == LOOKUP_FOUND && i < a->records.n; i++) {
		const char *text = record_text(&a->records.items[i]);

		/* A NUL ends it for whoever reads C strings: not our kind then. */
		if (strlen(text) != a->records.items[i].data_len || !is_one(text))
			continue;
		if (*n_out == 0)
			*first_out = text;
		(*n_out)++;
	}
	return CR_OK;
}

static int
check_hosts(struct run *r, const struct mta_sts_policy *p, struct err *err)
{
	bool enforce = p->mode == MTA_STS_ENFORCE;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && r->mx != NULL && p->mode != MTA_STS_NONE && i < r->mx->n; i++) {
		char fix[300];

		if (mta_sts_allows(p, r->mx->hosts[i].name))
			continue;
		(void)snprintf(fix, sizeof(fix), "mx: %s", r->mx->hosts[i].name);
		rc = findings_add(r->findings, enforce ? FINDING_FAIL : FINDING_WARN, "mta-sts-mx", fix, err,
		                  "mail host %s is not in the MTA-STS policy (mode %s): senders %s",
		                  r->mx->hosts[i].name, mta_sts_mode_name(p->mode),
		                  enforce ? "do not deliver to it" : "report it");
	}
	return rc;
}

static int
check_policy(struct run *r, struct err *err)
{
	struct mta_sts_policy p;
	struct err why = {0};
	int rc;

	if (mta_sts_policy_parse(r->policy, strnlen(r->policy, MTA_STS_POLICY_BYTES + 1), &p, &why) != CR_OK)
		return findings_add(r->findings, FINDING_FAIL, "mta-sts-policy", NULL, err, "MTA-STS policy of %s: %s",
		                    r->domain, why.text);
	rc = check_hosts(r, &p, err);
	if (rc == CR_OK && p.max_age_s < 86400)
		rc = findings_add(r->findings, FINDING_WARN, "mta-sts-max-age", "max_age: 604800", err,
		                  "MTA-STS policy of %s is forgotten after %lld s; weeks are usual (RFC 8461 3.2)",
		                  r->domain, (long long)p.max_age_s);
	if (rc == CR_OK)
		rc = findings_add(r->findings, FINDING_NOTE, "mta-sts-mode", NULL, err, "MTA-STS policy of %s: mode %s",
		                  r->domain, mta_sts_mode_name(p.mode));
	return rc;
}

static int
check_mta_sts(struct run *r, struct err *err)
{
	struct mta_sts_record record;
	struct err why = {0};
	const char *text;
	size_t n;
	int rc = find_records(r, "_mta-sts", mta_sts_is_record, "mta-sts-unknown", &text, &n, err);

	if (rc != CR_OK || n == 0)
		return rc;
	if (n > 1)
		return findings_add(r->findings, FINDING_FAIL, "mta-sts-two-records", NULL, err,
		                    "_mta-sts.%s has %zu records: senders take none (RFC 8461 3.1)", r->domain, n);
	if (mta_sts_parse(text, &record, &why) != CR_OK)
		return findings_add(r->findings, FINDING_FAIL, "mta-sts-record", NULL, err, "MTA-STS record of %s: %s",
		                    r->domain, why.text);
	if (r->policy == NULL)
		return findings_add(r->findings, FINDING_NOTE, "mta-sts-published", NULL, err,
		                    "MTA-STS is published for %s (id %s); its policy was not read", r->domain,
		                    record.id);
	return check_policy(r, err);
}

static int
check_tls_rpt(struct run *r, struct err *err)
{
	struct err why = {0};
	struct tls_rpt rpt;
	const char *text;
	size_t n;
	int rc = find_records(r, "_smtp._tls", tls_rpt_is_record, "tls-rpt-unknown", &text, &n, err);

	if (rc != CR_OK || n == 0)
		return rc;
	if (n > 1)
		return findings_add(r->findings, FINDING_FAIL, "tls-rpt-two-records", NULL, err,
		                    "_smtp._tls.%s has %zu records: senders take none (RFC 8460 3)", r->domain, n);
	if (tls_rpt_parse(text, &rpt, &why) != CR_OK)
		return findings_add(r->findings, FINDING_FAIL, "tls-rpt-record", NULL, err, "TLS-RPT record of %s %s",
		                    r->domain, why.text);
	return findings_add(r->findings, FINDING_NOTE, "tls-rpt-published", NULL, err,
	                    "TLS-RPT reports of %s go to %.*s", r->domain,
	                    (int)(rpt.rua[0].len < 200 ? rpt.rua[0].len : 200), rpt.rua[0].at);
}

/* usage, selector, matching: 3 x y and 2 x y are what mail uses (RFC 7672 s3.1). */
static bool
is_usable(const struct record *tlsa)
{
	return tlsa->data_len > 3 && (tlsa->data[0] == 2 || tlsa->data[0] == 3);
}

static int
check_dane(struct run *r, const char *host, struct err *err)
{
	const struct lookup_answer *a;
	struct name name;
	size_t usable = 0;

	if (name_under("_25._tcp", host, &name, NULL) != CR_OK)
		return CR_OK;
	a = lookup_ask(r->l, name.text, RECORD_TLSA);
	/* Nothing is owed here, but a server that fails on TLSA makes senders that use DANE wait (RFC 7672 s2.1). */
	if (lookup_is_trouble(a) && !a->nobody)
		return findings_add(r->findings, FINDING_NOTE, "dane-unknown", NULL, err, "TLSA of mail host %s: %s",
		                    host, a->why);
	if (a->state != LOOKUP_FOUND)
		return CR_OK;
	for (size_t i = 0; i < a->records.n; i++)
		usable += is_usable(&a->records.items[i]);
	if (usable == 0)
		return findings_add(
			r->findings, FINDING_WARN, "dane-usage", NULL, err,
			"TLSA of mail host %s has neither usage 2 nor 3: senders cannot use it (RFC 7672 3.1.3)", host);
	return findings_add(r->findings, FINDING_NOTE, "dane-published", NULL, err,
	                    "DANE for mail host %s: %zu TLSA records, %s", host, a->records.n,
	                    a->authenticated ? "validated" : "not validated by this resolver");
}

int
transport_check(struct lookup *l, const char *domain, const struct mx *mx, const char *policy,
                struct findings *findings, struct err *err)
{
	struct run r = {.l = l, .domain = domain, .mx = mx, .policy = policy, .findings = findings};
	int rc = check_mta_sts(&r, err);

	if (rc == CR_OK)
		rc = check_tls_rpt(&r, err);
	for (size_t i = 0; rc == CR_OK && mx != NULL && i < mx->n && i < MX_HOSTS_MANY; i++)
		rc = check_dane(&r, mx->hosts[i].name, err);
	return rc;
}
