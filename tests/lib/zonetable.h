/*
 * zonetable.h - DNS from a JSON object, for tests of checks: {"out.example": {"TXT": [["v=spf1 ", "-all"]], "MX": [[10, "mx.out.example"]],
 * "A": ["192.0.2.1"], "CNAME": ["x.example"], "RCODE": 2, "TIMEOUT": true}}.
 *
 * In a TXT string \DDD is one byte.  RCODE answers everything at the name with that code; TIMEOUT keeps silent about types that have no
 * records there.  A missing name is NXDOMAIN, unless something stands below it.  CNAMEs are followed,
 * and wildcards stand for what is missing below them.
 */
#ifndef TESTS_LIB_ZONETABLE_H
#define TESTS_LIB_ZONETABLE_H

#include "core/json.h"
#include "dns/lookup.h"

#define ZONETABLE_ASKED_MAX 4096

struct zonetable {
	struct json *json; /* owned when opened from text */
	struct json_at at;
	struct zonetable_name {
		char *name;
		unsigned rcode;
		bool timeout;
		struct records records;
	} * names;
	size_t n;
	bool authenticated; /* every answer is AD */
	/* what was asked, in order, "TXT out.example": each question once */
	char *asked[ZONETABLE_ASKED_MAX];
	size_t n_asked;
};
/* Fails the running test on broken JSON.  zone: {} of JSON text. */
void zonetable_open(const char *zone, struct zonetable *out);
/* From a place in a document that outlives the table. */
void zonetable_open_at(const struct json_at *zone, struct zonetable *out);
void zonetable_close(struct zonetable *t);
/* A lookup over it.  deferred: answers come one at a time, and checks are run again for each. */
struct lookup *zonetable_lookup(struct zonetable *t, bool deferred);

#endif
