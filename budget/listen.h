/*
 * listen.h - where the daemon listens: "unix:PATH" or "inet:HOST:PORT".
 */
#ifndef BUDGET_LISTEN_H
#define BUDGET_LISTEN_H

#include "core/clock.h"
#include "core/lock.h"

#include <stdbool.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct listen_at {
	struct sockaddr_storage address;
	socklen_t len;
	bool is_loopback; /* or a unix socket: nobody from outside can ask */
	char text[160];   /* for messages */
};
/* HOST is a number, "[::1]" for IPv6: a name that resolves differently tomorrow is no place.  Errors: CR_EPARSE. */
MUST_CHECK int listen_parse(const char *text, struct listen_at *out, struct err *err);

struct listener {
	int fd; /* nonblocking */
	struct listen_at at;
	struct lock *lock; /* of a unix socket, PATH.lock: held while the daemon lives */
	dev_t dev;         /* the socket file we made */
	ino_t ino;
};
/* A socket file that nobody answers on is replaced.  Errors: CR_ECONFIG (taken, no directory, no permission, not a socket). */
MUST_CHECK int listener_open(const struct listen_at *at, const struct clock *clock, struct listener *out,
                             struct err *err);
/*
 * The socket that the service manager listens on and hands over (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, from descriptor 3 on).
 * *taken_out false: none was handed over.  LISTEN_FDS and LISTEN_PID are taken from the environment.
 * Errors: CR_ECONFIG (more than one, or no listening stream socket).
 */
MUST_CHECK int listener_take(struct listener *out, bool *taken_out, struct err *err);
/* Closes, and removes the socket file if it is still ours.  fd < 0: nothing happens. */
void listener_close(struct listener *l);

/* Who is at the other end? */
enum listen_peer {
	LISTEN_ANYBODY,
	LISTEN_HOST, /* this host, over TCP: whoever it is */
	LISTEN_OWNER /* our own user, or root, over a unix socket */
};
enum listen_peer listen_peer(int fd);

#endif
