/*
 * verify_records.c - the intended record sets against what DNS answers: expected beside seen.
 *
 * A missing value may be on its way; another one is a fault; a server that does not answer leaves it unknown: never ok without having
 * been seen.  What a record means, though it stands there as intended, is for the checks of its kind (verify_fold.c brings both together).
 * Sources: RFC 7208 s3.2, RFC 9989 s4.7 (one SPF, one DMARC record a name), RFC 6376 s3.6.2.2, RFC 2181 s5.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/dkim.h"
#include "dns/dmarc.h"
#include "dns/spf.h"
#include "provision/verify_inside.h"

/* One record set as wanted: values of one owner and type.  A TXT stands by itself, since strangers share its name. */
struct wanted {
	const struct record *records[32];
	size_t n;
};

static bool
is_key_name(const char *owner)
{
	return strstr(owner, "._domainkey.") != NULL;
}

/* Whose judgement what the record says is. */
static enum verify_group
topic_of(const struct record *w, const struct verify_subject *s)
{
	if (w->type == RECORD_MX)
		return VERIFY_MX;
	if ((w->type == RECORD_A || w->type == RECORD_AAAA) && strcmp(w->owner, s->plan->domain->host->facts.host) == 0)
		return VERIFY_MX;
	if (is_key_name(w->owner))
		return VERIFY_DKIM;
	if (w->type != RECORD_TXT)
		return VERIFY_RECORDS;
	if (spf_is_record(record_text(w)) && strcmp(w->owner, s->domain) == 0)
		return VERIFY_SPF;
	if (strncmp(w->owner, "_dmarc.", 7) == 0)
		return VERIFY_DMARC;
	if (strncmp(w->owner, "_smtp._tls.", 11) == 0 || strncmp(w->owner, "_mta-sts.", 9) == 0)
		return VERIFY_TRANSPORT;
	return VERIFY_RECORDS;
}

/* "v=TLSRPTv1; ..." and its like: one record of a version has a name to itself. */
static bool
same_version(const char *a, const char *b)
{
	const size_t len = strcspn(a, "; ");

	return strncmp(a, "v=", 2) == 0 && strcspn(b, "; ") == len && strncmp(a, b, len) == 0;
}

/* Would a second record like this beside the wanted one break the name? */
static bool
must_be_alone(const struct record *wanted, const struct record *other)
{
	if (wanted->type != RECORD_TXT)
		return true;
	if (spf_is_record(record_text(wanted)))
		return spf_is_record(record_text(other));
	if (dmarc_is_record(record_text(wanted)))
		return dmarc_is_record(record_text(other));
	return is_key_name(wanted->owner) || same_version(record_text(wanted), record_text(other));
}

static bool
same_key(const struct record *a, const struct record *b)
{
	struct dkim_public ka, kb;
	bool revoked, testing, revoked_b, testing_b;

	return is_key_name(a->owner) && dkim_record_parse(record_text(a), &ka, &revoked, &testing, NULL) == CR_OK &&
	       dkim_record_parse(record_text(b), &kb, &revoked_b, &testing_b, NULL) == CR_OK && !revoked_b &&
	       !testing_b && dkim_same_key(&ka, &kb);
}

/* Does b say all that a says, and end as a ends?  Terms of somebody else may stand beside ours (provisioning merges them). */
static bool
spf_holds(const char *a, const char *b)
{
	struct spf ours = {0}, theirs = {0};
	bool holds = spf_parse(a, &ours, NULL) == CR_OK && spf_parse(b, &theirs, NULL) == CR_OK && ours.n > 0 &&
	             theirs.n > 0;

	for (size_t i = 0; holds && i < ours.n; i++) {
		bool found = false;

		for (size_t k = 0; k < theirs.n; k++)
			found = found || (strcmp(ours.terms[i].text, theirs.terms[k].text) == 0 &&
			                  ours.terms[i].qualifier == theirs.terms[k].qualifier);
		holds = found;
	}
	/* What follows an "all" is never reached. */
	holds = holds && strcmp(theirs.terms[theirs.n - 1].text, ours.terms[ours.n - 1].text) == 0;
	spf_release(&ours);
	spf_release(&theirs);
	return holds;
}

