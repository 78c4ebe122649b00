/*
 * want.h - the records an outreach domain should have: its template filled in, with DKIM keys, DMARC, report authorisation.
 *
 * Pure: everything it needs is an argument.
 */
#ifndef PROVISION_WANT_H
#define PROVISION_WANT_H

#include "provision/intent.h"
#include "provision/keys.h"
#include "templates/tmpl.h"

/* One thing that only the operator can do. */
struct want_note {
	char *text; /* one line, heap */
};
struct want {
	struct tmpl_records records;
	struct tmpl_records later; /* those whose values the mail host has not told, in their shapes */
	struct want_note *notes;
	size_t n_notes;
};
void want_release(struct want *w);

/*
 * keys: those to be published (active, next, retired but not withdrawn yet).  A key record of a key that is still to be made is
 * left out here and named by the plan.  host: what the mail host told; NULL: it was not asked.  template_dirs: NULL-terminated.
 * Errors: CR_ECONFIG (template, values), CR_EREFUSED (a DMARC policy below quarantine, SPF over 10 look-ups).
 */
MUST_CHECK int want_make(const struct intent *i, const struct intent_domain *d, const struct keys *keys,
                         const struct mailhost_steps *host, const char *const *template_dirs, struct want *out,
                         struct err *err);
/* The records of a parked name: null MX, SPF -all, DMARC reject, empty DKIM (names that send nothing). */
MUST_CHECK int want_parked(const struct intent_domain *d, const char *const *template_dirs, struct want *out,
                           struct err *err);
/* The address part of rua, tls_rua; default postmaster@domain. */
void want_rua(const struct intent_domain *d, char out[320]);

#endif
