/*
 * mailhosts.c - the table of mail hosts, and the list of steps they answer with.
 */
#include "provision/mailhosts/mailhosts.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"

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

void
mailhost_steps_release(struct mailhost_steps *s)
{
	free(s->items);
	*s = (struct mailhost_steps){0};
}

int
mailhost_steps_add(struct mailhost_steps *s, const struct mailhost_step *step, struct err *err)
{
	struct mailhost_step *items = list_grow(s->items, s->n, &s->cap, sizeof(*items));

	if (items == NULL)
		return err_nomem(err, "mail host steps");
	s->items = items;
	s->items[s->n++] = *step;
	return CR_OK;
}
