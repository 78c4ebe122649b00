/*
 * tmpl.h - the record set of an outreach domain as data: one JSON file a mail host, in the Domain Connect template form.
 *
 * Fields understood (Domain Connect template format, 2.3): providerId, providerName, serviceId, serviceName, version, description, variableDescription,
 * syncBlock ... are carried or ignored; records[]: type (A AAAA CNAME MX TXT SRV CAA TLSA NS SPFM), host, pointsTo, data, ttl, priority,
 * weight, port, protocol, service, target, groupId, essential (Always, OnApply), txtConflictMatchingMode (None, All, Prefix), txtConflictMatchingPrefix,
 * spfRules.  %name% is replaced by the variable's value in any field; a host is relative to the domain, "@" the domain.
 * A variable that holds several values repeats its record where it stands alone in pointsTo, data or target, and is joined by blanks in
 * spfRules.  "%addresses%" in an A and an AAAA record of one host gives each the addresses of its family.  %domain% and %fqdn% are
 * the domain, unless the caller says otherwise.
 */
#ifndef TEMPLATES_TMPL_H
#define TEMPLATES_TMPL_H

#include "core/err.h"
#include "dns/record.h"

#include <stdbool.h>
#include <stddef.h>

struct tmpl; /* a loaded, checked template */

/*
 * Load NAME.json from the first of dirs (NULL-terminated) that has it, else the one built in.
 * Errors: CR_ENOTFOUND (lists the names there are), CR_ECONFIG "FILE: records[3].ttl: not a number".
 */
MUST_CHECK int tmpl_load(const char *name, const char *const *dirs, struct tmpl **out, struct err *err);
/* From text, for tests and fuzzing. */
MUST_CHECK int tmpl_parse(const char *text, size_t len, const char *file, struct tmpl **out, struct err *err);
void tmpl_drop(struct tmpl **t);

struct tmpl_variable {
	const char *name;
	const char *const *values; /* one or more */
	size_t n_values;
};

/* How existing records relate to one of the template's. */
enum tmpl_conflict {
	TMPL_CONFLICT_SAME_SET, /* any foreign record of that name and type is a conflict (A, MX, CNAME...) */
	TMPL_CONFLICT_NONE,     /* TXT mode None: stands beside others */
	TMPL_CONFLICT_ALL,      /* TXT mode All: no other TXT at that name */
	TMPL_CONFLICT_PREFIX,   /* TXT mode Prefix: no other TXT that starts with prefix */
	TMPL_CONFLICT_SPF       /* SPFM: merged with an existing SPF record as terms */
};

struct tmpl_record {
	struct record record; /* SPFM: TXT "v=spf1 RULES -all" as it would be alone */
	enum tmpl_conflict conflict;
	char *prefix;    /* for TMPL_CONFLICT_PREFIX */
	char *spf_rules; /* for TMPL_CONFLICT_SPF: "a:mail.example.net ip4:192.0.2.10" */
	char *group;     /* may be NULL */
	bool essential;  /* essential: Always (the default) */
};
struct tmpl_records {
	struct tmpl_record *items;
	size_t n, cap;
};
void tmpl_records_release(struct tmpl_records *l);

/*
 * Fill the template for domain.  groups: wanted group ids (records without group are always wanted); NULL: all.
 * ttl_s: used where a record has no ttl of its own.  Errors: CR_ECONFIG (unset variable, value that makes an invalid record) naming file, record and field.
 */
MUST_CHECK int tmpl_fill(const struct tmpl *t, const char *domain, const struct tmpl_variable *vars, size_t n_vars,
                         const char *const *groups, uint32_t ttl_s, struct tmpl_records *out, struct err *err);
/* Only the records of one group, for what is filled several times: "dkim", once a key. */
MUST_CHECK int tmpl_fill_group(const struct tmpl *t, const char *domain, const struct tmpl_variable *vars,
                               size_t n_vars, const char *group, uint32_t ttl_s, struct tmpl_records *out,
                               struct err *err);
/* Names of the variables used, for error messages and help; NULL-terminated, borrowed. */
const char *const *tmpl_variables(const struct tmpl *t);

#endif
