/*
 * oracle.h - recounts by brute force what a gate admitted, from its answers alone.
 *
 * It knows nothing of slots, windows held in rows or clocks that are set: a send is a mailbox, a class, the time that truly passed
 * and whether it was given back.  Its numbers are its own, so that a gate whose constants are wrong is found out too.
 *
 * A question whose answer was lost (the commit's outcome is unknown) may be in the store or not.  It is kept as `unanswered`: it
 * may take room away, and must not be counted as a send.
 */
#ifndef TESTS_LIB_ORACLE_H
#define TESTS_LIB_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_TOTAL     4
#define ORACLE_PER_CLASS 2
#define ORACLE_DAY_MS    ((int64_t)86400000)
#define ORACLE_MAILBOXES 8
#define ORACLE_KEY_SIZE  96

struct oracle_send {
	int mailbox, class;
	int64_t at_ms;             /* true time */
	char key[ORACLE_KEY_SIZE]; /* message id and recipient; "": asked without an id */
	char ticket[40];
	bool released;
	bool unanswered;
	bool outdated; /* was beyond some gate's window when another one was admitted: that gate may have dropped it */
};

struct oracle {
	struct oracle_send *sends; /* in order of time */
	size_t n, size;
	bool closed[ORACLE_MAILBOXES]; /* its domain is frozen: that call has returned */
	char complaint[256];           /* the first promise that was broken; "": none */
};

/* What one gate is set to. */
struct oracle_rules {
	int64_t total, per_class[2];
	int64_t window_ms; /* closed at both ends, the queue lifetime included */
};

void oracle_release(struct oracle *o);

/* A send was admitted; NULL after a complaint.  Later changes to it are the caller's: ticket, unanswered. */
struct oracle_send *oracle_admit(struct oracle *o, const struct oracle_rules *r, const struct oracle_send *send);
/* All sends from the n-th on never happened: a transaction that was taken back. */
void oracle_rewind(struct oracle *o, size_t n);
/* The newest send that bears the key, or the ticket; NULL: none.  Borrowed until the next admission. */
struct oracle_send *oracle_by_key(struct oracle *o, int mailbox, const char *key);
struct oracle_send *oracle_by_ticket(struct oracle *o, const char *ticket);

enum oracle_room {
	ORACLE_FREE, /* a gate that says no keeps a token back */
	ORACLE_FULL, /* a gate that says yes breaks its own limit */
	ORACLE_OPEN, /* rests on what nobody was told */
};
enum oracle_room oracle_room(const struct oracle *o, const struct oracle_rules *r, int mailbox, int class,
                             int64_t now_ms);

/* Every window of every mailbox, once more, from nothing but times. */
void oracle_recount(struct oracle *o);

#endif
