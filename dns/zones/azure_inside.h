/*
 * azure_inside.h - what the files of the Azure DNS client share: how each type's values are written.
 */
#ifndef DNS_ZONES_AZURE_INSIDE_H
#define DNS_ZONES_AZURE_INSIDE_H

#include "dns/zones/azure.h"

/* How a type's values stand in "properties". */
struct az_kind {
	uint16_t type;
	const char *key;
	bool single; /* one object in place of an array */
	const char *fields[4];
	unsigned numbers; /* bit i: field i is one */
};
/* NULL: a type that Azure does not hold, or that is its own (SOA). */
const struct az_kind *az_kind_of(uint16_t type);

#endif
