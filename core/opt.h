/*
 * opt.h - options as rows: one table makes the parser and the help.
 *
 * Long options take "--name value" or "--name=value", short ones "-n value" or "-nvalue"; "--" ends options; options and
 * operands may be mixed.  An unknown option names the nearest one.
 */
#ifndef CORE_OPT_H
#define CORE_OPT_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_type { OPT_FLAG, OPT_COUNT, OPT_TEXT, OPT_INT, OPT_DURATION, OPT_LIST };

/* The values of an option that may be given again and again. */
#define OPT_LIST_MAX 32
struct opt_list {
	const char *items[OPT_LIST_MAX];
	size_t n;
};

struct opt {
	const char *name; /* "message-id" */
	char letter;      /* 0: none */
	enum opt_type type;
	void *to;         /* bool *, int *, const char **, int64_t *, int64_t * (seconds), struct opt_list * */
	int64_t min, max; /* OPT_INT */
	const char *arg;  /* "ID" in the help */
	const char *help;
};

/*
 * Walk argv[0..argc): options fill their targets, operands are collected in order into operands (room for argc).
 * Errors: CR_EUSAGE, one line: "unknown option '--dry-rum': did you mean --dry-run".
 */
MUST_CHECK int opt_parse(const struct opt *rows, size_t n_rows, int argc, char **argv, const char **operands,
                         size_t *n_operands_out, struct err *err);
/*
 * The same for a command, whose name is argv[0]: from min to max operands, else the line is "usage: coldrelay USAGE".
 * *operands_out: an array on the heap for the caller to free, its texts borrowed from argv.  Errors: CR_EUSAGE, CR_ENOMEM.
 */
MUST_CHECK int opt_parse_command(const struct opt *rows, size_t n_rows, int argc, char **argv, size_t min, size_t max,
                                 const char *usage, const char ***operands_out, size_t *n_operands_out,
                                 struct err *err);
/* As opt_parse, but stops at the first operand (global options in front of the command). */
MUST_CHECK int opt_parse_front(const struct opt *rows, size_t n_rows, int argc, char **argv, int *used_out,
                               struct err *err);
void opt_help(const struct opt *rows, size_t n_rows, FILE *to);

/* The nearest of names to word (edit distance at most 2, or a third of its length), or NULL.  Also for settings and commands. */
const char *opt_nearest(const char *word, const char *const *names, size_t n);
/*
 * Edit distance, at most limit + 1: letters put in, left out or changed, and two neighbours swapped, the commonest slip, count
 * one each.  Words of more than 64 bytes are only the same or beyond the limit.
 */
size_t opt_distance(const char *a, const char *b, size_t limit);

#endif
