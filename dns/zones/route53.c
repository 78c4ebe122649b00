/*
 * route53.c - zones at Amazon Route 53.
 *
 * Sources: Amazon Route 53 API Reference, 2013-04-01, and the quotas in its Developer Guide (read 2026-11-25).
 * Invariants: a zone is looked for by its name once and known by its id from then on, so a run without changes is one call a zone; the
 * account is never listed.  A name may have several zones, and making one anew makes another: so it is looked for first, and a
 * create is repeated under the same reference only, of which the API makes one zone.  Changes are exact (route53_change.c), so after an answer that was lost
 * the zone is looked at and the rest is done.
 */
#include "dns/zones/route53_inside.h"

#include <stdlib.h>
#include <string.h>

#include "dns/zones/fresh.h"

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

static void
known_free(struct r53_known *k)
{
	if (k == NULL)
		return;
	r53_sets_release(&k->sets);
	free(k->entry.zone);
	free(k);
}

static void
drop_entry(struct memo_entry *e)
{
	known_free((struct r53_known *)e);
}

static struct r53_known *
known_make(const char *zone, const char *id)
{
	struct r53_known *k = calloc(1, sizeof(*k));

	if (k == NULL || (k->entry.zone = strdup(zone)) == NULL) {
		free(k);
		return NULL;
	}
	buf_copy_text(k->id, sizeof(k->id), id != NULL ? id : "");
	return k;
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
look(const struct r53 *c, const char *zone, const char *id, struct r53_known **known_out, struct err *err)
{
	struct r53_known *k = known_make(zone, id);
	int rc = k != NULL ? CR_ENOTFOUND : err_nomem(err, zone);

	*known_out = NULL;
	if (k == NULL)
		return rc;
	if (id != NULL && r53_is_id(id))
		rc = r53_list(c, zone, id, &k->sets, err);
	if (rc == CR_OK && !is_of_zone(&k->sets, zone))
		rc = CR_ENOTFOUND;
	if (rc == CR_ENOTFOUND) {
		rc = r53_find_one(c, zone, k->id, err);
		if (rc == CR_OK && k->id[0] != '\0')
			rc = r53_list(c, zone, k->id, &k->sets, err);
		/* Named, and not yet known by its id everywhere: it was made a moment ago. */
		if (rc == CR_ENOTFOUND)
			rc = fresh_unseen(zone, err);
	}
	if (rc == CR_OK && k->id[0] != '\0')
		*known_out = TAKE(k);
	known_free(k);
	return rc;
}

static int
state_fill(const struct r53_known *k, struct zone_state *s, struct err *err)
{
	int rc = CR_OK;

	s->exists = true;
	s->id = strdup(k->id);
	if (s->id == NULL)
		return err_nomem(err, k->entry.zone);
	for (size_t i = 0; i < k->sets.n; i++) {
		const struct r53_set *set = &k->sets.items[i];

		for (size_t j = 0; rc == CR_OK && j < set->records.n; j++)
			rc = records_add_copy(&s->records, &set->records.items[j], err);
		if (rc == CR_OK && set->fixed != NULL)
			rc = zone_state_add_fixed(s, set->owner, set->type, set->fixed, err);
	}
	return rc == CR_OK ? zone_state_name_servers(s, k->entry.zone, err) : rc;
}

static int
r53_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	struct r53 *c = ctx;
	struct zone_state s = {0};
	struct r53_known *k = NULL;
	int rc = look(c, zone, id, &k, err);

	if (rc == CR_OK && k != NULL)
		rc = state_fill(k, &s, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
		memo_forget(&c->known, zone);
		if (k != NULL)
			memo_keep(&c->known, &TAKE(k)->entry);
	}
	zone_state_release(&s);
	known_free(k);
	return rc;
}

static int
r53_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	struct r53 *c = ctx;
	struct r53_known *k = NULL;
	struct r53_progress p = {0};
	int rc;

	if (diff->n == 0)
		return CR_OK;
	/* The API's own word for a CNAME beside other data comes too late. */
	rc = zone_check_change(&base->records, diff, err);
	if (rc != CR_OK)
		return rc;
	k = (struct r53_known *)memo_take(&c->known, zone);
	if (k == NULL) {
		rc = look(c, zone, base->id, &k, err);
		if (rc == CR_OK && k == NULL)
			rc = err_set(err, CR_ENOTFOUND, "zone %s is not there", zone);
	}
	if (rc == CR_OK)
		rc = r53_apply(c, k, diff, &p, err);
	if (rc == CR_OK)
		r53_wait_insync(c, zone, p.change_id);
	known_free(k);
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
	int rc = r53_find(c, zone, &l, err);

	if (rc == CR_OK && l.n > 0)
		rc = err_set(err, CR_ECONFLICT, "zone %s exists already (%s)", zone, l.items[0].id);
	r53_zones_release(&l);
	return rc;
}

static int
r53_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	struct r53 *c = ctx;
	struct r53_known *k = NULL;
	struct zone_state s = {0};
	struct set_diff diff = {0};
	struct r53_progress p = {0};
	struct err why = {0};
	int rc = check_free(c, zone, err);

	if (rc == CR_OK)
		rc = set_diff_create(records, &diff, err);
	if (rc == CR_OK)
		rc = r53_make_once(c, zone, &s, err);
	if (rc != CR_OK)
		goto out;
	memo_forget(&c->known, zone);
	k = known_make(zone, s.id);
	rc = k != NULL ? r53_fill(c, k, &diff, &p, &why) : err_nomem(&why, zone);
	/* The zone stands, so this is no failure of which nothing is left. */
	if (rc != CR_OK) {
		rc = fresh_unfilled(zone, &why, err);
		goto out;
	}
	r53_wait_insync(c, zone, p.change_id);
	hand_over(&s, out);
out:
	set_diff_release(&diff);
	zone_state_release(&s);
	known_free(k);
	return rc;
}

static int
r53_remove(void *ctx, const char *zone, struct err *err)
{
	struct r53 *c = ctx;
	struct r53_known *last = (struct r53_known *)memo_take(&c->known, zone), *k = NULL;
	/* By the id it was last seen under: another zone may have its name. */
	int rc = look(c, zone, last != NULL ? last->id : NULL, &k, err);

	if (rc == CR_OK && k != NULL) {
		rc = r53_empty_and_remove(c, k, err);
		if (rc == CR_OK)
			r53_removal_note(c, zone);
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
	memo_close(&c->known);
	while (c->removals != NULL) {
		struct r53_removal *r = c->removals;

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
	memo_open(&c->known, drop_entry);
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

/* clang-format off */
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
	.limits = {{.calls = 1, .per_ms = 250}},
	.n_limits = 1,
	.calls = {.observe = 1, .create = 4, .change = 3},
	.open = r53_open,
	.drop = r53_drop,
	.reject = r53_reject,
	.observe = r53_observe,
	.create = r53_create,
	.change = r53_change,
	.remove = r53_remove,
};
/* clang-format on */
