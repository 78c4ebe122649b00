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
gate_drop(struct gate **g)
{
	if (*g == NULL)
		return;
	buf_release(&(*g)->peers);
	free(*g);
	*g = NULL;
}

static void
answer_left(const struct gate *g, const struct facts *f, struct gate_answer *a)
{
	if (!f->known || f->clock_doubt[0] != '\0')
		return;
	a->left_outbound = tokens_left(&f->tokens, &g->rules, GATE_OUTBOUND, f->now_ms);
	a->left_warmup = tokens_left(&f->tokens, &g->rules, GATE_WARMUP, f->now_ms);
}

static void
answer_allow(const struct gate *g, const struct facts *f, const struct ticket *t, struct gate_answer *a)
{
	a->verdict = GATE_ALLOW;
	(void)snprintf(a->reason, sizeof(a->reason), "ok");
	if (t != NULL)
		ticket_format(t, a->ticket);
	answer_left(g, f, a);
	(void)snprintf(a->message, sizeof(a->message), "allowed; left in these 24 h: %d outbound, %d warm-up",
	               a->left_outbound, a->left_warmup);
}

/* The moment to ask again is when the last of the waits is over, not the first. */
static void
answer_no(const struct gate *g, const struct facts *f, const struct gate_finding findings[GATE_TESTS], size_t first,
          struct gate_answer *a)
{
	bool known = true;

	a->verdict = findings[first].verdict;
	(void)snprintf(a->reason, sizeof(a->reason), "%s", findings[first].reason);
	(void)snprintf(a->message, sizeof(a->message), "%s", findings[first].message);
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
	(void)snprintf(a->mailbox, sizeof(a->mailbox), "%s", f->mailbox.text);
	(void)snprintf(a->message, sizeof(a->message), "%.255s", err != NULL ? err->text : "");
}

/* One row in order, for people; its number is half of the ticket. */
static int
write_history(struct gate *g, const struct facts *f, struct token *spend, struct err *err)
{
	struct db_rows *rows = NULL;
	uint8_t hash[16];
	char nonce[17];
	bool more = false;
	int rc;

	secret_random_hex(nonce, 8);
	vault_hash(g->vault, "address", f->recipient.text, strlen(f->recipient.text), hash, sizeof(hash));
	rc = db_query(g->db,
	              "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, ticket) "
	              "VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq",
	              DB_ARGS(db_int(f->now_ms), db_text(f->mailbox.text), db_int(f->class),
	                      db_text(f->organisation.text), db_blob(hash, sizeof(hash)), db_text(nonce)),
	              &rows, err);
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && !more)
		rc = err_set(err, CR_ESTORE, "the history row was not written");
	if (rc == CR_OK) {
		spend->ticket.seq = db_col_int(rows, 0);
		spend->ticket.nonce = strtoull(nonce, NULL, 16);
		/* To the end: a statement that still stands would hold up the commit. */
		rc = db_next(rows, &more, err);
	}
	db_rows_drop(&rows);
	return rc;
}

static int
write_slots(struct gate *g, const char *mailbox, const struct tokens *t, struct err *err)
{
	uint8_t packed[TOKENS_PACKED_MAX];
	size_t len = tokens_pack(t, packed);
	int64_t changed = 0;
	int rc = db_exec(g->db, "UPDATE mailbox SET slots = $1 WHERE address = $2",
	                 DB_ARGS(db_blob(packed, len), db_text(mailbox)), &changed, err);

	return rc == CR_OK && changed != 1 ? err_set(err, CR_ESTORE, "the mailbox row of %s is gone", mailbox) : rc;
}

static int
write_pace(struct gate *g, const char *tenant, const char *organisation, const struct pace *p, struct err *err)
{
	uint8_t packed[PACE_PACKED_MAX];
	size_t len = pace_pack(p, packed);

	return db_exec(g->db,
	               "INSERT INTO pace (tenant, organisation, times) VALUES ($1, $2, $3) "
	               "ON CONFLICT (tenant, organisation) DO UPDATE SET times = excluded.times",
	               DB_ARGS(db_text(tenant), db_text(organisation), db_blob(packed, len)), NULL, err);
}

