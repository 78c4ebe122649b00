/*
 * ground.h - an installation in a temporary directory: one tenant, two outreach domains, zones in memory, a self-hosted mail host
 * over files, a fake clock.  A run opens everything anew, as a process would; ground_state tells in one text what all runs left.
 */
#ifndef TESTS_LIB_GROUND_H
#define TESTS_LIB_GROUND_H

#include "tests/lib/fake_clock.h"
#include "tests/lib/rows.h"
#include "tests/lib/store.h"

#include <unistd.h>

#include "core/buf.h"
#include "core/session.h"
#include "dns/zones/memory.h"
#include "provision/run.h"
#include "provision/teardown.h"

#define GROUND_START_MS ((int64_t)1764068819000) /* 2025-11-25 */
#define DAY_MS          ((int64_t)86400000)
#define PRIMARY         "northwind.example"
#define GET             "getnorthwind.example"
#define TRY             "trynorthwind.example"
#define REVERSE_ZONE    "2.0.192.in-addr.arpa"

struct ground {
	char dir[64];
	char config[96];
	char store[STORE_PATH_MAX];
	struct fake_clock clock;
	const struct clock *time; /* the fake one; tests of real waiting put another here */
	struct err err;
};

/* domains: the text between the parentheses of the tenant's `domains`; NULL: GET and TRY. */
void ground_open(struct ground *g, const char *domains);
/* Write the configuration anew: what an operator changed. more: lines put in front. */
void ground_configure(struct ground *g, const char *domains, const char *more);
void ground_close(struct ground *g);

struct session ground_session(const struct ground *g);
/* A handle of its own on the store. */
struct db *ground_db(struct ground *g);
/* A zone somebody else made, with records as master-file lines. */
void ground_foreign_zone(const char *zone, const char *lines);
/* The records of a zone as they are, sorted; exists_out may be NULL. */
void ground_zone(const char *zone, struct records *out, bool *exists_out);

struct ground_outcome {
	size_t planned, refused;
	int rc;     /* of opening, locking and planning */
	int failed; /* the first code among the plans, CR_OK */
	char text[ERR_TEXT_MAX];
};
/* Fails with the run's own words. */
#define assert_done(o)                                                                                                 \
	do {                                                                                                           \
		if ((o)->rc != CR_OK || (o)->failed != CR_OK || (o)->refused != 0)                                     \
			fail_msg("%s:%d: run %d, plan %d, %zu refused: %s", __FILE__, __LINE__, (o)->rc, (o)->failed,  \
			         (o)->refused, (o)->text);                                                             \
	} while (0)
/* One `provision PRIMARY --yes`. */
struct ground_outcome ground_provision(struct ground *g);
/* One `teardown DOMAIN --yes [--now --reason]`. */
struct ground_outcome ground_teardown(struct ground *g, const char *domain, bool now);

/* Rows a query counts. */
int64_t ground_count(struct ground *g, const char *sql);
/*
 * Zones, files, and the store's tables without times, random values and row numbers; what the journal says is ours instead of its rows.
 * Fails the test when the audit chain is broken.
 */
void ground_state(struct ground *g, struct buf *out);
/* Fails with the first line that differs. */
void assert_ground_state(struct ground *g, const struct buf *want);

#endif
