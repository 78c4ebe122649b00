/*
 * office.h - a store in a temporary directory with one tenant, some domains and mailboxes, a fake clock, and a gate on it.
 */
#ifndef TESTS_BUDGET_OFFICE_H
#define TESTS_BUDGET_OFFICE_H

#include "budget/contain.h"
#include "budget/gate.h"
#include "budget/suppress.h"
#include "core/audit.h"
#include "core/schema.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/rows.h"
#include "tests/lib/store.h"

#include <unistd.h>

#define OFFICE_START_MS ((int64_t)1764068819000) /* 2025-11-25 */
#define HOUR_MS         ((int64_t)3600000)
#define DAY_MS          (24 * HOUR_MS)
#define TENANT          "northwind.example"
#define ANNA            "anna@getnorthwind.example"
#define BEN             "ben@getnorthwind.example"
#define CARL            "carl@trynorthwindnow.example"
#define EXTERN_MAIL     "dora@fabrikam.example"

/* Nothing but the budget: the paces are off. */
#define NO_PACE ((struct gate_limits){4, 2, 2, 0, 0, 0, 0, 0})

struct office {
	char dir[64], path[STORE_PATH_MAX];
	struct fake_clock clock;
	struct vault *vault;
	struct db *db;
	struct gate *gate;
	struct err err;
};

static inline struct db *
office_open_store(struct office *o, enum db_mode mode)
{
	const struct db_options options = {
		.path = o->path, .mode = mode, .schema = &schema_coldrelay, .clock = &o->clock.clock, .busy_ms = 5000};
	struct db *db = NULL;

	assert_ok(db_open(&options, &db, &o->err), &o->err);
	return db;
}

static inline struct contain
office_contain(struct office *o)
{
	return (struct contain){
		.db = o->db, .vault = o->vault, .now_ms = clock_wall_ms(&o->clock.clock), .actor = "test"};
}

/* Planned, provisioned, registered: sending from first_send_ms on. */
static inline void
office_add_domain(struct office *o, const char *tenant, const char *domain, int64_t first_send_ms,
                  const char *const *mailboxes, size_t n)
{
	struct contain c = office_contain(o);

	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(contain_plan_domain(&c, tenant, domain, &o->err), &o->err);
	assert_ok(contain_provisioning(&c, domain, &o->err), &o->err);
	assert_ok(contain_register(&c, domain, first_send_ms, mailboxes, n, &o->err), &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

static inline void
office_gate(struct office *o, struct gate_limits limits)
{
	static const char *const peers[] = {"Peer@Warmup.example", "pool.example", NULL};

	gate_drop(&o->gate);
	assert_ok(gate_open(o->db, o->vault, &o->clock.clock, &limits, peers, &o->gate, &o->err), &o->err);
}

static inline void
office_open(struct office *o, struct gate_limits limits)
{
	static const uint8_t key[32] = {7};
	static const char *const get[] = {ANNA, BEN}, *const try[] = {CARL};

	*o = (struct office){0};
	fake_clock_init(&o->clock, OFFICE_START_MS);
	(void)snprintf(o->dir, sizeof(o->dir), "/tmp/coldrelay-budget.XXXXXX");
	assert_non_null(mkdtemp(o->dir));
	store_place(o->dir, "store.db", o->path);
	assert_ok(vault_from_bytes(key, &o->vault, &o->err), &o->err);
	o->db = office_open_store(o, DB_CREATE);
	office_add_domain(o, TENANT, "getnorthwind.example", OFFICE_START_MS - DAY_MS, get, 2);
	office_add_domain(o, TENANT, "trynorthwindnow.example", OFFICE_START_MS - DAY_MS, try, 1);
	office_gate(o, limits);
}

static inline void
office_close(struct office *o)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db.lock",
	                                    "store.db.open"};
	char path[160];

	gate_drop(&o->gate);
	db_drop(&o->db);
	vault_drop(&o->vault);
	store_clear(o->path);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", o->dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(o->dir), 0);
}

static inline struct gate_answer
office_ask(struct office *o, const char *mailbox, const char *recipient, const char *id)
{
	const struct gate_request q = {.mailbox = mailbox, .recipient = recipient, .message_id = id};
	struct gate_answer a;

	assert_ok(gate_ask(o->gate, &q, &a, &o->err), &o->err);
	return a;
}

/* "allow", or the reason of the no. */
static inline const char *
office_word(const struct gate_answer *a)
{
	return a->verdict == GATE_ALLOW ? "allow" : a->reason;
}

#define assert_answer(o, mailbox, recipient, word)                                                                     \
	do {                                                                                                           \
		struct gate_answer a_ = office_ask(o, mailbox, recipient, NULL);                                       \
		assert_string_equal(office_word(&a_), word);                                                           \
	} while (0)

/* One change of state in a transaction of its own: CHANGE(o, contain_freeze, "x.example", "cause", "why"). */
#define CHANGE(o, fn, ...)                                                                                             \
	do {                                                                                                           \
		struct contain c_ = office_contain(o);                                                                 \
		assert_ok(db_begin((o)->db, &(o)->err), &(o)->err);                                                    \
		assert_ok(fn(&c_, __VA_ARGS__, &(o)->err), &(o)->err);                                                 \
		assert_ok(db_commit((o)->db, &(o)->err), &(o)->err);                                                   \
	} while (0)
/* The same, refused with code. */
#define CHANGE_FAILS(o, code, fn, ...)                                                                                 \
	do {                                                                                                           \
		struct contain c_ = office_contain(o);                                                                 \
		assert_ok(db_begin((o)->db, &(o)->err), &(o)->err);                                                    \
		assert_int_equal(fn(&c_, __VA_ARGS__, &(o)->err), code);                                               \
		db_rollback((o)->db);                                                                                  \
	} while (0)

#endif
