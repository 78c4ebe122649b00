/*
 * fuzz_wire.c - the daemon's answers as the client reads them: what is read is written back as the same answer.
 */
#include "budget/wire.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_reply first, second;
	char text[WIRE_ANSWER_MAX];

	if (wire_read((const char *)data, size, &first, NULL) != CR_OK)
		return 0;
	assert(first.code <= CR_OK && first.gate.verdict < GATE_VERDICT__COUNT && first.gate.class < GATE_CLASS__COUNT);
	if (first.code != CR_OK)
		wire_answer_trouble(first.code, first.text, text);
	else if (first.released)
		wire_answer_released("1", text);
	else
		wire_answer(&first.gate, text);

	assert(wire_read(text, strlen(text), &second, NULL) == CR_OK);
	assert(second.code == first.code && second.released == first.released &&
	       second.gate.verdict == first.gate.verdict && second.gate.retry_at_ms == first.gate.retry_at_ms);
	return 0;
}
