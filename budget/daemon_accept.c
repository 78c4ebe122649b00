/*
 * daemon_accept.c - connections made and freed, and the listener, which is not asked while there are as many as there may be.
 */
#include "budget/daemon_inside.h"

#include "core/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE     256 /* connections, before those there are have their turn */
#define SPARE_FILES 64  /* kept for the store and its like */

void
daemon_want_listener(struct daemon *d, bool on)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &d->listener};

	if (d->is_listening == on || d->listener.fd < 0)
		return;
	if (epoll_ctl(d->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, d->listener.fd, &e) == 0)
		d->is_listening = on;
}

static void
conn_make(struct daemon *d, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct conn *c = calloc(1, sizeof(*c));
	const int on = 1;

	e.data.ptr = c;
	if (c == NULL || epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		(void)close(fd);
		free(c);
		return;
	}
	if (d->listener.at.address.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->interest = EPOLLIN;
	c->next = d->conns;
	if (d->conns != NULL)
		d->conns->prev = c;
	d->conns = c;
	d->n_conns++;
	/* Who connects to ask has mostly asked by now. */
	conn_read(d, c);
}

void
daemon_accept(struct daemon *d)
{
	for (int i = 0; i < AT_ONCE; i++) {
		int fd = accept4(d->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		bool full = fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);

		if (fd < 0 && !full)
			return;
		if (fd >= 0)
			conn_make(d, fd);
		if (full || d->n_conns >= d->max_conns) {
			log_warn("%zu connections: no further one is taken until one ends", d->n_conns);
			daemon_want_listener(d, false);
			return;
		}
	}
}

void
daemon_bury(struct daemon *d)
{
	struct conn *waiting = NULL;

	if (d->dead == NULL)
		return;
	for (struct conn *c = d->dead, *next; c != NULL; c = next) {
		next = c->next_dead;
		if (c->asked == 0) {
			conn_free(d, c);
			continue;
		}
		c->next_dead = waiting;
		waiting = c;
	}
	d->dead = waiting;
	daemon_want_listener(d, d->n_conns < d->max_conns);
}

void
daemon_raise_files(struct daemon *d)
{
	struct rlimit files = {0};

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)getrlimit(RLIMIT_NOFILE, &files);
	}
	d->max_conns = files.rlim_cur > 2 * SPARE_FILES ? (size_t)files.rlim_cur - SPARE_FILES : SPARE_FILES;
}
