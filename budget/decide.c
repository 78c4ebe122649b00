/*
 * decide.c - the tests of the gate as a table, in the order in which they answer.
 *
 * What a block or an operator decided comes before what time decides: a refusal stands whatever the clock says.
 */
#include "budget/facts.h"

#include "core/buf.h"
#include "core/num.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(struct gate_finding *f, enum gate_verdict v, const char *reason, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static void
say(struct gate_finding *f, enum gate_verdict v, const char *reason, const char *fmt, ...)
{
	va_list ap;

	f->verdict = v;
	f->reason = reason;
	if (!f->told)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(f->message, sizeof(f->message), fmt, ap);
	va_end(ap);
}

static void
ok(struct gate_finding *f, const char *message)
{
	say(f, GATE_ALLOW, "ok", "%s", message);
}

/* Wait until at_ms of the gate's time; TOKENS_NEVER: waiting alone does not help. */
static void
wait_until(const struct facts *f, struct gate_finding *out, const char *reason, int64_t at_ms, const char *what)
{
	char at[NUM_RFC3339_MAX];
	size_t len;

	if (at_ms == TOKENS_NEVER) {
		say(out, GATE_WAIT, reason, "%s: the configured limit is 0", what);
		return;
	}
	out->retry_at_ms = at_ms + f->wall_ahead_ms;
	out->verdict = GATE_WAIT;
	out->reason = reason;
	if (!out->told)
		return;
	/* The text of most denials; printf would take as long as all tests together. */
	num_format_rfc3339((out->retry_at_ms + 999) / 1000, at, sizeof(at));
	buf_copy_text(out->message, sizeof(out->message), what);
	len = strlen(out->message);
	buf_copy_text(out->message + len, sizeof(out->message) - len, ": not before ");
	len = strlen(out->message);
	buf_copy_text(out->message + len, sizeof(out->message) - len, at);
}

static void
test_primary(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	(void)g;
	if (f->standing->primary != NULL)
		say(out, GATE_REFUSE, "primary_domain",
		    "%s belongs to the primary domain %s, which never sends outreach", f->words->mailbox.text,
		    f->standing->primary);
	else
		ok(out, "not on a primary domain");
}

static void
test_mailbox(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	(void)g;
	if (!f->known)
		say(out, GATE_REFUSE, "unknown_mailbox", "%s is no mailbox of this installation",
		    f->words->mailbox.text);
	else
		ok(out, "a mailbox of this installation");
}

static void
test_suppression(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	(void)g;
	if (f->closed_by[0] != '\0')
		say(out, GATE_REFUSE, "suppressed", "the recipient is suppressed (%s): nothing of %s goes there",
		    f->closed_by, f->standing->tenant);
	else
		ok(out, "recipient and organisation are open");
}

static void
test_state(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	(void)g;
	if (f->standing->state == DOMAIN_BURNED)
		say(out, GATE_REFUSE, "burned", "%s is burned and will not send again", f->standing->domain);
	else if (f->standing->state == DOMAIN_CLOSING || f->standing->state == DOMAIN_PARKED)
		say(out, GATE_REFUSE, "closing", "%s is %s", f->standing->domain,
		    domain_state_name(f->standing->state));
	else if (f->standing->state == DOMAIN_FROZEN)
		say(out, GATE_REFUSE, "frozen", "%s is frozen (%s)", f->standing->domain,
		    f->standing->cause != NULL ? f->standing->cause : "by hand");
	else if (f->standing->tenant_frozen)
		say(out, GATE_REFUSE, "frozen", "every domain of %s is frozen", f->standing->tenant);
	else
		say(out, GATE_ALLOW, "ok", "%s is %s", f->standing->domain,
		    domain_state_name(
			    domain_state_in_effect(f->standing->state, f->standing->first_send_ms, f->now_ms)));
}

static void
test_clock(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	(void)g;
	if (f->clock_doubt[0] != '\0')
		say(out, GATE_WAIT, "clock", "%s", f->clock_doubt);
	else
		ok(out, "the time is certain");
}

static void
test_warming(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	(void)g;
	if (f->standing->state == DOMAIN_PLANNED || f->standing->state == DOMAIN_PROVISIONING)
		say(out, GATE_WAIT, "warming", "%s is not set up yet", f->standing->domain);
	else if (f->class == GATE_OUTBOUND &&
	         domain_state_in_effect(f->standing->state, f->standing->first_send_ms, f->now_ms) == DOMAIN_WARMING)
		wait_until(f, out, "warming", f->standing->first_send_ms, "the domain is warming up");
	else
		ok(out, f->class == GATE_WARMUP ? "warm-up is open" : "the first-send date is past");
}

