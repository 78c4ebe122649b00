/*
 * powerdns.c - zones on a PowerDNS Authoritative server, through its HTTP API.
 *
 * Sources: https://doc.powerdns.com/authoritative/http-api/ (read 2026-11-25); seen against 4.7.3.
 * Invariants: a zone is made with all its records in one POST; a change is one PATCH, which the server does in one
 * transaction; REPLACE sends whole sets, so the neighbours of a set are always sent along.
 */
#include "dns/zones/powerdns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BACKOFF_MS   50 /* a locked SQLite file is free again after milliseconds */
#define ATTEMPTS_MAX 10

struct pdns_settings {
	char *url;
	char *api_key;
	char *server;
	struct cfg_list name_servers;
	char *kind;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct pdns_settings, member)
static const struct cfg_row settings_rows[] = {
	{"url", CFG_TEXT, AT(url), 0, 0, NULL, CFG_REQUIRED, NULL, "Where the API answers: http(s)://HOST:PORT, with or without /api/v1."},
	{"api_key", CFG_SECRET, AT(api_key), 0, 0, NULL, CFG_REQUIRED, NULL, "The server's api-key, as env:NAME or file:PATH."},
	{"server", CFG_TEXT, AT(server), 0, 0, "localhost", 0, NULL, "The server's id in the API."},
	{"name_servers", CFG_LIST, AT(name_servers), 0, 0, NULL, CFG_REQUIRED, NULL, "The name servers of new zones."},
	{"kind", CFG_TEXT, AT(kind), 0, 0, "Native", 0, NULL, "The kind of new zones: Native, Master or Primary."},
};
#undef AT
/* clang-format on */

/* The disabled records of one zone, as the last observe found them. */
struct kept {
	char *zone;
	struct records disabled;
	struct kept *next;
};

struct pdns {
	struct http *http;
	const struct clock *clock;
	struct pdns_target target;
	pthread_mutex_t mutex; /* over kept */
	struct kept *kept;
};

/*
 * Another writer holds the backend, and what this one did was rolled back.  4.7.3 with SQLite says "Internal Server Error" to the
 * client and "database is locked" to its log.
 */
static bool
is_transient(const struct http_reply *reply)
{
	return reply->status == 500;
}

/*
 * The API never answers in HTML: a sign-in or error page comes from something in between.  Read as "no such zone", or as "done", it would let
 * a teardown believe that everything is gone.
 */
static bool
is_page(const struct http_reply *reply)
{
	return (reply->status / 100 == 2 || reply->status == 404) &&
	       strncasecmp(reply->content_type, "text/html", sizeof("text/html") - 1) == 0;
}

/* One exchange; releases q.  A create is never repeated blindly: see pdns_create. */
static int
exchange(const struct pdns *p, struct http_request *q, bool repeatable, struct http_reply *reply, struct err *err)
{
	const struct http_policy policy = {
		.attempts_max = ATTEMPTS_MAX,
		.backoff_ms = BACKOFF_MS,
		.idempotent_write = repeatable,
		.transient = repeatable ? is_transient : NULL,
	};
	const bool reads = strcmp(q->method, "GET") == 0;
	int rc = http_exchange(p->http, p->clock, &policy, q, reply, err);

	if (rc == CR_OK && is_page(reply))
		rc = err_set(err, reads ? CR_ERETRY : CR_EUNKNOWN,
		             "%s: a web page answered (%d), not the API: is something in between?", p->target.base,
		             reply->status);
	http_request_release(q);
	return rc;
}

static void
kept_free(struct kept *k)
{
	if (k == NULL)
		return;
	free(k->zone);
	records_release(&k->disabled);
	free(k);
}

static struct kept **
kept_slot(struct pdns *p, const char *zone)
{
	struct kept **at = &p->kept;

	while (*at != NULL && strcmp((*at)->zone, zone) != 0)
		at = &(*at)->next;
	return at;
}

