/*
 * fuzz_txt.c - any bytes as RDATA: the first byte chooses how they are read (TXT text, TXT wire, TXT bytes, or text or wire of the type in
 * the next two bytes); what was read goes out as text and as wire, and both give it back.
 */
#include "dns/record.h"
#include "dns/txt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_both_ways(const struct record *r)
{
	struct record again = {0};
	struct buf out = {0};
	struct err err = {0};
	int rc;

	record_format_rdata(r, &out);
	rc = record_parse(r->owner, r->type, r->ttl_s, buf_str(&out), "", &again, &err);
	assert(rc == CR_OK && record_same(r, &again));
	record_release(&again);
	buf_clear(&out);
	record_to_wire(r, &out);
	assert(out.len <= RECORD_DATA_MAX);
	rc = record_from_wire(r->owner, r->type, r->ttl_s, (const uint8_t *)buf_str(&out), out.len, &again, &err);
	assert(rc == CR_OK && record_same(r, &again));
	record_release(&again);
	buf_release(&out);
}

static int
read_text(uint16_t type, const uint8_t *data, size_t size, struct record *out)
{
	char *text = strndup((const char *)data, size);
	int rc;

	if (text == NULL)
		return CR_ENOMEM;
	rc = record_parse("fuzz.example", type, 300, text, "example", out, NULL);
	free(text);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r = {0};
	uint16_t type = RECORD_TXT;
	int rc;

	if (size < 3)
		return 0;
	if (data[0] >= '3')
		type = (uint16_t)(data[1] << 8 | data[2]);
	if (data[0] == '0')
		rc = read_text(type, data + 1, size - 1, &r);
	else if (data[0] == '1')
		rc = record_from_wire("fuzz.example", type, 300, data + 1, size - 1, &r, NULL);
	else if (data[0] == '2')
		rc = record_txt("fuzz.example", 300, data + 1, size - 1, &r, NULL);
	else if (data[0] == '3')
		rc = read_text(type, data + 3, size - 3, &r);
	else
		rc = record_from_wire("fuzz.example", type, 300, data + 3, size - 3, &r, NULL);
	if (rc == CR_OK) {
		check_both_ways(&r);
		record_release(&r);
	}
	return 0;
}
