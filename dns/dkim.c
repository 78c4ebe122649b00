/*
 * dkim.c - DKIM keys made, and written as key records; dkim_record.c reads them.
 *
 * RFC 6376 s3.6.1 (key record), RFC 8301 (RSA sizes, no SHA-1), RFC 8463 (Ed25519: p is the raw key, not a SubjectPublicKeyInfo).
 * RSA keys are made by libcrypto, Ed25519 keys by libsodium; both are held as PKCS#8 PEM (RFC 5208, 8410).  All memory that held
 * a private key is wiped: libcrypto's memory BIO and EVP_PKEY clear theirs on release, our own buffers are cleared here.
 * The public half is held re-encoded, so that two spellings of one key are one.
 */
#include "dns/dkim.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "core/lazy.h"
#include "dns/coding.h"
#include "dns/dkim_inside.h"

/* clang-format off */
#define CALLS(X) \
	X(BIO_ctrl) X(BIO_free) X(BIO_new) X(BIO_new_mem_buf) X(BIO_s_secmem) X(ERR_clear_error) \
	X(ERR_peek_last_error) X(ERR_reason_error_string) X(EVP_PKEY_Q_keygen) X(EVP_PKEY_free) \
	X(EVP_PKEY_get_base_id) X(EVP_PKEY_get_raw_public_key) X(PEM_read_bio_PrivateKey) \
	X(PEM_write_bio_PKCS8PrivateKey)
/* clang-format on */
LAZY_LIBRARY(libcrypto, "libcrypto.so.3", "libssl3", CALLS);
#define BIO_ctrl                      libcrypto.BIO_ctrl
#define BIO_free                      libcrypto.BIO_free
#define BIO_new                       libcrypto.BIO_new
#define BIO_new_mem_buf               libcrypto.BIO_new_mem_buf
#define BIO_s_secmem                  libcrypto.BIO_s_secmem
#define ERR_clear_error               libcrypto.ERR_clear_error
#define ERR_peek_last_error           libcrypto.ERR_peek_last_error
#define ERR_reason_error_string       libcrypto.ERR_reason_error_string
#define EVP_PKEY_Q_keygen             libcrypto.EVP_PKEY_Q_keygen
#define EVP_PKEY_free                 libcrypto.EVP_PKEY_free
#define EVP_PKEY_get_base_id          libcrypto.EVP_PKEY_get_base_id
#define EVP_PKEY_get_raw_public_key   libcrypto.EVP_PKEY_get_raw_public_key
#define PEM_read_bio_PrivateKey       libcrypto.PEM_read_bio_PrivateKey
#define PEM_write_bio_PKCS8PrivateKey libcrypto.PEM_write_bio_PKCS8PrivateKey

/* clang-format off */
#define SODIUM_CALLS(X) \
	X(crypto_sign_seed_keypair) X(randombytes_buf) X(sodium_bin2base64) X(sodium_init)
/* clang-format on */
LAZY_LIBRARY(libsodium, "libsodium.so.23", "libsodium23", SODIUM_CALLS);
#define crypto_sign_seed_keypair libsodium.crypto_sign_seed_keypair
#define randombytes_buf          libsodium.randombytes_buf
#define sodium_bin2base64        libsodium.sodium_bin2base64
#define sodium_init              libsodium.sodium_init

#define ED25519_LEN crypto_sign_PUBLICKEYBYTES

/* PrivateKeyInfo of RFC 8410 s7 up to the 32 bytes of the seed. */
static const uint8_t ed25519_pkcs8_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                             0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

/* libcrypto's own words, and its queue emptied: the next call must not find our leftovers. */
static int
crypto_fault(struct err *err, int code, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	int rc = err_set(err, code, "dkim: %s: %s", what, reason != NULL ? reason : "unknown reason");

	ERR_clear_error();
	return rc;
}

static int
generate_rsa(struct secret **private_out, struct dkim_public *public_out, struct err *err)
{
	struct secret *private = NULL;
	struct dkim_public public;
	EVP_PKEY *key;
	BIO *pem;
	char *text;
	long len;
	int rc = lazy_need(&libcrypto_lazy, err);

	if (rc != CR_OK)
		return rc;
	key = EVP_RSA_gen(DKIM_RSA_BITS);
	pem = BIO_new(BIO_s_secmem());
	if (key == NULL || pem == NULL || PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
		rc = crypto_fault(err, CR_EIO, "rsa key cannot be made");
		goto out;
	}
	len = BIO_get_mem_data(pem, &text);
	rc = dkim_rsa_public(key, &public, err);
	if (rc == CR_OK)
		rc = secret_make(text, (size_t)len, &private, err);
	if (rc != CR_OK)
		goto out;
	*public_out = public;
	*private_out = TAKE(private);
out:
	secret_drop(&private);
	BIO_free(pem);
	EVP_PKEY_free(key);
	return rc;
}

