/*
 * bench.h - what the bench programs share: a way out, a clock, sockets, and the names of the made-up mailboxes.
 *
 * Mailbox i is m0000000@d000000-contoso.example and so on: every name has the same length, so that a request is a template in which
 * only digits change, and the load generator costs little beside what it measures.
 */
#ifndef BENCH_LIB_BENCH_H
#define BENCH_LIB_BENCH_H

#include "budget/listen.h"

#include <stdint.h>

#define BENCH_MAILBOX_DIGITS       8
#define BENCH_DOMAIN_DIGITS        7
#define BENCH_MAILBOXES_PER_DOMAIN 5
#define BENCH_DOMAINS_PER_TENANT   20

/* "PROGRAM: TEXT" on standard error, exit 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and what errno says. */
_Noreturn void die_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));
void must(int rc, const struct err *err);

int64_t now_ns(void); /* monotonic */
/* CPU time that a process has used; 0: no such process. */
int64_t cpu_ns(pid_t pid);
/* As many files as the system allows. */
void raise_files(void);
/* An option's number; dies of anything else. */
int64_t number(const char *text, const char *what, int64_t min, int64_t max);

struct listen_at place(const char *text);
/* Waits 10 s for a server that has just been started; then is nonblocking. */
int connect_to(const struct listen_at *at);

/* value as width digits, no final NUL. */
void put_digits(char *to, int width, uint64_t value);

#endif
