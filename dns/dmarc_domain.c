/*
 * dmarc_domain.c - what verify asks of a sending domain's DMARC, with the record that would put it right.
 *
 * The fix of whatever is wrong in a record is always the whole record as it should stand, at the domain itself: a record of its own
 * settles every doubt about whose policy binds it.
 */
#include "dns/dmarc_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIX_TTL_S 3600

struct domain_check {
	struct lookup *l;
	struct name domain;
	struct dmarc_policy_found *found;
	struct dmarc_teller tell; /* into findings of its own */
};

/* "owner. 3600 IN TXT ..."; nothing where such a record cannot be. */
static void
format_fix(const char *owner, const char *text, struct buf *out)
{
	struct record r = {0};

	if (record_txt(owner, FIX_TTL_S, text, strlen(text), &r, NULL) == CR_OK)
		record_format(&r, out);
	record_release(&r);
}

static enum dmarc_policy
at_least(enum dmarc_policy p, enum dmarc_policy least)
{
	return p > least ? p : least;
}

/* What may stand in a record again, and leads somewhere. */
static bool
is_usable(const char *uri)
{
	char host[DMARC_URI_MAX];
	struct name name;

	if (strpbrk(uri, ",;!") != NULL)
		return false;
	return strncasecmp(uri, "mailto:", 7) != 0 ||
	       (dmarc_uri_host(uri, host, sizeof(host)) && name_parse_host(host, &name, NULL) == CR_OK);
}

/* The policy as it should be, with the addresses that are right. */
static void
improve(const struct dmarc_reading *r, const char *domain, struct dmarc *out)
{
	*out = (struct dmarc){.pct = -1, .adkim_strict = true};
	out->p = r->record.p == DMARC_QUARANTINE ? DMARC_QUARANTINE : DMARC_REJECT;
	out->sp = at_least(r->record.sp, out->p);
	out->np = at_least(r->record.np, out->p);
	if (r->status == DMARC_VALID) {
		out->adkim_strict = r->record.adkim_strict;
		out->aspf_strict = r->record.aspf_strict;
	}
	for (size_t i = 0; i < r->record.n_rua; i++) {
		if (is_usable(r->record.rua[i]))
			memcpy(out->rua[out->n_rua++], r->record.rua[i], DMARC_URI_MAX);
	}
	/* RFC 5321 s4.5.1: a domain with mail has a postmaster. */
	if (out->n_rua == 0)
		(void)snprintf(out->rua[out->n_rua++], DMARC_URI_MAX, "mailto:postmaster@%.253s", domain);
}

/* Of two records at one name, the first one is improved. */
static void
first_reading(struct domain_check *c, struct dmarc_reading *out)
{
	const struct lookup_answer *a = dmarc_ask(c->l, c->domain.text);
	const char *text = "";

	for (size_t i = 0; a != NULL && a->state == LOOKUP_FOUND && i < a->records.n; i++) {
		if (text[0] == '\0' && dmarc_starts_record(record_text(&a->records.items[i])))
			text = record_text(&a->records.items[i]);
	}
	/* Nobody listens, so there is nothing to fail for. */
	if (dmarc_read(&text, 1, out, NULL, NULL) != CR_OK)
		out->status = DMARC_NO_RECORD;
}

static void
own_fix(struct domain_check *c, struct buf *out)
{
	struct dmarc_reading reading = c->found->reading;
	struct buf text = {0};
	struct dmarc better;
	char owner[NAME_TEXT_MAX + 8];

	if (c->found->status != DMARC_VALID)
		first_reading(c, &reading);
	improve(&reading, c->domain.text, &better);
	(void)snprintf(owner, sizeof(owner), "_dmarc.%s", c->domain.text);
	if (dmarc_format(&better, &text, NULL) == CR_OK) {
		for (size_t i = 0; i < reading.n_ruf; i++)
			buf_addf(&text, "%s%s", i == 0 ? "; ruf=" : ",", reading.ruf[i]);
		if (reading.n_ruf > 0 && strcmp(reading.fo, "0") != 0)
			buf_addf(&text, "; fo=%s", reading.fo);
		if (reading.psd == 'n')
			buf_adds(&text, "; psd=n");
		format_fix(owner, buf_str(&text), out);
	}
	buf_release(&text);
}

static bool
holds_record(const struct lookup_answer *a)
{
	for (size_t i = 0; a->state == LOOKUP_FOUND && i < a->records.n; i++) {
		if (dmarc_starts_record(record_text(&a->records.items[i])))
			return true;
	}
	return false;
}

