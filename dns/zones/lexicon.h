/*
 * lexicon.h - the pure halves of the client of lexicon: what its program is asked, and what its lists say.
 */
#ifndef DNS_ZONES_LEXICON_H
#define DNS_ZONES_LEXICON_H

#include "dns/zones/zones.h"

/* How values are written for the provider behind it. */
struct lexicon_manner {
	bool mx_in_content; /* "10 mail.example.net." as content; else --priority beside it */
};

/* A record as it is given to lexicon: content without quotes, hosts with a final dot. */
struct lexicon_value {
	char *content;
	char priority[8]; /* "" none */
};
void lexicon_value_release(struct lexicon_value *v);
MUST_CHECK int lexicon_value_make(const struct lexicon_manner *m, const struct record *r, struct lexicon_value *out,
                                  struct err *err);

/* What `list --output JSON` prints, appended; entries that record.h cannot read are left out.  Errors: CR_EPARSE with the path, CR_ENOMEM. */
MUST_CHECK int lexicon_list_parse(const char *text, size_t len, const char *zone, uint16_t type, struct records *out,
                                  struct err *err);
/* What a failed run means, by its last line; *absent_out: there is no such zone (CR_OK then). */
MUST_CHECK int lexicon_fault_parse(const char *output, const char *zone, bool *absent_out, struct err *err);

#endif
