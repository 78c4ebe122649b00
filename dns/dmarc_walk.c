/*
 * dmarc_walk.c - from a name up to the record that binds it: RFC 9989's tree walk (s4.10), and beside it the two questions of RFC 7489
 * (s6.6.3) with the public suffix list.
 *
 * At most eight questions, one after the other, since psd=y and psd=n end the walk.  A record that starts no DMARC processing (no valid p
 * and no rua) still is the record of its name: it ends the search for a policy, and counts for the organisational domain.
 */
#include "dns/dmarc_inside.h"

#include <stdio.h>
#include <string.h>

#define JUMP_LABELS 7   /* left of a name of more (s4.10, step 4) */
#define DOMAIN_MAX  253 /* bytes of a name without escapes */

static bool
is_record(enum dmarc_status s)
{
	return s == DMARC_VALID || s == DMARC_INVALID;
}

/* Two names of ours always fit: canonical ones of more than 253 bytes hold escapes, which no domain of mail does. */
static void
copy(char out[256], const char *name)
{
	(void)snprintf(out, 256, "%.255s", name);
}

const struct lookup_answer *
dmarc_ask(struct lookup *l, const char *name)
{
	struct name full;
	char text[NAME_TEXT_MAX + 8];

	(void)snprintf(text, sizeof(text), "_dmarc.%s", name);
	return name_parse(text, &full, NULL) == CR_OK ? lookup_ask(l, full.text, RECORD_TXT) : NULL;
}

int
dmarc_read_answer(const struct lookup_answer *a, struct dmarc_reading *out, struct findings *findings, struct err *err)
{
	const char *texts[LOOKUP_RECORDS_MAX] = {NULL};
	size_t n = 0;
	int rc;

	if (a != NULL && a->state == LOOKUP_FOUND) {
		for (size_t i = 0; i < a->records.n && n < LOOKUP_RECORDS_MAX; i++)
			texts[n++] = record_text(&a->records.items[i]);
	}
	rc = dmarc_read(texts, n, out, findings, err);
	if (a != NULL && (a->state == LOOKUP_PENDING || lookup_is_trouble(a)))
		out->status = DMARC_TEMPERROR;
	return rc;
}

/* The next target: one label less, or what the jump leaves. */
static const char *
next_target(const char *name)
{
	size_t labels = name_labels(name);

	do
		name = name_parent(name);
	while (--labels > JUMP_LABELS);
	return name;
}

void
dmarc_walk(struct lookup *l, const char *domain, struct dmarc_walk *out)
{
	struct dmarc_reading reading;

	memset(out, 0, sizeof(*out));
	if (name_parse(domain, &out->start, NULL) != CR_OK || strlen(out->start.text) > DOMAIN_MAX)
		return;
	out->named = out->start.text[0] != '\0';
	for (const char *name = out->start.text; name[0] != '\0' && out->n < DMARC_STEPS_MAX;
	     name = next_target(name)) {
		const struct lookup_answer *a = dmarc_ask(l, name);

		if (a != NULL && (a->state == LOOKUP_PENDING || lookup_is_trouble(a))) {
			out->pending = a->state == LOOKUP_PENDING;
			out->wrong = a;
			return;
		}
		/* Without findings there is nothing to run out of memory for. */
		if (dmarc_read_answer(a, &reading, NULL, NULL) != CR_OK)
			return;
		out->steps[out->n++] = (struct dmarc_step){.name = name, .status = reading.status, .psd = reading.psd};
		if (is_record(reading.status) && reading.psd != 'u')
			return;
	}
}

/* The part of the walk's start that has one label more than above. */
static const char *
one_below(const struct dmarc_walk *w, const char *above)
{
	const char *name = w->start.text;

	while (name_parent(name) != above)
		name = name_parent(name);
	return name;
}

const char *
dmarc_walk_organisation(const struct dmarc_walk *w)
{
	const char *fewest = w->start.text;

	for (size_t i = 0; i < w->n; i++) {
		const struct dmarc_step *s = &w->steps[i];

		if (!is_record(s->status))
			continue;
		if (s->psd == 'y' && i > 0)
			return one_below(w, s->name);
		fewest = s->name;
	}
	return fewest;
}

bool
dmarc_organisational(struct lookup *l, const char *domain, char *out, size_t size)
{
	struct dmarc_walk w;

	dmarc_walk(l, domain, &w);
	if (!w.named || w.wrong != NULL)
		return false;
	(void)snprintf(out, size, "%s", dmarc_walk_organisation(&w));
	return true;
}

/* Whose record binds the start (s4.10.1): its own, that of its organisation, that of the registry above; NULL: none. */
static const struct dmarc_step *
deciding_step(const struct dmarc_walk *w)
{
	const char *organisation;

	if (w->n > 0 && is_record(w->steps[0].status))
		return &w->steps[0];
	/* Above the start nothing is certain until the walk is at its end. */
	if (w->wrong != NULL || w->n == 0)
		return NULL;
	organisation = dmarc_walk_organisation(w);
	for (size_t i = 0; i < w->n; i++) {
		if (is_record(w->steps[i].status) && (w->steps[i].name == organisation || w->steps[i].psd == 'y'))
			return &w->steps[i];
	}
	return NULL;
}

/* RFC 8020: a name is missing when NXDOMAIN is said of itself; at the end of a CNAME it is said of another. */
static bool
name_exists(struct lookup *l, const char *name)
{
	const struct lookup_answer *a = lookup_ask(l, name, RECORD_A);

	return a->state != LOOKUP_NONAME || a->chain.n > 0;
}

