/*
 * route53_apply.c - changes of a zone that other hands change too, through answers that may be lost.
 *
 * Invariant: batches are exact (route53_change.c), so one that was done already, or that arrives late, is refused whole; the zone is
 * looked at then, and what is left is done.
 */
#include "dns/zones/route53_inside.h"

#include <string.h>

#include "dns/zones/fresh.h"

#define CHANGE_TURNS 4 /* looks at a zone that changes under our hands */

/* A new look at the zone in place of what was known.  *same_out: nothing has changed. */
static int
look_again(const struct r53 *c, struct r53_known *k, bool *same_out, struct err *err)
{
	struct r53_sets fresh = {0};
	int rc = r53_list(c, k->entry.zone, k->id, &fresh, err);

	if (rc == CR_OK) {
		*same_out = r53_sets_equal(&fresh, &k->sets);
		r53_sets_release(&k->sets);
		k->sets = fresh;
		fresh = (struct r53_sets){0};
	}
	r53_sets_release(&fresh);
	return rc;
}

/* What is told in the end: a change of which a part was done, or may have been, is none that failed. */
static int
give_up(const struct r53_known *k, const struct r53_progress *p, int rc, const struct err *why, struct err *err)
{
	if (!p->some && p->lost && err_nothing_done(rc))
		return err_set(err, CR_EUNKNOWN, "zone %s: an answer was lost; then: %.300s", k->entry.zone, why->text);
	return zone_change_failed(k->entry.zone, p->some, rc, why, err);
}

/* What is to be done to k's zone, by what is known of it.  diff NULL: it is emptied. */
static int
make(const struct r53_known *k, const struct set_diff *diff, struct r53_changes *out, struct err *err)
{
	return diff != NULL ? r53_changes_make(&k->sets, diff, out, err)
	                    : r53_changes_empty(&k->sets, k->entry.zone, out, err);
}

/*
 * An answer that was lost, and a batch that does not match what stands there (another hand's change; or ours, done already): look, and go on with what is
 * left.  Batches are exact, so one that arrives late does nothing twice.
 */
int
r53_apply(const struct r53 *c, struct r53_known *k, const struct set_diff *diff, struct r53_progress *p,
          struct err *err)
{
	int rc = CR_OK;

	for (int i = 0; i < CHANGE_TURNS; i++) {
		struct r53_changes changes = {0};
		struct err why = {0};
		bool same = false;

		p->code = R53_OTHER;
		rc = make(k, diff, &changes, &why);
		if (rc == CR_OK)
			rc = r53_send(c, k, &changes, p, &why);
		r53_changes_release(&changes);
		if (rc == CR_OK)
			return CR_OK;
		if (rc != CR_EUNKNOWN && p->code != R53_BAD_BATCH)
			return give_up(k, p, rc, &why, err);
		p->lost = p->lost || rc == CR_EUNKNOWN;
		if (look_again(c, k, &same, NULL) != CR_OK)
			return err_set(err, p->some || p->lost ? CR_EUNKNOWN : CR_ERETRY, "%s", why.text);
		/* As it was seen, and refused all the same: it is the change itself. */
		if (rc != CR_EUNKNOWN && same)
			return give_up(k, p, rc, &why, err);
	}
	return err_set(err, p->some || p->lost ? CR_EUNKNOWN : CR_ERETRY, "zone %s changes all the time",
	               k->entry.zone);
}

int
r53_fill(const struct r53 *c, struct r53_known *k, const struct set_diff *diff, struct r53_progress *p, struct err *err)
{
	int turn = 0;
	int rc;

	do
		rc = r53_apply(c, k, diff, p, err);
	while (rc == CR_ENOTFOUND && fresh_wait(c->clock, &turn));
	return rc;
}

int
r53_empty_and_remove(const struct r53 *c, struct r53_known *k, struct err *err)
{
	struct r53_progress p = {0};
	struct err why = {0};
	int rc = CR_OK;

	for (int i = 0; i < CHANGE_TURNS; i++) {
		enum r53_code code = R53_OTHER;
		bool same;

		rc = r53_apply(c, k, NULL, &p, &why);
		if (rc == CR_OK)
			rc = r53_delete(c, k, &code, &why);
		if (rc == CR_OK || rc == CR_ENOTFOUND)
			return CR_OK;
		if (code != R53_NOT_EMPTY)
			break;
		rc = look_again(c, k, &same, &why);
		if (rc != CR_OK)
			break;
		rc = err_set(&why, CR_ERETRY, "zone %s changes all the time", k->entry.zone);
	}
	return give_up(k, &p, rc, &why, err);
}
