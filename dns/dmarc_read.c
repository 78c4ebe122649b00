/*
 * dmarc_read.c - the DMARC record of one name, read leniently as receivers read it, with all that is doubtful in it named.
 *
 * RFC 9989 s4.7 (tags), s4.8 (grammar), s4.10.1 (what acts when a policy is missing or wrong); RFC 7489 s6.3, s6.6.3 for those who still
 * read by it.  A record is a tag list of RFC 6376 s3.2: a tag that stands twice makes all of it invalid.
 */
#include "dns/dmarc_check.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/num.h"
#include "dns/dmarc_inside.h"
#include "dns/taglist.h"

#define QUOTE_MAX  60
#define NAMED_MAX  4  /* findings of one kind: a record may be full of them */
#define VERSION_IN 80 /* bytes in which a record that went wrong has its version */
#define QUOTED(s)  (int)((s).len < QUOTE_MAX ? (s).len : QUOTE_MAX), (s).at
#define KNOWN_TAGS "v", "p", "sp", "np", "adkim", "aspf", "fo", "rua", "ruf", "psd", "t", "pct", "rf", "ri"

static const char *const statuses[] = {
	[DMARC_VALID] = "valid",     [DMARC_NO_RECORD] = "none",      [DMARC_MULTIPLE] = "multiple",
	[DMARC_INVALID] = "invalid", [DMARC_TEMPERROR] = "temperror",
};
static_assert(ARRAY_LEN(statuses) == DMARC_STATUS__COUNT, "a word for every status");

const char *
dmarc_status_name(enum dmarc_status s)
{
	return statuses[s];
}

struct reader {
	struct taglist tags;
	struct dmarc_reading *out;
	struct dmarc_teller tell;
};

/* s4.8: no white space in front; s4.7: the version first, compared with case. */
bool
dmarc_starts_record(const char *text)
{
	return text[0] == 'v' && dmarc_is_record(text);
}

/* False: the tag is there and is none of the words, which are one letter each. */
static bool
read_letter(struct reader *r, const char *name, const char *id, const char *letters, char *out)
{
	const struct tag *t = taglist_find(&r->tags, name);
	char c;

	if (t == NULL)
		return true;
	c = t->value.len == 1 ? t->value.at[0] : '\0';
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	if (c == '\0' || strchr(letters, c) == NULL) {
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL, "%s=%.*s says nothing: it is ignored", name,
		           QUOTED(t->value));
		return false;
	}
	*out = c;
	return true;
}

static void
read_letters(struct reader *r)
{
	char dkim = 'r', spf = 'r', testing = 'n';

	(void)read_letter(r, "adkim", "dmarc-adkim", "rs", &dkim);
	(void)read_letter(r, "aspf", "dmarc-aspf", "rs", &spf);
	(void)read_letter(r, "t", "dmarc-t", "yn", &testing);
	(void)read_letter(r, "psd", "dmarc-psd", "ynu", &r->out->psd);
	r->out->record.adkim_strict = dkim == 's';
	r->out->record.aspf_strict = spf == 's';
	r->out->record.testing = testing == 'y';
	if (testing == 'y' && r->out->p <= DMARC_NONE)
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-t", NULL, "t=y has no effect without a policy to test");
	else if (testing == 'y')
		DMARC_TELL(&r->tell, FINDING_FAIL, "dmarc-t", NULL,
		           "t=y: the policy is only tested, failing mail is treated one level more gently");
	if (r->out->psd == 'y')
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-psd", NULL,
		           "psd=y says that others register names below this domain; only registries publish that");
}

/* "0:d:s": each letter once, in any order. */
static void
read_fo(struct reader *r)
{
	const struct tag *t = taglist_find(&r->tags, "fo");
	struct span list, piece;
	char text[sizeof(r->out->fo)] = "";
	size_t n = 0;

	if (t == NULL)
		return;
	list = t->value;
	while (span_cut(&list, ':', &piece)) {
		char c = piece.len == 1 ? piece.at[0] : '\0';

		if (c == 'D' || c == 'S')
			c = (char)(c - 'A' + 'a');
		if (c == '\0' || strchr("01ds", c) == NULL || strchr(text, c) != NULL) {
			n = 0;
			break;
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c", n > 0 ? ":" : "", c);
	}
	if (n == 0)
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-fo", NULL, "fo=%.*s says nothing: it is ignored",
		           QUOTED(t->value));
	else
		memcpy(r->out->fo, text, n + 1);
	if (taglist_find(&r->tags, "ruf") == NULL)
		DMARC_TELL(&r->tell, FINDING_NOTE, "dmarc-fo", NULL, "fo is ignored where there is no ruf");
}

