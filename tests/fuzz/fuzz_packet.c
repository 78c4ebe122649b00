/*
 * fuzz_packet.c - replies of DNS servers: records that came out are whole.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resolve_answer a = {0};
	struct record again = {0};
	struct buf text = {0};

	if (resolve_parse(data, size, &a, NULL) == CR_OK) {
		for (size_t i = 0; i < a.records.n; i++) {
			const struct record *r = &a.records.items[i];

			buf_clear(&text);
			record_format_rdata(r, &text);
			assert(r->owner != NULL);
			/* The text stands for the same data, unless it met the ceiling. */
			if (buf_check(&text, "rdata", NULL) == CR_OK &&
			    record_parse(r->owner, r->type, r->ttl_s, buf_str(&text), "", &again, NULL) == CR_OK)
				assert(record_same(r, &again));
			record_release(&again);
		}
	}
	buf_release(&text);
	resolve_answer_release(&a);
	return 0;
}
