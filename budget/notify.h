/*
 * notify.h - tell the service manager how we are: ready, reloading, stopping, alive.
 *
 * Source: sd_notify(3), sd_watchdog_enabled(3) of systemd 252: one datagram of NAME=VALUE lines to the unix socket that NOTIFY_SOCKET
 * names, a path, or an abstract name after '@'.  Without a manager nothing is sent and nothing fails.
 */
#ifndef BUDGET_NOTIFY_H
#define BUDGET_NOTIFY_H

#include "core/clock.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t ping_ms; /* how often the watchdog wants to hear of us; 0: not at all */
	int64_t pinged_ms;
};

/* From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.  What cannot be used is left alone, with a warning. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* status: one line for people. */
void notify_ready(struct notify *n, const char *status);
void notify_status(struct notify *n, const char *status);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);
/* When it is time again. */
void notify_alive(struct notify *n, int64_t now_ms);

#endif
