/*
 * route53_inside.h - what the files of the Route 53 driver share: its calls, and what it remembers.
 */
#ifndef DNS_ZONES_ROUTE53_INSIDE_H
#define DNS_ZONES_ROUTE53_INSIDE_H

#include <pthread.h>

#include "dns/zones/memo.h"
#include "dns/zones/route53.h"

/* What one zone held when it was last looked at: what is changed is said to the letter. */
struct r53_known {
	struct memo_entry entry; /* first */
	char id[R53_ID_MAX];
	struct r53_sets sets;
};

/* A reference is spent with the zone that was made by it. */
struct r53_removal {
	char *zone;
	int64_t at_ms;
	struct r53_removal *next;
};

struct r53 {
	struct http *http;
	const struct clock *clock;
	struct pacer *pacer;
	struct r53_target target;
	int64_t wait_ms;
	struct memo known;
	pthread_mutex_t mutex; /* over the list */
	struct r53_removal *removals;
};

/* How a change went so far. */
struct r53_progress {
	bool some; /* a batch was done */
	bool lost; /* an answer was */
	enum r53_code code;
	char change_id[R53_ID_MAX]; /* of the last batch */
};

/* route53_api.c: one call each, or as many as there are pages. */
/* The public zones of that name. */
MUST_CHECK int r53_find(const struct r53 *c, const char *zone, struct r53_zones *out, struct err *err);
/* The one zone of that name, id_out "" when there is none.  Errors: CR_ECONFLICT: several. */
MUST_CHECK int r53_find_one(const struct r53 *c, const char *zone, char id_out[R53_ID_MAX], struct err *err);
/* All record sets, in place of what was in out.  Errors: CR_ENOTFOUND: nothing is known by that id. */
MUST_CHECK int r53_list(const struct r53 *c, const char *zone, const char *id, struct r53_sets *out, struct err *err);
/* As many batches as it takes. */
MUST_CHECK int r53_send(const struct r53 *c, const struct r53_known *k, const struct r53_changes *changes,
                        struct r53_progress *p, struct err *err);
/* Until all name servers have the change, or the time is over: it is done either way, so whatever goes wrong here is no failure. */
void r53_wait_insync(const struct r53 *c, const char *zone, const char *change_id);
/* *code_out: R53_ZONE_EXISTS: the reference was used before.  Errors: CR_EUNKNOWN: perhaps made. */
MUST_CHECK int r53_make(const struct r53 *c, const char *zone, const char *reference, struct zone_state *out,
                        enum r53_code *code_out, struct err *err);
MUST_CHECK int r53_delete(const struct r53 *c, const struct r53_known *k, enum r53_code *code_out, struct err *err);

/* route53_apply.c: k's zone is brought where diff wants it; NULL: it is emptied. */
MUST_CHECK int r53_apply(const struct r53 *c, struct r53_known *k, const struct set_diff *diff, struct r53_progress *p,
                         struct err *err);
/* Until a zone that was just made is known everywhere, its id is not found. */
MUST_CHECK int r53_fill(const struct r53 *c, struct r53_known *k, const struct set_diff *diff, struct r53_progress *p,
                        struct err *err);
/* Emptied, then removed; from the start where another hand fills it meanwhile. */
MUST_CHECK int r53_empty_and_remove(const struct r53 *c, struct r53_known *k, struct err *err);

/* route53_create.c: a zone of that name, made once whatever becomes of the answers: its id, and its name servers where they are told.
 * Errors: CR_ECONFLICT (there is one), CR_ERETRY, CR_EUNKNOWN. */
MUST_CHECK int r53_make_once(struct r53 *c, const char *zone, struct zone_state *out, struct err *err);
/* A zone was removed: its reference is spent. */
void r53_removal_note(struct r53 *c, const char *zone);

#endif
