/*
 * dkim_inside.h - what the files about DKIM keys and signatures share.
 */
#ifndef DNS_DKIM_INSIDE_H
#define DNS_DKIM_INSIDE_H

#include <openssl/evp.h>

#include "dns/dkim.h"

#define DKIM_VERSION "DKIM1"

/* The public half of an RSA key as SubjectPublicKeyInfo.  Errors: CR_EPARSE. */
MUST_CHECK int dkim_rsa_public(EVP_PKEY *key, struct dkim_public *out, struct err *err);
/* Is it an RSA SubjectPublicKeyInfo exactly as dkim_rsa_public would write it?  *bits_out: of its modulus. */
bool dkim_rsa_is_plain(const uint8_t *der, size_t len, unsigned *bits_out);
/* Base64 with folding white space anywhere within (RFC 6376 s2.10), padded; false: it is none, or of more than size bytes. */
MUST_CHECK bool dkim_base64(struct span text, uint8_t *out, size_t size, size_t *len_out);
/* Is word one of "a:b:c"? */
bool dkim_in_list(struct span list, const char *word);

#endif
