/*
 * fuzz_maillog.c - a log of any bytes: every event's texts are whole, and senders are forgotten rather than piled up.
 */
#include "budget/maillog.h"
#include "tests/lib/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct maillog *l;
	const char *at = (const char *)data, *end = at + size;
	struct maillog_event e;

	if (l == NULL && maillog_open(&l, NULL) != CR_OK)
		abort();
	while (at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		next = next != NULL ? next : end;
		if (maillog_line(l, at, (size_t)(next - at), &e))
			assert(strlen(e.recipient) + strlen(e.sender) + strlen(e.message_id) + strlen(e.host) +
			               strlen(e.status) + strlen(e.text) <
			       2 * MAILLOG_LINE_MAX);
		at = next < end ? next + 1 : end;
	}
	return 0;
}
