/*
 * bench_reply.c - replies classified a second, beside a bare scan of the same bytes; and what loading the rules costs a process.
 *
 *   bench_reply [-s SECONDS] [FILE]   one reply a line; without FILE the test lines of the built-in rules
 *
 * The scan counts a byte that hardly occurs: the least that reading a reply can cost.  Medians over rounds.
 */
#include "tests/bench/lib/bench.h"

#include "budget/reply.h"
#include "budget/reply_inside.h"
#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    7
#define TEXTS_MAX 100000

static struct reply_rules *rules;
static const char *texts[TEXTS_MAX];
static size_t n_texts, n_bytes;
static int64_t round_ns = 200000000;
static volatile unsigned long sink;

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
scan(const char *text)
{
	unsigned long n = 0;

	for (const char *at = text; *at != '\0'; at++)
		n += *at == '\1';
	sink += n;
}

static void
classify(const char *text)
{
	struct reply_verdict v;

	reply_classify(rules, &(struct reply_question){.text = text}, &v);
	sink += v.class;
}

/* The median rate of a second. */
static double
measure(const char *name, void (*run)(const char *text))
{
	double rate[ROUNDS];

	for (size_t r = 0; r < ROUNDS; r++) {
		const int64_t began = now_ns();
		size_t n = 0;

		do {
			for (size_t i = 0; i < n_texts; i++)
				run(texts[i]);
			n += n_texts;
		} while (now_ns() - began < round_ns);
		rate[r] = (double)n * 1e9 / (double)(now_ns() - began);
	}
	qsort(rate, ROUNDS, sizeof(rate[0]), by_value);
	printf("%s %.0f replies/s (min %.0f, max %.0f; %zu replies of %zu bytes on average)\n", name, rate[ROUNDS / 2],
	       rate[0], rate[ROUNDS - 1], n_texts, n_bytes / n_texts);
	return rate[ROUNDS / 2];
}

static void
add_text(const char *text)
{
	if (n_texts == TEXTS_MAX || *text == '\0')
		return;
	texts[n_texts++] = text;
	n_bytes += strlen(text);
}

static void
read_texts(struct buf *file)
{
	for (char *line = file->data; line != NULL;) {
		char *end = strchr(line, '\n');

		if (end != NULL)
			*end = '\0';
		add_text(line);
		line = end == NULL ? NULL : end + 1;
	}
}

int
main(int argc, char **argv)
{
	struct buf file = {0};
	struct err err = {0};
	const int64_t began = now_ns();
	double floor_rate, rate;

	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		round_ns = (int64_t)(strtod(argv[2], NULL) * 1e9 / ROUNDS);
		argc -= 2;
		argv += 2;
	}
	must(reply_rules_open(NULL, &rules, &err), &err);
	printf("reply_load %.2f ms (%zu rules, %zu phrases)\n", (double)(now_ns() - began) / 1e6, rules->n_rules,
	       rules->phrases.n);
	if (argc > 1) {
		must(file_read(argv[1], BUF_MAX_DEFAULT, &file, &err), &err);
		read_texts(&file);
	}
	for (size_t i = 0; argc == 1 && i < rules->n_tests; i++)
		add_text(rules->tests[i].text);
	if (n_texts == 0)
		die("no replies");
	floor_rate = measure("reply_scan_rate", scan);
	rate = measure("reply_rate", classify);
	printf("reply_scan_over_rate %.0f\n", floor_rate / rate);
	buf_release(&file);
	reply_rules_drop(&rules);
	return 0;
}
