/*
 * exchanges_datagram.c - questions and replies over UDP, and what silence says of a server.
 *
 * RFC 5452 s9 (what makes a reply ours: the socket is connected, so the kernel drops what comes from another address or port; id and question
 * are compared), RFC 6891 s7 (a server without EDNS says FORMERR or NOTIMP), RFC 1035 s4.2.1.
 * A server's datagrams share one socket while any is under way; it has another port whenever it had nothing to do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "dns/exchanges_inside.h"

#define WINDOW        100 /* questions in flight to one server: full replies to all of them fit a default socket buffer */
#define SOCKETS_MAX   200 /* of all servers */
#define TRIES_ALIVE   3   /* while a server answers others: a resolver that is at work on it */
#define STRIKES       3   /* until a server that has answered before is dead */
#define DRAIN         64 /* read in one go, before the server is asked more and the clock is looked at, however fast it sends */
#define RCODE_FORMERR 1
#define RCODE_NOTIMP  4

/* errno of a socket that is there is what the network told of its server: a forged ICMP message, at worst, and no reason to end the run. */
static int
unreachable(struct exchanges *x, struct server *s, struct err *err)
{
	struct err why = {0};

	(void)exchange_fault(&s->at, errno, &why);
	return server_die(x, s, why.text, err);
}

/* An id nobody can guess, that no other question to s has now. */
static int
new_id(struct exchanges *x, const struct server *s, uint16_t *out, struct err *err)
{
	const struct flight *f;

	do {
		if (x->n_ids == 0) {
			if (getrandom(x->ids, sizeof(x->ids), 0) != (ssize_t)sizeof(x->ids))
				return err_errno(err, CR_EIO, errno, "dns: random ids");
			x->n_ids = EXCHANGES_RANDOM_IDS;
		}
		*out = x->ids[--x->n_ids];
		for (f = s->datagrams.first; f != NULL && query_id(flight_query(f)) != *out;)
			f = f->next;
	} while (f != NULL);
	return CR_OK;
}

static int
write_query(struct exchanges *x, const struct server *s, struct flight *f, struct err *err)
{
	const struct exchanges_question *q = f->question;
	struct query query = {.name = q->name, .type = q->type, .recursion = q->recursion, .edns = f->edns};
	int rc = new_id(x, s, &query.id, err);

	if (rc != CR_OK)
		return rc;
	f->query_len = query_build(&query, f->query + EXCHANGES_LENGTH_BYTES);
	f->query[0] = (uint8_t)(f->query_len >> 8);
	f->query[1] = (uint8_t)f->query_len;
	return CR_OK;
}

/* One try.  Its deadline is the last of all.  s may be dead after that, and f gone. */
static int
send_query(struct exchanges *x, struct server *s, struct flight *f, struct err *err)
{
	flight_move(f, &s->datagrams);
	f->tries++;
	f->due_ms = x->now_ms + x->timeout_ms;
	if (send(s->ear.fd, flight_query(f), f->query_len, MSG_NOSIGNAL) >= 0)
		return CR_OK;
	/* A full queue on our side is a datagram lost on the way. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return CR_OK;
	return unreachable(x, s, err);
}

/* Out of the queue and into the window. */
static int
take_off(struct exchanges *x, struct server *s, struct err *err)
{
	struct exchanges_question *q = s->queue;
	struct flight *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return err_nomem(err, "dns question");
	*f = (struct flight){
		.ear = {.stream = true, .fd = -1},
                  .server = s, .question = q, .edns = !s->plain
        };
	rc = write_query(x, s, f, err);
	if (rc != CR_OK) {
		free(f);
		return rc;
	}
	s->queue = q->next;
	if (s->queue == NULL)
		s->queue_end = &s->queue;
	x->sent++;
	return send_query(x, s, f, err);
}

int
datagrams_fill(struct exchanges *x, struct server *s, struct err *err)
{
	struct err why = {0};
	int rc = CR_OK;

	while (rc == CR_OK && s->queue != NULL && server_in_flight(s) < WINDOW) {
		if (s->ear.fd < 0) {
			if (x->n_datagrams == SOCKETS_MAX)
				return CR_OK;
			rc = ear_open(x, s, &s->ear, &why);
			/* Those that others have come back. */
			if (rc == CR_EIO)
				return CR_OK;
			if (rc != CR_OK)
				return server_die(x, s, why.text, err);
		}
		rc = take_off(x, s, err);
	}
	return rc;
}

static int64_t
last_try_ms(const struct exchanges *x, const struct flight *f)
{
	return f->due_ms - x->timeout_ms;
}

/*
 * A question got no reply in all its tries.  Is it the question, which some servers pass over, or the server?  One that never answered
 * is not there.  One that did may be at work on names whose own servers are slow: a strike is a try during which it said nothing at all,
 * and those that were under way together are one.
 */
static int
lost(struct exchanges *x, struct server *s, struct flight *f, struct err *err)
{
	char why[EXCHANGES_WHY_MAX];

	server_say(s, "no answer in time", why);
	if (s->strangers > 0)
		(void)snprintf(why + strlen(why), sizeof(why) - strlen(why),
		               " (and %zu datagrams that answer nothing asked)", s->strangers);
	if (s->heard_ms < last_try_ms(x, f) && s->struck_ms <= last_try_ms(x, f)) {
		s->strikes++;
		s->struck_ms = x->now_ms;
	}
	if (s->heard_ms == 0 || s->strikes == STRIKES)
		return server_die(x, s, why, err);
	return flight_end(x, f, NULL, 0, why, err);
}

int
datagrams_expire(struct exchanges *x, struct server *s, struct err *err)
{
	int rc = CR_OK;

	while (rc == CR_OK && s->datagrams.first != NULL && s->datagrams.first->due_ms <= x->now_ms) {
		struct flight *f = s->datagrams.first;
		bool alive = s->heard_ms >= last_try_ms(x, f);

		rc = f->tries < (alive ? TRIES_ALIVE : EXCHANGES_TRIES) ? send_query(x, s, f, err) : lost(x, s, f, err);
	}
	return rc;
}

/* A reply to f, in x->reply. */
static int
answered(struct exchanges *x, struct server *s, struct flight *f, size_t len, struct err *err)
{
	unsigned rcode = query_rcode(x->reply);
	int rc;

	if (f->edns && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)) {
		s->plain = true;
		f->edns = false;
		f->tries = 0;
		rc = write_query(x, s, f, err);
		return rc == CR_OK ? send_query(x, s, f, err) : rc;
	}
	if (!query_is_truncated(x->reply))
		return flight_end(x, f, x->reply, len, NULL, err);
	flight_move(f, &s->stalled);
	f->tries = 0;
	return CR_OK;
}

int
datagrams_hear(struct exchanges *x, struct server *s, struct err *err)
{
	int rc = CR_OK;

	/* The socket may be closed by what a reply leads to. */
	for (size_t i = 0; i < DRAIN && rc == CR_OK && s->ear.fd >= 0; i++) {
		ssize_t got = recv(s->ear.fd, x->reply, sizeof(x->reply), 0);
		struct flight *f = s->datagrams.first;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0)
			return unreachable(x, s, err);
		while (f != NULL && !query_is_answered_by(flight_query(f), x->reply, (size_t)got))
			f = f->next;
		if (f == NULL) {
			s->strangers++;
			continue;
		}
		s->heard_ms = x->now_ms;
		s->strikes = 0;
		s->strangers = 0;
		rc = answered(x, s, f, (size_t)got, err);
	}
	return rc;
}