/* Remember the disabled records of zone in place of those known before.  Takes them. */
static int
keep_disabled(struct pdns *p, const char *zone, struct records *disabled, struct err *err)
{
	struct kept *old, *k = NULL;
	struct kept **at;
	int rc = CR_OK;

	if (disabled->n > 0) {
		k = calloc(1, sizeof(*k));
		if (k == NULL || (k->zone = strdup(zone)) == NULL) {
			rc = err_nomem(err, zone);
			goto out;
		}
		k->disabled = *disabled;
		*disabled = (struct records){0};
	}
	(void)pthread_mutex_lock(&p->mutex);
	at = kept_slot(p, zone);
	old = *at;
	if (old != NULL)
		*at = old->next;
	if (k != NULL) {
		k->next = p->kept;
		p->kept = TAKE(k);
	}
	(void)pthread_mutex_unlock(&p->mutex);
	kept_free(old);
out:
	kept_free(k);
	records_release(disabled);
	return rc;
}

static int
pdns_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	struct pdns *p = ctx;
	struct http_request q = {0};
	struct http_reply reply = {0};
	struct records disabled = {0};
	struct zone_state s = {0};
	int rc;

	(void)id;
	rc = pdns_observe_request(&p->target, zone, &q, err);
	if (rc == CR_OK)
		rc = exchange(p, &q, true, &reply, err);
	if (rc != CR_OK)
		goto out;
	if (reply.status == 200)
		rc = pdns_zone_parse(buf_str(&reply.body), reply.body.len, zone, &s, &disabled, err);
	else if (reply.status != 404)
		rc = pdns_fault_parse(&reply, zone, err);
	if (rc == CR_OK)
		rc = keep_disabled(p, zone, &disabled, err);
	if (rc != CR_OK)
		goto out;
	*out = s;
	s = (struct zone_state){0};
out:
	zone_state_release(&s);
	records_release(&disabled);
	http_reply_release(&reply);
	http_request_release(&q);
	return rc;
}

/* One POST; *again_out: the backend was busy. */
static int
try_create(const struct pdns *p, const char *zone, const struct records *records, bool *again_out, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc;

	*again_out = false;
	rc = pdns_create_request(&p->target, zone, records, &q, err);
	if (rc == CR_OK)
		rc = exchange(p, &q, false, &reply, err);
	if (rc == CR_OK && reply.status == 500) {
		*again_out = true;
		rc = err_set(err, CR_EUNKNOWN, "zone %s: answered 500, and may stand in part", zone);
	} else if (rc == CR_OK && reply.status != 201) {
		rc = pdns_fault_parse(&reply, zone, err);
	}
	http_reply_release(&reply);
	http_request_release(&q);
	return rc;
}

/*
 * The server makes the zone first and its records in a transaction after that, so a busy backend can leave an empty zone
 * behind (by the source of 4.7).  It is looked for before the POST is repeated: a 409 would tell us that it is somebody else's.
 */
static int
pdns_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	const struct pdns *p = ctx;
	bool again;
	int rc;

	(void)out;
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		struct zone_state s = {0};
		bool exists;

		rc = try_create(p, zone, records, &again, err);
		if (!again)
			return rc;
		if (pdns_observe(ctx, zone, NULL, &s, NULL) != CR_OK)
			return rc;
		exists = s.exists;
		zone_state_release(&s);
		if (exists)
			return rc;
		clock_sleep_ms(p->clock, (int64_t)BACKOFF_MS << (i < 6 ? i : 6));
	}
	return err_set(err, CR_ERETRY, "zone %s: the server's backend is busy", zone);
}

