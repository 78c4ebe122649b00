/*
 * floor.c - what a policy server cannot go below: Postfix's protocol answered DUNNO, with nothing or next to nothing behind it.
 *
 *   floor -a unix:PATH|inet:HOST:PORT          echo: no store at all
 *   floor -a unix:PATH|inet:HOST:PORT -l FILE  log: one record a request is appended to FILE, one fdatasync a round, answers after it
 *
 * One thread, one epoll loop, until a signal ends it.  The log is the least that a durable decision can cost: whatever is admitted has
 * to reach the disk before the answer leaves, and the requests that wait share one sync.
 */
#include "tests/bench/lib/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>

#define ROUND        256  /* events a round */
#define REQUEST_MAX  4096 /* Postfix's are below 1 KB */
#define RECORD_BYTES 64

static const char answer[] = "action=DUNNO\n\n";

struct conn {
	size_t have;
	char in[REQUEST_MAX];
};

struct server {
	int epoll, listener, log;
	struct conn **conns; /* by descriptor */
	int n_conns;
	uint64_t serial;
	/* of this round */
	int answers[ROUND];
	size_t n_answers;
	char records[ROUND][RECORD_BYTES];
};

static void
watch(struct server *s, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		die_errno("epoll_ctl");
}

static void
welcome(struct server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= s->n_conns)
			die("descriptor %d: too many connections", fd);
		s->conns[fd] = calloc(1, sizeof(*s->conns[fd]));
		if (s->conns[fd] == NULL)
			die("out of memory");
		watch(s, fd);
	}
	if (errno != EAGAIN)
		die_errno("accept");
}

static void
part(struct server *s, int fd)
{
	free(s->conns[fd]);
	s->conns[fd] = NULL;
	(void)close(fd);
}

/* A client has one request in flight: whatever ends in an empty line is one request. */
static void
hear(struct server *s, int fd)
{
	struct conn *c = s->conns[fd];
	const ssize_t n = read(fd, c->in + c->have, sizeof(c->in) - c->have);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			part(s, fd);
		return;
	}
	c->have += (size_t)n;
	if (c->have < 2 || memcmp(c->in + c->have - 2, "\n\n", 2) != 0) {
		if (c->have == sizeof(c->in))
			part(s, fd);
		return;
	}
	/* 40 bytes of the request stand for the mailbox, the message and the time, 20 digits for the order of records. */
	memset(s->records[s->n_answers], ' ', RECORD_BYTES);
	memcpy(s->records[s->n_answers], c->in, c->have < 40 ? c->have : 40);
	put_digits(s->records[s->n_answers] + 41, 20, s->serial++);
	c->have = 0;
	s->answers[s->n_answers++] = fd;
}

static void
keep(struct server *s)
{
	const ssize_t bytes = (ssize_t)(s->n_answers * RECORD_BYTES);

	if (write(s->log, s->records, (size_t)bytes) != bytes || fdatasync(s->log) != 0)
		die_errno("log");
}

static void
serve(struct server *s)
{
	struct epoll_event events[ROUND];
	const int n = epoll_wait(s->epoll, events, ROUND, -1);

	if (n < 0 && errno != EINTR)
		die_errno("epoll_wait");
	s->n_answers = 0;
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == s->listener)
			welcome(s);
		else
			hear(s, events[i].data.fd);
	}
	if (s->n_answers > 0 && s->log >= 0)
		keep(s);
	for (size_t i = 0; i < s->n_answers; i++)
		if (write(s->answers[i], answer, sizeof(answer) - 1) != sizeof(answer) - 1)
			part(s, s->answers[i]);
}

int
main(int argc, char **argv)
{
	static struct server s = {.log = -1, .n_conns = 20000};
	struct listen_at at = {0};
	struct listener listener = {0};
	struct err err = {0};
	int option;

	while ((option = getopt(argc, argv, "a:l:")) != -1) {
		if (option == 'a')
			at = place(optarg);
		else if (option == 'l')
			s.log = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (option == '?' || (option == 'l' && s.log < 0))
			die("usage: floor -a unix:PATH|inet:HOST:PORT [-l FILE]");
	}
	if (at.len == 0)
		die("usage: floor -a unix:PATH|inet:HOST:PORT [-l FILE]");
	raise_files();
	s.conns = calloc((size_t)s.n_conns, sizeof(struct conn *));
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.conns == NULL || s.epoll < 0)
		die_errno("cannot start");
	must(listener_open(&at, clock_system(), &listener, &err), &err);
	s.listener = listener.fd;
	watch(&s, s.listener);
	for (;;)
		serve(&s);
}
