/*
 * cloudflare.c - zones at Cloudflare, through its API v4.
 *
 * Sources: https://developers.cloudflare.com/api (read 2026-11-25).
 * Invariants: a zone is looked for by its name once and known by its id from then on, so a run without changes is one call a zone; the
 * account is never listed.  Changes are one batch, which the API does in one transaction, up to its ceiling of operations.  After an
 * answer that was lost, or says that a record is there or gone already, the zone is looked at before anything is repeated.
 */
#include "dns/zones/cloudflare.h"

#include <stdlib.h>
#include <string.h>

#include "dns/zones/fresh.h"
#include "dns/zones/memo.h"

#define PAGES_MAX    200
#define CHANGE_TURNS 3 /* looks at a zone that changes under our hands */

struct cf_settings {
	char *url, *api_token, *account;
	int64_t batch_max;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct cf_settings, member)
static const struct cfg_row settings_rows[] = {
	{"api_token", CFG_SECRET, AT(api_token), 0, 0, NULL, CFG_REQUIRED, NULL, "API token with Zone Edit and DNS Edit, as env:NAME or file:PATH."},
	{"account", CFG_TEXT, AT(account), 0, 0, NULL, CFG_REQUIRED, NULL, "Id of the account that holds the zones."},
	{"batch_max", CFG_INT, AT(batch_max), 1, 3500, "200", 0, "changes", "How many changes the plan of the account allows in one batch."},
	{"url", CFG_TEXT, AT(url), 0, 0, "https://api.cloudflare.com/client/v4", 0, NULL, "Where the API answers."},
};
#undef AT
/* clang-format on */

/* What one zone held when it was last looked at: changes name records by their ids. */
struct known {
	struct memo_entry entry; /* first */
	char *id;
	struct cf_records records;
};

struct cf {
	struct http *http;
	const struct clock *clock;
	struct pacer *pacer;
	struct cf_target target;
	size_t batch_max;
	struct memo known;
};

static void
known_free(struct known *k)
{
	if (k == NULL)
		return;
	cf_records_release(&k->records);
	free(k->entry.zone);
	free(k->id);
	free(k);
}

static void
drop_entry(struct memo_entry *e)
{
	known_free((struct known *)e);
}

/* One exchange; releases q.  CR_OK: the API's own success. */
static int
exchange(const struct cf *c, struct http_request *q, const char *what, struct http_reply *reply, int64_t *code_out,
         struct err *err)
{
	const struct http_policy policy = {.pacer = c->pacer};
	int rc = http_exchange(c->http, c->clock, &policy, q, reply, err);

	*code_out = 0;
	if (rc == CR_OK && (reply->status != 200 || strncmp(reply->content_type, "application/json", 16) != 0)) {
		const bool reads = strcmp(q->method, "GET") == 0;

		rc = cf_fault_parse(reply, what, code_out, err);
		/* Nothing is changed by a read, whatever went wrong with it. */
		if (rc == CR_EUNKNOWN && reads)
			rc = err_set(err, CR_ERETRY, "%s: answered %d", what, reply->status);
	}
	http_request_release(q);
	return rc;
}

/* id and name servers by the name; not there: exists is false. */
static int
find(const struct cf *c, const char *zone, struct zone_state *out, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int64_t code;
	int rc = cf_find_request(&c->target, zone, &q, err);

	if (rc == CR_OK)
		rc = exchange(c, &q, zone, &reply, &code, err);
	if (rc == CR_OK)
		rc = cf_zone_parse(buf_str(&reply.body), reply.body.len, zone, out, err);
	http_reply_release(&reply);
	return rc;
}

/* All records of a zone, page by page.  Errors: CR_ENOTFOUND: nothing is known by that id. */
static int
list(const struct cf *c, const char *zone, const char *id, struct cf_records *out, struct err *err)
{
	int rc = CR_OK;

	for (unsigned page = 1; rc == CR_OK && page <= PAGES_MAX; page++) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		const size_t before = out->seen;
		int64_t code;

		rc = cf_records_request(&c->target, id, page, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, zone, &reply, &code, err);
		if (rc == CR_OK)
			rc = cf_records_parse(buf_str(&reply.body), reply.body.len, out, err);
		http_reply_release(&reply);
		if (rc == CR_OK && (out->seen >= out->total || out->seen == before))
			return CR_OK;
	}
	return rc != CR_OK ? rc : err_set(err, CR_EREFUSED, "zone %s: more records than %u pages", zone, PAGES_MAX);
}

/* An id that names another zone by now, or nothing. */
static bool
is_of_zone(const struct cf_records *l, const char *zone)
{
	for (size_t i = 0; i < l->n; i++)
		if (!name_is_under(l->items[i].record.owner, zone))
			return false;
	return true;
}

