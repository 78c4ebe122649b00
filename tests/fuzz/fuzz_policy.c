/*
 * fuzz_policy.c - policy requests from outside: cut anywhere, they come out the same; what is whole is within the limits.
 */
#include "budget/policy.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy_request r;
	const char *text = (const char *)data;
	static char bytes[POLICY_REQUEST_BYTES];
	size_t at = 0;

	while (at < size) {
		struct policy_scan whole = {0}, cut = {0};
		enum policy_progress p = policy_scan(&whole, text + at, size - at), q = POLICY_MORE;

		for (size_t len = 1; q == POLICY_MORE && len <= size - at; len += len / 2 + 1)
			q = policy_scan(&cut, text + at, len);
		if (q == POLICY_MORE)
			q = policy_scan(&cut, text + at, size - at);
		/* In pieces a wrong line is seen at once, in one piece when it is read. */
		assert(p == q || (p == POLICY_WHOLE && q == POLICY_JUNK));
		if (p != POLICY_WHOLE)
			break;
		assert((q == POLICY_JUNK || whole.at == cut.at) && whole.at <= POLICY_REQUEST_BYTES);
		memcpy(bytes, text + at, whole.at);
		if (!policy_read(bytes, &whole, &r))
			break;
		assert(q == POLICY_WHOLE);
		assert(strlen(r.sender) <= POLICY_VALUE_MAX && strlen(r.instance) <= POLICY_VALUE_MAX);
		assert(r.recipient_count >= 0 && r.stage < POLICY_STAGE__COUNT);
		at += whole.at;
	}
	return 0;
}
