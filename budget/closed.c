/*
 * closed.c - four bits an entry out of sixteen: one false alarm in some four hundred, which costs a question.
 */
#include "budget/closed.h"

#include "core/num.h"

#include <stdlib.h>
#include <string.h>

#define BITS_FIRST    ((size_t)1 << 14)
#define BITS_AN_ENTRY 16
#define PROBES        4
#define WORTH_IT      32 /* questions */

void
closed_release(struct closed *c)
{
	free(c->bits);
	*c = (struct closed){0};
}

void
closed_stale(struct closed *c)
{
	c->current = false;
}

static uint64_t
hash_of_name(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	/* FNV's low bits alone are poor. */
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* A keyed hash is as good as random: its beginning serves. */
static uint64_t
hash_of_hash(const uint8_t *hash)
{
	uint64_t h;

	memcpy(&h, hash, sizeof(h));
	return h;
}

static void
add(struct closed *c, uint64_t h)
{
	uint64_t step = h >> 32 | 1;

	for (int i = 0; i < PROBES; i++, h += step) {
		size_t bit = h & (c->n_bits - 1);

		c->bits[bit / 64] |= UINT64_C(1) << bit % 64;
	}
	c->n++;
}

static bool
maybe(const struct closed *c, uint64_t h)
{
	uint64_t step = h >> 32 | 1;

	if (!c->current)
		return true;
	for (int i = 0; i < PROBES; i++, h += step) {
		size_t bit = h & (c->n_bits - 1);

		if ((c->bits[bit / 64] >> bit % 64 & 1) == 0)
			return false;
	}
	return true;
}

bool
closed_maybe_organisation(const struct closed *c, const char *name)
{
	return maybe(c, hash_of_name(name));
}

bool
closed_maybe_address(const struct closed *c, const uint8_t *hash)
{
	return maybe(c, hash_of_hash(hash));
}

/* Empty, with room for n entries and as many again. */
static int
start_over(struct closed *c, int64_t n, struct err *err)
{
	size_t n_bits = BITS_FIRST;

	while (n_bits < (size_t)n * 2 * BITS_AN_ENTRY)
		n_bits *= 2;
	free(c->bits);
	c->bits = calloc(n_bits / 64, sizeof(c->bits[0]));
	c->n_bits = c->bits != NULL ? n_bits : 0;
	c->n = 0;
	c->last_id = 0;
	return c->bits != NULL ? CR_OK : err_nomem(err, "suppression");
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
		add(c, hash_of_name(value));
	else if (num_parse_hex(value, sizeof(hash), hash))
		add(c, hash_of_hash(hash));
	else
		return err_set(err, CR_ESTORE, "suppression %lld is damaged", (long long)c->last_id);
	return CR_OK;
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
	if (c->bits == NULL) {
		rc = db_get_int(db, "SELECT COUNT(*) FROM suppression", DB_NO_ARGS, 0, &n, err);
		if (rc == CR_OK)
			rc = start_over(c, n, err);
	}
	if (rc == CR_OK)
		rc = catch_up(c, db, err);
	if (rc == CR_OK && c->n * BITS_AN_ENTRY > c->n_bits) {
		rc = start_over(c, (int64_t)c->n, err);
		if (rc == CR_OK)
			rc = catch_up(c, db, err);
	}
	c->current = rc == CR_OK;
	return rc;
}
