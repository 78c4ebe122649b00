/*
 * homes.c - see homes.h.
 */
#include "budget/homes.h"

#include <string.h>

#define WORTH_IT 32 /* questions */

void
homes_release(struct homes *h)
{
	bloom_release(&h->domains);
	*h = (struct homes){0};
}

void
homes_stale(struct homes *h)
{
	h->current = false;
}

static int
take_domain(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct homes *h = arg;

	(void)i;
	(void)err;
	bloom_add(&h->domains, bloom_hash(db_col_text(row, 0)));
	return CR_OK;
}

/* The number first: a mailbox that comes in between is read twice, not missed. */
static int
read_all(struct homes *h, struct db *db, struct err *err)
{
	int64_t n = 0;
	int rc = db_get_int(db, "SELECT MAX(id) FROM mailbox", DB_NO_ARGS, 0, &h->last_mailbox, err);

	if (rc == CR_OK)
		rc = db_get_int(db, "SELECT COUNT(*) FROM domain", DB_NO_ARGS, 0, &n, err);
	if (rc == CR_OK)
		rc = bloom_start(&h->domains, (size_t)n, err);
	if (rc == CR_OK)
		rc = db_query_many(db, DB_LOOK, "SELECT name FROM domain", DB_NO_ARGS, 1, take_domain, h, err);
	/* Half of it would say "certainly not" to the other half. */
	if (rc != CR_OK)
		bloom_release(&h->domains);
	return rc;
}

static int
take_mailbox(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct homes *h = arg;

	h->last_mailbox = db_col_int(row, 1);
	return take_domain(arg, i, row, err);
}

static int
read_new(struct homes *h, struct db *db, struct err *err)
{
	const struct db_value from = db_int(h->last_mailbox);

	return db_query_many(db, DB_LOOK, "SELECT domain, id FROM mailbox WHERE id > $1 ORDER BY id", &from, 1, 1,
	                     take_mailbox, h, err);
}

int
homes_refresh(struct homes *h, struct db *db, size_t n, struct err *err)
{
	int rc;

	if (h->current || db_is_server(db) || (h->domains.bits == NULL && (h->asked += (unsigned)n) < WORTH_IT))
		return CR_OK;
	rc = h->domains.bits == NULL ? read_all(h, db, err) : read_new(h, db, err);
	if (rc == CR_OK && bloom_is_full(&h->domains))
		rc = read_all(h, db, err);
	h->current = rc == CR_OK;
	return rc;
}

bool
homes_maybe(const struct homes *h, const char *address)
{
	const char *at = strrchr(address, '@');

	return !h->current || at == NULL || bloom_maybe(&h->domains, bloom_hash(at + 1));
}
