/*
 * route53.c - zones at Amazon Route 53.
 *
 * Sources: Amazon Route 53 API Reference, 2013-04-01, and the quotas in its Developer Guide (read 2026-11-25).
 * Invariants: a zone is looked for by its name once and known by its id from then on, so a run without changes is one call a zone; the
 * account is never listed.  A name may have several zones, and making one anew makes another: so it is looked for first, and a
 * create is repeated under the same reference only, of which the API makes one zone.  Changes are exact (route53_change.c), so after an answer that was lost
 * the zone is looked at and the rest is done.
 */
#include "dns/zones/route53.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

#define PAGES_MAX      200
#define CHANGE_TURNS   4     /* looks at a zone that changes under our hands */
#define CREATE_TURNS   3     /* under one reference */
#define NEW_ZONE_WAITS 6     /* a zone that was just made is not known everywhere */
#define NEW_ZONE_MS    1000  /* the first of them; then twice as long */
#define SYNC_FIRST_MS  2000  /* the first wait for INSYNC; then twice as long ... */
#define SYNC_MAX_MS    16000 /* ... up to this */
/* A create that ended in the dark is met again by its reference for so long, by another run too. */
#define REFERENCE_S 600

struct r53_settings {
	char *access_key_id, *secret_access_key, *session_token, *url;
	int64_t wait_s;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct r53_settings, member)
static const struct cfg_row settings_rows[] = {
	{"access_key_id", CFG_SECRET, AT(access_key_id), 0, 0, NULL, CFG_REQUIRED, NULL, "Id of the access key, as env:NAME or file:PATH."},
	{"secret_access_key", CFG_SECRET, AT(secret_access_key), 0, 0, NULL, CFG_REQUIRED, NULL, "The secret of the access key, as env:NAME or file:PATH."},
	{"session_token", CFG_SECRET, AT(session_token), 0, 0, NULL, 0, NULL, "The session token of temporary keys, as env:NAME or file:PATH."},
	{"url", CFG_TEXT, AT(url), 0, 0, "https://route53.amazonaws.com/2013-04-01", 0, NULL, "Where the API answers."},
	{"wait", CFG_DURATION, AT(wait_s), 0, 3600, "60s", 0, "seconds", "How long to wait until all name servers have a change; 0: not at all."},
};
#undef AT
/* clang-format on */

/* What one zone held when it was last looked at: what is changed is said to the letter. */
struct known {
	char *zone;
	char id[R53_ID_MAX];
	struct r53_sets sets;
	struct known *next;
};

/* A reference is spent with the zone that was made by it. */
struct removal {
	char *zone;
	int64_t at_ms;
	struct removal *next;
};

struct r53 {
	struct http *http;
	const struct clock *clock;
	struct pacer *pacer;
	struct r53_target target;
	int64_t wait_ms;
	pthread_mutex_t mutex; /* over the lists; an entry of known belongs to whoever works on its zone */
	struct known *known;
	struct removal *removals;
};

static void
known_free(struct known *k)
{
	if (k == NULL)
		return;
	r53_sets_release(&k->sets);
	free(k->zone);
	free(k);
}

/* Out of the list: NULL when zone was not looked at. */
static struct known *
known_take(struct r53 *c, const char *zone)
{
	struct known *k = NULL;

	(void)pthread_mutex_lock(&c->mutex);
	for (struct known **at = &c->known; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->zone, zone) == 0) {
			k = *at;
			*at = k->next;
			break;
		}
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return k;
}

static void
known_keep(struct r53 *c, struct known *k)
{
	known_free(known_take(c, k->zone));
	(void)pthread_mutex_lock(&c->mutex);
	k->next = c->known;
	c->known = k;
	(void)pthread_mutex_unlock(&c->mutex);
}

static struct known *
known_make(const char *zone, const char *id)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k == NULL || (k->zone = strdup(zone)) == NULL) {
		free(k);
		return NULL;
	}
	buf_copy_text(k->id, sizeof(k->id), id != NULL ? id : "");
	return k;
}

