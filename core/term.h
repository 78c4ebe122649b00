/*
 * term.h - what a person sees: tables (libsmartcols), colours, a progress bar, a yes/no question.
 *
 * Colour only on a terminal, without NO_COLOR and --no-color.  Text that came from outside is shown with control bytes replaced.
 */
#ifndef CORE_TERM_H
#define CORE_TERM_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum term_tone { TERM_PLAIN, TERM_GOOD, TERM_WARN, TERM_BAD, TERM_DIM, TERM_BOLD, TERM_TONE__COUNT };

void term_set_color(bool allowed); /* --no-color */
/* Escape sequence or "" for a stream that gets none. Static. */
const char *term_on(FILE *to, enum term_tone tone);
const char *term_off(FILE *to);

struct term_column {
	const char *title;
	bool right;
	bool may_cut; /* shortened with an ellipsis on a narrow terminal; on a pipe nothing is ever cut */
};
struct term_table;
MUST_CHECK int term_table_open(const struct term_column *columns, size_t n, struct term_table **out, struct err *err);
/* One row of n texts, copied.  tone colours the row. */
MUST_CHECK int term_table_add(struct term_table *t, enum term_tone tone, const char *const *cells, struct err *err);
/* A table without rows prints nothing.  Errors: CR_EIO. */
MUST_CHECK int term_table_print(struct term_table *t, FILE *to, struct err *err);
void term_table_drop(struct term_table **t);

/* Progress on stderr: a bar on a terminal, one line a finished item elsewhere, nothing with -q.  Thread-safe. */
struct term_progress;
MUST_CHECK int term_progress_open(const char *what, size_t total, struct term_progress **out, struct err *err);
void term_progress_step(struct term_progress *p, const char *item_done);
void term_progress_drop(struct term_progress **p);

/* Ask on the terminal.  Errors: CR_EREFUSED when stdin is no terminal ("confirm with --yes"), or the answer was not yes. */
MUST_CHECK int term_confirm(const char *question, struct err *err);

#endif
