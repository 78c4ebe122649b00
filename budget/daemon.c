/*
 * daemon.c - the loop: what has happened, when a round is over, and what is done beside.
 */
#include "budget/daemon_inside.h"

#include "core/log.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS 256
#define LOOKS  16 /* at what has come meanwhile, before a round is decided */
#define STUCK_MS                                                                                                       \
	100000 /* half a request, or an answer not taken: Postfix's own patience (smtpd_policy_service_timeout) */
#define SWEEP_MS       10000
#define IDLE_MS        1000 /* then the log of the store is written back */
#define IDLE_LOG_PAGES 4000
#define DRAIN_MS       5000 /* for answers under way when the daemon stops */

static void
sweep(struct daemon *d)
{
	if (d->now_ms - d->swept_ms < SWEEP_MS)
		return;
	d->swept_ms = d->now_ms;
	for (struct conn *c = d->conns; c != NULL; c = c->next) {
		if ((c->in.len > 0 || c->out.len > 0) && d->now_ms - c->since_ms >= STUCK_MS)
			conn_kill(d, c);
	}
	daemon_want_listener(d, d->n_conns < d->max_conns);
}

/* Readers are not held up by a write-back, but the next commit is: long logs only, or when nobody asks. */
static void
write_back(struct daemon *d, bool idle)
{
	struct err err = {0};
	int rc;

	if (!d->dirty || committer_is_busy(d->committer))
		return;
	rc = db_checkpoint(d->o.db, idle ? IDLE_LOG_PAGES : DAEMON_LOG_PAGES, &err);
	if (rc != CR_OK && rc != CR_ERETRY)
		log_warn("the store's log is not written back: %s", err.text);
	if (idle)
		d->dirty = false;
}

/* The loop turns although the committer hangs in a sync that never ends: the watchdog is fed when rounds come back. */
static void
tell_alive(struct daemon *d)
{
	if (d->o.notify == NULL || (committer_rounds(d->committer) > 0 && !d->came_back))
		return;
	d->came_back = false;
	notify_alive(d->o.notify, d->now_ms);
}

static void
take_event(struct daemon *d, const struct epoll_event *e)
{
	void *of = e->data.ptr;
	struct conn *c = of;

	if (of == &d->listener)
		daemon_accept(d);
	else if (of == &d->signals)
		daemon_take_signal(d);
	else if (of == &d->scrape)
		scrape_turn(d->scrape);
	else if (of == &d->committer)
		daemon_take_back(d, false);
	else if (c->interest == EPOLLOUT)
		conn_write(d, c);
	else if (c->asked == 0)
		conn_read(d, c);
	else if ((e->events & (EPOLLHUP | EPOLLERR)) != 0)
		conn_kill(d, c);
	else
		/* It is answered first: also one that says it has nothing more to ask. */
		conn_want(d, c, 0);
}

/*
 * What came while the first were read belongs to the same round: their clients were answered together, and ask again together.  Nobody
 * is waited for; a look that finds nothing ends it.
 */
static int
turn(struct daemon *d, int timeout_ms, struct err *err)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(d->epoll, events, EVENTS, timeout_ms), more = n;

	if (n < 0 && errno != EINTR)
		return err_errno(err, CR_EIO, errno, "epoll_wait");
	d->now_ms = clock_boot_ms(d->o.clock);
	for (int look = 0; more > 0 && look < LOOKS; look++) {
		const size_t before = round_size(d->round);

		for (int i = 0; i < more; i++) {
			take_event(d, &events[i]);
			/* Who decides does not stand still while the rest is read. */
			if (round_size(d->round) >= DAEMON_MANY)
				daemon_finish_round(d);
		}
		if (round_size(d->round) == before)
			break;
		more = epoll_wait(d->epoll, events, EVENTS, 0);
	}
	round_log(d->round);
	daemon_finish_round(d);
	write_back(d, n == 0);
	sweep(d);
	daemon_bury(d);
	tell_alive(d);
	return d->broken.code == CR_OK ? CR_OK : err_set(err, d->broken.code, "%s", d->broken.text);
}

/* Nobody new; one last look at what has arrived; and the time it takes for answers to leave. */
static int
stop(struct daemon *d, struct err *err)
{
	int64_t until_ms = clock_boot_ms(d->o.clock) + DRAIN_MS;
	int rc = CR_OK;

	if (d->o.notify != NULL)
		notify_stopping(d->o.notify);
	daemon_want_listener(d, false);
	listener_close(&d->listener);
	daemon_settle(d);
	for (struct conn *c = d->conns; c != NULL; c = c->next)
		conn_read(d, c);
	round_log(d->round); /* there may be no further turn */
	daemon_settle(d);
	do {
		for (struct conn *c = d->conns; c != NULL; c = c->next) {
			c->closing = true;
			if (c->out.len == 0 && c->asked == 0)
				conn_kill(d, c);
		}
		daemon_bury(d);
		if (d->conns != NULL)
			rc = turn(d, 100, err);
	} while (rc == CR_OK && d->conns != NULL && d->now_ms < until_ms);
	log_info("stopped");
	return rc;
}

/* Until something has to be done although nobody asks. */
static int
patience_ms(const struct daemon *d)
{
	int64_t ms = d->dirty ? IDLE_MS : d->conns != NULL || !d->is_listening ? SWEEP_MS : -1;
	int64_t ping_ms = d->o.notify != NULL ? d->o.notify->ping_ms : 0;

	return (int)(ping_ms != 0 && (ms < 0 || ping_ms < ms) ? ping_ms : ms);
}

int
daemon_run(struct daemon *d, struct err *err)
{
	int rc = CR_OK;

	daemon_tell_ready(d, "");
	while (rc == CR_OK && !d->stopping)
		rc = turn(d, patience_ms(d), err);
	return rc == CR_OK ? stop(d, err) : rc;
}
