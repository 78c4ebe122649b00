/*
 * exchanges.c - many questions to DNS servers under way at once.
 *
 * RFC 1035 s4.2 (UDP, TCP), RFC 7766 (TCP), RFC 6891 s7 (a server without EDNS says FORMERR or NOTIMP), RFC 5452 s9 (what makes a reply ours:
 * the socket is connected, so the kernel drops what comes from another address or port; id and question are compared).
 *
 * A server's datagrams share one socket while any is under way, so its port changes whenever it had nothing to do.  Each stream carries one
 * question: servers that close after one answer are common, and truncation is rare.  What is in flight stands in the order of its
 * deadlines, since every datagram has the same time to live, and every stream.
 */
#include "dns/exchanges.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/dict.h"
#include "dns/exchange.h"
#include "dns/query.h"

#define WINDOW         100 /* questions in flight to one server: full replies to all of them fit a default socket buffer */
#define DATAGRAMS_MAX  200 /* sockets, of all servers */
#define STREAMS_MAX    100
#define SERVER_STREAMS 8 /* at once to one server; many accept few */
#define TRIES          2
#define STRIKES        3 /* questions lost in a row by a server that has answered before */
#define DRAIN          256 /* datagrams read in one go: whoever sends faster than we read must not keep us from the clock */
#define LENGTH_BYTES   2
#define RCODE_FORMERR  1
#define RCODE_NOTIMP   4
#define RANDOM_IDS     128
#define WHY_MAX        160
#define SERVER_KEY_MAX 80

static const char silent_stream[] = "truncates its answer, and does not answer over TCP in time";

/* What epoll hands back: the first member of a server (its datagrams) or of a flight (its stream). */
struct ear {
	bool stream;
	int fd;
};

struct flights {
	struct flight *first, *last;
	size_t n;
};

/* A question in the window of its server. */
struct flight {
	struct ear ear;
	struct flight *next, *prev;
	struct flights *in;
	struct server *server;
	struct exchanges_question *question;
	unsigned tries;
	bool edns;
	int64_t first_ms, due_ms;
	size_t query_len;
	uint8_t query[LENGTH_BYTES + QUERY_MAX]; /* as a stream takes it */
	uint8_t *message;                        /* of a stream: length and reply as they come in */
	size_t written, got;
};

struct server {
	struct ear ear;
	struct server *next, *prev; /* of those with something to do */
	bool busy;
	char key[SERVER_KEY_MAX];
	struct resolve_server at;
	struct exchanges_question *queue, **queue_end;
	struct flights datagrams, streams, stalled; /* stalled: to become streams */
	bool plain;                                 /* cannot read EDNS */
	bool dead, streams_dead;
	bool stream_heard;
	unsigned strikes;
	int64_t heard_ms; /* the last reply; 0: none yet */
	size_t strangers; /* datagrams that answer nothing we asked */
	char why[WHY_MAX];
};

struct exchanges {
	struct exchanges_user user;
	int64_t timeout_ms, now_ms;
	int epoll;
	struct dict servers;
	struct server *busy, *busy_last;
	size_t n_datagrams, n_streams; /* sockets */
	size_t sent, done;
	uint16_t ids[RANDOM_IDS];
	size_t n_ids;
	uint8_t reply[EXCHANGE_MESSAGE_MAX];
};

static void
flights_put(struct flights *l, struct flight *f)
{
	f->in = l;
	f->next = NULL;
	f->prev = l->last;
	*(l->last != NULL ? &l->last->next : &l->first) = f;
	l->last = f;
	l->n++;
}

static void
flights_cut(struct flight *f)
{
	struct flights *l = f->in;

	*(f->prev != NULL ? &f->prev->next : &l->first) = f->next;
	*(f->next != NULL ? &f->next->prev : &l->last) = f->prev;
	l->n--;
	f->in = NULL;
}

static size_t
in_flight(const struct server *s)
{
	return s->datagrams.n + s->streams.n + s->stalled.n;
}

static void
ear_close(struct ear *e, size_t *count)
{
	if (e->fd < 0)
		return;
	(void)close(e->fd); /* and out of the epoll */
	e->fd = -1;
	(*count)--;
}

static int
ear_open(struct exchanges *x, const struct server *s, struct ear *e, size_t *count, struct err *err)
{
	struct epoll_event want = {.events = e->stream ? EPOLLOUT : EPOLLIN, .data.ptr = e};
	int rc = exchange_socket(&s->at, e->stream ? SOCK_STREAM : SOCK_DGRAM, &e->fd, err);

	if (rc != CR_OK)
		return rc;
	(*count)++;
	if (epoll_ctl(x->epoll, EPOLL_CTL_ADD, e->fd, &want) == 0)
		return CR_OK;
	rc = err_errno(err, CR_EIO, errno, "dns: epoll");
	ear_close(e, count);
	return rc;
}

