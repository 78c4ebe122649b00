/*
 * azure.h - the pure halves of the Azure DNS client: requests from values, values from replies.
 */
#ifndef DNS_ZONES_AZURE_H
#define DNS_ZONES_AZURE_H

#include "dns/zones/arm.h"
#include "dns/zones/zones.h"

/* A record set as it stands there. */
struct az_set {
	char *owner;
	uint16_t type;
	char *etag;
	char *metadata; /* JSON; NULL: none.  Somebody's notes: sent along when the set is replaced */
	bool alias;     /* it points at a resource of Azure's, and has no values of its own */
	struct records records;
};
void az_set_release(struct az_set *s);
struct az_sets {
	struct az_set *items;
	size_t n, cap;
};
void az_sets_release(struct az_sets *l);

/* Marks: what a change has to know of each set besides its records, as text, so that a zone_state carries it (serial). */
struct az_mark {
	char *etag, *metadata; /* heap; metadata NULL: none */
	bool exists, alias;
};
void az_mark_release(struct az_mark *m);
MUST_CHECK int az_marks_make(const struct az_sets *l, char **out, struct err *err);
/* marks: as parsed; NULL: none.  No such set: exists is false.  Errors: CR_EPARSE, CR_ENOMEM. */
MUST_CHECK int az_mark_find(const struct json *marks, const char *owner, uint16_t type, struct az_mark *out,
                            struct err *err);

/* The types that are held there. */
bool az_holds(uint16_t type);

MUST_CHECK int az_list_request(const struct arm *a, const char *zone, struct http_request *out, struct err *err);
MUST_CHECK int az_create_request(const struct arm *a, const char *zone, struct http_request *out, struct err *err);
MUST_CHECK int az_remove_request(const struct arm *a, const char *zone, struct http_request *out, struct err *err);
MUST_CHECK int az_set_request(const struct arm *a, const char *zone, const char *owner, uint16_t type,
                              struct http_request *out, struct err *err);
/* guard: its headers borrow from it. */
MUST_CHECK int az_put_request(const struct arm *a, const char *zone, const struct set_rrset *set,
                              const struct az_mark *guard, struct http_request *out, struct err *err);
MUST_CHECK int az_delete_request(const struct arm *a, const char *zone, const struct set_rrset *set,
                                 const struct az_mark *guard, struct http_request *out, struct err *err);

/* The zone that was made: its name servers.  Errors: CR_EPARSE with the path in the JSON, CR_ENOMEM. */
MUST_CHECK int az_zone_parse(const char *text, size_t len, const char *zone, struct zone_state *out, struct err *err);
/* A page of sets, appended; types that are not held here are left out.  next_out: the address of the next page, heap; NULL: the last. */
MUST_CHECK int az_list_parse(const char *text, size_t len, const char *zone, struct az_sets *out, char **next_out,
                             struct err *err);
MUST_CHECK int az_set_parse(const char *text, size_t len, const char *zone, struct az_set *out, struct err *err);

#endif
