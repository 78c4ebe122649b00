/*
 * mailhosts.c - the table of mail hosts.
 */
#include "provision/mailhosts/mailhosts.h"

#include <string.h>

const struct mailhost_driver *const mailhost_drivers[] = {
	&mailhost_local,
	&mailhost_microsoft365,
	NULL,
};

const struct mailhost_driver *
mailhost_driver_find(const char *name)
{
	for (size_t i = 0; mailhost_drivers[i] != NULL; i++)
		if (strcmp(mailhost_drivers[i]->name, name) == 0)
			return mailhost_drivers[i];
	return NULL;
}
