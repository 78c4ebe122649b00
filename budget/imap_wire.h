/*
 * imap_wire.h - what an IMAP server says, read: pure, bytes in, one answer out.
 *
 * RFC 3501 s7 and s9, as far as reading a folder by unique identifiers needs it.
 * The words of a mail stand in literals, whose length is told before: nothing inside them is ever taken for the server's own.
 */
#ifndef BUDGET_IMAP_WIRE_H
#define BUDGET_IMAP_WIRE_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAP_TAG_MAX 16

/* How far an answer has been looked at; all zero at its first byte. */
struct imap_measure {
	size_t at;      /* everything before it is of the answer */
	size_t in_line; /* of these, bytes outside literals */
	size_t blank;   /* bytes behind at that hold no end of a line */
	bool plain;     /* its kind is known, and has no literals */
	bool kind_known;
};

/*
 * Is there a whole answer at the start of data?  Call it again with more bytes, and the same m, until m->at is its length and
 * *whole_out is true.  line_max: bytes outside literals; literal_max: of each literal.
 * Errors: CR_EPARSE (above a ceiling, a literal's length that is none).
 */
MUST_CHECK int imap_measure(struct imap_measure *m, const char *data, size_t len, size_t line_max, size_t literal_max,
                            bool *whole_out, struct err *err);

enum imap_word {
	IMAP_OTHER, /* an untagged answer that nobody here asked for */
	IMAP_OK,
	IMAP_NO,
	IMAP_BAD,
	IMAP_BYE,
	IMAP_EXISTS,
	IMAP_SEARCH,
	IMAP_FETCH,
	IMAP_CONTINUE, /* "+": it waits for something that we never promise */
	IMAP_WORD__COUNT
};

/* Texts are borrowed from the answer's bytes, and not ended by a NUL. */
struct imap_answer {
	char tag[IMAP_TAG_MAX]; /* "" untagged */
	enum imap_word word;
	uint32_t number;               /* of EXISTS and FETCH */
	uint32_t uidvalidity, uidnext; /* of a status's code; 0: not told */
	const char *text;              /* of a status, its code included; of SEARCH, the numbers */
	size_t text_len;
	/* of FETCH; uid 0 and body NULL: not told */
	uint32_t uid;
	const char *body;
	size_t body_len;
};

/* One whole answer.  Quoted strings are unescaped where they stand.  Errors: CR_EPARSE. */
MUST_CHECK int imap_parse(char *data, size_t len, struct imap_answer *out, struct err *err);

/* The next number of SEARCH's text, which is shortened; *out 0 at its end.  Errors: CR_EPARSE (something else). */
MUST_CHECK int imap_next_number(const char **text, size_t *len, uint32_t *out, struct err *err);

/* Does a status's text have this code, "[NAME" and more? */
bool imap_has_code(const struct imap_answer *a, const char *name);

#endif
