/*
 * exchange.c - the sockets under resolve.c.
 *
 * The UDP socket is connected, so the kernel drops what comes from another address or port; its own port is the kernel's random choice
 * (RFC 5452 s9.2).  Every wait is a poll(2) against one deadline, sockets are non-blocking, so a server that sends one byte a second
 * cannot hold us.  TCP messages carry two bytes of length (RFC 1035 s4.2.2, RFC 7766 s8).
 */
#include "dns/exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"

#define FIRST_WAIT_MS 1000 /* before a datagram is sent again; doubles */
#define LENGTH_BYTES  2

int64_t
exchange_now_ms(void)
{
	return clock_boot_ms(clock_system());
}

static int
no_answer(const struct resolve_server *s, struct err *err)
{
	return err_set(err, CR_ERETRY, "dns server %s port %u: no answer in time", s->address, s->port);
}

/* What the network says passes; what the system says does not. */
int
exchange_fault(const struct resolve_server *server, int errnum, struct err *err)
{
	int code;

	switch (errnum) {
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
	case ETIMEDOUT:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EPERM:         /* a packet filter */
	case EADDRNOTAVAIL: /* no IPv6 here */
	case EAFNOSUPPORT:
		code = CR_ERETRY;
		break;
	default:
		code = CR_EIO;
		break;
	}
	return err_set(err, code, "dns server %s port %u: %s", server->address, server->port, strerrordesc_np(errnum));
}

int
exchange_socket(const struct resolve_server *server, int type, int *fd_out, struct err *err)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(server->port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(server->port)};
	const struct sockaddr *to = (const struct sockaddr *)&four;
	socklen_t len = sizeof(four);
	int fd;

	if (inet_pton(AF_INET, server->address, &four.sin_addr) != 1) {
		if (inet_pton(AF_INET6, server->address, &six.sin6_addr) != 1)
			return err_set(err, CR_EPARSE, "dns server: not an address: '%s'", server->address);
		to = (const struct sockaddr *)&six;
		len = sizeof(six);
	}
	fd = socket(to->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return exchange_fault(server, errno, err);
	if (connect(fd, to, len) < 0 && errno != EINPROGRESS) {
		int rc = exchange_fault(server, errno, err);

		(void)close(fd);
		return rc;
	}
	*fd_out = fd;
	return CR_OK;
}

/* Wait for events, at most until until_ms.  ready_out: false when the time is over. */
static int
wait_for(int fd, short events, int64_t until_ms, bool *ready_out, struct err *err)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left_ms = until_ms - exchange_now_ms();
		int n;

		if (left_ms < 0)
			left_ms = 0;
		n = poll(&p, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, CR_EIO, errno, "dns: poll");
		*ready_out = n > 0;
		return CR_OK;
	}
}

