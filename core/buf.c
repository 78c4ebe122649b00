/*
 * buf.c - growth by doubling, up to the ceiling.
 */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MIN 64

/* Room for more bytes and the NUL; false after setting the sticky failure. */
static bool
buf_reserve(struct buf *b, size_t more)
{
	size_t max = b->max_bytes != 0 ? b->max_bytes : BUF_MAX_DEFAULT;
	size_t cap;
	char *data;

	if (b->failed != CR_OK)
		return false;
	if (more > max || b->len > max - more) {
		b->failed = CR_EPARSE;
		return false;
	}
	if (b->data != NULL && b->len + more + 1 <= b->cap)
		return true;
	cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
	while (cap < b->len + more + 1)
		cap *= 2;
	data = realloc(b->data, cap);
	if (data == NULL) {
		b->failed = CR_ENOMEM;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void
buf_release(struct buf *b)
{
	size_t max = b->max_bytes;

	free(b->data);
	*b = (struct buf){.max_bytes = max};
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = CR_OK;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int need;

	va_start(ap, fmt);
	need = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (need < 0 || !buf_reserve(b, (size_t)need))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(b->data + b->len, (size_t)need + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)need;
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

int
buf_check(const struct buf *b, const char *what, struct err *err)
{
	if (b->failed == CR_ENOMEM)
		return err_nomem(err, what);
	if (b->failed != CR_OK)
		return err_set(err, CR_EPARSE, "%s: longer than the limit of %zu bytes", what,
		               b->max_bytes != 0 ? b->max_bytes : BUF_MAX_DEFAULT);
	return CR_OK;
}

int
buf_take(struct buf *b, const char *what, char **out, struct err *err)
{
	int rc;

	if (b->data == NULL)
		buf_add(b, "", 0);
	rc = buf_check(b, what, err);
	if (rc != CR_OK)
		return rc;
	*out = TAKE(b->data);
	buf_release(b);
	return CR_OK;
}

size_t
buf_copy_text(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(to, text, len);
	to[len] = '\0';
	return len;
}
