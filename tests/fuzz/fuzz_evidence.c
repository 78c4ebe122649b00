/*
 * fuzz_evidence.c - a reply, a host and a date from outside: what is kept names nobody, fits, and says the same when it is kept again.
 */
#include "budget/evidence.h"
#include "budget/systemic.h"
#include "budget/when.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No @ with a local part in front of it. */
static void
check_names_nobody(const char *text)
{
	for (const char *at = strchr(text, '@'); at != NULL; at = strchr(at + 1, '@')) {
		if (isalnum((unsigned char)at[1]) != 0)
			assert(at > text && at[-1] == '*');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char once[EVIDENCE_TEXT], again[EVIDENCE_TEXT], customer[SYSTEMIC_CUSTOMER];
	char *text = malloc(size + 1);
	int64_t ms;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	evidence_text(text, once);
	assert(strlen(once) < sizeof(once));
	check_names_nobody(once);
	evidence_text(once, again);
	assert(strcmp(once, again) == 0);
	assert(systemic_wording(text) >= 0);
	systemic_customer(text, customer);
	assert(strlen(customer) < sizeof(customer));
	ms = when_of_mail((const char *)data, size);
	assert(ms >= 0);
	ms = when_of_line((const char *)data, size, (int64_t)1764072000000);
	assert(ms >= 0);
	free(text);
	return 0;
}