static void
test_budget(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	int64_t at = tokens_free_at(ledger_tokens(&g->ledger, f->seat), &g->rules, f->class);
	int left = tokens_left(ledger_tokens(&g->ledger, f->seat), &g->rules, f->class, f->now_ms);

	if (at > f->now_ms)
		wait_until(f, out, "budget", at,
		           f->class == GATE_OUTBOUND ? "no outbound token left" : "no warm-up token left");
	else
		say(out, GATE_ALLOW, "ok", "%d of %d %s left", left, (int)g->rules.per_class[f->class],
		    f->class == GATE_OUTBOUND ? "outbound" : "warm-up");
}

static void
test_org_pace(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	int64_t at = f->paced != NULL ? pace_free_at(ledger_pace(&g->ledger, f->paced), &g->rules) : INT64_MIN;
	char what[128];

	if (at > f->now_ms) {
		(void)snprintf(what, sizeof(what), "%.80s was written to lately", f->words->organisation.text);
		wait_until(f, out, "org_pace", at, what);
	} else {
		say(out, GATE_ALLOW, "ok", "%.80s has not heard too much", f->words->organisation.text);
	}
}

static void
test_mailbox_pace(const struct gate *g, const struct facts *f, struct gate_finding *out)
{
	int64_t at = tokens_gap_at(ledger_tokens(&g->ledger, f->seat), &g->rules);

	if (at > f->now_ms && !f->gap_excused)
		wait_until(f, out, "mailbox_pace", at, "the mailbox sent a moment ago");
	else
		ok(out, "the last send is long enough ago");
}

/* needs: what must be known for the question to have a meaning. */
enum need { NEED_NOTHING, NEED_MAILBOX, NEED_TIME };

static const struct {
	const char *name;
	enum need need;
	void (*ask)(const struct gate *, const struct facts *, struct gate_finding *);
} tests[] = {
	{"primary",      NEED_NOTHING, test_primary     },
	{"mailbox",      NEED_NOTHING, test_mailbox     },
	{"suppression",  NEED_MAILBOX, test_suppression },
	{"state",        NEED_MAILBOX, test_state       },
	{"clock",        NEED_NOTHING, test_clock       },
	{"warming",      NEED_TIME,    test_warming     },
	{"budget",       NEED_TIME,    test_budget      },
	{"org pace",     NEED_TIME,    test_org_pace    },
	{"mailbox pace", NEED_TIME,    test_mailbox_pace},
};
static_assert(ARRAY_LEN(tests) == GATE_TESTS, "gate.h names the number of tests");

static bool
can_ask(const struct facts *f, enum need need)
{
	return need == NEED_NOTHING || (f->known && (need == NEED_MAILBOX || f->clock_doubt[0] == '\0'));
}

static void
ask(const struct gate *g, const struct facts *f, size_t i, bool told, struct gate_finding *out)
{
	/* Nine texts a decision, of which one is told at most: not cleared, only emptied. */
	out->test = tests[i].name;
	out->reason = "ok";
	out->verdict = GATE_ALLOW;
	out->skipped = false;
	out->told = told;
	out->retry_at_ms = 0;
	out->message[0] = '\0';
	if (can_ask(f, tests[i].need)) {
		tests[i].ask(g, f, out);
	} else {
		out->skipped = true;
		say(out, GATE_ALLOW, "ok", "cannot be told");
	}
}

size_t
facts_test(const struct gate *g, const struct facts *f, bool told, struct gate_finding out[GATE_TESTS])
{
	size_t first = GATE_TESTS;

	for (size_t i = 0; i < GATE_TESTS; i++) {
		ask(g, f, i, told, &out[i]);
		if (out[i].verdict != GATE_ALLOW && first == GATE_TESTS)
			first = i;
	}
	/* A skipped test always stands behind the failure that made it so. */
	return first;
}

void
facts_tell(const struct gate *g, const struct facts *f, size_t test, struct gate_finding *out)
{
	ask(g, f, test, true, out);
}

const struct token *
facts_paid(const struct gate *g, const struct facts *f, const struct gate_finding findings[GATE_TESTS])
{
	for (size_t i = 0; i < GATE_TESTS && tests[i].ask != test_budget; i++) {
		if (findings[i].verdict != GATE_ALLOW)
			return NULL;
	}
	return tokens_find(ledger_tokens(&g->ledger, f->seat), &g->rules, f->key, f->now_ms);
}
