/*
 * azure.c - zones at Azure DNS, through Azure Resource Manager.
 *
 * Sources: https://learn.microsoft.com/rest/api/dns (2018-05-01), https://learn.microsoft.com/azure/dns/dns-protect-zones-recordsets (etags);
 * read 2026-11-25.
 * Invariants: a zone is read by its record sets alone, one call for a hundred of them.  Each set is written by a call of its own that holds
 * for the state it was made from only (If-Match with the etag that was seen, If-None-Match: * for a new one), so it may be sent twice and does
 * nothing over a change by another hand.  A change that stops half-way is CR_EUNKNOWN: the next run goes on from what is there.
 */
#include "dns/zones/azure.h"

#include <stdlib.h>
#include <string.h>

#include "dns/zones/fresh.h"

#define PAGES_MAX 500
#define SET_TURNS 3 /* looks at a set that changes under our hands */
#define AGAIN_MS  1000

struct az_settings {
	struct arm_settings arm;
};

static const struct cfg_row settings_rows[] = {ARM_ROWS(struct az_settings)};

struct az {
	const struct clock *clock;
	struct arm *arm;
};

/* ---- looking ---- */

/* All sets of a zone, page by page.  Errors: CR_ENOTFOUND: no such zone. */
static int
list(const struct az *z, const char *zone, struct az_sets *out, struct err *err)
{
	char *next = NULL, code[ARM_CODE_MAX];
	int rc = CR_OK;

	for (int page = 0; rc == CR_OK && page < PAGES_MAX; page++) {
		struct http_request q = {0};
		struct http_reply reply = {0};

		rc = next != NULL ? arm_request_given(z->arm, next, &q, err) : az_list_request(z->arm, zone, &q, err);
		free(next);
		next = NULL;
		if (rc == CR_OK)
			rc = arm_exchange(z->arm, &q, true, zone, &reply, code, err);
		if (rc == CR_OK)
			rc = az_list_parse(buf_str(&reply.body), reply.body.len, zone, out, &next, err);
		http_reply_release(&reply);
		if (rc == CR_OK && next == NULL)
			return CR_OK;
	}
	free(next);
	return rc != CR_OK ? rc : err_set(err, CR_EREFUSED, "zone %s: more sets than %d pages", zone, PAGES_MAX);
}

static int
az_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	struct az *z = ctx;
	struct zone_state s = {.exists = true};
	struct az_sets sets = {0};
	int rc = list(z, zone, &sets, err);

	(void)id; /* a zone is known by its name */
	if (rc == CR_ENOTFOUND) {
		*out = (struct zone_state){0};
		rc = CR_OK;
		goto out;
	}
	for (size_t i = 0; rc == CR_OK && i < sets.n; i++) {
		for (size_t n = 0; rc == CR_OK && n < sets.items[i].records.n; n++)
			rc = records_add_copy(&s.records, &sets.items[i].records.items[n], err);
		if (rc == CR_OK && sets.items[i].alias)
			rc = zone_state_add_fixed(&s, sets.items[i].owner, sets.items[i].type,
			                          "an alias of a resource at Azure", err);
	}
	if (rc == CR_OK)
		rc = zone_state_name_servers(&s, zone, err);
	if (rc == CR_OK)
		rc = az_marks_make(&sets, &s.serial, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
	}
out:
	zone_state_release(&s);
	az_sets_release(&sets);
	return rc;
}

/* One set and its mark; not there: mark->exists is false. */
static int
look_at_set(const struct az *z, const char *zone, const struct set_rrset *set, struct records *out,
            struct az_mark *mark, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	struct az_set s = {0};
	char code[ARM_CODE_MAX];
	int rc = az_set_request(z->arm, zone, set->owner, set->type, &q, err);

	*mark = (struct az_mark){0};
	if (rc == CR_OK)
		rc = arm_exchange(z->arm, &q, true, set->owner, &reply, code, err);
	if (rc == CR_OK)
		rc = az_set_parse(buf_str(&reply.body), reply.body.len, zone, &s, err);
	if (rc == CR_OK) {
		*mark = (struct az_mark){
			.etag = TAKE(s.etag), .metadata = TAKE(s.metadata), .exists = true, .alias = s.alias};
		*out = s.records;
		s.records = (struct records){0};
	}
	http_reply_release(&reply);
	az_set_release(&s);
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

/* ---- writing one set ---- */

/* The values of a set among the records of a zone, with its TTL. */
static bool
holds(const struct records *now, const struct set_rrset *set)
{
	if (records_count(now, set->owner, set->type) != set->records.n)
		return false;
	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *r = records_find(now, &set->records.items[i]);

		if (r == NULL || r->ttl_s != set->ttl_s)
			return false;
	}
	return true;
}

