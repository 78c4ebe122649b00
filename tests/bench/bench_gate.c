/*
 * bench_gate.c - one decision of the gate beside the bare durable transaction it stands on.
 *
 * floor: one INSERT in one transaction through the door (lock, BEGIN, COMMIT with its sync).  admit: a decision that spends, distinct
 * mailboxes.  deny: the same mailbox once its tokens are gone: nothing is written.  Medians over rounds.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "budget/contain.h"
#include "budget/gate.h"
#include "core/schema.h"

#define MAILBOXES 2000
#define ROUNDS    5

static double
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(const char *name, double *us, size_t n)
{
	qsort(us, n, sizeof(*us), by_value);
	printf("%s %.1f us/op (min %.1f, max %.1f; %d ops a round)\n", name, us[n / 2], us[0], us[n - 1], MAILBOXES);
}

static void
must(int rc, const struct err *err)
{
	if (rc == CR_OK)
		return;
	(void)fprintf(stderr, "bench_gate: %s\n", err->text);
	exit(1);
}

static void
fill(struct db *db, struct vault *v, int round, struct err *err)
{
	struct contain c = {.db = db, .vault = v, .now_ms = clock_wall_ms(clock_system()), .actor = "bench"};
	static char names[MAILBOXES][64];
	static const char *list[MAILBOXES];
	char domain[40];

	(void)snprintf(domain, sizeof(domain), "round%d-contoso.example", round);
	for (int i = 0; i < MAILBOXES; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "m%d@%s", i, domain);
		list[i] = names[i];
	}
	must(db_begin(db, err), err);
	must(contain_plan_domain(&c, "northwind.example", domain, err), err);
	must(contain_provisioning(&c, domain, err), err);
	must(contain_register(&c, domain, c.now_ms - 1, list, MAILBOXES, err), err);
	must(db_commit(db, err), err);
}

static double
floor_round(struct db *db, struct err *err)
{
	double t0 = now_us();

	for (int i = 0; i < MAILBOXES; i++) {
		must(db_begin(db, err), err);
		must(db_exec(db, "UPDATE meta SET value = $1 WHERE key = 'bench'", DB_ARGS(db_int(i)), NULL, err), err);
		must(db_commit(db, err), err);
	}
	return (now_us() - t0) / MAILBOXES;
}

static double
ask_round(struct gate *g, int round, int same, enum gate_verdict want, struct err *err)
{
	double t0 = now_us();

	for (int i = 0; i < MAILBOXES; i++) {
		char mailbox[80], to[80];
		struct gate_answer a;
		struct gate_request q = {.mailbox = mailbox, .recipient = to};

		(void)snprintf(mailbox, sizeof(mailbox), "m%d@round%d-contoso.example", same ? 0 : i, round);
		(void)snprintf(to, sizeof(to), "to@org%d-fabrikam.example", i);
		must(gate_ask(g, &q, &a, err), err);
		if (a.verdict != want) {
			(void)fprintf(stderr, "bench_gate: unexpected answer: %s\n", a.message);
			exit(1);
		}
	}
	return (now_us() - t0) / MAILBOXES;
}

int
main(void)
{
	char dir[] = "/tmp/coldrelay-bench.XXXXXX", path[64], remove[128];
	const struct gate_limits limits = {4, 2, 2, 0, 0, 0, 0, 0};
	const uint8_t key[32] = {1};
	struct err err = {0};
	struct db *db = NULL;
	struct vault *v = NULL;
	struct gate *g = NULL;
	double floors[ROUNDS], admits[ROUNDS], denies[ROUNDS];
	struct db_options o = {.mode = DB_CREATE, .schema = &schema_coldrelay, .clock = clock_system()};

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	o.path = path;
	must(vault_from_bytes(key, &v, &err), &err);
	must(db_open(&o, &db, &err), &err);
	must(gate_open(db, v, clock_system(), &limits, NULL, &g, &err), &err);
	must(db_begin(db, &err), &err);
	must(db_exec(db, "INSERT INTO meta (key, value) VALUES ('bench', '0')", DB_NO_ARGS, NULL, &err), &err);
	must(db_commit(db, &err), &err);
	for (int r = 0; r < ROUNDS; r++) {
		fill(db, v, r, &err);
		floors[r] = floor_round(db, &err);
		admits[r] = ask_round(g, r, 0, GATE_ALLOW, &err);
		{
			/* The second token of mailbox 0 goes first: from then on every ask is a denial. */
			char mailbox[48];
			struct gate_answer a;
			struct gate_request q = {.mailbox = mailbox, .recipient = "last@adatum.example"};

			(void)snprintf(mailbox, sizeof(mailbox), "m0@round%d-contoso.example", r);
			must(gate_ask(g, &q, &a, &err), &err);
		}
		denies[r] = ask_round(g, r, 1, GATE_WAIT, &err);
	}
	print("gate_floor_one_durable_update", floors, ROUNDS);
	print("gate_admit", admits, ROUNDS);
	print("gate_deny", denies, ROUNDS);
	gate_drop(&g);
	db_drop(&db);
	vault_drop(&v);
	(void)snprintf(remove, sizeof(remove), "rm -rf %s", dir);
	return system(remove) == 0 ? 0 : 1;
}
