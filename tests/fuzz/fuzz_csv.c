/*
 * fuzz_csv.c - a suppression list from outside: each row that can be read is written and read again as the same row.
 */
#include "budget/csv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_row(const struct csv *c)
{
	static struct csv again;
	struct buf b = {0};
	bool more;

	for (size_t i = 0; i < c->n; i++)
		csv_put(&b, c->field[i], i + 1 < c->n ? ',' : '\n');
	assert(buf_check(&b, "row", NULL) == CR_OK);
	again = csv_on(buf_str(&b), b.len);
	/* One empty field alone is an empty line, and an empty line is no row. */
	if (!(c->n == 1 && c->field[0][0] == '\0') && strncmp(buf_str(&b), "\xef\xbb\xbf", 3) != 0) {
		assert(csv_next(&again, &more, NULL) == CR_OK && more && again.n == c->n);
		for (size_t i = 0; i < c->n; i++)
			assert(strcmp(again.field[i], c->field[i]) == 0);
	}
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csv c;
	bool more = true;

	c = csv_on((const char *)data, size);
	while (csv_next(&c, &more, NULL) == CR_OK && more)
		check_row(&c);
	return 0;
}
