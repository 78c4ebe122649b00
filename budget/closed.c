/*
 * closed.c - see closed.h.
 */
#include "budget/closed.h"

#include "core/num.h"

#include <string.h>

#define WORTH_IT 32 /* questions */

void
closed_release(struct closed *c)
{
	bloom_release(&c->entries);
	*c = (struct closed){0};
}

void
closed_stale(struct closed *c)
{
	c->current = false;
}

/* A keyed hash is as good as random: its beginning serves. */
static uint64_t
hash_of_hash(const uint8_t *hash)
{
	uint64_t h;

	memcpy(&h, hash, sizeof(h));
	return h;
}

bool
closed_maybe_organisation(const struct closed *c, const char *name)
{
	return !c->current || bloom_maybe(&c->entries, bloom_hash(name));
}

bool
closed_maybe_address(const struct closed *c, const uint8_t *hash)
{
	return !c->current || bloom_maybe(&c->entries, hash_of_hash(hash));
}

static int
take_entry(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct closed *c = arg;
	const char *value = db_col_text(row, 2);
	uint8_t hash[sizeof(uint64_t)];

	(void)i;
	c->last_id = db_col_int(row, 0);
	if (strcmp(db_col_text(row, 1), "address") != 0)
		bloom_add(&c->entries, bloom_hash(value));
	else if (num_parse_hex(value, sizeof(hash), hash))
		bloom_add(&c->entries, hash_of_hash(hash));
	else
		return err_set(err, CR_ESTORE, "suppression %lld is damaged", (long long)c->last_id);
	return CR_OK;
}

static int
start_over(struct closed *c, size_t n, struct err *err)
{
	c->last_id = 0;
	return bloom_start(&c->entries, n, err);
}

static int
catch_up(struct closed *c, struct db *db, struct err *err)
{
	const struct db_value from = db_int(c->last_id);

	return db_query_many(db, DB_LOOK,
	                     "SELECT id, kind, value FROM suppression WHERE id > $1 AND lifted_ms IS NULL ORDER BY id",
	                     &from, 1, 1, take_entry, c, err);
}

int
closed_refresh(struct closed *c, struct db *db, struct err *err)
{
	int64_t n = 0;
	int rc = CR_OK;

	if (c->current || c->asked++ < WORTH_IT)
		return CR_OK;
	if (c->entries.bits == NULL) {
		rc = db_get_int(db, "SELECT COUNT(*) FROM suppression", DB_NO_ARGS, 0, &n, err);
		if (rc == CR_OK)
			rc = start_over(c, (size_t)n, err);
	}
	if (rc == CR_OK)
		rc = catch_up(c, db, err);
	if (rc == CR_OK && bloom_is_full(&c->entries)) {
		rc = start_over(c, c->entries.n, err);
		if (rc == CR_OK)
			rc = catch_up(c, db, err);
	}
	c->current = rc == CR_OK;
	return rc;
}
