/*
 * ttl.c - BIND's way to write seconds (BIND 9 ARM, "Time and TTL values"; not in RFC 1035, but in most zone files).
 */
#include "dns/ttl.h"

#include <string.h>

static uint64_t
unit_s(char c)
{
	static const char letters[] = "sSmMhHdDwW";
	static const uint32_t seconds[] = {1, 60, 3600, 86400, 604800};
	const char *at = c != '\0' ? strchr(letters, c) : NULL;

	return at != NULL ? seconds[(at - letters) / 2] : 0;
}

int
ttl_parse(const char *text, uint32_t *out, struct err *err)
{
	uint64_t total = 0;
	const char *p = text;

	do {
		uint64_t value = 0;

		if (*p < '0' || *p > '9')
			return err_set(err, CR_EPARSE, "not a number of seconds: '%.40s'", text);
		for (; *p >= '0' && *p <= '9' && value <= UINT32_MAX; p++)
			value = value * 10 + (uint64_t)(*p - '0');
		if (unit_s(*p) != 0)
			value *= unit_s(*p++);
		else if (*p != '\0' || p == text)
			return err_set(err, CR_EPARSE, "not a number of seconds: '%.40s'", text);
		total += value;
		if (total > UINT32_MAX)
			return err_set(err, CR_EPARSE, "more seconds than 32 bits hold: '%.40s'", text);
	} while (*p != '\0');
	*out = (uint32_t)total;
	return CR_OK;
}
