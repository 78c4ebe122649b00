/*
 * fuzz_dkim_key.c - key records judged: whatever stands there has one status, a fault has a finding, and a fix matches.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dkim_check.h"
#include "dns/dkim_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dkim_public ours = {
	.algorithm = DKIM_ED25519, .len = 32, .bits = 256, .data = {1, 2, 3}
};

static void
judge(const char *txt, const struct dkim_public *wanted)
{
	struct findings f = {0};
	struct dkim_key k;

	if (dkim_key_read(txt, wanted, &k, &f, NULL) == CR_OK) {
		assert(k.status < DKIM_KEY_STATUS__COUNT && k.public.len <= DKIM_PUBLIC_MAX);
		assert(k.status != DKIM_KEY_MISSING && k.status != DKIM_KEY_TEMPERROR);
		assert((k.status == DKIM_KEY_OK || k.status == DKIM_KEY_MATCH) || findings_count(&f, FINDING_FAIL) > 0);
		assert((k.status == DKIM_KEY_UNUSABLE) == (k.why != NULL));
	}
	findings_release(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *txt = strndup((const char *)data, size);
	struct span pieces[2];

	if (txt == NULL)
		return 0;
	judge(txt, NULL);
	judge(txt, &ours);
	if (strlen(txt) > 1) {
		struct dkim_record r;
		bool found;

		pieces[0] = (struct span){txt, strlen(txt) / 2};
		pieces[1] = (struct span){txt + pieces[0].len, strlen(txt) - pieces[0].len};
		assert(dkim_mend_order(pieces, 2, NULL, &r, &found, NULL) == CR_OK);
	}
	free(txt);
	return 0;
}
