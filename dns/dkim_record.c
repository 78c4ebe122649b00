/*
 * dkim_record.c - key records read, and what keeps one from being used told by its kind.
 *
 * RFC 6376 s3.6.1 (tags), RFC 8301 (no SHA-1), RFC 8463 s4 (Ed25519: p is the raw key).
 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

#include "core/lazy.h"
#include "dns/dkim_inside.h"

/* clang-format off */
#define CALLS(X) \
	X(ERR_clear_error) X(ERR_peek_last_error) X(ERR_reason_error_string) X(EVP_PKEY_free) \
	X(EVP_PKEY_get_base_id) X(EVP_PKEY_get_bits) X(d2i_PUBKEY) X(d2i_PublicKey) X(i2d_PUBKEY)
/* clang-format on */
LAZY_LIBRARY(libcrypto, "libcrypto.so.3", "libssl3", CALLS);
#define ERR_clear_error         libcrypto.ERR_clear_error
#define ERR_peek_last_error     libcrypto.ERR_peek_last_error
#define ERR_reason_error_string libcrypto.ERR_reason_error_string
#define EVP_PKEY_free           libcrypto.EVP_PKEY_free
#define EVP_PKEY_get_base_id    libcrypto.EVP_PKEY_get_base_id
#define EVP_PKEY_get_bits       libcrypto.EVP_PKEY_get_bits
#define d2i_PUBKEY              libcrypto.d2i_PUBKEY
#define d2i_PublicKey           libcrypto.d2i_PublicKey
#define i2d_PUBKEY              libcrypto.i2d_PUBKEY

#define SODIUM_CALLS(X) X(sodium_base642bin)
LAZY_LIBRARY(libsodium, "libsodium.so.23", "libsodium23", SODIUM_CALLS);
#define sodium_base642bin libsodium.sodium_base642bin

#define ED25519_LEN      crypto_sign_PUBLICKEYBYTES
#define ED25519_SPKI_LEN 44

static const char *const algorithm_names[] = {
	[DKIM_RSA] = "rsa",
	[DKIM_ED25519] = "ed25519",
};
static_assert(ARRAY_LEN(algorithm_names) == DKIM_ALGORITHM__COUNT, "a name for each algorithm");

const char *
dkim_algorithm_name(enum dkim_algorithm a)
{
	return algorithm_names[a];
}

int
dkim_algorithm_parse(const char *text, enum dkim_algorithm *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithm_names); i++) {
		if (strcmp(text, algorithm_names[i]) == 0) {
			*out = (enum dkim_algorithm)i;
			return CR_OK;
		}
	}
	return err_set(err, CR_EPARSE, "dkim algorithm must be rsa or ed25519, not '%s'", text);
}

bool
dkim_base64(struct span text, uint8_t *out, size_t size, size_t *len_out)
{
	lazy_must(&libsodium_lazy);
	return sodium_base642bin(out, size, text.at, text.len, " \t\r\n", len_out, NULL,
	                         sodium_base64_VARIANT_ORIGINAL) == 0;
}

bool
dkim_in_list(struct span list, const char *word)
{
	struct span piece;

	while (span_cut(&list, ':', &piece)) {
		if (span_is(piece, word))
			return true;
	}
	return false;
}

int
dkim_rsa_public(EVP_PKEY *key, struct dkim_public *out, struct err *err)
{
	struct dkim_public k = {.algorithm = DKIM_RSA};
	uint8_t *at = k.data;
	int len, rc = lazy_need(&libcrypto_lazy, err);

	if (rc != CR_OK)
		return rc;
	len = i2d_PUBKEY(key, NULL);
	if (len <= 0) {
		ERR_clear_error();
		return err_set(err, CR_EPARSE, "dkim: p: this rsa key cannot be written");
	}
	if ((size_t)len > sizeof(k.data))
		return err_set(err, CR_EPARSE, "dkim: p: rsa public key of %d bytes is too long", len);
	(void)i2d_PUBKEY(key, &at);
	k.len = (size_t)len;
	k.bits = (unsigned)EVP_PKEY_get_bits(key);
	*out = k;
	return CR_OK;
}

/*
 * SubjectPublicKeyInfo, as everybody publishes it, or the bare RSAPublicKey that RFC 6376 speaks of.  Bytes behind the key are
 * an error: they are a second string glued on, or a key cut short elsewhere.
 */
static int
read_rsa(const uint8_t *der, size_t len, struct dkim_public *out, struct err *err)
{
	const uint8_t *at = der, *end = der + len;
	const char *reason;
	EVP_PKEY *key;
	unsigned bits;
	int rc;

	if (len <= sizeof(out->data) && dkim_rsa_is_plain(der, len, &bits)) {
		*out = (struct dkim_public){.algorithm = DKIM_RSA, .len = len, .bits = bits};
		memcpy(out->data, der, len);
		return CR_OK;
	}
	key = d2i_PUBKEY(NULL, &at, (long)len);
	if (key == NULL) {
		at = der;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)len);
	}
	if (key == NULL) {
		reason = ERR_reason_error_string(ERR_peek_last_error());
		rc = err_set(err, CR_EPARSE, "p: not an rsa key: %s", reason != NULL ? reason : "unknown reason");
	} else if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		rc = err_set(err, CR_EPARSE, "p: not an rsa key");
	} else if (at != end) {
		rc = err_set(err, CR_EPARSE, "p: %td bytes behind the key", end - at);
	} else {
		rc = dkim_rsa_public(key, out, err);
	}
	ERR_clear_error();
	EVP_PKEY_free(key);
	return rc;
}

