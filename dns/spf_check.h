/*
 * spf_check.h - SPF evaluated as a receiver does it (RFC 7208), and the whole tree of a record walked as if nothing matched.
 */
#ifndef DNS_SPF_CHECK_H
#define DNS_SPF_CHECK_H

#include "dns/finding.h"
#include "dns/lookup.h"
#include "dns/spf.h"

#define SPF_VOIDS_MAX     2  /* RFC 7208 s4.6.4 */
#define SPF_ADDRESSES_MAX 10 /* address look-ups behind one mx; names of one ptr */

enum spf_result { /* the words of RFC 7208 s2.6 */
	          SPF_NONE,
	          SPF_NEUTRAL,
	          SPF_PASS,
	          SPF_FAIL,
	          SPF_SOFTFAIL,
	          SPF_TEMPERROR,
	          SPF_PERMERROR,
	          SPF_RESULT__COUNT
};
const char *spf_result_name(enum spf_result r);

struct spf_query {
	const char *ip;       /* numeric IPv4 or IPv6 */
	const char *sender;   /* MAIL FROM; "" for the null path: the HELO identity is checked (RFC 7208 s2.4) */
	const char *helo;     /* as it was said; may be no domain */
	const char *receiver; /* %{r}; NULL: "unknown" */
	int64_t now_s;        /* %{t} */
};
struct spf_answer {
	enum spf_result result;
	char *explanation; /* of fail, by exp=; heap, NULL none */
	char *mechanism;   /* what decided, as it stands in its record: "include:_spf.example"; heap, NULL none */
	char *why;         /* one line for people: which record, which term, which limit; heap */
	unsigned lookups, voids;
};
void spf_answer_release(struct spf_answer *a);
/* Errors: CR_ENOMEM; CR_EPARSE (ip is no address).  What DNS says is in the result. */
MUST_CHECK int spf_evaluate(struct lookup *l, const struct spf_query *q, struct spf_answer *out, struct err *err);

/* The tree of records that a name's SPF leads to. */
struct spf_node {
	char *name;             /* canonical; of a macro term as it is written */
	char *record;           /* its text; NULL: none */
	char *term;             /* what led here: "include:_spf.example", "redirect=..."; NULL at the root */
	unsigned depth, parent; /* parent: index; the root is 0 and its own */
	unsigned lookups;       /* of this record's own terms */
	unsigned voids;
	bool repeated; /* the same name stands further up or before: it counts, and is walked no further where it would be a circle */
	enum spf_result broken; /* SPF_NONE: fine; else what a receiver that comes here says: temperror, permerror */
};
#define SPF_TREE_MAX 1024 /* nodes; over it the walk ends and the findings say so */
struct spf_tree {
	struct spf_node *nodes; /* in the order of the walk: parents before children */
	size_t n;
	unsigned lookups, voids, depth; /* of the whole tree, every occurrence counted */
	bool unknown;                   /* a part could not be asked: the figures are at least these */
	char end;                       /* qualifier of the all that the root comes to, '+' '?' '~' '-'; 0: none */
	/*
	 * fail: spf-missing, spf-two-records, spf-syntax, spf-lookups, spf-voids, spf-circle, spf-include-none, spf-target,
	 * spf-mx-hosts, spf-wide, spf-weak-all (+all).  warn: spf-weak-all (?all), spf-no-all, spf-not-closed, spf-ptr,
	 * spf-duplicate-include, spf-redirect-ignored, spf-behind-all, spf-modifier, spf-size, spf-type99.
	 * unknown: spf-unreachable.  note: spf-lookups-near, spf-depth, spf-macro.
	 */
	struct findings findings;
};
void spf_tree_release(struct spf_tree *t);
/* sends: does the name send mail?  One that does not wants "v=spf1 -all".  Errors: CR_ENOMEM. */
MUST_CHECK int spf_walk(struct lookup *l, const char *domain, bool sends, struct spf_tree *out, struct err *err);
/* As lines with branches, for a terminal: each record, its own look-ups and the sum below it. */
void spf_tree_format(const struct spf_tree *t, struct buf *out);

#endif
