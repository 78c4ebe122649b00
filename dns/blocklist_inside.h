/*
 * blocklist_inside.h - what one answer says, before anyone draws a conclusion: blocklist.c for blocklist_check.c.
 */
#ifndef DNS_BLOCKLIST_INSIDE_H
#define DNS_BLOCKLIST_INSIDE_H

#include "dns/blocklist.h"

enum blocklist_says {
	BLOCKLIST_SAYS_NO,       /* no such name, no record, or a neutral code */
	BLOCKLIST_SAYS_YES,      /* a listing */
	BLOCKLIST_SAYS_REFUSED,  /* an error code of the list */
	BLOCKLIST_SAYS_NONSENSE, /* an answer that no list gives: outside 127/8, 127.0.0.1 */
	BLOCKLIST_SAYS_NOTHING,  /* DNS did not say */
	BLOCKLIST_SAYS_NOT_YET   /* not asked yet */
};
enum blocklist_says blocklist_says(const struct blocklist *b, const struct lookup_answer *a,
                                   struct blocklist_verdict *out);
/* The name of what stands before the zone in a question: "2.0.0.127", "test".  Errors: CR_EPARSE. */
MUST_CHECK int blocklist_under(const struct blocklist *b, const char *front, struct name *out, struct err *err);

#endif