static bool
is_touched(const struct set_diff *diff, const struct record *r)
{
	for (size_t i = 0; i < diff->n; i++)
		if (record_same(&diff->items[i].record, r))
			return true;
	return false;
}

static bool
is_of(const struct record *r, const struct set_rrset *set)
{
	return r->type == set->type && name_equal(r->owner, set->owner);
}

/* Every value of a's set that the change is not about stands in b too. */
static bool
neighbours_in(const struct records *a, const struct records *b, const struct set_rrset *set,
              const struct set_diff *diff)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct record *r = &a->items[i];

		if (is_of(r, set) && !is_touched(diff, r) && records_find(b, r) == NULL)
			return false;
	}
	return true;
}

static int
send_set(const struct az *z, const char *zone, const struct set_rrset *set, const struct az_mark *mark, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	char code[ARM_CODE_MAX];
	int rc = set->records.n > 0 ? az_put_request(z->arm, zone, set, mark, &q, err)
	                            : az_delete_request(z->arm, zone, set, mark, &q, err);

	if (rc == CR_OK)
		rc = arm_exchange(z->arm, &q, true, set->owner, &reply, code, err);
	http_reply_release(&reply);
	return rc;
}

static int
refuse_alias(const struct set_rrset *set, const struct az_mark *mark, struct err *err)
{
	if (!mark->alias)
		return CR_OK;
	return err_set(err, CR_ECONFLICT, "%s: an alias of a resource at Azure stands there, and it is not ours",
	               set->owner);
}

/*
 * The set as it is now, after a refusal by its etag or trouble that leaves open what was done.  *done_out: it is as it should be.
 * Errors: CR_ECONFLICT: another hand changed what this change is not about, so it was made from something that is no more.
 */
static int
look_again(const struct az *z, const char *zone, const struct records *base, const struct set_rrset *set,
           const struct set_diff *diff, struct az_mark *mark, bool *done_out, struct err *err)
{
	struct records now = {0};
	struct az_mark fresh = {0};
	int rc = look_at_set(z, zone, set, &now, &fresh, err);

	if (rc == CR_OK)
		rc = refuse_alias(set, &fresh, err);
	*done_out = rc == CR_OK && holds(&now, set);
	if (rc == CR_OK && !*done_out &&
	    (!neighbours_in(base, &now, set, diff) || !neighbours_in(&now, base, set, diff)))
		rc = err_set(err, CR_ECONFLICT, "%s: another hand changed it meanwhile", set->owner);
	if (rc == CR_OK) {
		az_mark_release(mark);
		*mark = fresh;
		fresh = (struct az_mark){0};
	}
	az_mark_release(&fresh);
	records_release(&now);
	return rc;
}

/* *some_out: something was done, or was done already. */
static int
write_set(const struct az *z, const char *zone, const struct records *base, const struct set_rrset *set,
          const struct set_diff *diff, struct az_mark *mark, bool *some_out, struct err *err)
{
	struct err why = {0}, unseen = {0};
	bool done = false;
	int rc = CR_OK;

	for (int i = 0; i < SET_TURNS; i++) {
		rc = send_set(z, zone, set, mark, &why);
		if (rc == CR_OK) {
			*some_out = true;
			return CR_OK;
		}
		if (rc != CR_ECONFLICT && rc != CR_EUNKNOWN)
			break;
		if (look_again(z, zone, base, set, diff, mark, &done, &unseen) != CR_OK) {
			/* Not to be seen: what is known is what the write said. */
			if (rc == CR_ECONFLICT)
				rc = unseen.code, why = unseen;
			break;
		}
		if (done) {
			*some_out = true;
			return CR_OK;
		}
		/* Not to be seen yet, perhaps; what is guarded may be sent again all the same. */
		if (rc == CR_EUNKNOWN)
			clock_sleep_ms(z->clock, AGAIN_MS);
	}
	if (err != NULL)
		*err = why;
	return rc;
}

