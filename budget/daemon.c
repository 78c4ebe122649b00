/*
 * daemon.c - the loop: connections, signals, and when a round is over.
 *
 * What a round is, is in round.c.  A connection that rests costs its struct conn and nothing else: what is read goes through one
 * scratch buffer, and only the beginning of a half request is kept.  A connection with an answer that does not leave is not read.
 */
#include "budget/daemon.h"

#include "budget/committer.h"
#include "budget/policy.h"
#include "budget/round.h"
#include "budget/scrape.h"

#include "core/buf.h"
#include "core/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS      256
#define LOOKS       16 /* at what has come meanwhile, before a round is decided */
#define MANY        16 /* requests of a round from which on the second thread is worth its wake-up */
#define READ_BYTES  16384
#define SPARE_FILES 64 /* kept for the store and its like */
#define STUCK_MS                                                                                                       \
	100000 /* half a request, or an answer not taken: Postfix's own patience (smtpd_policy_service_timeout) */
#define SWEEP_MS       10000
#define IDLE_MS        1000 /* then the log of the store is written back */
#define IDLE_LOG_PAGES 4000
#define BUSY_LOG_PAGES 60000 /* each page is written back once, however often it changed; below what a log is cut to */
#define MANY_MAILBOXES 10000
#define DRAIN_MS       5000 /* for answers under way when the daemon stops */

struct conn {
	int fd;
	uint32_t interest;
	bool closing; /* once its answers have left */
	bool dead; /* freed at the end of the turn, once nothing is asked: an event or a round may still point here */
	unsigned asked; /* in rounds that are not answered yet */
	int64_t since_ms;
	struct policy_scan scan;
	struct buf in, out; /* the beginning of a request; answers from out_at on */
	size_t out_at;
	struct conn *next, *prev, *next_dead;
};

struct daemon {
	struct daemon_options o;
	struct round *rounds[COMMITTER_ROUNDS + 1];
	struct round *round; /* the one that is being collected; the committer may have the others */
	struct committer *committer;
	bool came_back; /* a round, from the committer, since the watchdog was fed */
	struct metrics metrics;
	struct scrape *scrape; /* NULL: not asked for */
	struct listener listener;
	int epoll, signals;
	sigset_t old_signals;
	bool signals_blocked, stopping, is_listening;
	struct conn *conns, *dead;
	size_t n_conns, max_conns;
	int64_t now_ms, swept_ms;
	bool dirty;        /* something was committed since the store's log was last looked at */
	struct err broken; /* code CR_OK: what was committed is known */
	char scratch[POLICY_REQUEST_BYTES + READ_BYTES];
};

static void
conn_kill(struct daemon *d, struct conn *c)
{
	if (c->dead)
		return;
	/* While its round is away it still is a descriptor, and would wake the loop over and over. */
	(void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->dead = true;
	c->next_dead = d->dead;
	d->dead = c;
}

static void
conn_free(struct daemon *d, struct conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		d->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	(void)close(c->fd);
	buf_release(&c->in);
	buf_release(&c->out);
	free(c);
	d->n_conns--;
}

static void
conn_want(struct daemon *d, struct conn *c, uint32_t interest)
{
	struct epoll_event e = {.events = interest, .data.ptr = c};

	if (c->interest == interest)
		return;
	c->interest = interest;
	if (epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &e) != 0)
		conn_kill(d, c);
}

static void
conn_write(struct daemon *d, struct conn *c)
{
	while (!c->dead && c->out_at < c->out.len) {
		ssize_t put = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			c->since_ms = d->now_ms;
			conn_want(d, c, EPOLLOUT);
			return;
		}
		if (put < 0)
			conn_kill(d, c);
		else
			c->out_at += (size_t)put;
	}
	if (c->dead)
		return;
	buf_release(&c->out);
	c->out_at = 0;
	if (c->closing)
		conn_kill(d, c);
	else
		conn_want(d, c, EPOLLIN);
}

/* The one place where answers leave. */
static void
answer_round(struct daemon *d, struct round *r)
{
	const size_t n = round_size(r);
	const char *answer;
	void *who;

	for (size_t i = 0; i < n; i++) {
		struct conn *c;

		answer = round_answer(r, i, &who);
		c = who;
		c->asked--;
		if (c->dead)
			continue;
		if (answer != NULL)
			buf_adds(&c->out, answer);
		if (answer == NULL || buf_check(&c->out, "answer", NULL) != CR_OK)
			conn_kill(d, c);
	}
	for (size_t i = 0; i < n; i++) {
		(void)round_answer(r, i, &who);
		conn_write(d, who);
	}
	round_end(r);
	if (d->broken.code == CR_OK)
		(void)!round_check(r, &d->broken);
}

/* Answer what the committer has done; wait: until it has nothing in hand. */
static void
take_back(struct daemon *d, bool wait)
{
	bool wrote = false;

	for (struct round *r; (r = committer_take(d->committer, wait, &wrote)) != NULL;) {
		d->dirty = wrote || d->dirty;
		d->came_back = true;
		answer_round(d, r);
	}
}