/* Without memory for it the reference stays, and a zone that is made anew at once is told to come later. */
static void
removal_note(struct r53 *c, const char *zone)
{
	struct removal *r;

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
	for (const struct removal *r = c->removals; r != NULL; r = r->next)
		if (strcmp(r->zone, zone) == 0)
			at_ms = r->at_ms;
	(void)pthread_mutex_unlock(&c->mutex);
	return at_ms;
}

static bool
is_throttled(const struct http_reply *reply)
{
	return reply->status == 400 && r53_code_read(reply) == R53_THROTTLED;
}

static bool
is_busy(const struct http_reply *reply)
{
	return reply->status == 400 && r53_code_read(reply) == R53_BUSY;
}

/* One exchange; releases q.  CR_OK: the API's own success. */
static int
exchange(const struct r53 *c, struct http_request *q, const char *what, struct http_reply *reply,
         enum r53_code *code_out, struct err *err)
{
	const bool reads = strcmp(q->method, "GET") == 0;
	const struct http_policy policy = {
		.pacer = c->pacer,
		.throttled = is_throttled,
		.transient = is_busy,
		/* An id is never given out again, so what a DELETE removes twice is the same zone. */
		.idempotent_write = strcmp(q->method, "DELETE") == 0,
	};
	int rc = http_exchange(c->http, c->clock, &policy, q, reply, err);

	*code_out = R53_OTHER;
	if (rc == CR_OK && (reply->status / 100 != 2 || strstr(reply->content_type, "/xml") == NULL)) {
		rc = r53_fault_parse(reply, what, code_out, err);
		/* Nothing is changed by a read, whatever went wrong with it. */
		if (rc == CR_EUNKNOWN && reads)
			rc = err_set(err, CR_ERETRY, "%s: answered %d", what, reply->status);
	}
	http_request_release(q);
	return rc;
}

/* The public zones of that name. */
static int
find(const struct r53 *c, const char *zone, struct r53_zones *out, struct err *err)
{
	int rc = CR_OK;

	for (unsigned page = 0; rc == CR_OK && page < PAGES_MAX; page++) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		enum r53_code code;

		rc = r53_find_request(&c->target, zone, out->more ? out : NULL, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, zone, &reply, &code, err);
		if (rc == CR_OK)
			rc = r53_zones_parse(buf_str(&reply.body), reply.body.len, zone, out, err);
		http_reply_release(&reply);
		if (rc == CR_OK && !out->more)
			return CR_OK;
	}
	return rc != CR_OK ? rc : err_set(err, CR_EREFUSED, "zone %s: more of this name than can be told", zone);
}

/* The one zone of that name, id_out "" when there is none.  Errors: CR_ECONFLICT: several. */
static int
find_one(const struct r53 *c, const char *zone, char id_out[R53_ID_MAX], struct err *err)
{
	struct r53_zones l = {0};
	int rc = find(c, zone, &l, err);

	id_out[0] = '\0';
	if (rc == CR_OK && l.n > 1)
		rc = err_set(err, CR_ECONFLICT,
		             "zone %s: %zu public hosted zones have this name (%s, %s%s): delete all but the one whose "
		             "name servers the domain is delegated to",
		             zone, l.n, l.items[0].id, l.items[1].id, l.n > 2 ? ", ..." : "");
	else if (rc == CR_OK && l.n == 1)
		buf_copy_text(id_out, R53_ID_MAX, l.items[0].id);
	r53_zones_release(&l);
	return rc;
}

/* All record sets, page by page.  Errors: CR_ENOTFOUND: nothing is known by that id. */
static int
list(const struct r53 *c, const char *zone, const char *id, struct r53_sets *out, struct err *err)
{
	int rc = CR_OK;

	r53_sets_release(out);
	for (unsigned page = 0; rc == CR_OK && page < PAGES_MAX; page++) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		enum r53_code code;

		rc = r53_sets_request(&c->target, id, page > 0 ? out : NULL, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, zone, &reply, &code, err);
		if (rc == CR_OK)
			rc = r53_sets_parse(buf_str(&reply.body), reply.body.len, out, err);
		http_reply_release(&reply);
		if (rc == CR_OK && !out->more)
			return CR_OK;
	}
	return rc != CR_OK ? rc : err_set(err, CR_EREFUSED, "zone %s: more records than %u pages", zone, PAGES_MAX);
}