/* The same policy, however it is spelled. */
static bool
dmarc_same(const char *a, const char *b)
{
	struct dmarc x, y;
	bool same;

	if (dmarc_parse(a, &x, NULL) != CR_OK || dmarc_parse(b, &y, NULL) != CR_OK)
		return false;
	same = x.p == y.p && x.sp == y.sp && x.np == y.np && x.adkim_strict == y.adkim_strict &&
	       x.aspf_strict == y.aspf_strict && x.testing == y.testing && x.pct == y.pct && x.n_rua == y.n_rua;
	for (size_t i = 0; same && i < x.n_rua; i++)
		same = strcmp(x.rua[i], y.rua[i]) == 0;
	return same;
}

static bool
as_wanted(const struct record *w, const struct record *r)
{
	if (record_same(w, r))
		return true;
	if (w->type != RECORD_TXT || r->type != RECORD_TXT || strcmp(w->owner, r->owner) != 0)
		return false;
	if (spf_is_record(record_text(w)))
		return spf_is_record(record_text(r)) && spf_holds(record_text(w), record_text(r));
	if (dmarc_is_record(record_text(w)))
		return dmarc_is_record(record_text(r)) && dmarc_same(record_text(w), record_text(r));
	return same_key(w, r);
}

/* All values of an answer on one line. */
static void
describe(const struct records *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		if (out->len > 0)
			buf_adds(out, " | ");
		record_format_rdata(&l->items[i], out);
	}
}

/* How an answer stands to a set. */
struct comparison {
	size_t missing; /* values */
	bool beside;    /* a record that must not stand there */
	bool extra;     /* of one that may, as far as the type goes */
	bool alias;     /* the name is a CNAME */
	bool ttl_zero;  /* as the server itself gives it */
};

static struct comparison
compare(const struct wanted *w, const struct lookup_answer *a)
{
	struct comparison c = {.alias = a->chain.n > 0};
	bool matched[ARRAY_LEN(w->records)] = {false};

	for (size_t i = 0; i < a->records.n; i++) {
		const struct record *r = &a->records.items[i];
		bool ours = false;

		for (size_t k = 0; k < w->n; k++) {
			if (as_wanted(w->records[k], r))
				matched[k] = ours = true;
		}
		if (!ours && must_be_alone(w->records[0], r)) {
			c.beside = c.beside || w->records[0]->type == RECORD_TXT;
			c.extra = true;
		}
		c.ttl_zero = c.ttl_zero || (ours && a->authoritative && r->ttl_s == 0);
	}
	for (size_t k = 0; k < w->n; k++)
		c.missing += !matched[k];
	return c;
}

static int
add_ttl_zero(struct verify_subject *s, const struct verify_line *of, struct err *err)
{
	struct verify_line line = *of;
	char text[500];

	(void)snprintf(text, sizeof(text),
	               "%.400s has TTL 0: each look-up goes to the name servers, and some resolvers fail", of->name);
	line.status = VERIFY_WARN;
	line.id = "record-ttl-zero";
	line.text = text;
	line.topic = VERIFY_RECORDS;
	return verify_add(&s->report, &line, err);
}

static bool
has_line(const struct verify_report *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->items[i].id, id) == 0)
			return true;
	}
	return false;
}

/* What is said of the set, in front of or behind its name; NULL: all is as intended. */
static const char *
decide(const struct verify_subject *s, const struct wanted *w, const struct comparison *c, struct verify_line *line)
{
	if (c->alias && strcmp(w->records[0]->owner, s->domain) == 0) {
		/* RFC 1034 s3.6.2: a CNAME stands alone, and a zone's name has more.  Told once, though every set misses. */
		line->status = has_line(&s->report, "record-apex-cname") ? VERIFY_NOTE : VERIFY_FAIL;
		line->id = "record-apex-cname";
		line->topic = VERIFY_RECORDS;
		return "is hidden behind an alias (CNAME) at the domain itself";
	}
	if (c->alias || c->beside || (c->missing > 0 && c->extra)) {
		line->status = VERIFY_FAIL;
		line->id = "record-differs";
		return "is not as intended";
	}
	if (c->missing > 0) {
		line->status = VERIFY_FAIL;
		line->pending = true;
		line->id = "record-missing";
		return "is not published";
	}
	if (c->extra) {
		line->status = VERIFY_WARN;
		line->id = "record-extra";
		return "has values of somebody else beside ours";
	}
	return NULL;
}

