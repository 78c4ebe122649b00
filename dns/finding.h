/*
 * finding.h - what a check noticed: how bad it is, a word for programs, a line for people, and the record or command that puts it right.
 *
 * All checks of `verify` say what they found in this form, so that the report is one loop.  Nothing is ever "clean" for want of an
 * answer: what could not be asked is FINDING_UNKNOWN.
 */
#ifndef DNS_FINDING_H
#define DNS_FINDING_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum finding_level {
	FINDING_NOTE,    /* worth knowing, no fault: ages, TTLs, a signed zone */
	FINDING_WARN,    /* works today, costs deliverability or breaks with some receivers */
	FINDING_UNKNOWN, /* could not be found out; why is in the text */
	FINDING_FAIL,
	FINDING_LEVEL__COUNT
};
const char *finding_level_name(enum finding_level l); /* "note", "warn", "unknown", "fail" */

struct finding {
	enum finding_level level;
	const char *id; /* static, lower case with dashes: "spf-two-records" */
	char *text;     /* one line, heap: what is wrong, with what was seen */
	char *fix;      /* heap: an exact record in master-file form or a command; NULL where there is none */
	bool absent;    /* fails only because something is not there (yet): waiting may help */
};
struct findings {
	struct finding *items;
	size_t n, cap;
};
void findings_release(struct findings *f);
/* fix may be NULL.  Control bytes of the text become '?'.  Errors: CR_ENOMEM. */
MUST_CHECK int findings_add(struct findings *f, enum finding_level level, const char *id, const char *fix,
                            struct err *err, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* The last one added is only not there yet. */
void findings_absent(struct findings *f);
/* NULL: none of that id. */
const struct finding *findings_find(const struct findings *f, const char *id);
/* How many of that level. */
size_t findings_count(const struct findings *f, enum finding_level level);
/* Everything of from behind to's own; from becomes empty. */
MUST_CHECK int findings_move(struct findings *to, struct findings *from, struct err *err);

#endif
