/*
 * notify.c - see notify.h.
 */
#include "budget/notify.h"

#include "core/log.h"
#include "core/num.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 512

static bool
find_address(const char *text, struct notify *n)
{
	size_t len = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof(n->to.sun_path))
		return false;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, text, len + 1);
	/* An abstract name begins with a NUL, and has none at its end. */
	if (text[0] == '@')
		n->to.sun_path[0] = '\0';
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/' ? 1 : 0));
	return true;
}

/* Three pings in the time, so that one may come late. */
static int64_t
find_ping(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	int64_t us, whose;

	if (usec == NULL || num_parse(usec, 1, INT64_MAX, &us, NULL) != CR_OK)
		return 0;
	if (pid != NULL && (num_parse(pid, 1, INT32_MAX, &whose, NULL) != CR_OK || whose != getpid()))
		return 0;
	return us / 3000 > 0 ? us / 3000 : 1;
}

void
notify_open(struct notify *n)
{
	const char *text = getenv("NOTIFY_SOCKET");

	*n = (struct notify){.fd = -1};
	if (text == NULL || text[0] == '\0')
		return;
	if (!find_address(text, n)) {
		log_warn("NOTIFY_SOCKET is no address of a unix socket: the service manager is told nothing");
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		log_warn("the service manager cannot be told: %s", strerrordesc_np(errno));
	else
		n->ping_ms = find_ping();
}

void
notify_close(struct notify *n)
{
	if (n->fd >= 0)
		(void)close(n->fd);
	n->fd = -1;
}

/* A manager that does not listen must not hold up the gate. */
static void
tell(struct notify *n, const char *text)
{
	if (n->fd < 0)
		return;
	if (sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&n->to, n->to_len) <
	    0)
		log_debug("the service manager does not listen: %s", strerrordesc_np(errno));
}

static void
tell_status(struct notify *n, const char *first, const char *status)
{
	char text[TEXT_MAX];
	size_t at = (size_t)snprintf(text, sizeof(text), "%sSTATUS=", first);

	(void)snprintf(text + at, sizeof(text) - at, "%s", status);
	for (; text[at] != '\0'; at++) {
		if ((unsigned char)text[at] < 0x20)
			text[at] = ' ';
	}
	tell(n, text);
}

void
notify_ready(struct notify *n, const char *status)
{
	tell_status(n, "READY=1\n", status);
}

void
notify_status(struct notify *n, const char *status)
{
	tell_status(n, "", status);
}

/* The time tells this reload from an earlier one (sd_notify(3), "MONOTONIC_USEC"). */
void
notify_reloading(struct notify *n)
{
	struct timespec ts;
	char text[TEXT_MAX];

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the configuration",
	               (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	tell(n, text);
}

void
notify_stopping(struct notify *n)
{
	tell(n, "STOPPING=1\nSTATUS=finishing what has arrived");
}

void
notify_alive(struct notify *n, int64_t now_ms)
{
	if (n->ping_ms == 0 || (n->pinged_ms != 0 && now_ms - n->pinged_ms < n->ping_ms))
		return;
	n->pinged_ms = now_ms;
	tell(n, "WATCHDOG=1");
}
