/*
 * spf_inside.h - what the reader of SPF records, their evaluation and the static walk share.
 */
#ifndef DNS_SPF_INSIDE_H
#define DNS_SPF_INSIDE_H

#include "dns/spf_check.h"

#include <string.h>

#define SPF_NAME_MAX 253 /* RFC 7208 s7.3: what a target is cut to, from the left */

/* ASCII, whatever the locale. */
static inline bool
spf_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char
spf_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool
spf_is_alpha(char c)
{
	return spf_lower(c) >= 'a' && spf_lower(c) <= 'z';
}

/* A NUL is none of any set. */
static inline bool
spf_is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* One macro-expand (s7.1): "%{d2r.}", or one of "%%", "%_", "%-". */
struct spf_macro {
	char letter; /* lower case; '%', '_', '-' for the three without braces */
	bool url;    /* was upper case: URL-escaped */
	size_t keep; /* rightmost parts; 0: all */
	bool reverse;
	struct span delimiters; /* empty: "." */
};
/* Its length at the start of s, 0 when there is none.  explanation: c, r and t may stand too (s7.2). */
size_t spf_macro_read(struct span s, bool explanation, struct spf_macro *out);
/* All macros of s are known without a client: of the domain alone ("d", "o" and the three without braces). */
bool spf_macro_is_static(struct span s);

/* Room for extra more terms. */
MUST_CHECK int spf_reserve(struct spf *s, size_t extra, struct err *err);

/* Of whom macros speak. */
struct spf_client {
	bool six;
	uint8_t address[16]; /* four of them for IPv4; IPv4-mapped is IPv4 */
	char text[64];       /* of inet_ntop */
	const char *local, *sender_domain, *helo, *receiver;
	int64_t now_s;
};
enum spf_expansion {
	SPF_EXPANDED,
	SPF_EXPAND_PENDING, /* %{p} waits for DNS */
	SPF_EXPAND_NOTHING, /* no name can be made of it: it matches nothing */
	SPF_EXPAND_BROKEN,  /* no macro string */
	SPF_EXPAND_NOMEM
};
/* domain: %{d}, as text.  explanation: c, r, t may stand.  Bytes that are no macro are copied, whatever they are. */
enum spf_expansion spf_expand(struct lookup *l, const struct spf_client *c, const char *domain, struct span text,
                              bool explanation, struct buf *out);

/* A name as SPF speaks of it: text is what %{d} stands for, canonical what DNS is asked. */
struct spf_name {
	char text[SPF_NAME_MAX + 1];
	struct name canonical;
};
/* Any bytes that may stand in a label, cut from the left where longer than 253 (s7.3).  False: DNS cannot be asked for it. */
bool spf_name_make(const char *text, size_t len, struct spf_name *out);

/* An address in its binary form; IPv4-mapped IPv6 is IPv4 (s5).  Errors: CR_EPARSE. */
MUST_CHECK int spf_client_read(const struct spf_query *q, struct spf_client *c, struct err *err);
/* Local part and domain of the sender, or of postmaster at the HELO name (s2.4, s4.3).  local: heap; domain: borrowed from q. */
MUST_CHECK int spf_sender_read(const struct spf_query *q, char **local_out, const char **domain_out, struct err *err);
/* The name to ask at the start (s4.3): well formed, of two labels at least, no address literal. */
bool spf_domain_read(const char *text, struct spf_name *out);

/* The name of a term: its domain-spec expanded, or domain where it has none. */
enum spf_expansion spf_term_name(struct lookup *l, const struct spf_client *c, const struct spf_name *domain,
                                 const struct spf_term *t, struct spf_name *out);

/* The names of a client's address that lead back to it (s5.5): at most ten are looked at. */
struct spf_ptr {
	bool pending;
	bool empty; /* a void look-up */
	struct name names[SPF_ADDRESSES_MAX];
	size_t n;
};
void spf_ptr_names(struct lookup *l, const struct spf_client *c, struct spf_ptr *out);
/* An answer to A or AAAA has the client's address, by the first prefix bits. */
bool spf_has_address(const struct spf_client *c, const struct records *r, int prefix);
bool spf_address_matches(const struct spf_client *c, const uint8_t *address, int prefix);
uint16_t spf_address_type(const struct spf_client *c);

/* The record among the TXT of an answer (s4.5): how many there are, and the first. */
size_t spf_select(const struct lookup_answer *a, const struct record **out);

#define SPF_END_ELSEWHERE '=' /* in place of a qualifier: behind a redirect */

/* A walk under way, and what its judgement needs to know beyond the tree. */
struct spf_walk {
	struct lookup *l;
	struct spf_tree *tree;
	const char *root;               /* canonical */
	struct spf_client client;       /* nobody: only %{d} and %{o} are known */
	char ends[SPF_TREE_MAX];        /* of each node: the qualifier of its all; 0: none */
	size_t redirects[SPF_TREE_MAX]; /* of each node: the node its redirect leads to; 0: none */
	unsigned probes;                /* questions about addresses */
	unsigned seen_voids; /* those that were asked for; the others are what a stranger's address would meet */
	struct buf voids;    /* their names, for people */
	bool circle, cut;
	int rc;
	struct err err;
};
/* One more finding; false: of one kind only so many, or a hostile tree would fill the memory.  fix: text of a record at name, or NULL. */
bool spf_note(struct spf_walk *w, enum finding_level level, const char *id, const char *name, const char *fix,
              const char *fmt, ...) PRINTF_LIKE(6, 7);
/* The first failure ends the walk once it is through. */
void spf_walk_failed(struct spf_walk *w, int rc);
/* Texts for fixes: heap, NULL where there is none. */
char *spf_fix_line(struct spf_walk *w, const char *name, const char *text); /* "out.example. 3600 IN TXT ..." */
char *spf_fix_printable(struct spf_walk *w, const void *data, size_t len);  /* odd bytes as \DDD */
char *spf_fix_without(struct spf_walk *w, const struct record *r, const struct spf_term *t);
/* With "ipv4:" as "ip4:" and its like; what such a term begins with should be, NULL: nothing is known. */
char *spf_fix_spelt(struct spf_walk *w, const struct record *r);
const char *spf_fix_spelling(struct span term, size_t *wrong_len_out);
char *spf_fix_closed(struct spf_walk *w, const char *record);        /* with -all at its end */
char *spf_fix_joined(struct spf_walk *w, const struct records *all); /* one record in place of several */
/* Is the record at this name the root's own business? */
bool spf_is_own(const struct spf_walk *w, const char *name);
/* What the whole tree amounts to: look-ups, voids, the end. */
void spf_judge(struct spf_walk *w, bool sends);
/* Look-ups of each node and all below it. */
void spf_tree_sums(const struct spf_tree *t, unsigned sums[SPF_TREE_MAX]);

#endif
