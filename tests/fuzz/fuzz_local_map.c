/*
 * fuzz_local_map.c - any bytes are a table: what is not our entry comes back byte for byte.
 *
 * The first byte chooses the format, the rest is the file.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "provision/mailhosts/local_map.h"

#define KEY "anna@getx.example"

/* Set ours and take it out again: nothing of ours is left, and what is written twice reads the same. */
static void
change(enum map_format format, const uint8_t *data, size_t size)
{
	struct buf text = {0}, once = {0}, twice = {0};
	struct map m = {0};
	size_t len;

	buf_add(&text, data, size);
	if (buf_check(&text, "input", NULL) != CR_OK || map_parse(format, &text, &m, NULL) != CR_OK)
		goto out;
	map_render(&m, &once);
	assert(once.len == size + (size > 0 && data[size - 1] != '\n'));
	assert(size == 0 || memcmp(once.data, data, size) == 0);
	if (map_set(&m, KEY, "value", NULL) != CR_OK)
		goto out;
	assert(map_has(&m, KEY, "value"));
	map_remove(&m, KEY);
	assert(map_get(&m, KEY, &len) == NULL);
	buf_clear(&once);
	map_render(&m, &once);
	map_release(&m);
	buf_add(&text, once.data, once.len);
	if (buf_check(&text, "output", NULL) != CR_OK || map_parse(format, &text, &m, NULL) != CR_OK)
		goto out;
	map_render(&m, &twice);
	assert(twice.len == once.len && (once.len == 0 || memcmp(twice.data, once.data, once.len) == 0));
out:
	map_release(&m);
	buf_release(&twice);
	buf_release(&once);
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum map_format formats[] = {MAP_POSTFIX, MAP_OPENDKIM, MAP_PASSWD};

	if (size > 0)
		change(formats[data[0] % ARRAY_LEN(formats)], data + 1, size - 1);
	return 0;
}
