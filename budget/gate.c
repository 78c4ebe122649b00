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

#define HISTORY_SLACK_MS 5000

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

/* Which spend it is says nothing to whoever was not told: a hash under a key of ours. */
static void
ticket_of(const struct gate *g, int64_t mailbox, const struct token *t, struct ticket *out)
{
	const struct {
		int64_t mailbox, spent_ms;
		uint64_t key;
	} of = {mailbox, t->spent_ms, t->key};

	*out = (struct ticket){.mailbox = mailbox, .proof = secret_short_hash(g->ticket_key, &of, sizeof(of))};
}

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

/* spend: NULL, nothing was charged. */
static void
answer_allow(const struct gate *g, const struct facts *f, const struct token *spend, struct gate_answer *a)
{
	struct ticket t;

	a->verdict = GATE_ALLOW;
	buf_copy_text(a->reason, sizeof(a->reason), "ok");
	if (spend != NULL) {
		ticket_of(g, f->seat->id, spend, &t);
		ticket_format(&t, a->ticket);
	}
	answer_left(g, f, a);
	tell_left(a);
}

/* The moment to ask again is when the last of the waits is over, not the first. */
static void
answer_no(const struct gate *g, const struct facts *f, struct gate_finding findings[GATE_TESTS], size_t first,
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

static void
answer_trouble(const struct facts *f, const struct err *err, struct gate_answer *a)
{
	*a = (struct gate_answer){.verdict = GATE_WAIT, .class = f->class};
	(void)snprintf(a->reason, sizeof(a->reason), "store");
	(void)snprintf(a->mailbox, sizeof(a->mailbox), "%s", f->words->mailbox.text);
	(void)snprintf(a->message, sizeof(a->message), "%.255s", err != NULL ? err->text : "");
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
		answer_trouble(&f, err, out);
		return rc;
	}
	*out = (struct gate_answer){.class = f.class};
	buf_copy_text(out->mailbox, sizeof(out->mailbox), f.words->mailbox.text);
	first = facts_test(g, &f, told, findings);
	paid = facts_paid(g, &f, findings);
	if (paid != NULL) {
		answer_allow(g, &f, paid, out);
	} else if (first < GATE_TESTS) {
		answer_no(g, &f, findings, first, out);
	} else if (q->dry_run) {
		answer_allow(g, &f, NULL, out);
	} else {
		rc = spend(g, &f, &t, err);
		if (rc == CR_OK)
			answer_allow(g, &f, &t, out);
		else
			answer_trouble(&f, err, out);
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
	answer_trouble(&nobody, NULL, out);
	if (q->dry_run)
		return ask_one(g, q, false, false, findings, out, err);
	do
		rc = ask_once(g, q, out, err);
	while (rc == CR_ERETRY && db_again(g->db));
	/* Whatever it was going to be: it does not hold. */
	if (rc != CR_OK && (strcmp(out->reason, "store") != 0 || out->message[0] == '\0'))
		answer_trouble(&nobody, err, out);
	return rc;
}

/* What can be read of the questions; what cannot will be told when it is asked. */
struct expected {
	const struct gate_words **words;
	struct gate_words *own;    /* of those that nobody has read yet */
	const char **text, **more; /* scratch for lists of the above */
	size_t n;
};

static void
expected_release(struct expected *e)
{
	free(e->words);
	free(e->own);
	free(e->text);
	free(e->more);
}

static int
expected_open(struct expected *e, const struct gate_request *q, size_t n, struct err *err)
{
	size_t unread = 0;

	for (size_t i = 0; i < n; i++)
		unread += q[i].words == NULL;
	e->words = malloc(n * sizeof(e->words[0]));
	e->text = malloc(n * sizeof(e->text[0]));
	e->more = malloc(n * sizeof(e->more[0]));
	e->own = unread > 0 ? malloc(unread * sizeof(e->own[0])) : NULL;
	if (e->words == NULL || e->text == NULL || e->more == NULL || (unread > 0 && e->own == NULL))
		return err_nomem(err, "gate");
	return CR_OK;
}

static int
expected_read(const struct gate *g, struct expected *e, const struct gate_request *q, size_t n, struct err *err)
{
	size_t used = 0;
	int rc = expected_open(e, q, n, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		if (q[i].words != NULL)
			e->words[e->n++] = q[i].words;
		else if (gate_read(g, q[i].mailbox, q[i].recipient, &e->own[used], NULL) == CR_OK)
			e->words[e->n++] = &e->own[used++];
	}
	return rc;
}

static int
expect_paces(struct gate *g, struct expected *e, struct err *err)
{
	size_t n = 0;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < e->n; i++) {
		const struct standing *home;

		rc = ledger_standing(&g->ledger, e->words[i]->mailbox.domain, &home, err);
		if (rc != CR_OK || !home->known)
			continue;
		e->text[n] = home->tenant;
		e->more[n++] = e->words[i]->organisation.text;
	}
	return rc == CR_OK && n > 0 ? ledger_expect_paces(&g->ledger, e->text, e->more, n, g->clock, err) : rc;
}

