/*
 * verify_spf.c - SPF of one domain: its whole tree, and what a receiver says of mail from each address.
 *
 * Sources: RFC 7208 s2.3 (HELO), s2.4 (MAIL FROM).  A parked name sends nothing, and its record says that.
 */
#include <string.h>

#include "dns/spf_check.h"
#include "provision/verify_inside.h"

static bool
is_sound(const struct findings *f)
{
	return findings_count(f, FINDING_FAIL) + findings_count(f, FINDING_UNKNOWN) == 0;
}

/* What a receiver says of mail from ip, and of the host's own name. */
static int
evaluate(struct lookup *l, const struct verify_subject *s, const char *ip, const char *sender, struct spf_answer *out,
         struct err *err)
{
	const struct spf_query q = {
		.ip = ip, .sender = sender, .helo = s->helo != NULL ? s->helo : s->domain, .now_s = s->now_s};

	return spf_evaluate(l, &q, out, err);
}

static enum finding_level
level_of(enum spf_result result, enum finding_level other)
{
	return result == SPF_TEMPERROR ? FINDING_UNKNOWN : other;
}

static int
check_sender(struct lookup *l, const struct verify_subject *s, const char *ip, struct findings *f, struct err *err)
{
	struct spf_answer a = {0};
	char sender[300];
	int rc;

	(void)snprintf(sender, sizeof(sender), "postmaster@%s", s->domain);
	rc = evaluate(l, s, ip, sender, &a, err);
	if (rc == CR_OK && a.result != SPF_PASS)
		rc = findings_add(f, level_of(a.result, FINDING_FAIL),
		                  a.result == SPF_TEMPERROR ? "spf-unknown" : "spf-not-pass", NULL, err,
		                  "mail from %s gets spf=%s: %s", ip, spf_result_name(a.result),
		                  a.why != NULL ? a.why : "no reason given");
	spf_answer_release(&a);
	return rc;
}

/* Bounces have no sender: the host's own name is checked instead. */
static int
check_helo(struct lookup *l, const struct verify_subject *s, const char *ip, struct findings *f, struct err *err)
{
	struct spf_answer a = {0};
	char fix[300];
	int rc = evaluate(l, s, ip, "", &a, err);

	(void)snprintf(fix, sizeof(fix), "%.255s. 3600 IN TXT \"v=spf1 a -all\"", s->helo);
	if (rc == CR_OK && a.result == SPF_NONE)
		rc = findings_add(f, FINDING_NOTE, "spf-helo-missing", fix, err,
		                  "HELO %s has no SPF record of its own: bounces, which have no sender, get spf=none",
		                  s->helo);
	else if (rc == CR_OK && a.result != SPF_PASS)
		rc = findings_add(f, level_of(a.result, FINDING_WARN),
		                  a.result == SPF_TEMPERROR ? "spf-helo-unknown" : "spf-helo-not-pass",
		                  a.result == SPF_TEMPERROR ? NULL : fix, err, "HELO %s from %s gets spf=%s: %s",
		                  s->helo, ip, spf_result_name(a.result), a.why != NULL ? a.why : "no reason given");
	spf_answer_release(&a);
	return rc;
}

static int
verify_helo_spf(struct lookup *l, struct verify_subject *s, struct err *err)
{
	struct verify_check c = {.group = VERIFY_SPF, .id = "spf-helo", .about = s->helo, .outside = true};
	struct findings f = {0};
	char name[300];
	int rc = CR_OK;

	(void)snprintf(name, sizeof(name), "SPF of HELO %.255s", s->helo);
	c.name = name;
	(void)lookup_met(l);
	/* What it lacks or cannot tell is the same for each address. */
	for (size_t i = 0; rc == CR_OK && f.n == 0 && i < s->n_addresses; i++)
		rc = check_helo(l, s, s->addresses[i], &f, err);
	if (rc == CR_OK)
		rc = verify_add_checked(l, s, &c, &f, err);
	findings_release(&f);
	return rc;
}

int
verify_spf(struct lookup *l, struct verify_subject *s, struct err *err)
{
	struct verify_check c = {.group = VERIFY_SPF, .id = "spf", .about = s->domain};
	struct findings f = {0};
	char name[300];
	int rc;

	spf_tree_release(&s->tree);
	rc = spf_walk(l, s->domain, !s->parked, &s->tree, err);
	if (rc == CR_OK)
		rc = findings_move(&f, &s->tree.findings, err);
	/* Of a broken record nothing more can be said. */
	for (size_t i = 0; rc == CR_OK && is_sound(&f) && !s->parked && i < s->n_addresses; i++)
		rc = check_sender(l, s, s->addresses[i], &f, err);
	(void)snprintf(name, sizeof(name), "SPF of %s", s->domain);
	c.name = name;
	if (rc == CR_OK)
		rc = verify_add_checked(l, s, &c, &f, err);
	if (rc == CR_OK && !s->parked && s->helo != NULL && s->n_addresses > 0)
		rc = verify_helo_spf(l, s, err);
	findings_release(&f);
	return rc;
}