/* ---- the driver's calls ---- */

/* Every set of the change, one call each, in the order of the change: what goes away first. */
static int
write_sets(const struct az *z, const char *zone, const struct records *base, const struct set_rrsets *sets,
           const struct set_diff *diff, const struct json *marks, struct err *err)
{
	struct err why = {0};
	bool some = false;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < sets->n; i++) {
		const struct set_rrset *set = &sets->items[i];
		struct az_mark mark = {0};

		if (holds(base, set))
			continue;
		rc = az_mark_find(marks, set->owner, set->type, &mark, &why);
		if (rc == CR_OK)
			rc = write_set(z, zone, base, set, diff, &mark, &some, &why);
		az_mark_release(&mark);
	}
	return rc == CR_OK ? CR_OK : zone_change_failed(zone, some, rc, &why, err);
}

static int
refuse_aliases(const struct set_rrsets *sets, const struct json *marks, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < sets->n; i++) {
		struct az_mark mark = {0};

		rc = az_mark_find(marks, sets->items[i].owner, sets->items[i].type, &mark, err);
		if (rc == CR_OK)
			rc = refuse_alias(&sets->items[i], &mark, err);
		az_mark_release(&mark);
	}
	return rc;
}

static int
az_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	struct az *z = ctx;
	struct set_rrsets sets = {0};
	struct json *marks = NULL;
	int rc;

	if (diff->n == 0)
		return CR_OK;
	rc = zone_check_change(&base->records, diff, err);
	if (rc == CR_OK)
		rc = set_rrsets_make(&base->records, diff, &sets, err);
	if (rc == CR_OK && base->serial != NULL)
		rc = json_parse(base->serial, strlen(base->serial), &marks, err);
	if (rc == CR_OK)
		rc = refuse_aliases(&sets, marks, err);
	if (rc == CR_OK)
		rc = write_sets(z, zone, &base->records, &sets, diff, marks, err);
	json_drop(&marks);
	set_rrsets_release(&sets);
	return rc;
}

static bool
is_untouched(const struct zone_state *s, const char *zone)
{
	for (size_t i = 0; i < s->records.n; i++) {
		const struct record *r = &s->records.items[i];

		if (!name_equal(r->owner, zone) || (r->type != RECORD_SOA && r->type != RECORD_NS))
			return false;
	}
	return true;
}

/*
 * It exists, and was not seen before.  Not to be seen now either, or with nothing in it: it was made a moment ago, perhaps by ourselves before
 * an answer was lost, and whoever looks again goes on with it.
 */
static int
tell_taken(const struct az *z, const char *zone, struct err *err)
{
	struct zone_state s = {0};
	int rc = az_observe((void *)(uintptr_t)z, zone, NULL, &s, err);

	if (rc == CR_OK && (!s.exists || is_untouched(&s, zone)))
		rc = err_set(err, CR_ERETRY, "zone %s: just made, and not known everywhere before", zone);
	else if (rc == CR_OK)
		rc = err_set(err, CR_ECONFLICT, "zone %s exists already", zone);
	zone_state_release(&s);
	return rc;
}

/* The zone alone: name servers into out. */
static int
make_zone(const struct az *z, const char *zone, struct zone_state *out, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	char code[ARM_CODE_MAX];
	int rc = az_create_request(z->arm, zone, &q, err);

	/* Sent once: "there already" in answer to a second one would not say whose it is. */
	if (rc == CR_OK)
		rc = arm_exchange(z->arm, &q, false, zone, &reply, code, err);
	if (rc == CR_ECONFLICT)
		rc = tell_taken(z, zone, err);
	if (rc == CR_OK && az_zone_parse(buf_str(&reply.body), reply.body.len, zone, out, err) != CR_OK)
		rc = err_set(err, CR_EUNKNOWN, "zone %s: made, but the answer cannot be read", zone);
	http_reply_release(&reply);
	return rc;
}

