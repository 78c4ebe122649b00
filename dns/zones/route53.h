/*
 * route53.h - the pure halves of the Route 53 client: requests from values, values from replies, and changes as batches.
 */
#ifndef DNS_ZONES_ROUTE53_H
#define DNS_ZONES_ROUTE53_H

#include "dns/zones/zones.h"

#define R53_ID_MAX        33   /* 32 and the NUL */
#define R53_REFERENCE_MAX 129  /* 128 and the NUL */
#define R53_VALUE_MAX     4000 /* characters of a value, as it is written */

struct r53_target {
	char *base;             /* ".../2013-04-01" */
	struct secret *user;    /* "ACCESS-KEY-ID:SECRET" */
	struct secret *session; /* of temporary keys; NULL */
};

/* Public zones of one name. */
struct r53_zones {
	struct r53_zone {
		char id[R53_ID_MAX];
		char reference[R53_REFERENCE_MAX];
	} * items;
	size_t n, cap;
	bool more; /* the page ends within the name: ask on from these */
	char next_name[NAME_TEXT_MAX], next_id[R53_ID_MAX];
};
void r53_zones_release(struct r53_zones *l);

/* A record set as it stands there: to be deleted it has to be said again, to the letter. */
struct r53_set {
	char *owner; /* canonical */
	char type_name[16];
	uint16_t type; /* 0: not known here */
	uint32_t ttl_s;
	const char *fixed; /* why it is nobody's to change, "an alias"; NULL: plain values */
	char **values;     /* as they were sent */
	size_t n_values, cap;
	struct records records; /* all of the values, or none where one cannot be read */
};
struct r53_sets {
	struct r53_set *items;
	size_t n, cap;
	bool more;
	char *next_name, *next_type, *next_id; /* as they were sent */
};
void r53_set_release(struct r53_set *s);
void r53_sets_release(struct r53_sets *l);
void r53_sets_forget_next(struct r53_sets *l); /* where the next page begins */
bool r53_sets_equal(const struct r53_sets *a, const struct r53_sets *b);

/* One step of a batch: old goes, to the letter, or new comes where nothing is. */
struct r53_change {
	const struct r53_set *old; /* borrowed; NULL: create */
	const struct set_rrset *new;
};
/* What brings a zone where diff wants it, whole names together, deletes first in each. */
struct r53_changes {
	struct set_rrsets sets; /* what items borrow from */
	struct r53_change *items;
	size_t n;
};
void r53_changes_release(struct r53_changes *c);
/* now: outlives out.  Errors: CR_ECONFLICT (an alias stands where a record is wanted), CR_EREFUSED (a name too large for a batch), CR_ENOMEM. */
MUST_CHECK int r53_changes_make(const struct r53_sets *now, const struct set_diff *diff, struct r53_changes *out,
                                struct err *err);
/* What empties a zone: all but its SOA and name servers.  Errors: CR_ECONFLICT, CR_EREFUSED, CR_ENOMEM. */
MUST_CHECK int r53_changes_empty(const struct r53_sets *now, const char *zone, struct r53_changes *out,
                                 struct err *err);
/* How many of the changes from the from-th on make the next batch: whole names, as many as fit. */
size_t r53_changes_batch(const struct r53_changes *c, size_t from);

/* Names and values: escapes are octal there, and decimal here (RFC 1035 s5.1). */
void r53_text_read(const char *text, struct buf *out);
void r53_text_write(const char *text, struct buf *out);
void r53_name_write(const char *canonical, struct buf *out); /* without a final dot */
void r53_value_write(const struct record *r, struct buf *out);

bool r53_is_id(const char *id);

/* after: NULL, or where the last page said that the next begins. */
MUST_CHECK int r53_find_request(const struct r53_target *t, const char *zone, const struct r53_zones *after,
                                struct http_request *out, struct err *err);
MUST_CHECK int r53_sets_request(const struct r53_target *t, const char *id, const struct r53_sets *after,
                                struct http_request *out, struct err *err);
MUST_CHECK int r53_create_request(const struct r53_target *t, const char *zone, const char *reference,
                                  struct http_request *out, struct err *err);
MUST_CHECK int r53_change_request(const struct r53_target *t, const char *id, const struct r53_change *changes,
                                  size_t n, struct http_request *out, struct err *err);
MUST_CHECK int r53_remove_request(const struct r53_target *t, const char *id, struct http_request *out,
                                  struct err *err);
MUST_CHECK int r53_status_request(const struct r53_target *t, const char *change_id, struct http_request *out,
                                  struct err *err);

/* All: CR_EPARSE with the path in the XML, CR_ENOMEM. */
/* The zones of that name on the page, appended; private ones are left out. */
MUST_CHECK int r53_zones_parse(const char *text, size_t len, const char *zone, struct r53_zones *out, struct err *err);
/* The zone that was made: id and name servers. */
MUST_CHECK int r53_created_parse(const char *text, size_t len, const char *zone, struct zone_state *out,
                                 struct err *err);
/* A page, appended. */
MUST_CHECK int r53_sets_parse(const char *text, size_t len, struct r53_sets *out, struct err *err);
/* Id of a change, and whether all name servers have it. */
MUST_CHECK int r53_status_parse(const char *text, size_t len, char id_out[R53_ID_MAX], bool *insync_out,
                                struct err *err);

/* The API's own codes, as far as they make a difference. */
enum r53_code {
	R53_OTHER,
	R53_NO_ZONE,
	R53_ZONE_EXISTS, /* the reference was used before */
	R53_BAD_BATCH,
	R53_NOT_EMPTY,
	R53_THROTTLED, /* with HTTP 400 */
	R53_BUSY       /* with HTTP 400: a prior request is not complete */
};
enum r53_code r53_code_read(const struct http_reply *reply);
/* What a reply means that is no success; never CR_OK. */
MUST_CHECK int r53_fault_parse(const struct http_reply *reply, const char *what, enum r53_code *code_out,
                               struct err *err);

#endif