/* The zone with its records; out->id and its name servers where the name had to be looked for.  *known_out: NULL when it is not there. */
static int
look(const struct cf *c, const char *zone, const char *id, struct zone_state *out, struct known **known_out,
     struct err *err)
{
	struct known *k = calloc(1, sizeof(*k));
	struct zone_state s = {0};
	int rc = CR_ENOTFOUND;

	*known_out = NULL;
	if (k == NULL || (k->entry.zone = strdup(zone)) == NULL) {
		rc = err_nomem(err, zone);
		goto out;
	}
	if (id != NULL) {
		rc = list(c, zone, id, &k->records, err);
		if (rc == CR_OK && !is_of_zone(&k->records, zone))
			rc = CR_ENOTFOUND;
		if (rc == CR_OK && (s.id = strdup(id)) == NULL)
			rc = err_nomem(err, zone);
		s.exists = rc == CR_OK;
	}
	if (rc == CR_ENOTFOUND) {
		cf_records_release(&k->records);
		rc = find(c, zone, &s, err);
		if (rc == CR_OK && s.exists)
			rc = list(c, zone, s.id, &k->records, err);
		/* Named, and not yet known by its id everywhere: it was made a moment ago. */
		if (rc == CR_ENOTFOUND)
			rc = fresh_unseen(zone, err);
	}
	if (rc == CR_OK && s.exists && (k->id = strdup(s.id)) == NULL)
		rc = err_nomem(err, zone);
	if (rc != CR_OK)
		goto out;
	if (s.exists)
		*known_out = TAKE(k);
	*out = s;
	s = (struct zone_state){0};
out:
	zone_state_release(&s);
	known_free(k);
	return rc;
}

static int
cf_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	struct cf *c = ctx;
	struct zone_state s = {0};
	struct known *k = NULL;
	int rc = look(c, zone, id, &s, &k, err);

	for (size_t i = 0; rc == CR_OK && k != NULL && i < k->records.n; i++)
		rc = records_add_copy(&s.records, &k->records.items[i].record, err);
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

static const struct cf_record *
find_record(const struct cf_records *l, const struct record *like)
{
	for (size_t i = 0; i < l->n; i++)
		if (record_same(&l->items[i].record, like))
			return &l->items[i];
	return NULL;
}

/* What of diff is still to be done to a zone that holds these records. */
static int
batch_make(const struct cf_records *now, const struct set_diff *diff, struct cf_batch *b, struct err *err)
{
	*b = (struct cf_batch){.deletes = calloc(diff->n + 1, sizeof(*b->deletes)),
	                       .patches = calloc(diff->n + 1, sizeof(*b->patches)),
	                       .posts = calloc(diff->n + 1, sizeof(*b->posts))};
	if (b->deletes == NULL || b->patches == NULL || b->posts == NULL)
		return err_nomem(err, "changes");
	for (size_t i = 0; i < diff->n; i++) {
		const struct set_change *change = &diff->items[i];
		const struct cf_record *there = find_record(now, &change->record);

		if (change->op == SET_DELETE && there != NULL)
			b->deletes[b->n_deletes++] = there->id;
		else if (change->op != SET_DELETE && there == NULL)
			b->posts[b->n_posts++] = &change->record;
		else if (change->op != SET_DELETE && there->record.ttl_s != change->record.ttl_s)
			b->patches[b->n_patches++] = (struct cf_patch){there->id, change->record.ttl_s};
	}
	return CR_OK;
}

static void
batch_release(struct cf_batch *b)
{
	free(b->deletes);
	free(b->patches);
	free(b->posts);
	*b = (struct cf_batch){0};
}

static size_t
batch_size(const struct cf_batch *b)
{
	return b->n_deletes + b->n_patches + b->n_posts;
}

static size_t
at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

/* The next max operations of b, in the order of the API, cut off it; nothing is copied. */
static struct cf_batch
batch_cut(struct cf_batch *b, size_t max)
{
	struct cf_batch part = {.deletes = b->deletes, .patches = b->patches, .posts = b->posts};

	part.n_deletes = at_most(b->n_deletes, max);
	part.n_patches = at_most(b->n_patches, max - part.n_deletes);
	part.n_posts = at_most(b->n_posts, max - part.n_deletes - part.n_patches);
	b->deletes += part.n_deletes;
	b->n_deletes -= part.n_deletes;
	b->patches += part.n_patches;
	b->n_patches -= part.n_patches;
	b->posts += part.n_posts;
	b->n_posts -= part.n_posts;
	return part;
}

/* As many batches as it takes.  *some_out: one of them was done. */
static int
send(const struct cf *c, const struct known *k, const struct cf_batch *all, bool *some_out, int64_t *code_out,
     struct err *err)
{
	struct cf_batch rest = *all;
	int rc = CR_OK;

