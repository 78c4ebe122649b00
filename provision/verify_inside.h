/*
 * verify_inside.h - what the checks of one domain share: how a finding becomes a line.
 */
#ifndef PROVISION_VERIFY_INSIDE_H
#define PROVISION_VERIFY_INSIDE_H

#include "provision/verify.h"

/* One check's line. */
struct verify_check {
	enum verify_group group;
	const char *id;    /* static; of the line when nothing was found */
	const char *name;  /* "SPF getnorthwind.example" */
	const char *about; /* the owner of the record set it judges; NULL */
	/* What is outside of the domain's own zone is not held against it where there is nobody to ask for that. */
	bool outside;
	bool open; /* so it was: what was found is no fault, and nothing is ok */
};

void verify_line_release(struct verify_line *l);
/* The counts, of the lines as they are. */
void verify_count(struct verify_report *r);
/* Texts are copied. */
MUST_CHECK int verify_add(struct verify_report *r, const struct verify_line *line, struct err *err);
/* The lines of from behind to's; from becomes empty. */
MUST_CHECK int verify_move(struct verify_report *to, struct verify_report *from, struct err *err);
/* What is unknown only because nobody here can know it becomes a note: true.  An answer that failed to come leaves it unknown. */
bool verify_let_pass(const struct verify_subject *s, struct lookup_met met, struct findings *f);
/* ok, or what was found: f becomes empty.  Errors: CR_ENOMEM. */
MUST_CHECK int verify_add_findings(struct verify_report *r, const struct verify_check *c, struct findings *f,
                                   struct err *err);
/* The same behind a check over l, begun with lookup_met: which answers were missing decides what unknown weighs. */
MUST_CHECK int verify_add_checked(struct lookup *l, struct verify_subject *s, const struct verify_check *c,
                                  struct findings *f, struct err *err);

/* The checks; each adds its lines. */
typedef int verify_part(struct lookup *l, struct verify_subject *s, struct err *err);
verify_part verify_records, verify_spf, verify_dkim, verify_dmarc, verify_mx, verify_reverse, verify_blocklists,
	verify_zone, verify_transport;

/* A fault is named once: see verify_fold.c. */
MUST_CHECK int verify_fold(struct verify_report *r, struct err *err);

#endif
