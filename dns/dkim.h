/*
 * dkim.h - DKIM keys: made, published as key-record text, read back (RFC 6376 s3.6.1, 8301, 8463).
 */
#ifndef DNS_DKIM_H
#define DNS_DKIM_H

#include "core/buf.h"
#include "core/err.h"
#include "core/secret.h"
#include "dns/taglist.h"

#include <stdbool.h>
#include <stdint.h>

enum dkim_algorithm { DKIM_RSA, DKIM_ED25519, DKIM_ALGORITHM__COUNT };
const char *dkim_algorithm_name(enum dkim_algorithm a); /* "rsa", "ed25519": the k= value */
MUST_CHECK int dkim_algorithm_parse(const char *text, enum dkim_algorithm *out, struct err *err);

#define DKIM_RSA_BITS     2048 /* of keys made here */
#define DKIM_RSA_BITS_MIN 1024 /* RFC 8301 s3.2: verifiers take no less, and need not take more than the next */
#define DKIM_RSA_BITS_MAX 4096
#define DKIM_PUBLIC_MAX   1024

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

/* What keeps a record from being used, in the order in which it is looked for. */
enum dkim_fault {
	DKIM_FAULT_NONE,
	DKIM_FAULT_REPEATED, /* a tag stands twice, or there are more than can be */
	DKIM_FAULT_TAGS,     /* no tag list */
	DKIM_FAULT_VERSION,  /* v= is not DKIM1, or not first */
	DKIM_FAULT_TYPE,     /* k= is neither rsa nor ed25519 */
	DKIM_FAULT_NO_KEY,   /* p= is missing */
	DKIM_FAULT_BASE64,
	DKIM_FAULT_KEY,     /* p= holds no key of that type */
	DKIM_FAULT_HASH,    /* h= without sha256 */
	DKIM_FAULT_SERVICE, /* s= without email */
	DKIM_FAULT__COUNT
};
struct dkim_record {
	enum dkim_fault fault;
	char why[200];             /* the fault for people: "p: missing" */
	struct dkim_public public; /* len 0: none could be read; also with HASH and SERVICE */
	bool revoked;              /* p= is empty */
	bool testing, strict;      /* t=y, t=s */
	bool versioned;            /* v= is there */
};
/* Read a key record's joined text as strictly as RFC 6376 s3.6.1 has it.  A fault is no error.  Errors: CR_ECONFIG (a library). */
MUST_CHECK int dkim_record_read(const char *txt, struct dkim_record *out, struct err *err);
/* The same where only a usable key will do: parse a key record's joined text.  revoked_out: p= is empty.  Errors: CR_EPARSE naming the tag. */
MUST_CHECK int dkim_record_parse(const char *txt, struct dkim_public *out, bool *revoked_out, bool *testing_out,
                                 struct err *err);
/* Same key, however the record is spelled. */
bool dkim_same_key(const struct dkim_public *a, const struct dkim_public *b);

#endif
