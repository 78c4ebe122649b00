/*
 * csv.h - comma-separated values as RFC 4180 has them: read a row at a time, write a field at a time.
 */
#ifndef BUDGET_CSV_H
#define BUDGET_CSV_H

#include "core/buf.h"

#include <stdbool.h>

#define CSV_FIELDS    16
#define CSV_ROW_BYTES 4096

struct csv {
	const char *text, *end; /* borrowed; moves on as rows are read */
	size_t line;            /* where the row just read began */
	size_t next_line;
	char bytes[CSV_ROW_BYTES];
	const char *field[CSV_FIELDS]; /* of the present row, into bytes */
	size_t n;
};

struct csv csv_on(const char *text, size_t len);
/* Empty lines are skipped.  Errors: CR_EPARSE "line 17: ..." (open quote, NUL, too long, too many fields). */
MUST_CHECK int csv_next(struct csv *c, bool *more_out, struct err *err);

/* One field, quoted where it must be; separator ',' or '\n' behind it. */
void csv_put(struct buf *b, const char *field, char separator);

#endif
