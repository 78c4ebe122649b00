/*
 * mails.h - where mails come from: standard input, a file of one mail, an mbox, a Maildir, a directory of files.
 *
 * One mail at a time and streamed, so that memory is that of the longest mail, not of the mailbox.  Nothing is changed, moved or removed.
 * mbox: RFC 4155; a mail ends before a line that begins with "From ", holds a time of day and follows an empty line.
 */
#ifndef BUDGET_MAILS_H
#define BUDGET_MAILS_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a mail says about a delivery stands at its beginning; what lies beyond is skipped. */
#define MAILS_MAIL_MAX ((size_t)32 << 20)

struct mails;

/* Borrowed until the next call. */
struct mail {
	const char *name; /* the file it is in; "-" standard input */
	int64_t number;   /* in that file, from 1 */
	const char *data;
	size_t len;
	bool cut; /* longer than MAILS_MAIL_MAX */
};

/* path: "-", a file, or a directory.  Errors: CR_ENOTFOUND, CR_EIO, CR_ENOMEM. */
MUST_CHECK int mails_open(const char *path, struct mails **out, struct err *err);
/*
 * *more_out false: there was no further one.  An empty file holds no mail.
 * Errors: CR_EIO (of one file in a directory: the next call goes on behind it), CR_ENOMEM.
 */
MUST_CHECK int mails_next(struct mails *m, struct mail *out, bool *more_out, struct err *err);
bool mails_is_directory(const struct mails *m);
void mails_drop(struct mails **m);

#endif
