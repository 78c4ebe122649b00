/*
 * lookup.c - the answers of one run, and the checks that wait for them.
 *
 * A check that met an unanswered question is run again once all of its questions are answered, so a check of k steps that depend on
 * each other is run k times; what it did is cheap beside a question to the network.
 */
#include "dns/lookup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dict.h"
#include "dns/lookup_inside.h"

#define SIDE_BY_SIDE 256 /* checks */
#define KEY_BYTES    (sizeof("ffff ") + sizeof(struct resolve_server) + sizeof(" 65535 ") + NAME_TEXT_MAX)

/* A check under way. */
struct lookup_slot {
	struct lookup_job *job;
	size_t waiting; /* for how many answers */
	size_t made;    /* questions it was the first to ask */
	bool ready;
};

struct lookup {
	const struct lookup_source *source;
	void *ctx;
	struct dict questions;
	struct lookup_question *wanted, **wanted_end; /* noted, not begun */
	struct dict routes;                           /* by zone */
	struct dict doubts;                           /* the same form, of zones whose names the resolver cannot know */
	struct lookup_met met;
	size_t pendings;
	struct lookup_slot *slot; /* whose check runs now; NULL: asked from outside of lookup_settle */
	struct lookup_slot slots[SIDE_BY_SIDE];
	size_t open; /* begun, not answered */
	int trouble;
	struct err trouble_err;
};

static const struct lookup_answer no_memory = {.state = LOOKUP_FAILED, .why = "out of memory"};
static const struct lookup_answer too_many = {.state = LOOKUP_FAILED,
                                              .why = "more questions than one check may ask: given up"};

bool
lookup_is_trouble(const struct lookup_answer *a)
{
	return a->state == LOOKUP_FAILED || a->state == LOOKUP_SILENT;
}

bool
lookup_is_void(const struct lookup_answer *a)
{
	return a->state == LOOKUP_EMPTY || a->state == LOOKUP_NONAME;
}

static void
question_drop(void *value)
{
	struct lookup_question *q = value;

	records_release(&q->answer.records);
	records_release(&q->answer.chain);
	free(q->waiting);
	free(q);
}

static void
route_drop(void *value)
{
	struct lookup_way *r = value;

	free(r->zone);
	free(r->nobody);
	free(r);
}

int
lookup_make(const struct lookup_source *source, void *ctx, struct lookup **out, struct err *err)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		source->drop(ctx);
		return err_nomem(err, "dns answers");
	}
	l->source = source;
	l->ctx = ctx;
	l->wanted_end = &l->wanted;
	*out = l;
	return CR_OK;
}

void
lookup_drop(struct lookup **l)
{
	if (*l == NULL)
		return;
	(*l)->source->stop((*l)->ctx);
	(*l)->source->drop((*l)->ctx);
	dict_release(&(*l)->questions, question_drop);
	dict_release(&(*l)->routes, route_drop);
	dict_release(&(*l)->doubts, route_drop);
	free(*l);
	*l = NULL;
}

void
lookup_forget(struct lookup *l)
{
	assert(l->slot == NULL);
	l->source->stop(l->ctx);
	l->wanted = NULL;
	l->wanted_end = &l->wanted;
	l->open = 0;
	dict_clear(&l->questions, question_drop);
}

size_t
lookup_sent(const struct lookup *l)
{
	return l->source->sent(l->ctx);
}

/* The last one said of a zone holds. */
static int
set_route(struct dict *to, const char *zone, const struct lookup_way *what, const char *nobody, struct err *err)
{
	struct lookup_way *r = dict_get(to, zone);
	char *why = nobody != NULL ? strdup(nobody) : NULL;
	int rc = CR_OK;

	if (nobody != NULL && why == NULL)
		return err_nomem(err, "dns route");
	if (r == NULL) {
		r = calloc(1, sizeof(*r));
		if (r == NULL || (r->zone = strdup(zone)) == NULL)
			rc = err_nomem(err, "dns route");
		if (rc == CR_OK)
			rc = dict_put(to, r->zone, r, err);
	}
	if (rc != CR_OK) {
		if (r != NULL)
			route_drop(r);
		free(why);
		return rc;
	}
	free(r->nobody);
	r->server = what->server;
	r->recursion = what->recursion;
	r->nobody = why;
	return CR_OK;
}

int
lookup_route(struct lookup *l, const char *zone, const struct resolve_server *server, bool recursion, struct err *err)
{
	return set_route(&l->routes, zone, &(struct lookup_way){.server = *server, .recursion = recursion}, NULL, err);
}

int
lookup_nobody(struct lookup *l, const char *zone, const char *why, struct err *err)
{
	return set_route(&l->routes, zone, &(struct lookup_way){0}, why, err);
}

int
lookup_doubt(struct lookup *l, const char *zone, const char *why, struct err *err)
{
	return set_route(&l->doubts, zone, &(struct lookup_way){0}, why, err);
}

