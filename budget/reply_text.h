/*
 * reply_text.h - one server's words, out of whatever wrapped them: folded, unwrapped, with its codes.  Pure.
 *
 * Folded: one line, lower case, accents taken off, blanks collapsed, escapes of JSON and HTML undone.
 */
#ifndef BUDGET_REPLY_TEXT_H
#define BUDGET_REPLY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_TEXT_MAX 4096 /* bytes of one reply that are looked at */
#define REPLY_HOST_MAX 256

struct reply_text {
	char whole[REPLY_TEXT_MAX]; /* as it was, folded */
	char inner[REPLY_TEXT_MAX]; /* what the server said that refused */
	char bare[REPLY_TEXT_MAX];  /* inner with a @ in place of each address, whose words are not the server's */
	size_t whole_len, inner_len, bare_len;
	size_t inner_at;           /* in whole */
	char host[REPLY_HOST_MAX]; /* as the text names it; "" when it does not */
	char command[16];          /* "rcpt", "data", "conn", "mail", "helo"; "" */
	int reply;                 /* 550; 0 unknown */
	uint32_t status;           /* reply_status(5, 7, 1); 0 unknown */
	bool temporary;            /* of the report, not of the text */
	bool wrapped;              /* the inner reply is another one than the outer */
};

/* Comparable in ranges. */
static inline uint32_t
reply_status(unsigned a, unsigned b, unsigned c)
{
	return a * 1000000U + b * 1000U + c;
}

/* Of at most size - 1 bytes; returns the length. */
size_t reply_text_fold(const char *text, char *out, size_t size);

void reply_text_read(const char *text, struct reply_text *out);

/* A status code at the start of s: "5.7.1".  0: none; end_out behind it. */
uint32_t reply_text_status(const char *s, const char **end_out);

#endif
