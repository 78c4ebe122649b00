/*
 * spf.h - SPF record text built from terms and parsed back (RFC 7208); evaluation comes with `verify`.
 */
#ifndef DNS_SPF_H
#define DNS_SPF_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SPF_LOOKUPS_MAX 10 /* RFC 7208 s4.6.4 */

struct spf_term {
	char *text; /* normalised: "include:_spf.google.com", "ip4:192.0.2.10", "mx", "redirect=..." ; without the qualifier */
	char qualifier; /* '+', '-', '~', '?'; 0 for a modifier */
	bool counts;    /* include a mx ptr exists redirect */
};
struct spf {
	struct spf_term *terms; /* in order, "all" included */
	size_t n;
};
void spf_release(struct spf *s);

bool spf_is_record(const char *txt); /* "v=spf1" followed by blank or end, any case */
/* Errors: CR_EPARSE naming the term. */
MUST_CHECK int spf_parse(const char *txt, struct spf *out, struct err *err);
/* Add terms of rules ("include:x a:y") that are not there yet, before "all"; compared as terms (case-folded, default qualifier and
 * prefix length normalised), never as substrings.  all: "-all" replaces a weaker end; NULL keeps. */
MUST_CHECK int spf_merge(struct spf *s, const char *rules, const char *all, struct err *err);
/* Terms of rules taken out again (teardown of a merged record); leaves foreign terms. */
MUST_CHECK int spf_unmerge(struct spf *s, const char *rules, struct err *err);
/* Static number of terms of this record alone that count; the tree is walked by the caller's lookups. */
size_t spf_lookups(const struct spf *s);
MUST_CHECK int spf_format(const struct spf *s, char **out, struct err *err);

#endif