/* One that the committer does not have: in turn, as it gives them back. */
static void
next_round(struct daemon *d)
{
	size_t at = 0;

	while (d->rounds[at] != d->round)
		at++;
	d->round = d->rounds[(at + 1) % ARRAY_LEN(d->rounds)];
}

/*
 * A few requests are decided here and now: to wake another thread would take longer than to do without.  Many go to the committer,
 * and while it decides and waits for its sync the next round is read.  While it is busy they gather.
 */
static void
finish_round(struct daemon *d)
{
	const size_t away = committer_rounds(d->committer);

	if (round_size(d->round) == 0 || committer_is_busy(d->committer) || away == COMMITTER_ROUNDS)
		return;
	if (round_size(d->round) < MANY && away == 0) {
		d->dirty = round_decide(d->round, false) || d->dirty;
		answer_round(d, d->round);
		return;
	}
	committer_give(d->committer, d->round);
	next_round(d);
}

/* Nothing is being decided when it returns, and nothing waits to be. */
static void
settle(struct daemon *d)
{
	take_back(d, true);
	finish_round(d);
	take_back(d, true);
}

/* An answer of its own, in front of which nothing waits. */
static void
conn_say(struct daemon *d, struct conn *c, const char *answer)
{
	const size_t len = strlen(answer);
	ssize_t put = c->out.len == 0 ? send(c->fd, answer, len, MSG_NOSIGNAL) : 0;

	/* Most leave so.  What does not, or fails, is conn_write's. */
	if (put == (ssize_t)len)
		return;
	buf_adds(&c->out, answer + (put > 0 ? put : 0));
	if (buf_check(&c->out, "answer", NULL) != CR_OK)
		conn_kill(d, c);
}

/* A no that is known leaves at once, if nothing that was asked before it on this connection still waits. */
static bool
add_request(struct daemon *d, struct conn *c, const char *data)
{
	const bool may_recall = c->asked == 0 && !committer_is_busy(d->committer);
	const char *answer;

	switch (round_add(d->round, c, c->fd, data, &c->scan, may_recall, &answer)) {
	case ROUND_JUNK:
		return false;
	case ROUND_KNOWN:
		conn_say(d, c, answer);
		return true;
	case ROUND_WAITS:
		break;
	}
	c->asked++;
	if (round_size(d->round) == ROUND_MAX)
		settle(d);
	return true;
}

/* Of len bytes since a request's start; returns how many are used up. */
static size_t
conn_requests(struct daemon *d, struct conn *c, size_t len)
{
	size_t at = 0;

	while (at < len && !c->dead) {
		enum policy_progress p = policy_scan(&c->scan, d->scratch + at, len - at);

		if (p == POLICY_MORE)
			return at;
		if (p == POLICY_JUNK || !add_request(d, c, d->scratch + at)) {
			log_warn("a connection sent what is no policy request: closed");
			c->closing = true;
			conn_want(d, c, 0);
			return len;
		}
		at += c->scan.at;
		c->scan = (struct policy_scan){0};
	}
	return len;
}

static void
conn_keep(struct daemon *d, struct conn *c, const char *rest, size_t len)
{
	if (len == 0) {
		buf_release(&c->in);
		return;
	}
	if (c->in.len == 0)
		c->since_ms = d->now_ms;
	buf_clear(&c->in);
	buf_add(&c->in, rest, len);
	if (buf_check(&c->in, "request", NULL) != CR_OK)
		conn_kill(d, c);
}

static void
conn_read(struct daemon *d, struct conn *c)
{
	size_t have = c->in.len, used;
	ssize_t got;

	if (c->dead || c->closing || c->out.len > 0)
		return;
	if (have > 0)
		memcpy(d->scratch, c->in.data, have);
	do {
		got = read(c->fd, d->scratch + have, READ_BYTES);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			conn_kill(d, c);
		return;
	}
	if (got == 0) {
		conn_kill(d, c);
		return;
	}
	used = conn_requests(d, c, have + (size_t)got);
	if (!c->dead)
		conn_keep(d, c, d->scratch + used, have + (size_t)got - used);
	if (c->out.len > 0 && c->asked == 0)
		conn_write(d, c);
	/* Junk behind good requests: their answers wait in the round, and close it when they have left. */
	if (c->closing && c->asked == 0 && c->out.len == 0)
		conn_kill(d, c);
}

static void
want_listener(struct daemon *d, bool on)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &d->listener};

	if (d->is_listening == on || d->listener.fd < 0)
		return;
	if (epoll_ctl(d->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, d->listener.fd, &e) == 0)
		d->is_listening = on;
}

