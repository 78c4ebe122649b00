/*
 * dmarc.c - DMARC records read as receivers read them, and written so that old and new receivers agree.
 *
 * RFC 9989 s4.7 (tags; since May 2026), RFC 7489 s6.3 (before): the two differ in pct (gone), np, t and psd (new), and in that old
 * receivers want p right behind v.  A record is a tag list as in RFC 6376 s3.2; unknown tags are ignored.
 */
#include "dns/dmarc.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/num.h"
#include "dns/taglist.h"

#define VERSION "DMARC1"

static const char *const policies[] = {
	[DMARC_ABSENT] = "",
	[DMARC_NONE] = "none",
	[DMARC_QUARANTINE] = "quarantine",
	[DMARC_REJECT] = "reject",
};
static_assert(ARRAY_LEN(policies) == DMARC_POLICY__COUNT, "a word for each policy");

bool
dmarc_is_record(const char *txt)
{
	struct tag first;

	/* "DMARC1" is compared with case (s4.7), so that "v=dmarc1" is somebody's typing error and no record. */
	return taglist_first(txt, &first) && span_is(first.name, "v") && span_is(first.value, VERSION);
}

static bool
read_policy(struct span s, enum dmarc_policy *out)
{
	for (int i = DMARC_NONE; i < DMARC_POLICY__COUNT; i++) {
		if (span_is_nocase(s, policies[i])) {
			*out = (enum dmarc_policy)i;
			return true;
		}
	}
	return false;
}

/* scheme ":" with something behind it: what a receiver can try to send to. */
static bool
is_uri(struct span s)
{
	const char *colon = s.len != 0 ? memchr(s.at, ':', s.len) : NULL;

	if (colon == NULL || colon == s.at || colon + 1 == s.at + s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] <= 0x20 || s.at[i] >= 0x7f)
			return false;
	}
	return true;
}

/* Entries that are no URI are skipped, as receivers do; "!10m" behind one was a size limit of RFC 7489 and is cut off. */
static int
read_uris(struct span list, struct dmarc *d, struct err *err)
{
	struct span uri;

	while (span_cut(&list, ',', &uri)) {
		const char *bang = uri.len != 0 ? memchr(uri.at, '!', uri.len) : NULL;

		if (bang != NULL)
			uri.len = (size_t)(bang - uri.at);
		if (!is_uri(uri))
			continue;
		if (uri.len >= DMARC_URI_MAX)
			return err_set(err, CR_EPARSE, "dmarc: rua: an address of %zu bytes", uri.len);
		if (d->n_rua == DMARC_RUA_MAX)
			return err_set(err, CR_EPARSE, "dmarc: rua: more than %d addresses", DMARC_RUA_MAX);
		memcpy(d->rua[d->n_rua], uri.at, uri.len);
		d->rua[d->n_rua][uri.len] = '\0';
		d->n_rua++;
	}
	return CR_OK;
}

static void
read_flag(const struct taglist *tags, const char *name, const char *on, bool *out)
{
	const struct tag *t = taglist_find(tags, name);

	*out = t != NULL && span_is_nocase(t->value, on);
}

/* False: the tag is there and is no policy. */
static bool
read_policy_tag(const struct taglist *tags, const char *name, enum dmarc_policy *out)
{
	const struct tag *t = taglist_find(tags, name);

	return t == NULL || read_policy(t->value, out);
}

/* An unreadable pct is ignored as an unknown tag would be: the standard in force has no pct. */
static void
read_pct(const struct taglist *tags, int *out)
{
	const struct tag *t = taglist_find(tags, "pct");
	char text[8];
	int64_t n;

	if (t == NULL || t->value.len >= sizeof(text))
		return;
	memcpy(text, t->value.at, t->value.len);
	text[t->value.len] = '\0';
	if (num_parse(text, 0, 100, &n, NULL) == CR_OK)
		*out = (int)n;
}

int
dmarc_parse(const char *txt, struct dmarc *out, struct err *err)
{
	struct dmarc d = {.pct = -1};
	const struct tag *rua;
	struct taglist tags;
	bool own, below;
	int rc;

	if (!dmarc_is_record(txt))
		return err_set(err, CR_EPARSE, "dmarc: does not start with 'v=DMARC1'");
	/* s4.7: what does not follow the syntax behind the version is ignored. */
	rc = taglist_parse(txt, true, &tags, err);
	if (rc != CR_OK) {
		(void)err_wrap(err, "dmarc");
		return rc;
	}
	rua = taglist_find(&tags, "rua");
	rc = rua != NULL ? read_uris(rua->value, &d, err) : CR_OK;
	if (rc != CR_OK)
		return rc;
	read_flag(&tags, "adkim", "s", &d.adkim_strict);
	read_flag(&tags, "aspf", "s", &d.aspf_strict);
	read_flag(&tags, "t", "y", &d.testing);
	read_pct(&tags, &d.pct);
	own = read_policy_tag(&tags, "p", &d.p) && d.p != DMARC_ABSENT;
	below = read_policy_tag(&tags, "sp", &d.sp);
	below = read_policy_tag(&tags, "np", &d.np) && below;
	/* s4.7: a policy that is missing or cannot be read is "none" for one who wants reports, and no record for all others. */
	if (!own || !below) {
		if (d.n_rua == 0)
			return err_set(err, CR_EPARSE, "dmarc: %s",
			               own ? "sp or np is no policy" : "p is missing or no policy");
		d.p = DMARC_NONE;
	}
	*out = d;
	return CR_OK;
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
	if (!is_uri((struct span){uri, strlen(uri)}) || strpbrk(uri, ",;!") != NULL)
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

bool
dmarc_uri_host(const char *uri, char *out, size_t size)
{
	const char *at, *end;
	size_t len;

	if (strncasecmp(uri, "mailto:", 7) != 0)
		return false;
	uri += 7;
	end = uri + strcspn(uri, "?!,");
	at = memrchr(uri, '@', (size_t)(end - uri));
	if (at == NULL || at == uri)
		return false;
	len = (size_t)(end - at) - 1;
	if (len == 0 || len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = at[1 + i] >= 'A' && at[1 + i] <= 'Z' ? (char)(at[1 + i] - 'A' + 'a') : at[1 + i];
	out[len] = '\0';
	return true;
}