/* Each zone has a SOA at its name. */
static bool
is_of_zone(const struct r53_sets *l, const char *zone)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].type == RECORD_SOA)
			return name_equal(l->items[i].owner, zone);
	return false;
}

/* The zone as it is now; *known_out: NULL when it is not there. */
static int
look(const struct r53 *c, const char *zone, const char *id, struct known **known_out, struct err *err)
{
	struct known *k = known_make(zone, id);
	int rc = k != NULL ? CR_ENOTFOUND : err_nomem(err, zone);

	*known_out = NULL;
	if (k == NULL)
		return rc;
	if (id != NULL && r53_is_id(id))
		rc = list(c, zone, id, &k->sets, err);
	if (rc == CR_OK && !is_of_zone(&k->sets, zone))
		rc = CR_ENOTFOUND;
	if (rc == CR_ENOTFOUND) {
		rc = find_one(c, zone, k->id, err);
		if (rc == CR_OK && k->id[0] != '\0')
			rc = list(c, zone, k->id, &k->sets, err);
		/* Named, and not yet known by its id everywhere: it was made a moment ago. */
		if (rc == CR_ENOTFOUND)
			rc = err_set(err, CR_ERETRY, "zone %s: just made, and not known everywhere yet", zone);
	}
	if (rc == CR_OK && k->id[0] != '\0')
		*known_out = TAKE(k);
	known_free(k);
	return rc;
}

static int
state_fill(const struct known *k, struct zone_state *s, struct err *err)
{
	int rc = CR_OK;

	s->exists = true;
	s->id = strdup(k->id);
	if (s->id == NULL)
		return err_nomem(err, k->zone);
	for (size_t i = 0; i < k->sets.n; i++)
		for (size_t j = 0; rc == CR_OK && j < k->sets.items[i].records.n; j++)
			rc = records_add_copy(&s->records, &k->sets.items[i].records.items[j], err);
	return rc == CR_OK ? zone_state_name_servers(s, k->zone, err) : rc;
}

static int
r53_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	struct r53 *c = ctx;
	struct zone_state s = {0};
	struct known *k = NULL;
	int rc = look(c, zone, id, &k, err);

	if (rc == CR_OK && k != NULL)
		rc = state_fill(k, &s, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
		known_free(known_take(c, zone));
		if (k != NULL)
			known_keep(c, TAKE(k));
	}
	zone_state_release(&s);
	known_free(k);
	return rc;
}

/* Until all name servers have the change, or the time is over: it is done either way, so whatever goes wrong here is no failure. */
static void
wait_insync(const struct r53 *c, const char *zone, const char *change_id)
{
	const int64_t end_ms = clock_boot_ms(c->clock) + c->wait_ms;
	int64_t gap_ms = SYNC_FIRST_MS;
	bool insync = false;
	int rc = CR_OK;

	while (change_id[0] != '\0' && rc == CR_OK && !insync && clock_boot_ms(c->clock) + gap_ms <= end_ms) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		char id[R53_ID_MAX];
		enum r53_code code;
		struct err err = {0};

		clock_sleep_ms(c->clock, gap_ms);
		gap_ms = gap_ms * 2 < SYNC_MAX_MS ? gap_ms * 2 : SYNC_MAX_MS;
		rc = r53_status_request(&c->target, change_id, &q, &err);
		if (rc == CR_OK)
			rc = exchange(c, &q, zone, &reply, &code, &err);
		if (rc == CR_OK)
			rc = r53_status_parse(buf_str(&reply.body), reply.body.len, id, &insync, &err);
		http_reply_release(&reply);
		if (rc != CR_OK)
			log_debug("change %s of %s: not waited for: %s", change_id, zone, err.text);
	}
}

