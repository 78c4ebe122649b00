/*
 * passed_agree.c - what we compute of a received message, and where the receiver says something else.
 *
 * SPF as of the address that its Received field tells, DKIM from the bytes, DMARC from both.  Time has passed since, and mail clients change
 * what they save: each difference is told with both words, and with the likelier reason; a body that was re-encoded contradicts nobody.
 */
#include "dns/passed_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/name.h"
#include "dns/spf_check.h"

bool
passed_domain(const char *value, char out[PASSED_HOST_MAX])
{
	const char *at = strrchr(value, '@');
	char text[PASSED_HOST_MAX];
	struct name n;
	size_t len;

	buf_copy_text(text, sizeof(text), at != NULL ? at + 1 : value);
	len = strcspn(text, "> \t");
	text[len] = '\0';
	/* "none" is what Microsoft writes where there is no domain. */
	if (name_parse_host(text, &n, NULL) != CR_OK || strlen(n.text) >= PASSED_HOST_MAX)
		return false;
	memcpy(out, n.text, strlen(n.text) + 1);
	return true;
}

bool
passed_aligned(struct passed_work *w, const char *domain, bool strict)
{
	const struct dmarc_policy_found *f = &w->judged.found;
	const bool valid = f->status == DMARC_VALID && f->organisational[0] != '\0';
	char organisation[PASSED_HOST_MAX];
	struct name a, b;

	if (domain[0] == '\0' || w->out->from[0] == '\0')
		return false;
	if (name_equal(domain, w->out->from))
		return true;
	if (strict && f->status == DMARC_VALID)
		return false;
	if (valid && dmarc_organisational(w->l, domain, organisation, sizeof(organisation)))
		return name_equal(organisation, f->organisational);
	/* Without a record, or without an answer, the list says what belongs together. */
	name_organisation(domain, &a);
	name_organisation(w->out->from, &b);
	return name_equal(a.text, b.text);
}

/* ---- SPF ---- */

/* Whose address was checked: the receiver's own word first, then the hop with which the message came in. */
static bool
client_ip(const struct passed_work *w, char out[PASSED_IP_MAX])
{
	static const char *const names[] = {"remote-ip", "client-ip"};
	const struct authres_result *r = w->spf.said;
	const char *at;

	for (size_t i = 0; r != NULL && i < ARRAY_LEN(names); i++) {
		const char *ip = authres_prop(r, "smtp", names[i]);

		if (ip != NULL && passed_find_ip((struct span){ip, strlen(ip)}, out))
			return true;
	}
	if (w->trace.came_in && w->trace.hop.ip[0] != '\0') {
		memcpy(out, w->trace.hop.ip, PASSED_IP_MAX);
		return true;
	}
	/* "sender IP is 192.0.2.1", "designates 192.0.2.1 as permitted sender" */
	at = r != NULL ? r->comment : NULL;
	return at != NULL && passed_find_ip((struct span){at, strlen(at)}, out);
}

/* What can be asked; false: too little is known of how it came in. */
static bool
spf_question(const struct passed_work *w, char ip[PASSED_IP_MAX], struct spf_query *out)
{
	const char *helo = w->spf.said != NULL ? authres_prop(w->spf.said, "smtp", "helo") : NULL;

	if (helo == NULL || helo[0] == '\0')
		helo = w->trace.hop.from;
	if (!client_ip(w, ip) || passed_ip_is_private(ip))
		return false;
	*out = (struct spf_query){
		.ip = ip, .sender = w->null_path ? "" : w->sender, .helo = helo, .now_s = w->q->now_s};
	return out->sender[0] != '\0' || (w->null_path && helo[0] != '\0');
}

static int
say_spf(struct passed_work *w, const struct spf_query *q, const struct spf_answer *a, struct err *err)
{
	const char *whose = q->sender[0] != '\0' ? q->sender : q->helo, *why = a->why != NULL ? a->why : "";
	const bool theirs = strcmp(w->spf.word, "pass") == 0;

	/* A receiver that says none of it has been told already. */
	if (w->spf.said == NULL || strcmp(w->own_spf, w->spf.word) == 0)
		return CR_OK;
	if (a->result == SPF_TEMPERROR)
		return findings_add(&w->out->findings, FINDING_UNKNOWN, "message-spf-unchecked", NULL, err,
		                    "the receiver says spf=%s; asking now for %s from %s failed: %s", w->spf.word,
		                    whose, q->ip, why);
	return findings_add(&w->out->findings, theirs ? FINDING_FAIL : FINDING_WARN, "message-spf-disagrees", NULL, err,
	                    "the receiver says spf=%s, the records of now say spf=%s for %s from %s: %s", w->spf.word,
	                    w->own_spf, whose, q->ip, why);
}

