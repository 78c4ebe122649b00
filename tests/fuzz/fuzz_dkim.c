/*
 * fuzz_dkim.c - DKIM key records: the key that was read is written, and is the same when read again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	bool revoked = false, testing = false;
	struct dkim_public k = {0}, again = {0};
	struct buf out = {0};

	if (text == NULL)
		return 0;
	if (dkim_record_parse(text, &k, &revoked, &testing, NULL) == CR_OK) {
		dkim_record_text(&k, testing ? "y" : NULL, &out);
		assert(dkim_record_parse(buf_str(&out), &again, &revoked, &testing, NULL) == CR_OK);
		assert(revoked ? k.len == 0 : dkim_same_key(&k, &again));
	}
	buf_release(&out);
	free(text);
	return 0;
}
