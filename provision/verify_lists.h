/*
 * verify_lists.h - the configured block lists with their keys, ready to be asked.
 */
#ifndef PROVISION_VERIFY_LISTS_H
#define PROVISION_VERIFY_LISTS_H

#include "core/secret.h"
#include "dns/blocklist.h"
#include "provision/intent.h"

struct verify_list {
	char zone[256];
	struct secret *key; /* NULL: none */
	struct blocklist list;
};
struct verify_lists {
	struct verify_list *items;
	size_t n;
};
/* Errors: CR_ECONFIG (a key that leads nowhere), CR_ENOMEM. */
MUST_CHECK int verify_lists_open(const struct intent *i, struct verify_lists *out, struct err *err);
void verify_lists_release(struct verify_lists *l);

#endif
