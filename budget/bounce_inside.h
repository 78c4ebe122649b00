/*
 * bounce_inside.h - what the files of bounce.c share, and nobody else.
 *
 * bounce.c decides what is read in which order and puts the result together; bounce_kind.c weighs what a header says; bounce_status.c reads report fields, bounce_prose.c what servers
 * write to people, bounce_json.c notices of sending services; bounce_hands.c is the table of who writes how; bounce_words.c takes a
 * refusing server's words apart; bounce_pool.c holds the texts.
 */
#ifndef BUDGET_BOUNCE_INSIDE_H
#define BUDGET_BOUNCE_INSIDE_H

#include "budget/bounce.h"
#include "budget/letter.h"

#include <stdint.h>

#define BOUNCE_RECIPIENTS_MAX 10000
/* Of one server's words; the rest of a longer text tells nothing new. */
#define BOUNCE_WORDS_MAX   2048
#define BOUNCE_ADDRESS_MAX 320 /* RFC 5321 s4.5.3.1, with room for UTF-8 */

/* bounce_pool.c: texts that live as long as the answer.  Failure is sticky: texts are "" from then on, and failed says why. */
struct pool {
	struct pool_block *block;
	char *at, *end;
	bool failed;
};
void pool_release(struct pool *p);
void *pool_take(struct pool *p, size_t len); /* NULL: failed */
/* s as one line of valid UTF-8: blanks and line ends become one blank each, control bytes go. */
const char *pool_line(struct pool *p, struct slice s, size_t max);
const char *pool_lower(struct pool *p, struct slice s, size_t max); /* and ASCII in lower case */

/* bounce_words.c */
/* An address at p: "<a@b>", "a@b", "\"x y\"@b".  False: none.  after_out stands behind it. */
bool words_address_at(const char *p, const char *end, struct slice *out, const char **after_out);
/* The first address anywhere in s. */
bool words_address_in(struct slice s, struct slice *out);
/* Where a three-digit reply stands in s, of class 2, 4 or 5; NULL: nowhere. */
const char *words_reply_in(struct slice s);
/* Where an enhanced status code (RFC 3463) stands, and how long it is; NULL: nowhere. */
const char *words_status_in(struct slice s, size_t *len_out);
/* The refusing server's words within a passage: from the first refusal up to where the writer goes on in his own.  prefer: an address
 * whose line comes first, when the passage is about several.  False: no refusal in it. */
bool words_refusal(struct slice passage, struct slice prefer, struct slice *out);
/* In reply to which command, and which host a passage says it was. */
const char *words_command(struct slice passage);
size_t words_host(struct slice passage, char out[256]); /* the length, 0 none */
/* "rfc822;a@b", "dns; host (comment)": behind the type, where there is one. */
struct slice words_typed(struct slice value);
struct slice words_host_name(struct slice s); /* the host name or address that s begins with */

/* bounce_hands.c */
enum hand_what {
	HAND_NONE,
	HAND_RETURNED,  /* below this line stands the message that was returned */
	HAND_REPORTER,  /* a host name follows: who writes */
	HAND_MARK,      /* only a report says that */
	HAND_DELAY,     /* only a report of a delay says that */
	HAND_RECIPIENT, /* an address follows */
	HAND_REASON     /* the reason follows */
};
struct hand {
	enum hand_what what;
	size_t len;        /* of the words that tell; what they introduce stands behind */
	const char *agent; /* NULL: several write so */
};
bool hand_of_line(struct slice line, struct hand *out); /* by how it begins; out is written on true only */
/* How much a header's words speak for a report, and whose it is. */
struct hand_guess {
	const char *agent;
	int report, vacation;
};
void hand_of_subject(struct slice subject, struct hand_guess *g);
void hand_of_from(struct slice from, struct hand_guess *g);
void hand_of_mailer(struct slice mailer, struct hand_guess *g);
const char *hand_of_field(struct slice name); /* "x-postfix-queue-id" -> "postfix"; NULL */
/* How well an address in running text is introduced by what stands before it: 0 not at all. */
int hand_introduces(struct slice s);

