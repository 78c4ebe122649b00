/*
 * gate_answer.c - what the gate says, from what was found: verdict, reason, what is left, when to ask again, one line for people.
 */
#include "budget/facts.h"
#include "budget/ticket.h"

#include "core/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void
answer_left(const struct gate *g, const struct facts *f, struct gate_answer *a)
{
	const struct tokens *t;

	if (!f->known || f->clock_doubt[0] != '\0')
		return;
	t = ledger_tokens(&g->ledger, f->seat);
	a->left_outbound = tokens_left(t, &g->rules, GATE_OUTBOUND, f->now_ms);
	a->left_warmup = tokens_left(t, &g->rules, GATE_WARMUP, f->now_ms);
}

/* Each # a digit: no limit is above four, and printf costs more than all the tests of the gate. */
static void
tell_left(struct gate_answer *a)
{
	const int left[] = {a->left_outbound, a->left_warmup};
	char *at = a->message;

	buf_copy_text(a->message, sizeof(a->message), "allowed; left in these 24 h: # outbound, # warm-up");
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		assert(left[i] >= 0 && left[i] <= 9);
		at = strchr(at, '#');
		assert(at != NULL);
		*at = (char)('0' + left[i]);
	}
}

void
gate_answer_allow(const struct gate *g, const struct facts *f, const struct token *spend, struct gate_answer *a)
{
	struct ticket t;

	a->verdict = GATE_ALLOW;
	buf_copy_text(a->reason, sizeof(a->reason), "ok");
	if (spend != NULL) {
		ticket_of(g->ticket_key, f->seat->id, spend, &t);
		ticket_format(&t, a->ticket);
	}
	answer_left(g, f, a);
	tell_left(a);
}

/* The moment to ask again is when the last of the waits is over, not the first. */
void
gate_answer_no(const struct gate *g, const struct facts *f, struct gate_finding findings[GATE_TESTS], size_t first,
               struct gate_answer *a)
{
	bool known = true;

	if (!findings[first].told)
		facts_tell(g, f, first, &findings[first]);
	a->verdict = findings[first].verdict;
	buf_copy_text(a->reason, sizeof(a->reason), findings[first].reason);
	buf_copy_text(a->message, sizeof(a->message), findings[first].message);
	answer_left(g, f, a);
	for (size_t i = first; a->verdict == GATE_WAIT && i < GATE_TESTS; i++) {
		if (findings[i].verdict != GATE_WAIT)
			continue;
		known = known && findings[i].retry_at_ms != 0;
		if (findings[i].retry_at_ms > a->retry_at_ms)
			a->retry_at_ms = findings[i].retry_at_ms;
	}
	if (!known)
		a->retry_at_ms = 0;
}

void
gate_answer_trouble(const struct facts *f, const struct err *err, struct gate_answer *a)
{
	*a = (struct gate_answer){.verdict = GATE_WAIT, .class = f->class};
	(void)snprintf(a->reason, sizeof(a->reason), "store");
	(void)snprintf(a->mailbox, sizeof(a->mailbox), "%s", f->words->mailbox.text);
	(void)snprintf(a->message, sizeof(a->message), "%.255s", err != NULL ? err->text : "");
}