/* An unreadable pct is ignored as an unknown tag would be (s4.7), and RFC 7489 takes the default, 100. */
static void
read_pct(struct reader *r)
{
	const struct tag *t = taglist_find(&r->tags, "pct");
	char text[8];
	int64_t n;

	if (t == NULL)
		return;
	if (t->value.len < sizeof(text)) {
		memcpy(text, t->value.at, t->value.len);
		text[t->value.len] = '\0';
		if (num_parse(text, 0, 100, &n, NULL) == CR_OK)
			r->out->record.pct = (int)n;
	}
	if (r->out->record.pct >= 0 && r->out->record.pct < 100 && r->out->p > DMARC_NONE)
		DMARC_TELL(&r->tell, FINDING_FAIL, "dmarc-pct", NULL,
		           "pct=%d: receivers that still read pct (RFC 7489) apply the policy to that share only",
		           r->out->record.pct);
	else
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-pct", NULL,
		           "pct=%.*s: the tag is gone since RFC 9989: leave it out", QUOTED(t->value));
}

static void
read_old(struct reader *r, const char *name, const char *id)
{
	if (taglist_find(&r->tags, name) != NULL)
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL, "%s is gone since RFC 9989: leave it out", name);
}

/* "!10m" behind an address was a size limit (s4.8: obs-dmarc-report-size, ignored). */
static bool
cut_size(struct span *uri)
{
	size_t n = uri->len, digits = 0;

	if (n > 0 && strchr("kmgtKMGT", uri->at[n - 1]) != NULL)
		n--;
	for (; n > 0 && uri->at[n - 1] >= '0' && uri->at[n - 1] <= '9'; digits++)
		n--;
	if (digits == 0 || n == 0 || uri->at[n - 1] != '!')
		return false;
	uri->len = n - 1;
	return true;
}

/* Says at most one thing of each address.  False: receivers skip it. */
static bool
read_uri(struct reader *r, const char *name, const char *id, struct span *uri)
{
	struct span whole = *uri;
	bool size = cut_size(uri);

	if (!dmarc_uri_valid(uri->at, uri->len)) {
		bool bare = memchr(uri->at, '@', uri->len) != NULL && memchr(uri->at, ':', uri->len) == NULL;

		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL, "%s: '%.*s' is no address for reports%s", name,
		           QUOTED(whole), bare ? ": mailto: is missing in front" : "");
		return false;
	}
	if (uri->len >= DMARC_URI_MAX) {
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL, "%s: an address of %zu bytes is left out", name, uri->len);
		return false;
	}
	if (size)
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL,
		           "%s: '%.*s': size limits are gone since RFC 9989: leave it out", name, QUOTED(whole));
	else if (memchr(uri->at, '!', uri->len) != NULL)
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL, "%s: '%.*s': '!' has to be written %%21", name,
		           QUOTED(whole));
	else if (strncasecmp(uri->at, "mailto:", 7) != 0)
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL,
		           "%s: '%.*s': hardly anybody reports to other than mailto:", name, QUOTED(whole));
	return true;
}

static void
read_uris(struct reader *r, const char *name, const char *id, char uris[DMARC_RUA_MAX][DMARC_URI_MAX], size_t *n_out)
{
	const struct tag *t = taglist_find(&r->tags, name);
	struct span list, uri;
	size_t pieces = 0;

	if (t == NULL)
		return;
	list = t->value;
	if (list.len == 0)
		DMARC_TELL(&r->tell, FINDING_WARN, id, NULL, "%s is empty", name);
	while (span_cut(&list, ',', &uri)) {
		if (uri.len == 0)
			continue;
		if (++pieces > DMARC_RUA_MAX) {
			DMARC_TELL(&r->tell, FINDING_WARN, id, NULL,
			           "%s: more than %d addresses: receivers need not serve more than two", name,
			           DMARC_RUA_MAX);
			break;
		}
		if (read_uri(r, name, id, &uri)) {
			memcpy(uris[*n_out], uri.at, uri.len);
			uris[(*n_out)++][uri.len] = '\0';
		}
	}
}