static void
flight_drop(struct exchanges *x, struct flight *f)
{
	ear_close(&f->ear, &x->n_streams);
	free(f->message);
	free(f);
}

/* The end of a question.  reply: in x->reply or in f->message, which live until the call is over. */
static int
end(struct exchanges *x, struct flight *f, const uint8_t *reply, size_t len, const char *why, struct err *err)
{
	int rc;

	if (f->in != NULL)
		flights_cut(f);
	x->done++;
	rc = x->user.done(x->user.ctx, f->question, reply, len, why, err);
	flight_drop(x, f);
	return rc;
}

/* Nothing more is asked of s: what it has not answered, it will not. */
static int
die(struct exchanges *x, struct server *s, const char *why, struct err *err)
{
	struct flights *all[] = {&s->datagrams, &s->streams, &s->stalled};
	int rc = CR_OK;

	s->dead = true;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
	ear_close(&s->ear, &x->n_datagrams);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		while (rc == CR_OK && all[i]->first != NULL)
			rc = end(x, all[i]->first, NULL, 0, s->why, err);
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

/* errno of a socket that is there is what the network told of its server: a forged ICMP message, at worst, and no reason to end the run. */
static int
unreachable(struct exchanges *x, struct server *s, struct err *err)
{
	struct err why = {0};

	(void)exchange_fault(&s->at, errno, &why);
	return die(x, s, why.text, err);
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
			x->n_ids = RANDOM_IDS;
		}
		*out = x->ids[--x->n_ids];
		for (f = s->datagrams.first; f != NULL && query_id(f->query + LENGTH_BYTES) != *out;)
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
	f->query_len = query_build(&query, f->query + LENGTH_BYTES);
	f->query[0] = (uint8_t)(f->query_len >> 8);
	f->query[1] = (uint8_t)f->query_len;
	return CR_OK;
}

/* One try.  Its flight goes to the end of the line: its deadline is the last.  s may be dead after that, and f gone. */
static int
send_datagram(struct exchanges *x, struct server *s, struct flight *f, struct err *err)
{
	if (f->in != NULL)
		flights_cut(f);
	flights_put(&s->datagrams, f);
	f->tries++;
	f->due_ms = x->now_ms + x->timeout_ms;
	if (send(s->ear.fd, f->query + LENGTH_BYTES, f->query_len, MSG_NOSIGNAL) >= 0)
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
		.server = s,
		.question = q,
		.edns = !s->plain,
		.first_ms = x->now_ms
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
	return send_datagram(x, s, f, err);
}

static int
fill_window(struct exchanges *x, struct server *s, struct err *err)
{
	struct err why = {0};
	int rc = CR_OK;

	while (rc == CR_OK && s->queue != NULL && in_flight(s) < WINDOW) {
		if (s->ear.fd < 0) {
			if (x->n_datagrams == DATAGRAMS_MAX)
				return CR_OK;
			rc = ear_open(x, s, &s->ear, &x->n_datagrams, &why);
			/* Out of descriptors: those that we have come back. */
			if (rc == CR_EIO)
				return CR_OK;
			if (rc != CR_OK)
				return die(x, s, why.text, err);
		}
		rc = take_off(x, s, err);
	}
	return rc;
}

static int
stream_open(struct exchanges *x, struct server *s, struct flight *f, struct err *err)
{
	struct err why = {0};
	int rc;

	if (f->message == NULL)
		f->message = malloc(LENGTH_BYTES + EXCHANGE_MESSAGE_MAX);
	if (f->message == NULL)
		return err_nomem(err, "dns answer");
	rc = ear_open(x, s, &f->ear, &x->n_streams, &why);
	if (rc == CR_EIO)
		return CR_OK;
	if (rc != CR_OK)
		return end(x, f, NULL, 0, why.text, err);
	flights_cut(f);
	flights_put(&s->streams, f);
	f->tries++;
	f->written = f->got = 0;
	f->due_ms = x->now_ms + x->timeout_ms * TRIES;
	return CR_OK;
}

static void
say(const struct server *s, const char *what, char why[WHY_MAX])
{
	(void)snprintf(why, WHY_MAX, "dns server %s port %u: %s", s->at.address, s->at.port, what);
}