int
passed_own_spf(struct passed_work *w, struct err *err)
{
	char ip[PASSED_IP_MAX];
	struct spf_answer a = {0};
	struct spf_query q;
	int rc;

	if (!spf_question(w, ip, &q))
		return CR_OK;
	rc = spf_evaluate(w->l, &q, &a, err);
	if (rc == CR_OK) {
		w->own_spf = spf_result_name(a.result);
		rc = say_spf(w, &q, &a, err);
	}
	spf_answer_release(&a);
	return rc;
}

/* ---- DKIM ---- */

/* The one that a result speaks of, as far as it says. */
static const struct signature *
signature_of(const struct signatures *s, const struct passed_result *r)
{
	const char *selector = authres_prop(r->said, "header", "s"), *algorithm = authres_prop(r->said, "header", "a");

	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->items[i].domain, r->domain) == 0 &&
		    (selector == NULL || strcasecmp(s->items[i].selector, selector) == 0) &&
		    (algorithm == NULL || strcasecmp(s->items[i].algorithm, algorithm) == 0))
			return &s->items[i];
	return NULL;
}

static bool
has_reason(const struct signature *s, const char *word)
{
	return s->reason != NULL && strcmp(s->reason, word) == 0;
}

bool
passed_is_recoded(const struct signature *s)
{
	return has_reason(s, "body-recoded") || has_reason(s, "header-refolded");
}

static const char *
without_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
}

/* The receiver verified what does not verify here. */
static int
say_unverified(struct passed_work *w, const struct signature *s, bool another_agrees, struct err *err)
{
	static const char save[] =
		"save the message as it came (\"Show original\", \"View source\", a file of the mailbox) "
		"and verify that";
	struct findings *f = &w->out->findings;

	if (s->result == SIGNATURE_TEMPERROR)
		return findings_add(f, FINDING_UNKNOWN, "message-dkim-unchecked", NULL, err,
		                    "the receiver says dkim=pass for %s; it could not be verified here: %s", s->domain,
		                    s->why);
	if (has_reason(s, "expired"))
		return findings_add(f, FINDING_NOTE, "message-dkim-expired", NULL, err,
		                    "the signature of %s has expired since the receiver verified it", s->domain);
	/* What mail clients and stores do to a copy: nobody is contradicted. */
	if (passed_is_recoded(s))
		return findings_add(f, FINDING_WARN, "message-recoded", save, err,
		                    "the receiver says dkim=pass for %s; this copy was re-encoded since: %s", s->domain,
		                    s->why);
	if (s->reason != NULL && strncmp(s->reason, "body-", strlen("body-")) == 0)
		return findings_add(f, another_agrees ? FINDING_WARN : FINDING_FAIL, "message-body-differs", save, err,
		                    "the receiver says dkim=pass for %s; in this copy the body hash differs: %s",
		                    s->domain, without_prefix(s->why, "the body hash differs: "));
	return findings_add(f, another_agrees ? FINDING_WARN : FINDING_FAIL, "message-dkim-disagrees", NULL, err,
	                    "the receiver says dkim=pass for %s (selector %s), here it is dkim=%s: %s", s->domain,
	                    s->selector, signature_result_name(s->result), s->why);
}

static int
say_verified(struct passed_work *w, const struct passed_result *r, const struct signature *s, struct err *err)
{
	/* RFC 8463 is not implemented everywhere: expected beside an RSA signature that passes. */
	const bool ed = strncmp(s->algorithm, "ed25519", strlen("ed25519")) == 0;

	return findings_add(
		&w->out->findings, ed ? FINDING_NOTE : FINDING_WARN,
		ed ? "message-dkim-ed25519" : "message-dkim-disagrees", NULL, err,
		ed ? "the receiver says dkim=%s for the ed25519 signature of %s (selector %s), which verifies "
		     "here: many receivers lack that algorithm"
		   : "the receiver says dkim=%s for %s (selector %s), here it is dkim=pass: the key was "
		     "published since, or its resolver has an older answer",
		r->word, s->domain, s->selector);
}

