/*
 * reading.h - what was read about one recipient, with what it means and what followed: as a line of JSON, and for people.
 */
#ifndef BUDGET_READING_H
#define BUDGET_READING_H

#include "budget/bounce.h"
#include "budget/maillog.h"
#include "budget/react.h"
#include "budget/reply.h"
#include "core/buf.h"

#include <stdint.h>
#include <stdio.h>

/* All borrowed, "" where nothing tells. */
struct reading {
	const char *file;
	int64_t number; /* of the mail in its file; 0: not a mail */
	const char *recipient, *sender, *message_id, *host, *text;
	int64_t happened_ms;               /* when it says that it was said; 0: it does not */
	const char *limit;                 /* the ceiling that the reader met */
	const struct react_result *result; /* NULL: nobody was asked what follows */
	bool dry_run;                      /* result says what would follow */
	struct reply_verdict verdict;
};

/*
 * Notice i of a mail.  mailbox stands in for a sender that the mail does not tell; NULL: none.  What is no refusal (a complaint, an
 * automatic answer, ordinary mail, a success) has a verdict by its kind, and the rules are not asked.
 */
void reading_of_mail(const struct reply_rules *r, const struct bounce *b, size_t i, const char *mailbox,
                     struct reading *out);
void reading_of_log(const struct reply_rules *r, const struct maillog_event *e, const char *mailbox,
                    struct reading *out);
/* The words alone, as somebody copied them. */
void reading_of_text(const struct reply_rules *r, const char *text, struct reading *out);

/* Does anything follow from it, so that the store has to be asked? */
bool reading_counts(const struct reading *f);
struct react_event reading_event(const struct reading *f, const char *source);

/* Appended with a newline at the end.  advice: with the four sentences. */
void reading_json(const struct reading *f, bool advice, struct buf *out);
/* to: the stream that it will be written to, for colours. */
void reading_text(const struct reading *f, FILE *to, struct buf *out);
/* A rule by itself. */
void reading_rule_json(const char *rule, const struct reply_verdict *v, struct buf *out);
void reading_rule_text(const char *rule, const struct reply_verdict *v, FILE *to, struct buf *out);

#endif
