/*
 * exchanges_flight.c - a question in the window of its server: under way, and done; and the sockets that it takes.
 */
#include "dns/exchanges_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
flight_cut(struct flight *f)
{
	struct flights *l = f->in;

	if (l == NULL)
		return;
	*(f->prev != NULL ? &f->prev->next : &l->first) = f->next;
	*(f->next != NULL ? &f->next->prev : &l->last) = f->prev;
	l->n--;
	f->in = NULL;
}

void
flight_move(struct flight *f, struct flights *l)
{
	flight_cut(f);
	f->in = l;
	f->next = NULL;
	f->prev = l->last;
	*(l->last != NULL ? &l->last->next : &l->first) = f;
	l->last = f;
	l->n++;
}

void
flight_drop(struct exchanges *x, struct flight *f)
{
	ear_close(x, &f->ear);
	free(f->message);
	free(f);
}

int
flight_end(struct exchanges *x, struct flight *f, const uint8_t *reply, size_t len, const char *why, struct err *err)
{
	int rc;

	/* What done leads to must not find it any more; the reply may be a part of it. */
	flight_cut(f);
	x->done++;
	rc = x->user.done(x->user.ctx, f->question, reply, len, why, err);
	flight_drop(x, f);
	return rc;
}

size_t
server_in_flight(const struct server *s)
{
	return s->datagrams.n + s->streams.n + s->stalled.n;
}

void
server_say(const struct server *s, const char *what, char why[EXCHANGES_WHY_MAX])
{
	(void)snprintf(why, EXCHANGES_WHY_MAX, "dns server %s port %u: %s", s->at.address, s->at.port, what);
}

int
server_die(struct exchanges *x, struct server *s, const char *why, struct err *err)
{
	struct flights *all[] = {&s->datagrams, &s->streams, &s->stalled};
	int rc = CR_OK;

	s->dead = true;
	buf_copy_text(s->why, sizeof(s->why), why);
	ear_close(x, &s->ear);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		while (rc == CR_OK && all[i]->first != NULL)
			rc = flight_end(x, all[i]->first, NULL, 0, s->why, err);
	}
	while (rc == CR_OK && s->queue != NULL) {
		struct exchanges_question *q = s->queue;

		s->queue = q->next;
		x->done++;
		rc = x->user.done(x->user.ctx, q, NULL, 0, s->why, err);
	}
	if (s->queue == NULL)
		s->queue_end = &s->queue;
	return rc;
}

static size_t *
count_of(struct exchanges *x, const struct ear *e)
{
	return e->stream ? &x->n_streams : &x->n_datagrams;
}

void
ear_close(struct exchanges *x, struct ear *e)
{
	if (e->fd < 0)
		return;
	(void)close(e->fd); /* and out of the epoll */
	e->fd = -1;
	(*count_of(x, e))--;
}

int
ear_open(struct exchanges *x, const struct server *s, struct ear *e, struct err *err)
{
	/* A stream is written first. */
	struct epoll_event want = {.events = e->stream ? EPOLLOUT : EPOLLIN, .data.ptr = e};
	int rc = exchange_socket(&s->at, e->stream ? SOCK_STREAM : SOCK_DGRAM, &e->fd, err);

	if (rc != CR_OK)
		return rc;
	(*count_of(x, e))++;
	if (epoll_ctl(x->epoll, EPOLL_CTL_ADD, e->fd, &want) == 0)
		return CR_OK;
	rc = err_errno(err, CR_EIO, errno, "dns: epoll");
	ear_close(x, e);
	return rc;
}
