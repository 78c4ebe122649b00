/*
 * signature_inside.h - what the files about signatures share: the tags of one, canonical forms, the key's side of it, and the search for
 * what was done to a message on its way.
 */
#ifndef DNS_SIGNATURE_INSIDE_H
#define DNS_SIGNATURE_INSIDE_H

#include <openssl/evp.h>
#include <sodium.h>

#include "dns/signature.h"

/* ---- signature_hash.c: SHA-256, and what a signature says of one ---- */

#define HASH_BYTES crypto_hash_sha256_BYTES

/* A value: copied, it is a second hash of the same start. */
struct hash {
	crypto_hash_sha256_state state;
};
/* Loads what is needed; to be called before anything else here.  Errors: CR_ECONFIG. */
MUST_CHECK int hash_need(struct err *err);
void hash_start(struct hash *h);
void hash_add(struct hash *h, const void *data, size_t len);
/* h is as it was. */
void hash_peek(const struct hash *h, uint8_t out[HASH_BYTES]);

/* A signature as the key sees it: an RSA signature gives the hash it was made of, an Ed25519 signature only says yes or no. */
struct seal {
	const struct dkim_public *key;
	const uint8_t *signature;
	size_t len;
	bool whole; /* RSA: the right form comes out, so it was made with this key */
	uint8_t of[HASH_BYTES];
};
/* Errors: CR_ENOMEM. */
MUST_CHECK int seal_open(const struct dkim_public *key, const uint8_t *signature, size_t len, struct seal *out,
                         struct err *err);
bool seal_fits(const struct seal *s, const uint8_t hash[HASH_BYTES]);

/* ---- signature_fields.c: the tags ---- */

#define SIGNATURE_BYTES_MAX 2048 /* of b=: RSA of 16384 bits */
#define SIGNATURE_NAMES_MAX 500  /* in h= */

enum canon { CANON_SIMPLE, CANON_RELAXED };

struct signature_fields {
	char *text; /* a copy of the value, of the same offsets; owns what follows */
	struct taglist tags;
	enum dkim_algorithm algorithm;
	enum canon header, body;
	struct span names[SIGNATURE_NAMES_MAX]; /* of h= */
	size_t n_names;
	size_t b_from, b_to; /* the value of b= within text, white space around it included (RFC 6376 s3.7) */
	uint8_t signature[SIGNATURE_BYTES_MAX];
	size_t signature_len;
	uint8_t body_hash[HASH_BYTES];
	uint64_t body_bytes; /* l=; UINT64_MAX: all */
	int64_t signed_at_s; /* t=; 0 none */
	bool elsewhere;      /* i= is below d=, not in it */
};
/* A fault is no error: out->result is PERMERROR then, and NONE when the tags are in order.  Errors: CR_ENOMEM. */
MUST_CHECK int signature_fields_read(struct span value, struct signature_fields *f, struct signature *out,
                                     struct err *err);
void signature_fields_release(struct signature_fields *f);
/* result, reason, why. */
void signature_say(struct signature *s, enum signature_result result, const char *reason, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* ---- signature_canon.c: canonical forms (RFC 6376 s3.4) ---- */

struct canon_body {
	enum canon kind;
	struct hash *hash;
	uint64_t left;  /* of l= */
	uint64_t total; /* bytes of the whole canonical body so far */
	size_t empty;   /* lines held back: those at the end do not count */
};
void canon_body_start(struct canon_body *c, enum canon kind, uint64_t limit, struct hash *hash);
/* line: without its CRLF. */
void canon_body_line(struct canon_body *c, struct span line);
void canon_body_end(struct canon_body *c);
/* The line at the front, without its CRLF, cut off *rest; false: there is none. */
bool canon_cut_line(struct span *rest, struct span *line_out);
/* All of it; the bytes of the canonical body. */
uint64_t canon_body(struct span body, enum canon kind, uint64_t limit, uint8_t out[HASH_BYTES]);

/* How a field may have looked before it was folded on its way. */
enum canon_fold { CANON_AS_IS, CANON_UNFOLDED, CANON_ONE_BLANK };
/* head: name to colon.  value: without the final CRLF. */
void canon_field(enum canon kind, enum canon_fold fold, struct span head, struct span value, struct hash *hash);
/* The signature's own field, with the value of b= left out, and without a final CRLF. */
void canon_own(const struct signature_fields *f, const struct message_field *field, struct hash *hash);

/* What a message may have had in place of what it has. */
struct canon_change {
	const struct message_field *field; /* NULL: none */
	const struct span *value;          /* in its place; NULL: the field was not there */
	enum canon_fold fold;              /* of all others */
};
/* The hash that b= is of.  own: the signature's field.  c: NULL, as it came. */
void canon_header(const struct message *m, const struct signature_fields *f, const struct message_field *own,
                  const struct canon_change *c, uint8_t out[HASH_BYTES]);
/* The fields that h= takes, from the bottom up: indexes into m->fields, SIZE_MAX for one that is not there.  without: as if it were not. */
void canon_select(const struct message *m, const struct signature_fields *f, const struct message_field *own,
                  const struct message_field *without, size_t out[SIGNATURE_NAMES_MAX]);

/* ---- signature_body.c, signature_header.c: what was changed on the way ---- */

#define SEARCH_BYTES_MAX ((size_t)32 << 20) /* hashed for all signatures of a message, to find out why */

/* The body hash differs: sets reason and why.  left: bytes that may still be hashed.  Errors: CR_ENOMEM. */
MUST_CHECK int signature_explain_body(const struct message *m, const struct signature_fields *f, struct signature *s,
                                      size_t *left, struct err *err);
/* b= does not fit the header. */
void signature_explain_header(const struct message *m, const struct signature_fields *f,
                              const struct message_field *own, const struct seal *seal, struct signature *s,
                              size_t *left);

#endif
