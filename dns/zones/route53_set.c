/*
 * route53_set.c - zones and record sets as Route 53 tells them: data, and its end.
 */
#include "dns/zones/route53.h"

#include <stdlib.h>
#include <string.h>

bool
r53_is_id(const char *id)
{
	const size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return len > 0 && len < R53_ID_MAX && id[len] == '\0';
}

void
r53_zones_release(struct r53_zones *l)
{
	free(l->items);
	*l = (struct r53_zones){0};
}

void
r53_set_release(struct r53_set *s)
{
	free(s->owner);
	for (size_t i = 0; i < s->n_values; i++)
		free(s->values[i]);
	free(s->values);
	records_release(&s->records);
	*s = (struct r53_set){0};
}

void
r53_sets_forget_next(struct r53_sets *l)
{
	free(l->next_name);
	free(l->next_type);
	free(l->next_id);
	l->next_name = l->next_type = l->next_id = NULL;
	l->more = false;
}

void
r53_sets_release(struct r53_sets *l)
{
	for (size_t i = 0; i < l->n; i++)
		r53_set_release(&l->items[i]);
	free(l->items);
	r53_sets_forget_next(l);
	*l = (struct r53_sets){0};
}

static bool
set_equal(const struct r53_set *a, const struct r53_set *b)
{
	if (strcmp(a->owner, b->owner) != 0 || strcmp(a->type_name, b->type_name) != 0 || a->ttl_s != b->ttl_s ||
	    a->n_values != b->n_values || (a->fixed == NULL) != (b->fixed == NULL))
		return false;
	for (size_t i = 0; i < a->n_values; i++)
		if (strcmp(a->values[i], b->values[i]) != 0)
			return false;
	return true;
}

bool
r53_sets_equal(const struct r53_sets *a, const struct r53_sets *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!set_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}
