/*
 * steps.c - what a mail host answers with, and what it is asked to do.
 */
#include "provision/mailhosts/mailhosts.h"

#include <stdlib.h>

#include "core/list.h"

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