static int
read_ed25519(const uint8_t *raw, size_t len, struct dkim_public *out, struct err *err)
{
	if (len != ED25519_LEN)
		return err_set(err, CR_EPARSE, "p: an ed25519 key has 32 bytes, not %zu%s", len,
		               len == ED25519_SPKI_LEN ? " (this is the SubjectPublicKeyInfo)" : "");
	*out = (struct dkim_public){.algorithm = DKIM_ED25519, .len = len, .bits = 8 * ED25519_LEN};
	memcpy(out->data, raw, len);
	return CR_OK;
}

static int
fault(struct dkim_record *r, enum dkim_fault f, const char *why)
{
	r->fault = f;
	buf_copy_text(r->why, sizeof(r->why), why);
	return CR_OK;
}

static int
read_key(struct span p, struct dkim_record *r)
{
	uint8_t data[DKIM_PUBLIC_MAX];
	struct err why = {0};
	size_t len;
	int rc;

	if (!dkim_base64(p, data, sizeof(data), &len)) {
		static_assert(DKIM_PUBLIC_MAX == 1024, "as the text says");
		return fault(r, DKIM_FAULT_BASE64, "p: not base64 of at most 1024 bytes");
	}
	r->revoked = len == 0;
	if (r->revoked)
		return CR_OK;
	rc = r->public.algorithm == DKIM_RSA ? read_rsa(data, len, &r->public, &why)
	                                     : read_ed25519(data, len, &r->public, &why);
	return rc != CR_OK ? fault(r, DKIM_FAULT_KEY, why.text) : CR_OK;
}

/* v, k: what has to be so before p means anything; then p; then what may forbid its use. */
static int
read_tags(const struct taglist *l, struct dkim_record *r)
{
	const struct tag *v = taglist_find(l, "v"), *k = taglist_find(l, "k"), *p = taglist_find(l, "p");
	const struct tag *h = taglist_find(l, "h"), *s = taglist_find(l, "s"), *t = taglist_find(l, "t");

	r->versioned = v != NULL;
	r->testing = t != NULL && dkim_in_list(t->value, "y");
	r->strict = t != NULL && dkim_in_list(t->value, "s");
	if (v != NULL && (v != &l->tags[0] || !span_is(v->value, DKIM_VERSION)))
		return fault(r, DKIM_FAULT_VERSION, "v: must be " DKIM_VERSION ", and first");
	r->public.algorithm = DKIM_RSA; /* the default */
	if (k != NULL && span_is(k->value, dkim_algorithm_name(DKIM_ED25519)))
		r->public.algorithm = DKIM_ED25519;
	else if (k != NULL && !span_is(k->value, dkim_algorithm_name(DKIM_RSA)))
		return fault(r, DKIM_FAULT_TYPE, "k: neither rsa nor ed25519");
	if (p == NULL)
		return fault(r, DKIM_FAULT_NO_KEY, "p: missing");
	(void)read_key(p->value, r);
	if (r->fault != DKIM_FAULT_NONE)
		return CR_OK;
	if (h != NULL && !dkim_in_list(h->value, "sha256"))
		return fault(r, DKIM_FAULT_HASH, "h: sha256 is not allowed");
	if (s != NULL && !dkim_in_list(s->value, "*") && !dkim_in_list(s->value, "email"))
		return fault(r, DKIM_FAULT_SERVICE, "s: not for email");
	return CR_OK;
}

int
dkim_record_read(const char *txt, struct dkim_record *out, struct err *err)
{
	struct taglist tags;
	struct err why = {0};
	int rc = lazy_need(&libcrypto_lazy, err);

	if (rc == CR_OK)
		rc = lazy_need(&libsodium_lazy, err);
	if (rc != CR_OK)
		return rc;
	*out = (struct dkim_record){0};
	/* Read leniently first: what then is still wrong is not the form of a single tag. */
	if (taglist_parse(txt, true, &tags, &why) != CR_OK)
		return fault(out, DKIM_FAULT_REPEATED, why.text);
	if (taglist_parse(txt, false, &tags, &why) != CR_OK)
		return fault(out, DKIM_FAULT_TAGS, why.text);
	return read_tags(&tags, out);
}

int
dkim_record_parse(const char *txt, struct dkim_public *out, bool *revoked_out, bool *testing_out, struct err *err)
{
	struct dkim_record r;
	int rc = dkim_record_read(txt, &r, err);

	if (rc != CR_OK)
		return rc;
	if (r.fault != DKIM_FAULT_NONE)
		return err_set(err, CR_EPARSE, "dkim: %s", r.why);
	*out = r.public;
	*revoked_out = r.revoked;
	*testing_out = r.testing;
	return CR_OK;
}
