/*
 * fuzz_spf.c - SPF records: what was read is written in one spelling, and read again the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
written(const char *text)
{
	struct spf s = {0};
	char *out = NULL;

	if (spf_parse(text, &s, NULL) == CR_OK && spf_format(&s, &out, NULL) != CR_OK)
		out = NULL;
	spf_release(&s);
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char rules[] = "include:_spf.google.com ip4:192.0.2.10";
	char *text = strndup((const char *)data, size), *once = NULL, *twice = NULL;
	struct spf s = {0};

	if (text == NULL)
		return 0;
	once = written(text);
	if (once != NULL) {
		twice = written(once);
		assert(twice != NULL && strcmp(once, twice) == 0);
		assert(spf_parse(once, &s, NULL) == CR_OK);
		/* A merge is whole or not at all, and never makes a record that cannot be read. */
		if (spf_merge(&s, rules, "-all", NULL) == CR_OK) {
			free(twice);
			assert(spf_format(&s, &twice, NULL) == CR_OK);
			free(once);
			once = written(twice);
			assert(once != NULL);
		}
	}
	if (spf_merge(&s, text, NULL, NULL) == CR_OK)
		assert(spf_unmerge(&s, text, NULL) == CR_OK);
	spf_release(&s);
	free(once);
	free(twice);
	free(text);
	return 0;
}
