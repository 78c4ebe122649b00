/*
 * passed_notes.c - what else a received message tells a deliverability engineer: how it travelled, what the receiver's filter thought of
 * it, and header fields that filters count against it.
 *
 * RFC 5322 s3.6 (fields that stand once), RFC 3848 (ESMTPS), RFC 5321 s4.4 (Return-Path).
 */
#include "dns/passed_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/num.h"
#include "dns/name.h"

#define DAY_S 86400

/* ---- the way ---- */

static int
note_tls(struct passed_work *w, struct err *err)
{
	const struct passed_hop *h = &w->trace.hop;
	struct findings *f = &w->out->findings;

	if (!w->trace.came_in)
		return CR_OK;
	/* ESMTPS, ESMTPSA, UTF8SMTPS, LMTPS (RFC 3848, 6531). */
	if (h->tls[0] != '\0' || strstr(h->with, "MTPS") != NULL)
		return findings_add(f, FINDING_NOTE, "message-tls", NULL, err, "%s received it from %s over %s", h->by,
		                    h->from, h->tls[0] != '\0' ? h->tls : h->with);
	/* Exchange and Exim's "HTTP" tell no protocol of RFC 3848. */
	if (strcmp(h->with, "SMTP") != 0 && strcmp(h->with, "ESMTP") != 0 && strcmp(h->with, "ESMTPA") != 0)
		return CR_OK;
	return findings_add(f, FINDING_WARN, "message-no-tls", NULL, err,
	                    "%s received it from %s without TLS (with %s): Gmail asks for TLS of every sender", h->by,
	                    h->from, h->with);
}

static int
note_return_path(struct passed_work *w, struct err *err)
{
	char domain[PASSED_HOST_MAX];

	if (w->null_path)
		return findings_add(&w->out->findings, FINDING_WARN, "message-return-path", NULL, err,
		                    "the return path is empty: bounces are lost, and SPF is that of the HELO name");
	if (!passed_domain(w->sender, domain) || name_equal(domain, w->out->from))
		return CR_OK;
	return findings_add(&w->out->findings, FINDING_NOTE, "message-return-path", NULL, err,
	                    "bounces go to %s, From is %s", domain,
	                    w->out->from[0] != '\0' ? w->out->from : "not known");
}

/* ---- the filter ---- */

/* "SCL:5" of X-Forefront-Antispam-Report, or the whole of X-MS-Exchange-Organization-SCL; -2: there is none. */
static int64_t
spam_level(const struct message *m, char text[1024])
{
	const struct message_field *f = message_field(m, "X-MS-Exchange-Organization-SCL", 0);
	const char *at = text;
	int64_t level;

	if (f != NULL) {
		message_unfold(f->value, text, 1024);
	} else {
		f = message_field(m, "X-Forefront-Antispam-Report", 0);
		if (f == NULL)
			return -2;
		message_unfold(f->value, text, 1024);
		at = strstr(text, "SCL:");
		if (at == NULL)
			return -2;
		at += strlen("SCL:");
		text[(size_t)(at - text) + strcspn(at, "; ")] = '\0';
	}
	return num_parse(at, -1, 9, &level, NULL) == CR_OK ? level : -2;
}

/* "Yes, score=6.2 required=5.0", "YES", "spam" */
static bool
says_spam(const char *text)
{
	return strncasecmp(text, "yes", 3) == 0 || strncasecmp(text, "spam", 4) == 0 ||
	       strncasecmp(text, "true", 4) == 0;
}

