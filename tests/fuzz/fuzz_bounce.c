/*
 * fuzz_bounce.c - mails from outside: whatever they are, what comes out is within its limits, one line each, and UTF-8.
 */
#include "budget/bounce.h"
#include "budget/letter.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
text(const char *s, size_t max)
{
	size_t len = strlen(s);

	assert(len <= max);
	for (size_t i = 0, n; i < len; i += n) {
		n = letter_utf8_len(s + i, len - i);
		assert(n > 0 && (unsigned char)s[i] >= ' ' && s[i] != 0x7f);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bounce *b = NULL;
	struct err err = {0};

	if (bounce_read((const char *)data, size, &b, &err) != CR_OK)
		return 0;
	assert(b->kind < BOUNCE_KIND__COUNT && b->n <= 10000);
	assert(b->kind == BOUNCE_NONE ? b->n == 0 : b->n > 0);
	text(b->reporter, 320);
	text(b->agent, 32);
	text(b->sender, 320);
	text(b->envelope, 320);
	text(b->message_id, 998);
	text(b->subject, 998);
	for (size_t i = 0; i < b->n; i++) {
		const struct bounce_notice *n = &b->notice[i];
		assert(n->action < BOUNCE_ACTION__COUNT);
		text(n->recipient, 320);
		text(n->status, 12);
		text(n->reply, 3);
		text(n->text, 2048);
		text(n->host, 255);
		text(n->command, 16);
	}
	bounce_drop(&b);
	return 0;
}