static int
expect_all(struct gate *g, struct expected *e, struct err *err)
{
	int rc;

	for (size_t i = 0; i < e->n; i++)
		e->text[i] = e->words[i]->mailbox.domain;
	if ((rc = ledger_expect_standings(&g->ledger, e->text, e->n, err)) != CR_OK)
		return rc;
	for (size_t i = 0; i < e->n; i++) {
		e->text[i] = e->words[i]->mailbox.text;
		e->more[i] = e->words[i]->recipient.text;
	}
	if ((rc = ledger_expect_seats(&g->ledger, e->text, e->n, err)) != CR_OK ||
	    (rc = ledger_expect_strangers(&g->ledger, e->more, e->n, err)) != CR_OK ||
	    (g->rules.org_per_hour <= 0 && g->rules.org_per_day <= 0))
		return rc;
	return expect_paces(g, e, err);
}

int
gate_expect(struct gate *g, const struct gate_request *q, size_t n, struct err *err)
{
	struct expected e = {0};
	int rc;

	if (n == 0)
		return CR_OK;
	rc = expected_read(g, &e, q, n, err);
	if (rc == CR_OK && e.n > 0)
		rc = expect_all(g, &e, err);
	expected_release(&e);
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

int
gate_now(struct gate *g, int64_t *now_ms_out, struct err *err)
{
	struct clockwork w;
	int rc = clockwork_read(g->db, g->clock, &w, err);

	if (rc == CR_OK)
		*now_ms_out = w.effective_ms;
	return rc;
}

/* Where the ticket was spent; the slots decide whether it is still alive. */
struct spent_at {
	char mailbox[ADDRESS_MAX], tenant[256], organisation[256];
	struct tokens tokens;
};

static int
find_mailbox(struct gate *g, const struct ticket *t, struct spent_at *out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	const void *slots;
	size_t len;
	int rc = db_query(g->db,
	                  "SELECT m.address, d.tenant, s.slots FROM mailbox m JOIN spent s ON s.mailbox = m.id "
	                  "JOIN domain d ON d.name = m.domain WHERE m.id = $1",
	                  DB_ARGS(db_int(t->mailbox)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && !more)
		rc = err_set(err, CR_ENOTFOUND, "no such ticket");
	if (rc == CR_OK) {
		(void)snprintf(out->mailbox, sizeof(out->mailbox), "%s", db_col_text(rows, 0));
		(void)snprintf(out->tenant, sizeof(out->tenant), "%s", db_col_text(rows, 1));
		slots = db_col_blob(rows, 2, &len);
		rc = tokens_unpack(slots, len, &out->tokens, err);
	}
	db_rows_drop(&rows);
	return rc;
}

/* Its live spend, taken out of the slots. */
static int
take_spend(const struct gate *g, const struct ticket *t, int64_t now_ms, struct spent_at *at, struct token *out,
           struct err *err)
{
	for (size_t i = 0; i < at->tokens.n; i++) {
		struct ticket of;

		ticket_of(g, t->mailbox, &at->tokens.slot[i], &of);
		if (of.proof != t->proof || !tokens_is_live(&at->tokens.slot[i], &g->rules, now_ms))
			continue;
		*out = at->tokens.slot[i];
		tokens_remove(&at->tokens, i);
		return CR_OK;
	}
	return err_set(err, CR_ENOTFOUND, "no such ticket, or its 24 hours are over");
}

static int
first_from(struct gate *g, int64_t seq, int64_t *seq_out, int64_t *at_ms_out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	int rc = db_query(g->db, "SELECT seq, at_ms FROM history WHERE seq >= $1 ORDER BY seq LIMIT 1",
	                  DB_ARGS(db_int(seq)), &rows, err);

	*seq_out = *at_ms_out = INT64_MAX;
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && more) {
		*seq_out = db_col_int(rows, 0);
		*at_ms_out = db_col_int(rows, 1);
	}
	db_rows_drop(&rows);
	return rc;
}

/*
 * The history has no index but its order, which is that of time: halved until the row is found.  Gates on several machines can
 * swap rows of a moment, so the search ends a little early.
 */
static int
find_seq(struct gate *g, int64_t at_ms, int64_t *out, struct err *err)
{
	int64_t low = 0, high = 0, seq, seen_ms;
	int rc = db_get_int(g->db, "SELECT MAX(seq) FROM history", DB_NO_ARGS, 0, &high, err);

	while (rc == CR_OK && low < high) {
		int64_t middle = low + (high - low) / 2;

		rc = first_from(g, middle, &seq, &seen_ms, err);
		if (seen_ms < at_ms - HISTORY_SLACK_MS)
			low = seq + 1;
		else
			high = middle;
	}
	*out = low;
	return rc;
}

/* Who it went to: only the history still knows. */
static int
find_organisation(struct gate *g, int64_t mailbox, const struct token *spent, struct spent_at *at, struct err *err)
{
	char *organisation = NULL;
	int64_t from;
	int rc = find_seq(g, spent->spent_ms, &from, err);

	if (rc == CR_OK)
		rc = db_get_text(
			g->db,
			"SELECT organisation FROM history WHERE seq >= $1 AND mailbox = $2 AND request = $3 "
			"AND at_ms = $4 ORDER BY seq LIMIT 1",
			DB_ARGS(db_int(from), db_int(mailbox), db_int((int64_t)spent->key), db_int(spent->spent_ms)),
			&organisation, err);
	if (rc == CR_OK && organisation != NULL)
		(void)snprintf(at->organisation, sizeof(at->organisation), "%s", organisation);
	free(organisation);
	return rc;
}

static int
release_pace(struct gate *g, const struct spent_at *at, int64_t spent_ms, struct err *err)
{
	struct paced *p;
	uint8_t packed[PACE_PACKED_MAX];
	size_t len;
	int rc;

	if (at->organisation[0] == '\0')
		return CR_OK;
	rc = ledger_paced(&g->ledger, at->tenant, at->organisation, &p, err);
	if (rc != CR_OK)
		return rc;
	pace_release(&p->pace, spent_ms);
	len = pace_pack(&p->pace, packed);
	return db_exec(g->db, "UPDATE pace SET times = $1 WHERE tenant = $2 AND organisation = $3",
	               DB_ARGS(db_blob(packed, len), db_text(at->tenant), db_text(at->organisation)), NULL, err);
}

/*
 * A ticket names the millisecond of its spend.  Given back within it, the token could be spent again under the same name; so it is
 * given back when that millisecond is over.
 */
static int
wait_past(struct gate *g, int64_t spent_ms, int64_t *now_ms, struct err *err)
{
	int rc = CR_OK;

	for (int i = 0; rc == CR_OK && *now_ms <= spent_ms; i++) {
		if (i == 100)
			return err_set(err, CR_ERETRY, "the clock stands still");
		clock_sleep_ms(g->clock, 1);
		rc = gate_now(g, now_ms, err);
	}
	return rc;
}

static int
release_in(struct gate *g, const struct ticket *t, struct err *err)
{
	struct audit_entry line = {.actor = audit_actor(), .action = "send.release"};
	struct spent_at at = {0};
	uint8_t packed[TOKENS_PACKED];
	struct token gone = {0};
	int64_t now_ms;
	int rc;

	if ((rc = gate_now(g, &now_ms, err)) != CR_OK || (rc = find_mailbox(g, t, &at, err)) != CR_OK ||
	    (rc = take_spend(g, t, now_ms, &at, &gone, err)) != CR_OK ||
	    (rc = wait_past(g, gone.spent_ms, &now_ms, err)) != CR_OK ||
	    (rc = find_organisation(g, t->mailbox, &gone, &at, err)) != CR_OK ||
	    (rc = release_pace(g, &at, gone.spent_ms, err)) != CR_OK)
		return rc;
	tokens_pack(&at.tokens, packed);
	rc = db_exec(g->db, "UPDATE spent SET slots = $1 WHERE mailbox = $2",
	             DB_ARGS(db_blob(packed, sizeof(packed)), db_int(t->mailbox)), NULL, err);
	if (rc == CR_OK)
		rc = db_exec(
			g->db, "INSERT INTO released (mailbox, spent_ms, request, released_ms) VALUES ($1, $2, $3, $4)",
			DB_ARGS(db_int(t->mailbox), db_int(gone.spent_ms), db_int((int64_t)gone.key), db_int(now_ms)),
			NULL, err);
	line.at_ms = now_ms;
	line.subject = at.mailbox;
	return rc == CR_OK ? audit_append(g->db, g->vault, &line, err) : rc;
}

int
gate_release(struct gate *g, const char *ticket, struct err *err)
{
	struct ticket t;
	int rc = ticket_parse(ticket, &t, NULL);

	if (rc != CR_OK)
		return err_set(err, CR_ENOTFOUND, "no such ticket: '%s'", ticket);
	do {
		rc = db_begin(g->db, err);
		if (rc != CR_OK)
			return rc;
		ledger_forget(&g->ledger);
		rc = release_in(g, &t, err);
		ledger_forget(&g->ledger);
		rc = db_end(g->db, rc, err);
	} while (rc == CR_ERETRY && db_again(g->db));
	return rc;
}
