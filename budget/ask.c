/*
 * ask.c - connect, write, read; see ask.h.
 */
#include "budget/ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_MS 10000 /* over both attempts; longer than the daemon waits for the store's lock */

/* Also bounds connect: on a unix socket a full backlog blocks it. */
static int
dial(const struct listen_at *at, struct err *err)
{
	const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	int fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)&at->address, at->len) == 0)
		return fd;
	(void)err_errno(err, CR_ENOTFOUND, errno, at->text);
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* What was not written whole was not asked: the daemon judges whole requests only. */
static int
put(int fd, const struct listen_at *at, const struct buf *request, struct err *err)
{
	size_t sent = 0;

	while (sent < request->len) {
		ssize_t n = send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, CR_ENOTFOUND, errno, at->text);
		sent += (size_t)n;
	}
	return CR_OK;
}

static int
lost(const struct listen_at *at, const char *why, struct err *err)
{
	return err_set(err, CR_EUNKNOWN, "%s: %s: it is not known whether it was done", at->text, why);
}

/* Up to the empty line, or to the deadline. */
static int
get(int fd, const struct listen_at *at, const struct clock *clock, int64_t until_ms, struct wire_reply *out,
    struct err *err)
{
	char text[WIRE_ANSWER_MAX];
	size_t len = 0;

	while (len < 2 || memcmp(text + len - 2, "\n\n", 2) != 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left_ms = until_ms - clock_boot_ms(clock);
		ssize_t n;

		if (len == sizeof(text))
			return lost(at, "an answer without end", err);
		n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
		if (n > 0)
			n = recv(fd, text + len, sizeof(text) - len, MSG_DONTWAIT);
		else if (n == 0)
			return lost(at, "no answer in time", err);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return lost(at, "the connection ended without an answer", err);
		len += (size_t)n;
	}
	return wire_read(text, len, out, NULL) == CR_OK ? CR_OK : lost(at, "an answer that cannot be read", err);
}

static int
ask_once(const struct listen_at *at, const struct clock *clock, const struct buf *request, int64_t until_ms,
         struct wire_reply *out, struct err *err)
{
	int fd = dial(at, err), rc;

	if (fd < 0)
		return CR_ENOTFOUND;
	rc = put(fd, at, request, err);
	if (rc == CR_OK)
		rc = get(fd, at, clock, until_ms, out, err);
	(void)close(fd);
	if (rc == CR_OK && out->code == CR_EAUTH)
		rc = err_set(err, CR_ENOTFOUND, "%s: %s", at->text, out->text);
	return rc;
}

int
ask_daemon(const struct listen_at *at, const struct clock *clock, const struct buf *request, bool again,
           struct wire_reply *out, struct err *err)
{
	int64_t until_ms = clock_boot_ms(clock) + PATIENCE_MS;
	int rc = ask_once(at, clock, request, until_ms, out, err);

	if (rc == CR_EUNKNOWN && again && clock_boot_ms(clock) < until_ms)
		rc = ask_once(at, clock, request, until_ms, out, err);
	/* Whatever became of it: asked again of the store, it is the same question. */
	if (rc == CR_EUNKNOWN && again)
		rc = err_set(err, CR_ENOTFOUND, "%s: twice without an answer", at->text);
	return rc;
}
