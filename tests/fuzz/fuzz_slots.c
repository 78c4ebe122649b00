/*
 * fuzz_slots.c - a mailbox's packed spends, an organisation's pace, a ticket: whatever is in the row, the rules stay within
 * their bounds, and what was read is written back as it was.
 */
#include "budget/gate.h"
#include "budget/pace.h"
#include "budget/ticket.h"
#include "budget/tokens.h"

#include <assert.h>
#include <string.h>

static const struct tokens_rules rules = {
	.total = 4,
	.per_class = {2, 2},
	.window_ms = GATE_WINDOW_MS,
	.gap_ms = 1000,
	.org_per_hour = 1,
	.org_per_day = 3
};

static void
try_slots(const uint8_t *data, size_t size)
{
	uint8_t packed[TOKENS_PACKED];
	struct tokens t, back;
	int64_t now;

	if (tokens_unpack(data, size, &t, NULL) != CR_OK)
		return;
	tokens_pack(&t, packed);
	/* Schema 1 and the empty row had other forms. */
	assert(size != TOKENS_PACKED || data[0] < 0x20 || memcmp(packed, data, size) == 0);
	assert(tokens_unpack(packed, sizeof(packed), &back, NULL) == CR_OK && back.n == t.n);
	now = t.n > 0 ? t.slot[t.n - 1].spent_ms : TOKENS_FIRST_MS;
	for (int class = 0; class < 2; class ++) {
		struct token next = {.class = class};
		int left = tokens_left(&t, &rules, class, now);

		assert(left >= 0 && left <= 2);
		assert((left > 0) == (tokens_free_at(&t, &rules, class) <= now));
		if (left == 0 && (next.spent_ms = tokens_free_at(&t, &rules, class)) < now)
			next.spent_ms = now;
		else if (left > 0)
			next.spent_ms = now;
		tokens_spend(&t, &rules, &next);
		now = next.spent_ms;
	}
	assert(t.n <= TOKENS_MAX);
}

static void
try_pace(const uint8_t *data, size_t size)
{
	static uint8_t packed[PACE_PACKED_MAX];
	static struct pace p;

	if (pace_unpack(data, size, &p, NULL) != CR_OK)
		return;
	assert(pace_pack(&p, packed) == (size < PACE_PACKED_MAX ? size : PACE_PACKED_MAX));
	assert(p.n == 0 || memcmp(packed, data + size - 8 * p.n, 8 * p.n) == 0);
	pace_spend(&p, p.n > 0 ? p.times_ms[p.n - 1] : 0);
	assert(p.n > 0 && p.n <= PACE_MAX);
	(void)pace_free_at(&p, &rules);
}

static void
try_ticket(const uint8_t *data, size_t size)
{
	char text[64], again[TICKET_SIZE];
	struct ticket t, back;

	if (size >= sizeof(text))
		return;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (ticket_parse(text, &t, NULL) != CR_OK)
		return;
	ticket_format(&t, again);
	assert(ticket_parse(again, &back, NULL) == CR_OK && back.mailbox == t.mailbox && back.proof == t.proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_slots(data, size);
	try_pace(data, size);
	try_ticket(data, size);
	return 0;
}
