/*
 * spf.h - SPF record text read into terms and written again (RFC 7208 s12), records joined; they are evaluated in spf_check.h.
 */
#ifndef DNS_SPF_H
#define DNS_SPF_H

#include "core/buf.h"
#include "core/err.h"
#include "dns/taglist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPF_LOOKUPS_MAX 10 /* RFC 7208 s4.6.4 */

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT,
	SPF_EXP,
	SPF_UNKNOWN, /* a modifier of somebody's own: to be ignored (s6) */
	SPF_KIND__COUNT
};
struct spf_term {
	char *text; /* normalised: "include:_spf.google.com", "ip4:192.0.2.10", "mx", "redirect=..." ; without the qualifier */
	char qualifier; /* '+', '-', '~', '?'; 0 for a modifier */
	bool counts;    /* include a mx ptr exists redirect */
	enum spf_kind kind;
	struct span domain;       /* domain-spec, within text, in lower case but for macros; empty: none */
	uint8_t address[16];      /* of ip4, ip6 */
	int prefix4, prefix6;     /* 32, 128 where none is given */
	size_t said_at, said_len; /* where it stands in the record it was read from */
};
struct spf {
	struct spf_term *terms; /* in order, "all" included */
	size_t n, cap;
};
void spf_release(struct spf *s);

bool spf_is_record(const char *txt); /* "v=spf1" followed by blank or end, any case */
/* The same of bytes, in which a NUL may stand. */
bool spf_is_record_bytes(const void *txt, size_t len);
/* Errors: CR_EPARSE naming the term. */
MUST_CHECK int spf_parse(const char *txt, struct spf *out, struct err *err);
MUST_CHECK int spf_parse_bytes(const void *txt, size_t len, struct spf *out, struct err *err);
/* One term alone, without blanks. */
MUST_CHECK int spf_term_parse(struct span term, struct spf_term *out, struct err *err);
/* Terms between blanks, appended to s; on failure s keeps those in front of the fault. */
MUST_CHECK int spf_terms_parse(struct span text, struct spf *s, struct err *err);
/* The first "all", NULL without one: what stands behind it is never reached, and a redirect is ignored (s5.1, s6.1). */
const struct spf_term *spf_all(const struct spf *s);
/* NULL: none. */
const struct spf_term *spf_modifier(const struct spf *s, enum spf_kind kind);
/* Add terms of rules ("include:x a:y") that are not there yet, before "all"; compared as terms (case-folded, default qualifier and
 * prefix length normalised), never as substrings.  all: "-all" replaces a weaker end; NULL keeps. */
MUST_CHECK int spf_merge(struct spf *s, const char *rules, const char *all, struct err *err);
/* Terms of rules taken out again (teardown of a merged record); leaves foreign terms. */
MUST_CHECK int spf_unmerge(struct spf *s, const char *rules, struct err *err);
/* Static number of terms of this record alone that count; the tree is walked by the caller's lookups. */
size_t spf_lookups(const struct spf *s);
MUST_CHECK int spf_format(const struct spf *s, char **out, struct err *err);

#endif
