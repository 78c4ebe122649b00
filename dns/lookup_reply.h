/*
 * lookup_reply.h - one reply read into the answer of a lookup: what it says of the name, and whether another name is to be asked.
 */
#ifndef DNS_LOOKUP_REPLY_H
#define DNS_LOOKUP_REPLY_H

#include "dns/lookup.h"

struct lookup_asked {
	const char *name; /* the question's, or the end of the CNAMEs so far */
	uint16_t type;
	const struct resolve_server *server;
	bool recursion;
};

/*
 * reply: a message that answers the question by id and question section.
 * a: as earlier replies left it (its chain), all zero for the first; complete after this one unless follow_out, when next_out is the name
 * to ask for now.  Errors: CR_ENOMEM, CR_ECONFIG (a library is missing).  What cannot be read is an answer: FAILED.
 */
MUST_CHECK int lookup_reply_read(const struct lookup_asked *asked, const uint8_t *reply, size_t len,
                                 struct lookup_answer *a, bool *follow_out, struct name *next_out, struct err *err);
/* Neither answer nor end: state FAILED or SILENT, with its reason. */
void lookup_reply_trouble(struct lookup_answer *a, enum lookup_state state, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
