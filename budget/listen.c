/*
 * listen.c - parse an address, bind it, and clean up after a crash without taking a living daemon's place.
 */
#include "budget/listen.h"

#include "core/num.h"
#include "core/own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG           512
#define FIRST_HANDED_OVER 3 /* SD_LISTEN_FDS_START */

union any_address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static int
parse_unix(const char *path, struct listen_at *at, struct err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (path[0] != '/')
		return err_set(err, CR_EPARSE, "the path of a unix socket has to begin with '/'");
	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(err, CR_EPARSE, "the path of a unix socket has at most %zu bytes",
		               sizeof(un.sun_path) - 1);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	memcpy(&at->address, &un, sizeof(un));
	at->len = sizeof(un);
	at->is_loopback = true;
	return CR_OK;
}

static bool
is_loopback(const struct sockaddr_in *in)
{
	return ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

static int
parse_inet(const char *text, struct listen_at *at, struct err *err)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2] = "";
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	int64_t port;

	if (len == 0 || len >= sizeof(host))
		return err_set(err, CR_EPARSE, "expected inet:HOST:PORT, not 'inet:%s'", text);
	memcpy(host, text, len);
	if (num_parse(colon + 1, 1, 65535, &port, NULL) != CR_OK)
		return err_set(err, CR_EPARSE, "the port has to be 1 to 65535, not '%s'", colon + 1);
	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		in.sin_port = htons((uint16_t)port);
		at->is_loopback = is_loopback(&in);
		memcpy(&at->address, &in, sizeof(in));
		at->len = sizeof(in);
		return CR_OK;
	}
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &in6.sin6_addr) == 1) {
			in6.sin6_port = htons((uint16_t)port);
			at->is_loopback = IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
			memcpy(&at->address, &in6, sizeof(in6));
			at->len = sizeof(in6);
			return CR_OK;
		}
	}
	return err_set(err, CR_EPARSE, "'%s' is no address: 127.0.0.1 or [::1], not a name", host);
}

int
listen_parse(const char *text, struct listen_at *out, struct err *err)
{
	struct listen_at at = {0};
	int rc;

	(void)snprintf(at.text, sizeof(at.text), "%.159s", text);
	if (strncmp(text, "unix:", 5) == 0)
		rc = parse_unix(text + 5, &at, err);
	else if (strncmp(text, "inet:", 5) == 0)
		rc = parse_inet(text + 5, &at, err);
	else
		rc = err_set(err, CR_EPARSE, "expected unix:PATH or inet:HOST:PORT, not '%s'", text);
	if (rc == CR_OK)
		*out = at;
	return rc;
}

static int
taken(const struct listen_at *at, struct err *err)
{
	return err_set(err, CR_ECONFIG, "%s: another daemon listens there already", at->text);
}

/* Under the lock: no second daemon of ours is at this point.  A stranger that answers is left alone, and so is what is no socket. */
static int
clear_path(const struct listen_at *at, const char *path, struct err *err)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? CR_OK : err_errno(err, CR_ECONFIG, errno, path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, CR_ECONFIG, "%s: is there already, and is no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, CR_EIO, errno, "socket");
	rc = connect(fd, (const struct sockaddr *)&at->address, at->len) == 0 ? 0 : errno;
	(void)close(fd);
	if (rc == ECONNREFUSED)
		return unlink(path) == 0 || errno == ENOENT ? CR_OK : err_errno(err, CR_ECONFIG, errno, path);
	return rc == 0 || rc == EAGAIN ? taken(at, err) : err_errno(err, CR_ECONFIG, rc, path);
}

static int
take_path(struct listener *l, const char *path, const struct clock *clock, struct err *err)
{
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	int rc;

	(void)snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	rc = lock_open(lock_path, &l->lock, err);
	if (rc == CR_EIO && err != NULL)
		err->code = rc = CR_ECONFIG;
	if (rc == CR_OK && (rc = lock_take(l->lock, clock, 0, "serve", err)) == CR_ERETRY)
		rc = taken(&l->at, err);
	return rc == CR_OK ? clear_path(&l->at, path, err) : rc;
}

/* As Postfix's own sockets: whoever gets into the directory may ask. */
static int
own_path(struct listener *l, const char *path, struct err *err)
{
	struct stat st;

	if (chmod(path, 0666) != 0 || lstat(path, &st) != 0)
		return err_errno(err, CR_ECONFIG, errno, path);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return CR_OK;
}

