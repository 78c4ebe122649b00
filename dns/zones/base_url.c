/*
 * base_url.c - where an API answers, as a setting names it.
 */
#include "dns/zones/zones.h"

#include <string.h>

int
zone_base_url(const char *setting, const char *url, char **out, struct err *err)
{
	const size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
	size_t len = strlen(url);

	while (len > scheme && url[len - 1] == '/')
		len--;
	if (scheme == 0 || len == scheme || strpbrk(url, "?#@ \t") != NULL)
		return err_set(err, CR_ECONFIG, "%s: must be http(s)://HOST:PORT, not '%s'", setting, url);
	*out = strndup(url, len);
	return *out != NULL ? CR_OK : err_nomem(err, setting);
}