/* Expected beside seen, and what to publish. */
static int
add_shown(struct verify_subject *s, const struct wanted *w, const struct lookup_answer *a, const char *said,
          struct verify_line *line, struct err *err)
{
	struct buf expected = {0}, seen = {0}, fix = {0}, text = {0};
	struct buf *const all[] = {&expected, &seen, &fix, &text};
	int rc = CR_OK;

	buf_addf(&text, "%s %s", line->name, said);
	for (size_t i = 0; i < w->n; i++) {
		buf_adds(&expected, i > 0 ? " | " : "");
		record_format_rdata(w->records[i], &expected);
		buf_adds(&fix, i > 0 ? "\n" : "");
		record_format(w->records[i], &fix);
	}
	if (a->chain.n > 0) {
		buf_adds(&seen, "CNAME ");
		record_format_rdata(&a->chain.items[0], &seen);
	}
	describe(&a->records, &seen);
	if (seen.len == 0)
		buf_adds(&seen, a->state == LOOKUP_NONAME ? "no such name" : "no such record");
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(all); i++)
		rc = buf_check(all[i], "report", err);
	line->text = text.data;
	line->expected = expected.data;
	line->seen = seen.data;
	line->fix = fix.data;
	if (rc == CR_OK)
		rc = verify_add(&s->report, line, err);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	line->text = line->expected = line->seen = line->fix = NULL;
	return rc;
}

static int
judge(struct verify_subject *s, const struct wanted *w, const struct lookup_answer *a, struct verify_line *line,
      struct err *err)
{
	const struct comparison c = compare(w, a);
	const char *said = decide(s, w, &c, line);
	int rc = said != NULL ? add_shown(s, w, a, said, line, err) : verify_add(&s->report, line, err);

	return rc == CR_OK && c.ttl_zero ? add_ttl_zero(s, line, err) : rc;
}

static int
check_set(struct lookup *l, struct verify_subject *s, const struct wanted *w, struct err *err)
{
	const struct record *first = w->records[0];
	const struct lookup_answer *a = lookup_ask(l, first->owner, first->type);
	struct verify_line line = {.group = VERIFY_RECORDS, .id = "record", .topic = topic_of(first, s)};
	char name[400], why[220], type[16];

	(void)snprintf(name, sizeof(name), "%s %.360s", record_type_name(first->type, type), first->owner);
	line.name = name;
	line.about = first->owner;
	if (!lookup_is_trouble(a))
		return judge(s, w, a, &line, err);
	(void)snprintf(why, sizeof(why), "%s", a->why);
	line.status = VERIFY_UNKNOWN;
	line.id = "record-unknown";
	line.text = why;
	return verify_add(&s->report, &line, err);
}

/* The wanted values of the set that the i-th record begins; none when an earlier one began it. */
static void
gather(const struct tmpl_records *all, size_t i, struct wanted *out)
{
	const struct record *first = &all->items[i].record;

	out->n = 0;
	if (first->type == RECORD_TXT) {
		out->records[out->n++] = first;
		return;
	}
	for (size_t k = 0; k < all->n && out->n < ARRAY_LEN(out->records); k++) {
		const struct record *r = &all->items[k].record;

		if (r->type != first->type || strcmp(r->owner, first->owner) != 0)
			continue;
		if (k < i) {
			out->n = 0;
			return;
		}
		out->records[out->n++] = r;
	}
}

int
verify_records(struct lookup *l, struct verify_subject *s, struct err *err)
{
	const struct tmpl_records *all = s->plan != NULL ? &s->plan->want.records : NULL;
	int rc = CR_OK;

	for (size_t i = 0; all != NULL && rc == CR_OK && i < all->n; i++) {
		struct wanted w;

		gather(all, i, &w);
		if (w.n > 0)
			rc = check_set(l, s, &w, err);
	}
	return rc;
}
