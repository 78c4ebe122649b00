/*
 * report.h - plans and their outcome, told to people and as JSON lines (ARCHITECTURE.md "The command contract").
 */
#ifndef PROVISION_REPORT_H
#define PROVISION_REPORT_H

#include "provision/expect.h"
#include "provision/plan.h"

struct report_count {
	size_t done, failed, refused, unchanged, planned;
};
/* Add a plan's steps to the count. */
void report_add(struct report_count *c, const struct plan *p);

/* The steps of a plan: as JSON lines, or a block for people (unchanged ones only with -v). */
MUST_CHECK int report_plan(struct session *s, const struct plan *p, struct err *err);
/* One line for a domain that is as it should be. */
void report_done(struct session *s, const struct plan *p);
/* {"event":"summary",...}, or a sentence.  expected: of a plan, what its writes take at their providers. */
MUST_CHECK int report_summary(struct session *s, const struct report_count *c, bool applied,
                              const struct expect *expected, size_t n, struct err *err);

#endif
