/*
 * ledger.c - what is remembered and when it is forgotten, the time, and drafts; each kind of row has a file of its own.
 */
#include "budget/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

/* Some 3, 2, 6 and 1 MB, at worst twice; what grows beyond is forgotten between two transactions. */
#define KEEP_SEATS     8192
#define KEEP_PACES     1024
#define KEEP_STANDINGS 32768
#define KEEP_STRANGERS 8192
#define RETIRE_PLACES  256

void
ledger_list_cut(struct ledger_list *list, size_t n, void (*drop)(void *))
{
	while (list->n > n) {
		list->n--;
		if (drop != NULL)
			drop(list->item[list->n]);
	}
	if (list->kept > n)
		list->kept = n;
}

int
ledger_list_add(struct ledger_list *list, void *item, struct err *err)
{
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
		void **wider = realloc(list->item, cap * sizeof(wider[0]));

		if (wider == NULL)
			return err_nomem(err, "ledger");
		list->item = wider;
		list->cap = cap;
	}
	list->item[list->n++] = item;
	return CR_OK;
}

int
ledger_lend(struct ledger *l, void *p, struct err *err)
{
	int rc = p == NULL ? err_nomem(err, "ledger") : ledger_list_add(&l->lent, p, err);

	if (rc != CR_OK)
		free(p);
	return rc;
}

void
ledger_came(struct ledger *l)
{
	ledger_list_cut(&l->lent, 0, free);
}

void
ledger_forget(struct ledger *l)
{
	ledger_list_cut(&l->spent_seats, 0, NULL);
	ledger_list_cut(&l->spent_paces, 0, NULL);
	ledger_list_cut(&l->sent, 0, free);
	dict_clear(&l->standings, ledger_standing_drop);
	dict_clear(&l->seats, free);
	dict_clear(&l->paces, free);
	dict_clear(&l->strangers, free);
	dict_clear(&l->frozen, free);
	l->has_mark = l->has_anchor = l->has_frozen = l->binding = false;
	l->message++;
}

void
ledger_release(struct ledger *l)
{
	ledger_forget(l);
	closed_release(&l->closed);
	homes_release(&l->homes);
	dict_release(&l->standings, ledger_standing_drop);
	dict_release(&l->seats, free);
	dict_release(&l->paces, free);
	dict_release(&l->strangers, free);
	dict_release(&l->frozen, free);
	dict_release(&l->retired.standings, ledger_standing_drop);
	dict_release(&l->retired.seats, free);
	dict_release(&l->retired.paces, free);
	dict_release(&l->retired.strangers, free);
	free(l->spent_seats.item);
	free(l->spent_paces.item);
	free(l->sent.item);
	ledger_came(l);
	free(l->lent.item);
	*l = (struct ledger){.db = l->db};
}

/* What other gates change too. */
static void
forget_sends(struct ledger *l)
{
	ledger_list_cut(&l->spent_seats, 0, NULL);
	ledger_list_cut(&l->spent_paces, 0, NULL);
	ledger_list_cut(&l->sent, 0, free);
	dict_clear(&l->seats, free);
	dict_clear(&l->paces, free);
	l->message++;
}

/*
 * Outside a transaction nothing points into them.  What is too much goes a few at a time: to free some thousands at once would be felt by
 * one round in a hundred.
 */
static void
retire(struct dict *rows, size_t keep, struct dict *retired, void (*drop)(void *))
{
	if (rows->n > keep) {
		dict_release(retired, drop);
		*retired = *rows;
		*rows = (struct dict){0};
	}
	(void)dict_release_some(retired, RETIRE_PLACES, drop);
}

static void
trim(struct ledger *l)
{
	retire(&l->seats, KEEP_SEATS, &l->retired.seats, free);
	retire(&l->paces, KEEP_PACES, &l->retired.paces, free);
	retire(&l->standings, KEEP_STANDINGS, &l->retired.standings, ledger_standing_drop);
	retire(&l->strangers, KEEP_STRANGERS, &l->retired.strangers, free);
}

/* On a server only what binds all stands from one transaction to the next. */
int
ledger_refresh(struct ledger *l, bool binding, struct err *err)
{
	const bool is_server = db_is_server(l->db);
	uint64_t mark;
	int rc;

	if (l->binding)
		return CR_OK;
	ledger_came(l);
	l->has_server_now = false;
	rc = is_server ? db_mark_binding(l->db, &mark, err) : db_mark(l->db, &mark, err);
	if (rc != CR_OK)
		return rc;
	if (is_server)
		forget_sends(l);
	if (!l->has_mark || mark != l->mark) {
		closed_stale(&l->closed);
		homes_stale(&l->homes);
		ledger_forget(l);
	}
	trim(l);
	l->mark = mark;
	l->has_mark = true;
	l->binding = binding;
	return CR_OK;
}

