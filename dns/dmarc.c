/*
 * dmarc.c - DMARC records written so that old and new receivers agree; dmarc_read.c reads them.
 *
 * RFC 9989 s4.7 (tags; since May 2026), RFC 7489 s6.3 (before): the two differ in pct (gone), np, t and psd (new), and in that old
 * receivers want p right behind v.  A record is a tag list as in RFC 6376 s3.2; unknown tags are ignored.
 */
#include "dns/dmarc.h"

#include <assert.h>
#include <string.h>

#include "dns/taglist.h"

#define VERSION "DMARC1"

static const char *const policies[] = {
	[DMARC_ABSENT] = "",
	[DMARC_NONE] = "none",
	[DMARC_QUARANTINE] = "quarantine",
	[DMARC_REJECT] = "reject",
};
static_assert(ARRAY_LEN(policies) == DMARC_POLICY__COUNT, "a word for each policy");

const char *
dmarc_policy_name(enum dmarc_policy p)
{
	return policies[p];
}

bool
dmarc_is_record(const char *txt)
{
	struct tag first;

	/* "DMARC1" is compared with case (s4.7), so that "v=dmarc1" is somebody's typing error and no record. */
	return taglist_first(txt, &first) && span_is(first.name, "v") && span_is(first.value, VERSION);
}

/* The policy in force below the domain: np falls back to sp, sp to p. */
static enum dmarc_policy
or_else(enum dmarc_policy own, enum dmarc_policy inherited)
{
	return own != DMARC_ABSENT ? own : inherited;
}

static bool
weaker_below(const struct dmarc *d)
{
	enum dmarc_policy sp = or_else(d->sp, d->p);

	return sp < d->p || or_else(d->np, sp) < d->p;
}

static int
check_uri(const char *uri, struct err *err)
{
	/* In a record a comma ends the address, a semicolon the tag, and '!' starts a size limit. */
	if (!dmarc_uri_valid(uri, strlen(uri)) || strpbrk(uri, ",;!") != NULL)
		return err_set(err, CR_EPARSE, "dmarc: rua: not an address for a record: '%s'", uri);
	return CR_OK;
}

int
dmarc_format(const struct dmarc *d, struct buf *out, struct err *err)
{
	int rc;

	if (d->p <= DMARC_NONE)
		return err_set(err, CR_EREFUSED, "dmarc: p=none does not protect the domain");
	if (weaker_below(d))
		return err_set(err, CR_EREFUSED, "dmarc: sp and np must not be weaker than p=%s", policies[d->p]);
	if (d->testing || (d->pct >= 0 && d->pct < 100))
		return err_set(err, CR_EREFUSED, "dmarc: t=y or pct below 100 takes the policy back");
	for (size_t i = 0; i < d->n_rua; i++) {
		rc = check_uri(d->rua[i], err);
		if (rc != CR_OK)
			return rc;
	}
	/* p right behind v: RFC 7489 s6.3. */
	buf_addf(out, "v=" VERSION "; p=%s", policies[d->p]);
	if (d->sp != DMARC_ABSENT)
		buf_addf(out, "; sp=%s", policies[d->sp]);
	if (d->np != DMARC_ABSENT)
		buf_addf(out, "; np=%s", policies[d->np]);
	buf_addf(out, "; adkim=%c; aspf=%c", d->adkim_strict ? 's' : 'r', d->aspf_strict ? 's' : 'r');
	for (size_t i = 0; i < d->n_rua; i++)
		buf_addf(out, "%s%s", i == 0 ? "; rua=" : ",", d->rua[i]);
	return buf_check(out, "dmarc record", err);
}

bool
dmarc_enforced(const struct dmarc *d, const char **why_out)
{
	const char *why = NULL;

	if (d->p <= DMARC_NONE)
		why = "p is neither quarantine nor reject";
	else if (d->testing)
		why = "t=y: the policy is only tested";
	else if (d->pct >= 0 && d->pct < 100)
		why = "pct is below 100";
	else if (weaker_below(d))
		why = "sp or np is weaker than p";
	if (why != NULL && why_out != NULL)
		*why_out = why;
	return why == NULL;
}
