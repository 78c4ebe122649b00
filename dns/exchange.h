/*
 * exchange.h - bytes to a DNS server and back: one datagram, or one message over TCP, before a deadline.
 */
#ifndef DNS_EXCHANGE_H
#define DNS_EXCHANGE_H

#include "dns/resolve.h"

#include <stdint.h>

#define EXCHANGE_MESSAGE_MAX 65535

/* Is this the reply we wait for?  Others are dropped and the waiting goes on. */
typedef bool exchange_accept(const uint8_t *reply, size_t len, const void *arg);

/*
 * Send query until a reply comes that accept takes.  deadline_ms: on the boot clock.  reply: room for EXCHANGE_MESSAGE_MAX bytes.
 * Errors: CR_ERETRY (no answer in time, refused, unreachable, cut off), CR_EIO (the system gives no socket).
 */
MUST_CHECK int exchange_udp(const struct resolve_server *server, const void *query, size_t query_len,
                            int64_t deadline_ms, exchange_accept *accept, const void *arg, uint8_t *reply,
                            size_t *reply_len_out, struct err *err);
MUST_CHECK int exchange_tcp(const struct resolve_server *server, const void *query, size_t query_len,
                            int64_t deadline_ms, exchange_accept *accept, const void *arg, uint8_t *reply,
                            size_t *reply_len_out, struct err *err);

int64_t exchange_now_ms(void);

/* A socket of type (SOCK_DGRAM, SOCK_STREAM), non-blocking, that is connected to server, or for TCP about to be.
 * Errors: CR_EPARSE (no address); else as above. */
MUST_CHECK int exchange_socket(const struct resolve_server *server, int type, int *fd_out, struct err *err);
/* What errnum says of server: CR_ERETRY when it is the network that spoke, CR_EIO when it is the system. */
int exchange_fault(const struct resolve_server *server, int errnum, struct err *err);

#endif
