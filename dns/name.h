/*
 * name.h - domain names: one canonical text form, and what can be asked of it.
 *
 * Canonical: lower case, A-labels (IDNA2008 through libidn2, non-transitional UTS 46), no final dot, "" is the root; a byte that is
 * neither letter, digit, '-', '_', '/', '*' nor '=' stands as \DDD.  63 bytes a label, 255 on the wire (RFC 1035 s2.3.4): 253 as text.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_TEXT_MAX 1016 /* 254 bytes, each escaped, and the NUL */
#define NAME_WIRE_MAX 255

struct name {
	char text[NAME_TEXT_MAX];
};

/* From any spelling: upper case, final dot, U-labels, escapes.  Errors: CR_EPARSE "label longer than 63 ...". */
MUST_CHECK int name_parse(const char *text, struct name *out, struct err *err);
/* As name_parse, and only what a registrable host name may be: LDH labels, two labels at least, no '_', '*', '/'. */
MUST_CHECK int name_parse_host(const char *text, struct name *out, struct err *err);
/* relative ("@", "mail", "mail.example.com.") below origin (canonical). "" and "@" are the origin. */
MUST_CHECK int name_under(const char *relative, const char *origin, struct name *out, struct err *err);

/* Uncompressed wire form; returns its length, 1..255. in: canonical. */
size_t name_to_wire(const char *canonical, uint8_t out[NAME_WIRE_MAX]);
/* From uncompressed wire at data; used_out: bytes read.  Lower-cases.  Errors: CR_EPARSE. */
MUST_CHECK int name_from_wire(const uint8_t *data, size_t len, struct name *out, size_t *used_out, struct err *err);

/* All below take canonical names. */
bool name_equal(const char *a, const char *b);
/* name is zone or below it, by whole labels. */
bool name_is_under(const char *name, const char *zone);
/* The part of name in front of zone ("mail"), "@" for zone itself; NULL when not under.  Into out. */
const char *name_relative(const char *name, const char *zone, char out[NAME_TEXT_MAX]);
/* Without the first label; "" at the root. Borrowed from name. */
const char *name_parent(const char *name);
size_t name_labels(const char *name);
/* RFC 4034 s6.1 canonical order: by labels from the right. */
int name_compare(const char *a, const char *b);

/* Registrable domain by libpsl ("mail.example.co.uk" -> "example.co.uk"); the name itself when it is a public suffix. */
void name_organisation(const char *name, struct name *out);
/* Is it one below which others register ("co.uk", and "com" itself)? */
bool name_is_public_suffix(const char *name);
/* For people: U-labels; falls back to the text. */
void name_display(const char *name, char *out, size_t size);

/* 192.0.2.10 -> 10.2.0.192.in-addr.arpa; IPv6 nibbles under ip6.arpa.  Errors: CR_EPARSE (no address). */
MUST_CHECK int name_reverse(const char *address, struct name *out, struct err *err);

/*
 * A mailbox address: local part folded to lower case (this program's own mailboxes and suppressions are case-insensitive) and
 * quoted only where it must be, UTF-8 kept as given; domain canonical, a host name.  At most 64 + 1 + 253.
 * Errors: CR_EPARSE.
 */
#define ADDRESS_MAX 512
struct address {
	char text[ADDRESS_MAX]; /* local@domain */
	const char *domain;     /* points into text */
};
MUST_CHECK int address_parse(const char *text, struct address *out, struct err *err);
/* text: what address_parse made of any spelling, once. */
void address_canonical(const char *text, struct address *out);
/* It points into itself: a plain assignment would point into the original. */
void address_copy(struct address *to, const struct address *from);

#endif
