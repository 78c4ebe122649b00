/*
 * xml.h - reading foreign XML with the path in every error, and writing our own.
 *
 * libxml2 stands behind this door only: namespaces, character references, encodings and CDATA are each more than a provider's answer is worth
 * reading by hand, and it costs a run without such a provider nothing, since it is loaded when the first answer comes.  What it could do beyond that is
 * off: no network, no DTD (a document with one is refused unread), no entity but the five that XML itself has.
 * Unknown elements and all attributes are ignored, and so are prefixes: a name is compared without.
 */
#ifndef CORE_XML_H
#define CORE_XML_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XML_MAX_BYTES ((size_t)8 << 20)
#define XML_PATH_MAX  192

/* A parsed document; owns everything below. */
struct xml;

/* An element in it, with the way that led there.  Plain, borrowed from its document. */
struct xml_at {
	const void *node;        /* NULL: not there */
	char path[XML_PATH_MAX]; /* "ListHostedZonesByNameResponse.HostedZones.HostedZone[1]" */
	unsigned index;          /* among those of its name */
};

/* UTF-8 whatever the declaration says; at most XML_MAX_BYTES, 256 deep.  Errors: CR_EPARSE ("not XML at line N"), CR_ECONFIG (no libxml2), CR_ENOMEM. */
MUST_CHECK int xml_parse(const char *text, size_t len, struct xml **out, struct err *err);
void xml_drop(struct xml **x);
struct xml_at xml_root(const struct xml *x);

/* Is it an element of that name? */
bool xml_is(const struct xml_at *at, const char *name);
/* The first child of that name; .node is NULL when there is none. */
struct xml_at xml_get(const struct xml_at *parent, const char *name);
/* The next one of the same name beside it. */
struct xml_at xml_next(const struct xml_at *at);

/* Expected values.  Errors: CR_EPARSE with the path. */
MUST_CHECK int xml_want(const struct xml_at *at, struct err *err);
MUST_CHECK int xml_want_text(const struct xml_at *at, const char **out,
                             struct err *err); /* borrowed; "" of an empty element */
MUST_CHECK int xml_want_int(const struct xml_at *at, int64_t min, int64_t max, int64_t *out, struct err *err);
MUST_CHECK int xml_want_bool(const struct xml_at *at, bool *out, struct err *err);
/* Not there: the default.  Something else than a truth value is still an error. */
MUST_CHECK int xml_opt_bool(const struct xml_at *at, bool absent, bool *out, struct err *err);

/* Writer: appends to a buf.  text is escaped; a byte that XML cannot hold (W3C XML 1.0 s2.2) becomes U+FFFD. */
void xml_out_open(struct buf *b, const char *name);
void xml_out_close(struct buf *b, const char *name);
void xml_out_text(struct buf *b, const char *text);
void xml_out_element(struct buf *b, const char *name, const char *text);

#endif
