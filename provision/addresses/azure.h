/*
 * azure.h - a public IP resource of Azure as far as its PTR goes: read from JSON, and written back whole.
 */
#ifndef PROVISION_ADDRESSES_AZURE_H
#define PROVISION_ADDRESSES_AZURE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"

/* "dnsSettings": what is changed.  "" for what is not set. */
struct azip_dns {
	char label[64];
	char fqdn[300];    /* the label's, Azure's own */
	char reverse[300]; /* with its final dot */
};
struct azip {
	struct json *json; /* all of it */
	char *id, *etag;
	char address[64];
	bool is_v6, is_static, is_basic, updating;
	struct azip_dns dns;
};
void azip_release(struct azip *a);

/* Errors: CR_EPARSE with the path in the JSON, CR_ENOMEM. */
MUST_CHECK int azip_parse(const char *text, size_t len, struct azip *out, struct err *err);
/* The same resource with dns in place of its own; every other member as it came, also those of dnsSettings that are not known here. */
MUST_CHECK int azip_write(const struct azip *a, const struct azip_dns *dns, struct buf *out, struct err *err);

#endif
