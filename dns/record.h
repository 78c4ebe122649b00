/*
 * record.h - a DNS record as data, and a list of them.
 *
 * RDATA is compared as data, never as text: for TXT the decoded character strings joined (a split or an escape is no difference),
 * for all other types the uncompressed wire form with names lower-cased (RFC 4034 s6.2).  Types known by name: A AAAA CNAME MX TXT NS SOA PTR
 * SRV CAA TLSA DS DNSKEY RRSIG NSEC NSEC3 NSEC3PARAM CDS CDNSKEY HTTPS SVCB, and the neighbours listed in rdata.c; any other as TYPEnnn with
 * RFC 3597 \# text.
 */
#ifndef DNS_RECORD_H
#define DNS_RECORD_H

#include "core/buf.h"
#include "core/err.h"
#include "dns/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_type {
	RECORD_A = 1,
	RECORD_NS = 2,
	RECORD_CNAME = 5,
	RECORD_SOA = 6,
	RECORD_PTR = 12,
	RECORD_MX = 15,
	RECORD_TXT = 16,
	RECORD_AAAA = 28,
	RECORD_SRV = 33,
	RECORD_DS = 43,
	RECORD_RRSIG = 46,
	RECORD_NSEC = 47,
	RECORD_DNSKEY = 48,
	RECORD_NSEC3 = 50,
	RECORD_NSEC3PARAM = 51,
	RECORD_TLSA = 52,
	RECORD_CDS = 59,
	RECORD_CDNSKEY = 60,
	RECORD_CAA = 257
};
#define RECORD_DATA_MAX 65535
#define RECORD_TTL_MAX  2147483647U

struct record {
	char *owner; /* canonical, heap */
	uint16_t type;
	uint32_t ttl_s;
	uint8_t *data; /* canonical RDATA as above, heap; for TXT NUL-terminated beyond data_len */
	size_t data_len;
};
void record_release(struct record *r);
MUST_CHECK int record_copy(const struct record *from, struct record *out, struct err *err);

/* From text RDATA in master-file form ("10 mail.example.", "\"v=spf1\" \" -all\"", "\# 4 ..."); names in it relative to origin (canonical)
 * unless they end in a dot.  owner: absolute, in any spelling, with or without final dot.  Errors: CR_EPARSE naming owner, type and what is wrong. */
MUST_CHECK int record_parse(const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata, const char *origin,
                            struct record *out, struct err *err);
/* A TXT from its decoded bytes. */
MUST_CHECK int record_txt(const char *owner, uint32_t ttl_s, const void *text, size_t len, struct record *out,
                          struct err *err);
/* From uncompressed wire RDATA (names in it already expanded). TXT strings are joined. */
MUST_CHECK int record_from_wire(const char *owner, uint16_t type, uint32_t ttl_s, const uint8_t *rdata, size_t len,
                                struct record *out, struct err *err);
/* Wire RDATA for an update message: TXT split into strings of 255 (RFC 1035 s3.3.14; one empty string for no bytes). */
void record_to_wire(const struct record *r, struct buf *out);

/* RDATA as master-file text: names absolute with a dot, TXT as quoted strings of at most 255 bytes with \" \\ and \DDD escapes. */
void record_format_rdata(const struct record *r, struct buf *out);
/* "owner. TTL IN TYPE rdata" for people and zone files. */
void record_format(const struct record *r, struct buf *out);
/* TXT decoded bytes; only for RECORD_TXT. NUL-terminated. */
const char *record_text(const struct record *r);
/* MX/SRV/CNAME/NS/PTR target as canonical name, false for other types. */
bool record_target(const struct record *r, struct name *out);

const char *record_type_name(uint16_t type, char out[16]); /* "MX", "TYPE65280" */
MUST_CHECK int record_type_parse(const char *text, uint16_t *out, struct err *err);

/* Same owner, type and data; the TTL does not count. */
bool record_same(const struct record *a, const struct record *b);
/* Canonical order: owner, type, data (RFC 4034 s6). */
int record_compare(const struct record *a, const struct record *b);

struct records {
	struct record *items;
	size_t n, cap;
};
void records_release(struct records *l);
/* Moves r in (r becomes zero), also on failure released. */
MUST_CHECK int records_take(struct records *l, struct record *r, struct err *err);
MUST_CHECK int records_add_copy(struct records *l, const struct record *r, struct err *err);
MUST_CHECK int records_add(struct records *l, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata,
                           struct err *err);
void records_sort(struct records *l); /* canonical, duplicates removed */
const struct record *records_find(const struct records *l, const struct record *like);
/* Number of records at owner and type (0: any type). */
size_t records_count(const struct records *l, const char *owner, uint16_t type);

#endif
