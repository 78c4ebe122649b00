/*
 * bounce_pool.c - where the texts of one answer live: taken in a row, released together.
 */
#include "budget/bounce_inside.h"

#include <stdlib.h>
#include <string.h>

#define POOL_BLOCK 4000

struct pool_block {
	struct pool_block *before;
	char bytes[];
};

void
pool_release(struct pool *p)
{
	while (p->block != NULL) {
		struct pool_block *before = p->block->before;
		free(p->block);
		p->block = before;
	}
	p->at = p->end = NULL;
}

void *
pool_take(struct pool *p, size_t len)
{
	len = (len + 7) & ~(size_t)7;
	if ((size_t)(p->end - p->at) < len) {
		size_t room = len > POOL_BLOCK ? len : POOL_BLOCK;
		struct pool_block *b = malloc(sizeof(*b) + room);
		if (b == NULL) {
			p->failed = true;
			return NULL;
		}
		b->before = p->block;
		p->block = b;
		p->at = b->bytes;
		p->end = b->bytes + room;
	}
	void *out = p->at;
	p->at += len;
	return out;
}

static const char *
line(struct pool *p, struct slice s, size_t max, bool lower)
{
	s = slice_trim(s);
	size_t room = s.len < max ? s.len : max, n = 0;
	char *out = s.len > 0 ? pool_take(p, room + 1) : NULL;

	if (out == NULL)
		return "";
	for (size_t i = 0; i < s.len && n < room;) {
		const unsigned char *c = (const unsigned char *)s.at + i;
		size_t len = letter_utf8_len(s.at + i, s.len - i);
		if (*c <= ' ' || *c == 0x7f) {
			if ((*c == ' ' || *c == '\t' || *c == '\n' || *c == '\r') && n > 0 && out[n - 1] != ' ')
				out[n++] = ' ';
			i++;
			continue;
		}
		if (len > room - n)
			break;
		if (len <= 1) {
			out[n++] = len == 0 ? '?' : (char)(lower && *c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
			i++;
			continue;
		}
		memcpy(out + n, c, len);
		n += len;
		i += len;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	/* What was asked for and not needed goes back. */
	p->at = out + ((n + 1 + 7) & ~(size_t)7);
	return out;
}

const char *
pool_line(struct pool *p, struct slice s, size_t max)
{
	return line(p, s, max, false);
}

const char *
pool_lower(struct pool *p, struct slice s, size_t max)
{
	return line(p, s, max, true);
}
