/*
 * instances.h - which recipients a message was asked about at RCPT, until END-OF-MESSAGE spends for them.
 *
 * Postfix names no recipients at END-OF-MESSAGE when there are two or more, only the instance.  The table is bounded three ways
 * (recipients a message, messages, bytes): the oldest message gives way, and whoever is not found later is refused, not guessed.
 * Lost on a restart, which costs a message in flight a deferral.
 */
#ifndef BUDGET_INSTANCES_H
#define BUDGET_INSTANCES_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTANCES_MAX        10000
#define INSTANCES_RECIPIENTS 64
#define INSTANCES_BYTES      ((size_t)32 << 20)
#define INSTANCES_EXPIRE_MS  1000000 /* as long as Postfix keeps a policy connection at most */
#define INSTANCES_ID_BYTES   16

struct instances;

MUST_CHECK int instances_open(struct instances **out, struct err *err);
void instances_drop(struct instances **t);

/* Canonical recipient, once.  Errors: CR_EREFUSED (one more than INSTANCES_RECIPIENTS), CR_ENOMEM. */
MUST_CHECK int instances_add(struct instances *t, const uint8_t id[INSTANCES_ID_BYTES], const char *recipient,
                             int64_t now_ms, struct err *err);
/* The recipients of a message, borrowed until the table next changes; 0: none known. */
size_t instances_get(struct instances *t, const uint8_t id[INSTANCES_ID_BYTES], int64_t now_ms,
                     const char *recipients_out[INSTANCES_RECIPIENTS]);

#endif
