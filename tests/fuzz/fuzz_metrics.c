/*
 * fuzz_metrics.c - a scraper's request: cut anywhere, its status is final once it is known, and it is known at the limit.
 */
#include "budget/metrics.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t len = size < METRICS_REQUEST_BYTES ? size : METRICS_REQUEST_BYTES;
	int whole = metrics_request(text, len), first = 0;

	for (size_t i = 0; i <= len && first == 0; i++)
		first = metrics_request(text, i);
	assert(first == whole);
	assert(whole == 200 || whole == 400 || whole == 404 || whole == 405 ||
	       (whole == 0 && len < METRICS_REQUEST_BYTES));
	return 0;
}
