/*
 * threads.c - threads of one program that ask the gate through the library, for bench_library.sh.
 *
 *   threads -c CONFIG -t THREADS [-a HANDLES] -n ASKS -f FIRST
 *
 * ASKS in all, each about another mailbox, from number FIRST on; every one has to be allowed.  Threads share HANDLES (1) handles.
 * Prints asks a second, and how long an ask took, p50 and p99.
 */
#include "tests/bench/lib/bench.h"

#include "library/coldrelay/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 256

struct run {
	struct coldrelay_gate *handles[THREADS_MAX];
	int64_t threads, n_handles, asks, first;
	_Atomic int64_t next;
	int64_t *took_ns; /* by ask */
};
struct asker {
	struct run *run;
	struct coldrelay_gate *handle;
};

static void
ask(struct coldrelay_gate *handle, int64_t mailbox)
{
	struct coldrelay_gate_request q = COLDRELAY_GATE_REQUEST_INIT;
	struct coldrelay_gate_answer a = COLDRELAY_GATE_ANSWER_INIT;
	char from[64], to[64], error[256];

	(void)snprintf(from, sizeof(from), "m%0*lld@d%0*lld-contoso.example", BENCH_MAILBOX_DIGITS, (long long)mailbox,
	               BENCH_DOMAIN_DIGITS, (long long)(mailbox / BENCH_MAILBOXES_PER_DOMAIN));
	(void)snprintf(to, sizeof(to), "to@org%lld-fabrikam.example", (long long)mailbox);
	q.mailbox = from;
	q.recipient = to;
	if (coldrelay_gate_ask(handle, &q, &a, error, sizeof(error)) != COLDRELAY_GATE_OK)
		die("%s", error);
	if (a.verdict != COLDRELAY_GATE_ALLOW)
		die("%s: %s", from, a.message);
}

static void *
ask_many(void *arg)
{
	const struct asker *me = arg;
	struct run *run = me->run;

	for (int64_t i; (i = atomic_fetch_add(&run->next, 1)) < run->asks;) {
		const int64_t began = now_ns();

		ask(me->handle, run->first + i);
		run->took_ns[i] = now_ns() - began;
	}
	return NULL;
}

static int
by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
measure(struct run *run)
{
	pthread_t thread[THREADS_MAX];
	struct asker asker[THREADS_MAX];
	int64_t began = now_ns(), took, p50, p99;

	for (int64_t i = 0; i < run->threads; i++) {
		asker[i] = (struct asker){run, run->handles[i % run->n_handles]};
		if (pthread_create(&thread[i], NULL, ask_many, &asker[i]) != 0)
			die("no thread");
	}
	for (int64_t i = 0; i < run->threads; i++)
		(void)pthread_join(thread[i], NULL);
	took = now_ns() - began;
	qsort(run->took_ns, (size_t)run->asks, sizeof(*run->took_ns), by_value);
	p50 = run->took_ns[run->asks / 2];
	p99 = run->took_ns[run->asks * 99 / 100];
	(void)printf("%.0f asks/s (p50 %.0f us, p99 %.0f us)\n", (double)run->asks * 1e9 / (double)took,
	             (double)p50 / 1e3, (double)p99 / 1e3);
}

int
main(int argc, char **argv)
{
	struct coldrelay_gate_options options = COLDRELAY_GATE_OPTIONS_INIT;
	struct run run = {.n_handles = 1};
	char error[256];
	int option;

	while ((option = getopt(argc, argv, "c:t:a:n:f:")) != -1) {
		if (option == 'c')
			options.config = optarg;
		else if (option == 't')
			run.threads = number(optarg, "-t", 1, THREADS_MAX);
		else if (option == 'a')
			run.n_handles = number(optarg, "-a", 1, THREADS_MAX);
		else if (option == 'n')
			run.asks = number(optarg, "-n", 1, 10000000);
		else if (option == 'f')
			run.first = number(optarg, "-f", 0, 20000000);
		else
			run.threads = -1;
	}
	if (options.config == NULL || run.threads <= 0 || run.asks == 0)
		die("usage: threads -c CONFIG -t THREADS [-a HANDLES] -n ASKS -f FIRST");
	run.took_ns = calloc((size_t)run.asks, sizeof(*run.took_ns));
	if (run.took_ns == NULL)
		die("no memory");
	for (int64_t i = 0; i < run.n_handles; i++) {
		if (coldrelay_gate_open(&options, &run.handles[i], error, sizeof(error)) != COLDRELAY_GATE_OK)
			die("%s", error);
	}
	measure(&run);
	for (int64_t i = 0; i < run.n_handles; i++)
		coldrelay_gate_close(run.handles[i]);
	free(run.took_ns);
	return 0;
}
