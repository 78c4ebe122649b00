/*
 * lookup_table.c - answers from a function in place of the network.
 */
#include <stdlib.h>

#include "dns/lookup_inside.h"

struct table {
	lookup_table *answer;
	void *ctx;
	struct lookup *lookup;
	struct lookup_question *open; /* deferred */
	size_t sent;
};

static int
answer(struct table *t, struct lookup_question *q, struct err *err)
{
	int rc = t->answer(t->ctx, q->at_given ? &q->at : NULL, q->name, q->type, &q->answer, err);

	if (rc == CR_OK) {
		t->sent++;
		lookup_answered(t->lookup, q);
	}
	return rc;
}

static int
ask_now(void *ctx, struct lookup_question *q, struct err *err)
{
	return answer(ctx, q, err);
}

static int
ask_later(void *ctx, struct lookup_question *q, struct err *err)
{
	struct table *t = ctx;

	(void)err;
	q->next = t->open;
	t->open = q;
	return CR_OK;
}

/* One at a time: the hardest case for whoever waits for several. */
static int
wait_one(void *ctx, struct err *err)
{
	struct table *t = ctx;
	struct lookup_question *q = t->open;

	t->open = q->next;
	q->next = NULL;
	return answer(t, q, err);
}

static void
stop(void *ctx)
{
	struct table *t = ctx;

	t->open = NULL;
}

static size_t
sent(const void *ctx)
{
	const struct table *t = ctx;

	return t->sent;
}

static const struct lookup_source at_once = {.ask = ask_now, .stop = stop, .drop = free, .sent = sent};
static const struct lookup_source later = {
	.ask = ask_later, .wait = wait_one, .stop = stop, .drop = free, .sent = sent};

int
lookup_open_table(lookup_table *table, void *ctx, bool deferred, struct lookup **out, struct err *err)
{
	struct table *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return err_nomem(err, "dns answers");
	*t = (struct table){.answer = table, .ctx = ctx};
	rc = lookup_make(deferred ? &later : &at_once, t, out, err);
	if (rc == CR_OK)
		t->lookup = *out;
	return rc;
}
