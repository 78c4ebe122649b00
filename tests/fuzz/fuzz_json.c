/*
 * fuzz_json.c - any bytes into the JSON reader; what is accepted is walked whole, written again, and must be accepted again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
copy(struct json_out *o, const struct json_at *at)
{
	bool object = json_is_object(at);
	const char *s;
	int64_t n;
	bool b;

	if (object || json_is_array(at)) {
		json_out_open(o, object ? '{' : '[');
		for (size_t i = 0; i < json_count(at); i++) {
			struct json_at child;

			if (object) {
				child = json_member(at, i, &s);
				json_out_key(o, s);
			} else {
				child = json_item(at, i);
			}
			copy(o, &child);
		}
		json_out_close(o);
	} else if (json_want_string(at, &s, NULL) == CR_OK) {
		json_out_string(o, s);
	} else if (json_want_int(at, INT64_MIN, INT64_MAX, &n, NULL) == CR_OK) {
		json_out_int(o, n);
	} else if (json_want_bool(at, &b, NULL) == CR_OK) {
		json_out_bool(o, b);
	} else {
		json_out_null(o);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *j = NULL;
	struct buf b = {.max_bytes = 8 * size + 64};
	struct json_out o = json_out_on(&b);
	struct err err = {0};
	struct json_at root;
	int rc = json_parse((const char *)data, size, &j, &err);

	assert(rc == CR_OK || rc == CR_EPARSE);
	assert((rc == CR_OK) == (json_check((const char *)data, size, NULL) == CR_OK));
	if (rc == CR_OK) {
		root = json_root(j);
		copy(&o, &root);
		rc = buf_check(&b, "copy", &err);
		assert(rc == CR_OK);
		rc = json_check(b.data, b.len, &err);
		assert(rc == CR_OK);
	} else {
		assert(strstr(err.text, "not JSON") != NULL);
	}
	json_drop(&j);
	buf_release(&b);
	return 0;
}