/* How a change went so far. */
struct progress {
	bool some; /* a batch was done */
	bool lost; /* an answer was */
	enum r53_code code;
	char change_id[R53_ID_MAX]; /* of the last batch */
};

/* As many batches as it takes. */
static int
send(const struct r53 *c, const struct known *k, const struct r53_changes *changes, struct progress *p, struct err *err)
{
	int rc = CR_OK;

	for (size_t at = 0, n; rc == CR_OK && at < changes->n; at += n) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		bool insync;

		n = r53_changes_batch(changes, at);
		rc = r53_change_request(&c->target, k->id, &changes->items[at], n, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, k->zone, &reply, &p->code, err);
		p->some = p->some || rc == CR_OK;
		/* It is done: an id that cannot be read is only not waited for. */
		if (rc == CR_OK &&
		    r53_status_parse(buf_str(&reply.body), reply.body.len, p->change_id, &insync, NULL) != CR_OK)
			p->change_id[0] = '\0';
		http_reply_release(&reply);
	}
	return rc;
}

/* A new look at the zone in place of what was known.  *same_out: nothing has changed. */
static int
look_again(const struct r53 *c, struct known *k, bool *same_out, struct err *err)
{
	struct r53_sets fresh = {0};
	int rc = list(c, k->zone, k->id, &fresh, err);

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
give_up(const struct known *k, const struct progress *p, int rc, const struct err *why, struct err *err)
{
	if (p->some && err_nothing_done(rc))
		return err_set(err, CR_EUNKNOWN, "zone %s: changed in part: %.300s", k->zone, why->text);
	if (p->lost && err_nothing_done(rc))
		return err_set(err, CR_EUNKNOWN, "zone %s: an answer was lost; then: %.300s", k->zone, why->text);
	if (err != NULL)
		*err = *why;
	return rc;
}

/* What is to be done to k's zone, by what is known of it. */
typedef int make_changes(const struct known *k, const void *arg, struct r53_changes *out, struct err *err);

/*
 * An answer that was lost, and a batch that does not match what stands there (another hand's change; or ours, done already): look, and go on with what is
 * left.  Batches are exact, so one that arrives late does nothing twice.
 */
static int
change(const struct r53 *c, struct known *k, make_changes *make, const void *arg, struct progress *p, struct err *err)
{
	int rc = CR_OK;

	for (int i = 0; i < CHANGE_TURNS; i++) {
		struct r53_changes changes = {0};
		struct err why = {0};
		bool same = false;

		p->code = R53_OTHER;
		rc = make(k, arg, &changes, &why);
		if (rc == CR_OK)
			rc = send(c, k, &changes, p, &why);
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
	return err_set(err, p->some || p->lost ? CR_EUNKNOWN : CR_ERETRY, "zone %s changes all the time", k->zone);
}

static int
make_diff(const struct known *k, const void *arg, struct r53_changes *out, struct err *err)
{
	return r53_changes_make(&k->sets, arg, out, err);
}

static int
make_empty(const struct known *k, const void *arg, struct r53_changes *out, struct err *err)
{
	(void)arg;
	return r53_changes_empty(&k->sets, k->zone, out, err);
}

static int
r53_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	struct r53 *c = ctx;
	struct known *k = NULL;
	struct records after = {0};
	struct progress p = {0};
	int rc;

	if (diff->n == 0)
		return CR_OK;
	/* The API's own word for a CNAME beside other data comes too late. */
	rc = zone_records_changed(&base->records, diff, &after, err);
	records_release(&after);
	if (rc != CR_OK)
		return rc;
	k = known_take(c, zone);
	if (k == NULL) {
		rc = look(c, zone, base->id, &k, err);
		if (rc == CR_OK && k == NULL)
			rc = err_set(err, CR_ENOTFOUND, "zone %s is not there", zone);
	}
	if (rc == CR_OK)
		rc = change(c, k, make_diff, diff, &p, err);
	if (rc == CR_OK)
		wait_insync(c, zone, p.change_id);
	known_free(k);
	return rc;
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
	for (int i = 0; i <= NEW_ZONE_WAITS; i++) {
		struct r53_zones l = {0};
		struct known k = {0};
		int rc = find(c, zone, &l, NULL);

		for (size_t j = 0; rc == CR_OK && j < l.n; j++)
			if (strcmp(l.items[j].reference, reference) == 0)
				buf_copy_text(k.id, sizeof(k.id), l.items[j].id);
		r53_zones_release(&l);
		if (k.id[0] != '\0') {
			out->exists = true;
			out->id = strdup(k.id);
			return out->id != NULL ? CR_OK : err_nomem(err, zone);
		}
		if (i < NEW_ZONE_WAITS)
			clock_sleep_ms(c->clock, (int64_t)NEW_ZONE_MS << i);
	}
	return err_set(err, CR_EUNKNOWN, "zone %s: made, and not to be seen yet", zone);
}

/* The reference was used before, and not by this call. */
static int
tell_taken(const struct r53 *c, const char *zone, struct err *err)
{
	struct r53_zones l = {0};
	const int64_t left_s = REFERENCE_S - clock_wall_s(c->clock) % REFERENCE_S;
	int rc = find(c, zone, &l, err);

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

/* The zone alone: id, and name servers where they are told.  A lost answer is asked for again: one reference makes one zone. */
static int
make_zone(struct r53 *c, const char *zone, struct zone_state *out, struct err *err)
{
	char reference[R53_REFERENCE_MAX];
	bool lost = false;
	int rc = CR_EUNKNOWN;

	reference_make(c, zone, reference);
	for (int i = 0; rc == CR_EUNKNOWN && i < CREATE_TURNS; i++) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		enum r53_code code = R53_OTHER;

		rc = r53_create_request(&c->target, zone, reference, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, zone, &reply, &code, err);
		if (rc == CR_OK && r53_created_parse(buf_str(&reply.body), reply.body.len, zone, out, err) != CR_OK)
			rc = err_set(err, CR_EUNKNOWN, "zone %s: made, but the answer cannot be read", zone);
		http_reply_release(&reply);
		if (code == R53_ZONE_EXISTS)
			return lost ? find_made(c, zone, reference, out, err) : tell_taken(c, zone, err);
		/* Later says of this attempt that nothing was done, and not of the one before. */
		if (lost && err_nothing_done(rc))
			rc = err_set(err, CR_EUNKNOWN, "zone %s: an answer was lost, and asking again did not help",
			             zone);
		lost = lost || rc == CR_EUNKNOWN;
	}
	return rc;
}

/* Its records.  Until the zone is known everywhere, its id is not found. */
static int
fill_zone(const struct r53 *c, struct known *k, const struct set_diff *diff, struct progress *p, struct err *err)
{
	int rc = CR_OK;

	for (int i = 0; i <= NEW_ZONE_WAITS; i++) {
		rc = change(c, k, make_diff, diff, p, err);
		if (rc != CR_ENOTFOUND)
			return rc;
		if (i < NEW_ZONE_WAITS)
			clock_sleep_ms(c->clock, (int64_t)NEW_ZONE_MS << i);
	}
	return rc;
}

/* What out gets; after a lost answer the name servers are not known, and nor do they have to be. */
static void
hand_over(struct zone_state *s, struct zone_state *out)
{
	if (out == NULL)
		return;
	*out = *s;
	*s = (struct zone_state){0};
}

static int
check_free(const struct r53 *c, const char *zone, struct err *err)
{
	struct r53_zones l = {0};
	int rc = find(c, zone, &l, err);

	if (rc == CR_OK && l.n > 0)
		rc = err_set(err, CR_ECONFLICT, "zone %s exists already (%s)", zone, l.items[0].id);
	r53_zones_release(&l);
	return rc;
}

static int
r53_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	struct r53 *c = ctx;
	struct known *k = NULL;
	struct zone_state s = {0};
	struct set_diff diff = {0};
	struct progress p = {0};
	struct err why = {0};
	int rc = check_free(c, zone, err);

	for (size_t i = 0; rc == CR_OK && i < records->n; i++)
		rc = set_diff_add(&diff, SET_CREATE, &records->items[i], err);
	if (rc == CR_OK)
		rc = make_zone(c, zone, &s, err);
	if (rc != CR_OK)
		goto out;
	known_free(known_take(c, zone));
	k = known_make(zone, s.id);
	rc = k != NULL ? fill_zone(c, k, &diff, &p, &why) : err_nomem(&why, zone);
	/* The zone stands, so this is no failure of which nothing is left. */
	if (rc != CR_OK) {
		rc = err_set(err, CR_EUNKNOWN, "zone %s was made; its records were not: %.300s", zone, why.text);
		goto out;
	}
	wait_insync(c, zone, p.change_id);
	hand_over(&s, out);
out:
	set_diff_release(&diff);
	zone_state_release(&s);
	known_free(k);
	return rc;
}

