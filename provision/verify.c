/*
 * verify.c - all checks of one domain as one job.
 */
#include "provision/verify.h"

#include "provision/verify_inside.h"

void
verify_subject_begin(struct verify_subject *s)
{
	verify_report_release(&s->report);
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++)
		verify_report_release(&s->parts[i]);
	s->parts_done = 0;
	spf_tree_release(&s->tree);
}

void
verify_subject_release(struct verify_subject *s)
{
	verify_subject_begin(s);
}

/* In the order of the report. */
static const struct {
	enum verify_group group;
	verify_part *run;
	unsigned needs; /* parts that have to be done before this one can be */
} parts[] = {
	{VERIFY_RECORDS,   verify_records,    0              },
	{VERIFY_SPF,       verify_spf,        0              },
	{VERIFY_DKIM,      verify_dkim,       0              },
	{VERIFY_DMARC,     verify_dmarc,      0              },
	{VERIFY_MX,        verify_mx,         0              },
	{VERIFY_REVERSE,   verify_reverse,    0              },
	{VERIFY_LISTS,     verify_blocklists, 0              },
	{VERIFY_ZONE,      verify_zone,       0              },
	{VERIFY_TRANSPORT, verify_transport,  1U << VERIFY_MX},
};

/* One part; its lines are its own until all are done. */
static int
run_part(struct lookup *l, struct verify_subject *s, size_t i, struct err *err)
{
	struct verify_report *own = &s->parts[parts[i].group];
	const size_t pendings = lookup_pendings(l);
	int rc;

	verify_report_release(own);
	(void)lookup_met(l);
	/* The part adds to the subject's report. */
	s->report = (struct verify_report){0};
	rc = parts[i].run(l, s, err);
	*own = s->report;
	s->report = (struct verify_report){0};
	if (rc == CR_OK && lookup_pendings(l) == pendings && (s->parts_done & parts[i].needs) == parts[i].needs)
		s->parts_done |= 1U << parts[i].group;
	return rc;
}

static int
gather(struct verify_subject *s, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(parts); i++)
		rc = verify_move(&s->report, &s->parts[parts[i].group], err);
	return rc == CR_OK ? verify_fold(&s->report, err) : rc;
}

int
verify_subject_check(struct lookup *l, void *subject, struct err *err)
{
	struct verify_subject *s = subject;
	unsigned all = 0;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(parts); i++) {
		all |= 1U << parts[i].group;
		if ((s->parts_done & 1U << parts[i].group) == 0)
			rc = run_part(l, s, i, err);
	}
	return rc == CR_OK && s->parts_done == all ? gather(s, err) : rc;
}
