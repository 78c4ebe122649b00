/*
 * daemon_inside.h - the daemon's state, and what its parts ask of each other.
 *
 * In reading order: daemon_open.c (opened, dropped), daemon.c (the loop), daemon_signals.c (signals, the service manager),
 * daemon_accept.c (the listener), daemon_read.c (requests), daemon_rounds.c (rounds), daemon_conn.c (a connection and its answers).
 * Each calls only those behind it.
 *
 * A connection that rests costs its struct conn and nothing else: what is read goes through one scratch buffer, and only the beginning
 * of a half request is kept.  A connection with an answer that does not leave is not read.
 */
#ifndef BUDGET_DAEMON_INSIDE_H
#define BUDGET_DAEMON_INSIDE_H

#include "budget/committer.h"
#include "budget/daemon.h"
#include "budget/policy.h"
#include "budget/round.h"
#include "budget/scrape.h"

#include "core/buf.h"

#include <signal.h>

#define DAEMON_MANY 16 /* requests of a round from which on the second thread is worth its wake-up */
#define DAEMON_READ 16384
/* Each page is written back once, however often it changed; below what a log is cut to. */
#define DAEMON_LOG_PAGES 60000

struct conn {
	int fd;
	uint32_t interest;
	bool closing; /* once its answers have left */
	bool dead; /* freed at the end of the turn, once nothing is asked: an event or a round may still point here */
	unsigned asked; /* in rounds that are not answered yet */
	int64_t since_ms;
	struct policy_scan *scan; /* of the beginning of a request; NULL: none is kept */
	struct buf in, out;       /* the beginning of a request; answers from out_at on */
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
	char scratch[POLICY_REQUEST_BYTES + DAEMON_READ];
	struct policy_scan scan; /* of the request at hand */
};

/* ---- signals (daemon_signals.c) ---- */

MUST_CHECK int daemon_open_signals(struct daemon *d, struct err *err);
void daemon_take_signal(struct daemon *d);
/* To the service manager; more: about the configuration, or "". */
void daemon_tell_ready(struct daemon *d, const char *more);

/* ---- the listener (daemon_accept.c) ---- */

/* As many connections as the system lets us have. */
void daemon_raise_files(struct daemon *d);
void daemon_want_listener(struct daemon *d, bool on);
void daemon_accept(struct daemon *d);
/* At the end of a turn: those that are dead and not asked for are freed, and others may come. */
void daemon_bury(struct daemon *d);

/* ---- requests (daemon_read.c) ---- */

/* What has come; its requests wait in the round, or are answered already. */
void conn_read(struct daemon *d, struct conn *c);

/* ---- rounds (daemon_rounds.c) ---- */

/* Answer what the committer has done; wait: until it has nothing in hand. */
void daemon_take_back(struct daemon *d, bool wait);
/* What has been collected is decided, or given to the committer, unless that is busy. */
void daemon_finish_round(struct daemon *d);
/* Nothing is being decided when it returns, and nothing waits to be. */
void daemon_settle(struct daemon *d);

/* ---- a connection and its answers (daemon_conn.c) ---- */

void conn_want(struct daemon *d, struct conn *c, uint32_t interest);
/* All that waits to leave, as far as it goes. */
void conn_write(struct daemon *d, struct conn *c);
/* An answer of its own, in front of which nothing waits. */
void conn_say(struct daemon *d, struct conn *c, const char *answer);
/* It is dead from now on, and freed by daemon_bury. */
void conn_kill(struct daemon *d, struct conn *c);
void conn_free(struct daemon *d, struct conn *c);

#endif
