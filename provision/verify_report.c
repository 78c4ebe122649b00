/*
 * verify_report.c - what a verify found, group by group, for people.
 */
#include <string.h>

#include "core/term.h"
#include "provision/verify.h"

/* A record of several values has a line each. */
static void
put_lines(FILE *to, const char *what, const char *text)
{
	while (text != NULL && *text != '\0') {
		const int len = (int)strcspn(text, "\n");

		(void)fprintf(to, "             %-9s %.*s\n", what, len, text);
		what = "";
		text += len + (text[len] == '\n');
	}
}

static void
put_line(FILE *to, const struct verify_line *l)
{
	static const enum term_tone tones[] = {[VERIFY_OK] = TERM_GOOD,
	                                       [VERIFY_NOTE] = TERM_DIM,
	                                       [VERIFY_WARN] = TERM_WARN,
	                                       [VERIFY_UNKNOWN] = TERM_WARN,
	                                       [VERIFY_FAIL] = TERM_BAD};

	(void)fprintf(to, "    %s%-8s%s %s", term_on(to, tones[l->status]), verify_status_name(l->status), term_off(to),
	              l->status == VERIFY_OK || l->text == NULL ? l->name : l->text);
	if (l->status == VERIFY_FAIL && l->pending)
		(void)fputs(" (not published yet)", to);
	if (l->status >= VERIFY_WARN)
		(void)fprintf(to, "  %s[%s]%s", term_on(to, TERM_DIM), l->id, term_off(to));
	(void)fputc('\n', to);
	put_lines(to, "expected", l->expected);
	put_lines(to, "seen", l->seen);
	/* Master-file form, or a command. */
	put_lines(to, l->fix != NULL && strstr(l->fix, " IN ") != NULL ? "publish" : "do", l->fix);
}

/* Not shown: notes, unless they stand in the place of an ok, and what is well of a domain among others. */
static bool
is_shown(const struct verify_line *l, bool notes, bool all)
{
	if (l->status == VERIFY_NOTE)
		return notes || (all && l->open);
	return all || l->status != VERIFY_OK;
}

int
verify_print(struct session *s, const struct verify_subject *subject, bool all, bool notes, struct err *err)
{
	const struct verify_report *r = &subject->report;
	FILE *to = s->out;

	(void)fprintf(to, "%s%s%s\n", term_on(to, TERM_BOLD), subject->domain, term_off(to));
	for (int g = 0; g < VERIFY_GROUP__COUNT; g++) {
		bool begun = false;

		for (size_t i = 0; i < r->n; i++) {
			const struct verify_line *l = &r->items[i];

			if (l->group != (enum verify_group)g || !is_shown(l, notes, all))
				continue;
			if (!begun)
				(void)fprintf(to, "  %s\n", verify_group_name(l->group));
			begun = true;
			put_line(to, l);
		}
	}
	(void)fprintf(to, "  %zu ok, %zu warn, %zu fail", r->count[VERIFY_OK], r->count[VERIFY_WARN],
	              r->count[VERIFY_FAIL]);
	if (r->pending > 0)
		(void)fprintf(to, " (%zu of them not published yet)", r->pending);
	(void)fprintf(to, ", %zu unknown\n", r->count[VERIFY_UNKNOWN]);
	return ferror(to) ? err_set(err, CR_EIO, "standard output cannot be written") : CR_OK;
}
