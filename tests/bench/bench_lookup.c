/*
 * bench_lookup.c - questions asked by checks through a lookup, a second, beside a bare loop over one UDP socket with the same window,
 * which sends packets made beforehand and counts what comes back: the least that as many answers can cost.
 *
 *   bench_lookup [ROUNDS]   1,000 checks of 20 questions, each in 4 rounds that depend on each other; 20,000 names; medians of ROUNDS (7)
 *
 * Half of the questions ask for an address, half for a text of 100 bytes.  The server is a process that answers each packet with what it
 * asked for and one record.
 */
#include "tests/bench/lib/bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "dns/query.h"

#define CHECKS     1000
#define STEPS      4
#define AT_ONCE    5
#define QUESTIONS  (CHECKS * STEPS * AT_ONCE)
#define WINDOW     100 /* as in exchanges.c */
#define ROUNDS_MAX 99
#define TEXT_BYTES 100
#define NAME_BYTES 64
#define REPLY_MAX  1232

/* What one pass took. */
struct pass {
	double wall_s, cpu_s; /* cpu: of this process, without the server */
};

struct check {
	unsigned number;
	size_t found;
};

static struct resolve_server at;
static char names[QUESTIONS][NAME_BYTES];
static uint8_t queries[QUESTIONS][QUERY_MAX];
static size_t query_lens[QUESTIONS];

static uint16_t
type_of(size_t question)
{
	return question % 2 == 0 ? RECORD_A : RECORD_TXT;
}

static size_t
answer(const uint8_t *query, size_t len, uint8_t *reply)
{
	static const uint8_t address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	static const uint8_t text[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, TEXT_BYTES + 1, TEXT_BYTES};
	size_t question = len - QUERY_OPT_BYTES;

	memcpy(reply, query, question);
	reply[2] = 0x85; /* QR, AA, RD */
	reply[3] = 0x80; /* RA */
	reply[7] = 1;
	reply[11] = 0;
	if (query[question - 3] == RECORD_A) {
		memcpy(reply + question, address, sizeof(address));
		return question + sizeof(address);
	}
	memcpy(reply + question, text, sizeof(text));
	memset(reply + question + sizeof(text), 'v', TEXT_BYTES);
	return question + sizeof(text) + TEXT_BYTES;
}

/* A server of its own process, which ends with this one. */
static pid_t
serve(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint8_t query[REPLY_MAX], reply[REPLY_MAX];
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&to, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&to, &len) != 0)
		die_errno("server socket");
	at.port = ntohs(to.sin_port);
	(void)snprintf(at.address, sizeof(at.address), "127.0.0.1");
	pid = fork();
	if (pid < 0)
		die_errno("fork");
	if (pid > 0) {
		(void)close(fd);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		ssize_t got = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&to, &len);

		if (got < QUERY_HEADER_BYTES + QUERY_OPT_BYTES)
			continue;
		(void)sendto(fd, reply, answer(query, (size_t)got, reply), 0, (const struct sockaddr *)&to, len);
	}
}

static void
make_questions(void)
{
	for (size_t i = 0; i < QUESTIONS; i++) {
		const struct query q = {
			.name = names[i], .type = type_of(i), .id = (uint16_t)i, .recursion = true, .edns = true};

		(void)snprintf(names[i], NAME_BYTES, "selector%zu._domainkey.outreach-%zu.example", i % 20, i / 20);
		query_lens[i] = query_build(&q, queries[i]);
	}
}

static struct pass
now(void)
{
	struct rusage r;

	if (getrusage(RUSAGE_SELF, &r) != 0)
		die_errno("getrusage");
	return (struct pass){.wall_s = (double)now_ns() / 1e9,
	                     .cpu_s = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	                              (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6};
}

static struct pass
since(struct pass began)
{
	struct pass p = now();

	return (struct pass){.wall_s = p.wall_s - began.wall_s, .cpu_s = p.cpu_s - began.cpu_s};
}

static struct pass
bare(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(at.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct pass began = now();
	uint8_t reply[REPLY_MAX];
	size_t sent = 0, got = 0;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		die_errno("socket");
	while (got < QUESTIONS) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		for (; sent < QUESTIONS && sent - got < WINDOW; sent++) {
			if (send(fd, queries[sent], query_lens[sent], 0) < 0)
				die_errno("send");
		}
		if (poll(&p, 1, 10000) <= 0)
			die("the server does not answer");
		while (recv(fd, reply, sizeof(reply), 0) > 0)
			got++;
	}
	(void)close(fd);
	return since(began);
}

/* Each step is asked once the one before it is answered. */
static int
run_check(struct lookup *l, void *arg, struct err *err)
{
	struct check *c = arg;

	(void)err;
	c->found = 0;
	for (size_t step = 0; step < STEPS; step++) {
		bool pending = false;

		for (size_t i = 0; i < AT_ONCE; i++) {
			size_t question = (c->number * STEPS + step) * AT_ONCE + i;
			const struct lookup_answer *a = lookup_ask(l, names[question], type_of(question));

			pending = pending || a->state == LOOKUP_PENDING;
			c->found += a->state == LOOKUP_FOUND;
		}
		if (pending)
			return CR_OK;
	}
	return CR_OK;
}

static struct pass
through_lookup(void)
{
	static struct check checks[CHECKS];
	static struct lookup_job jobs[CHECKS];
	const struct lookup_settings s = {.resolver = at, .known = true, .recursion = true};
	const struct pass began = now();
	struct lookup *l = NULL;
	struct err err = {0};

	for (unsigned i = 0; i < CHECKS; i++) {
		checks[i] = (struct check){.number = i};
		jobs[i] = (struct lookup_job){.run = run_check, .arg = &checks[i]};
	}
	must(lookup_open(&s, &l, &err), &err);
	must(lookup_settle(l, jobs, CHECKS, NULL, NULL, &err), &err);
	for (unsigned i = 0; i < CHECKS; i++) {
		if (checks[i].found != (size_t)STEPS * AT_ONCE)
			die("a check has %zu answers", checks[i].found);
	}
	if (lookup_sent(l) != QUESTIONS)
		die("%zu questions were sent", lookup_sent(l));
	lookup_drop(&l);
	return since(began);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(const struct pass *passes, size_t n, bool cpu)
{
	double values[ROUNDS_MAX];

	for (size_t i = 0; i < n; i++)
		values[i] = cpu ? passes[i].cpu_s : passes[i].wall_s;
	qsort(values, n, sizeof(values[0]), by_value);
	return values[n / 2];
}

static void
print_ways(const struct pass *floors, const struct pass *lookups, size_t n, bool cpu)
{
	const char *what = cpu ? "cpu" : "time";
	double least = median(floors, n, cpu), ours = median(lookups, n, cpu);

	printf("lookup_floor_%s %.2f us/question (%d questions, %zu rounds)\n", what, least * 1e6 / QUESTIONS,
	       QUESTIONS, n);
	printf("lookup_%s %.2f us/question\n", what, ours * 1e6 / QUESTIONS);
	printf("lookup_over_floor_%s %.2f\n", what, ours / least);
}

int
main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? (size_t)number(argv[1], "ROUNDS", 1, ROUNDS_MAX) : 7;
	struct pass floors[ROUNDS_MAX], lookups[ROUNDS_MAX];
	pid_t server = serve();

	make_questions();
	for (size_t r = 0; r < rounds; r++) {
		floors[r] = bare();
		lookups[r] = through_lookup();
	}
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	print_ways(floors, lookups, rounds, false);
	print_ways(floors, lookups, rounds, true);
	return 0;
}
