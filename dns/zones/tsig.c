/*
 * tsig.c - TSIG over raw DNS messages, with HMAC from libcrypto.
 *
 * Sources: RFC 8945 s4.2 (record), s4.3 (what is digested), s5.2-5.4 (errors, streams, truncation), RFC 1035 s4.1.
 * Invariant: a MAC is compared in constant time and only at full length: truncation (s5.2.2.1) is never asked for.
 */
#include "dns/zones/tsig.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/lazy.h"
#include "dns/zones/wire.h"

/* clang-format off */
#define CALLS(X) \
	X(CRYPTO_memcmp) X(EVP_MAC_CTX_free) X(EVP_MAC_CTX_new) X(EVP_MAC_fetch) X(EVP_MAC_final) \
	X(EVP_MAC_free) X(EVP_MAC_init) X(EVP_MAC_update) X(OSSL_PARAM_construct_end) \
	X(OSSL_PARAM_construct_utf8_string)
/* clang-format on */
LAZY_LIBRARY(libcrypto, "libcrypto.so.3", "libssl3", CALLS);
#define CRYPTO_memcmp                    libcrypto.CRYPTO_memcmp
#define EVP_MAC_CTX_free                 libcrypto.EVP_MAC_CTX_free
#define EVP_MAC_CTX_new                  libcrypto.EVP_MAC_CTX_new
#define EVP_MAC_fetch                    libcrypto.EVP_MAC_fetch
#define EVP_MAC_final                    libcrypto.EVP_MAC_final
#define EVP_MAC_free                     libcrypto.EVP_MAC_free
#define EVP_MAC_init                     libcrypto.EVP_MAC_init
#define EVP_MAC_update                   libcrypto.EVP_MAC_update
#define OSSL_PARAM_construct_end         libcrypto.OSSL_PARAM_construct_end
#define OSSL_PARAM_construct_utf8_string libcrypto.OSSL_PARAM_construct_utf8_string

/* clang-format off */
#define SODIUM_CALLS(X) \
	X(sodium_base642bin)
/* clang-format on */
LAZY_LIBRARY(libsodium, "libsodium.so.23", "libsodium23", SODIUM_CALLS);
#define sodium_base642bin libsodium.sodium_base642bin

#define TYPE_TSIG     250
#define CLASS_ANY     255
#define FUDGE_S       300
#define UNSIGNED_MAX  99
#define OTHER_MAX     64
#define KEY_MIN_BYTES 8

struct tsig_algorithm {
	const char *name; /* canonical, as on the wire */
	const char *digest;
	size_t mac_len;
};

/* RFC 8945 s6; HMAC-MD5 is not among those that may still be used. */
static const struct tsig_algorithm algorithms[] = {
	{"hmac-sha256", "SHA256", 32},
        {"hmac-sha512", "SHA512", 64},
        {"hmac-sha384", "SHA384", 48},
	{"hmac-sha224", "SHA224", 28},
        {"hmac-sha1",   "SHA1",   20},
};

struct tsig_check {
	const struct tsig_key *key;
	EVP_MAC_CTX *hmac; /* over all since the last signed message */
	bool first;        /* no signed message yet: all variables are digested, later the timers only */
	unsigned unsigned_run;
};

/* A TSIG record as it stands in a message. */
struct tsig_record {
	size_t offset; /* where it begins */
	struct name key, algorithm;
	uint64_t signed_s;
	uint16_t fudge_s, original_id, error;
	const uint8_t *mac, *other;
	uint16_t mac_len, other_len;
};

static int
crypto_fault(struct err *err)
{
	return err_set(err, CR_EIO, "libcrypto: hmac cannot be computed");
}

static const struct tsig_algorithm *
algorithm_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

