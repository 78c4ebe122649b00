/*
 * letter.h - a mail as its parts: where each one's header and body stand in the given bytes, and its text as UTF-8.
 *
 * One pass, no recursion, nothing of a body is copied: a part is two slices.  RFC 5322 (fields), RFC 2045 and 2046 (MIME), RFC 2047 (words),
 * RFC 2231 (parameters).  Lines end in LF, CRLF or CR; what is malformed is read as its sender most likely meant it.
 */
#ifndef BUDGET_LETTER_H
#define BUDGET_LETTER_H

#include "budget/slice.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LETTER_DEPTH_MAX  32
#define LETTER_PARTS_MAX  1000
#define LETTER_HEADER_MAX ((size_t)1 << 20)
#define LETTER_FIELD_MAX  ((size_t)64 << 10)
#define LETTER_TEXT_MAX   ((size_t)256 << 10)

/* Lines of a slice, without their ends; nl and cr remember the next of each, so that neither is looked for twice. */
struct lines {
	const char *at, *end, *nl, *cr;
};
void lines_begin(struct lines *l, struct slice text);
bool lines_next(struct lines *l, struct slice *line_out);

/* Fields of a header: name without blanks before the colon, value as it stands, folded.  Lines that are none are passed over. */
struct fields {
	struct lines lines;
	struct slice line; /* the next one, already read */
	bool more;
};
void fields_begin(struct fields *f, struct slice header);
/* *cut_out is set, and never cleared, where a value was longer than LETTER_FIELD_MAX. */
bool fields_next(struct fields *f, struct slice *name_out, struct slice *value_out, bool *cut_out);

enum letter_type {
	LETTER_TEXT, /* text/plain, and where nothing says otherwise */
	LETTER_HTML,
	LETTER_MULTI,
	LETTER_MESSAGE, /* message/rfc822, message/global: its body is a message, whose root is a part of its own */
	LETTER_HEADERS, /* text/rfc822-headers */
	LETTER_STATUS,  /* message/delivery-status */
	LETTER_FEEDBACK,
	LETTER_OCTETS,
	LETTER_OTHER,
	LETTER_TYPE__COUNT
};
enum letter_coding { LETTER_AS_IT_IS, LETTER_BASE64, LETTER_QUOTED };

/* The third letter tells report types apart. */
#define LETTER_REPORT_DELIVERY    'l' /* delivery-status */
#define LETTER_REPORT_DISPOSITION 's' /* disposition-notification: a receipt */
#define LETTER_REPORT_FEEDBACK    'e' /* feedback-report */
#define LETTER_DIGEST             'D' /* multipart/digest, whose parts are messages */

#define LETTER_CHARSET_MAX 32
struct letter_part {
	struct slice header, body;
	enum letter_type type;
	enum letter_coding coding;
	bool root;            /* of a message, not of a multipart */
	unsigned char inside; /* how many messages stand around it: 0 is the mail itself */
	unsigned char report; /* of a multipart: LETTER_REPORT_..., LETTER_DIGEST; 0 none */
	char charset[LETTER_CHARSET_MAX];
};

struct letter {
	struct letter_part *part; /* in their order; a container before what it contains */
	size_t n;
	size_t room;
	const char *limit; /* the ceiling that was met, "" none */
};

/* data stays the caller's, and is pointed into.  Errors: CR_ENOMEM. */
MUST_CHECK int letter_read(const char *data, size_t len, struct letter *out, struct err *err);
void letter_release(struct letter *l);

/* What Content-Type and Content-Transfer-Encoding say (letter_type.c). */
#define LETTER_BOUNDARY_MAX 256
struct letter_boundary {
	char text[LETTER_BOUNDARY_MAX]; /* without the dashes */
	size_t len;                     /* 0: none was given */
};
void letter_type_read(struct slice value, struct letter_part *part, struct letter_boundary *boundary_out);
enum letter_coding letter_coding_read(struct slice value);

/* Two places to decode in, which serve one part after the other. */
struct letter_room {
	char *bytes, *text;
	size_t bytes_room, text_room;
};
void letter_room_release(struct letter_room *r);

/*
 * A part's text in UTF-8 as far as its charset is known, at most LETTER_TEXT_MAX bytes (*cut_out is set when there were more): a slice of
 * the mail itself where nothing had to be decoded, else of the room, until its next use.  HTML becomes text.  Errors: CR_ENOMEM.
 */
MUST_CHECK int letter_text(const struct letter_part *p, struct letter_room *r, struct slice *out, bool *cut_out,
                           struct err *err);
/* A field's value unfolded, with encoded words decoded, one line, cut to size.  Returns its length. */
size_t letter_words(struct slice value, char *out, size_t size);
/* Tags away, entities resolved, in place of len bytes; returns how many are left (letter_html.c). */
size_t letter_html(const char *html, size_t len, char *out);

/* How many bytes the character at text has in well-formed UTF-8 (RFC 3629); 0: it is none. */
size_t letter_utf8_len(const char *text, size_t left);

#endif
