/*
 * route53_api.c - the calls of Route 53: one exchange each, or as many as there are pages.
 *
 * Source: Amazon Route 53 API Reference, 2013-04-01; read 2026-11-25.
 * Invariant: no call is repeated here but by the one retry rule (core/http.h): throttled and busy answers, which come as 400, and a DELETE of a zone,
 * whose id is never given out again.
 */
#include "dns/zones/route53_inside.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"

#define PAGES_MAX     200
#define SYNC_FIRST_MS 2000  /* the first wait for INSYNC; then twice as long ... */
#define SYNC_MAX_MS   16000 /* ... up to this */

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
int
r53_find(const struct r53 *c, const char *zone, struct r53_zones *out, struct err *err)
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
int
r53_find_one(const struct r53 *c, const char *zone, char id_out[R53_ID_MAX], struct err *err)
{
	struct r53_zones l = {0};
	int rc = r53_find(c, zone, &l, err);

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
int
r53_list(const struct r53 *c, const char *zone, const char *id, struct r53_sets *out, struct err *err)
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

/* Until all name servers have the change, or the time is over: it is done either way, so whatever goes wrong here is no failure. */
void
r53_wait_insync(const struct r53 *c, const char *zone, const char *change_id)
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

/* As many batches as it takes. */
int
r53_send(const struct r53 *c, const struct r53_known *k, const struct r53_changes *changes, struct r53_progress *p,
         struct err *err)
{
	int rc = CR_OK;

	for (size_t at = 0, n; rc == CR_OK && at < changes->n; at += n) {
		struct http_request q = {0};
		struct http_reply reply = {0};
		bool insync;

		n = r53_changes_batch(changes, at);
		rc = r53_change_request(&c->target, k->id, &changes->items[at], n, &q, err);
		if (rc == CR_OK)
			rc = exchange(c, &q, k->entry.zone, &reply, &p->code, err);
		p->some = p->some || rc == CR_OK;
		/* It is done: an id that cannot be read is only not waited for. */
		if (rc == CR_OK &&
		    r53_status_parse(buf_str(&reply.body), reply.body.len, p->change_id, &insync, NULL) != CR_OK)
			p->change_id[0] = '\0';
		http_reply_release(&reply);
	}
	return rc;
}

int
r53_make(const struct r53 *c, const char *zone, const char *reference, struct zone_state *out, enum r53_code *code_out,
         struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc = r53_create_request(&c->target, zone, reference, &q, err);

	*code_out = R53_OTHER;
	if (rc == CR_OK)
		rc = exchange(c, &q, zone, &reply, code_out, err);
	if (rc == CR_OK && r53_created_parse(buf_str(&reply.body), reply.body.len, zone, out, err) != CR_OK)
		rc = err_set(err, CR_EUNKNOWN, "zone %s: made, but the answer cannot be read", zone);
	http_reply_release(&reply);
	return rc;
}

int
r53_delete(const struct r53 *c, const struct r53_known *k, enum r53_code *code_out, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc = r53_remove_request(&c->target, k->id, &q, err);

	if (rc == CR_OK)
		rc = exchange(c, &q, k->entry.zone, &reply, code_out, err);
	http_reply_release(&reply);
	return rc;
}
