/*
 * verify_message.c - a test message from a file, standard input or a mailbox, and its check as a job of lookup_settle.
 */
#include "provision/verify_message.h"

#include <stdio.h>
#include <string.h>

#include "budget/imap.h"
#include "core/file.h"
#include "core/log.h"
#include "dns/name.h"

#define NEWEST        50 /* of each folder: between the test message and now there are not many more */
#define POLL_FIRST_MS 2000
#define POLL_LAST_MS  30000

/* ---- saved ---- */

int
verify_message_read(const char *file, struct buf *out, struct err *err)
{
	const bool from_stdin = strcmp(file, "-") == 0;
	int rc;

	buf_clear(out);
	out->max_bytes = MESSAGE_BYTES_MAX;
	rc = from_stdin ? file_read_stdin(MESSAGE_BYTES_MAX, out, err) : file_read(file, MESSAGE_BYTES_MAX, out, err);
	if (rc == CR_OK && out->len == 0)
		rc = err_set(err, CR_EPARSE, "%s: no message, not one byte", from_stdin ? "standard input" : file);
	return rc;
}

/* ---- fetched ---- */

struct hunt {
	const struct verify_message_fetch *f;
	struct buf *out;
	int64_t best_s; /* when out came in */
	char mailbox[ADDRESS_MAX];
	bool found;
};

/* What cannot be read, or has no one author, is not the test message. */
static bool
is_from(const struct message *m, const char *domain)
{
	char from[NAME_TEXT_MAX];

	return message_author(m, from, sizeof(from), NULL) == CR_OK && name_equal(from, domain);
}

static int
on_mail(void *arg, const char *mailbox, const char *data, size_t len, struct err *err)
{
	struct hunt *h = arg;
	struct message m = {0};
	int64_t came_s;
	int rc = message_read(data, len, &m, NULL);

	if (rc == CR_ENOMEM)
		return err_nomem(err, "message");
	if (rc != CR_OK || !is_from(&m, h->f->domain))
		goto out;
	/* Within a folder the last to arrive, between folders the later. */
	came_s = passed_received_s(&m);
	if (h->found && came_s < h->best_s)
		goto out;
	buf_clear(h->out);
	buf_add(h->out, data, len);
	if (buf_check(h->out, "message", err) != CR_OK) {
		message_release(&m);
		return h->out->failed;
	}
	h->best_s = came_s;
	h->found = true;
	buf_copy_text(h->mailbox, sizeof(h->mailbox), mailbox);
out:
	message_release(&m);
	return CR_OK;
}

static void
on_note(void *arg, const char *line)
{
	(void)arg;
	log_warn("%s", line);
}

/* One look into every mailbox.  One that cannot be read now does not keep the others, nor end the waiting. */
static int
hunt_once(struct imap *imap, struct hunt *h, bool last, struct err *err)
{
	struct imap_run run = {.names = h->f->mailboxes,
	                       .n_names = h->f->n_mailboxes,
	                       .newest = NEWEST,
	                       .arg = h,
	                       .got = on_mail,
	                       .note = on_note};
	struct imap_count count = {0};
	struct err why = {0};
	int rc = imap_each(imap, &run, &count, &why);

	if (h->found || rc == CR_OK)
		return CR_OK;
	if (rc == CR_ERETRY && !last) {
		log_warn("%s", why.text);
		return CR_OK;
	}
	if (err != NULL)
		*err = why;
	return rc;
}

int
verify_message_fetch(struct session *s, const struct verify_message_fetch *f, struct buf *out, struct err *err)
{
	const int64_t until_ms = clock_boot_ms(s->clock) + f->wait_s * 1000;
	struct hunt h = {.f = f, .out = out};
	struct imap *imap = NULL;
	int64_t gap_ms = POLL_FIRST_MS;
	int rc = imap_open(s, DB_READ, &imap, err);

	out->max_bytes = MESSAGE_BYTES_MAX;
	while (rc == CR_OK) {
		int64_t left_ms = until_ms - clock_boot_ms(s->clock);

		rc = hunt_once(imap, &h, left_ms <= 0, err);
		if (rc != CR_OK || h.found)
			break;
		if (left_ms <= 0) {
			rc = err_set(err, CR_ERETRY, "no message from %s among the newest %d of the mailboxes",
			             f->domain, NEWEST);
			break;
		}
		log_info("no message from %s yet, looking again in %lld s", f->domain,
		         (long long)((gap_ms < left_ms ? gap_ms : left_ms) + 999) / 1000);
		clock_sleep_ms(s->clock, gap_ms < left_ms ? gap_ms : left_ms);
		gap_ms = gap_ms * 2 < POLL_LAST_MS ? gap_ms * 2 : POLL_LAST_MS;
	}
	imap_drop(&imap);
	if (rc == CR_OK)
		log_info("reading the newest message from %s in %s", f->domain, h.mailbox);
	return rc;
}

/* ---- checked ---- */

int
verify_message_open(const struct buf *bytes, struct verify_message *out, struct err *err)
{
	return message_read(buf_str(bytes), bytes->len, &out->message, err);
}

void
verify_message_release(struct verify_message *m)
{
	passed_release(&m->passed);
	message_release(&m->message);
}

int
verify_message_check(struct lookup *l, void *arg, struct err *err)
{
	struct verify_message *m = arg;
	const struct passed_query q = {
		.message = &m->message, .trusted = m->trusted, .domain = m->domain, .now_s = m->now_s};

	return passed_check(l, &q, &m->passed, err);
}
