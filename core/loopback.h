/*
 * loopback.h - which hosts are this machine, so that what is said to them without TLS stays on it.
 */
#ifndef CORE_LOOPBACK_H
#define CORE_LOOPBACK_H

#include <stdbool.h>

/* Is this host this machine, whatever a resolver says?  A name or an address as in a URL; IPv6 with or without brackets. */
bool loopback_host(const char *host);

#endif
