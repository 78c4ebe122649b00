/*
 * daemon_open.c - the daemon's rounds, threads, signals and sockets opened, and dropped in reverse.
 */
#include "budget/daemon_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MANY_MAILBOXES 10000

static void
write_metrics(void *arg, struct buf *out)
{
	struct daemon *d = arg;
	struct metrics_now now = {.connections = d->n_conns, .max_connections = d->max_conns};

	daemon_settle(d);
	round_look(d->round, &now);
	metrics_write(&d->metrics, &now, out);
}

static int
open_places(struct daemon *d, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &d->scrape};
	bool taken = false;
	int rc = listener_take(&d->listener, &taken, err);

	if (rc == CR_OK && !taken)
		rc = listener_open(d->o.at, d->o.clock, &d->listener, err);
	if (rc != CR_OK)
		return rc;
	daemon_want_listener(d, true);
	if (!d->is_listening)
		return err_errno(err, CR_EIO, errno, "epoll");
	if (d->o.metrics == NULL)
		return CR_OK;
	rc = scrape_open(d->o.metrics, d->o.clock, write_metrics, d, &d->scrape, err);
	if (rc == CR_OK && epoll_ctl(d->epoll, EPOLL_CTL_ADD, scrape_fd(d->scrape), &e) != 0)
		rc = err_errno(err, CR_EIO, errno, "epoll");
	return rc;
}

static int
open_twins(struct daemon *d, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 1; rc == CR_OK && i < ARRAY_LEN(d->rounds); i++)
		rc = round_twin(d->rounds[0], &d->rounds[i], err);
	return rc;
}

static int
open_rounds(struct daemon *d, const struct round_options *o, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &d->committer};
	int rc = round_open(o, &d->rounds[0], err);

	if (rc == CR_OK)
		rc = open_twins(d, err);
	if (rc == CR_OK)
		rc = committer_open(&d->committer, err);
	if (rc == CR_OK && epoll_ctl(d->epoll, EPOLL_CTL_ADD, committer_fd(d->committer), &e) != 0)
		rc = err_errno(err, CR_EIO, errno, "epoll");
	d->round = d->rounds[0];
	return rc;
}

/* A log of full length at once, where there are enough mailboxes to fill it: else the first rounds of a busy hour wait for it. */
static void
make_room(struct db *db)
{
	int64_t mailboxes = 0;

	if (!db_is_server(db) &&
	    db_get_int(db, "SELECT MAX(id) FROM mailbox", DB_NO_ARGS, 0, &mailboxes, NULL) == CR_OK &&
	    mailboxes >= MANY_MAILBOXES)
		db_stretch(db, DAEMON_LOG_PAGES);
}

int
daemon_open(const struct daemon_options *o, struct daemon **out, struct err *err)
{
	struct daemon *d = calloc(1, sizeof(*d));
	struct round_options round;
	int rc;

	if (d == NULL)
		return err_nomem(err, "daemon");
	d->o = *o;
	d->listener.fd = d->signals = -1;
	d->now_ms = d->swept_ms = clock_boot_ms(o->clock);
	round = (struct round_options){.gate = o->gate,
	                               .db = o->db,
	                               .clock = o->clock,
	                               .metrics = &d->metrics,
	                               .log_recipients = o->log_recipients};
	daemon_raise_files(d);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	make_room(o->db);
	rc = d->epoll < 0 ? err_errno(err, CR_EIO, errno, "epoll") : open_rounds(d, &round, err);
	if (rc == CR_OK)
		rc = daemon_open_signals(d, err);
	if (rc == CR_OK)
		rc = open_places(d, err);
	if (rc == CR_OK)
		*out = TAKE(d);
	daemon_drop(&d);
	return rc;
}

void
daemon_set(struct daemon *d, struct gate *gate, bool log_recipients)
{
	round_set(d->round, gate, log_recipients);
}

const struct listen_at *
daemon_place(const struct daemon *d)
{
	return &d->listener.at;
}

void
daemon_drop(struct daemon **dp)
{
	struct daemon *d = *dp;

	if (d == NULL)
		return;
	for (struct conn *c = d->conns, *next; c != NULL; c = next) {
		next = c->next;
		conn_free(d, c);
	}
	listener_close(&d->listener);
	scrape_drop(&d->scrape);
	committer_drop(&d->committer);
	for (size_t i = ARRAY_LEN(d->rounds); i-- > 0;)
		round_drop(&d->rounds[i]);
	if (d->signals >= 0)
		(void)close(d->signals);
	if (d->epoll >= 0)
		(void)close(d->epoll);
	if (d->signals_blocked)
		(void)sigprocmask(SIG_SETMASK, &d->old_signals, NULL);
	free(d);
	*dp = NULL;
}
