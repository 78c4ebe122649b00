/*
 * token.h - the words of a line of master-file text (RFC 1035 s5.1), shared by the readers of records and of zones.
 */
#ifndef DNS_TOKEN_H
#define DNS_TOKEN_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Borrowed from the line: raw, escapes and all; of a quoted word what stands between the quotes. */
struct token {
	const char *text;
	size_t len;
	bool quoted;
};

/*
 * The next word at *pos, which moves behind it.  found_out: false at the end of the line.
 * Errors: CR_EPARSE: open quote, or an unquoted ';', '(' or ')' - the line is one record, without comments.
 */
MUST_CHECK int token_next(const char **pos, struct token *out, bool *found_out, struct err *err);

/* Append the bytes the word stands for: \DDD and \X taken out.  Errors: CR_EPARSE (broken escape). */
MUST_CHECK int token_decode(const struct token *t, struct buf *out, struct err *err);

/* NUL-terminated copy of the raw text.  Errors: CR_EPARSE when it does not fit. */
MUST_CHECK int token_copy(const struct token *t, char *out, size_t size, struct err *err);

#endif
