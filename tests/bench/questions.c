/*
 * questions.c - what asking costs and nothing else.
 *
 *   questions HOST:PORT FILE [lookup]   FILE: "TYPE NAME" a line.  Prints how many were answered, and seconds.
 *
 * Without a word behind: packets made beforehand, through one UDP socket, as many under way as a lookup has, what comes back only counted.
 * lookup: a bare loop over our own resolver, which reads and keeps the answers.
 */
#include "tests/bench/lib/bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "dns/query.h"
#include "dns/record.h"
#include "dns/resolve.h"

#define WINDOW    100 /* as in dns/exchanges.c */
#define LINE_MAX_ 1200
#define REPLY_MAX 4096
#define A_JOB     16 /* questions */

struct packets {
	uint8_t (*queries)[QUERY_MAX];
	size_t *lens;
	char **names;
	uint16_t *types;
	size_t n;
};
struct job {
	const struct packets *p;
	size_t first;
};

static void
read_questions(const char *path, struct packets *out)
{
	FILE *f = fopen(path, "r");
	char line[LINE_MAX_], name[LINE_MAX_], type[32];
	struct err err = {0};
	size_t cap = 0;

	if (f == NULL)
		die_errno("%s", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct query q = {.id = (uint16_t)out->n, .recursion = true, .edns = true};
		struct name canonical;

		if (sscanf(line, "%31s %1199s", type, name) != 2)
			die("%s: not TYPE NAME: %s", path, line);
		must(record_type_parse(type, &q.type, &err), &err);
		must(name_parse(name, &canonical, &err), &err);
		q.name = canonical.text;
		if (out->n == cap) {
			cap = cap * 2 + 1024;
			out->queries = realloc(out->queries, cap * sizeof(*out->queries));
			out->lens = realloc(out->lens, cap * sizeof(*out->lens));
			out->names = realloc(out->names, cap * sizeof(char *));
			out->types = realloc(out->types, cap * sizeof(*out->types));
			if (out->queries == NULL || out->lens == NULL || out->names == NULL || out->types == NULL)
				die("out of memory");
		}
		out->names[out->n] = strdup(canonical.text);
		out->types[out->n] = q.type;
		out->lens[out->n] = query_build(&q, out->queries[out->n]);
		out->n++;
	}
	(void)fclose(f);
}

static int
open_socket(const char *text)
{
	struct resolve_server server;
	struct err err = {0};
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(resolve_server_parse(text, &server, &err), &err);
	to.sin_port = htons(server.port);
	if (fd < 0 || inet_pton(AF_INET, server.address, &to.sin_addr) != 1 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		die_errno("%s", text);
	return fd;
}

static size_t
through_socket(const char *server, const struct packets *p)
{
	uint8_t reply[REPLY_MAX];
	size_t sent = 0, got = 0;
	int fd = open_socket(server);

	while (got < p->n) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		for (; sent < p->n && sent - got < WINDOW; sent++) {
			if (send(fd, p->queries[sent], p->lens[sent], 0) < 0)
				die_errno("send");
		}
		if (poll(&wait, 1, 10000) <= 0)
			die("the server does not answer");
		while (recv(fd, reply, sizeof(reply), 0) > 0)
			got++;
	}
	(void)close(fd);
	return got;
}

static int
ask_some(struct lookup *l, void *arg, struct err *err)
{
	const struct job *j = arg;

	(void)err;
	for (size_t i = j->first; i < j->p->n && i < j->first + A_JOB; i++)
		(void)lookup_ask(l, j->p->names[i], j->p->types[i]);
	return CR_OK;
}

static size_t
through_lookup(const char *server, const struct packets *p)
{
	struct lookup_settings s = {.known = true, .recursion = true};
	const size_t n = (p->n + A_JOB - 1) / A_JOB;
	struct lookup_job *jobs = calloc(n + 1, sizeof(*jobs));
	struct job *args = calloc(n + 1, sizeof(*args));
	struct lookup *l = NULL;
	struct err err = {0};
	size_t got;

	if (jobs == NULL || args == NULL)
		die("out of memory");
	must(resolve_server_parse(server, &s.resolver, &err), &err);
	for (size_t i = 0; i < n; i++) {
		args[i] = (struct job){.p = p, .first = i * A_JOB};
		jobs[i] = (struct lookup_job){.run = ask_some, .arg = &args[i]};
	}
	must(lookup_open(&s, &l, &err), &err);
	must(lookup_settle(l, jobs, n, NULL, NULL, &err), &err);
	got = lookup_sent(l);
	lookup_drop(&l);
	free(args);
	free(jobs);
	return got;
}

int
main(int argc, char **argv)
{
	struct packets p = {0};
	const bool lookup = argc == 4 && strcmp(argv[3], "lookup") == 0;
	int64_t began;
	size_t got;

	if (argc != 3 && !lookup)
		die("usage: questions HOST:PORT FILE [lookup]");
	read_questions(argv[2], &p);
	began = now_ns();
	got = lookup ? through_lookup(argv[1], &p) : through_socket(argv[1], &p);
	printf("%zu %.4f\n", got, (double)(now_ns() - began) / 1e9);
	for (size_t i = 0; i < p.n; i++)
		free(p.names[i]);
	free(p.names);
	free(p.types);
	free(p.queries);
	free(p.lens);
	return 0;
}