bool
ledger_remembers(const struct ledger *l, const char *mailbox, const char *recipient)
{
	return l->has_mark && !l->binding && dict_get(&l->seats, mailbox) != NULL &&
	       dict_get(&l->strangers, recipient) != NULL && db_unchanged(l->db, l->mark);
}

int
ledger_server_clock(struct ledger *l, const struct clock *clock, struct clockwork *out, struct err *err)
{
	int64_t now_ms = 0;
	int rc = CR_OK;

	if (l->binding && l->has_server_now) {
		*out = l->server_now;
		return CR_OK;
	}
	if (l->server_now.effective_ms > 0)
		rc = db_now(l->db, &now_ms, err);
	if (rc != CR_OK)
		return rc;
	if (now_ms > 0 && now_ms >= l->server_now.effective_ms)
		*out = (struct clockwork){.effective_ms = now_ms, .is_server = true};
	else if ((rc = clockwork_read(l->db, clock, out, err)) != CR_OK)
		return rc;
	l->server_now = *out;
	l->has_server_now = l->binding;
	return CR_OK;
}

int
ledger_clock(struct ledger *l, const struct clock *clock, struct clockwork *out, struct err *err)
{
	const char *boot_id = clock->boot_id(clock);

	if (db_is_server(l->db))
		return ledger_server_clock(l, clock, out, err);

	/* Of this boot: everything follows from the first reading. */
	if (l->has_anchor && strcmp(l->anchor.boot_id, boot_id) == 0)
		return clockwork_advance(&l->anchor, clock_wall_ms(clock), clock_boot_ms(clock), boot_id, out, err);
	if (l->recalling)
		return CR_ENOTFOUND;
	if (!l->has_anchor) {
		int rc = clockwork_read(l->db, clock, out, err);

		if (rc == CR_OK && !out->is_server && !out->is_new)
			rc = clockwork_stored(l->db, &l->anchor, err);
		l->has_anchor = rc == CR_OK && !out->is_server && !out->is_new;
		return rc;
	}
	return clockwork_read(l->db, clock, out, err);
}

/* ---- one message ---- */

void
ledger_message(struct ledger *l)
{
	l->message++;
	ledger_list_cut(&l->sent, l->sent.kept, free);
	ledger_list_cut(&l->spent_seats, l->spent_seats.kept, NULL);
	ledger_list_cut(&l->spent_paces, l->spent_paces.kept, NULL);
}

const struct tokens *
ledger_tokens(const struct ledger *l, const struct seat *s)
{
	return s->message == l->message ? &s->draft : &s->tokens;
}

const struct pace *
ledger_pace(const struct ledger *l, const struct paced *p)
{
	return p->message == l->message ? &p->draft : &p->pace;
}

static int
add_sent(struct ledger *l, const struct sent *sent, struct err *err)
{
	size_t len = strlen(sent->organisation) + 1;
	struct sent *s = malloc(sizeof(*s) + len);
	int rc;

	if (s == NULL)
		return err_nomem(err, "history");
	*s = *sent;
	s->organisation = memcpy(s + 1, sent->organisation, len);
	rc = ledger_list_add(&l->sent, s, err);
	if (rc != CR_OK)
		free(s);
	return rc;
}

int
ledger_spend(struct ledger *l, const struct tokens_rules *r, struct seat *s, struct paced *p, const struct sent *sent,
             struct err *err)
{
	const struct token t = {.spent_ms = sent->at_ms, .class = sent->class, .key = sent->key};
	int rc = add_sent(l, sent, err);

	if (rc == CR_OK && s->message != l->message && (rc = ledger_list_add(&l->spent_seats, s, err)) == CR_OK) {
		s->draft = s->tokens;
		s->message = l->message;
	}
	if (rc == CR_OK && p != NULL && p->message != l->message &&
	    (rc = ledger_list_add(&l->spent_paces, p, err)) == CR_OK) {
		pace_copy(&p->draft, &p->pace);
		p->message = l->message;
	}
	if (rc != CR_OK)
		return rc;
	tokens_spend(&s->draft, r, &t);
	if (p != NULL)
		pace_spend(&p->draft, sent->at_ms);
	return CR_OK;
}

void
ledger_keep(struct ledger *l)
{
	for (size_t i = l->spent_seats.kept; i < l->spent_seats.n; i++) {
		struct seat *s = l->spent_seats.item[i];

		s->tokens = s->draft;
		s->dirty = true;
	}
	for (size_t i = l->spent_paces.kept; i < l->spent_paces.n; i++) {
		struct paced *p = l->spent_paces.item[i];

		pace_copy(&p->pace, &p->draft);
		p->dirty = true;
	}
	l->spent_seats.kept = l->spent_seats.n;
	l->spent_paces.kept = l->spent_paces.n;
	l->sent.kept = l->sent.n;
	/* The drafts are the truth now: the next message starts from it. */
	l->message++;
}