int
listener_open(const struct listen_at *at, const struct clock *clock, struct listener *out, struct err *err)
{
	const char *path = at->address.ss_family == AF_UNIX ? at->text + 5 : NULL;
	struct listener l = {.fd = -1, .at = *at};
	const int on = 1;
	int rc = path != NULL ? take_path(&l, path, clock, err) : CR_OK;

	if (rc != CR_OK)
		goto out;
	l.fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l.fd < 0 || (path == NULL && setsockopt(l.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0))
		rc = err_errno(err, CR_EIO, errno, "socket");
	else if (bind(l.fd, (const struct sockaddr *)&at->address, at->len) != 0 || listen(l.fd, BACKLOG) != 0)
		rc = errno == EADDRINUSE ? taken(at, err) : err_errno(err, CR_ECONFIG, errno, at->text);
	else if (path != NULL)
		rc = own_path(&l, path, err);
	if (rc == CR_OK) {
		*out = l;
		return CR_OK;
	}
out:
	listener_close(&l);
	return rc;
}

void
listener_close(struct listener *l)
{
	const char *path = l->at.text + 5;
	struct stat st;

	if (l->fd >= 0)
		(void)close(l->fd);
	/* Before the lock goes: the next daemon's socket is never taken for ours. */
	if (l->ino != 0 && lstat(path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlink(path);
	lock_drop(&l->lock);
	l->fd = -1;
	l->ino = 0;
}

enum listen_peer
listen_peer(int fd)
{
	union any_address peer = {0};
	socklen_t len = sizeof(peer);
	struct ucred who;

	if (getpeername(fd, &peer.any, &len) != 0)
		return LISTEN_ANYBODY;
	if (peer.any.sa_family == AF_INET)
		return is_loopback(&peer.in) ? LISTEN_HOST : LISTEN_ANYBODY;
	if (peer.any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&peer.in6.sin6_addr) ? LISTEN_HOST : LISTEN_ANYBODY;
	len = sizeof(who);
	if (peer.any.sa_family != AF_UNIX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return LISTEN_ANYBODY;
	return who.uid == 0 || who.uid == geteuid() ? LISTEN_OWNER : LISTEN_ANYBODY;
}

/* The address as `listen` would spell it. */
static int
describe(int fd, struct listen_at *at, struct err *err)
{
	union any_address own = {0};
	socklen_t len = sizeof(own);
	char host[INET6_ADDRSTRLEN] = "";

	if (getsockname(fd, &own.any, &len) != 0)
		return err_errno(err, CR_ECONFIG, errno, "the socket handed over");
	if (own.any.sa_family == AF_UNIX) {
		(void)snprintf(at->text, sizeof(at->text), "unix:%s", own.un.sun_path);
		at->is_loopback = true;
	} else if (own.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &own.in.sin_addr, host, sizeof(host));
		(void)snprintf(at->text, sizeof(at->text), "inet:%s:%u", host, ntohs(own.in.sin_port));
		at->is_loopback = is_loopback(&own.in);
	} else if (own.any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &own.in6.sin6_addr, host, sizeof(host));
		(void)snprintf(at->text, sizeof(at->text), "inet:[%s]:%u", host, ntohs(own.in6.sin6_port));
		at->is_loopback = IN6_IS_ADDR_LOOPBACK(&own.in6.sin6_addr);
	} else {
		return err_set(err, CR_ECONFIG, "the socket handed over is neither unix nor inet");
	}
	memcpy(&at->address, &own, sizeof(own));
	at->len = len;
	return CR_OK;
}

static int
check_stream(int fd, struct err *err)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM)
		return err_set(err, CR_ECONFIG, "what the service manager handed over is no stream socket");
	len = sizeof(listens);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || listens == 0)
		return err_set(err, CR_ECONFIG, "the socket that the service manager handed over does not listen");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(err, CR_ECONFIG, errno, "the socket handed over");
	return CR_OK;
}

int
listener_take(struct listener *out, bool *taken_out, struct err *err)
{
	const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
	struct listener l = {.fd = FIRST_HANDED_OVER};
	int64_t pid = 0, n = 0;
	bool ours = pid_text != NULL && n_text != NULL && num_parse(pid_text, 1, INT32_MAX, &pid, NULL) == CR_OK &&
	            pid == getpid() && num_parse(n_text, 0, INT32_MAX, &n, NULL) == CR_OK && n > 0;
	int rc;

	*taken_out = false;
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!ours)
		return CR_OK;
	if (n > 1)
		return err_set(err, CR_ECONFIG, "the service manager handed over %lld sockets, one is expected",
		               (long long)n);
	rc = check_stream(l.fd, err);
	if (rc == CR_OK)
		rc = describe(l.fd, &l.at, err);
	if (rc != CR_OK)
		return rc;
	*out = l;
	*taken_out = true;
	return CR_OK;
}
