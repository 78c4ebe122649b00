/*
 * buf.h - a growing byte string with a ceiling.
 *
 * All zero is valid and empty, with the default ceiling.  Always NUL-terminated once it holds
 * memory; data may contain NULs.  Failure is sticky: after a failed append every later one fails
 * too and nothing more is written, so a chain of appends is checked once, by buf_check.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define BUF_MAX_DEFAULT ((size_t)16 << 20)

struct buf {
	char *data; /* NULL while empty and never grown */
	size_t len;
	size_t cap;
	size_t max_bytes; /* 0: BUF_MAX_DEFAULT */
	int failed;       /* CR_OK, CR_ENOMEM, or CR_EPARSE when the ceiling was met */
};

void buf_release(struct buf *b);
/* Forget the contents and a failure, keep the memory and the ceiling. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* text into a place of size bytes, cut where it must be, always ended: what snprintf("%s") does, without its price.  Returns the bytes put. */
size_t buf_copy_text(char *to, size_t size, const char *text);

/* The text, "" while empty.  Borrowed until the next change. */
const char *buf_str(const struct buf *b);

/* CR_OK, or the sticky failure as an error that names what was being built. */
MUST_CHECK int buf_check(const struct buf *b, const char *what, struct err *err);

/* Hand the heap string (never NULL on success) to the caller, who frees it; the buf becomes empty. */
MUST_CHECK int buf_take(struct buf *b, const char *what, char **out, struct err *err);

#endif
