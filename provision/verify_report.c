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
	              l->text == NULL ? l->name : l->text);
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
is_shown(const struct verify_line *l, unsigned show)
{
	if (l->status == VERIFY_NOTE)
		return (show & VERIFY_SHOW_NOTES) != 0 || ((show & VERIFY_SHOW_OK) != 0 && l->open);
	return (show & VERIFY_SHOW_OK) != 0 || l->status != VERIFY_OK;
}

static void
put_group(FILE *to, const struct verify_report *r, enum verify_group g, unsigned show)
{
	bool begun = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct verify_line *l = &r->items[i];

		if (l->group != g || !is_shown(l, show))
			continue;
		if (!begun)
			(void)fprintf(to, "  %s\n", verify_group_name(g));
		begun = true;
		put_line(to, l);
	}
}

static int
put_tree(FILE *to, const struct spf_tree *tree, struct err *err)
{
	struct buf text = {0};
	int rc;

	spf_tree_format(tree, &text);
	rc = buf_check(&text, "SPF tree", err);
	for (const char *line = buf_str(&text); rc == CR_OK && *line != '\0';) {
		const int len = (int)strcspn(line, "\n");

		(void)fprintf(to, "      %s%.*s%s\n", term_on(to, TERM_DIM), len, line, term_off(to));
		line += len + (line[len] == '\n');
	}
	buf_release(&text);
	return rc;
}

int
verify_print(struct session *s, const struct verify_subject *subject, unsigned show, struct err *err)
{
	const struct verify_report *r = &subject->report;
	FILE *to = s->out;
	int rc = CR_OK;

	(void)fprintf(to, "%s%s%s\n", term_on(to, TERM_BOLD), subject->domain, term_off(to));
	for (int g = 0; rc == CR_OK && g < VERIFY_GROUP__COUNT; g++) {
		put_group(to, r, (enum verify_group)g, show);
		if (g == VERIFY_SPF && (show & VERIFY_SHOW_TREE) != 0 && subject->tree.n > 0)
			rc = put_tree(to, &subject->tree, err);
	}
	if (rc != CR_OK)
		return rc;
	(void)fprintf(to, "  %zu ok, %zu warn, %zu fail", r->count[VERIFY_OK], r->count[VERIFY_WARN],
	              r->count[VERIFY_FAIL]);
	if (r->pending > 0)
		(void)fprintf(to, " (%zu of them not published yet)", r->pending);
	(void)fprintf(to, ", %zu unknown\n", r->count[VERIFY_UNKNOWN]);
	return ferror(to) ? err_set(err, CR_EIO, "standard output cannot be written") : CR_OK;
}
