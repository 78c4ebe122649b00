/*
 * registrars.c - the table of registrars, and the one that is a person: `manual`.
 *
 * Sources: RFC 1912 s2.8 (lame delegations), RFC 9471 (glue), RFC 4035 s5.2 (a DS without its key breaks the whole domain).
 */
#include "provision/registrars/registrars.h"

#include <string.h>

#include "dns/name.h"

/* A server inside the domain can only be found through an address that the registry knows. */
static size_t
inside(const char *domain, const struct cfg_list *name_servers)
{
	size_t n = 0;

	for (size_t i = 0; i < name_servers->n; i++)
		n += name_is_under(name_servers->items[i], domain);
	return n;
}

static int
manual_instruct(const char *domain, const struct cfg_list *name_servers, struct buf *out, struct err *err)
{
	if (name_servers->n == 0)
		return err_set(err, CR_EREFUSED, "%s: its zone names no name servers to delegate to", domain);
	buf_addf(out, "At the registrar of %s, set these name servers and no others:\n", domain);
	for (size_t i = 0; i < name_servers->n; i++)
		buf_addf(out, "    %s\n", name_servers->items[i]);
	if (inside(domain, name_servers) > 0) {
		buf_addf(out, "These lie inside %s: register their addresses as host objects (glue) first:\n", domain);
		for (size_t i = 0; i < name_servers->n; i++)
			if (name_is_under(name_servers->items[i], domain))
				buf_addf(out, "    %s\n", name_servers->items[i]);
	}
	buf_addf(out,
	         "Remove every DS record of the old zone there, a day before if it was signed.\n"
	         "Then: coldrelay verify %s --wait 2d\n",
	         domain);
	return buf_check(out, "instruction for the registrar", err);
}

static const struct registrar_driver manual = {
	.name = "manual",
	.summary = "a person: prints what to set",
	.instruct = manual_instruct,
};

const struct registrar_driver *const registrar_drivers[] = {
	&manual,
	NULL,
};

const struct registrar_driver *
registrar_driver_find(const char *name)
{
	for (size_t i = 0; registrar_drivers[i] != NULL; i++)
		if (strcmp(registrar_drivers[i]->name, name) == 0)
			return registrar_drivers[i];
	return NULL;
}
