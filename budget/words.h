/*
 * words.h - verdicts and classes as words: in JSON, on the wire, in metrics.
 */
#ifndef BUDGET_WORDS_H
#define BUDGET_WORDS_H

#include "budget/gate.h"

/* "allow", "wait", "refuse"; "outbound", "warmup". */
const char *words_verdict(enum gate_verdict v);
const char *words_class(enum gate_class c);

/* Back; false: no such word. */
bool words_find_verdict(const char *word, enum gate_verdict *out);
bool words_find_class(const char *word, enum gate_class *out);

#endif
