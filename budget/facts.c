/*
 * facts.c - read what a decision rests on: the question, the rows, the time.
 */
#include "budget/facts.h"

#include "budget/suppress.h"

#include <assert.h>
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

void
facts_clear(struct facts *f)
{
	f->own_words.mailbox.text[0] = f->own_words.recipient.text[0] = f->own_words.organisation.text[0] = '\0';
	f->words = &f->own_words;
	f->closed_by[0] = f->clock_doubt[0] = '\0';
	f->class = GATE_OUTBOUND;
	f->key = 0;
	f->standing = NULL;
	f->seat = NULL;
	f->paced = NULL;
	f->known = f->gap_excused = false;
	f->now_ms = f->wall_ahead_ms = 0;
	f->clock = (struct clockwork){0};
	memset(f->recipient_hash, 0, sizeof(f->recipient_hash));
}

/* Message id and recipient together: the same id to somebody else is another send.  Without an id, what nobody can ask for again. */
static int
request_key(const struct gate *g, const char *message_id, const char *recipient, uint64_t *out, struct err *err)
{
	const size_t to_len = strlen(recipient);
	const uint32_t id_len = message_id != NULL ? (uint32_t)strlen(message_id) : 0;
	char few[512];
	struct buf b = {0};
	int rc;

	if (message_id == NULL) {
		*out = secret_random_u64();
		return CR_OK;
	}
	if (sizeof(id_len) + id_len + to_len + 1 <= sizeof(few)) {
		/* Each with its NUL, which the next one takes the place of. */
		memcpy(few, &id_len, sizeof(id_len));
		memcpy(few + sizeof(id_len), message_id, id_len + 1);
		memcpy(few + sizeof(id_len) + id_len, recipient, to_len + 1);
		*out = secret_short_hash(g->request_key, few, sizeof(id_len) + id_len + to_len);
		return CR_OK;
	}
	buf_add(&b, &id_len, sizeof(id_len));
	buf_adds(&b, message_id);
	buf_adds(&b, recipient);
	rc = buf_check(&b, "request key", err);
	if (rc == CR_OK)
		*out = secret_short_hash(g->request_key, b.data, b.len);
	buf_release(&b);
	return rc;
}

int
gate_read(const struct gate *g, const char *mailbox, const char *recipient, struct gate_words *out, struct err *err)
{
	int rc;

	if ((rc = address_parse(mailbox, &out->mailbox, err)) != CR_OK ||
	    (rc = address_parse(recipient, &out->recipient, err)) != CR_OK)
		return rc;
	organisations_of(&g->organisations, out->recipient.domain, &out->organisation);
	vault_hash(g->vault, "address", out->recipient.text, strlen(out->recipient.text), out->recipient_hash,
	           sizeof(out->recipient_hash));
	out->has_hash = true;
	return CR_OK;
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

int
facts_read(const struct gate *g, const struct gate_request *q, struct facts *f, struct err *err)
{
	int rc;

	f->words = q->words != NULL ? q->words : &f->own_words;
	if (q->words == NULL && (rc = gate_read(g, q->mailbox, q->recipient, &f->own_words, err)) != CR_OK)
		return rc;
	return request_key(g, q->message_id, f->words->recipient.text, &f->key, err);
}

/* Warm-up is a send to a mailbox of this installation or to a declared peer; everything else is outbound. */
static int
look_at_class(struct gate *g, struct facts *f, struct stranger **stranger_out, struct err *err)
{
	bool ours = is_peer(g, &f->words->recipient);
	int rc = ours ? CR_OK : ledger_is_ours(&g->ledger, f->words->recipient.text, &ours, stranger_out, err);

	f->class = ours ? GATE_WARMUP : GATE_OUTBOUND;
	return rc;
}

static int
look_at_suppression(struct gate *g, struct facts *f, struct err *err)
{
	bool closed = false;
	const char *names[ORGANISATION_NAMES + 1];
	int rc;

	if (g->ledger.recalling && !g->ledger.closed.current)
		return CR_ENOTFOUND;
	rc = closed_refresh(&g->ledger.closed, g->db, err);
	organisations_names(&g->organisations, f->words->organisation.text, names);
	if (rc == CR_OK)
		rc = suppress_test_hashed(g->db, &g->ledger.closed, f->standing->tenant, f->recipient_hash,
		                          f->words->recipient.domain, names, &closed, f->closed_by, err);

	if (rc == CR_OK && closed && f->closed_by[0] == '\0')
		(void)snprintf(f->closed_by, sizeof(f->closed_by), "listed");
	return rc;
}

static int
look_at_clock(struct gate *g, struct facts *f, struct err *err)
{
	struct err doubt = {0};
	int rc = ledger_clock(&g->ledger, g->clock, &f->clock, &doubt);

	if (rc == CR_ERETRY) {
		(void)snprintf(f->clock_doubt, sizeof(f->clock_doubt), "%.255s", doubt.text);
		return CR_OK;
	}
	if (rc != CR_OK)
		return err_set(err, rc, "%s", doubt.text);
	f->now_ms = f->clock.effective_ms;
	f->wall_ahead_ms = f->clock.is_server ? 0 : clock_wall_ms(g->clock) - f->now_ms;
	return CR_OK;
}

/* Made when the words were read; or, of words that memory had, remembered with them. */
static void
hash_recipient(const struct gate *g, struct facts *f, struct stranger *stranger)
{
	static_assert(sizeof(stranger->hash) == sizeof(f->recipient_hash), "one hash");

	if (f->words->has_hash)
		memcpy(f->recipient_hash, f->words->recipient_hash, sizeof(f->recipient_hash));
	else if (stranger != NULL && stranger->has_hash)
		memcpy(f->recipient_hash, stranger->hash, sizeof(f->recipient_hash));
	else
		vault_hash(g->vault, "address", f->words->recipient.text, strlen(f->words->recipient.text),
		           f->recipient_hash, sizeof(f->recipient_hash));
	if (stranger != NULL && !stranger->has_hash) {
		memcpy(stranger->hash, f->recipient_hash, sizeof(stranger->hash));
		stranger->has_hash = true;
	}
}

int
facts_look(struct gate *g, struct facts *f, struct err *err)
{
	struct stranger *stranger = NULL;
	int rc;

	if ((rc = ledger_standing(&g->ledger, f->words->mailbox.domain, &f->standing, err)) != CR_OK ||
	    (rc = ledger_seat(&g->ledger, f->words->mailbox.text, &f->seat, err)) != CR_OK ||
	    (rc = look_at_class(g, f, &stranger, err)) != CR_OK || (rc = look_at_clock(g, f, err)) != CR_OK)
		return rc;
	f->known = f->standing->known && f->seat->id != 0;
	if (!f->known)
		return CR_OK;
	hash_recipient(g, f, stranger);
	rc = look_at_suppression(g, f, err);
	if (rc == CR_OK && (g->rules.org_per_hour > 0 || g->rules.org_per_day > 0))
		rc = ledger_paced(&g->ledger, f->standing->tenant, f->words->organisation.text, &f->paced, err);
	return rc;
}
