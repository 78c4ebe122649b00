/*
 * httpd.c - one thread, one poll loop, blocking reads: a client of a test sends its request at once.
 */
#include "tests/lib/httpd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/buf.h"

#define PORT_FIRST      21000
#define PORT_COUNT      8000
#define CONNECTIONS_MAX 64
#define SEEN_MAX        4096
#define HEAD_MAX_BYTES  65536
#define BODY_MAX_BYTES  ((size_t)8 << 20)

struct connection {
	int fd; /* -1: free */
	unsigned number;
	bool hung; /* nothing more is read from it */
};

struct httpd {
	const struct httpd_answer *script;
	size_t n_script;
	httpd_handler *handler;
	void *arg;
	char url[64];
	int listener;
	int stop[2]; /* a pipe: closing its end wakes the thread */
	pthread_t thread;
	struct connection connections[CONNECTIONS_MAX];
	unsigned accepted;
	pthread_mutex_t lock; /* over what follows */
	struct httpd_seen *seen[SEEN_MAX];
	size_t n_seen;
	size_t n_settled;
	pthread_cond_t settled;
};

static _Noreturn void
die(const char *what)
{
	perror(what);
	abort();
}

static void
close_connection(struct connection *c, bool reset)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	(void)close(c->fd);
	c->fd = -1;
}

