/*
 * gate.c - gather the facts, ask the tests, write the spend; and only after the commit say allow.
 *
 * One transaction an answer, under the store's write lock, with the time read after the lock was won: what waited in line does
 * not decide with an old clock.  A "no" writes nothing.
 */
#include "budget/gate.h"

#include "budget/facts.h"

#include "core/audit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
rules_from(const struct gate_limits *l, struct tokens_rules *out, struct err *err)
{
	if (l->total_per_day < 0 || l->total_per_day > GATE_TOTAL_PER_DAY || l->outbound_per_day < 0 ||
	    l->outbound_per_day > GATE_OUTBOUND_PER_DAY || l->warmup_per_day < 0 ||
	    l->warmup_per_day > GATE_WARMUP_PER_DAY)
		return err_set(err, CR_ECONFIG,
		               "limits can be lowered, never raised above %d a day (%d outbound, %d warm-up)",
		               GATE_TOTAL_PER_DAY, GATE_OUTBOUND_PER_DAY, GATE_WARMUP_PER_DAY);
	if (l->org_per_hour < 0 || l->org_per_hour > PACE_MAX || l->org_per_day < 0 || l->org_per_day > PACE_MAX ||
	    l->mailbox_gap_s < 0 || l->mailbox_gap_s > 86400 || l->queue_lifetime_s < 0 ||
	    l->queue_lifetime_s > (int64_t)30 * 86400)
		return err_set(err, CR_ECONFIG, "a pace or the queue lifetime is out of range");
	*out = (struct tokens_rules){
		.total = l->total_per_day,
		.per_class = {[GATE_OUTBOUND] = l->outbound_per_day, [GATE_WARMUP] = l->warmup_per_day},
		.window_ms = GATE_WINDOW_MS + l->queue_lifetime_s * 1000,
		.gap_ms = l->mailbox_gap_s * 1000,
		.org_per_hour = l->org_per_hour,
		.org_per_day = l->org_per_day,
	};
	return CR_OK;
}

static int
add_peer(struct buf *peers, const char *text, struct err *err)
{
	struct address a;
	struct name n;
	int rc;

	if (strchr(text, '@') != NULL) {
		rc = address_parse(text, &a, err);
		if (rc == CR_OK)
			buf_add(peers, a.text, strlen(a.text) + 1);
	} else {
		rc = name_parse_host(text, &n, err);
		if (rc == CR_OK)
			buf_add(peers, n.text, strlen(n.text) + 1);
	}
	if (rc == CR_EPARSE) {
		(void)err_wrap(err, "warm-up peer");
		if (err != NULL)
			err->code = CR_ECONFIG;
		return CR_ECONFIG;
	}
	return rc;
}

int
gate_open(struct db *db, const struct vault *v, const struct clock *clock, const struct gate_limits *limits,
          const char *const *peers, struct gate **out, struct err *err)
{
	struct gate *g = calloc(1, sizeof(*g));
	int rc;

	if (g == NULL)
		return err_nomem(err, "gate");
	g->db = db;
	g->vault = v;
	g->clock = clock;
	g->ledger.db = db;
	g->ledger.history_keep_ms =
		(limits->history_days > 0 ? limits->history_days : GATE_HISTORY_DAYS) * (int64_t)86400000;
	vault_hash(v, "gate request", "", 0, g->request_key, sizeof(g->request_key));
	vault_hash(v, "gate ticket", "", 0, g->ticket_key, sizeof(g->ticket_key));
	rc = rules_from(limits, &g->rules, err);
	for (size_t i = 0; rc == CR_OK && peers != NULL && peers[i] != NULL; i++)
		rc = add_peer(&g->peers, peers[i], err);
	if (rc == CR_OK)
		rc = buf_check(&g->peers, "warm-up peers", err);
	if (rc == CR_OK)
		*out = TAKE(g);
	gate_drop(&g);
	return rc;
}

void
gate_organisations_take(struct gate *g, struct organisations *o)
{
	organisations_release(&g->organisations);
	g->organisations = *o;
	*o = (struct organisations){0};
}