static int
remove_zone(const struct r53 *c, const struct known *k, enum r53_code *code_out, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc = r53_remove_request(&c->target, k->id, &q, err);

	if (rc == CR_OK)
		rc = exchange(c, &q, k->zone, &reply, code_out, err);
	http_reply_release(&reply);
	return rc;
}

/* Emptied, then removed; from the start where another hand fills it meanwhile. */
static int
empty_and_remove(const struct r53 *c, struct known *k, struct err *err)
{
	struct progress p = {0};
	struct err why = {0};
	int rc = CR_OK;

	for (int i = 0; i < CHANGE_TURNS; i++) {
		enum r53_code code = R53_OTHER;
		bool same;

		rc = change(c, k, make_empty, NULL, &p, &why);
		if (rc == CR_OK)
			rc = remove_zone(c, k, &code, &why);
		if (rc == CR_OK || rc == CR_ENOTFOUND)
			return CR_OK;
		if (code != R53_NOT_EMPTY)
			break;
		rc = look_again(c, k, &same, &why);
		if (rc != CR_OK)
			break;
		rc = err_set(&why, CR_ERETRY, "zone %s changes all the time", k->zone);
	}
	return give_up(k, &p, rc, &why, err);
}

static int
r53_remove(void *ctx, const char *zone, struct err *err)
{
	struct r53 *c = ctx;
	struct known *last = known_take(c, zone), *k = NULL;
	/* By the id it was last seen under: another zone may have its name. */
	int rc = look(c, zone, last != NULL ? last->id : NULL, &k, err);

	if (rc == CR_OK && k != NULL) {
		rc = empty_and_remove(c, k, err);
		if (rc == CR_OK)
			removal_note(c, zone);
	}
	known_free(last);
	known_free(k);
	return rc;
}