/* False: the tag is there and is no policy. */
static bool
read_policy(const struct taglist *tags, const char *name, enum dmarc_policy *out)
{
	const struct tag *t = taglist_find(tags, name);

	if (t == NULL)
		return true;
	for (int i = DMARC_NONE; i < DMARC_POLICY__COUNT; i++) {
		if (span_is_nocase(t->value, dmarc_policy_name((enum dmarc_policy)i))) {
			*out = (enum dmarc_policy)i;
			return true;
		}
	}
	return false;
}

static enum dmarc_policy
or_else(enum dmarc_policy own, enum dmarc_policy inherited)
{
	return own != DMARC_ABSENT ? own : inherited;
}

static void
tell_bad_policy(struct reader *r, const char *name, const char *id)
{
	const struct tag *t = taglist_find(&r->tags, name);
	const char *acts = r->out->record.n_rua > 0 ? "the record acts as p=none" : "the record does nothing";

	if (t == NULL)
		DMARC_TELL(&r->tell, FINDING_FAIL, id, NULL, "%s is missing: %s", name, acts);
	else
		DMARC_TELL(&r->tell, FINDING_FAIL, id, NULL, "%s=%.*s is no policy%s: %s", name, QUOTED(t->value),
		           memchr(t->value.at, '=', t->value.len) != NULL ? ", a semicolon is missing" : "", acts);
}

static void
tell_weaker(struct reader *r)
{
	const struct dmarc *d = &r->out->record;

	if (d->sp != DMARC_ABSENT && d->sp < d->p)
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-sp", NULL, "sp=%s: subdomains are less protected than p=%s",
		           dmarc_policy_name(d->sp), dmarc_policy_name(d->p));
	if (d->np != DMARC_ABSENT && d->np < d->p)
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-np", NULL,
		           "np=%s: names that do not exist are less protected than p=%s", dmarc_policy_name(d->np),
		           dmarc_policy_name(d->p));
}

/* Needs rua: who wants reports is taken to have meant p=none, all others have no DMARC (s4.10.1; RFC 7489 s6.6.3). */
static void
read_policies(struct reader *r)
{
	struct dmarc_reading *o = r->out;
	struct dmarc *d = &o->record;
	bool p_ok = read_policy(&r->tags, "p", &d->p) && d->p != DMARC_ABSENT;
	bool sp_ok = read_policy(&r->tags, "sp", &d->sp), np_ok = read_policy(&r->tags, "np", &d->np);
	enum dmarc_policy fallback = d->n_rua > 0 ? DMARC_NONE : DMARC_ABSENT;

	o->p_7489 = p_ok && sp_ok ? d->p : fallback;
	o->sp_7489 = p_ok && sp_ok ? or_else(d->sp, d->p) : fallback;
	if (!p_ok)
		tell_bad_policy(r, "p", "dmarc-p");
	if (!sp_ok)
		tell_bad_policy(r, "sp", "dmarc-sp");
	if (!np_ok)
		tell_bad_policy(r, "np", "dmarc-np");
	if (p_ok && sp_ok && np_ok) {
		o->p = d->p;
		o->sp = or_else(d->sp, d->p);
		o->np = or_else(d->np, o->sp);
		tell_weaker(r);
		return;
	}
	o->p = o->sp = o->np = d->p = fallback;
	o->status = fallback == DMARC_NONE ? DMARC_VALID : DMARC_INVALID;
}

static bool
is_known(struct span name, bool nocase)
{
	static const char *const known[] = {KNOWN_TAGS};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (nocase ? span_is_nocase(name, known[i]) : span_is(name, known[i]))
			return true;
	}
	return false;
}

static void
tell_tags(struct reader *r)
{
	const struct taglist *l = &r->tags;
	size_t told = 0;

	/* RFC 7489 s6.4: dmarc-request stands behind the version, all else where it likes. */
	if (taglist_find(l, "p") != NULL && l->n > 1 && !span_is(l->tags[1].name, "p"))
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-order", NULL,
		           "p does not stand right behind v, where readers of RFC 7489 want it");
	for (size_t i = 0; i < l->n && told < NAMED_MAX; i++) {
		struct span name = l->tags[i].name;

		if (is_known(name, false))
			continue;
		told++;
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-unknown-tag", NULL, "tag '%.*s' is unknown and ignored%s",
		           QUOTED(name), is_known(name, true) ? ": tags are written in lower case" : "");
	}
	if (l->stray.len > 0)
		DMARC_TELL(&r->tell, FINDING_WARN, "dmarc-stray", NULL, "'%.*s' is no tag and ignored",
		           QUOTED(l->stray));
}