void
gate_drop(struct gate **g)
{
	if (*g == NULL)
		return;
	organisations_release(&(*g)->organisations);
	buf_release(&(*g)->peers);
	ledger_release(&(*g)->ledger);
	free(*g);
	*g = NULL;
}

static int
spend(struct gate *g, const struct facts *f, struct token *out, struct err *err)
{
	struct sent sent = {
		.at_ms = f->now_ms,
		.mailbox = f->seat->id,
		.class = f->class,
		.key = f->key,
		.organisation = f->words->organisation.text,
	};

	memcpy(sent.recipient_hash, f->recipient_hash, sizeof(sent.recipient_hash));
	*out = (struct token){.spent_ms = f->now_ms, .class = f->class, .key = f->key};
	return ledger_spend(&g->ledger, &g->rules, f->seat, f->paced, &sent, err);
}

static void
start_answer(const struct facts *f, struct gate_answer *out)
{
	*out = (struct gate_answer){.class = f->class};
	buf_copy_text(out->mailbox, sizeof(out->mailbox), f->words->mailbox.text);
}

/* told: the findings are wanted with their texts. */
static int
ask_one(struct gate *g, const struct gate_request *q, bool gap_excused, bool told,
        struct gate_finding findings[GATE_TESTS], struct gate_answer *out, struct err *err)
{
	struct facts f;
	const struct token *paid;
	struct token t;
	size_t first;
	int rc;

	facts_clear(&f);
	f.gap_excused = gap_excused;
	if ((rc = facts_read(g, q, &f, err)) != CR_OK || (rc = ledger_refresh(&g->ledger, false, err)) != CR_OK ||
	    (rc = facts_look(g, &f, err)) != CR_OK) {
		gate_answer_trouble(&f, err, out);
		return rc;
	}
	start_answer(&f, out);
	first = facts_test(g, &f, told, findings);
	paid = facts_paid(g, &f, findings);
	if (paid != NULL) {
		gate_answer_allow(g, &f, paid, out);
	} else if (first < GATE_TESTS) {
		gate_answer_no(g, &f, findings, first, out);
	} else if (q->dry_run) {
		gate_answer_allow(g, &f, NULL, out);
	} else {
		rc = spend(g, &f, &t, err);
		if (rc == CR_OK)
			gate_answer_allow(g, &f, &t, out);
		else
			gate_answer_trouble(&f, err, out);
	}
	/*
	 * Seen once in a boot, the time goes on from here, whatever the wall clock is set to next.  A repeated allow writes it always: a
	 * commit without a write syncs nothing, and the spend it rests on may be that of a process killed in front of its sync.
	 */
	if (rc == CR_OK && !q->dry_run && (f.clock.is_new || paid != NULL)) {
		g->new_clock = f.clock;
		g->has_new_clock = true;
	}
	return rc;
}

bool
gate_remembers(const struct gate *g, const char *mailbox, const char *recipient, struct gate_words *out)
{
	if (!ledger_remembers(&g->ledger, mailbox, recipient))
		return false;
	address_canonical(mailbox, &out->mailbox);
	address_canonical(recipient, &out->recipient);
	organisations_of(&g->organisations, out->recipient.domain, &out->organisation);
	out->has_hash = false;
	return true;
}

/*
 * A sender that is told to wait comes back, some of them at once and for hours: most of all questions of a bad day.  A no writes nothing, so
 * it needs neither the lock nor a round.
 */
bool
gate_recall(struct gate *g, const struct gate_request *q, struct gate_answer *out)
{
	struct gate_finding findings[GATE_TESTS];
	struct facts f;
	size_t first;
	bool known;

	facts_clear(&f);
	g->ledger.recalling = true;
	known = facts_read(g, q, &f, NULL) == CR_OK && facts_look(g, &f, NULL) == CR_OK;
	g->ledger.recalling = false;
	if (!known)
		return false;
	first = facts_test(g, &f, false, findings);
	if (first == GATE_TESTS || facts_paid(g, &f, findings) != NULL)
		return false;
	start_answer(&f, out);
	gate_answer_no(g, &f, findings, first, out);
	return true;
}