static bool
send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Up to and with the empty line, byte by byte so that nothing of the body is taken. */
static bool
read_head(int fd, struct buf *head)
{
	char c;

	while (head->len < HEAD_MAX_BYTES && recv(fd, &c, 1, 0) == 1) {
		buf_addc(head, c);
		if (head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

const char *
httpd_header(const struct httpd_seen *q, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	out[0] = '\0';
	for (const char *line = q->headers; *line != '\0';) {
		size_t line_len = strcspn(line, "\r\n");

		if (line_len > len && strncasecmp(line, name, len) == 0 && line[len] == ':') {
			const char *value = line + len + 1 + strspn(line + len + 1, " ");

			(void)snprintf(out, size, "%.*s", (int)(line + line_len - value), value);
			break;
		}
		line += line_len;
		line += strspn(line, "\r\n");
	}
	return out;
}

static bool
read_body(int fd, struct httpd_seen *q)
{
	char text[32];
	size_t len = (size_t)strtoul(httpd_header(q, "Content-Length", text, sizeof(text)), NULL, 10);

	if (len > BODY_MAX_BYTES)
		return false;
	q->body = calloc(1, len + 1);
	if (q->body == NULL)
		die("httpd: body");
	while (q->body_len < len) {
		ssize_t n = recv(fd, q->body + q->body_len, len - q->body_len, 0);

		if (n <= 0)
			return false;
		q->body_len += (size_t)n;
	}
	return true;
}

static void
seen_free(struct httpd_seen *q)
{
	if (q == NULL)
		return;
	free(q->headers);
	free(q->body);
	free(q);
}

/* NULL when the client went away. */
static struct httpd_seen *
read_request(const struct connection *c)
{
	struct httpd_seen *q = calloc(1, sizeof(*q));
	struct buf head = {0};
	const char *line_end;
	bool whole = false;

	if (q == NULL)
		die("httpd: request");
	q->connection = c->number;
	if (!read_head(c->fd, &head))
		goto out;
	line_end = strstr(head.data, "\r\n");
	if (line_end == NULL || sscanf(head.data, "%15s %1023s", q->method, q->target) != 2)
		goto out;
	q->headers = strdup(line_end + 2);
	if (q->headers == NULL)
		die("httpd: headers");
	whole = read_body(c->fd, q);
out:
	buf_release(&head);
	if (!whole) {
		seen_free(q);
		q = NULL;
	}
	return q;
}

static void
keep_seen(struct httpd *s, struct httpd_seen *q)
{
	(void)pthread_mutex_lock(&s->lock);
	if (s->n_seen == SEEN_MAX)
		die("httpd: too many requests for one test");
	s->seen[s->n_seen++] = q;
	(void)pthread_mutex_unlock(&s->lock);
}

static struct httpd_answer
find_answer(struct httpd *s, const struct httpd_seen *q)
{
	struct httpd_answer a = {0};

	if (s->handler != NULL)
		s->handler(s->arg, q, &a);
	else if (s->n_seen < s->n_script)
		a = s->script[s->n_seen];
	else
		a = (struct httpd_answer){.status = 500, .type = "text/plain", .body = "the script is over"};
	return a;
}

/* False when the connection is not to be used any more. */
static bool
send_answer(int fd, const struct httpd_seen *q, const struct httpd_answer *a)
{
	struct buf b = {.max_bytes = (size_t)256 << 20};
	size_t text_len = a->body != NULL ? strlen(a->body) : 0;
	size_t body_len = a->body_bytes > text_len ? a->body_bytes : text_len;
	size_t head_len;
	bool sent;

	buf_addf(&b, "HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",
	         a->status != 0 ? a->status : 200, a->type != NULL ? a->type : "application/json", body_len,
	         a->headers != NULL ? a->headers : "");
	head_len = b.len;
	if (strcmp(q->method, "HEAD") != 0) {
		buf_add(&b, a->body != NULL ? a->body : "", text_len);
		for (size_t i = text_len; i < body_len; i++)
			buf_addc(&b, ' ');
	}
	if (b.failed != CR_OK)
		die("httpd: answer");
	sent = send_all(fd, b.data, a->fault == HTTPD_CUT ? head_len + (b.len - head_len) / 2 : b.len);
	buf_release(&b);
	return sent && a->fault == HTTPD_NONE;
}

static void
serve(struct httpd *s, struct connection *c)
{
	static const char garbage[] = "220 mail.example ESMTP\r\n";
	struct httpd_seen *q = read_request(c);
	struct httpd_answer a;
	bool stays = false;

	if (q == NULL) {
		close_connection(c, false);
		return;
	}
	a = find_answer(s, q);
	keep_seen(s, q);
	switch (a.fault) {
	case HTTPD_HANG:
		c->hung = true;
		return;
	case HTTPD_RESET:
	case HTTPD_LOSE:
		break;
	case HTTPD_GARBAGE:
		(void)send_all(c->fd, garbage, sizeof(garbage) - 1);
		break;
	case HTTPD_NONE:
	case HTTPD_CUT:
	case HTTPD_CLOSE_AFTER:
		stays = send_answer(c->fd, q, &a);
		break;
	}
	if (!stays)
		close_connection(c, a.fault == HTTPD_RESET);
}

static void
accept_connection(struct httpd *s)
{
	/* A client that stops in the middle of a request must not stop the test. */
	struct timeval patience = {.tv_sec = 10};
	int fd = accept(s->listener, NULL, NULL);

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (s->connections[i].fd >= 0)
			continue;
		s->connections[i] = (struct connection){.fd = fd, .number = s->accepted++};
		return;
	}
	die("httpd: too many connections for one test");
}

/* All that was read so far has had its answer, or its fault. */
static void
settle(struct httpd *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->n_settled = s->n_seen;
	(void)pthread_cond_broadcast(&s->settled);
	(void)pthread_mutex_unlock(&s->lock);
}

static void *
loop(void *arg)
{
	struct httpd *s = arg;
	struct pollfd fds[CONNECTIONS_MAX + 2];

	for (;;) {
		fds[0] = (struct pollfd){.fd = s->stop[0], .events = POLLIN};
		fds[1] = (struct pollfd){.fd = s->listener, .events = POLLIN};
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			fds[i + 2] = (struct pollfd){
				.fd = s->connections[i].hung ? -1 : s->connections[i].fd,
				.events = POLLIN,
			};
		if (poll(fds, CONNECTIONS_MAX + 2, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			return NULL;
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			if (fds[i + 2].revents != 0)
				serve(s, &s->connections[i]);
		settle(s);
		if (fds[1].revents != 0)
			accept_connection(s);
	}
}

static void
listen_somewhere(struct httpd *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		die("httpd: socket");
	/* Tests run side by side: each begins to look elsewhere. */
	for (unsigned i = 0; i < PORT_COUNT; i++) {
		unsigned port = PORT_FIRST + ((unsigned)getpid() * 37 + i) % PORT_COUNT;

		at.sin_port = htons((uint16_t)port);
		if (bind(s->listener, (const struct sockaddr *)&at, sizeof(at)) != 0)
			continue;
		/* Two sockets may be bound with SO_REUSEADDR; only one gets to listen. */
		if (listen(s->listener, CONNECTIONS_MAX) == 0) {
			(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", port);
			return;
		}
		(void)close(s->listener);
		s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
			die("httpd: socket");
	}
	die("httpd: no free port");
}

static struct httpd *
start(struct httpd *s)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		s->connections[i].fd = -1;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->settled, NULL);
	listen_somewhere(s);
	if (pipe(s->stop) != 0 || pthread_create(&s->thread, NULL, loop, s) != 0)
		die("httpd: thread");
	return s;
}

struct httpd *
httpd_script(const struct httpd_answer *script, size_t n)
{
	struct httpd *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die("httpd");
	s->script = script;
	s->n_script = n;
	return start(s);
}

struct httpd *
httpd_handle(httpd_handler *handler, void *arg)
{
	struct httpd *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die("httpd");
	s->handler = handler;
	s->arg = arg;
	return start(s);
}

void
httpd_drop(struct httpd **sp)
{
	struct httpd *s = *sp;

	if (s == NULL)
		return;
	(void)close(s->stop[1]);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->stop[0]);
	(void)close(s->listener);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (s->connections[i].fd >= 0)
			close_connection(&s->connections[i], false);
	for (size_t i = 0; i < s->n_seen; i++)
		seen_free(s->seen[i]);
	(void)pthread_cond_destroy(&s->settled);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}

const char *
httpd_url(const struct httpd *s)
{
	return s->url;
}

size_t
httpd_count(struct httpd *s)
{
	size_t n;

	(void)pthread_mutex_lock(&s->lock);
	n = s->n_seen;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

const struct httpd_seen *
httpd_seen(struct httpd *s, size_t i)
{
	const struct httpd_seen *q = NULL;

	(void)pthread_mutex_lock(&s->lock);
	if (i < s->n_seen)
		q = s->seen[i];
	(void)pthread_mutex_unlock(&s->lock);
	return q;
}

void
httpd_settle(struct httpd *s)
{
	(void)pthread_mutex_lock(&s->lock);
	while (s->n_settled < s->n_seen)
		(void)pthread_cond_wait(&s->settled, &s->lock);
	(void)pthread_mutex_unlock(&s->lock);
}
