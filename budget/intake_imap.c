/*
 * intake_imap.c - a mail that is handed out by imap.c is worked on and committed before its folder's place moves on.
 */
#include "budget/intake_imap.h"

#include <stdio.h>
#include <sysexits.h>

#include "budget/imap.h"
#include "core/log.h"

struct taking {
	struct intake *in;
	const char *mailbox; /* of the command line; NULL */
	size_t unread;
};

static int
take(void *arg, const char *mailbox, const char *data, size_t len, struct err *err)
{
	struct taking *t = arg;
	char source[600];
	const struct mail m = {.name = source, .number = 1, .data = data, .len = len};
	int rc;

	(void)snprintf(source, sizeof(source), "imap:%s", mailbox);
	/* A report comes back to whoever had sent. */
	t->in->mailbox = t->mailbox != NULL ? t->mailbox : mailbox;
	rc = intake_mail(t->in, source, &m, err);
	if (rc != CR_EPARSE)
		return rc;
	/* It would be no mail the next time either. */
	if (err != NULL) {
		log_error("%s", err->text);
		*err = (struct err){0};
	}
	t->unread++;
	return CR_OK;
}

static void
note(void *arg, const char *line)
{
	(void)arg;
	log_warn("%s", line);
}

int
intake_imap(struct intake *in, struct session *s, bool dry_run, const char *const *names, size_t n_names,
            struct err *err)
{
	struct taking t = {.in = in, .mailbox = in->mailbox};
	struct imap_run run = {
		.names = names, .n_names = n_names, .dry_run = dry_run, .arg = &t, .got = take, .note = note};
	struct imap_count count = {0};
	struct imap *imap = NULL;
	/* First, so that the faults of its settings are told with the others. */
	int rc = imap_open(s, dry_run ? DB_READ : DB_WRITE, &imap, err);

	if (rc == CR_OK)
		rc = intake_open(in, s, true, dry_run, err);
	if (rc == CR_OK) {
		rc = imap_each(imap, &run, &count, err);
		if (rc == CR_OK || count.mailboxes > count.failed)
			log_info("imap: %zu new mails in %zu mailboxes", count.mails, count.mailboxes - count.failed);
	}
	imap_drop(&imap);
	in->mailbox = t.mailbox;
	return rc == CR_OK && t.unread > 0 ? EX_DATAERR : rc;
}
