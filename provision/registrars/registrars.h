/*
 * registrars.h - the contract of a registrar: who tells the registry which name servers serve a domain.
 *
 * Moving a delegation is the one step that can take a domain off the air, so a driver may leave it to a person: it then says exactly
 * what to set, and `verify` looks at the parent zone until it is done.
 */
#ifndef PROVISION_REGISTRARS_REGISTRARS_H
#define PROVISION_REGISTRARS_REGISTRARS_H

#include "core/buf.h"
#include "core/cfg.h"

struct registrar_driver {
	const char *name;
	const char *summary;
	/* Append what a person has to set: lines, each ending in a newline.  Names canonical.  Errors: CR_ENOMEM, CR_EREFUSED (no name servers). */
	int (*instruct)(const char *domain, const struct cfg_list *name_servers, struct buf *out, struct err *err);
};
extern const struct registrar_driver *const registrar_drivers[]; /* NULL-terminated */
const struct registrar_driver *registrar_driver_find(const char *name);

#endif
