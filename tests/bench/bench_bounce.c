/*
 * bench_bounce.c - mails a second, beside a bare scan of the same bytes in memory; and what an mbox of 10,000 mails needs.
 *
 * The mails are those of tests/golden/bounce; where labelled ones lie beside the project (../shared/bounce-corpus), those too.
 * scan: memchr from line to line.  read: bounce_read.  whole: with the rules asked about each recipient.  Medians over rounds.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "budget/bounce.h"
#include "budget/mails.h"
#include "budget/reading.h"
#include "core/file.h"
#include "tests/bench/lib/bench.h"

#define ROUNDS    7
#define ROUND_US  150000.0
#define MAILS_MAX 2000
#define BOX_MAILS 10000

struct bench_mail {
	char *data;
	size_t len;
};
static struct bench_mail mail[MAILS_MAX];
static size_t n_mails, n_bytes;
static struct reply_rules *rules;
static volatile size_t sink;

static double
now_us(void)
{
	return (double)now_ns() / 1e3;
}

/* ---- what is measured: once over all mails ---- */

static void
scan(void)
{
	for (size_t i = 0; i < n_mails; i++) {
		const char *at = mail[i].data, *end = at + mail[i].len;

		while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL)
			at++, sink++;
	}
}

static void
read_one(const char *data, size_t len, bool whole)
{
	struct bounce *b = NULL;
	struct reading f;
	struct err err;

	must(bounce_read(data, len, &b, &err), &err);
	for (size_t i = 0; whole && i < b->n; i++) {
		reading_of_mail(rules, b, i, NULL, &f);
		sink += f.verdict.class;
	}
	bounce_drop(&b);
}

static void
read_all(void)
{
	for (size_t i = 0; i < n_mails; i++)
		read_one(mail[i].data, mail[i].len, false);
}

static void
whole_all(void)
{
	for (size_t i = 0; i < n_mails; i++)
		read_one(mail[i].data, mail[i].len, true);
}

/* ---- how ---- */

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median microseconds of one call. */
static double
measure(void (*what)(void))
{
	double us[ROUNDS];

	what();
	for (size_t i = 0; i < ROUNDS; i++) {
		const double begin = now_us();
		size_t n = 0;

		do
			what();
		while (n++, now_us() - begin < ROUND_US);
		us[i] = (now_us() - begin) / (double)n;
	}
	qsort(us, ROUNDS, sizeof(us[0]), by_value);
	return us[ROUNDS / 2];
}

static void
load(const char *dir)
{
	struct buf text = {0};
	struct err err;
	struct dirent *e;
	char path[512];
	DIR *d = opendir(dir);

	n_mails = n_bytes = 0;
	while (d != NULL && n_mails < MAILS_MAX && (e = readdir(d)) != NULL) {
		if (strstr(e->d_name, ".eml") == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		buf_clear(&text);
		must(file_read(path, (size_t)1 << 20, &text, &err), &err);
		mail[n_mails].len = text.len;
		n_bytes += text.len;
		must(buf_take(&text, "a mail", &mail[n_mails++].data, &err), &err);
	}
	if (d != NULL)
		(void)closedir(d);
	buf_release(&text);
}

/* ---- an mbox, in a process of its own ---- */

static void
write_box(FILE *box)
{
	for (size_t i = 0; i < BOX_MAILS; i++) {
		const struct bench_mail *m = &mail[i % n_mails];

		(void)fputs("From MAILER-DAEMON Wed Nov 25 10:00:00 2026\n", box);
		(void)fwrite(m->data, 1, m->len, box);
		(void)fputs("\n\n", box);
	}
	(void)fflush(box);
}

static int
read_box(const char *path)
{
	struct mails *m = NULL;
	struct mail one;
	struct err err;
	bool more = true;
	size_t n = 0;

	must(reply_rules_open(NULL, &rules, &err), &err);
	must(mails_open(path, &m, &err), &err);
	for (;;) {
		must(mails_next(m, &one, &more, &err), &err);
		if (!more)
			break;
		read_one(one.data, one.len, true);
		n++;
	}
	mails_drop(&m);
	reply_rules_drop(&rules);
	return n >= BOX_MAILS ? 0 : 1;
}

/* A fresh process of this program: a child of this one would begin with the memory of all that is loaded here. */
static void
measure_box(const char *self, const char *what)
{
	char path[] = "/tmp/coldrelay-bench.XXXXXX";
	struct rusage used;
	int fd = mkstemp(path), status = 1;
	FILE *box = fd >= 0 ? fdopen(fd, "w") : NULL;
	double begin;
	pid_t pid;

	if (box == NULL)
		return;
	write_box(box);
	begin = now_us();
	pid = fork();
	if (pid == 0) {
		(void)execl(self, self, path, (char *)NULL);
		_exit(127);
	}
	if (pid > 0 && wait4(pid, &status, 0, &used) == pid && status == 0)
		printf("bounce_box_%s %.1f MB resident at most (limit 16), %d mails in %.2f s\n", what,
		       (double)used.ru_maxrss / 1024, BOX_MAILS, (now_us() - begin) / 1e6);
	else
		die("the mbox was not read");
	(void)fclose(box);
	(void)unlink(path);
}

static void
run(const char *self, const char *what, const char *dir)
{
	double floor_us, read_us, whole_us;

	load(dir);
	if (n_mails == 0) {
		printf("bounce_%s skipped: no mails at %s\n", what, dir);
		return;
	}
	floor_us = measure(scan);
	read_us = measure(read_all);
	whole_us = measure(whole_all);
	printf("bounce_scan_%s %.0f MB/s (floor; %zu mails, %zu bytes)\n", what, (double)n_bytes / floor_us, n_mails,
	       n_bytes);
	printf("bounce_read_%s %.0f mails/s, %.0f MB/s, %.1f times the floor\n", what, (double)n_mails / read_us * 1e6,
	       (double)n_bytes / read_us, read_us / floor_us);
	printf("bounce_whole_%s %.0f mails/s, %.0f MB/s, %.1f times the floor\n", what,
	       (double)n_mails / whole_us * 1e6, (double)n_bytes / whole_us, whole_us / floor_us);
	measure_box(self, what);
	for (size_t i = 0; i < n_mails; i++)
		free(mail[i].data);
}

int
main(int argc, char **argv)
{
	struct err err;

	if (argc > 1)
		return read_box(argv[1]);
	must(reply_rules_open(NULL, &rules, &err), &err);
	run(argv[0], "golden", "tests/golden/bounce");
	run(argv[0], "corpus", "../shared/bounce-corpus/emails");
	reply_rules_drop(&rules);
	return 0;
}
