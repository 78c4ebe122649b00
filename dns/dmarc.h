/*
 * dmarc.h - DMARC record text from parts and back (RFC 9989; RFC 7489 readers need p right after v).
 */
#ifndef DNS_DMARC_H
#define DNS_DMARC_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum dmarc_policy { DMARC_ABSENT, DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT, DMARC_POLICY__COUNT };

#define DMARC_RUA_MAX 8
#define DMARC_URI_MAX 320
struct dmarc {
	enum dmarc_policy p, sp, np;
	bool adkim_strict, aspf_strict, testing;
	int pct;                                /* -1: absent (removed by RFC 9989) */
	char rua[DMARC_RUA_MAX][DMARC_URI_MAX]; /* "mailto:x@y" */
	size_t n_rua;
};

const char *dmarc_policy_name(enum dmarc_policy p); /* "none", "quarantine", "reject"; "" absent */
bool dmarc_is_record(const char *txt);
/* One text as dmarc_read (dmarc_check.h) reads it.  Errors: CR_EPARSE (no record, or one that starts no DMARC processing). */
MUST_CHECK int dmarc_parse(const char *txt, struct dmarc *out, struct err *err);
/* Refuses p=none, and sp/np weaker than p: CR_EREFUSED. */
MUST_CHECK int dmarc_format(const struct dmarc *d, struct buf *out, struct err *err);
/* p quarantine or reject, no t=y, no pct < 100, sp and np not weaker; why_out (static text) when false. */
bool dmarc_enforced(const struct dmarc *d, const char **why_out);
/* What can stand in rua and ruf: RFC 3986's characters behind a scheme; behind mailto: an address. */
bool dmarc_uri_valid(const char *uri, size_t len);
/* The host of a mailto URI, or of one with an authority (https://host:port/), in lower case; false where there is none. */
bool dmarc_uri_host(const char *uri, char *out, size_t size);

#endif