static int
note_filter(struct passed_work *w, struct err *err)
{
	static const char *const names[] = {"X-Spam-Flag", "X-Spam-Status", "X-Spam"};
	struct findings *f = &w->out->findings;
	char text[1024];
	int64_t level = spam_level(w->q->message, text);
	int rc = CR_OK;

	if (level >= -1)
		rc = findings_add(f, level >= 5 ? FINDING_WARN : FINDING_NOTE,
		                  level >= 5 ? "message-spam" : "message-filter", NULL, err,
		                  "Microsoft's spam confidence level is %lld%s", (long long)level,
		                  level >= 5 ? ": it was put into Junk" : "");
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(names); i++) {
		const struct message_field *field = message_field(w->q->message, names[i], 0);
		bool spam;

		if (field == NULL)
			continue;
		message_unfold(field->value, text, sizeof(text));
		spam = says_spam(text);
		rc = findings_add(f, spam ? FINDING_WARN : FINDING_NOTE, spam ? "message-spam" : "message-filter", NULL,
		                  err, "%s: %.120s", names[i], text);
	}
	return rc;
}

/* ---- its header ---- */

static int
note_once(struct passed_work *w, struct err *err)
{
	static const char *const names[] = {"Date",       "Sender",      "Reply-To", "To",           "Cc",
	                                    "Message-ID", "In-Reply-To", "Subject",  "MIME-Version", "Content-Type"};
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(names); i++)
		if (message_field(w->q->message, names[i], 1) != NULL)
			rc = findings_add(&w->out->findings, FINDING_WARN, "message-field-twice", NULL, err,
			                  "%s stands more than once (RFC 5322 section 3.6): Gmail refuses such mail",
			                  names[i]);
	return rc;
}

static int
note_message_id(struct passed_work *w, struct err *err)
{
	const struct message_field *f = message_field(w->q->message, "Message-ID", 0);
	char text[512], domain[PASSED_HOST_MAX];
	struct name ours, theirs;

	if (f == NULL)
		return findings_add(&w->out->findings, FINDING_WARN, "message-id-missing", NULL, err,
		                    "no Message-ID field: filters count that against it");
	message_unfold(f->value, text, sizeof(text));
	if (!passed_domain(text, domain))
		return findings_add(&w->out->findings, FINDING_NOTE, "message-id-foreign", NULL, err,
		                    "Message-ID '%.120s' has no domain that mail could come from", text);
	if (w->out->from[0] == '\0')
		return CR_OK;
	name_organisation(domain, &theirs);
	name_organisation(w->out->from, &ours);
	if (name_equal(ours.text, theirs.text))
		return CR_OK;
	return findings_add(&w->out->findings, FINDING_NOTE, "message-id-foreign", NULL, err,
	                    "Message-ID is of %s, From of %s: the sending tool shows", domain, w->out->from);
}

static int
note_date(struct passed_work *w, struct err *err)
{
	const struct message_field *f = message_field(w->q->message, "Date", 0);
	/* By the receiver's clock, where it tells it: a message may be looked at days later. */
	const int64_t came_s = w->trace.came_in ? w->trace.hop.at_s : 0;
	struct findings *to = &w->out->findings;
	char text[128], by[24];
	int64_t said_s, off_s;

	if (f == NULL)
		return findings_add(to, FINDING_WARN, "message-date-missing", NULL, err,
		                    "no Date field (RFC 5322 section 3.6 wants one)");
	message_unfold(f->value, text, sizeof(text));
	said_s = passed_date(f->value);
	if (said_s == 0)
		return findings_add(to, FINDING_WARN, "message-date", NULL, err, "Date is no date: '%.80s'", text);
	/* Without a Received field only the future is certainly wrong. */
	off_s = said_s - (came_s != 0 ? came_s : w->q->now_s);
	if (off_s <= DAY_S && (off_s >= -DAY_S || came_s == 0))
		return CR_OK;
	num_format_duration(llabs(off_s), by, sizeof(by));
	return findings_add(to, FINDING_WARN, "message-date", NULL, err, "Date is %s %s it came in: '%.80s'", by,
	                    off_s > 0 ? "after" : "before", text);
}

int
passed_notes(struct passed_work *w, struct err *err)
{
	static int (*const notes[])(struct passed_work * w, struct err * err) = {
		note_tls, note_return_path, note_filter, note_once, note_message_id, note_date,
	};
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(notes); i++)
		rc = notes[i](w, err);
	return rc;
}
