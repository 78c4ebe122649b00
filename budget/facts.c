/*
 * facts.c - read what a decision rests on: the question, the rows, the time.
 */
#include "budget/facts.h"

#include "budget/suppress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_peer(const struct gate *g, const struct address *a)
{
	for (size_t i = 0; i < g->peers.len; i += strlen(g->peers.data + i) + 1) {
		const char *peer = g->peers.data + i;

		if (strcmp(peer, a->text) == 0 || strcmp(peer, a->domain) == 0)
			return true;
	}
	return false;
}

/* Message id and recipient together: the same id to somebody else is another send. */
static int
request_key(const struct gate *g, const char *message_id, const char *recipient, uint8_t out[TOKENS_KEY_BYTES],
            struct err *err)
{
	struct buf b = {0};
	int rc;

	memset(out, 0, TOKENS_KEY_BYTES);
	if (message_id == NULL)
		return CR_OK;
	buf_addf(&b, "%zu:", strlen(message_id));
	buf_adds(&b, message_id);
	buf_adds(&b, recipient);
	rc = buf_check(&b, "request key", err);
	if (rc == CR_OK)
		vault_hash(g->vault, "request", b.data, b.len, out, TOKENS_KEY_BYTES);
	buf_release(&b);
	return rc;
}

int
facts_read(const struct gate *g, const struct gate_request *q, struct facts *f, struct err *err)
{
	int rc;

	if ((rc = address_parse(q->mailbox, &f->mailbox, err)) != CR_OK ||
	    (rc = address_parse(q->recipient, &f->recipient, err)) != CR_OK ||
	    (rc = request_key(g, q->message_id, f->recipient.text, f->key, err)) != CR_OK)
		return rc;
	name_organisation(f->recipient.domain, &f->organisation);
	return CR_OK;
}

/* The mailbox's domain and every name above it, four a question. */
static int
look_at_primary(struct gate *g, struct facts *f, struct err *err)
{
	const char *n = f->mailbox.domain;
	char *primary = NULL;
	int rc;

	do {
		const char *names[4] = {"", "", "", ""};

		for (size_t i = 0; i < ARRAY_LEN(names) && *n != '\0'; i++, n = name_parent(n))
			names[i] = n;
		rc = db_get_text(g->db, "SELECT primary_domain FROM tenant WHERE primary_domain IN ($1, $2, $3, $4)",
		                 DB_ARGS(db_text(names[0]), db_text(names[1]), db_text(names[2]), db_text(names[3])),
		                 &primary, err);
	} while (rc == CR_OK && primary == NULL && *n != '\0');
	if (rc == CR_OK && primary != NULL)
		(void)snprintf(f->primary, sizeof(f->primary), "%s", primary);
	free(primary);
	return rc;
}

static int
look_at_mailbox(struct gate *g, struct facts *f, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	const void *slots;
	size_t len;
	int rc = db_query(g->db,
	                  "SELECT d.name, d.tenant, d.state, d.cause, d.first_send_ms, t.frozen_cause, m.slots "
	                  "FROM mailbox m JOIN domain d ON d.name = m.domain "
	                  "JOIN tenant t ON t.primary_domain = d.tenant WHERE m.address = $1 AND m.removed_ms = 0",
	                  DB_ARGS(db_text(f->mailbox.text)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc != CR_OK || !more)
		goto out;
	(void)snprintf(f->domain, sizeof(f->domain), "%s", db_col_text(rows, 0));
	(void)snprintf(f->tenant, sizeof(f->tenant), "%s", db_col_text(rows, 1));
	(void)snprintf(f->cause, sizeof(f->cause), "%s", db_col_is_null(rows, 3) ? "" : db_col_text(rows, 3));
	f->first_send_ms = db_col_int(rows, 4);
	f->tenant_frozen = !db_col_is_null(rows, 5);
	rc = domain_state_parse(db_col_text(rows, 2), &f->state, err);
	if (rc == CR_OK) {
		slots = db_col_blob(rows, 6, &len);
		rc = tokens_unpack(slots, len, &f->tokens, err);
	}
	f->known = rc == CR_OK;
out:
	db_rows_drop(&rows);
	return rc;
}

/* Warm-up is a send to a mailbox of this installation or to a declared peer; everything else is outbound. */
static int
look_at_class(struct gate *g, struct facts *f, struct err *err)
{
	int64_t ours = 0;
	int rc = CR_OK;

	if (!is_peer(g, &f->recipient))
		rc = db_get_int(g->db, "SELECT 1 FROM mailbox WHERE address = $1 AND removed_ms = 0",
		                DB_ARGS(db_text(f->recipient.text)), 0, &ours, err);
	else
		ours = 1;
	f->class = ours != 0 ? GATE_WARMUP : GATE_OUTBOUND;
	return rc;
}

int
facts_look_at_pace(struct gate *g, struct facts *f, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	const void *times;
	size_t len;
	int rc = db_query(g->db, "SELECT times FROM pace WHERE tenant = $1 AND organisation = $2",
	                  DB_ARGS(db_text(f->tenant), db_text(f->organisation.text)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && more) {
		times = db_col_blob(rows, 0, &len);
		rc = pace_unpack(times, len, &f->pace, err);
	}
	db_rows_drop(&rows);
	return rc;
}

static int
look_at_clock(struct gate *g, struct facts *f, struct clockwork *w, struct err *err)
{
	struct err doubt = {0};
	int rc = clockwork_read(g->db, g->clock, w, &doubt);

	if (rc == CR_ERETRY) {
		(void)snprintf(f->clock_doubt, sizeof(f->clock_doubt), "%.255s", doubt.text);
		return CR_OK;
	}
	if (rc != CR_OK)
		return err_set(err, rc, "%s", doubt.text);
	f->now_ms = w->effective_ms;
	f->wall_ahead_ms = clock_wall_ms(g->clock) - w->effective_ms;
	return CR_OK;
}

int
facts_look(struct gate *g, struct facts *f, struct clockwork *w, struct err *err)
{
	bool closed = false;
	int rc;

	if ((rc = look_at_primary(g, f, err)) != CR_OK || (rc = look_at_mailbox(g, f, err)) != CR_OK ||
	    (rc = look_at_class(g, f, err)) != CR_OK || (rc = look_at_clock(g, f, w, err)) != CR_OK || !f->known)
		return rc;
	rc = suppress_test(g->db, g->vault, f->tenant, f->recipient.text, &closed, f->closed_by, err);
	if (rc == CR_OK && closed && f->closed_by[0] == '\0')
		(void)snprintf(f->closed_by, sizeof(f->closed_by), "listed");
	if (rc == CR_OK && (g->rules.org_per_hour > 0 || g->rules.org_per_day > 0))
		rc = facts_look_at_pace(g, f, err);
	return rc;
}