static int
decode_secret(const struct secret *base64, struct secret **out, struct err *err)
{
	uint8_t bytes[512];
	size_t len, text_len;
	const char *text = secret_bytes(base64, &text_len);
	int rc = lazy_need(&libsodium_lazy, err);

	if (rc != CR_OK)
		return rc;
	if (sodium_base642bin(bytes, sizeof(bytes), text, text_len, " \n", &len, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0)
		rc = err_set(err, CR_ECONFIG, "key_secret: not base64");
	else if (len < KEY_MIN_BYTES)
		rc = err_set(err, CR_ECONFIG, "key_secret: shorter than %d bytes", KEY_MIN_BYTES);
	else
		rc = secret_make(bytes, len, out, err);
	secret_wipe(bytes, sizeof(bytes));
	return rc;
}

int
tsig_key_make(const char *name, const char *algorithm, const struct secret *base64, struct tsig_key *out,
              struct err *err)
{
	struct tsig_key k = {0};
	struct name alg;
	int rc = lazy_need(&libcrypto_lazy, err);

	if (rc != CR_OK)
		return rc;
	if (name_parse(name, &k.name, NULL) != CR_OK || k.name.text[0] == '\0')
		return err_set(err, CR_ECONFIG, "key_name: not a domain name: '%s'", name);
	if (name_parse(algorithm, &alg, NULL) == CR_OK)
		k.algorithm = algorithm_find(alg.text);
	if (k.algorithm == NULL)
		return err_set(err, CR_ECONFIG, "key_algorithm: must be hmac-sha256, 512, 384, 224 or 1, not '%s'",
		               algorithm);
	rc = decode_secret(base64, &k.secret, err);
	if (rc == CR_OK)
		*out = k;
	return rc;
}

void
tsig_key_release(struct tsig_key *k)
{
	secret_drop(&k->secret);
	*k = (struct tsig_key){0};
}

/* A started HMAC with the key in it, or NULL. */
static EVP_MAC_CTX *
hmac_start(const struct tsig_key *k)
{
	char digest[16];
	OSSL_PARAM params[2];
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	size_t len;
	const char *key = secret_bytes(k->secret, &len);

	EVP_MAC_free(mac);
	(void)snprintf(digest, sizeof(digest), "%s", k->algorithm->digest);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx != NULL && EVP_MAC_init(ctx, (const unsigned char *)key, len, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static bool
hmac_buf(EVP_MAC_CTX *h, const struct buf *b)
{
	return b->failed == CR_OK && EVP_MAC_update(h, (const unsigned char *)buf_str(b), b->len) == 1;
}

static bool
hmac_end(EVP_MAC_CTX *h, const struct tsig_key *k, struct tsig_mac *out)
{
	size_t len = 0;

	if (EVP_MAC_final(h, out->bytes, &len, sizeof(out->bytes)) != 1 || len != k->algorithm->mac_len)
		return false;
	out->len = len;
	return true;
}

/* The MAC that came before, with its length in front (s4.3.1). */
static bool
hmac_prior(EVP_MAC_CTX *h, const struct tsig_mac *prior)
{
	struct buf b = {0};
	bool done;

	wire_add_u16(&b, (uint16_t)prior->len);
	buf_add(&b, prior->bytes, prior->len);
	done = hmac_buf(h, &b);
	buf_release(&b);
	return done;
}

static void
add_timers(struct buf *b, uint64_t signed_s, uint16_t fudge_s)
{
	wire_add_u16(b, (uint16_t)(signed_s >> 32));
	wire_add_u32(b, (uint32_t)signed_s);
	wire_add_u16(b, fudge_s);
}

/* s4.3.3: the record's fields that are digested. */
static bool
hmac_variables(EVP_MAC_CTX *h, const struct tsig_record *r)
{
	struct buf b = {0};
	bool done;

	wire_add_name(&b, r->key.text);
	wire_add_u16(&b, CLASS_ANY);
	wire_add_u32(&b, 0);
	wire_add_name(&b, r->algorithm.text);
	add_timers(&b, r->signed_s, r->fudge_s);
	wire_add_u16(&b, r->error);
	wire_add_u16(&b, r->other_len);
	buf_add(&b, r->other, r->other_len);
	done = hmac_buf(h, &b);
	buf_release(&b);
	return done;
}

/* s4.3.3: in a later message of a stream. */
static bool
hmac_timers(EVP_MAC_CTX *h, const struct tsig_record *r)
{
	struct buf b = {0};
	bool done;

	add_timers(&b, r->signed_s, r->fudge_s);
	done = hmac_buf(h, &b);
	buf_release(&b);
	return done;
}

static void
append_record(const struct tsig_key *k, const struct tsig_record *r, const struct tsig_mac *mac, struct buf *message)
{
	struct buf rdata = {0};

	wire_add_name(&rdata, k->algorithm->name);
	add_timers(&rdata, r->signed_s, r->fudge_s);
	wire_add_u16(&rdata, (uint16_t)mac->len);
	buf_add(&rdata, mac->bytes, mac->len);
	wire_add_u16(&rdata, r->original_id);
	wire_add_u16(&rdata, 0);
	wire_add_u16(&rdata, 0);
	wire_add_name(message, k->name.text);
	wire_add_u16(message, TYPE_TSIG);
	wire_add_u16(message, CLASS_ANY);
	wire_add_u32(message, 0);
	wire_add_u16(message, (uint16_t)rdata.len);
	buf_add(message, buf_str(&rdata), rdata.len);
	if (rdata.failed != CR_OK && message->failed == CR_OK)
		message->failed = rdata.failed;
	buf_release(&rdata);
}

int
tsig_sign(const struct tsig_key *k, int64_t now_s, struct buf *message, struct tsig_mac *mac_out, struct err *err)
{
	struct tsig_record r = {.key = k->name, .signed_s = (uint64_t)now_s, .fudge_s = FUDGE_S};
	struct tsig_mac mac = {0};
	EVP_MAC_CTX *h = NULL;
	int rc = buf_check(message, "message", err);

	if (rc != CR_OK)
		return rc;
	if (message->len < WIRE_HEADER)
		return err_set(err, CR_EBUG, "tsig: no message to sign");
	(void)snprintf(r.algorithm.text, sizeof(r.algorithm.text), "%s", k->algorithm->name);
	r.original_id = wire_u16((const uint8_t *)message->data);
	h = hmac_start(k);
	if (h == NULL || !hmac_buf(h, message) || !hmac_variables(h, &r) || !hmac_end(h, k, &mac)) {
		rc = crypto_fault(err);
		goto out;
	}
	append_record(k, &r, &mac, message);
	rc = buf_check(message, "message", err);
	if (rc != CR_OK)
		goto out;
	wire_count_one((uint8_t *)message->data, WIRE_ADDITIONAL);
	*mac_out = mac;
out:
	EVP_MAC_CTX_free(h);
	return rc;
}

int
tsig_check_open(const struct tsig_key *k, const struct tsig_mac *request, struct tsig_check **out, struct err *err)
{
	struct tsig_check *c = calloc(1, sizeof(*c));
	int rc = CR_OK;

	if (c == NULL)
		return err_nomem(err, "tsig");
	c->key = k;
	c->first = true;
	c->hmac = hmac_start(k);
	if (c->hmac == NULL || !hmac_prior(c->hmac, request))
		rc = crypto_fault(err);
	else
		*out = TAKE(c);
	tsig_check_drop(&c);
	return rc;
}

void
tsig_check_drop(struct tsig_check **c)
{
	if (*c == NULL)
		return;
	EVP_MAC_CTX_free((*c)->hmac);
	free(*c);
	*c = NULL;
}

/* The RDATA of a TSIG record, at pos.  s4.2 */
static int
parse_rdata(const uint8_t *m, size_t pos, size_t end, struct tsig_record *r, struct err *err)
{
	static const char bad[] = "tsig: the record ends too early";
	int rc = wire_name(m, end, &pos, &r->algorithm, err);

	if (rc != CR_OK)
		return err_wrap(err, "tsig");
	if (end - pos < 10)
		return err_set(err, CR_EPARSE, bad);
	r->signed_s = (uint64_t)wire_u16(m + pos) << 32 | wire_u32(m + pos + 2);
	r->fudge_s = wire_u16(m + pos + 6);
	r->mac_len = wire_u16(m + pos + 8);
	pos += 10;
	if (end - pos < (size_t)r->mac_len + 6)
		return err_set(err, CR_EPARSE, bad);
	r->mac = m + pos;
	pos += r->mac_len;
	r->original_id = wire_u16(m + pos);
	r->error = wire_u16(m + pos + 2);
	r->other_len = wire_u16(m + pos + 4);
	pos += 6;
	if (end - pos != r->other_len || r->other_len > OTHER_MAX)
		return err_set(err, CR_EPARSE, "tsig: other data of %u bytes do not fit", r->other_len);
	r->other = m + pos;
	return CR_OK;
}

/* The TSIG of a message, which must be its very last record (s5.1); *found_out false when there is none. */
static int
find_record(const uint8_t *m, size_t len, struct tsig_record *r, bool *found_out, struct err *err)
{
	struct wire_rr rr = {0};
	size_t n, pos;
	int rc = wire_skip_questions(m, len, &pos, err);

	*found_out = false;
	if (rc != CR_OK)
		return rc;
	n = (size_t)wire_u16(m + WIRE_ANSWER) + wire_u16(m + WIRE_AUTHORITY) + wire_u16(m + WIRE_ADDITIONAL);
	for (size_t i = 0; i < n; i++) {
		rc = wire_rr(m, len, &pos, &rr, err);
		if (rc != CR_OK)
			return rc;
		if (rr.type == TYPE_TSIG && i + 1 < n)
			return err_set(err, CR_EPARSE, "tsig: not the last record");
	}
	if (pos != len)
		return err_set(err, CR_EPARSE, "message: %zu bytes too long", len - pos);
	if (n == 0 || rr.type != TYPE_TSIG)
		return CR_OK;
	if (wire_u16(m + WIRE_ADDITIONAL) == 0 || rr.class != CLASS_ANY || rr.ttl_s != 0)
		return err_set(err, CR_EPARSE, "tsig: not where or as it must be");
	*found_out = true;
	r->offset = rr.offset;
	r->key = rr.owner;
	return parse_rdata(m, rr.rdata, rr.rdata + rr.rdata_len, r, err);
}

/* The message as it was before it was signed: its id restored, the record not counted (s5.2). */
static bool
hmac_message(EVP_MAC_CTX *h, const uint8_t *m, const struct tsig_record *r)
{
	uint8_t header[WIRE_HEADER];
	uint16_t n = (uint16_t)(wire_u16(m + WIRE_ADDITIONAL) - 1);

	memcpy(header, m, sizeof(header));
	header[0] = (uint8_t)(r->original_id >> 8);
	header[1] = (uint8_t)r->original_id;
	header[WIRE_ADDITIONAL] = (uint8_t)(n >> 8);
	header[WIRE_ADDITIONAL + 1] = (uint8_t)n;
	return EVP_MAC_update(h, header, sizeof(header)) == 1 &&
	       EVP_MAC_update(h, m + WIRE_HEADER, r->offset - WIRE_HEADER) == 1;
}

static int
check_mac(struct tsig_check *c, const uint8_t *m, const struct tsig_record *r, struct tsig_mac *mac_out,
          struct err *err)
{
	struct tsig_mac mac = {0};
	bool done = hmac_message(c->hmac, m, r);

	done = done && (c->first ? hmac_variables(c->hmac, r) : hmac_timers(c->hmac, r));
	if (!done || !hmac_end(c->hmac, c->key, &mac))
		return crypto_fault(err);
	if (r->mac_len != mac.len || CRYPTO_memcmp(r->mac, mac.bytes, mac.len) != 0)
		return err_set(err, CR_EAUTH, "the reply's signature does not fit: changed on the way, or another key");
	*mac_out = mac;
	return CR_OK;
}

static int
check_time(const struct tsig_record *r, int64_t now_s, struct err *err)
{
	int64_t off_s = (int64_t)r->signed_s - now_s;

	if (off_s > r->fudge_s || off_s < -(int64_t)r->fudge_s)
		return err_set(err, CR_EAUTH, "the reply was signed %lld s away from this clock", (long long)off_s);
	return CR_OK;
}

/* Start over with the MAC of the message just checked. */
static int
next_message(struct tsig_check *c, const struct tsig_mac *mac, struct err *err)
{
	EVP_MAC_CTX_free(c->hmac);
	c->hmac = hmac_start(c->key);
	c->first = false;
	c->unsigned_run = 0;
	return c->hmac != NULL && hmac_prior(c->hmac, mac) ? CR_OK : crypto_fault(err);
}

static int
check_unsigned(struct tsig_check *c, const uint8_t *message, size_t len, struct err *err)
{
	if (++c->unsigned_run > UNSIGNED_MAX)
		return err_set(err, CR_EAUTH, "more than %d messages in a row without a signature", UNSIGNED_MAX);
	return EVP_MAC_update(c->hmac, message, len) == 1 ? CR_OK : crypto_fault(err);
}

int
tsig_check_message(struct tsig_check *c, const uint8_t *message, size_t len, int64_t now_s, struct tsig_result *out,
                   struct err *err)
{
	struct tsig_result res = {.verdict = TSIG_UNSIGNED, .message_len = len};
	struct tsig_record r = {0};
	struct tsig_mac mac;
	bool found;
	int rc = find_record(message, len, &r, &found, err);

	if (rc != CR_OK)
		return rc;
	res.additional = wire_u16(message + WIRE_ADDITIONAL);
	if (!found) {
		rc = check_unsigned(c, message, len, err);
		goto out;
	}
	res.message_len = r.offset;
	res.additional--;
	res.error = r.error;
	/* s5.2.1, s5.2.2: the server could not sign these two. */
	if (r.mac_len == 0 && (r.error == TSIG_BADSIG || r.error == TSIG_BADKEY)) {
		res.verdict = TSIG_REFUSED;
		goto out;
	}
	if (!name_equal(r.key.text, c->key->name.text) || strcmp(r.algorithm.text, c->key->algorithm->name) != 0) {
		rc = err_set(err, CR_EAUTH, "the reply is signed with key '%s', %s", r.key.text, r.algorithm.text);
		goto out;
	}
	rc = check_mac(c, message, &r, &mac, err);
	if (rc == CR_OK)
		rc = check_time(&r, now_s, err);
	if (rc == CR_OK)
		rc = next_message(c, &mac, err);
	res.verdict = r.error != 0 ? TSIG_REFUSED : TSIG_SIGNED;
	if (r.error == TSIG_BADTIME && r.other_len == 6)
		res.server_s = (int64_t)((uint64_t)wire_u16(r.other) << 32 | wire_u32(r.other + 2));
out:
	if (rc == CR_OK)
		*out = res;
	return rc;
}
