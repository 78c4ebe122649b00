/*
 * taglist.h - "v=DKIM1; k=rsa; p=...": the tag list that DKIM and DMARC records share (RFC 6376 s3.2).
 */
#ifndef DNS_TAGLIST_H
#define DNS_TAGLIST_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define TAGLIST_MAX            64
#define TAGLIST_TEXT_MAX_BYTES 65535

/* A stretch of somebody's text, not terminated. */
struct span {
	const char *at;
	size_t len;
};
bool span_is(struct span s, const char *word);
bool span_is_nocase(struct span s, const char *word);
struct span span_trim(struct span s); /* without white space around it */
/* Cut the piece in front of the first sep, trimmed, off *list; false when nothing is left. */
bool span_cut(struct span *list, char sep, struct span *piece_out);

struct tag {
	struct span name, value;
};
struct taglist {
	struct tag tags[TAGLIST_MAX];
	size_t n;
	struct span stray; /* lenient: the first piece that was left out; of no length: none was */
};

/* The first tag alone: is it a record of our kind? */
bool taglist_first(const char *text, struct tag *out);
/*
 * All of them, borrowed from text.  A name that stands twice makes the whole list invalid.  lenient: pieces that are no tag are left out.
 * Errors: CR_EPARSE naming the tag.
 */
MUST_CHECK int taglist_parse(const char *text, bool lenient, struct taglist *out, struct err *err);
/* Names are compared with case.  NULL: not there. */
const struct tag *taglist_find(const struct taglist *l, const char *name);

#endif