static void
conn_make(struct daemon *d, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct conn *c = calloc(1, sizeof(*c));
	const int on = 1;

	e.data.ptr = c;
	if (c == NULL || epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		(void)close(fd);
		free(c);
		return;
	}
	if (d->listener.at.address.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->interest = EPOLLIN;
	c->next = d->conns;
	if (d->conns != NULL)
		d->conns->prev = c;
	d->conns = c;
	d->n_conns++;
	/* Who connects to ask has mostly asked by now. */
	conn_read(d, c);
}

static void
accept_some(struct daemon *d)
{
	for (int i = 0; i < EVENTS; i++) {
		int fd = accept4(d->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		bool full = fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);

		if (fd < 0 && !full)
			return;
		if (fd >= 0)
			conn_make(d, fd);
		if (full || d->n_conns >= d->max_conns) {
			log_warn("%zu connections: no further one is taken until one ends", d->n_conns);
			want_listener(d, false);
			return;
		}
	}
}

static void
tell_ready(struct daemon *d, const char *more)
{
	char status[256];

	(void)snprintf(status, sizeof(status), "answering at %s%s", d->listener.at.text, more);
	if (d->o.notify != NULL)
		notify_ready(d->o.notify, status);
}

static void
reload(struct daemon *d)
{
	struct err err = {0};

	settle(d);
	if (d->o.notify != NULL)
		notify_reloading(d->o.notify);
	if (d->o.reload(d->o.arg, d, &err) == CR_OK) {
		d->metrics.reloads++;
		log_info("the configuration was read again and holds from now on");
		tell_ready(d, "");
		return;
	}
	d->metrics.reloads_failed++;
	log_error("the configuration is not taken over, the old one holds: %s", err.text);
	tell_ready(d, "; the last configuration was wrong, the one before holds");
}

static void
take_signal(struct daemon *d)
{
	struct signalfd_siginfo s;

	if (read(d->signals, &s, sizeof(s)) != (ssize_t)sizeof(s))
		return;
	if (s.ssi_signo != SIGHUP)
		d->stopping = true;
	else if (d->o.reload != NULL)
		reload(d);
}

static void
bury(struct daemon *d)
{
	struct conn *waiting = NULL;

	if (d->dead == NULL)
		return;
	for (struct conn *c = d->dead, *next; c != NULL; c = next) {
		next = c->next_dead;
		if (c->asked == 0) {
			conn_free(d, c);
			continue;
		}
		c->next_dead = waiting;
		waiting = c;
	}
	d->dead = waiting;
	want_listener(d, d->n_conns < d->max_conns);
}

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
	want_listener(d, d->n_conns < d->max_conns);
}

/* Readers are not held up by a write-back, but the next commit is: long logs only, or when nobody asks. */
static void
write_back(struct daemon *d, bool idle)
{
	struct err err = {0};
	int rc;

	if (!d->dirty || committer_is_busy(d->committer))
		return;
	rc = db_checkpoint(d->o.db, idle ? IDLE_LOG_PAGES : BUSY_LOG_PAGES, &err);
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
		accept_some(d);
	else if (of == &d->signals)
		take_signal(d);
	else if (of == &d->scrape)
		scrape_turn(d->scrape);
	else if (of == &d->committer)
		take_back(d, false);
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
			if (round_size(d->round) >= MANY)
				finish_round(d);
		}
		if (round_size(d->round) == before)
			break;
		more = epoll_wait(d->epoll, events, EVENTS, 0);
	}
	round_log(d->round);
	finish_round(d);
	write_back(d, n == 0);
	sweep(d);
	bury(d);
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
	want_listener(d, false);
	listener_close(&d->listener);
	settle(d);
	for (struct conn *c = d->conns; c != NULL; c = c->next)
		conn_read(d, c);
	round_log(d->round); /* there may be no further turn */
	settle(d);
	do {
		for (struct conn *c = d->conns; c != NULL; c = c->next) {
			c->closing = true;
			if (c->out.len == 0 && c->asked == 0)
				conn_kill(d, c);
		}
		bury(d);
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

	tell_ready(d, "");
	while (rc == CR_OK && !d->stopping)
		rc = turn(d, patience_ms(d), err);
	return rc == CR_OK ? stop(d, err) : rc;
}

static int
open_signals(struct daemon *d, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &d->signals};
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &d->old_signals) != 0)
		return err_errno(err, CR_EIO, errno, "signals");
	d->signals_blocked = true;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->signals, &e) != 0)
		return err_errno(err, CR_EIO, errno, "signals");
	return CR_OK;
}

/* As many connections as the system lets us have. */
static void
raise_files(struct daemon *d)
{
	struct rlimit files = {0};

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)getrlimit(RLIMIT_NOFILE, &files);
	}
	d->max_conns = files.rlim_cur > 2 * SPARE_FILES ? (size_t)files.rlim_cur - SPARE_FILES : SPARE_FILES;
}

static void
write_metrics(void *arg, struct buf *out)
{
	struct daemon *d = arg;
	struct metrics_now now = {.connections = d->n_conns, .max_connections = d->max_conns};

	settle(d);
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
	want_listener(d, true);
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
		db_stretch(db, BUSY_LOG_PAGES);
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
	raise_files(d);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	make_room(o->db);
	rc = d->epoll < 0 ? err_errno(err, CR_EIO, errno, "epoll") : open_rounds(d, &round, err);
	if (rc == CR_OK)
		rc = open_signals(d, err);
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
