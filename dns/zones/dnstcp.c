/*
 * dnstcp.c - a TCP connection that carries DNS messages.
 *
 * Source: RFC 7766 s8 (framing).  The length and the message leave in one write: some servers read them as one (s8).
 */
#include "dns/zones/dnstcp.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/zones/wire.h"

struct dnstcp {
	int fd;
	const struct clock *clock;
	int64_t end_ms;
	char where[300]; /* HOST:PORT, for errors */
};

void
dnstcp_drop(struct dnstcp **c)
{
	if (*c == NULL)
		return;
	if ((*c)->fd >= 0)
		(void)close((*c)->fd);
	free(*c);
	*c = NULL;
}

/* Wait until fd is ready for events or the deadline passes. */
static int
wait_for(const struct dnstcp *c, short events, struct err *err)
{
	struct pollfd p = {.fd = c->fd, .events = events};

	for (;;) {
		int64_t left_ms = c->end_ms - clock_boot_ms(c->clock);
		int n = left_ms > 0 ? poll(&p, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX) : 0;

		if (n > 0)
			return CR_OK;
		if (n == 0)
			return err_set(err, CR_ERETRY, "%s: no answer in time", c->where);
		if (errno != EINTR)
			return err_errno(err, CR_ERETRY, errno, c->where);
	}
}

static int
connect_one(struct dnstcp *c, const struct addrinfo *a, struct err *err)
{
	int fault = 0;
	socklen_t size = sizeof(fault);
	int rc;

	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return err_errno(err, CR_ERETRY, errno, c->where);
	if (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0)
		return CR_OK;
	if (errno != EINPROGRESS)
		return err_errno(err, CR_ERETRY, errno, c->where);
	rc = wait_for(c, POLLOUT, err);
	if (rc != CR_OK)
		return rc;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0)
		fault = errno;
	return fault == 0 ? CR_OK : err_errno(err, CR_ERETRY, fault, c->where);
}

int
dnstcp_open(const char *host, const char *port, const struct clock *clock, int64_t deadline_ms, struct dnstcp **out,
            struct err *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	struct dnstcp *c = calloc(1, sizeof(*c));
	int got, rc = CR_ERETRY;

	if (c == NULL)
		return err_nomem(err, "connection");
	c->fd = -1;
	c->clock = clock;
	c->end_ms = clock_boot_ms(clock) + deadline_ms;
	(void)snprintf(c->where, sizeof(c->where), "%s port %s", host, port);
	got = getaddrinfo(host, port, &hints, &list);
	if (got != 0) {
		rc = err_set(err, got == EAI_NONAME ? CR_ECONFIG : CR_ERETRY, "%s: %s", c->where, gai_strerror(got));
		goto out;
	}
	for (const struct addrinfo *a = list; a != NULL && rc != CR_OK; a = a->ai_next) {
		if (c->fd >= 0)
			(void)close(c->fd);
		c->fd = -1;
		rc = connect_one(c, a, err);
	}
	if (rc == CR_OK)
		*out = TAKE(c);
out:
	if (list != NULL)
		freeaddrinfo(list);
	dnstcp_drop(&c);
	return rc;
}

static int
send_all(const struct dnstcp *c, const struct buf *b, struct err *err)
{
	for (size_t sent = 0; sent < b->len;) {
		ssize_t n = send(c->fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);
		int rc = CR_OK;

		if (n >= 0)
			sent += (size_t)n;
		else if (errno == EAGAIN)
			rc = wait_for(c, POLLOUT, err);
		else if (errno != EINTR)
			rc = err_errno(err, CR_ERETRY, errno, c->where);
		if (rc != CR_OK)
			return rc;
	}
	return CR_OK;
}

int
dnstcp_send(struct dnstcp *c, const struct buf *message, struct err *err)
{
	struct buf framed = {0};
	int rc;

	if (message->len > WIRE_MESSAGE_MAX)
		return err_set(err, CR_EBUG, "a message of %zu bytes", message->len);
	wire_add_u16(&framed, (uint16_t)message->len);
	buf_add(&framed, buf_str(message), message->len);
	rc = buf_check(&framed, "message", err);
	if (rc == CR_OK)
		rc = send_all(c, &framed, err);
	buf_release(&framed);
	return rc;
}

static int
receive_all(const struct dnstcp *c, uint8_t *data, size_t len, struct err *err)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = recv(c->fd, data + have, len - have, 0);
		int rc = CR_OK;

		if (n > 0)
			have += (size_t)n;
		else if (n == 0)
			rc = err_set(err, CR_ERETRY, "%s: the connection was closed", c->where);
		else if (errno == EAGAIN)
			rc = wait_for(c, POLLIN, err);
		else if (errno != EINTR)
			rc = err_errno(err, CR_ERETRY, errno, c->where);
		if (rc == CR_OK && clock_boot_ms(c->clock) > c->end_ms)
			rc = err_set(err, CR_ERETRY, "%s: no answer in time", c->where);
		if (rc != CR_OK)
			return rc;
	}
	return CR_OK;
}

int
dnstcp_receive(struct dnstcp *c, struct buf *out, struct err *err)
{
	uint8_t head[2];
	uint8_t *data;
	size_t len;
	int rc;

	buf_clear(out);
	rc = receive_all(c, head, sizeof(head), err);
	if (rc != CR_OK)
		return rc;
	len = wire_u16(head);
	data = malloc(len > 0 ? len : 1);
	if (data == NULL)
		return err_nomem(err, "message");
	rc = receive_all(c, data, len, err);
	if (rc == CR_OK) {
		buf_add(out, data, len);
		rc = buf_check(out, "message", err);
	}
	free(data);
	return rc;
}
