/*
 * server.c - start a server by its script, know its answers, take it down again.
 */
#include "tests/lib/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVERS_MAX 8

/* Of all servers that run, for the handlers. */
static volatile pid_t running[SERVERS_MAX];

static void
kill_all(void)
{
	for (size_t i = 0; i < SERVERS_MAX; i++)
		if (running[i] > 0)
			(void)kill(running[i], SIGTERM);
}

static void
kill_all_and_end(int sig)
{
	kill_all();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void
watch(pid_t pid)
{
	static bool ready;

	if (!ready) {
		(void)atexit(kill_all);
		(void)signal(SIGTERM, kill_all_and_end);
		(void)signal(SIGINT, kill_all_and_end);
		(void)signal(SIGABRT, kill_all_and_end);
		ready = true;
	}
	for (size_t i = 0; i < SERVERS_MAX; i++)
		if (running[i] == 0) {
			running[i] = pid;
			return;
		}
}

static void
read_all(FILE *f, char *out, size_t size)
{
	size_t n = fread(out, 1, size - 1, f);

	out[n] = '\0';
}

bool
server_start(struct server *s, const char *script, const char *args)
{
	char command[16384], value[32];
	FILE *f;
	int status;

	memset(s, 0, sizeof(*s));
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/coldrelay-server.XXXXXX");
	if (mkdtemp(s->dir) == NULL) {
		(void)snprintf(s->why, sizeof(s->why), "%s: %s", s->dir, strerror(errno));
		return false;
	}
	(void)snprintf(command, sizeof(command), "tests/lib/%s %s 0 %s 2>%s/why", script, s->dir, args, s->dir);
	f = popen(command, "r");
	if (f == NULL)
		return false;
	read_all(f, s->out, sizeof(s->out));
	status = pclose(f);
	s->pid = (pid_t)strtol(server_value(s, "PID", value, sizeof(value)), NULL, 10);
	if (status == 0 && s->pid > 0) {
		watch(s->pid);
		return true;
	}
	(void)snprintf(command, sizeof(command), "%s/why", s->dir);
	f = fopen(command, "r");
	if (f != NULL) {
		read_all(f, s->why, sizeof(s->why));
		(void)fclose(f);
	}
	server_stop(s);
	return false;
}

const char *
server_value(const struct server *s, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	out[0] = '\0';
	for (const char *line = s->out; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		if (n > len && strncmp(line, name, len) == 0 && line[len] == '=')
			(void)snprintf(out, size, "%.*s", (int)(n - len - 1), line + len + 1);
		line += n + (line[n] == '\n');
	}
	return out;
}

void
server_stop(struct server *s)
{
	char command[256];

	if (s->dir[0] == '\0')
		return;
	for (size_t i = 0; i < SERVERS_MAX; i++)
		if (s->pid > 0 && running[i] == s->pid)
			running[i] = 0;
	(void)snprintf(command, sizeof(command), "tests/lib/down.sh %s/pid; rm -rf %s", s->dir, s->dir);
	if (system(command) != 0)
		(void)fprintf(stderr, "%s: not taken down cleanly\n", s->dir);
	memset(s->dir, 0, sizeof(s->dir));
	s->pid = 0;
}
