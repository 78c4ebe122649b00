/*
 * dkim_keys.h - keys made for tests only, of each kind that a signer may have; rows name them by a letter.
 */
#ifndef TESTS_LIB_DKIM_KEYS_H
#define TESTS_LIB_DKIM_KEYS_H

#include "core/buf.h"
#include "dns/dkim.h"

/* R and O RSA of 2048 bits, K 1024, W 768, L 4096; E and F Ed25519. */
struct test_key {
	char letter;
	const char *pem;
	struct dkim_public public;
	struct buf p; /* base64 of it, as p= has it */
};
void test_keys_open(void);
void test_keys_close(void);
struct test_key *test_key(char letter);

/*
 * The pattern with "%R" and so on in place of a key's p=; %1 and %2 RSA-2048 as far as 255 bytes behind "v=DKIM1; k=rsa; p=" and the rest;
 * %S Ed25519 as SubjectPublicKeyInfo, %P RSA-2048 as RSAPublicKey.
 */
void test_key_fill(const char *pattern, struct buf *out);
/* "one string|another||another record", filled in, as a JSON list of TXT records. */
void test_key_txt(const char *records, struct buf *out);
/* Base64 of a signature over the SHA-256 of data. */
void test_key_sign(char letter, const void *data, size_t len, struct buf *out);
/* The same, of an RSA key, over a block of any form in place of the DigestInfo. */
void test_key_sign_block(char letter, const uint8_t *block, size_t len, struct buf *out);

#endif
