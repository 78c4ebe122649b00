/*
 * cloudflare.h - the pure halves of the Cloudflare client: requests from values, values from replies.
 */
#ifndef DNS_ZONES_CLOUDFLARE_H
#define DNS_ZONES_CLOUDFLARE_H

#include "dns/zones/zones.h"

struct cf_target {
	char *base; /* ".../client/v4" */
	char *account;
	struct secret *token;
};

/* A record with what it is called there. */
struct cf_record {
	char *id;
	struct record record; /* ttl_s 1: automatic */
	bool proxied;         /* DNS answers with the proxy's addresses in its place: never right for a mail host */
};
struct cf_records {
	struct cf_record *items;
	size_t n, cap;
	size_t seen;  /* read so far, those that were left out too */
	size_t total; /* what the zone holds, as the reply says */
};
void cf_records_release(struct cf_records *l);

/* One batch: what is done in one transaction, in this order. */
struct cf_batch {
	const char **deletes; /* ids, borrowed */
	struct cf_patch {
		const char *id; /* borrowed */
		uint32_t ttl_s;
	} * patches;
	const struct record **posts; /* borrowed */
	size_t n_deletes, n_patches, n_posts;
};

MUST_CHECK int cf_find_request(const struct cf_target *t, const char *zone, struct http_request *out, struct err *err);
MUST_CHECK int cf_records_request(const struct cf_target *t, const char *id, unsigned page, struct http_request *out,
                                  struct err *err);
MUST_CHECK int cf_create_request(const struct cf_target *t, const char *zone, struct http_request *out,
                                 struct err *err);
MUST_CHECK int cf_batch_request(const struct cf_target *t, const char *id, const struct cf_batch *b,
                                struct http_request *out, struct err *err);
MUST_CHECK int cf_remove_request(const struct cf_target *t, const char *id, struct http_request *out, struct err *err);

/* The zone of that name in a list, or the one that was made: id and name servers.  Not in the list: exists is false.
 * Errors: CR_EPARSE with the path in the JSON, CR_ENOMEM. */
MUST_CHECK int cf_zone_parse(const char *text, size_t len, const char *zone, struct zone_state *out, struct err *err);
/* A page of records, appended.  Types that record.h cannot read are left out and count.  Errors: CR_EPARSE, CR_ENOMEM. */
MUST_CHECK int cf_records_parse(const char *text, size_t len, struct cf_records *out, struct err *err);
/* What a reply means that is no success; never CR_OK.  code_out: the API's own, 0 none. */
MUST_CHECK int cf_fault_parse(const struct http_reply *reply, const char *what, int64_t *code_out, struct err *err);

/* The API's own codes. */
#define CF_ZONE_EXISTS   1061
#define CF_NO_SUCH_ID    7003
#define CF_SAME_RECORD   81057
#define CF_SAME_RECORD_2 81058
#define CF_HOST_TAKEN    81053
#define CF_HOST_TAKEN_2  81054
#define CF_NO_SUCH       81044

#endif
