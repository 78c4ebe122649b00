/*
 * gate_release.c - how the token that a ticket names is given back.
 *
 * In a transaction of its own, of the kind that binds all: what was given back is known to every gate at its next decision.
 */
#include "budget/facts.h"
#include "budget/ticket.h"

#include "core/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_SLACK_MS 5000

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

		ticket_of(g->ticket_key, t->mailbox, &at->tokens.slot[i], &of);
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
