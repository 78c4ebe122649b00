/*
 * exchanges_inside.h - the state that exchanges.c keeps, exchanges_flight.c takes from and gives to, and datagrams and streams move.
 *
 * A question waits in its server's queue; in the window it is a flight, in one of the server's lists: of datagrams, of streams, or stalled,
 * which is to become a stream.  Lists stand in the order of their deadlines, since each datagram has the same time to live, and each stream.
 */
#ifndef DNS_EXCHANGES_INSIDE_H
#define DNS_EXCHANGES_INSIDE_H

#include "core/dict.h"
#include "dns/exchange.h"
#include "dns/exchanges.h"
#include "dns/query.h"

#define EXCHANGES_TRIES        2
#define EXCHANGES_WHY_MAX      160
#define EXCHANGES_KEY_MAX      80
#define EXCHANGES_RANDOM_IDS   128 /* 256 bytes: what getrandom gives without being interrupted */
#define EXCHANGES_LENGTH_BYTES 2   /* in front of each message of a stream (RFC 1035 s4.2.2) */

/* What epoll hands back: the first member of a server (its datagrams) or of a flight (its stream). */
struct ear {
	bool stream;
	int fd; /* -1: none */
};

struct flights {
	struct flight *first, *last;
	size_t n;
};

struct flight {
	struct ear ear;
	struct flight *next, *prev;
	struct flights *in;
	struct server *server;
	struct exchanges_question *question;
	unsigned tries;
	bool edns;
	int64_t due_ms;
	size_t query_len;
	uint8_t query[EXCHANGES_LENGTH_BYTES + QUERY_MAX]; /* as a stream takes it */
	uint8_t *message;                                  /* of a stream: length and reply as they come in */
	size_t written, got;
};

struct server {
	struct ear ear;
	struct server *next, *prev; /* of those with something to do */
	bool busy;
	char key[EXCHANGES_KEY_MAX];
	struct resolve_server at;
	struct exchanges_question *queue, **queue_end;
	struct flights datagrams, streams, stalled;
	bool plain; /* cannot read EDNS */
	bool dead, streams_dead, streams_heard;
	int64_t heard_ms; /* the last reply; 0: none yet */
	unsigned strikes; /* rounds since then in which it said nothing */
	int64_t struck_ms;
	size_t strangers; /* datagrams since the last reply that answer nothing asked */
	char why[EXCHANGES_WHY_MAX];
};

struct exchanges {
	struct exchanges_user user;
	int64_t timeout_ms, now_ms;
	int epoll;
	struct dict servers;
	struct server *busy, *busy_last;
	size_t n_datagrams, n_streams; /* sockets */
	size_t sent, done;
	uint16_t ids[EXCHANGES_RANDOM_IDS];
	size_t n_ids;
	uint8_t reply[EXCHANGE_MESSAGE_MAX];
};

/* Out of the list it is in, if any, to the end of l. */
void flight_move(struct flight *f, struct flights *l);
/* f is done and gone.  reply: as in exchanges_user; NULL, and why says so. */
MUST_CHECK int flight_end(struct exchanges *x, struct flight *f, const uint8_t *reply, size_t len, const char *why,
                          struct err *err);
/* It is in no list any more. */
void flight_drop(struct exchanges *x, struct flight *f);
static inline const uint8_t *
flight_query(const struct flight *f)
{
	return f->query + EXCHANGES_LENGTH_BYTES;
}

size_t server_in_flight(const struct server *s);
/* "dns server 192.0.2.1 port 53: WHAT" */
void server_say(const struct server *s, const char *what, char why[EXCHANGES_WHY_MAX]);
/* Nothing more is asked of s: what it has not answered, it will not.  Its flights are done and gone. */
MUST_CHECK int server_die(struct exchanges *x, struct server *s, const char *why, struct err *err);

/* A connected socket that epoll watches.  Errors: CR_EIO: the system gives none now; any other: the server's. */
MUST_CHECK int ear_open(struct exchanges *x, const struct server *s, struct ear *e, struct err *err);
void ear_close(struct exchanges *x, struct ear *e);

/* From the queue into the window, as far as there is room. */
MUST_CHECK int datagrams_fill(struct exchanges *x, struct server *s, struct err *err);
/* What had no reply in time is sent again, or lost. */
MUST_CHECK int datagrams_expire(struct exchanges *x, struct server *s, struct err *err);
/* Something has come. */
MUST_CHECK int datagrams_hear(struct exchanges *x, struct server *s, struct err *err);

/* Of stalled flights, as many as may be at once. */
MUST_CHECK int streams_fill(struct exchanges *x, struct server *s, struct err *err);
MUST_CHECK int streams_expire(struct exchanges *x, struct server *s, struct err *err);
/* The stream of f can be written to, or read. */
MUST_CHECK int streams_hear(struct exchanges *x, struct flight *f, struct err *err);

#endif
