/*
 * copy.h - an installation moved from one store to another: every table, compared afterwards.
 */
#ifndef BUDGET_COPY_H
#define BUDGET_COPY_H

#include "core/db.h"
#include "core/secret.h"

#define COPY_COLUMNS_MAX 24
#define COPY_KEYS_MAX    4

struct copy_table {
	const char *name;
	/* In the order they are copied, each "i" an integer, "t" a text, "b" a blob, and a colon in front: "i:seq". */
	const char *columns[COPY_COLUMNS_MAX];
	int n_keys;    /* the first ones are the primary key */
	bool numbered; /* the store gives the numbers of the first one itself */
};
/* All of the schema, parents before children; tests/budget/test_copy.c compares it with the catalogue. */
extern const struct copy_table copy_tables[];
extern const size_t copy_tables_n;

/* The statements, which a db remembers by their address: dropped after the stores are. */
struct copy;
MUST_CHECK int copy_open(struct copy **out, struct err *err);
void copy_drop(struct copy **c);

struct copy_count {
	int64_t rows;
	int64_t last;     /* number of the last row, of a table that is numbered */
	uint8_t hash[32]; /* over all rows in the order of their key */
};

/* Read copy_tables[table] through.  Inside a transaction, or nobody must write. */
MUST_CHECK int copy_read(const struct copy *c, struct db *db, size_t table, struct copy_count *out, struct err *err);
/*
 * Everything from one to the other: one transaction of `to`, while nobody decides or changes anything in `from`; read again and compared,
 * with the audit chain, before it is committed.  done is called for each table.
 * Errors: CR_EREFUSED (to is not empty), CR_ESTORE (they differ, the chain does not hold), and those of db.h.
 */
MUST_CHECK int copy_store(const struct copy *c, struct db *from, struct db *to, const struct vault *v,
                          int (*done)(void *arg, const struct copy_table *t, const struct copy_count *n,
                                      struct err *err),
                          void *arg, struct err *err);

#endif
