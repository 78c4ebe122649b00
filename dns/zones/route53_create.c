/*
 * route53_create.c - a zone made once, though its name may have several and an answer may be lost.
 *
 * Source: CreateHostedZone in the Amazon Route 53 API Reference, read 2026-11-25: one CallerReference makes one zone, and asks for it again with 409.
 * Invariant: the reference stays the same for all repetitions of a create, by another run too, and differs after a removal.
 */
#include "dns/zones/route53_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zones/fresh.h"

#define CREATE_TURNS 3 /* under one reference */
/* A create that ended in the dark is met again by its reference for so long. */
#define REFERENCE_S 600

/* Without memory for it the reference stays, and a zone that is made anew at once is told to come later. */
void
r53_removal_note(struct r53 *c, const char *zone)
{
	struct r53_removal *r;

	(void)pthread_mutex_lock(&c->mutex);
	for (r = c->removals; r != NULL && strcmp(r->zone, zone) != 0; r = r->next)
		;
	if (r == NULL && (r = calloc(1, sizeof(*r))) != NULL) {
		r->zone = strdup(zone);
		if (r->zone == NULL) {
			free(r);
			r = NULL;
		} else {
			r->next = c->removals;
			c->removals = r;
		}
	}
	if (r != NULL)
		r->at_ms = clock_wall_ms(c->clock);
	(void)pthread_mutex_unlock(&c->mutex);
}

static int64_t
removed_at(struct r53 *c, const char *zone)
{
	int64_t at_ms = 0;

	(void)pthread_mutex_lock(&c->mutex);
	for (const struct r53_removal *r = c->removals; r != NULL; r = r->next)
		if (strcmp(r->zone, zone) == 0)
			at_ms = r->at_ms;
	(void)pthread_mutex_unlock(&c->mutex);
	return at_ms;
}

/* The same for one create and its repetitions, and another one after a removal: what it stands for besides its zone is hashed. */
static void
reference_make(struct r53 *c, const char *zone, char out[R53_REFERENCE_MAX])
{
	char text[NAME_TEXT_MAX + 64];
	uint8_t digest[32];

	(void)snprintf(text, sizeof(text), "%s %lld %lld", zone, (long long)(clock_wall_s(c->clock) / REFERENCE_S),
	               (long long)removed_at(c, zone));
	secret_digest(text, strlen(text), digest);
	(void)snprintf(out, R53_REFERENCE_MAX, "coldrelay-%.80s-%02x%02x%02x%02x%02x%02x%02x%02x", zone, digest[0],
	               digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
}

/* The zone that was made under our reference, once it can be seen.  Errors: CR_EUNKNOWN. */
static int
find_made(const struct r53 *c, const char *zone, const char *reference, struct zone_state *out, struct err *err)
{
	int turn = 0;

	do {
		struct r53_zones l = {0};
		struct r53_known k = {0};
		int rc = r53_find(c, zone, &l, NULL);

		for (size_t j = 0; rc == CR_OK && j < l.n; j++)
			if (strcmp(l.items[j].reference, reference) == 0)
				buf_copy_text(k.id, sizeof(k.id), l.items[j].id);
		r53_zones_release(&l);
		if (k.id[0] != '\0') {
			out->exists = true;
			out->id = strdup(k.id);
			return out->id != NULL ? CR_OK : err_nomem(err, zone);
		}
	} while (fresh_wait(c->clock, &turn));
	return err_set(err, CR_EUNKNOWN, "zone %s: made, and not to be seen yet", zone);
}

/* The reference was used before, and not by this call. */
static int
tell_taken(const struct r53 *c, const char *zone, struct err *err)
{
	struct r53_zones l = {0};
	const int64_t left_s = REFERENCE_S - clock_wall_s(c->clock) % REFERENCE_S;
	int rc = r53_find(c, zone, &l, err);

	if (rc == CR_OK && l.n > 0)
		rc = err_set(err, CR_ECONFLICT, "zone %s exists already", zone);
	else if (rc == CR_OK) {
		rc = err_set(err, CR_ERETRY, "zone %s: was made a moment ago, and is not to be seen or gone again",
		             zone);
		if (err != NULL)
			err->retry_after_s = (int)left_s;
	}
	r53_zones_release(&l);
	return rc;
}

/* A lost answer is asked for again: one reference makes one zone. */
int
r53_make_once(struct r53 *c, const char *zone, struct zone_state *out, struct err *err)
{
	char reference[R53_REFERENCE_MAX];
	bool lost = false;
	int rc = CR_EUNKNOWN;

	reference_make(c, zone, reference);
	for (int i = 0; rc == CR_EUNKNOWN && i < CREATE_TURNS; i++) {
		enum r53_code code;

		rc = r53_make(c, zone, reference, out, &code, err);
		if (code == R53_ZONE_EXISTS)
			return lost ? find_made(c, zone, reference, out, err) : tell_taken(c, zone, err);
		/* Later says of this attempt that nothing was done, and not of the one before. */
		if (lost && err_nothing_done(rc))
			return err_set(err, CR_EUNKNOWN, "zone %s: an answer was lost, and asking again did not help",
			               zone);
		lost = lost || rc == CR_EUNKNOWN;
	}
	return rc;
}