static int
stream_lost(struct exchanges *x, struct server *s, struct flight *f, const char *what, struct err *err)
{
	char why[WHY_MAX];

	say(s, what, why);
	return end(x, f, NULL, 0, why, err);
}

static int
open_streams(struct exchanges *x, struct server *s, struct err *err)
{
	int rc = CR_OK;

	while (rc == CR_OK && s->stalled.first != NULL) {
		struct flight *f = s->stalled.first;

		if (s->streams_dead)
			rc = stream_lost(x, s, f, silent_stream, err);
		else if (s->streams.n == SERVER_STREAMS || x->n_streams == STREAMS_MAX)
			break;
		else
			rc = stream_open(x, s, f, err);
		if (s->stalled.first == f)
			break; /* no descriptor for it yet */
	}
	return rc;
}

/* A question got no reply in all its tries.  Was it the question, or is it the server? */
static int
lost(struct exchanges *x, struct server *s, struct flight *f, struct err *err)
{
	char why[WHY_MAX];

	say(s, "no answer in time", why);
	if (s->strangers > 0)
		(void)snprintf(why + strlen(why), WHY_MAX - strlen(why),
		               " (and %zu datagrams that answer nothing asked)", s->strangers);
	if (s->heard_ms < f->first_ms)
		s->strikes++;
	if (s->strikes >= (s->heard_ms == 0 ? 1 : STRIKES))
		return die(x, s, why, err);
	return end(x, f, NULL, 0, why, err);
}

static int
expire(struct exchanges *x, struct server *s, struct err *err)
{
	int rc = CR_OK;

	while (rc == CR_OK && s->datagrams.first != NULL && s->datagrams.first->due_ms <= x->now_ms) {
		struct flight *f = s->datagrams.first;

		rc = f->tries < TRIES ? send_datagram(x, s, f, err) : lost(x, s, f, err);
	}
	while (rc == CR_OK && s->streams.first != NULL && s->streams.first->due_ms <= x->now_ms) {
		/* A server whose datagrams say "truncated" and whose streams say nothing costs its time once. */
		s->streams_dead = !s->stream_heard;
		rc = stream_lost(x, s, s->streams.first, silent_stream, err);
	}
	return rc;
}

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
	ear_close(&s->ear, &x->n_datagrams);
	s->busy = false;
	*(s->prev != NULL ? &s->prev->next : &x->busy) = s->next;
	*(s->next != NULL ? &s->next->prev : &x->busy_last) = s->prev;
}

/* Whatever is due by the clock, or has room now.  until_out: when to look again. */
static int
step(struct exchanges *x, int64_t *until_out, struct err *err)
{
	struct server *next;
	int rc = CR_OK;

	x->now_ms = exchange_now_ms();
	*until_out = INT64_MAX;
	for (struct server *s = x->busy; rc == CR_OK && s != NULL; s = next) {
		rc = expire(x, s, err);
		if (rc == CR_OK)
			rc = open_streams(x, s, err);
		if (rc == CR_OK)
			rc = fill_window(x, s, err);
		next = s->next;
		if (s->datagrams.first != NULL && s->datagrams.first->due_ms < *until_out)
			*until_out = s->datagrams.first->due_ms;
		if (s->streams.first != NULL && s->streams.first->due_ms < *until_out)
			*until_out = s->streams.first->due_ms;
		if (s->queue == NULL && in_flight(s) == 0)
			make_idle(x, s);
	}
	return rc;
}

/* A reply to f came as a datagram. */
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
		return rc == CR_OK ? send_datagram(x, s, f, err) : rc;
	}
	if (!query_is_truncated(x->reply))
		return end(x, f, x->reply, len, NULL, err);
	flights_cut(f);
	flights_put(&s->stalled, f);
	f->tries = 0;
	return CR_OK;
}

static int
hear_datagrams(struct exchanges *x, struct server *s, struct err *err)
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
		while (f != NULL && !query_is_answered_by(f->query + LENGTH_BYTES, x->reply, (size_t)got))
			f = f->next;
		if (f == NULL) {
			s->strangers++;
			continue;
		}
		s->heard_ms = x->now_ms;
		s->strikes = 0;
		rc = answered(x, s, f, (size_t)got, err);
	}
	return rc;
}