/* The deepest zone that holds the name. */
static const struct lookup_way *
route_of(const struct dict *from, const char *name)
{
	for (;; name = name_parent(name)) {
		const struct lookup_way *r = dict_get(from, name);

		if (r != NULL || name[0] == '\0')
			return r;
	}
}

const struct lookup_way *
lookup_way(const struct lookup *l, const char *name)
{
	return route_of(&l->routes, name);
}

struct lookup_met
lookup_met(struct lookup *l)
{
	const struct lookup_met met = l->met;

	l->met = (struct lookup_met){0};
	return met;
}

size_t
lookup_pendings(const struct lookup *l)
{
	return l->pendings;
}

static void
trouble(struct lookup *l, int rc, const struct err *err)
{
	if (l->trouble == CR_OK) {
		l->trouble = rc;
		l->trouble_err = *err;
	}
}

static void
answer_nobody(struct lookup_question *q, const char *why)
{
	q->answer.state = LOOKUP_FAILED;
	q->answer.nobody = true;
	(void)snprintf(q->answer.why, sizeof(q->answer.why), "%s", why);
}

/* Type, server, name; without snprintf, since every run of a check comes through here for each of its questions.  Where the name begins. */
static size_t
write_key(const struct resolve_server *at, const char *name, uint16_t type, char key[KEY_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	size_t len = 0, name_len = strlen(name);

	assert(name_len < NAME_TEXT_MAX);
	for (int shift = 12; shift >= 0; shift -= 4)
		key[len++] = digits[type >> shift & 15];
	key[len++] = ' ';
	if (at != NULL)
		len += (size_t)snprintf(key + len, sizeof(at->address) + sizeof(" 65535 "), "%s %u ", at->address,
		                        at->port);
	memcpy(key + len, name, name_len + 1);
	return len;
}

static struct lookup_question *
question_new(struct lookup *l, const struct resolve_server *at, uint16_t type, const char *key, size_t name_at,
             struct err *err)
{
	size_t key_len = strlen(key) + 1;
	struct lookup_question *q = calloc(1, sizeof(*q) + key_len);
	const struct lookup_way *route = at == NULL ? route_of(&l->routes, key + name_at) : NULL;

	if (q == NULL) {
		(void)err_nomem(err, "dns question");
		return NULL;
	}
	memcpy(q->key, key, key_len);
	q->name = q->key + name_at;
	q->type = type;
	q->at_given = at != NULL || route != NULL;
	if (q->at_given)
		q->at = at != NULL ? *at : route->server;
	q->recursion = at == NULL && (route == NULL || route->recursion);
	if (dict_put(&l->questions, q->key, q, err) != CR_OK) {
		free(q);
		return NULL;
	}
	if (l->slot != NULL)
		l->slot->made++;
	if (route != NULL && route->nobody != NULL) {
		answer_nobody(q, route->nobody);
		return q;
	}
	*l->wanted_end = q;
	l->wanted_end = &q->next;
	return q;
}

/* The check that runs now is run again when q is answered. */
static int
wait_for(struct lookup *l, struct lookup_question *q, struct err *err)
{
	struct lookup_slot **grown;

	if (l->slot == NULL)
		return CR_OK;
	for (size_t i = 0; i < q->n_waiting; i++) {
		if (q->waiting[i] == l->slot)
			return CR_OK;
	}
	if (q->n_waiting == q->cap_waiting) {
		grown = realloc(q->waiting, (q->cap_waiting * 2 + 2) * sizeof(struct lookup_slot *));
		if (grown == NULL)
			return err_nomem(err, "dns question");
		q->waiting = grown;
		q->cap_waiting = q->cap_waiting * 2 + 2;
	}
	q->waiting[q->n_waiting++] = l->slot;
	l->slot->waiting++;
	return CR_OK;
}

/* Hand over what was noted.  A question may be answered while it is handed over. */
static int
begin_wanted(struct lookup *l, struct err *err)
{
	while (l->wanted != NULL) {
		struct lookup_question *q = l->wanted;
		int rc;

		l->wanted = q->next;
		if (l->wanted == NULL)
			l->wanted_end = &l->wanted;
		q->next = NULL;
		q->started = true;
		l->open++;
		rc = l->source->ask(l->ctx, q, err);
		if (rc != CR_OK)
			return rc;
	}
	return CR_OK;
}

/* "No such name" was said of the end of the CNAMEs: by the resolver, unless that name has a server of its own. */
static void
doubt(const struct lookup *l, struct lookup_question *q)
{
	const struct records *chain = &q->answer.chain;
	const struct lookup_way *doubted;
	struct name end;

	if (chain->n > 0 && record_target(&chain->items[chain->n - 1], &end))
		doubted = route_of(&l->routes, end.text) == NULL ? route_of(&l->doubts, end.text) : NULL;
	else
		doubted = q->at_given ? NULL : route_of(&l->doubts, q->name);
	if (doubted != NULL)
		answer_nobody(q, doubted->nobody);
}

void
lookup_answered(struct lookup *l, struct lookup_question *q)
{
	assert(q->answer.state != LOOKUP_PENDING && l->open > 0);
	l->open--;
	if (q->answer.state == LOOKUP_NONAME)
		doubt(l, q);
	for (size_t i = 0; i < q->n_waiting; i++) {
		struct lookup_slot *s = q->waiting[i];

		assert(s->waiting > 0);
		s->waiting--;
		s->ready = s->waiting == 0;
	}
	q->n_waiting = 0;
}

static const struct lookup_answer *
ask(struct lookup *l, const struct resolve_server *at, const char *name, uint16_t type)
{
	char key[KEY_BYTES];
	struct lookup_question *q;
	struct err err = {0};
	size_t name_at = write_key(at, name, type, key);
	int rc = CR_OK;

	q = dict_get(&l->questions, key);
	if (q == NULL) {
		if (l->slot != NULL && l->slot->made >= LOOKUP_QUESTIONS_MAX)
			return &too_many;
		q = question_new(l, at, type, key, name_at, &err);
		if (q == NULL) {
			trouble(l, CR_ENOMEM, &err);
			return &no_memory;
		}
	}
	if (q->answer.state == LOOKUP_PENDING && l->source->wait == NULL)
		rc = begin_wanted(l, &err);
	if (rc == CR_OK && q->answer.state == LOOKUP_PENDING)
		rc = wait_for(l, q, &err);
	if (rc != CR_OK)
		trouble(l, rc, &err);
	l->pendings += q->answer.state == LOOKUP_PENDING;
	if (lookup_is_trouble(&q->answer)) {
		l->met.nobody += q->answer.nobody;
		l->met.trouble += !q->answer.nobody;
	}
	return &q->answer;
}

const struct lookup_answer *
lookup_ask(struct lookup *l, const char *name, uint16_t type)
{
	return ask(l, NULL, name, type);
}

const struct lookup_answer *
lookup_ask_at(struct lookup *l, const struct resolve_server *at, const char *name, uint16_t type)
{
	return ask(l, at, name, type);
}

/* One run of a check; true when it is at its end.  What it says while an answer is out does not count. */
static bool
run_slot(struct lookup *l, struct lookup_slot *s)
{
	struct lookup_job *job = s->job;

	job->err = (struct err){0};
	s->ready = false;
	l->slot = s;
	job->rc = job->run(l, job->arg, &job->err);
	l->slot = NULL;
	return s->waiting == 0;
}

/* All slots that can go on, until none can.  Returns how many are still under way. */
static size_t
run_ready(struct lookup *l, struct lookup_job *jobs, size_t n, size_t *next,
          void (*done)(struct lookup_job *job, void *ctx), void *ctx)
{
	size_t busy = 0;

	for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
		struct lookup_slot *s = &l->slots[i];

		while (l->trouble == CR_OK && (s->job == NULL ? *next < n : s->ready)) {
			if (s->job == NULL)
				*s = (struct lookup_slot){.job = &jobs[(*next)++]};
			if (!run_slot(l, s))
				break;
			if (done != NULL)
				done(s->job, ctx);
			s->job = NULL;
		}
		busy += s->job != NULL;
	}
	return busy;
}

