/*
 * questions.c - the least that asking can cost: packets made beforehand, through one UDP socket, as many under way as a lookup has.
 *
 *   questions HOST:PORT FILE   FILE: "TYPE NAME" a line.  Prints how many were answered, and seconds.
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

#include "dns/query.h"
#include "dns/record.h"
#include "dns/resolve.h"

#define WINDOW    100 /* as in dns/exchanges.c */
#define LINE_MAX_ 1200
#define REPLY_MAX 4096

struct packets {
	uint8_t (*queries)[QUERY_MAX];
	size_t *lens;
	size_t n;
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
			if (out->queries == NULL || out->lens == NULL)
				die("out of memory");
		}
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

int
main(int argc, char **argv)
{
	struct packets p = {0};
	uint8_t reply[REPLY_MAX];
	size_t sent = 0, got = 0;
	int64_t began;
	int fd;

	if (argc != 3)
		die("usage: questions HOST:PORT FILE");
	read_questions(argv[2], &p);
	fd = open_socket(argv[1]);
	began = now_ns();
	while (got < p.n) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		for (; sent < p.n && sent - got < WINDOW; sent++) {
			if (send(fd, p.queries[sent], p.lens[sent], 0) < 0)
				die_errno("send");
		}
		if (poll(&wait, 1, 10000) <= 0)
			die("the server does not answer");
		while (recv(fd, reply, sizeof(reply), 0) > 0)
			got++;
	}
	printf("%zu %.4f\n", got, (double)(now_ns() - began) / 1e9);
	free(p.queries);
	free(p.lens);
	return 0;
}
