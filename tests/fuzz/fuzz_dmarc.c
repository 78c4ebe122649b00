/*
 * fuzz_dmarc.c - DMARC records: each line is a TXT of one name.  What acts is never more than what is written, what may be written again
 * reads the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dmarc_check.h"

#define TEXTS_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one_record(const char *text)
{
	struct dmarc d = {0}, again = {0};
	struct buf out = {0};
	const char *why = NULL;
	char host[64];

	if (dmarc_uri_host(text, host, sizeof(host)))
		assert(host[0] != '\0');
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
}

static void
all_records(const char *const *texts, size_t n)
{
	struct dmarc_reading told, silent;
	struct findings f = {0};
	struct err err = {0};

	if (dmarc_read(texts, n, &told, &f, &err) == CR_OK && dmarc_read(texts, n, &silent, NULL, &err) == CR_OK) {
		assert(told.status == silent.status && told.enforced == silent.enforced && told.psd == silent.psd);
		assert(told.p == silent.p && told.sp == silent.sp && told.np == silent.np);
		assert((told.status == DMARC_VALID) == (told.p != DMARC_ABSENT));
		assert((told.status == DMARC_VALID) == (told.np != DMARC_ABSENT));
		assert(!told.enforced || (told.p >= DMARC_QUARANTINE && told.p_7489 >= DMARC_QUARANTINE));
		assert(told.record.n_rua <= DMARC_RUA_MAX && told.n_ruf <= DMARC_RUA_MAX);
		for (size_t i = 0; i < told.record.n_rua; i++)
			assert(dmarc_uri_valid(told.record.rua[i], strlen(told.record.rua[i])));
		/* Who has no record to act on is told why. */
		assert((told.status != DMARC_INVALID && told.status != DMARC_MULTIPLE) ||
		       findings_count(&f, FINDING_FAIL) > 0);
		assert(f.n < 64);
	}
	findings_release(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *line;
	const char *texts[TEXTS_MAX];
	size_t n = 0;

	if (text == NULL)
		return 0;
	one_record(text);
	while (n < TEXTS_MAX && (line = strsep(&rest, "\n")) != NULL)
		texts[n++] = line;
	all_records(texts, n);
	free(text);
	return 0;
}
