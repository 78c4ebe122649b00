/*
 * spf.c - SPF records joined with further terms, and written again; they are read in spf_terms.c.
 *
 * RFC 7208: s5.1 and s6.1 what all and redirect make of each other.  A record that does not parse is never written back: what is not
 * understood belongs to somebody else.
 */
#include "dns/spf.h"

#include <stdlib.h>
#include <string.h>

#include "dns/spf_inside.h"

#define VERSION    "v=spf1"
#define TEXT_MAX   65535  /* the RDATA of one TXT record */
#define QUALIFIERS "+?~-" /* weakest end of a record first */

/* Rules are mechanisms other than all: what ends a record is the owner's policy, not a template's. */
static int
parse_rules(const char *rules, struct spf *out, struct err *err)
{
	int rc;

	if (strnlen(rules, TEXT_MAX + 1) > TEXT_MAX)
		return err_set(err, CR_EPARSE, "spf rules: longer than %d bytes", TEXT_MAX);
	rc = spf_terms_parse((struct span){rules, strlen(rules)}, out, err);
	for (size_t i = 0; rc == CR_OK && i < out->n; i++) {
		if (out->terms[i].qualifier == '\0' || out->terms[i].kind == SPF_ALL)
			rc = err_set(err, CR_EPARSE, "spf rules: '%s' cannot be merged", out->terms[i].text);
	}
	return rc;
}

/* The index of "all", or n. */
static size_t
find_all(const struct spf *s)
{
	const struct spf_term *all = spf_all(s);

	return all != NULL ? (size_t)(all - s->terms) : s->n;
}

/* The last term with this text, or n: what a merge added stands behind what was there. */
static size_t
find_text(const struct spf *s, const char *text)
{
	for (size_t i = s->n; i > 0; i--) {
		if (strcmp(s->terms[i - 1].text, text) == 0)
			return i - 1;
	}
	return s->n;
}

/* The same mechanism with another result stands there already, so ours would never be reached. */
static int
check_contradiction(const struct spf *s, const struct spf_term *t, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct spf_term *there = &s->terms[i];

		if (there->qualifier != t->qualifier && strcmp(there->text, t->text) == 0)
			return err_set(err, CR_ECONFLICT, "spf: '%c%s' contradicts '%c%s', which is there",
			               t->qualifier, t->text, there->qualifier, there->text);
	}
	return CR_OK;
}

/* Its text moves along, and with it what points into that. */
static struct spf_term
take_term(struct spf_term *from)
{
	struct spf_term t = *from;

	from->text = NULL;
	return t;
}

static void
insert(struct spf *s, size_t at, struct spf_term t)
{
	memmove(&s->terms[at + 1], &s->terms[at], (s->n - at) * sizeof(*s->terms));
	s->terms[at] = t;
	s->n++;
}

static void
remove_at(struct spf *s, size_t at)
{
	free(s->terms[at].text);
	memmove(&s->terms[at], &s->terms[at + 1], (s->n - at - 1) * sizeof(*s->terms));
	s->n--;
}

/* The end asked for, unless the record's own is as strict.  A redirect is an end too, and all would switch it off (s6.1). */
static void
strengthen_end(struct spf *s, struct spf_term *end)
{
	size_t at = find_all(s);

	if (at < s->n) {
		if (strchr(QUALIFIERS, end->qualifier) > strchr(QUALIFIERS, s->terms[at].qualifier))
			s->terms[at].qualifier = end->qualifier;
		return;
	}
	if (spf_modifier(s, SPF_REDIRECT) == NULL)
		insert(s, s->n, take_term(end));
}

int
spf_merge(struct spf *s, const char *rules, const char *all, struct err *err)
{
	struct spf added = {0};
	struct spf_term end = {0};
	int rc = parse_rules(rules, &added, err);

	if (rc == CR_OK && all != NULL)
		rc = spf_term_parse((struct span){all, strlen(all)}, &end, err);
	if (rc == CR_OK && all != NULL && end.kind != SPF_ALL)
		rc = err_set(err, CR_EPARSE, "spf: '%s' is no form of all", all);
	for (size_t i = 0; rc == CR_OK && i < added.n; i++)
		rc = check_contradiction(s, &added.terms[i], err);
	/* From here on nothing fails, so that s is merged whole or left alone. */
	if (rc == CR_OK)
		rc = spf_reserve(s, added.n + 1, err);
	if (rc != CR_OK)
		goto out;
	for (size_t i = 0; i < added.n; i++) {
		if (find_text(s, added.terms[i].text) == s->n)
			insert(s, find_all(s), take_term(&added.terms[i]));
	}
	if (all != NULL)
		strengthen_end(s, &end);
out:
	free(end.text);
	spf_release(&added);
	return rc;
}

int
spf_unmerge(struct spf *s, const char *rules, struct err *err)
{
	struct spf gone = {0};
	int rc = parse_rules(rules, &gone, err);

	for (size_t i = 0; rc == CR_OK && i < gone.n; i++) {
		size_t at = find_text(s, gone.terms[i].text);

		if (at < s->n && s->terms[at].qualifier == gone.terms[i].qualifier)
			remove_at(s, at);
	}
	spf_release(&gone);
	return rc;
}

size_t
spf_lookups(const struct spf *s)
{
	size_t all = find_all(s), n = 0;

	for (size_t i = 0; i < s->n; i++) {
		bool modifier = s->terms[i].qualifier == '\0';

		/* Mechanisms behind all are never reached, and a redirect beside all is ignored (s5.1). */
		if (s->terms[i].counts && (modifier ? all == s->n : i < all))
			n++;
	}
	return n;
}

int
spf_format(const struct spf *s, char **out, struct err *err)
{
	struct buf text = {.max_bytes = TEXT_MAX};
	int rc;

	buf_adds(&text, VERSION);
	for (size_t i = 0; i < s->n; i++) {
		buf_addc(&text, ' ');
		if (s->terms[i].qualifier != '\0' && s->terms[i].qualifier != '+')
			buf_addc(&text, s->terms[i].qualifier);
		buf_adds(&text, s->terms[i].text);
	}
	rc = buf_take(&text, "spf record", out, err);
	buf_release(&text);
	return rc;
}
