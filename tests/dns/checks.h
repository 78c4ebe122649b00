/*
 * checks.h - run a check over a zone, answered at once and answered late: what it says must not differ.
 */
#ifndef TESTS_DNS_CHECKS_H
#define TESTS_DNS_CHECKS_H

#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/finding.h"

/* findings->items of each run, as "level id", joined by ", ". */
static inline void
checks_format(const struct findings *f, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < f->n; i++)
		buf_addf(out, "%s%s %s%s", i > 0 ? ", " : "", finding_level_name(f->items[i].level), f->items[i].id,
		         f->items[i].absent ? " absent" : "");
}

/* One check, with what it needs and what it says.  run empties findings first. */
struct check {
	lookup_check *run;
	void *arg;
	struct findings *findings;
};

/* Leaves what the late run said in arg and findings.  Returns the check's own code. */
static inline int
checks_run(struct zonetable *t, const struct check *c, struct err *err)
{
	struct buf said[2] = {{0}, {0}};
	int rc[2];

	for (int late = 0; late < 2; late++) {
		struct lookup *l = zonetable_lookup(t, late != 0);

		findings_release(c->findings);
		rc[late] = lookup_settle_one(l, c->run, c->arg, err);
		checks_format(c->findings, &said[late]);
		lookup_drop(&l);
	}
	assert_int_equal(rc[0], rc[1]);
	assert_string_equal(buf_str(&said[0]), buf_str(&said[1]));
	buf_release(&said[0]);
	buf_release(&said[1]);
	return rc[1];
}

/* JSON with ' for ", so that it can be read in C.  The caller frees. */
static inline char *
checks_json(const char *text)
{
	char *json = strdup(text);

	assert_non_null(json);
	for (char *c = json; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	return json;
}

/* All findings, as checks_format writes them. */
static inline void
checks_said(const struct findings *f, const char *want)
{
	struct buf said = {0};

	checks_format(f, &said);
	if (strcmp(buf_str(&said), want) != 0) {
		for (size_t i = 0; i < f->n; i++)
			print_message("%s: %s\n", f->items[i].id, f->items[i].text);
	}
	assert_string_equal(buf_str(&said), want);
	buf_release(&said);
}

#endif
