/*
 * verify_fold.c - a fault is named once.
 *
 * 1. A record set that is not as intended, and what the check of its kind found there: one line, that of the set, with expected and
 *    seen, under the id, text and fix of the check.
 * 2. What only follows from another fault of the same report becomes a note.
 */
#include <stdlib.h>
#include <string.h>

#include "provision/verify_inside.h"

/* effect is no fault of its own where one of the causes failed. */
static const struct {
	const char *effect, *cause;
} follows[] = {
  /* clang-format off */
	/* The mail host has lost its address. */
	{"helo-unresolvable", "mx-unresolvable"},
	{"ptr-not-confirmed", "mx-unresolvable"},
	{"spf-helo-not-pass", "mx-unresolvable"},
	/* Or has another one than it sends from. */
	{"helo-mismatch", "ptr-not-confirmed"},
	{"spf-helo-not-pass", "ptr-not-confirmed"},
	/* Whoever goes round in a circle meets the limit. */
	{"spf-lookups", "spf-circle"},
	/* There is no such domain; what an intended record set lacks is still told. */
	{"mx-missing", "zone-missing"},
	{"spf-missing", "zone-missing"},
	{"dmarc-missing", "zone-missing"},
	{"dkim-missing", "zone-missing"},
	/* Its records are hidden behind an alias. */
	{"mx-alias", "record-apex-cname"},
	{"mx-missing", "record-apex-cname"},
	{"mx-implicit", "record-apex-cname"},
	{"spf-missing", "record-apex-cname"},
	{"zone-unknown", "record-apex-cname"},
  /* clang-format on */
};

static bool
is_bad(const struct verify_line *l)
{
	return l->status >= VERIFY_WARN;
}

/* Is other what the check of set's kind found there? */
static bool
belongs(const struct verify_line *set, const struct verify_line *other)
{
	if (set->group != VERIFY_RECORDS || set->topic == VERIFY_RECORDS || other->group != set->topic ||
	    !is_bad(other))
		return false;
	/* Of a set that could not be seen, a check can say no more than that. */
	if (set->status == VERIFY_UNKNOWN && other->status != VERIFY_UNKNOWN)
		return false;
	if (set->status == VERIFY_WARN && other->status == VERIFY_UNKNOWN)
		return false;
	return other->about == NULL || set->about == NULL || strcmp(other->about, set->about) == 0;
}

static void
swap(char **a, char **b)
{
	char *old = *a;

	*a = *b;
	*b = old;
}

/* The first that joins gives the line its words; the others add to them. */
static int
join(struct verify_line *set, struct verify_line *other, bool first, struct err *err)
{
	struct buf text = {0}, also = {0};
	int rc = CR_OK;

	/* A guess gives no name to what was seen. */
	if (first && (other->status != VERIFY_UNKNOWN || set->status == VERIFY_UNKNOWN)) {
		set->id = other->id;
		swap(&set->text, &other->text);
		if (other->fix != NULL)
			swap(&set->fix, &other->fix);
	} else {
		buf_addf(&text, "%s; %s", set->text != NULL ? set->text : "", other->text != NULL ? other->text : "");
		buf_addf(&also, "%s%s%s", set->also != NULL ? set->also : "", set->also != NULL ? " " : "", other->id);
		rc = buf_check(&text, "report", err);
		if (rc == CR_OK)
			rc = buf_check(&also, "report", err);
		if (rc == CR_OK) {
			swap(&set->text, &text.data);
			swap(&set->also, &also.data);
		}
		buf_release(&text);
		buf_release(&also);
	}
	if (other->status > set->status) {
		set->status = other->status;
		set->pending = other->pending;
	}
	return rc;
}

/* The worst that belongs to the set, and is still there. */
static struct verify_line *
worst_of(struct verify_report *r, const struct verify_line *set)
{
	struct verify_line *worst = NULL;

	for (size_t i = 0; i < r->n; i++) {
		struct verify_line *l = &r->items[i];

		if (belongs(set, l) && (worst == NULL || l->status > worst->status))
			worst = l;
	}
	return worst;
}

static void
take_out(struct verify_report *r, struct verify_line *l)
{
	const size_t i = (size_t)(l - r->items);

	verify_line_release(l);
	memmove(l, l + 1, (r->n - i - 1) * sizeof(*l));
	r->n--;
}

static bool
failed(const struct verify_report *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct verify_line *l = &r->items[i];

		if (l->status == VERIFY_FAIL &&
		    (strcmp(l->id, id) == 0 || (l->also != NULL && strstr(l->also, id) != NULL)))
			return true;
	}
	return false;
}

int
verify_fold(struct verify_report *r, struct err *err)
{
	int rc = CR_OK;

	/* Record sets stand first: a line that is taken out is never before them. */
	for (size_t i = 0; rc == CR_OK && i < r->n; i++) {
		struct verify_line *other;
		bool first = true;

		if (r->items[i].group != VERIFY_RECORDS || !is_bad(&r->items[i]))
			continue;
		while (rc == CR_OK && (other = worst_of(r, &r->items[i])) != NULL) {
			rc = join(&r->items[i], other, first, err);
			take_out(r, other);
			first = false;
		}
	}
	for (size_t i = 0; rc == CR_OK && i < r->n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(follows); k++) {
			if (is_bad(&r->items[i]) && r->items[i].group != VERIFY_RECORDS &&
			    strcmp(r->items[i].id, follows[k].effect) == 0 && failed(r, follows[k].cause))
				r->items[i].status = VERIFY_NOTE;
		}
	}
	verify_count(r);
	return rc;
}