	while (rc == CR_OK && batch_size(&rest) > 0) {
		const struct cf_batch part = batch_cut(&rest, c->batch_max);
		struct http_request q = {0};
		struct http_reply reply = {0};

		rc = cf_batch_request(&c->target, k->id, &part, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, k->entry.zone, &reply, code_out, err);
		http_reply_release(&reply);
		*some_out = *some_out || rc == CR_OK;
	}
	return rc;
}

/* A new look at the zone in place of what was known. */
static int
look_again(const struct cf *c, struct known **k, struct err *err)
{
	struct zone_state s = {0};
	struct known *fresh = NULL;
	int rc = look(c, (*k)->entry.zone, (*k)->id, &s, &fresh, err);

	if (rc == CR_OK && fresh == NULL)
		rc = err_set(err, CR_ECONFLICT, "zone %s is gone", (*k)->entry.zone);
	if (rc == CR_OK) {
		known_free(*k);
		*k = TAKE(fresh);
	}
	zone_state_release(&s);
	known_free(fresh);
	return rc;
}

static bool
is_outdated(int64_t code)
{
	return code == CF_NO_SUCH || code == CF_SAME_RECORD || code == CF_SAME_RECORD_2;
}

/* What is told in the end: a change of which a part was done, or may have been, is none that failed. */
static int
give_up(const struct known *k, bool lost, bool some, int rc, const struct err *why, struct err *err)
{
	if (lost)
		return err_set(err, CR_EUNKNOWN, "zone %s: an answer was lost, and what it was about is not to be seen",
		               k->entry.zone);
	return zone_change_failed(k->entry.zone, some, rc, why, err);
}

/*
 * Another hand's change shows as a record that is there, or gone, already: look, and go on with what is left.  After an answer that was lost
 * the zone is looked at too; what is not to be seen then may also be not to be seen yet, so it is left to whoever comes next.
 */
static int
change(const struct cf *c, struct known **k, const struct set_diff *diff, struct err *err)
{
	bool some = false, lost = false;
	int rc = CR_OK;

	for (int i = 0; i < CHANGE_TURNS; i++) {
		struct cf_batch b;
		struct err why = {0};
		int64_t code = 0;
		bool all_done;

		rc = batch_make(&(*k)->records, diff, &b, &why);
		all_done = rc == CR_OK && batch_size(&b) == 0;
		if (rc == CR_OK && !all_done && !lost)
			rc = send(c, *k, &b, &some, &code, &why);
		batch_release(&b);
		if (all_done || (rc == CR_OK && !lost))
			return CR_OK;
		if (lost || (rc != CR_EUNKNOWN && !is_outdated(code)))
			return give_up(*k, lost, some, rc, &why, err);
		lost = rc == CR_EUNKNOWN;
		if (look_again(c, k, NULL) != CR_OK)
			return err_set(err, some ? CR_EUNKNOWN : rc, "%s", why.text);
	}
	return err_set(err, some ? CR_EUNKNOWN : CR_ERETRY, "zone %s changes all the time", (*k)->entry.zone);
}

static int
cf_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	struct cf *c = ctx;
	struct known *k = NULL;
	struct zone_state s = {0};
	int rc;

	if (diff->n == 0)
		return CR_OK;
	/* The API's own word for a CNAME beside other data names no record. */
	rc = zone_check_change(&base->records, diff, err);
	if (rc != CR_OK)
		return rc;
	k = (struct known *)memo_take(&c->known, zone);
	if (k == NULL) {
		rc = look(c, zone, base->id, &s, &k, err);
		zone_state_release(&s);
		if (rc == CR_OK && k == NULL)
			rc = err_set(err, CR_ENOTFOUND, "zone %s is not there", zone);
	}
	if (rc == CR_OK)
		rc = change(c, &k, diff, err);
	known_free(k);
	return rc;
}

/* The zone alone: id and name servers into out. */
static int
make_zone(const struct cf *c, const char *zone, struct zone_state *out, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int64_t code;
	int rc = cf_create_request(&c->target, zone, &q, err);

	if (rc == CR_OK)
		rc = exchange(c, &q, zone, &reply, &code, err);
	if (rc == CR_OK && cf_zone_parse(buf_str(&reply.body), reply.body.len, zone, out, err) != CR_OK)
		rc = err_set(err, CR_EUNKNOWN, "zone %s: made, but the answer cannot be read", zone);
	http_reply_release(&reply);
	return rc;
}

/* Its records.  Until the zone is known everywhere, its id is not found. */
static int
fill_zone(const struct cf *c, struct known **k, const struct set_diff *diff, struct err *err)
{
	int turn = 0;
	int rc;

	do
		rc = change(c, k, diff, err);
	while (rc == CR_ENOTFOUND && fresh_wait(c->clock, &turn));
	return rc;
}