/* One wait: datagrams are read until one is accepted or the time is over. */
static int
receive_datagram(int fd, const struct resolve_server *s, int64_t until_ms, exchange_accept *accept, const void *arg,
                 uint8_t *reply, size_t *len_out, struct err *err)
{
	bool ready;
	ssize_t got;
	int rc;

	for (;;) {
		rc = wait_for(fd, POLLIN, until_ms, &ready, err);
		if (rc != CR_OK)
			return rc;
		if (!ready)
			return no_answer(s, err);
		got = recv(fd, reply, EXCHANGE_MESSAGE_MAX, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return exchange_fault(s, errno, err);
		if (!accept(reply, (size_t)got, arg)) {
			/* A stream of strangers' datagrams must not outlast the deadline. */
			if (exchange_now_ms() >= until_ms)
				return no_answer(s, err);
			continue;
		}
		*len_out = (size_t)got;
		return CR_OK;
	}
}

int
exchange_udp(const struct resolve_server *server, const void *query, size_t query_len, int64_t deadline_ms,
             exchange_accept *accept, const void *arg, uint8_t *reply, size_t *reply_len_out, struct err *err)
{
	int64_t wait_ms = FIRST_WAIT_MS, until_ms;
	int fd = -1;
	int rc = exchange_socket(server, SOCK_DGRAM, &fd, err);

	if (rc != CR_OK)
		return rc;
	do {
		until_ms = exchange_now_ms() + wait_ms;
		until_ms = until_ms < deadline_ms ? until_ms : deadline_ms;
		wait_ms *= 2;
		/* A full queue on our side is a datagram lost on the way. */
		if (send(fd, query, query_len, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != ENOBUFS) {
			rc = exchange_fault(server, errno, err);
			goto out;
		}
		rc = receive_datagram(fd, server, until_ms, accept, arg, reply, reply_len_out, err);
		/* Refused: sending again gets the same answer. */
		if (rc != CR_ERETRY || exchange_now_ms() < until_ms)
			goto out;
	} while (until_ms < deadline_ms);
out:
	(void)close(fd);
	return rc;
}

static int
send_all(int fd, const struct resolve_server *s, const uint8_t *data, size_t len, int64_t deadline_ms, struct err *err)
{
	bool ready;
	ssize_t sent;
	int rc;

	while (len != 0) {
		rc = wait_for(fd, POLLOUT, deadline_ms, &ready, err);
		if (rc != CR_OK)
			return rc;
		if (!ready)
			return no_answer(s, err);
		/* A connection that failed says so here. */
		sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (sent < 0)
			return exchange_fault(s, errno, err);
		data += sent;
		len -= (size_t)sent;
	}
	return CR_OK;
}

static int
receive_all(int fd, const struct resolve_server *s, uint8_t *data, size_t len, int64_t deadline_ms, struct err *err)
{
	bool ready;
	ssize_t got;
	int rc;

	while (len != 0) {
		rc = wait_for(fd, POLLIN, deadline_ms, &ready, err);
		if (rc != CR_OK)
			return rc;
		if (!ready)
			return no_answer(s, err);
		got = recv(fd, data, len, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return exchange_fault(s, errno, err);
		if (got == 0)
			return err_set(err, CR_ERETRY, "dns server %s port %u: connection closed within the answer",
			               s->address, s->port);
		data += got;
		len -= (size_t)got;
	}
	return CR_OK;
}

int
exchange_tcp(const struct resolve_server *server, const void *query, size_t query_len, int64_t deadline_ms,
             exchange_accept *accept, const void *arg, uint8_t *reply, size_t *reply_len_out, struct err *err)
{
	uint8_t length[LENGTH_BYTES];
	struct buf message = {.max_bytes = LENGTH_BYTES + EXCHANGE_MESSAGE_MAX};
	size_t len;
	int fd = -1;
	int rc = exchange_socket(server, SOCK_STREAM, &fd, err);

	if (rc != CR_OK)
		return rc;
	/* Length and query in one segment: some servers answer nothing else (RFC 7766 s8). */
	buf_addc(&message, (char)(query_len >> 8));
	buf_addc(&message, (char)(query_len & 0xff));
	buf_add(&message, query, query_len);
	rc = buf_check(&message, "dns query", err);
	if (rc == CR_OK)
		rc = send_all(fd, server, (const uint8_t *)message.data, message.len, deadline_ms, err);
	if (rc == CR_OK)
		rc = receive_all(fd, server, length, sizeof(length), deadline_ms, err);
	if (rc != CR_OK)
		goto out;
	len = (size_t)length[0] << 8 | length[1];
	rc = receive_all(fd, server, reply, len, deadline_ms, err);
	if (rc == CR_OK && !accept(reply, len, arg))
		rc = err_set(err, CR_EPARSE, "dns server %s port %u: an answer to another question", server->address,
		             server->port);
	if (rc == CR_OK)
		*reply_len_out = len;
out:
	buf_release(&message);
	(void)close(fd);
	return rc;
}
