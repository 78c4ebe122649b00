/*
 * fuzz_name.c - any bytes as a name, a name on the wire and an address: what is accepted is canonical, and stays so.
 */
#include "dns/name.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(const struct name *name)
{
	uint8_t wire[NAME_WIRE_MAX];
	struct name again;
	char shown[64], relative[NAME_TEXT_MAX];
	struct err err = {0};
	size_t used = 0;
	size_t len;
	int rc = name_parse(name->text, &again, &err);

	assert(rc == CR_OK && name_equal(name->text, again.text));
	len = name_to_wire(name->text, wire);
	assert(len >= 1 && len <= NAME_WIRE_MAX);
	rc = name_from_wire(wire, len, &again, &used, &err);
	assert(rc == CR_OK && used == len && name_equal(name->text, again.text));
	assert(name_compare(name->text, again.text) == 0);
	assert(name_is_under(name->text, name_parent(name->text)));
	assert(name_relative(name->text, name_parent(name->text), relative) != NULL);
	name_organisation(name->text, &again);
	assert(name_is_under(name->text, again.text));
	name_display(name->text, shown, sizeof(shown));
}

static void
check_address(const char *text)
{
	struct address a, again;
	int rc;

	if (address_parse(text, &a, NULL) != CR_OK)
		return;
	rc = address_parse(a.text, &again, NULL);
	assert(rc == CR_OK && strcmp(a.text, again.text) == 0);
	assert(a.domain > a.text && a.domain[-1] == '@');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct name name;
	size_t used;

	if (text == NULL)
		return 0;
	if (name_parse(text, &name, NULL) == CR_OK)
		check_name(&name);
	if (name_under(text, "example.com", &name, NULL) == CR_OK)
		check_name(&name);
	if (name_parse_host(text, &name, NULL) == CR_OK)
		check_name(&name);
	if (name_from_wire(data, size, &name, &used, NULL) == CR_OK)
		check_name(&name);
	check_address(text);
	free(text);
	return 0;
}
