/*
 * thin.h - paces put into a store, and sends that look for old ones as they are written, by a ledger alone.
 */
#ifndef TESTS_BUDGET_THIN_H
#define TESTS_BUDGET_THIN_H

#include "budget/ledger_inside.h"
#include "tests/budget/office.h"

#define THIN_KEY 128 /* a send whose key is a multiple of it looks */

/* Inside a transaction. */
static inline void
thin_put(struct office *o, const char *tenant, const char *organisation, int64_t last_ms)
{
	assert_ok(db_exec(o->db, "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, '')",
	                  DB_ARGS(db_text(tenant), db_text(organisation), db_int(last_ms)), NULL, &o->err),
	          &o->err);
}

static inline int64_t
thin_count(struct office *o, const char *sql)
{
	int64_t n = -1;

	assert_ok(db_get_int(o->db, sql, DB_NO_ARGS, 0, &n, &o->err), &o->err);
	return n;
}

static inline void
thin_write(struct office *o, const struct sent *sent, struct paced *p)
{
	struct ledger l = {.db = o->db, .history_keep_ms = 30 * DAY_MS};
	struct sent *s = malloc(sizeof(*s));

	assert_non_null(s);
	*s = *sent;
	assert_ok(ledger_list_add(&l.sent, s, &o->err), &o->err);
	l.sent.kept = 1;
	if (p != NULL) {
		assert_ok(ledger_list_add(&l.spent_paces, p, &o->err), &o->err);
		l.spent_paces.kept = 1;
	}
	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(ledger_write(&l, &o->err), &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
	ledger_written(&l);
	ledger_release(&l);
}

/* One send at at_ms, that looks; number: any. */
static inline void
thin_send(struct office *o, const char *tenant, const char *organisation, int64_t at_ms, uint64_t number)
{
	const struct sent sent = {
		.at_ms = at_ms, .mailbox = 1, .key = number * THIN_KEY & INT64_MAX, .organisation = organisation};
	const size_t tenant_len = strlen(tenant), len = tenant_len + strlen(organisation) + 2;
	struct paced *p = calloc(1, sizeof(*p) + len);

	assert_non_null(p);
	(void)snprintf(p->tenant, len, "%s %s", tenant, organisation);
	p->organisation = p->tenant + tenant_len + 1;
	p->dirty = p->stored = true;
	pace_spend(&p->pace, at_ms);
	thin_write(o, &sent, p);
	free(p);
}

/* splitmix64: the same numbers every time. */
static inline uint64_t
thin_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

#endif
