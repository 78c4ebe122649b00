/*
 * exchanges.h - many questions to DNS servers under way at once; the single one is in exchange.h.
 *
 * Each question is sent over UDP with EDNS, again when no reply came, without EDNS when the server cannot read it, over TCP when the
 * answer did not fit.  Each server has a window of questions in flight, so that neither side's buffer runs over; the rest wait their turn.
 * A server from which nothing came for two tries is dead until exchanges_stop: every later question to it ends at once.
 */
#ifndef DNS_EXCHANGES_H
#define DNS_EXCHANGES_H

#include "dns/resolve.h"

#include <stdint.h>

struct exchanges;

/* The caller's, and borrowed from exchanges_ask until it is done or dropped. */
struct exchanges_question {
	struct resolve_server server;
	const char *name; /* canonical */
	uint16_t type;
	bool recursion;
	struct exchanges_question *next; /* of the exchanges */
};

struct exchanges_user {
	/* reply: a message that answers q by id and question, borrowed for the call; NULL when there is none, and why says so. */
	int (*done)(void *ctx, struct exchanges_question *q, const uint8_t *reply, size_t len, const char *why,
	            struct err *err);
	/* Given up: by exchanges_stop, or since exchanges_ask had no memory for it. */
	void (*drop)(void *ctx, struct exchanges_question *q);
	void *ctx;
};

/* timeout_ms: of one try.  Errors: CR_ENOMEM, CR_EIO. */
MUST_CHECK int exchanges_open(int64_t timeout_ms, const struct exchanges_user *user, struct exchanges **out,
                              struct err *err);
/* Gives up what is under way. */
void exchanges_drop(struct exchanges **x);

/* May be done at once, and may be called from within done.  Errors: CR_ENOMEM, and what done returned. */
MUST_CHECK int exchanges_ask(struct exchanges *x, struct exchanges_question *q, struct err *err);
/* Go on until a question is done.  Called only while one is under way.  Errors: CR_ENOMEM, CR_EIO, and what done returned. */
MUST_CHECK int exchanges_wait(struct exchanges *x, struct err *err);
/* Give up what is under way, and forget which servers were dead. */
void exchanges_stop(struct exchanges *x);
/* Questions that were put to a server; a second try does not count. */
size_t exchanges_sent(const struct exchanges *x);

#endif