static int
agree_dkim(struct passed_work *w, struct err *err)
{
	const struct signatures *ours = &w->out->signatures;
	bool agreed = false;
	int rc = CR_OK;

	for (size_t i = 0; i < w->n_dkim; i++) {
		const struct signature *s = signature_of(ours, &w->dkim[i]);

		agreed = agreed || (s != NULL && w->dkim[i].aligned && strcmp(w->dkim[i].word, "pass") == 0 &&
		                    s->result == SIGNATURE_PASS);
	}
	for (size_t i = 0; rc == CR_OK && i < w->n_dkim; i++) {
		const struct passed_result *r = &w->dkim[i];
		const struct signature *s = signature_of(ours, r);
		const bool theirs = strcmp(r->word, "pass") == 0;

		if (r->domain[0] == '\0' || (s != NULL && (s->result == SIGNATURE_PASS) == theirs))
			continue;
		if (s != NULL)
			rc = theirs ? say_unverified(w, s, agreed || !r->aligned, err) : say_verified(w, r, s, err);
		else if (theirs)
			rc = findings_add(
				&w->out->findings, FINDING_WARN, "message-dkim-unseen", NULL, err,
				"the receiver says dkim=pass for %s; this copy has no such signature to verify",
				r->domain);
	}
	return rc;
}

/* ---- DMARC ---- */

int
passed_own_dmarc(struct passed_work *w, struct err *err)
{
	const struct signatures *ours = &w->out->signatures;
	struct dmarc_identifier dkim[PASSED_RESULTS_MAX];
	struct dmarc_identifier spf = {
		.domain = w->spf.domain,
		.pass = strcmp(w->own_spf != NULL ? w->own_spf : w->spf.word, "pass") == 0,
	};
	struct findings aside = {0};
	size_t n = 0;
	int rc;

	if (w->out->from[0] == '\0')
		return CR_OK;
	/* A message without signatures is judged by the receiver's word for them. */
	for (size_t i = 0; i < ours->n; i++)
		dkim[n++] = (struct dmarc_identifier){ours->items[i].domain, ours->items[i].result == SIGNATURE_PASS};
	for (size_t i = 0; ours->n == 0 && i < w->n_dkim; i++)
		dkim[n++] = (struct dmarc_identifier){w->dkim[i].domain, strcmp(w->dkim[i].word, "pass") == 0};
	/* What is wrong with the record is the business of dmarc_domain_check. */
	rc = dmarc_judge(w->l, w->out->from, &spf, dkim, n, &w->judged, &aside, err);
	findings_release(&aside);
	return rc;
}

static int
agree_dmarc(struct passed_work *w, struct err *err)
{
	const char *said = w->out->dmarc, *here = dmarc_result_name(w->judged.result);
	const bool theirs = strcmp(said, "pass") == 0, ours = w->judged.result == DMARC_RESULT_PASS;

	if (w->out->from[0] == '\0' || w->dmarc == NULL || theirs == ours)
		return CR_OK;
	if (w->judged.result == DMARC_RESULT_TEMPERROR)
		return findings_add(&w->out->findings, FINDING_UNKNOWN, "message-dmarc-unchecked", NULL, err,
		                    "the receiver says dmarc=%s; the policy of %s could not be asked for", said,
		                    w->out->from);
	/* That a copy does not verify is said of the signature, and is no other policy. */
	if (theirs && w->judged.found.status == DMARC_VALID && (w->spf.aligned || w->out->dkim_aligned))
		return CR_OK;
	return findings_add(&w->out->findings, theirs ? FINDING_FAIL : FINDING_WARN, "message-dmarc-disagrees", NULL,
	                    err, "the receiver says dmarc=%s, the records of now make it dmarc=%s for %s%s", said, here,
	                    w->out->from, w->judged.found.status == DMARC_NO_RECORD ? ": no policy is published" : "");
}

int
passed_agree(struct passed_work *w, struct err *err)
{
	int rc = agree_dkim(w, err);

	return rc == CR_OK ? agree_dmarc(w, err) : rc;
}
