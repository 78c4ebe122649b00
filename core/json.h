/*
 * json.h - reading foreign JSON with the path in every error, and writing our own.
 *
 * cJSON stands behind this door only.  Unknown members are ignored; a missing or mistyped expected
 * one is CR_EPARSE naming its path: "rrsets[3].records[0].content: missing".
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64
#define JSON_PATH_MAX  192
#define JSON_BOM       "\xef\xbb\xbf"

/* A parsed document; owns everything below. */
struct json;

/* A place in it, with the way that led there.  Plain, borrowed from its document. */
struct json_at {
	const void *node; /* NULL: not there */
	char path[JSON_PATH_MAX];
};

/*
 * Trailing bytes other than white space, depth over JSON_MAX_DEPTH, invalid UTF-8, half surrogates and NUL in a string are
 * errors; a byte order mark in front is skipped.
 * Errors: CR_EPARSE ("not JSON at byte N, near '...': WHY"), CR_ENOMEM.
 */
MUST_CHECK int json_parse(const char *text, size_t len, struct json **out, struct err *err);
/* The same verdict without building anything. */
MUST_CHECK int json_check(const char *text, size_t len, struct err *err);
void json_drop(struct json **j);
struct json_at json_root(const struct json *j);

/* Member of an object / element of an array; .node is NULL when it is not there or parent is no object / array. */
struct json_at json_get(const struct json_at *parent, const char *key);
struct json_at json_item(const struct json_at *array, size_t index);
/* Number of elements or members; 0 for anything else. */
size_t json_count(const struct json_at *at);
/* The i-th member of an object, with its key (borrowed). */
struct json_at json_member(const struct json_at *object, size_t index, const char **key_out);

bool json_is_object(const struct json_at *at);
bool json_is_array(const struct json_at *at);
bool json_is_string(const struct json_at *at);
bool json_is_null(const struct json_at *at); /* literal null, or not there */

/* Expected values.  Errors: CR_EPARSE with the path. */
MUST_CHECK int json_want_object(const struct json_at *at, struct err *err);
MUST_CHECK int json_want_array(const struct json_at *at, struct err *err);
MUST_CHECK int json_want_string(const struct json_at *at, const char **out, struct err *err); /* borrowed */
/* Less than 2^53 either way: what lies beyond is not exact in other people's parsers either. */
MUST_CHECK int json_want_int(const struct json_at *at, int64_t min, int64_t max, int64_t *out, struct err *err);
MUST_CHECK int json_want_bool(const struct json_at *at, bool *out, struct err *err);
/* Optional: absent or null gives the default. A wrong type is still an error. */
MUST_CHECK int json_opt_string(const struct json_at *at, const char *absent, const char **out, struct err *err);
MUST_CHECK int json_opt_int(const struct json_at *at, int64_t min, int64_t max, int64_t absent, int64_t *out,
                            struct err *err);
MUST_CHECK int json_opt_bool(const struct json_at *at, bool absent, bool *out, struct err *err);

/* Bytes of the well-formed UTF-8 sequence (RFC 3629) at text, 1 to 4; 0 when there is none. */
size_t json_utf8(const char *text, size_t len);

/*
 * Writer: appends to a buf, inserts commas itself, escapes strings; invalid UTF-8 becomes U+FFFD.
 *   struct json_out j = json_out_on(&b);
 *   json_out_open(&j, '{'); json_out_key(&j, "name"); json_out_string(&j, s); json_out_close(&j);
 */
struct json_out {
	struct buf *buf;
	unsigned depth;
	uint64_t has_item; /* bit per depth: a comma is due */
	uint64_t is_object;
	bool after_key;
};
struct json_out json_out_on(struct buf *b);
void json_out_open(struct json_out *j, char bracket); /* '{' or '[' */
void json_out_close(struct json_out *j);
void json_out_key(struct json_out *j, const char *key);
void json_out_string(struct json_out *j, const char *s); /* NULL writes null */
void json_out_string_n(struct json_out *j, const char *s, size_t len);
void json_out_int(struct json_out *j, int64_t v);
void json_out_bool(struct json_out *j, bool v);
void json_out_null(struct json_out *j);
void json_out_raw(struct json_out *j, const char *json); /* an already written value */
/* key and value in one */
void json_out_member(struct json_out *j, const char *key, const char *s);
void json_out_member_int(struct json_out *j, const char *key, int64_t v);
void json_out_member_bool(struct json_out *j, const char *key, bool v);

#endif
