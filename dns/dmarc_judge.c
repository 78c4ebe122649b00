/*
 * dmarc_judge.c - does a message meet the policy of its author's domain: alignment (RFC 9989 s4.4), result, and what is to be done.
 */
#include "dns/dmarc_inside.h"

#include <assert.h>
#include <string.h>

static const char *const results[] = {
	[DMARC_RESULT_NONE] = "none",           [DMARC_RESULT_PASS] = "pass",           [DMARC_RESULT_FAIL] = "fail",
	[DMARC_RESULT_TEMPERROR] = "temperror", [DMARC_RESULT_PERMERROR] = "permerror",
};
static_assert(ARRAY_LEN(results) == DMARC_RESULT__COUNT, "a word for every result");

const char *
dmarc_result_name(enum dmarc_result r)
{
	return results[r];
}

enum aligned { ALIGNED_NO, ALIGNED_YES, ALIGNED_UNKNOWN };

/* Identical, or relaxed of the same organisation, for which both names are walked up (s4.10.2). */
static enum aligned
align(struct lookup *l, const struct dmarc_policy_found *found, const struct name *author,
      const struct dmarc_identifier *id, bool strict)
{
	char organisation[NAME_TEXT_MAX];
	struct name domain;

	if (id == NULL || !id->pass || id->domain == NULL || name_parse(id->domain, &domain, NULL) != CR_OK ||
	    domain.text[0] == '\0')
		return ALIGNED_NO;
	if (name_equal(domain.text, author->text))
		return ALIGNED_YES;
	if (strict)
		return ALIGNED_NO;
	if (found->organisational[0] == '\0' ||
	    !dmarc_organisational(l, domain.text, organisation, sizeof(organisation)))
		return ALIGNED_UNKNOWN;
	return name_equal(organisation, found->organisational) ? ALIGNED_YES : ALIGNED_NO;
}

/* s4.7: t=y asks for one level less. */
static enum dmarc_policy
disposition(const struct dmarc_policy_found *f)
{
	enum dmarc_policy p = f->policy;

	if (f->status != DMARC_VALID || p == DMARC_ABSENT)
		return DMARC_NONE;
	return f->reading.record.testing && p > DMARC_NONE ? (enum dmarc_policy)(p - 1) : p;
}

static enum dmarc_result
result_without(const struct dmarc_policy_found *f)
{
	if (f->status == DMARC_TEMPERROR)
		return DMARC_RESULT_TEMPERROR;
	return f->status == DMARC_INVALID && f->policy_domain[0] == '\0' ? DMARC_RESULT_PERMERROR : DMARC_RESULT_NONE;
}

int
dmarc_judge(struct lookup *l, const char *author_domain, const struct dmarc_identifier *spf,
            const struct dmarc_identifier *dkim, size_t n_dkim, struct dmarc_judgement *out, struct findings *findings,
            struct err *err)
{
	const struct dmarc *record = &out->found.reading.record;
	struct name author;
	enum aligned a;
	bool unknown;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = dmarc_discover(l, author_domain, &out->found, findings, err);
	if (rc != CR_OK)
		return rc;
	out->disposition = disposition(&out->found);
	out->result = result_without(&out->found);
	if (out->found.status != DMARC_VALID || name_parse(author_domain, &author, NULL) != CR_OK)
		return CR_OK;
	a = align(l, &out->found, &author, spf, record->aspf_strict);
	out->spf_aligned = a == ALIGNED_YES;
	unknown = a == ALIGNED_UNKNOWN;
	for (size_t i = 0; i < n_dkim; i++) {
		a = align(l, &out->found, &author, &dkim[i], record->adkim_strict);
		out->dkim_aligned = out->dkim_aligned || a == ALIGNED_YES;
		unknown = unknown || a == ALIGNED_UNKNOWN;
	}
	/* What is known to be aligned outweighs what could not be found out. */
	out->result = out->spf_aligned || out->dkim_aligned ? DMARC_RESULT_PASS
	              : unknown                             ? DMARC_RESULT_TEMPERROR
	                                                    : DMARC_RESULT_FAIL;
	return CR_OK;
}
