/*
 * dmarc_inside.h - what the parts of the DMARC checks share: the walk up the tree, and a way to say what was found.
 */
#ifndef DNS_DMARC_INSIDE_H
#define DNS_DMARC_INSIDE_H

#include "dns/dmarc_check.h"
#include "dns/name.h"

/* Findings that are wanted or not, and the first failure to keep one. */
struct dmarc_teller {
	struct findings *findings; /* NULL: nobody listens */
	struct err *err;
	int rc;
};
#define DMARC_TELL(t, level, id, fix, ...)                                                                             \
	do {                                                                                                           \
		if ((t)->rc == CR_OK && (t)->findings != NULL)                                                         \
			(t)->rc = findings_add((t)->findings, (level), (id), (fix), (t)->err, __VA_ARGS__);            \
	} while (0)

#define DMARC_STEPS_MAX 8 /* RFC 9989 s4.10 */
struct dmarc_step {
	const char *name; /* part of the walk's start */
	enum dmarc_status status;
	char psd; /* of a record: 'y', 'n', 'u' */
};
struct dmarc_walk {
	struct name start;
	struct dmarc_step steps[DMARC_STEPS_MAX]; /* from the start upwards, as far as it is known */
	size_t n;
	bool named;                        /* the start is a name that can be asked for */
	bool pending;                      /* not at its end, for want of an answer */
	const struct lookup_answer *wrong; /* the answer that ended it early; NULL */
};
/* From domain (any spelling) to the top, or to psd=y or psd=n. */
void dmarc_walk(struct lookup *l, const char *domain, struct dmarc_walk *out);
/* Of a walk that came to its end: its organisational domain (s4.10.2), part of its start. */
const char *dmarc_walk_organisation(const struct dmarc_walk *w);
/* The TXT records at _dmarc.<name>; NULL where the name would be too long to exist. */
const struct lookup_answer *dmarc_ask(struct lookup *l, const char *name);
/* Read them; findings may be NULL.  An answer that says nothing is DMARC_TEMPERROR.  Errors: CR_ENOMEM. */
MUST_CHECK int dmarc_read_answer(const struct lookup_answer *a, struct dmarc_reading *out, struct findings *findings,
                                 struct err *err);
/* s4.8: nothing may stand in front of the version. */
bool dmarc_starts_record(const char *text);

#endif
