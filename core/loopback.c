/*
 * loopback.c - which hosts are this machine.
 *
 * Sources: RFC 6761 s6.3 (localhost), RFC 6890 s2.2.2 (127.0.0.0/8), RFC 4291 s2.5.3 (::1).
 */
#include "core/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

bool
loopback_host(const char *host)
{
	struct in_addr v4;

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}
