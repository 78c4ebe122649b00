/*
 * fill.c - a store with many mailboxes, for the benches.
 *
 *   fill -c CONFIG -n MAILBOXES [-x EXHAUSTED] [-d DAYS [-p SENDS]]
 *
 * Makes the store of the configuration, all mailboxes allowed to send, the first EXHAUSTED of them without an outbound token left.
 * -d: every mailbox has sent SENDS (1) messages on each of the DAYS before yesterday, and its slots are full of spends that are over.
 */
#include "tests/bench/lib/bench.h"

#include "budget/contain.h"
#include "budget/gate.h"
#include "budget/pace.h"
#include "core/session.h"

#include <stdio.h>
#include <unistd.h>

#define A_TRANSACTION 2000 /* domains */

static void
mailbox_name(char *out, size_t size, int64_t i)
{
	(void)snprintf(out, size, "m%0*lld@d%0*lld-contoso.example", BENCH_MAILBOX_DIGITS, (long long)i,
	               BENCH_DOMAIN_DIGITS, (long long)(i / BENCH_MAILBOXES_PER_DOMAIN));
}

/* Tenant and domain as rows: contain_plan_domain compares a new name with every other one, which is right and slow. */
static void
fill_domain(struct contain *c, int64_t domain, struct err *err)
{
	char tenant[64], name[64], mailboxes[BENCH_MAILBOXES_PER_DOMAIN][64];
	const char *list[BENCH_MAILBOXES_PER_DOMAIN];

	(void)snprintf(tenant, sizeof(tenant), "t%07lld-northwind.example",
	               (long long)(domain / BENCH_DOMAINS_PER_TENANT));
	(void)snprintf(name, sizeof(name), "d%0*lld-contoso.example", BENCH_DOMAIN_DIGITS, (long long)domain);
	for (int i = 0; i < BENCH_MAILBOXES_PER_DOMAIN; i++) {
		mailbox_name(mailboxes[i], sizeof(mailboxes[i]), domain * BENCH_MAILBOXES_PER_DOMAIN + i);
		list[i] = mailboxes[i];
	}
	must(db_exec(c->db, "INSERT INTO tenant (primary_domain, created_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	             DB_ARGS(db_text(tenant), db_int(c->now_ms)), NULL, err),
	     err);
	must(db_exec(c->db,
	             "INSERT INTO domain (name, tenant, state, since_ms, created_ms) "
	             "VALUES ($1, $2, 'provisioning', $3, $3)",
	             DB_ARGS(db_text(name), db_text(tenant), db_int(c->now_ms)), NULL, err),
	     err);
	must(contain_register(c, name, c->now_ms - 1, list, BENCH_MAILBOXES_PER_DOMAIN, err), err);
}

static void
fill(struct session *s, int64_t mailboxes, struct err *err)
{
	struct contain c = {.db = s->db, .vault = s->vault, .now_ms = clock_wall_ms(s->clock) - 1000, .actor = "bench"};
	const int64_t domains = (mailboxes + BENCH_MAILBOXES_PER_DOMAIN - 1) / BENCH_MAILBOXES_PER_DOMAIN;

	for (int64_t d = 0; d < domains;) {
		must(db_begin(s->db, err), err);
		do
			fill_domain(&c, d++, err);
		while (d < domains && d % A_TRANSACTION != 0);
		must(db_commit(s->db, err), err);
		must(db_checkpoint(s->db, 0, err), err);
	}
}

/* Without pace, which would not let two sends of a mailbox follow each other. */
static void
exhaust(struct session *s, int64_t mailboxes, struct err *err)
{
	const struct gate_limits limits = {.total_per_day = GATE_TOTAL_PER_DAY,
	                                   .outbound_per_day = GATE_OUTBOUND_PER_DAY,
	                                   .warmup_per_day = GATE_WARMUP_PER_DAY};
	struct gate *gate = NULL;

	must(gate_open(s->db, s->vault, s->clock, &limits, NULL, &gate, err), err);
	must(gate_begin(gate, err), err);
	for (int64_t i = 0; i < mailboxes * GATE_OUTBOUND_PER_DAY; i++) {
		char mailbox[64], to[64];
		struct gate_request q = {.mailbox = mailbox, .recipient = to};
		struct gate_answer a;

		mailbox_name(mailbox, sizeof(mailbox), i / GATE_OUTBOUND_PER_DAY);
		(void)snprintf(to, sizeof(to), "to@spent%lld-adatum.example", (long long)i);
		must(gate_ask_in(gate, &q, 1, &a, err), err);
		if (a.verdict != GATE_ALLOW)
			die("%s: %s", mailbox, a.message);
	}
	must(gate_commit(gate, err), err);
	gate_drop(&gate);
}

/* One statement a day: rows in the order of their time, as the gate would have written them. */
static void
write_past(struct session *s, int64_t days, int64_t sends, struct err *err)
{
	const int64_t day_ms = 86400000, part_ms = day_ms / 5, yesterday_ms = clock_wall_ms(s->clock) - 2 * day_ms;
	struct tokens spent = {.n = TOKENS_MAX};
	struct pace pace = {.times_ms = {yesterday_ms}, .n = 1};
	uint8_t slots[TOKENS_PACKED], times[PACE_PACKED_MAX];

	for (int64_t i = 0; i < days * sends; i++) {
		must(db_begin(s->db, err), err);
		must(db_exec(s->db,
		             "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, request) "
		             "SELECT $1 + id * $2 / (SELECT MAX(id) FROM mailbox), id, 0, "
		             "printf('past%08d-fabrikam.example', id), randomblob(16), random() FROM mailbox ORDER BY "
		             "id",
		             DB_ARGS(db_int(yesterday_ms - (days - i / sends) * day_ms + i % sends * part_ms),
		                     db_int(part_ms)),
		             NULL, err),
		     err);
		must(db_commit(s->db, err), err);
		must(db_checkpoint(s->db, 0, err), err);
	}
	for (size_t i = 0; i < TOKENS_MAX; i++)
		spent.slot[i] = (struct token){.spent_ms = yesterday_ms + (int64_t)i, .key = i};
	tokens_pack(&spent, slots);
	must(db_begin(s->db, err), err);
	must(db_exec(s->db, "UPDATE spent SET slots = $1", DB_ARGS(db_blob(slots, sizeof(slots))), NULL, err), err);
	/* Of the last day: what is older is no row any more. */
	must(db_exec(s->db,
	             "INSERT INTO pace (tenant, organisation, last_ms, times) "
	             "SELECT d.tenant, printf('past%08d-fabrikam.example', m.id), $1, $2 "
	             "FROM mailbox m JOIN domain d ON d.name = m.domain",
	             DB_ARGS(db_int(yesterday_ms), db_blob(times, pace_pack(&pace, times))), NULL, err),
	     err);
	must(db_commit(s->db, err), err);
}

int
main(int argc, char **argv)
{
	struct session s = {.clock = clock_system(), .quiet = true, .out = stdout};
	struct err err = {0};
	int64_t mailboxes = 0, exhausted = 0, days = 0, sends = 1;
	int option;

	while ((option = getopt(argc, argv, "c:n:x:d:p:")) != -1) {
		if (option == 'c')
			s.config_path = optarg;
		else if (option == 'n')
			mailboxes = number(optarg, "-n", 1, 20000000);
		else if (option == 'x')
			exhausted = number(optarg, "-x", 0, 10000);
		else if (option == 'd')
			days = number(optarg, "-d", 0, 400);
		else if (option == 'p')
			sends = number(optarg, "-p", 1, 4);
		else
			mailboxes = -1;
	}
	if (s.config_path == NULL || mailboxes <= 0)
		die("usage: fill -c CONFIG -n MAILBOXES [-x EXHAUSTED] [-d DAYS [-p SENDS]]");
	must(session_store(&s, DB_CREATE, &err), &err);
	fill(&s, mailboxes, &err);
	if (days > 0)
		write_past(&s, days, sends, &err);
	exhaust(&s, exhausted, &err);
	must(db_checkpoint(s.db, 0, &err), &err);
	session_release(&s);
	return 0;
}
