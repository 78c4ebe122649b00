/*
 * daemon_read.c - what a connection asks: read into the scratch buffer, cut into requests, and put into the round.
 */
#include "budget/daemon_inside.h"

#include "core/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A no that is known leaves at once, if nothing that was asked before it on this connection still waits. */
static bool
add_request(struct daemon *d, struct conn *c, const char *data)
{
	const bool may_recall = c->asked == 0 && !committer_is_busy(d->committer);
	const char *answer;

	switch (round_add(d->round, c, c->fd, data, &d->scan, may_recall, &answer)) {
	case ROUND_JUNK:
		return false;
	case ROUND_KNOWN:
		conn_say(d, c, answer);
		return true;
	case ROUND_WAITS:
		break;
	}
	c->asked++;
	if (round_size(d->round) == ROUND_MAX)
		daemon_settle(d);
	return true;
}

/* Of len bytes since a request's start; returns how many are used up. */
static size_t
conn_requests(struct daemon *d, struct conn *c, size_t len)
{
	size_t at = 0;

	d->scan = c->scan != NULL ? *c->scan : (struct policy_scan){0};
	while (at < len && !c->dead) {
		enum policy_progress p = policy_scan(&d->scan, d->scratch + at, len - at);

		if (p == POLICY_MORE)
			return at;
		if (p == POLICY_JUNK || !add_request(d, c, d->scratch + at)) {
			log_warn("a connection sent what is no policy request: closed");
			c->closing = true;
			conn_want(d, c, 0);
			return len;
		}
		at += d->scan.at;
		d->scan = (struct policy_scan){0};
	}
	return len;
}

/* With how far it was looked at, which is too much for each of ten thousand that rest. */
static void
conn_keep(struct daemon *d, struct conn *c, const char *rest, size_t len)
{
	if (len == 0) {
		buf_release(&c->in);
		free(c->scan);
		c->scan = NULL;
		return;
	}
	if (c->scan == NULL && (c->scan = malloc(sizeof(*c->scan))) == NULL) {
		conn_kill(d, c);
		return;
	}
	*c->scan = d->scan;
	if (c->in.len == 0)
		c->since_ms = d->now_ms;
	buf_clear(&c->in);
	buf_add(&c->in, rest, len);
	if (buf_check(&c->in, "request", NULL) != CR_OK)
		conn_kill(d, c);
}

void
conn_read(struct daemon *d, struct conn *c)
{
	size_t have = c->in.len, used;
	ssize_t got;

	if (c->dead || c->closing || c->out.len > 0)
		return;
	if (have > 0)
		memcpy(d->scratch, c->in.data, have);
	do {
		got = read(c->fd, d->scratch + have, DAEMON_READ);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			conn_kill(d, c);
		return;
	}
	if (got == 0) {
		conn_kill(d, c);
		return;
	}
	used = conn_requests(d, c, have + (size_t)got);
	if (!c->dead)
		conn_keep(d, c, d->scratch + used, have + (size_t)got - used);
	if (c->out.len > 0 && c->asked == 0)
		conn_write(d, c);
	/* Junk behind good requests: their answers wait in the round, and close it when they have left. */
	if (c->closing && c->asked == 0 && c->out.len == 0)
		conn_kill(d, c);
}