static void
read_record(struct reader *r, const char *text)
{
	struct dmarc_reading *o = r->out;
	struct err err = {0};

	o->status = DMARC_VALID;
	if (taglist_parse(text, true, &r->tags, &err) != CR_OK) {
		o->status = DMARC_INVALID;
		DMARC_TELL(&r->tell, FINDING_FAIL, "dmarc-syntax", NULL, "the record does nothing: %s", err.text);
		return;
	}
	read_uris(r, "rua", "dmarc-rua", o->record.rua, &o->record.n_rua);
	read_uris(r, "ruf", "dmarc-ruf", o->ruf, &o->n_ruf);
	read_policies(r);
	read_letters(r);
	read_fo(r);
	read_pct(r);
	read_old(r, "rf", "dmarc-rf");
	read_old(r, "ri", "dmarc-ri");
	tell_tags(r);
	o->enforced = o->status == DMARC_VALID && o->p >= DMARC_QUARANTINE && !o->record.testing &&
	              (o->record.pct < 0 || o->record.pct == 100);
}

/* What is wrong with a text that was meant to be a record; NULL: it was not. */
static const char *
near_miss(const char *text)
{
	char head[VERSION_IN + 1];
	const char *at;

	(void)snprintf(head, sizeof(head), "%.*s", VERSION_IN, text);
	at = strcasestr(head, "dmarc1");
	if (at == NULL)
		return NULL;
	if (strchr("\"'", head[0]) != NULL)
		return "quotes stand inside the value";
	if (strchr(" \t\r\n", head[0]) != NULL)
		return "white space stands in front of v=";
	if (memcmp(at, "DMARC1", 6) != 0)
		return "the version is written DMARC1, in capitals";
	if (strchr("vV", head[0]) == NULL)
		return "v=DMARC1 does not stand first";
	if (head[0] == 'V')
		return "the tag v is written in lower case";
	if (at[6] == '\\')
		return "a backslash stands in front of the semicolon";
	return "no semicolon stands behind v=DMARC1";
}

static void
tell_others(const char *const *texts, size_t n, size_t records, struct dmarc_teller *tell)
{
	size_t told = 0;

	for (size_t i = 0; i < n && told < NAMED_MAX; i++) {
		const char *why;

		if (dmarc_starts_record(texts[i]))
			continue;
		told++;
		why = near_miss(texts[i]);
		if (why != NULL)
			DMARC_TELL(tell, records > 0 ? FINDING_WARN : FINDING_FAIL, "dmarc-unreadable", NULL,
			           "no receiver reads '%.*s': %s", QUOTE_MAX, texts[i], why);
		else
			DMARC_TELL(tell, FINDING_NOTE, "dmarc-other-txt", NULL,
			           "another TXT stands at this name: '%.*s' (out of a wildcard?)", QUOTE_MAX, texts[i]);
	}
}

int
dmarc_read(const char *const *texts, size_t n, struct dmarc_reading *out, struct findings *findings, struct err *err)
{
	struct reader r = {
		.out = out, .tell = {.findings = findings, .err = err}
        };
	const char *record = NULL;
	size_t records = 0;

	*out = (struct dmarc_reading){.status = DMARC_NO_RECORD, .record = {.pct = -1}, .psd = 'u', .fo = "0"};
	for (size_t i = 0; i < n; i++) {
		if (!dmarc_starts_record(texts[i]))
			continue;
		record = texts[i];
		records++;
	}
	tell_others(texts, n, records, &r.tell);
	if (records == 1) {
		read_record(&r, record);
	} else if (records > 1) {
		out->status = DMARC_MULTIPLE;
		DMARC_TELL(&r.tell, FINDING_FAIL, "dmarc-two-records", NULL,
		           "%zu records stand at one name: receivers discard all of them", records);
	}
	return r.tell.rc;
}

int
dmarc_parse(const char *txt, struct dmarc *out, struct err *err)
{
	struct dmarc_reading reading;
	int rc = dmarc_read(&txt, 1, &reading, NULL, err);

	if (rc != CR_OK)
		return rc;
	if (reading.status == DMARC_NO_RECORD)
		return err_set(err, CR_EPARSE, "dmarc: does not start with 'v=DMARC1'");
	if (reading.status != DMARC_VALID)
		return err_set(err, CR_EPARSE, "dmarc: without a policy, or not a list of tags");
	*out = reading.record;
	return CR_OK;
}