static int
generate_ed25519(struct secret **private_out, struct dkim_public *public_out, struct err *err)
{
	struct dkim_public public = {.algorithm = DKIM_ED25519, .len = ED25519_LEN, .bits = 8 * ED25519_LEN};
	uint8_t der[sizeof(ed25519_pkcs8_head) + crypto_sign_SEEDBYTES];
	uint8_t expanded[crypto_sign_SECRETKEYBYTES];
	uint8_t *seed = der + sizeof(ed25519_pkcs8_head);
	char base64[sodium_base64_ENCODED_LEN(sizeof(der), sodium_base64_VARIANT_ORIGINAL)];
	char pem[sizeof(base64) + 64];
	int len, rc;

	static_assert(sizeof(base64) == 65, "the PEM body is one line");
	memcpy(der, ed25519_pkcs8_head, sizeof(ed25519_pkcs8_head));
	randombytes_buf(seed, crypto_sign_SEEDBYTES);
	(void)crypto_sign_seed_keypair(public.data, expanded, seed);
	(void)sodium_bin2base64(base64, sizeof(base64), der, sizeof(der), sodium_base64_VARIANT_ORIGINAL);
	len = snprintf(pem, sizeof(pem), "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
	assert(len > 0 && (size_t)len < sizeof(pem));
	rc = secret_make(pem, (size_t)len, private_out, err);
	if (rc == CR_OK)
		*public_out = public;
	secret_wipe(der, sizeof(der));
	secret_wipe(expanded, sizeof(expanded));
	secret_wipe(base64, sizeof(base64));
	secret_wipe(pem, sizeof(pem));
	return rc;
}

int
dkim_generate(enum dkim_algorithm a, struct secret **private_pem_out, struct dkim_public *public_out, struct err *err)
{
	int rc = lazy_need(&libsodium_lazy, err);

	if (rc != CR_OK)
		return rc;
	if (sodium_init() < 0)
		return err_set(err, CR_EBUG, "dkim: libsodium cannot start");
	if (a == DKIM_ED25519)
		return generate_ed25519(private_pem_out, public_out, err);
	return generate_rsa(private_pem_out, public_out, err);
}

/* Without this libcrypto would ask for the passphrase on the terminal. */
static int
/* NOLINTNEXTLINE(readability-non-const-parameter): libcrypto's pem_password_cb */
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

int
dkim_public_of(const struct secret *private_pem, struct dkim_public *out, struct err *err)
{
	struct dkim_public ed = {.algorithm = DKIM_ED25519, .len = ED25519_LEN, .bits = 8 * ED25519_LEN};
	EVP_PKEY *key = NULL;
	const char *text;
	BIO *pem = NULL;
	size_t len;
	int rc = lazy_need(&libcrypto_lazy, err);

	if (rc != CR_OK)
		return rc;
	text = secret_bytes(private_pem, &len);
	assert(len <= SECRET_MAX_BYTES);
	pem = BIO_new_mem_buf(text, (int)len); /* reads in place, copies nothing */
	key = pem != NULL ? PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL) : NULL;
	if (key == NULL) {
		rc = crypto_fault(err, CR_EPARSE, "private key is not PEM of PKCS#8 or PKCS#1");
		goto out;
	}
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		rc = dkim_rsa_public(key, out, err);
		break;
	case EVP_PKEY_ED25519:
		if (EVP_PKEY_get_raw_public_key(key, ed.data, &ed.len) != 1 || ed.len != ED25519_LEN) {
			rc = crypto_fault(err, CR_EPARSE, "ed25519 private key");
			break;
		}
		*out = ed;
		rc = CR_OK;
		break;
	default:
		rc = err_set(err, CR_EPARSE, "dkim: private key is neither rsa nor ed25519");
		break;
	}
out:
	EVP_PKEY_free(key);
	BIO_free(pem);
	return rc;
}

void
dkim_record_text(const struct dkim_public *k, const char *flags, struct buf *out)
{
	buf_addf(out, "v=" DKIM_VERSION "; k=%s; ", dkim_algorithm_name(k->algorithm));
	if (flags != NULL)
		buf_addf(out, "t=%s; ", flags);
	buf_adds(out, "p=");
	coding_encode(CODING_BASE64, k->data, k->len, out);
}

bool
dkim_same_key(const struct dkim_public *a, const struct dkim_public *b)
{
	return a->len != 0 && a->algorithm == b->algorithm && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}