/* One read or write of a stream; closed_out: the other side ended it, or errno says what happened. */
static int
move_bytes(struct exchanges *x, struct flight *f, bool *closed_out)
{
	size_t whole = LENGTH_BYTES + f->query_len, want = LENGTH_BYTES;
	struct epoll_event reading = {.events = EPOLLIN, .data.ptr = &f->ear};
	ssize_t n;

	errno = 0;
	if (f->written < whole) {
		n = send(f->ear.fd, f->query + f->written, whole - f->written, MSG_NOSIGNAL);
		f->written += n > 0 ? (size_t)n : 0;
		*closed_out = n < 0 && errno != EAGAIN && errno != EINTR;
		if (f->written == whole)
			return epoll_ctl(x->epoll, EPOLL_CTL_MOD, f->ear.fd, &reading);
		return 0;
	}
	if (f->got >= LENGTH_BYTES)
		want += (size_t)f->message[0] << 8 | f->message[1];
	n = recv(f->ear.fd, f->message + f->got, want - f->got, 0);
	f->got += n > 0 ? (size_t)n : 0;
	*closed_out = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	return 0;
}

static bool
stream_is_whole(const struct flight *f)
{
	return f->got >= LENGTH_BYTES && f->got == LENGTH_BYTES + ((size_t)f->message[0] << 8 | f->message[1]);
}

static int
hear_stream(struct exchanges *x, struct flight *f, struct err *err)
{
	struct server *s = f->server;
	const uint8_t *reply = f->message + LENGTH_BYTES;
	bool closed = false;

	if (move_bytes(x, f, &closed) != 0)
		return err_errno(err, CR_EIO, errno, "dns: epoll");
	if (closed && f->tries < TRIES) {
		/* RFC 7766 s6.2.4: once more, on a connection of its own. */
		ear_close(&f->ear, &x->n_streams);
		flights_cut(f);
		flights_put(&s->stalled, f);
		return CR_OK;
	}
	if (closed)
		return stream_lost(x, s, f, errno != 0 ? strerrordesc_np(errno) : "connection closed within the answer",
		                   err);
	if (!stream_is_whole(f))
		return CR_OK;
	if (!query_is_answered_by(f->query + LENGTH_BYTES, reply, f->got - LENGTH_BYTES))
		return stream_lost(x, s, f, "an answer to another question over TCP", err);
	s->stream_heard = true;
	return end(x, f, reply, f->got - LENGTH_BYTES, NULL, err);
}

static struct server *
server_of(struct exchanges *x, const struct resolve_server *at, struct err *err)
{
	char key[SERVER_KEY_MAX];
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
 * One event a call of epoll_wait: what it leads to may free what a second one would point to.  With one server, which is the rule,
 * there is one socket anyway, and it is read until it is empty.
 */
int
exchanges_wait(struct exchanges *x, struct err *err)
{
	size_t before = x->done;
	int64_t until_ms, left_ms;
	struct epoll_event event;
	struct ear *e;
	int n, rc;

	for (;;) {
		rc = step(x, &until_ms, err);
		/* What one server left, another may take. */
		if (rc == CR_OK && until_ms == INT64_MAX && x->done == before)
			rc = step(x, &until_ms, err);
		if (rc != CR_OK || x->done != before)
			return rc;
		assert(x->busy != NULL);
		if (until_ms == INT64_MAX)
			return err_set(err, CR_EIO, "dns: the system gives no socket");
		left_ms = until_ms - x->now_ms;
		n = epoll_wait(x->epoll, &event, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
		if (n < 0 && errno != EINTR)
			return err_errno(err, CR_EIO, errno, "dns: epoll");
		if (n <= 0)
			continue;
		x->now_ms = exchange_now_ms();
		e = event.data.ptr;
		rc = e->stream ? hear_stream(x, (struct flight *)e, err) : hear_datagrams(x, (struct server *)e, err);
		if (rc != CR_OK || x->done != before)
			return rc;
	}
}

static void
server_drop(void *value)
{
	free(value);
}

void
exchanges_stop(struct exchanges *x)
{
	for (struct server *s = x->busy; s != NULL; s = s->next) {
		struct flights *all[] = {&s->datagrams, &s->streams, &s->stalled};

		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			while (all[i]->first != NULL) {
				struct flight *f = all[i]->first;

				flights_cut(f);
				x->user.drop(x->user.ctx, f->question);
				flight_drop(x, f);
			}
		}
		while (s->queue != NULL) {
			struct exchanges_question *q = s->queue;

			s->queue = q->next;
			x->user.drop(x->user.ctx, q);
		}
		ear_close(&s->ear, &x->n_datagrams);
	}
	x->busy = x->busy_last = NULL;
	dict_clear(&x->servers, server_drop);
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
	dict_release(&(*x)->servers, server_drop);
	(void)close((*x)->epoll);
	free(*x);
	*x = NULL;
}

size_t
exchanges_sent(const struct exchanges *x)
{
	return x->sent;
}
