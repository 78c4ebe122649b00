/*
 * daemon_conn.c - a connection: what it waits for, its answers on their way out, its end.
 */
#include "budget/daemon_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void
conn_kill(struct daemon *d, struct conn *c)
{
	if (c->dead)
		return;
	/* While its round is away it still is a descriptor, and would wake the loop over and over. */
	(void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->dead = true;
	c->next_dead = d->dead;
	d->dead = c;
}

void
conn_free(struct daemon *d, struct conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		d->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	(void)close(c->fd);
	buf_release(&c->in);
	free(c->scan);
	buf_release(&c->out);
	free(c);
	d->n_conns--;
}

void
conn_want(struct daemon *d, struct conn *c, uint32_t interest)
{
	struct epoll_event e = {.events = interest, .data.ptr = c};

	if (c->interest == interest)
		return;
	c->interest = interest;
	if (epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &e) != 0)
		conn_kill(d, c);
}

void
conn_write(struct daemon *d, struct conn *c)
{
	while (!c->dead && c->out_at < c->out.len) {
		ssize_t put = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			c->since_ms = d->now_ms;
			conn_want(d, c, EPOLLOUT);
			return;
		}
		if (put < 0)
			conn_kill(d, c);
		else
			c->out_at += (size_t)put;
	}
	if (c->dead)
		return;
	buf_release(&c->out);
	c->out_at = 0;
	if (c->closing)
		conn_kill(d, c);
	else
		conn_want(d, c, EPOLLIN);
}

void
conn_say(struct daemon *d, struct conn *c, const char *answer)
{
	const size_t len = strlen(answer);
	ssize_t put = c->out.len == 0 ? send(c->fd, answer, len, MSG_NOSIGNAL) : 0;

	/* Most leave so.  What does not, or fails, is conn_write's. */
	if (put == (ssize_t)len)
		return;
	buf_adds(&c->out, answer + (put > 0 ? put : 0));
	if (buf_check(&c->out, "answer", NULL) != CR_OK)
		conn_kill(d, c);
}
