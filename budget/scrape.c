/*
 * scrape.c - see scrape.h.
 */
#include "budget/scrape.h"

#include "budget/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)256 << 10)

struct visitor {
	int fd; /* -1: free */
	int64_t since_ms;
	struct buf out; /* once the request is whole: what is left to write, from out_at on */
	size_t out_at, in_len;
	char in[METRICS_REQUEST_BYTES];
};

struct scrape {
	struct listener listener;
	const struct clock *clock;
	void (*text)(void *arg, struct buf *out);
	void *arg;
	int epoll;
	struct visitor visitor[SCRAPE_CONNECTIONS];
};

static void
leave(struct visitor *v)
{
	if (v->fd >= 0)
		(void)close(v->fd);
	buf_release(&v->out);
	v->fd = -1;
}

/* A free one; or the one that is too slow, or at least the slowest. */
static struct visitor *
find_place(struct scrape *s)
{
	struct visitor *oldest = &s->visitor[0];

	for (size_t i = 0; i < SCRAPE_CONNECTIONS; i++) {
		struct visitor *v = &s->visitor[i];

		if (v->fd < 0)
			return v;
		if (v->since_ms < oldest->since_ms)
			oldest = v;
	}
	leave(oldest);
	return oldest;
}

static void
take(struct scrape *s)
{
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct visitor *v = fd >= 0 ? find_place(s) : NULL;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};

	if (v == NULL)
		return;
	v->fd = fd;
	v->since_ms = clock_boot_ms(s->clock);
	v->in_len = v->out_at = 0;
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		leave(v);
}

static void
answer(const struct scrape *s, struct visitor *v, int status)
{
	static const struct {
		int status;
		const char *text;
	} words[] = {
		{200, "OK"                },
                {400, "Bad Request"       },
                {404, "Not Found"         },
                {405, "Method Not Allowed"}
        };
	struct buf body = {.max_bytes = ANSWER_MAX};
	const char *word = "";

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].status == status)
			word = words[i].text;
	}
	if (status == 200)
		s->text(s->arg, &body);
	else
		buf_addf(&body, "%s\n", word);
	buf_addf(&v->out,
	         "HTTP/1.0 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n%s"
	         "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	         status, word, status == 405 ? "Allow: GET\r\n" : "", body.len);
	buf_add(&v->out, body.data, body.len);
	if (buf_check(&body, "metrics", NULL) != CR_OK || buf_check(&v->out, "metrics", NULL) != CR_OK)
		leave(v);
	buf_release(&body);
}

static void
read_some(struct scrape *s, struct visitor *v)
{
	struct epoll_event e = {.events = EPOLLOUT, .data.ptr = v};
	ssize_t got = read(v->fd, v->in + v->in_len, sizeof(v->in) - v->in_len);
	int status;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		leave(v);
		return;
	}
	v->in_len += (size_t)got;
	status = metrics_request(v->in, v->in_len);
	if (status == 0)
		return;
	answer(s, v, status);
	if (v->fd >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_MOD, v->fd, &e) != 0)
		leave(v);
}

static void
write_some(struct visitor *v)
{
	ssize_t put = send(v->fd, v->out.data + v->out_at, v->out.len - v->out_at, MSG_NOSIGNAL);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (put > 0)
		v->out_at += (size_t)put;
	if (put < 0 || v->out_at == v->out.len)
		leave(v);
}

void
scrape_turn(struct scrape *s)
{
	struct epoll_event events[SCRAPE_CONNECTIONS + 1];
	int n = epoll_wait(s->epoll, events, SCRAPE_CONNECTIONS + 1, 0);
	int64_t now_ms = clock_boot_ms(s->clock);
	bool waits = false;

	for (int i = 0; i < n; i++) {
		struct visitor *v = events[i].data.ptr;

		if (v == NULL)
			waits = true;
		else if (v->out.len > 0)
			write_some(v);
		else
			read_some(s, v);
	}
	for (size_t i = 0; i < SCRAPE_CONNECTIONS; i++) {
		if (s->visitor[i].fd >= 0 && now_ms - s->visitor[i].since_ms >= SCRAPE_PATIENCE_MS)
			leave(&s->visitor[i]);
	}
	/* Last: a place that is taken anew must not get an event of who was there before. */
	if (waits)
		take(s);
}

int
scrape_fd(const struct scrape *s)
{
	return s->epoll;
}

int
scrape_open(const struct listen_at *at, const struct clock *clock, void (*text)(void *arg, struct buf *out), void *arg,
            struct scrape **out, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	struct scrape *s;
	int rc;

	if (!at->is_loopback)
		return err_set(err, CR_ECONFIG,
		               "%s: metrics are told on this machine only: a loopback address or unix:PATH", at->text);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_nomem(err, "metrics");
	s->listener.fd = -1;
	s->clock = clock;
	s->text = text;
	s->arg = arg;
	for (size_t i = 0; i < SCRAPE_CONNECTIONS; i++)
		s->visitor[i].fd = -1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = s->epoll < 0 ? err_errno(err, CR_EIO, errno, "epoll") : listener_open(at, clock, &s->listener, err);
	if (rc == CR_OK && epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener.fd, &e) != 0)
		rc = err_errno(err, CR_EIO, errno, "epoll");
	if (rc == CR_OK)
		*out = TAKE(s);
	scrape_drop(&s);
	return rc;
}

void
scrape_drop(struct scrape **sp)
{
	struct scrape *s = *sp;

	if (s == NULL)
		return;
	for (size_t i = 0; i < SCRAPE_CONNECTIONS; i++)
		leave(&s->visitor[i]);
	listener_close(&s->listener);
	if (s->epoll >= 0)
		(void)close(s->epoll);
	free(s);
	*sp = NULL;
}
