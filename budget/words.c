/*
 * words.c - see words.h.
 */
#include "budget/words.h"

#include <assert.h>
#include <string.h>

static const char *const verdicts[] = {[GATE_ALLOW] = "allow", [GATE_WAIT] = "wait", [GATE_REFUSE] = "refuse"};
static_assert(ARRAY_LEN(verdicts) == GATE_VERDICT__COUNT, "a word for each verdict");
static const char *const classes[] = {[GATE_OUTBOUND] = "outbound", [GATE_WARMUP] = "warmup"};
static_assert(ARRAY_LEN(classes) == GATE_CLASS__COUNT, "a word for each class");

const char *
words_verdict(enum gate_verdict v)
{
	return verdicts[v];
}

const char *
words_class(enum gate_class c)
{
	return classes[c];
}

static size_t
find(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && strcmp(words[i], word) != 0)
		i++;
	return i;
}

bool
words_find_verdict(const char *word, enum gate_verdict *out)
{
	size_t i = find(verdicts, ARRAY_LEN(verdicts), word);

	if (i < ARRAY_LEN(verdicts))
		*out = (enum gate_verdict)i;
	return i < ARRAY_LEN(verdicts);
}

bool
words_find_class(const char *word, enum gate_class *out)
{
	size_t i = find(classes, ARRAY_LEN(classes), word);

	if (i < ARRAY_LEN(classes))
		*out = (enum gate_class)i;
	return i < ARRAY_LEN(classes);
}
