/*
 * fuzz_zonetext.c - any bytes as a master file: what is read is written, and reads the same again.
 */
#include "dns/zonetext.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records first = {0}, second = {0};
	struct buf out = {.max_bytes = ZONETEXT_MAX_BYTES};
	struct err err = {0};
	int rc = zonetext_read((const char *)data, size, "fuzz", "example.com", &first, &err);

	if (rc != CR_OK)
		return 0;
	rc = zonetext_write(&first, "example.com", "head", &out, &err);
	assert(rc == CR_OK);
	rc = zonetext_read(buf_str(&out), out.len, "again", "example.com", &second, &err);
	assert(rc == CR_OK);
	records_sort(&first);
	records_sort(&second);
	assert(first.n == second.n);
	for (size_t i = 0; i < first.n; i++) {
		assert(record_same(&first.items[i], &second.items[i]));
		assert(first.items[i].ttl_s == second.items[i].ttl_s);
	}
	records_release(&first);
	records_release(&second);
	buf_release(&out);
	return 0;
}