static int
spend(struct gate *g, struct facts *f, const struct clockwork *w, struct ticket *ticket_out, struct err *err)
{
	struct token t = {.spent_ms = f->now_ms, .class = f->class};
	int rc;

	memcpy(t.key, f->key, sizeof(t.key));
	if ((rc = write_history(g, f, &t, err)) != CR_OK)
		return rc;
	tokens_spend(&f->tokens, &g->rules, &t);
	if ((rc = write_slots(g, f->mailbox.text, &f->tokens, err)) != CR_OK)
		return rc;
	if (g->rules.org_per_hour > 0 || g->rules.org_per_day > 0) {
		pace_spend(&f->pace, f->now_ms);
		rc = write_pace(g, f->tenant, f->organisation.text, &f->pace, err);
		if (rc != CR_OK)
			return rc;
	}
	*ticket_out = t.ticket;
	return clockwork_store(g->db, w, err);
}

/* One recipient; in a transaction unless it is a dry run. */
static int
ask_one(struct gate *g, const struct gate_request *q, bool gap_excused, struct gate_finding *findings,
        struct gate_answer *out, struct err *err)
{
	struct facts *f = calloc(1, sizeof(*f));
	const struct token *paid;
	struct clockwork w = {0};
	struct ticket ticket;
	size_t first;
	int rc;

	if (f == NULL)
		return err_nomem(err, "gate");
	f->gap_excused = gap_excused;
	if ((rc = facts_read(g, q, f, err)) != CR_OK || (rc = facts_look(g, f, &w, err)) != CR_OK)
		goto out;
	*out = (struct gate_answer){.class = f->class};
	(void)snprintf(out->mailbox, sizeof(out->mailbox), "%s", f->mailbox.text);
	first = facts_test(f, &g->rules, findings);
	paid = facts_paid(f, &g->rules, findings);
	if (paid != NULL) {
		answer_allow(g, f, &paid->ticket, out);
	} else if (first < GATE_TESTS) {
		answer_no(g, f, findings, first, out);
	} else if (q->dry_run) {
		answer_allow(g, f, NULL, out);
	} else {
		rc = spend(g, f, &w, &ticket, err);
		if (rc == CR_OK)
			answer_allow(g, f, &ticket, out);
	}
	/* Seen once in a boot, the time goes on from here, whatever the wall clock is set to next. */
	if (rc == CR_OK && w.is_new && !q->dry_run && out->verdict != GATE_ALLOW)
		rc = clockwork_store(g->db, &w, err);
out:
	if (rc != CR_OK)
		answer_trouble(f, err, out);
	free(f);
	return rc;
}

int
gate_begin(struct gate *g, struct err *err)
{
	return db_begin(g->db, err);
}

int
gate_commit(struct gate *g, struct err *err)
{
	return db_commit(g->db, err);
}

void
gate_rollback(struct gate *g)
{
	db_rollback(g->db);
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
	bool undo = n > 1;
	int rc = CR_OK;

	assert(n > 0);
	if (undo)
		rc = db_exec(g->db, "SAVEPOINT message", DB_NO_ARGS, NULL, err);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = ask_one(g, &q[i], i > 0, findings, &out[i], err);
		if (rc != CR_OK && rc != CR_EPARSE)
			return rc;
		if (rc == CR_OK && out[i].verdict == GATE_ALLOW)
			continue;
		if (undo && db_exec(g->db, "ROLLBACK TO message", DB_NO_ARGS, NULL, err) != CR_OK)
			return CR_ESTORE;
		refuse_all(out, n, i);
		break;
	}
	if (undo && (rc == CR_OK || rc == CR_EPARSE)) {
		int end = db_exec(g->db, "RELEASE message", DB_NO_ARGS, NULL, rc == CR_OK ? err : NULL);

		if (rc == CR_OK)
			rc = end;
		else if (end != CR_OK)
			return err_set(err, CR_ESTORE, "a message could not be taken back");
	}
	return rc;
}