/* Nobody waits any more: the questions may be answered later, or never. */
static void
let_go(struct lookup *l)
{
	const struct dict *d = &l->questions;

	for (size_t i = 0; i < d->cap; i++) {
		struct lookup_question *q = d->entries[i].key != NULL ? d->entries[i].value : NULL;

		if (q != NULL)
			q->n_waiting = 0;
	}
	memset(l->slots, 0, sizeof(l->slots));
}

int
lookup_settle(struct lookup *l, struct lookup_job *jobs, size_t n, void (*done)(struct lookup_job *job, void *ctx),
              void *ctx, struct err *err)
{
	size_t next = 0;
	int rc = CR_OK;

	assert(l->slot == NULL);
	memset(l->slots, 0, sizeof(l->slots));
	while (rc == CR_OK) {
		size_t busy = run_ready(l, jobs, n, &next, done, ctx);
		bool ready = false;

		if (l->trouble != CR_OK || busy == 0)
			break;
		rc = begin_wanted(l, err);
		for (size_t i = 0; i < SIDE_BY_SIDE && !ready; i++)
			ready = l->slots[i].job != NULL && l->slots[i].ready;
		if (rc == CR_OK && !ready)
			rc = l->source->wait(l->ctx, err);
	}
	if (l->trouble != CR_OK) {
		rc = l->trouble;
		if (err != NULL)
			*err = l->trouble_err;
		l->trouble = CR_OK;
	}
	let_go(l);
	return rc;
}

int
lookup_settle_one(struct lookup *l, lookup_check *run, void *arg, struct err *err)
{
	struct lookup_job job = {.run = run, .arg = arg};
	int rc = lookup_settle(l, &job, 1, NULL, NULL, err);

	if (rc != CR_OK)
		return rc;
	if (job.rc != CR_OK && err != NULL)
		*err = job.err;
	return job.rc;
}