int
gate_begin(struct gate *g, struct err *err)
{
	int rc = db_begin_shared(g->db, err);

	if (rc != CR_OK)
		return rc;
	g->has_new_clock = false;
	rc = ledger_refresh(&g->ledger, true, err);
	if (rc != CR_OK)
		gate_rollback(g);
	return rc;
}

int
gate_commit(struct gate *g, struct err *err)
{
	int rc = ledger_write(&g->ledger, err);

	if (rc == CR_OK && g->has_new_clock)
		rc = clockwork_store(g->db, &g->new_clock, err);
	rc = db_end(g->db, rc, err);
	if (rc != CR_OK || g->has_new_clock)
		ledger_forget(&g->ledger);
	else
		ledger_written(&g->ledger);
	return rc;
}

void
gate_rollback(struct gate *g)
{
	db_rollback(g->db);
	ledger_forget(&g->ledger);
}

/* One recipient was refused: so are the others, for the same reason. */
static void
refuse_all(struct gate_answer *out, size_t n, size_t why)
{
	for (size_t i = 0; i < n; i++) {
		enum gate_class class = out[i].class;

		if (i != why)
			out[i] = out[why];
		if (i < why)
			out[i].class = class;
	}
}

int
gate_ask_in(struct gate *g, const struct gate_request *q, size_t n, struct gate_answer *out, struct err *err)
{
	struct gate_finding findings[GATE_TESTS];
	int rc = n > 1 ? gate_expect(g, q, n, err) : CR_OK;

	assert(n > 0);
	ledger_message(&g->ledger);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = ask_one(g, &q[i], i > 0, false, findings, &out[i], err);
		if (rc == CR_OK && out[i].verdict == GATE_ALLOW)
			continue;
		refuse_all(out, n, i);
		/* Nothing of this message was written, nor will be. */
		ledger_message(&g->ledger);
		return rc;
	}
	if (rc == CR_OK)
		ledger_keep(&g->ledger);
	return rc;
}

static int
ask_once(struct gate *g, const struct gate_request *q, struct gate_answer *out, struct err *err)
{
	int rc = gate_begin(g, err);

	if (rc != CR_OK)
		return rc;
	rc = gate_ask_in(g, q, 1, out, err);
	if (rc == CR_OK)
		return gate_commit(g, err);
	gate_rollback(g);
	return rc;
}

int
gate_ask(struct gate *g, const struct gate_request *q, struct gate_answer *out, struct err *err)
{
	struct facts nobody;
	struct gate_finding findings[GATE_TESTS];
	int rc;

	facts_clear(&nobody);
	gate_answer_trouble(&nobody, NULL, out);
	if (q->dry_run)
		return ask_one(g, q, false, false, findings, out, err);
	do
		rc = ask_once(g, q, out, err);
	while (rc == CR_ERETRY && db_again(g->db));
	/* Whatever it was going to be: it does not hold. */
	if (rc != CR_OK && (strcmp(out->reason, "store") != 0 || out->message[0] == '\0'))
		gate_answer_trouble(&nobody, err, out);
	return rc;
}

int
gate_explain(struct gate *g, const struct gate_request *q, struct gate_finding findings_out[GATE_TESTS],
             struct gate_answer *answer_out, struct err *err)
{
	struct gate_request dry = *q;

	dry.dry_run = true;
	return ask_one(g, &dry, false, true, findings_out, answer_out, err);
}

int
gate_knows(struct gate *g, const char *address, bool *known_out, struct err *err)
{
	struct seat *seat;
	int64_t known = 1;
	int rc = ledger_refresh(&g->ledger, false, err);

	/* Most are, and are about to be asked for. */
	if (rc == CR_OK)
		rc = ledger_seat(&g->ledger, address, &seat, err);
	if (rc == CR_OK && seat->id == 0)
		rc = db_get_int(g->db, "SELECT 1 FROM mailbox WHERE address = $1", DB_ARGS(db_text(address)), 0, &known,
		                err);
	if (rc == CR_OK)
		*known_out = known != 0;
	return rc;
}