/* Where records end up by mistake: at the domain itself, and where a form has put the domain behind a name that already had it. */
static const char *
misplaced(struct domain_check *c, struct name *doubled)
{
	char text[2 * NAME_TEXT_MAX + 16];

	if (holds_record(lookup_ask(c->l, c->domain.text, RECORD_TXT)))
		return c->domain.text;
	(void)snprintf(text, sizeof(text), "_dmarc.%s.%s", c->domain.text, c->domain.text);
	if (name_parse(text, doubled, NULL) == CR_OK && holds_record(lookup_ask(c->l, doubled->text, RECORD_TXT)))
		return doubled->text;
	return NULL;
}

static void
tell_missing(struct domain_check *c)
{
	struct name doubled;
	const char *at = misplaced(c, &doubled);

	if (at != NULL)
		DMARC_TELL(&c->tell, FINDING_FAIL, "dmarc-misplaced", NULL,
		           "the DMARC record stands at %s, where nobody looks for it, not at _dmarc.%s", at,
		           c->domain.text);
	else
		DMARC_TELL(&c->tell, FINDING_FAIL, "dmarc-missing", NULL, "no DMARC record binds %s", c->domain.text);
	if (c->tell.rc == CR_OK)
		findings_absent(c->tell.findings);
}

enum takes_mail { TAKES_MAIL, TAKES_NONE, TAKES_UNKNOWN };

static enum takes_mail
takes_mail(struct lookup *l, const char *host, const char **why_out)
{
	static const uint16_t addresses[] = {RECORD_A, RECORD_AAAA};
	const struct lookup_answer *a = lookup_ask(l, host, RECORD_MX);
	struct name target;

	*why_out = a->why;
	if (a->state == LOOKUP_PENDING || lookup_is_trouble(a))
		return TAKES_UNKNOWN;
	if (a->state == LOOKUP_FOUND) {
		*why_out = "its MX says that it takes no mail (RFC 7505)";
		return record_target(&a->records.items[0], &target) && target.text[0] == '\0' ? TAKES_NONE : TAKES_MAIL;
	}
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		a = lookup_ask(l, host, addresses[i]);
		*why_out = a->why;
		if (a->state == LOOKUP_PENDING || lookup_is_trouble(a))
			return TAKES_UNKNOWN;
		if (a->state == LOOKUP_FOUND)
			return TAKES_MAIL;
	}
	*why_out = a->state == LOOKUP_NONAME ? "the name does not exist" : "it has neither MX nor address";
	return TAKES_NONE;
}

/* The MX of the domain itself is a check of its own. */
static void
tell_report_host(struct domain_check *c, const char *uri, const char *host, enum finding_level level)
{
	enum takes_mail takes;
	const char *why;

	if (strncasecmp(uri, "mailto:", 7) != 0 || name_equal(host, c->domain.text))
		return;
	takes = takes_mail(c->l, host, &why);
	if (takes == TAKES_NONE)
		DMARC_TELL(&c->tell, level, "dmarc-report-mx", NULL, "reports to %s get lost: %s", uri, why);
	else if (takes == TAKES_UNKNOWN)
		DMARC_TELL(&c->tell, FINDING_UNKNOWN, "dmarc-report-unknown", NULL,
		           "whether %s takes reports could not be found out: %s", host, why);
}

static void
tell_not_authorised(struct domain_check *c, const char *uri, const char *host, const char *query,
                    enum finding_level level)
{
	struct buf fix = {0};

	if (query[0] != '\0')
		format_fix(query, "v=DMARC1", &fix);
	DMARC_TELL(&c->tell, level, "dmarc-report-missing", fix.len > 0 ? buf_str(&fix) : NULL,
	           "receivers send no reports to %s: %s does not say that it takes those about %s (RFC 9990 s4)", uri,
	           host, c->found->policy_domain);
	if (c->tell.rc == CR_OK)
		findings_absent(c->tell.findings);
	buf_release(&fix);
}

static void
tell_report(struct domain_check *c, const char *uri, enum finding_level level)
{
	char host_text[NAME_TEXT_MAX], query[NAME_TEXT_MAX], override[DMARC_URI_MAX];
	enum dmarc_report allowed;
	struct name host;

	if (c->tell.rc != CR_OK)
		return;
	c->tell.rc = dmarc_report_allowed(c->l, c->found->policy_domain, uri, &allowed, query, override, c->tell.err);
	if (c->tell.rc != CR_OK)
		return;
	if (allowed == DMARC_REPORT_INVALID || !dmarc_uri_host(uri, host_text, sizeof(host_text)) ||
	    name_parse(host_text, &host, NULL) != CR_OK) {
		/* That reports go by mail alone has been said when the record was read. */
		if (strncasecmp(uri, "mailto:", 7) == 0)
			DMARC_TELL(&c->tell, level, "dmarc-rua", NULL, "reports to %s get lost: its host is no domain",
			           uri);
		return;
	}
	if (allowed == DMARC_REPORT_MISSING)
		tell_not_authorised(c, uri, host.text, query, level);
	else if (allowed == DMARC_REPORT_TEMPERROR)
		DMARC_TELL(&c->tell, FINDING_UNKNOWN, "dmarc-report-unknown", NULL,
		           "whether %s takes reports could not be found out", host.text);
	else
		tell_report_host(c, uri, host.text, level);
}