struct discovery {
	struct lookup *l;
	struct dmarc_walk walk;
	struct dmarc_policy_found *out;
	struct dmarc_teller tell;
};

/* Read what stands at a name again, this time telling. */
static void
read_step(struct discovery *d, const char *name, struct dmarc_reading *out)
{
	const struct lookup_answer *a = dmarc_ask(d->l, name);

	if (d->tell.rc == CR_OK)
		d->tell.rc = dmarc_read_answer(a, out, d->tell.findings, d->tell.err);
	if (a != NULL && a->chain.n > 0)
		DMARC_TELL(&d->tell, FINDING_NOTE, "dmarc-cname", NULL,
		           "_dmarc.%s is an alias of another name: whoever runs that decides the policy", name);
}

static void
take_policy(struct discovery *d, const struct dmarc_step *s)
{
	struct dmarc_policy_found *o = d->out;

	read_step(d, s->name, &o->reading);
	o->status = o->reading.status;
	copy(o->policy_domain, s->name);
	o->policy = o->reading.p;
	if (s->name == d->walk.start.text)
		return;
	if (o->reading.sp != o->reading.np)
		o->exists = name_exists(d->l, d->walk.start.text);
	o->policy = o->exists ? o->reading.sp : o->reading.np;
}

/* Nothing binds the name: is that because somebody published twice? */
static enum dmarc_status
why_none(const struct dmarc_walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->steps[i].status == DMARC_MULTIPLE)
			return DMARC_MULTIPLE;
	}
	return DMARC_NO_RECORD;
}

/*
 * What RFC 7489 makes of it: the name's own records, and if there is none the organisational domain's by the list; two of them end the
 * search.  False: not known.  DMARC_ABSENT: no DMARC.
 */
static bool
policy_7489(struct discovery *d, enum dmarc_policy *policy_out, const char **from_out)
{
	const char *own = d->walk.start.text, *organisation = d->out->organisational_7489;
	const struct lookup_answer *a = dmarc_ask(d->l, own);
	struct dmarc_reading reading;

	*policy_out = DMARC_ABSENT;
	*from_out = own;
	if (dmarc_read_answer(a, &reading, NULL, NULL) != CR_OK || reading.status == DMARC_TEMPERROR)
		return false;
	*policy_out = reading.p_7489;
	if (reading.status != DMARC_NO_RECORD || name_equal(own, organisation))
		return true;
	*from_out = organisation;
	a = dmarc_ask(d->l, organisation);
	if (dmarc_read_answer(a, &reading, NULL, NULL) != CR_OK || reading.status == DMARC_TEMPERROR)
		return false;
	*policy_out = reading.sp_7489;
	return true;
}

static const char *
policy_words(enum dmarc_policy p)
{
	return p == DMARC_ABSENT ? "no policy" : dmarc_policy_name(p);
}

static void
compare_7489(struct discovery *d)
{
	struct dmarc_policy_found *o = d->out;
	enum dmarc_policy theirs;
	const char *from;

	if (!policy_7489(d, &theirs, &from))
		return;
	o->differs = theirs != o->policy;
	if (o->differs)
		DMARC_TELL(&d->tell, FINDING_WARN, "dmarc-7489", NULL,
		           "receivers that still use the public suffix list (RFC 7489) apply %s of %s, those of RFC "
		           "9989 %s%s%s",
		           policy_words(theirs), from, policy_words(o->policy),
		           o->policy_domain[0] != '\0' ? " of " : "", o->policy_domain);
	if (o->status == DMARC_VALID && o->organisational[0] != '\0' &&
	    !name_equal(o->organisational, o->organisational_7489))
		DMARC_TELL(&d->tell, FINDING_NOTE, "dmarc-organisation", NULL,
		           "the organisational domain is %s by the tree walk, %s by the public suffix list: "
		           "receivers differ in what is aligned",
		           o->organisational, o->organisational_7489);
}

int
dmarc_discover(struct lookup *l, const char *author_domain, struct dmarc_policy_found *out, struct findings *findings,
               struct err *err)
{
	struct discovery d = {
		.l = l, .out = out, .tell = {.findings = findings, .err = err}
        };
	const struct dmarc_step *step;
	struct dmarc_reading reading;
	struct name organisation;

	*out = (struct dmarc_policy_found){.status = DMARC_INVALID, .exists = true};
	dmarc_walk(l, author_domain, &d.walk);
	if (!d.walk.named)
		return CR_OK;
	name_organisation(d.walk.start.text, &organisation);
	copy(out->organisational_7489, organisation.text);
	if (d.walk.wrong == NULL)
		copy(out->organisational, dmarc_walk_organisation(&d.walk));
	step = deciding_step(&d.walk);
	/* What stands at the name itself and is no record of it is worth a word, too. */
	if (d.walk.n > 0 && step != &d.walk.steps[0])
		read_step(&d, d.walk.start.text, &reading);
	if (step != NULL)
		take_policy(&d, step);
	else
		out->status = d.walk.wrong != NULL ? DMARC_TEMPERROR : why_none(&d.walk);
	if (d.walk.wrong != NULL && !d.walk.pending)
		DMARC_TELL(&d.tell, FINDING_UNKNOWN, "dmarc-temperror", NULL, "%s could not be found out: %s",
		           step != NULL ? "the organisational domain" : "the policy", d.walk.wrong->why);
	if (d.walk.wrong == NULL)
		compare_7489(&d);
	return d.tell.rc;
}
