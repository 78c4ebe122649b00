/*
 * fuzz_dmarc.c - DMARC records: what may be written again reads the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dmarc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), host[64];
	struct dmarc d = {0}, again = {0};
	struct buf out = {0};
	const char *why = NULL;

	if (text == NULL)
		return 0;
	(void)dmarc_uri_host(text, host, sizeof(host));
	if (dmarc_parse(text, &d, NULL) == CR_OK) {
		bool enforced = dmarc_enforced(&d, &why);

		assert(dmarc_is_record(text));
		assert(enforced == (why == NULL));
		if (dmarc_format(&d, &out, NULL) == CR_OK) {
			assert(enforced);
			assert(dmarc_parse(buf_str(&out), &again, NULL) == CR_OK);
			assert(again.p == d.p && again.n_rua == d.n_rua);
		}
	}
	buf_release(&out);
	free(text);
	return 0;
}
