/*
 * exchanges_stream.c - answers that did not fit a datagram, over TCP (RFC 7766).
 *
 * Each stream carries one question: servers that close after one answer are common, and truncation is rare.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dns/exchanges_inside.h"

#define SOCKETS_MAX    100 /* of all servers */
#define SERVER_SOCKETS 8   /* at once to one server; many accept few */

static const char silent[] = "truncates its answer, and does not answer over TCP in time";

static int
lost(struct exchanges *x, struct flight *f, const char *what, struct err *err)
{
	char why[EXCHANGES_WHY_MAX];

	server_say(f->server, what, why);
	return flight_end(x, f, NULL, 0, why, err);
}

/* room_out: false when the system has no socket now. */
static int
begin(struct exchanges *x, struct server *s, struct flight *f, bool *room_out, struct err *err)
{
	struct err why = {0};
	int rc;

	*room_out = true;
	if (s->streams_dead)
		return lost(x, f, silent, err);
	if (f->message == NULL)
		f->message = malloc(EXCHANGES_LENGTH_BYTES + EXCHANGE_MESSAGE_MAX);
	if (f->message == NULL)
		return err_nomem(err, "dns answer");
	rc = ear_open(x, s, &f->ear, &why);
	if (rc == CR_EIO) {
		*room_out = false;
		return CR_OK;
	}
	if (rc != CR_OK)
		return flight_end(x, f, NULL, 0, why.text, err);
	flight_move(f, &s->streams);
	f->tries++;
	f->written = f->got = 0;
	f->due_ms = x->now_ms + x->timeout_ms * EXCHANGES_TRIES;
	return CR_OK;
}

int
streams_fill(struct exchanges *x, struct server *s, struct err *err)
{
	bool room = true;
	int rc = CR_OK;

	while (rc == CR_OK && room && s->stalled.first != NULL && s->streams.n < SERVER_SOCKETS &&
	       x->n_streams < SOCKETS_MAX)
		rc = begin(x, s, s->stalled.first, &room, err);
	return rc;
}

int
streams_expire(struct exchanges *x, struct server *s, struct err *err)
{
	int rc = CR_OK;

	while (rc == CR_OK && s->streams.first != NULL && s->streams.first->due_ms <= x->now_ms) {
		/* A server whose datagrams say "truncated" and whose streams say nothing costs its time once. */
		s->streams_dead = !s->streams_heard;
		rc = lost(x, s->streams.first, silent, err);
	}
	return rc;
}

/* Length and message, as they come. */
static size_t
wanted(const struct flight *f)
{
	if (f->got < EXCHANGES_LENGTH_BYTES)
		return EXCHANGES_LENGTH_BYTES;
	return EXCHANGES_LENGTH_BYTES + ((size_t)f->message[0] << 8 | f->message[1]);
}

/* The other side ended it, or the network did: once more, on a connection of its own (RFC 7766 s6.2.4). */
static int
cut_off(struct exchanges *x, struct flight *f, const char *what, struct err *err)
{
	if (f->tries == EXCHANGES_TRIES)
		return lost(x, f, what, err);
	ear_close(x, &f->ear);
	flight_move(f, &f->server->stalled);
	return CR_OK;
}

static int
write_some(struct exchanges *x, struct flight *f, struct err *err)
{
	size_t whole = EXCHANGES_LENGTH_BYTES + f->query_len;
	struct epoll_event reading = {.events = EPOLLIN, .data.ptr = &f->ear};
	ssize_t n = send(f->ear.fd, f->query + f->written, whole - f->written, MSG_NOSIGNAL);

	/* A connection that could not be made says so here. */
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? CR_OK : cut_off(x, f, strerrordesc_np(errno), err);
	f->written += (size_t)n;
	if (f->written == whole && epoll_ctl(x->epoll, EPOLL_CTL_MOD, f->ear.fd, &reading) != 0)
		return err_errno(err, CR_EIO, errno, "dns: epoll");
	return CR_OK;
}

int
streams_hear(struct exchanges *x, struct flight *f, struct err *err)
{
	const uint8_t *reply = f->message + EXCHANGES_LENGTH_BYTES;
	ssize_t n;

	if (f->written < EXCHANGES_LENGTH_BYTES + f->query_len)
		return write_some(x, f, err);
	n = recv(f->ear.fd, f->message + f->got, wanted(f) - f->got, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CR_OK;
	if (n < 0)
		return cut_off(x, f, strerrordesc_np(errno), err);
	if (n == 0)
		return cut_off(x, f, "connection closed within the answer", err);
	f->got += (size_t)n;
	if (f->got < wanted(f))
		return CR_OK;
	if (!query_is_answered_by(flight_query(f), reply, f->got - EXCHANGES_LENGTH_BYTES))
		return lost(x, f, "an answer to another question over TCP", err);
	f->server->streams_heard = true;
	return flight_end(x, f, reply, f->got - EXCHANGES_LENGTH_BYTES, NULL, err);
}