/* Several addresses at one host have one answer. */
static bool
host_seen(char uris[][DMARC_URI_MAX], size_t i)
{
	char here[DMARC_URI_MAX], before[DMARC_URI_MAX];

	if (!dmarc_uri_host(uris[i], here, sizeof(here)))
		return false;
	for (size_t k = 0; k < i; k++) {
		if (dmarc_uri_host(uris[k], before, sizeof(before)) && strcmp(here, before) == 0)
			return true;
	}
	return false;
}

/* Failure reports are sent by few: what is lost there is worth a note. */
static void
tell_reports(struct domain_check *c)
{
	struct dmarc_reading *r = &c->found->reading;

	for (size_t i = 0; i < r->record.n_rua; i++) {
		if (!host_seen(r->record.rua, i))
			tell_report(c, r->record.rua[i], FINDING_WARN);
	}
	for (size_t i = 0; i < r->n_ruf; i++) {
		if (!host_seen(r->ruf, i))
			tell_report(c, r->ruf[i], FINDING_NOTE);
	}
	if (r->record.n_rua == 0 && findings_find(c->tell.findings, "dmarc-rua") == NULL)
		DMARC_TELL(&c->tell, FINDING_WARN, "dmarc-rua-missing", NULL,
		           "no rua: nobody learns who sends in the domain's name, nor what receivers refuse");
}

/* What a parent says of its other subdomains is not this domain's business. */
static void
drop_weaker(struct findings *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct finding *item = &f->items[i];

		if (item->level == FINDING_WARN &&
		    (strcmp(item->id, "dmarc-sp") == 0 || strcmp(item->id, "dmarc-np") == 0)) {
			free(item->text);
			free(item->fix);
		} else {
			f->items[kept++] = *item;
		}
	}
	f->n = kept;
}

static void
tell_policy(struct domain_check *c)
{
	const struct dmarc_policy_found *f = c->found;

	if (!name_equal(f->policy_domain, c->domain.text)) {
		drop_weaker(c->tell.findings);
		DMARC_TELL(&c->tell, FINDING_NOTE, "dmarc-inherited", NULL,
		           "%s has no record of its own: that of %s applies, as %s", c->domain.text, f->policy_domain,
		           dmarc_policy_name(f->policy));
	}
	/* Where the record is broken that has been said, and this is what comes of it. */
	if (f->policy == DMARC_NONE && findings_count(c->tell.findings, FINDING_FAIL) == 0)
		DMARC_TELL(&c->tell, FINDING_FAIL, "dmarc-none", NULL,
		           "the policy is none: whoever forges the domain is not stopped");
	tell_reports(c);
}

static int
give_fixes(struct domain_check *c)
{
	struct findings *f = c->tell.findings;
	struct buf fix = {0};
	int rc = CR_OK;

	own_fix(c, &fix);
	for (size_t i = 0; rc == CR_OK && fix.len > 0 && i < f->n; i++) {
		struct finding *item = &f->items[i];

		if (item->fix != NULL || strncmp(item->id, "dmarc-report-", 13) == 0 ||
		    (item->level != FINDING_WARN && item->level != FINDING_FAIL))
			continue;
		item->fix = strdup(buf_str(&fix));
		if (item->fix == NULL)
			rc = err_nomem(c->tell.err, "dmarc");
	}
	buf_release(&fix);
	return rc;
}

int
dmarc_domain_check(struct lookup *l, const char *domain, struct dmarc_policy_found *out, struct findings *findings,
                   struct err *err)
{
	struct findings own = {0};
	struct domain_check c = {
		.l = l, .found = out, .tell = {.findings = &own, .err = err}
        };

	c.tell.rc = dmarc_discover(l, domain, out, &own, err);
	if (c.tell.rc != CR_OK || name_parse(domain, &c.domain, NULL) != CR_OK || c.domain.text[0] == '\0')
		goto out;
	if (out->status == DMARC_VALID)
		tell_policy(&c);
	else if (out->status != DMARC_TEMPERROR && findings_count(&own, FINDING_FAIL) == 0)
		tell_missing(&c);
	if (c.tell.rc == CR_OK)
		c.tell.rc = give_fixes(&c);
	if (c.tell.rc == CR_OK)
		c.tell.rc = findings_move(findings, &own, err);
out:
	findings_release(&own);
	return c.tell.rc;
}
