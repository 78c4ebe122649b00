/*
 * fuzz_tmpl.c - template files, and their filling: records stay below the domain.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "templates/tmpl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const values[] = {"192.0.2.10", "2001:db8::10"};
	struct tmpl_records records = {0};
	struct tmpl_variable vars[8];
	struct tmpl *t = NULL;
	size_t n = 0;

	if (tmpl_parse((const char *)data, size, "fuzz", &t, NULL) != CR_OK)
		return 0;
	for (const char *const *name = tmpl_variables(t); *name != NULL && n < ARRAY_LEN(vars); name++, n++)
		vars[n] = (struct tmpl_variable){.name = *name, .values = values, .n_values = 1 + n % 2};
	if (tmpl_fill(t, "getx.example", vars, n, NULL, 3600, &records, NULL) == CR_OK) {
		for (size_t i = 0; i < records.n; i++)
			assert(name_is_under(records.items[i].record.owner, "getx.example"));
	}
	tmpl_records_release(&records);
	tmpl_drop(&t);
	return 0;
}
