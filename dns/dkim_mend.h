/*
 * dkim_mend.h - what a broken key record was meant to be: the accidents that happen between a key and its DNS, undone.
 */
#ifndef DNS_DKIM_MEND_H
#define DNS_DKIM_MEND_H

#include "dns/dkim.h"

struct dkim_mended {
	bool quotes;               /* quotation marks of a zone file stand in the value */
	bool backslashes;          /* so do the backslashes in front of its semicolons */
	bool order;                /* its strings stand in another order than they were cut in */
	struct dkim_record record; /* once all that is undone; fault NONE: this is what was meant */
};
/* ours: the key that is to be found, NULL: any.  Errors: CR_ENOMEM, CR_ECONFIG (a library). */
MUST_CHECK int dkim_mend(const char *txt, const struct dkim_public *ours, struct dkim_mended *out, struct err *err);

/* The pieces in each order, until they make a record (of ours, when it is given).  found_out: one was; out is only set then. */
#define DKIM_PIECES_MAX 4 /* strings of the longest key that verifiers must take (RFC 8301 s3.2) */
MUST_CHECK int dkim_mend_order(const struct span *pieces, size_t n, const struct dkim_public *ours,
                               struct dkim_record *out, bool *found_out, struct err *err);

/* The value of p=, in whatever else can be read as a tag list.  False: there is none. */
bool dkim_mend_p(const char *txt, struct span *out);
/* The value of p= has the start of a key, and not its end: bytes that are there, and that there should be.  False: not so. */
bool dkim_mend_cut_off(const char *txt, size_t *have_out, size_t *want_out);

#endif
