/*
 * bounce_kind.c - what a message's own header says about its kind, as weights: a report needs three, an automatic answer two.
 *
 * RFC 3834 s5 (Auto-Submitted), RFC 5321 s4.5.5 (the empty return path); the rest is what senders of reports have in common.
 */
#include "budget/bounce_inside.h"

#include <string.h>

/* What a message's own header says about its kind. */
void
bounce_weigh(struct reading *r, const struct heads *h, unsigned char report_type, struct verdict *v)
{
	struct hand_guess subject = {0}, from = {0}, mailer = {0};
	char text[1000];
	size_t n = letter_words(h->of[HEAD_SUBJECT], text, sizeof(text));
	struct slice words = {text, n};

	hand_of_subject(words, &subject);
	/* An answer to a report is none */
	if (slice_starts(words, SLICE("re:")) || slice_starts(words, SLICE("aw:")) || slice_starts(words, SLICE("sv:")))
		subject.report = 0;
	v->complaint = slice_find(words, SLICE("complaint about message")) != NULL;
	n = letter_words(h->of[HEAD_FROM], text, sizeof(text));
	hand_of_from((struct slice){text, n}, &from);
	hand_of_mailer(h->of[HEAD_MAILER], &mailer);
	v->report = subject.report + from.report + mailer.report;
	v->vacation = subject.vacation;
	if (h->of[HEAD_FAILED].len > 0 || h->of[HEAD_NDR].at != NULL || report_type == LETTER_REPORT_DELIVERY)
		v->report += 3;
	if (h->of[HEAD_RETURN_PATH].at != NULL &&
	    memchr(h->of[HEAD_RETURN_PATH].at, '@', h->of[HEAD_RETURN_PATH].len) == NULL)
		v->report++;
	/* On a mailing list people talk about reports. */
	if (h->of[HEAD_LIST_ID].len > 0 && from.report == 0)
		v->report -= 2;
	/* Made by a machine and an answer to something: some say so by two fields */
	if (slice_starts(h->of[HEAD_AUTO_SUBMITTED], SLICE("auto-notified")) ||
	    (slice_starts(h->of[HEAD_AUTO_SUBMITTED], SLICE("auto-generated")) && h->of[HEAD_IN_REPLY_TO].len > 0))
		v->vacation += 2;
	if (slice_starts(h->of[HEAD_AUTO_SUBMITTED], SLICE("auto-replied")))
		v->vacation += 2;
	if (h->of[HEAD_AUTOREPLY].at != NULL)
		v->vacation += 3;
	if (slice_is(h->of[HEAD_PRECEDENCE], SLICE("auto_reply")) || report_type == LETTER_REPORT_DISPOSITION)
		v->vacation += 2;
	const char *agent = mailer.agent != NULL    ? mailer.agent
	                    : h->agent != NULL      ? h->agent
	                    : from.agent != NULL    ? from.agent
	                    : subject.agent != NULL ? subject.agent
	                                            : "";
	if (r->b->agent[0] == '\0')
		r->b->agent = agent;
	/* A daemon or a postmaster writes from the reporting host. */
	struct slice address;
	if (from.report >= 2 && bounce_mailbox_in(h->of[HEAD_FROM], &address)) {
		const char *at = memrchr(address.at, '@', address.len);
		if (at != NULL)
			r->daemon = pool_lower(
				r->pool, (struct slice){at + 1, (size_t)(address.at + address.len - at - 1)}, 255);
	}
}

/* Delays say so in the subject. */
bool
bounce_says_delay(const struct heads *h)
{
	char text[1000];
	struct slice subject = {text, letter_words(h->of[HEAD_SUBJECT], text, sizeof(text))};

	return slice_find(subject, SLICE("delay")) != NULL || slice_find(subject, SLICE("warning: ")) != NULL ||
	       slice_find(subject, SLICE("still being retried")) != NULL;
}
