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

bool dmarc_is_record(const char *txt);
/* Errors: CR_EPARSE. Unknown tags are ignored. */
MUST_CHECK int dmarc_parse(const char *txt, struct dmarc *out, struct err *err);
/* Refuses p=none, and sp/np weaker than p: CR_EREFUSED. */
MUST_CHECK int dmarc_format(const struct dmarc *d, struct buf *out, struct err *err);
/* p quarantine or reject, no t=y, no pct < 100, sp and np not weaker; why_out (static text) when false. */
bool dmarc_enforced(const struct dmarc *d, const char **why_out);
/* The host of a mailto URI; false for anything else. */
bool dmarc_uri_host(const char *uri, char *out, size_t size);

#endif
