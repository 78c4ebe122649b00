/*
 * imap_box.h - the new mails of one folder, read over a link that is logged in.
 *
 * The folder is opened with EXAMINE and read with BODY.PEEK[]: nothing in it is changed, deleted or marked as seen.
 */
#ifndef BUDGET_IMAP_BOX_H
#define BUDGET_IMAP_BOX_H

#include "core/imap_curl.h"

#include <stdint.h>

/* How far a folder has been read (RFC 3501 s2.3.1.1): up to a UID, as long as UIDVALIDITY is the same.  All zero: not at all. */
struct imap_place {
	uint32_t validity, last;
};

struct imap_box {
	struct imap_link *link;
	const struct clock *clock;
	const char *folder; /* as the server spells it: modified UTF-7 */
	size_t mail_max;    /* a larger mail is skipped */
	size_t newest;      /* only that many mails, the last to arrive; 0: all behind the place */
	int64_t timeout_ms; /* the longest silence */
	void *arg;
	/* A mail that was not read before.  Borrowed.  An error ends the reading; the mail counts as unread. */
	int (*got)(void *arg, uint32_t uid, const char *data, size_t len, struct err *err);
	/* A mail above the ceiling: it will not be asked for again. */
	int (*skipped)(void *arg, uint32_t uid, struct err *err);
	/* Remember this place.  Called after at most IMAP_BATCH mails were taken, and after each batch; not after an error: then
	 * place says how far got had come. */
	int (*keep)(void *arg, const struct imap_place *place, struct err *err);
};
#define IMAP_BATCH 64

/*
 * Read what is behind place, in the order of arrival, and move place on: over a mail only when got or skipped has returned CR_OK for it
 * and all before it.  Another UIDVALIDITY than place's starts over.
 * Errors: the callbacks'; CR_ERETRY (closed, silent, not now), CR_EPARSE (what it says is not IMAP), CR_ENOTFOUND (no such folder).
 */
MUST_CHECK int imap_box_read(const struct imap_box *b, struct imap_place *place, struct err *err);

#endif
