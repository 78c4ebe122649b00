/*
 * book.h - a store with a journal of its own in a temporary installation, for tests that write and replay journal rows.
 */
#ifndef TESTS_PROVISION_BOOK_H
#define TESTS_PROVISION_BOOK_H

#include "core/schema.h"
#include "provision/journal.h"
#include "tests/lib/ground.h"

struct book {
	struct ground ground;
	struct db *db;
	struct vault *vault;
	struct journal journal;
};

static inline void
book_open(struct book *b)
{
	static const uint8_t key[32] = {3};
	const struct db_options o = {.path = b->ground.store,
	                             .mode = DB_CREATE,
	                             .schema = &schema_coldrelay,
	                             .clock = &b->ground.clock.clock};
	struct err err = {0};

	ground_open(&b->ground, NULL);
	assert_ok(db_open(&o, &b->db, &err), &err);
	assert_ok(vault_from_bytes(key, &b->vault, &err), &err);
	assert_ok(journal_open(b->db, b->vault, b->ground.time, PRIMARY, &b->journal, &err), &err);
}

static inline void
book_close(struct book *b)
{
	db_drop(&b->db);
	vault_drop(&b->vault);
	ground_close(&b->ground);
}

#endif
