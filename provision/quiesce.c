/*
 * quiesce.c - states out of the store, and off or on at the mail hosts.
 *
 * Invariant: states are read under the lock under which they are carried over.
 */
#include "provision/quiesce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/db_path.h"
#include "core/list.h"
#include "core/lock.h"
#include "core/log.h"

/* A domain that stands at its mail host, and whether it may send. */
struct standing {
	char name[256], tenant[256];
	bool off;
};
struct standings {
	struct standing *items;
	size_t n, cap;
};

static int
add_standing(struct standings *all, const struct db_rows *row, struct err *err)
{
	struct standing *items = list_grow(all->items, all->n, &all->cap, sizeof(*items));
	struct standing *s;

	if (items == NULL)
		return err_nomem(err, "domains");
	all->items = items;
	s = &all->items[all->n++];
	*s = (struct standing){.off = db_col_int(row, 2) != 0};
	(void)snprintf(s->name, sizeof(s->name), "%s", db_col_text(row, 0));
	(void)snprintf(s->tenant, sizeof(s->tenant), "%s", db_col_text(row, 1));
	return CR_OK;
}

/* Planned and provisioning domains are not at their host yet, parked ones not any more. */
static int
read_standings(struct db *db, struct standings *out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(
		db,
		"SELECT d.name, d.tenant, CASE WHEN d.state IN ('warming', 'active') AND t.frozen_cause IS NULL "
		"THEN 0 ELSE 1 END FROM domain d JOIN tenant t ON t.primary_domain = d.tenant "
		"WHERE d.state NOT IN ('planned', 'provisioning', 'parked') ORDER BY d.name",
		DB_NO_ARGS, &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more)
		rc = add_standing(out, rows, err);
	db_rows_drop(&rows);
	return rc;
}

static bool
is_asked_for(const struct quiesce *q, const struct standing *s)
{
	if (q->tenant != NULL && strcmp(q->tenant, s->tenant) != 0)
		return false;
	for (size_t i = 0; i < q->n_names; i++)
		if (strcmp(q->names[i], s->name) == 0 || strcmp(q->names[i], s->tenant) == 0)
			return true;
	return q->n_names == 0;
}

static int
carry_over(struct quiesce *q, const struct standing *s, struct err *err)
{
	struct intent_domain *d = intent_domain_anywhere(q->intent, s->name);
	const struct mail_host *h;
	int rc;

	if (d == NULL) {
		log_debug("%s is not configured any more: which mail host it has is not known", s->name);
		return CR_OK;
	}
	rc = intent_open(q->session, q->intent, d, INTENT_FACTS, err);
	if (rc != CR_OK)
		return rc;
	h = d->host;
	if (h->driver->quiesce == NULL || (q->n_names == 0 && (h->driver->caps & MAILHOST_CAP_QUIESCE_CHEAP) == 0))
		return CR_OK;
	rc = h->driver->quiesce(h->ctx, s->name, s->off, err);
	if (rc == CR_OK)
		*(s->off ? &q->n_refused : &q->n_open) += 1;
	return rc;
}

static int
take_turn(const struct quiesce *q, struct lock **out, struct err *err)
{
	const struct settings *at = &q->session->settings;
	struct buf path = {0};
	int rc;

	buf_addf(&path, "%s.quiesce", db_path_is_server(at->store) ? at->key_file : at->store);
	rc = buf_check(&path, "lock file", err);
	if (rc == CR_OK)
		rc = lock_open(buf_str(&path), out, err);
	if (rc == CR_OK)
		rc = lock_take(*out, q->session->clock, at->lock_wait_s * 1000, "quiesce", err);
	buf_release(&path);
	return rc;
}

int
quiesce_sync(struct quiesce *q, struct err *err)
{
	struct standings all = {0};
	struct lock *lock = NULL;
	struct err why = {0};
	int rc = take_turn(q, &lock, err);

	if (rc == CR_OK)
		rc = read_standings(q->session->db, &all, err);
	for (size_t i = 0; rc == CR_OK && i < all.n; i++) {
		if (!is_asked_for(q, &all.items[i]) || carry_over(q, &all.items[i], &why) == CR_OK)
			continue;
		q->n_failed++;
		log_warn("%s: its mail host could not be told that it may %s: %s", all.items[i].name,
		         all.items[i].off ? "not send" : "send", why.text);
	}
	if (rc == CR_OK && q->n_failed > 0)
		rc = err_set(err, CR_ERETRY, "the mail hosts of %zu domain%s could not be told who may send",
		             q->n_failed, q->n_failed == 1 ? "" : "s");
	lock_drop(&lock);
	free(all.items);
	return rc;
}
