/*
 * signature_hash.c - SHA-256, and signatures opened: what were they made of, and with this key?
 *
 * RSA (RFC 8017 s8.2.2) by libcrypto: the block is recovered and compared whole, so that nothing lenient is left in it, and the hash that
 * was signed is known even when it is another.  Ed25519 (RFC 8463 s3: the signature is of the SHA-256) by libsodium.
 */
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/lazy.h"
#include "dns/signature_inside.h"

/* clang-format off */
#define CALLS(X) \
	X(ERR_clear_error) X(EVP_PKEY_CTX_free) X(EVP_PKEY_CTX_new) X(EVP_PKEY_CTX_set_rsa_padding) \
	X(EVP_PKEY_free) X(EVP_PKEY_verify_recover) X(EVP_PKEY_verify_recover_init) X(d2i_PUBKEY)
/* clang-format on */
LAZY_LIBRARY(libcrypto, "libcrypto.so.3", "libssl3", CALLS);
#define ERR_clear_error              libcrypto.ERR_clear_error
#define EVP_PKEY_CTX_free            libcrypto.EVP_PKEY_CTX_free
#define EVP_PKEY_CTX_new             libcrypto.EVP_PKEY_CTX_new
#define EVP_PKEY_CTX_set_rsa_padding libcrypto.EVP_PKEY_CTX_set_rsa_padding
#define EVP_PKEY_free                libcrypto.EVP_PKEY_free
#define EVP_PKEY_verify_recover      libcrypto.EVP_PKEY_verify_recover
#define EVP_PKEY_verify_recover_init libcrypto.EVP_PKEY_verify_recover_init
#define d2i_PUBKEY                   libcrypto.d2i_PUBKEY

/* clang-format off */
#define SODIUM_CALLS(X) \
	X(crypto_hash_sha256_final) X(crypto_hash_sha256_init) X(crypto_hash_sha256_update) \
	X(crypto_sign_verify_detached) X(sodium_init)
/* clang-format on */
LAZY_LIBRARY(libsodium, "libsodium.so.23", "libsodium23", SODIUM_CALLS);
#define crypto_hash_sha256_final    libsodium.crypto_hash_sha256_final
#define crypto_hash_sha256_init     libsodium.crypto_hash_sha256_init
#define crypto_hash_sha256_update   libsodium.crypto_hash_sha256_update
#define crypto_sign_verify_detached libsodium.crypto_sign_verify_detached
#define sodium_init                 libsodium.sodium_init

/* DigestInfo of SHA-256 up to the hash (RFC 8017 s9.2). */
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

int
hash_need(struct err *err)
{
	int rc = lazy_need(&libcrypto_lazy, err);

	if (rc == CR_OK)
		rc = lazy_need(&libsodium_lazy, err);
	if (rc == CR_OK && sodium_init() < 0)
		rc = err_set(err, CR_EBUG, "dkim: libsodium cannot start");
	return rc;
}

void
hash_start(struct hash *h)
{
	(void)crypto_hash_sha256_init(&h->state);
}

void
hash_add(struct hash *h, const void *data, size_t len)
{
	(void)crypto_hash_sha256_update(&h->state, data, len);
}

void
hash_peek(const struct hash *h, uint8_t out[HASH_BYTES])
{
	struct hash copy = *h;

	(void)crypto_hash_sha256_final(&copy.state, out);
}

static int
open_rsa(struct seal *s, struct err *err)
{
	uint8_t block[SIGNATURE_BYTES_MAX];
	const uint8_t *at = s->key->data;
	size_t len = sizeof(block);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)s->key->len);
	int rc = CR_OK;

	if (key != NULL)
		ctx = EVP_PKEY_CTX_new(key, NULL);
	if (ctx == NULL || EVP_PKEY_verify_recover_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1) {
		rc = err_nomem(err, "rsa key");
		goto out;
	}
	if (EVP_PKEY_verify_recover(ctx, block, &len, s->signature, s->len) != 1)
		goto out;
	s->whole = len == sizeof(digest_info) + HASH_BYTES && memcmp(block, digest_info, sizeof(digest_info)) == 0;
	if (s->whole)
		memcpy(s->of, block + sizeof(digest_info), HASH_BYTES);
out:
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return rc;
}

int
seal_open(const struct dkim_public *key, const uint8_t *signature, size_t len, struct seal *out, struct err *err)
{
	*out = (struct seal){.key = key, .signature = signature, .len = len};
	/* A signature is as long as its key; libcrypto would take a shorter one for one with zeros in front. */
	if (key->algorithm == DKIM_RSA && len == (key->bits + 7) / 8)
		return open_rsa(out, err);
	return CR_OK;
}

bool
seal_fits(const struct seal *s, const uint8_t hash[HASH_BYTES])
{
	if (s->key->algorithm == DKIM_RSA)
		return s->whole && memcmp(s->of, hash, HASH_BYTES) == 0;
	return s->len == crypto_sign_BYTES &&
	       crypto_sign_verify_detached(s->signature, hash, HASH_BYTES, s->key->data) == 0;
}
