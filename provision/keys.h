/*
 * keys.h - the DKIM keys and mailbox passwords of a domain in the store: made, sealed, unsealed, rotated.
 */
#ifndef PROVISION_KEYS_H
#define PROVISION_KEYS_H

#include "core/db.h"
#include "core/secret.h"
#include "dns/dkim.h"
#include "dns/name.h"

enum key_state { KEY_NEXT, KEY_ACTIVE, KEY_RETIRED, KEY_STATE__COUNT };
const char *key_state_name(enum key_state s);

struct key {
	char selector[64];
	enum key_state state;
	struct dkim_public public;
	struct secret *pem; /* NULL unless asked for */
	int64_t created_ms, retired_ms;
};
struct keys {
	struct key *items;
	size_t n, cap;
};
void keys_release(struct keys *k);

/* All keys of a domain, oldest first; v NULL: without the private halves. */
MUST_CHECK int keys_load(struct db *db, const struct vault *v, const char *domain, struct keys *out, struct err *err);
/* Store a made key, and say so in the log, inside the caller's transaction.  Errors: CR_ECONFLICT (selector used before: a selector is never reused). */
MUST_CHECK int keys_store(struct db *db, const struct vault *v, const char *domain, const struct key *k,
                          struct err *err);
MUST_CHECK int keys_set_state(struct db *db, const char *domain, const char *selector, enum key_state s, int64_t now_ms,
                              struct err *err);
/* A selector that somebody else uses, so that keys_next_selector leaves it out. */
MUST_CHECK int keys_add_used(struct keys *k, const char *selector, struct err *err);
/* "cr202611a": year, month and the first letter not used yet for this domain; suffix "e" in front of the letter for Ed25519. */
MUST_CHECK int keys_next_selector(const struct keys *have, enum dkim_algorithm a, int64_t now_s, char out[64],
                                  struct err *err);

/* Password of a mailbox: unsealed; CR_ENOTFOUND when none is stored. */
MUST_CHECK int keys_password(struct db *db, const struct vault *v, const char *address, struct secret **out,
                             struct err *err);
/* Make and store a random one (24 characters) inside the caller's transaction. */
MUST_CHECK int keys_make_password(struct db *db, const struct vault *v, const char *address, int64_t now_ms,
                                  struct secret **out, struct err *err);

/*
 * Make keys ahead on all cores, beside the network: a pool of generators.
 */
struct keypool;
struct keypool_result {
	struct secret *pem;
	struct dkim_public public;
	int rc;
	struct err err;
};
/* Start making n keys of algorithm a on threads (0: all cores). */
MUST_CHECK int keypool_open(enum dkim_algorithm a, size_t n, unsigned threads, struct keypool **out, struct err *err);
/* Take one, waiting for it.  Errors: the generator's. */
MUST_CHECK int keypool_take(struct keypool *p, struct secret **pem_out, struct dkim_public *public_out,
                            struct err *err);
void keypool_drop(struct keypool **p);

#endif
