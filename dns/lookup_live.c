/*
 * lookup_live.c - answers from the network.
 *
 * A question goes to the resolver, to the server its zone is routed to, or to the one it was asked of; the CNAME at whose target the answer
 * ends is followed by asking for the target where that name belongs.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/exchanges.h"
#include "dns/lookup_inside.h"
#include "dns/lookup_reply.h"

#define TRY_MS 700

struct live {
	struct exchanges *exchanges;
	struct lookup *lookup;
	struct resolve_server resolver;
	bool known, recursion;
	size_t answered;
};

/* A question under way. */
struct inquiry {
	struct exchanges_question asked; /* first: what is handed back */
	struct lookup_question *q;
	struct name *target; /* asked now in place of q's name: the end of a CNAME */
};

static void
inquiry_drop(void *ctx, struct exchanges_question *asked)
{
	struct inquiry *i = (struct inquiry *)asked;

	(void)ctx;
	free(i->target);
	free(i);
}

static void
answered(struct live *v, struct lookup_question *q)
{
	v->answered++;
	lookup_answered(v->lookup, q);
}

/* Nobody can be asked: the end of i. */
static int
give_up(struct live *v, struct inquiry *i, const char *why)
{
	lookup_reply_trouble(&i->q->answer, LOOKUP_FAILED, "%s", why);
	i->q->answer.nobody = true;
	answered(v, i->q);
	inquiry_drop(v, &i->asked);
	return CR_OK;
}

/* at: NULL for the resolver.  i becomes the exchanges', or is gone. */
static int
send_on(struct live *v, struct inquiry *i, const struct resolve_server *at, bool recursion, struct err *err)
{
	if (at == NULL && !v->known)
		return give_up(v, i, "no resolver is known");
	i->asked.server = at != NULL ? *at : v->resolver;
	i->asked.recursion = at != NULL ? recursion : v->recursion;
	return exchanges_ask(v->exchanges, &i->asked, err);
}

static int
follow(struct live *v, struct inquiry *i, const struct name *next, struct err *err)
{
	const struct lookup_way *way = lookup_way(v->lookup, next->text);

	if (i->target == NULL)
		i->target = malloc(sizeof(*i->target));
	if (i->target == NULL) {
		inquiry_drop(v, &i->asked);
		return err_nomem(err, "dns question");
	}
	*i->target = *next;
	i->asked.name = i->target->text;
	if (way == NULL)
		return send_on(v, i, NULL, false, err);
	if (way->nobody != NULL)
		return give_up(v, i, way->nobody);
	return send_on(v, i, &way->server, way->recursion, err);
}

static int
done(void *ctx, struct exchanges_question *question, const uint8_t *reply, size_t len, const char *why, struct err *err)
{
	struct inquiry *i = (struct inquiry *)question;
	struct lookup_asked asked = {.name = question->name,
	                             .type = question->type,
	                             .server = &question->server,
	                             .recursion = question->recursion};
	struct live *v = ctx;
	struct name next;
	bool led_on = false;
	int rc = CR_OK;

	if (reply == NULL)
		lookup_reply_trouble(&i->q->answer, LOOKUP_SILENT, "%s", why);
	else
		rc = lookup_reply_read(&asked, reply, len, &i->q->answer, &led_on, &next, err);
	if (rc == CR_OK && led_on)
		return follow(v, i, &next, err);
	if (rc == CR_OK)
		answered(v, i->q);
	inquiry_drop(v, question);
	return rc;
}

static int
ask(void *ctx, struct lookup_question *q, struct err *err)
{
	struct live *v = ctx;
	struct inquiry *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return err_nomem(err, "dns question");
	*i = (struct inquiry){
		.asked = {.name = q->name, .type = q->type},
                  .q = q
        };
	return send_on(v, i, q->at_given ? &q->at : NULL, q->recursion, err);
}

static int
wait_some(void *ctx, struct err *err)
{
	struct live *v = ctx;
	size_t before = v->answered;
	int rc = CR_OK;

	while (rc == CR_OK && v->answered == before)
		rc = exchanges_wait(v->exchanges, err);
	return rc;
}

static void
stop(void *ctx)
{
	struct live *v = ctx;

	exchanges_stop(v->exchanges);
}

static void
drop(void *ctx)
{
	struct live *v = ctx;

	exchanges_drop(&v->exchanges);
	free(v);
}

static size_t
sent(const void *ctx)
{
	const struct live *v = ctx;

	return exchanges_sent(v->exchanges);
}

int
lookup_open(const struct lookup_settings *s, struct lookup **out, struct err *err)
{
	static const struct lookup_source source = {
		.ask = ask, .wait = wait_some, .stop = stop, .drop = drop, .sent = sent};
	struct live *v = calloc(1, sizeof(*v));
	struct exchanges_user user = {.done = done, .drop = inquiry_drop, .ctx = v};
	int rc;

	if (v == NULL)
		return err_nomem(err, "dns answers");
	*v = (struct live){.resolver = s->resolver, .known = s->known, .recursion = s->recursion};
	rc = exchanges_open(s->timeout_ms > 0 ? s->timeout_ms : TRY_MS, &user, &v->exchanges, err);
	if (rc != CR_OK) {
		free(v);
		return rc;
	}
	rc = lookup_make(&source, v, out, err);
	if (rc == CR_OK)
		v->lookup = *out;
	return rc;
}