/* Its records.  Until the zone is known everywhere, it is not found. */
static int
fill_zone(const struct az *z, const char *zone, const struct set_diff *diff, struct err *err)
{
	const struct zone_state empty = {.exists = true};
	int turn = 0;
	int rc;

	do
		rc = az_change((void *)(uintptr_t)z, zone, &empty, diff, err);
	while (rc == CR_ENOTFOUND && fresh_wait(z->clock, &turn));
	return rc;
}

static int
az_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	struct az *z = ctx;
	struct zone_state s = {0};
	struct set_diff diff = {0};
	struct err why = {0};
	int rc = set_diff_create(records, &diff, err);

	if (rc == CR_OK)
		rc = make_zone(z, zone, &s, err);
	if (rc != CR_OK)
		goto out;
	rc = fill_zone(z, zone, &diff, &why);
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
	return rc;
}

static int
az_remove(void *ctx, const char *zone, struct err *err)
{
	struct az *z = ctx;
	struct http_request q = {0};
	struct http_reply reply = {0};
	char code[ARM_CODE_MAX];
	int rc = az_remove_request(z->arm, zone, &q, err);

	if (rc == CR_OK)
		rc = arm_exchange(z->arm, &q, true, zone, &reply, code, err);
	if (rc == CR_OK)
		rc = arm_await(z->arm, &reply, zone, err);
	if (rc == CR_ENOTFOUND)
		rc = CR_OK;
	http_reply_release(&reply);
	return rc;
}

static int
reject_txt(const struct record *r, struct err *err)
{
	const char *text = record_text(r);

	if (r->data_len == 0)
		return err_set(err, CR_EREFUSED, "TXT %s: Azure holds no empty TXT", r->owner);
	for (size_t i = 0; i < r->data_len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return err_set(err, CR_EREFUSED,
			               "TXT %s: byte %zu is not printable ASCII, and cannot be told to Azure", r->owner,
			               i + 1);
	return CR_OK;
}

static int
az_reject(const struct record *r, const char *zone, struct err *err)
{
	const bool at_apex = name_equal(r->owner, zone);
	char type[16];

	if (!az_holds(r->type))
		return err_set(err, CR_EREFUSED, "%s %s: not among the types that Azure holds",
		               record_type_name(r->type, type), r->owner);
	if (at_apex && r->type == RECORD_NS)
		return err_set(err, CR_EREFUSED, "NS %s: the name servers of a zone are assigned by Azure", r->owner);
	if (at_apex && r->type == RECORD_CNAME)
		return err_set(err, CR_EREFUSED, "CNAME %s: none can stand at the top of a zone", r->owner);
	if (strchr(r->owner, '\\') != NULL)
		return err_set(err, CR_EREFUSED, "%s: Azure holds no such name", r->owner);
	return r->type == RECORD_TXT ? reject_txt(r, err) : CR_OK;
}

static void
az_drop(void *ctx)
{
	struct az *z = ctx;

	if (z == NULL)
		return;
	arm_drop(&z->arm);
	free(z);
}

static int
az_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct az_settings *s = settings;
	struct az *z = calloc(1, sizeof(*z));
	int rc;

	if (z == NULL)
		return err_nomem(err, "azure");
	z->clock = env->clock;
	rc = arm_open(env->http, env->clock, &s->arm, &z->arm, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(z);
	az_drop(z);
	return rc;
}

const struct zone_driver zone_driver_azure = {
	.name = "azure",
	.summary = "Azure DNS, API 2018-05-01",
	.caps = ZONE_CAP_CREATE | ZONE_CAP_RRSET_TTL,
	.ttl_min_s = 1,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = 4096,
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct az_settings),
	.tested = "stateful fake, checked mock",
	.read_on = "2026-11-25",
	.limits = {{ARM_WRITES, ARM_LIMIT_MS}},
	.n_limits = 1,
	.calls = { .observe = 1, .create = 1, .set = 1},
	.open = az_open,
	.drop = az_drop,
	.reject = az_reject,
	.observe = az_observe,
	.create = az_create,
	.change = az_change,
	.remove = az_remove,
};
