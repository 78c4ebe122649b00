/*
 * fuzz_generic.c - names out of PTR records, looked at for what a provider's script makes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/generic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const addresses[] = {"192.0.2.10", "198.51.100.77", "2001:db8::25",
	                                        "2001:db8::9a11:22ff:fe33:4455"};
	char *text = strndup((const char *)data, size);
	struct name name, longer;
	struct ip ip;

	if (text == NULL)
		abort();
	for (size_t i = 0; name_parse(text, &name, NULL) == CR_OK && i < sizeof(addresses) / sizeof(addresses[0]);
	     i++) {
		const char *why;

		assert(ip_parse(addresses[i], &ip));
		why = host_is_generic(name.text, &ip);
		/* What holds the address still does so with another label in front. */
		if (why != NULL && strcmp(why, "contains the address") == 0 &&
		    name_under("x", name.text, &longer, NULL) == CR_OK)
			assert(host_is_generic(longer.text, &ip) != NULL);
	}
	free(text);
	return 0;
}
