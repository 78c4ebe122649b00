/*
 * exchanges.c - many questions to DNS servers under way at once: whose turn it is, and who is waited for.
 *
 * On sockets of our own and not on c-ares 1.18.1, after measuring: a server that cannot read EDNS and answers FORMERR without a question
 * (RFC 6891 s7) is passed over there, and looks dead; 50 truncated answers at once from a server that closes after each are all lost, since
 * one stream is shared and counts as failed for all; a dead server costs 2.1 s, since the second try waits twice as long; and it knows
 * neither a window nor dead servers, which would have to be built around it.
 */
#include "dns/exchanges.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/exchanges_inside.h"

static void
make_busy(struct exchanges *x, struct server *s)
{
	if (s->busy)
		return;
	s->busy = true;
	s->next = NULL;
	s->prev = x->busy_last;
	*(x->busy_last != NULL ? &x->busy_last->next : &x->busy) = s;
	x->busy_last = s;
}

static void
make_idle(struct exchanges *x, struct server *s)
{
	ear_close(x, &s->ear);
	s->busy = false;
	*(s->prev != NULL ? &s->prev->next : &x->busy) = s->next;
	*(s->next != NULL ? &s->next->prev : &x->busy_last) = s->prev;
}

static void
take_earlier(const struct flights *l, int64_t *until_ms)
{
	if (l->first != NULL && l->first->due_ms < *until_ms)
		*until_ms = l->first->due_ms;
}

/* What is due by the clock is lost or sent again; who has nothing to do gives its socket back. */
static int
expire(struct exchanges *x, struct err *err)
{
	struct server *next;
	int rc = CR_OK;

	for (struct server *s = x->busy; rc == CR_OK && s != NULL; s = next) {
		rc = datagrams_expire(x, s, err);
		if (rc == CR_OK)
			rc = streams_expire(x, s, err);
		/* What was done meanwhile may have put others behind s, but took none away. */
		next = s->next;
		if (s->queue == NULL && server_in_flight(s) == 0)
			make_idle(x, s);
	}
	return rc;
}

/* What has room now goes out.  until_ms_out: when the next is due; INT64_MAX: nothing is under way. */
static int
fill(struct exchanges *x, int64_t *until_ms_out, struct err *err)
{
	int rc = CR_OK;

	*until_ms_out = INT64_MAX;
	for (struct server *s = x->busy; rc == CR_OK && s != NULL; s = s->next) {
		rc = streams_fill(x, s, err);
		if (rc == CR_OK)
			rc = datagrams_fill(x, s, err);
		take_earlier(&s->datagrams, until_ms_out);
		take_earlier(&s->streams, until_ms_out);
	}
	return rc;
}

static struct server *
server_of(struct exchanges *x, const struct resolve_server *at, struct err *err)
{
	char key[EXCHANGES_KEY_MAX];
	struct server *s;

	(void)snprintf(key, sizeof(key), "%u %s", at->port, at->address);
	s = dict_get(&x->servers, key);
	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		(void)err_nomem(err, "dns server");
		return NULL;
	}
	*s = (struct server){.ear = {.fd = -1}, .at = *at};
	s->queue_end = &s->queue;
	memcpy(s->key, key, sizeof(key));
	if (dict_put(&x->servers, s->key, s, err) != CR_OK) {
		free(s);
		return NULL;
	}
	return s;
}

int
exchanges_ask(struct exchanges *x, struct exchanges_question *q, struct err *err)
{
	struct server *s = server_of(x, &q->server, err);

	if (s == NULL) {
		x->user.drop(x->user.ctx, q);
		return CR_ENOMEM;
	}
	if (s->dead) {
		x->done++;
		return x->user.done(x->user.ctx, q, NULL, 0, s->why, err);
	}
	q->next = NULL;
	*s->queue_end = q;
	s->queue_end = &q->next;
	make_busy(x, s);
	return CR_OK;
}

/*
 * One event a call: what it leads to may free what a second one would point to.  With one server, which is the rule, there is one socket
 * anyway, and much is read from it at a time.
 */
static int
hear_one(struct exchanges *x, int64_t until_ms, struct err *err)
{
	int64_t left_ms = until_ms - x->now_ms;
	struct epoll_event event;
	struct ear *e;
	int n = epoll_wait(x->epoll, &event, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);

	if (n < 0 && errno != EINTR)
		return err_errno(err, CR_EIO, errno, "dns: epoll");
	if (n <= 0)
		return CR_OK;
	x->now_ms = exchange_now_ms();
	e = event.data.ptr;
	return e->stream ? streams_hear(x, (struct flight *)e, err) : datagrams_hear(x, (struct server *)e, err);
}

int
exchanges_wait(struct exchanges *x, struct err *err)
{
	size_t before = x->done;
	int64_t until_ms;
	int rc;

	do {
		x->now_ms = exchange_now_ms();
		rc = expire(x, err);
		if (rc == CR_OK)
			rc = fill(x, &until_ms, err);
		if (rc != CR_OK || x->done != before)
			break;
		assert(x->busy != NULL);
		if (until_ms == INT64_MAX)
			return err_set(err, CR_EIO, "dns: the system gives no socket");
		rc = hear_one(x, until_ms, err);
	} while (rc == CR_OK && x->done == before);
	return rc;
}

void
exchanges_stop(struct exchanges *x)
{
	for (struct server *s = x->busy; s != NULL; s = s->next) {
		struct flights *all[] = {&s->datagrams, &s->streams, &s->stalled};

		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			for (struct flight *f = all[i]->first, *next; f != NULL; f = next) {
				next = f->next;
				x->user.drop(x->user.ctx, f->question);
				flight_drop(x, f);
			}
			*all[i] = (struct flights){0};
		}
		while (s->queue != NULL) {
			struct exchanges_question *q = s->queue;

			s->queue = q->next;
			x->user.drop(x->user.ctx, q);
		}
		ear_close(x, &s->ear);
	}
	x->busy = x->busy_last = NULL;
	dict_clear(&x->servers, free);
}

int
exchanges_open(int64_t timeout_ms, const struct exchanges_user *user, struct exchanges **out, struct err *err)
{
	struct exchanges *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return err_nomem(err, "dns exchanges");
	x->user = *user;
	x->timeout_ms = timeout_ms;
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll < 0) {
		free(x);
		return err_errno(err, CR_EIO, errno, "dns: epoll");
	}
	*out = x;
	return CR_OK;
}

void
exchanges_drop(struct exchanges **x)
{
	if (*x == NULL)
		return;
	exchanges_stop(*x);
	dict_release(&(*x)->servers, free);
	(void)close((*x)->epoll);
	free(*x);
	*x = NULL;
}

size_t
exchanges_sent(const struct exchanges *x)
{
	return x->sent;
}