static int
pdns_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	struct pdns *p = ctx;
	struct http_request q = {0};
	struct http_reply reply = {0};
	const struct kept *k;
	int rc;

	if (diff->n == 0)
		return CR_OK;
	(void)pthread_mutex_lock(&p->mutex);
	k = *kept_slot(p, zone);
	rc = pdns_change_request(&p->target, zone, &base->records, k != NULL ? &k->disabled : NULL, diff, &q, err);
	(void)pthread_mutex_unlock(&p->mutex);
	if (rc == CR_OK)
		rc = exchange(p, &q, true, &reply, err);
	/* Nothing but 204 is the server's word that it was done: a 200 comes from something in between, a sign-in page mostly. */
	if (rc == CR_OK && reply.status != 204)
		rc = pdns_fault_parse(&reply, zone, err);
	http_reply_release(&reply);
	http_request_release(&q);
	return rc;
}

static int
pdns_remove(void *ctx, const char *zone, struct err *err)
{
	const struct pdns *p = ctx;
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc;

	rc = pdns_remove_request(&p->target, zone, &q, err);
	if (rc == CR_OK)
		rc = exchange(p, &q, true, &reply, err);
	if (rc == CR_OK && reply.status != 204 && reply.status != 404)
		rc = pdns_fault_parse(&reply, zone, err);
	http_reply_release(&reply);
	http_request_release(&q);
	return rc;
}

static void
pdns_drop(void *ctx)
{
	struct pdns *p = ctx;

	if (p == NULL)
		return;
	while (p->kept != NULL) {
		struct kept *k = p->kept;

		p->kept = k->next;
		kept_free(k);
	}
	(void)pthread_mutex_destroy(&p->mutex);
	secret_drop(&p->target.key);
	free(p->target.base);
	free(p);
}

static int
check_settings(const struct pdns_settings *s, struct err *err)
{
	static const char *const kinds[] = {"Native", "Master", "Primary"};
	struct name name;

	for (size_t i = 0; i < s->name_servers.n; i++)
		if (name_parse_host(s->name_servers.items[i], &name, NULL) != CR_OK)
			return err_set(err, CR_ECONFIG, "name_servers: not a host name: '%s'",
			               s->name_servers.items[i]);
	if (s->name_servers.n == 0)
		return err_set(err, CR_ECONFIG, "name_servers: empty");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(s->kind, kinds[i]) == 0)
			return CR_OK;
	return err_set(err, CR_ECONFIG, "kind: must be Native, Master or Primary, not '%s'", s->kind);
}

static int
pdns_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct pdns_settings *s = settings;
	struct pdns *p;
	bool is_inline;
	int rc;

	rc = check_settings(s, err);
	if (rc != CR_OK)
		return rc;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return err_nomem(err, "powerdns");
	(void)pthread_mutex_init(&p->mutex, NULL);
	p->http = env->http;
	p->clock = env->clock;
	p->target.kind = s->kind;
	p->target.names = s->name_servers;
	rc = pdns_base(s->url, s->server, &p->target.base, err);
	/* A literal key was warned of when the configuration was read. */
	if (rc == CR_OK && secret_resolve(s->api_key, true, &is_inline, &p->target.key, err) != CR_OK)
		rc = err_wrap(err, "api_key");
	if (rc == CR_OK)
		*ctx_out = TAKE(p);
	pdns_drop(p);
	return rc;
}

extern const struct zone_driver zone_driver_powerdns;

const struct zone_driver zone_driver_powerdns = {
	.name = "powerdns",
	.summary = "PowerDNS Authoritative server, HTTP API",
	.caps = ZONE_CAP_CREATE | ZONE_CAP_CREATE_FILLED | ZONE_CAP_ATOMIC | ZONE_CAP_RRSET_TTL | ZONE_CAP_SLASH,
	.ttl_min_s = 0,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = 16000, /* as text at most four times that: the MySQL schema holds 64000 */
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct pdns_settings),
	.tested = "real server: PowerDNS 4.7.3, SQLite",
	.read_on = "2026-11-25",
	.open = pdns_open,
	.drop = pdns_drop,
	.observe = pdns_observe,
	.create = pdns_create,
	.change = pdns_change,
	.remove = pdns_remove,
};