/* The fields of a message's header that tell anything. */
enum head {
	HEAD_FROM,
	HEAD_TO,
	HEAD_SUBJECT,
	HEAD_SENDER,
	HEAD_RETURN_PATH,
	HEAD_MESSAGE_ID,
	HEAD_AUTO_SUBMITTED,
	HEAD_FAILED,
	HEAD_MAILER,
	HEAD_PRECEDENCE,
	HEAD_AUTOREPLY,
	HEAD_NDR,
	HEAD_HOTMAIL,
	HEAD_LIST_ID,
	HEAD_IN_REPLY_TO,
	HEAD__COUNT
};
struct heads {
	struct slice of[HEAD__COUNT];
	const char *agent;
};
void heads_read(struct slice header, struct heads *out, bool *cut_out);

/* All that is known while a mail is read. */
struct reading {
	struct letter letter;
	struct letter_room room;
	struct slice text; /* of the part that was decoded last */
	size_t decoded_part;
	bool decoded;
	struct pool *pool;
	struct bounce *b;
	size_t notice_room;
	uint32_t *hash; /* of each notice's recipient */
	const char *feedback_type;
	const char *daemon; /* the host that a mailer-daemon's address names */
	bool cut_text, cut_field;
};

/* bounce_kind.c: what speaks for what. */
struct verdict {
	int report, vacation;
	bool complaint, delay;
};
void bounce_weigh(struct reading *r, const struct heads *h, unsigned char report_type, struct verdict *v);
bool bounce_says_delay(const struct heads *h); /* by the subject */

/* bounce_notice.c */
/* A notice for this recipient: the one that is there already, or a new one; NULL: out of memory, or too many. */
struct bounce_notice *bounce_notice_for(struct reading *r, struct slice recipient, bool *new_out);
/* status and reply from its text, and what the report itself says where the text does not; host and command unless set. */
void bounce_notice_finish(struct reading *r, struct bounce_notice *n, struct slice status);

/* bounce_returned.c */
bool bounce_mailbox_in(struct slice value, struct slice *out); /* the address of a From, Sender, Return-Path, To */
/* Sender, message id and subject are those of this header. */
void bounce_returned(struct reading *r, const struct heads *h);
/* A header within prose: perhaps indented, perhaps behind a heading and blank lines. */
void bounce_returned_prose(struct slice returned, struct heads *out);

/* bounce_status.c: true when there were fields of a report. */
bool status_looks_like(struct slice text);
bool status_read(struct reading *r, struct slice text);
bool feedback_read(struct reading *r, struct slice text);

/*
 * bounce_prose.c: what servers write to people.  A block is one recipient and what stands behind it; all slices point into the text.
 */
struct block {
	struct slice recipient, passage;
	size_t indent;
	bool refusal; /* there is a reply or status code in the passage */
};
struct prose {
	struct slice about;    /* all before the returned message */
	struct slice returned; /* the returned message, len 0: not in this text */
	struct slice reporter, reason,
		in_passing; /* in_passing: an address in running text that is a recipient's most likely */
	bool delay;         /* it is tried again */
	bool certain;       /* and that is sure */
	int report;         /* how much speaks for a report */
	const char *agent;  /* NULL: nobody known */
	struct block *block;
	size_t n, room;
};
MUST_CHECK int prose_read(struct slice text, struct prose *out, struct err *err);
void prose_release(struct prose *p);
/* Make notices of it.  failed: X-Failed-Recipients, which fill in where the text names nobody; reader: to whom it is
 * written; to: whom the returned message was to, when nothing else tells. */
void prose_notices(struct reading *r, const struct prose *p, struct slice failed, struct slice reader, struct slice to);
/* Give words and commands to the notices that a report's fields left without. */
void prose_words(struct reading *r, const struct prose *p);

/* bounce_json.c: a notice of Amazon SES by way of SNS; false: it is none. */
bool json_read(struct reading *r, struct slice text);

#endif
