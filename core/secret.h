/*
 * secret.h - passwords, API keys and private keys: locked in memory, never printable, wiped.
 *
 * Secrets come by reference: "env:NAME", "file:PATH" (regular file, 0600, owner root or us; one
 * final newline is cut off).  Sealed means encrypted with the installation's key (libsodium
 * secretbox, XSalsa20-Poly1305), so that a copy of the store alone tells nothing.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX_BYTES 65536

/* sodium_malloc'ed, guarded, mlocked where the limit allows.  Opaque: bytes only through secret_bytes. */
struct secret;

/* Copy len bytes in; the caller wipes its own copy.  Errors: CR_ENOMEM, CR_EPARSE (too long). */
MUST_CHECK int secret_make(const void *data, size_t len, struct secret **out, struct err *err);
/* len random bytes. */
MUST_CHECK int secret_random(size_t len, struct secret **out, struct err *err);
void secret_drop(struct secret **s); /* wipes */

/* Borrowed.  Always followed by a NUL that len does not count, so text secrets are C strings. */
const char *secret_bytes(const struct secret *s, size_t *len_out);

/*
 * Resolve a reference.  inline_allowed: a literal is accepted (with *inline_out set, so the caller warns).
 * Errors: CR_ECONFIG (unset variable, missing file, wrong mode, empty, bad reference) naming the reference, never the value.
 */
MUST_CHECK int secret_resolve(const char *ref, bool inline_allowed, bool *inline_out, struct secret **out,
                              struct err *err);

/* Wipe an ordinary buffer that held a secret. */
void secret_wipe(void *p, size_t len);
/* buf_release after wiping its memory. */
void secret_wipe_buf(struct buf *b);

/* The installation's key: what seals secrets, keys the address hashes and the audit chain. */
struct vault;

/*
 * Read the key file (32 random bytes in base64, 0600); create: make it when it is not there (atomically; a second
 * process that creates at the same moment ends up with the same key).
 * Errors: CR_ENOTFOUND (not there and !create), CR_ECONFIG (mode, contents), CR_EIO.
 */
MUST_CHECK int vault_open(const char *path, bool create, struct vault **out, struct err *err);
/* A vault on a fixed key, for tests and for a first run that has not written yet. */
MUST_CHECK int vault_from_bytes(const uint8_t key[32], struct vault **out, struct err *err);
void vault_drop(struct vault **v);

/* nonce || box.  context ("dkim:example.com:cr1") is bound in: a sealed value moved to another row does not open. */
MUST_CHECK int vault_seal(const struct vault *v, const char *context, const struct secret *s, struct buf *sealed_out,
                          struct err *err);
/* Errors: CR_ESTORE (damaged, or sealed under another key or context). */
MUST_CHECK int vault_unseal(const struct vault *v, const char *context, const void *sealed, size_t len,
                            struct secret **out, struct err *err);

/* Keyed BLAKE2b (crypto_generichash) with a subkey for purpose ("address", "audit").  size 16..64. */
void vault_hash(const struct vault *v, const char *purpose, const void *data, size_t len, uint8_t *out, size_t size);

/* Names the key without telling anything of it: 16 hex digits. */
#define VAULT_ID_MAX 17
void vault_id(const struct vault *v, char out[VAULT_ID_MAX]);

/* SipHash-2-4 under a key of one's own (from vault_hash): for what is asked for often and compared in memory. */
#define SECRET_SHORT_KEY 16
uint64_t secret_short_hash(const uint8_t key[SECRET_SHORT_KEY], const void *data, size_t len);
uint64_t secret_random_u64(void);

/* Plain BLAKE2b-256 without a key. */
void secret_digest(const void *data, size_t len, uint8_t out[32]);

/* sodium_init once; every entry point above calls it. Random id of n bytes as lower-case hex (2n+1 chars). */
void secret_random_hex(char *out, size_t n_bytes);

#endif
