/*
 * dkim.h - DKIM keys: made, published as key-record text, read back (RFC 6376 s3.6.1, 8301, 8463).
 */
#ifndef DNS_DKIM_H
#define DNS_DKIM_H

#include "core/buf.h"
#include "core/err.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stdint.h>

enum dkim_algorithm { DKIM_RSA, DKIM_ED25519, DKIM_ALGORITHM__COUNT };
const char *dkim_algorithm_name(enum dkim_algorithm a); /* "rsa", "ed25519": the k= value */
MUST_CHECK int dkim_algorithm_parse(const char *text, enum dkim_algorithm *out, struct err *err);

#define DKIM_RSA_BITS   2048
#define DKIM_PUBLIC_MAX 1024

/* The public half: RSA SubjectPublicKeyInfo DER, or the raw 32 bytes of Ed25519. */
struct dkim_public {
	enum dkim_algorithm algorithm;
	uint8_t data[DKIM_PUBLIC_MAX];
	size_t len;
	unsigned bits;
};

/* Private key as PKCS#8 PEM.  RSA-2048 by libcrypto, Ed25519 by libsodium.  Slow (RSA about 100 ms); thread-safe. */
MUST_CHECK int dkim_generate(enum dkim_algorithm a, struct secret **private_pem_out, struct dkim_public *public_out,
                             struct err *err);
/* The public half of a PKCS#8 or PKCS#1 PEM.  Errors: CR_EPARSE. */
MUST_CHECK int dkim_public_of(const struct secret *private_pem, struct dkim_public *out, struct err *err);

/* "v=DKIM1; k=rsa; t=s; p=..." (flags: "s" or NULL).  Appends. */
void dkim_record_text(const struct dkim_public *k, const char *flags, struct buf *out);
/* Parse a key record's joined text.  revoked_out: p= is empty.  Errors: CR_EPARSE naming the tag. */
MUST_CHECK int dkim_record_parse(const char *txt, struct dkim_public *out, bool *revoked_out, bool *testing_out,
                                 struct err *err);
/* Same key, however the record is spelled. */
bool dkim_same_key(const struct dkim_public *a, const struct dkim_public *b);

#endif