int
gate_ask(struct gate *g, const struct gate_request *q, struct gate_answer *out, struct err *err)
{
	struct facts nobody = {0};
	struct gate_finding findings[GATE_TESTS];
	int rc;

	answer_trouble(&nobody, NULL, out);
	if (q->dry_run)
		return ask_one(g, q, false, findings, out, err);
	if ((rc = db_begin(g->db, err)) == CR_OK) {
		rc = ask_one(g, q, false, findings, out, err);
		if (rc != CR_OK)
			db_rollback(g->db);
		else if ((rc = db_commit(g->db, err)) != CR_OK)
			answer_trouble(&nobody, err, out);
	}
	return rc;
}

int
gate_explain(struct gate *g, const struct gate_request *q, struct gate_finding findings_out[GATE_TESTS],
             struct gate_answer *answer_out, struct err *err)
{
	struct gate_request dry = *q;

	dry.dry_run = true;
	return ask_one(g, &dry, false, findings_out, answer_out, err);
}

int
gate_knows(struct gate *g, const char *address, bool *known_out, struct err *err)
{
	int64_t known = 0;
	int rc = db_get_int(g->db, "SELECT 1 FROM mailbox WHERE address = $1", DB_ARGS(db_text(address)), 0, &known,
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
find_ticket(struct gate *g, const struct ticket *t, struct spent_at *out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	const void *slots;
	size_t len;
	int rc = db_query(g->db,
	                  "SELECT h.mailbox, d.tenant, h.organisation, m.slots FROM history h "
	                  "JOIN mailbox m ON m.address = h.mailbox JOIN domain d ON d.name = m.domain WHERE h.seq = $1",
	                  DB_ARGS(db_int(t->seq)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && !more)
		rc = err_set(err, CR_ENOTFOUND, "no such ticket");
	if (rc == CR_OK) {
		(void)snprintf(out->mailbox, sizeof(out->mailbox), "%s", db_col_text(rows, 0));
		(void)snprintf(out->tenant, sizeof(out->tenant), "%s", db_col_text(rows, 1));
		(void)snprintf(out->organisation, sizeof(out->organisation), "%s", db_col_text(rows, 2));
		slots = db_col_blob(rows, 3, &len);
		rc = tokens_unpack(slots, len, &out->tokens, err);
	}
	db_rows_drop(&rows);
	return rc;
}

static int
release_pace(struct gate *g, const struct spent_at *at, int64_t spent_ms, struct err *err)
{
	struct facts *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return err_nomem(err, "gate");
	(void)snprintf(f->tenant, sizeof(f->tenant), "%s", at->tenant);
	(void)snprintf(f->organisation.text, sizeof(f->organisation.text), "%s", at->organisation);
	rc = facts_look_at_pace(g, f, err);
	if (rc == CR_OK) {
		pace_release(&f->pace, spent_ms);
		rc = write_pace(g, at->tenant, at->organisation, &f->pace, err);
	}
	free(f);
	return rc;
}

static int
release_in(struct gate *g, const struct ticket *t, struct err *err)
{
	struct audit_entry line = {.actor = audit_actor(), .action = "send.release"};
	struct spent_at at = {0};
	struct token gone;
	int64_t now_ms;
	int rc;

	if ((rc = gate_now(g, &now_ms, err)) != CR_OK || (rc = find_ticket(g, t, &at, err)) != CR_OK)
		return rc;
	if (!tokens_release(&at.tokens, &g->rules, t, now_ms, &gone))
		return err_set(err, CR_ENOTFOUND, "no such ticket, or its 24 hours are over");
	if ((rc = write_slots(g, at.mailbox, &at.tokens, err)) != CR_OK ||
	    (rc = release_pace(g, &at, gone.spent_ms, err)) != CR_OK)
		return rc;
	rc = db_exec(g->db, "UPDATE history SET released_ms = $1 WHERE seq = $2",
	             DB_ARGS(db_int(now_ms), db_int(t->seq)), NULL, err);
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
	rc = db_begin(g->db, err);
	if (rc != CR_OK)
		return rc;
	rc = release_in(g, &t, err);
	return db_end(g->db, rc, err);
}
