/*
 * fuzz_mta_sts.c - MTA-STS records and policies, TLS-RPT records: what is read keeps its bounds.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/mta_sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Within the text, and not beyond. */
static void
check_span(struct span s, const char *text, size_t len)
{
	assert(s.at >= text && s.len <= len && s.at + s.len <= text + len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *policy = malloc(size + 1); /* not terminated where it is read */
	struct mta_sts_record record;
	struct mta_sts_policy p;
	struct tls_rpt rpt;

	if (text == NULL || policy == NULL)
		abort();
	if (mta_sts_parse(text, &record, NULL) == CR_OK) {
		assert(mta_sts_is_record(text));
		assert(strlen(record.id) >= 1 && strlen(record.id) <= MTA_STS_ID_MAX);
	}
	if (tls_rpt_parse(text, &rpt, NULL) == CR_OK) {
		assert(rpt.n >= 1 && rpt.n <= TLS_RPT_ADDRESSES_MAX);
		for (size_t i = 0; i < rpt.n; i++)
			check_span(rpt.rua[i], text, strlen(text));
	}
	memcpy(policy, data, size);
	if (mta_sts_policy_parse(policy, size, &p, NULL) == CR_OK) {
		assert(p.max_age_s >= 0 && p.max_age_s <= MTA_STS_MAX_AGE_S);
		assert(p.n_mx > 0 || p.mode == MTA_STS_NONE);
		for (size_t i = 0; i < p.n_mx; i++)
			check_span(p.mx[i], policy, size);
		(void)mta_sts_allows(&p, "mx1.out.example");
	}
	free(policy);
	free(text);
	return 0;
}
