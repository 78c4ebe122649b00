/*
 * scrape.h - the metrics' own socket: HTTP/1.0, GET /metrics, one answer a connection.
 *
 * A set of its own inside the daemon's loop: a few connections, each bounded in bytes and in time.  The oldest gives way to a new
 * one, so that nobody who is slow keeps others out, and nothing here waits.
 */
#ifndef BUDGET_SCRAPE_H
#define BUDGET_SCRAPE_H

#include "budget/listen.h"
#include "core/buf.h"

#define SCRAPE_CONNECTIONS 16
#define SCRAPE_PATIENCE_MS 10000

struct scrape;

/* text: writes the metrics, when somebody has asked.  Errors: as listener_open, CR_ECONFIG (an address that others can reach). */
MUST_CHECK int scrape_open(const struct listen_at *at, const struct clock *clock,
                           void (*text)(void *arg, struct buf *out), void *arg, struct scrape **out, struct err *err);
void scrape_drop(struct scrape **s);

/* Readable when there is something to do. */
int scrape_fd(const struct scrape *s);
void scrape_turn(struct scrape *s);

#endif