static int
r53_reject(const struct record *r, const char *zone, struct err *err)
{
	static const uint16_t held[] = {RECORD_A,   RECORD_AAAA, RECORD_CNAME, RECORD_MX,   RECORD_TXT, RECORD_NS,
	                                RECORD_SRV, RECORD_CAA,  RECORD_PTR,   RECORD_TLSA, RECORD_DS};
	struct buf text = {0};
	size_t len;
	char type[16];

	if ((r->type == RECORD_NS || r->type == RECORD_SOA) && name_equal(r->owner, zone))
		return err_set(err, CR_EREFUSED, "%s %s: those of a zone are assigned by Route 53",
		               record_type_name(r->type, type), r->owner);
	if (r->type == RECORD_TXT && r->data_len == 0)
		return err_set(err, CR_EREFUSED, "TXT %s: Route 53 holds no empty TXT", r->owner);
	r53_value_write(r, &text);
	len = text.len;
	buf_release(&text);
	if (len > R53_VALUE_MAX)
		return err_set(err, CR_EREFUSED, "%s %s: %zu characters as it is written, Route 53 holds %d",
		               record_type_name(r->type, type), r->owner, len, R53_VALUE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		if (held[i] == r->type)
			return CR_OK;
	return err_set(err, CR_EREFUSED, "%s %s: not among the types that are sent to Route 53",
	               record_type_name(r->type, type), r->owner);
}

static void
r53_drop(void *ctx)
{
	struct r53 *c = ctx;

	if (c == NULL)
		return;
	while (c->known != NULL) {
		struct known *k = c->known;

		c->known = k->next;
		known_free(k);
	}
	while (c->removals != NULL) {
		struct removal *r = c->removals;

		c->removals = r->next;
		free(r->zone);
		free(r);
	}
	(void)pthread_mutex_destroy(&c->mutex);
	pacer_drop(&c->pacer);
	secret_drop(&c->target.user);
	secret_drop(&c->target.session);
	free(c->target.base);
	free(c);
}

/* "ID:SECRET", as the transport takes it. */
static int
user_make(const struct r53_settings *s, struct secret **out, struct err *err)
{
	struct secret *id = NULL, *key = NULL;
	struct buf both = {.max_bytes = SECRET_MAX_BYTES};
	size_t len;
	bool is_inline;
	int rc = CR_OK;

	if (secret_resolve(s->access_key_id, true, &is_inline, &id, err) != CR_OK)
		rc = err_wrap(err, "access_key_id");
	if (rc == CR_OK && secret_resolve(s->secret_access_key, true, &is_inline, &key, err) != CR_OK)
		rc = err_wrap(err, "secret_access_key");
	if (rc == CR_OK && strchr(secret_bytes(id, &len), ':') != NULL)
		rc = err_set(err, CR_ECONFIG, "access_key_id: holds a colon, and is no id");
	if (rc == CR_OK) {
		buf_adds(&both, secret_bytes(id, &len));
		buf_addc(&both, ':');
		buf_adds(&both, secret_bytes(key, &len));
		rc = buf_check(&both, "access key", err);
	}
	if (rc == CR_OK)
		rc = secret_make(buf_str(&both), both.len, out, err);
	secret_wipe_buf(&both);
	secret_drop(&id);
	secret_drop(&key);
	return rc;
}

extern const struct zone_driver zone_driver_route53;

static int
r53_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct r53_settings *s = settings;
	struct r53 *c = calloc(1, sizeof(*c));
	bool is_inline;
	int rc;

	if (c == NULL)
		return err_nomem(err, "route53");
	(void)pthread_mutex_init(&c->mutex, NULL);
	c->http = env->http;
	c->clock = env->clock;
	c->wait_ms = s->wait_s * 1000;
	rc = zone_base_url("url", s->url, &c->target.base, err);
	if (rc == CR_OK)
		rc = user_make(s, &c->target.user, err);
	if (rc == CR_OK && s->session_token != NULL &&
	    secret_resolve(s->session_token, true, &is_inline, &c->target.session, err) != CR_OK)
		rc = err_wrap(err, "session_token");
	if (rc == CR_OK)
		rc = pacer_open(zone_driver_route53.limits, zone_driver_route53.n_limits, &c->pacer, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(c);
	r53_drop(c);
	return rc;
}

const struct zone_driver zone_driver_route53 = {
	.name = "route53",
	.summary = "Amazon Route 53",
	.caps = ZONE_CAP_CREATE | ZONE_CAP_ATOMIC | ZONE_CAP_RRSET_TTL | ZONE_CAP_SLASH,
	.ttl_min_s = 0,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = R53_VALUE_MAX,
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct r53_settings),
	.tested = "stateful fake, checked mock",
	.read_on = "2026-11-25",
 /* Five calls in a second an account.  Evenly, and one of five kept back: calls that leave in time may arrive closer together. */
	.limits = {{1, 250}    },
	.n_limits = 1,
	.calls = { .observe = 1, .create = 4, .change = 3},
	.open = r53_open,
	.drop = r53_drop,
	.reject = r53_reject,
	.observe = r53_observe,
	.create = r53_create,
	.change = r53_change,
	.remove = r53_remove,
};