static int
cf_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	struct cf *c = ctx;
	struct known *k = calloc(1, sizeof(*k));
	struct zone_state s = {0};
	struct set_diff diff = {0};
	struct err why = {0};
	int rc = CR_OK;

	if (k == NULL || (k->entry.zone = strdup(zone)) == NULL)
		rc = err_nomem(err, zone);
	if (rc == CR_OK)
		rc = set_diff_create(records, &diff, err);
	if (rc == CR_OK)
		rc = make_zone(c, zone, &s, err);
	if (rc != CR_OK)
		goto out;
	k->id = strdup(s.id);
	rc = k->id != NULL ? fill_zone(c, &k, &diff, &why) : err_nomem(&why, zone);
	/* The zone stands, so this is no failure of which nothing is left. */
	if (rc != CR_OK)
		rc = fresh_unfilled(zone, &why, err);
	if (rc == CR_OK && out != NULL) {
		*out = s;
		s = (struct zone_state){0};
	}
out:
	set_diff_release(&diff);
	zone_state_release(&s);
	known_free(k);
	return rc;
}

static int
cf_remove(void *ctx, const char *zone, struct err *err)
{
	struct cf *c = ctx;
	struct http_request q = {0};
	struct http_reply reply = {0};
	struct zone_state s = {0};
	int64_t code;
	int rc = find(c, zone, &s, err);

	if (rc == CR_OK && s.exists) {
		rc = cf_remove_request(&c->target, s.id, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, zone, &reply, &code, err);
		if (rc == CR_ENOTFOUND)
			rc = CR_OK;
	}
	memo_forget(&c->known, zone);
	zone_state_release(&s);
	http_reply_release(&reply);
	return rc;
}

static int
cf_reject(const struct record *r, const char *zone, struct err *err)
{
	static const uint16_t held[] = {RECORD_A,  RECORD_AAAA, RECORD_CNAME, RECORD_MX,  RECORD_TXT,
	                                RECORD_NS, RECORD_SRV,  RECORD_CAA,   RECORD_PTR, RECORD_TLSA};
	char type[16];

	if (r->type == RECORD_NS && name_equal(r->owner, zone))
		return err_set(err, CR_EREFUSED, "NS %s: the name servers of a zone are assigned by Cloudflare",
		               r->owner);
	if (r->type == RECORD_TXT && r->data_len == 0)
		return err_set(err, CR_EREFUSED, "TXT %s: Cloudflare holds no empty TXT", r->owner);
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		if (held[i] == r->type)
			return CR_OK;
	return err_set(err, CR_EREFUSED, "%s %s: not among the types that are sent to Cloudflare",
	               record_type_name(r->type, type), r->owner);
}

static void
cf_drop(void *ctx)
{
	struct cf *c = ctx;

	if (c == NULL)
		return;
	memo_close(&c->known);
	pacer_drop(&c->pacer);
	secret_drop(&c->target.token);
	free(c->target.base);
	free(c->target.account);
	free(c);
}

extern const struct zone_driver zone_driver_cloudflare;

static int
cf_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct cf_settings *s = settings;
	struct cf *c = calloc(1, sizeof(*c));
	bool is_inline;
	int rc;

	if (c == NULL)
		return err_nomem(err, "cloudflare");
	memo_open(&c->known, drop_entry);
	c->http = env->http;
	c->clock = env->clock;
	c->batch_max = (size_t)s->batch_max;
	rc = zone_base_url("url", s->url, &c->target.base, err);
	if (rc == CR_OK && (c->target.account = strdup(s->account)) == NULL)
		rc = err_nomem(err, "cloudflare");
	if (rc == CR_OK && secret_resolve(s->api_token, true, &is_inline, &c->target.token, err) != CR_OK)
		rc = err_wrap(err, "api_token");
	if (rc == CR_OK)
		rc = pacer_open(zone_driver_cloudflare.limits, zone_driver_cloudflare.n_limits, &c->pacer, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(c);
	cf_drop(c);
	return rc;
}

const struct zone_driver zone_driver_cloudflare = {
	.name = "cloudflare",
	.summary = "Cloudflare, API v4",
	.caps = ZONE_CAP_CREATE | ZONE_CAP_ATOMIC | ZONE_CAP_NO_APEX,
	.ttl_min_s = 60,
	.ttl_max_s = 86400,
	.txt_max_bytes = 2048,
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct cf_settings),
	.tested = "stateful fake, checked mock",
	.read_on = "2026-11-25",
 /* 1,200 calls in five minutes a user, over all of his tokens: a tenth is left to his dashboard. */
	.limits = {{1080, 300000}},
	.n_limits = 1,
	.calls = { .observe = 1, .create = 2, .change = 1},
	.open = cf_open,
	.drop = cf_drop,
	.reject = cf_reject,
	.observe = cf_observe,
	.create = cf_create,
	.change = cf_change,
	.remove = cf_remove,
};
