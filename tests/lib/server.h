/*
 * server.h - the private servers of tests/lib/NAME_up.sh, for a test in C.
 *
 * A server ends with server_stop, or with the test program however that ends (SIGKILL excepted).
 */
#ifndef TESTS_LIB_SERVER_H
#define TESTS_LIB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct server {
	char dir[64];
	pid_t pid;
	char out[2048]; /* NAME=VALUE lines */
	char why[256];  /* why it is not there */
};

/* Run tests/lib/SCRIPT DIR ARGS and wait until it answers.  False, with why: not installed, or it did not start. */
bool server_start(struct server *s, const char *script, const char *args);
/* The value of a line, "" when there is none.  Into out, which is returned. */
const char *server_value(const struct server *s, const char *name, char *out, size_t size);
void server_stop(struct server *s);

#endif
