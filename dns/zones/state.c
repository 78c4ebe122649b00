/*
 * state.c - a zone as it was observed.
 */
#include "dns/zones/zones.h"

#include <stdlib.h>
#include <string.h>

void
zone_state_release(struct zone_state *s)
{
	if (s == NULL)
		return;
	free(s->id);
	free(s->serial);
	records_release(&s->records);
	for (size_t i = 0; i < s->n_fixed; i++)
		free(s->fixed[i].owner);
	free(s->fixed);
	cfg_list_release(&s->name_servers);
	*s = (struct zone_state){0};
}

int
zone_state_add_server(struct zone_state *s, const char *text, struct err *err)
{
	struct cfg_list *l = &s->name_servers;
	char **items = realloc(l->items, (l->n + 1) * sizeof(*items));
	char *copy;

	if (items == NULL)
		return err_nomem(err, "name servers");
	l->items = items;
	copy = strdup(text);
	if (copy == NULL)
		return err_nomem(err, "name servers");
	l->items[l->n++] = copy;
	return CR_OK;
}

int
zone_state_add_fixed(struct zone_state *s, const char *owner, uint16_t type, const char *what, struct err *err)
{
	struct zone_fixed *grown = realloc(s->fixed, (s->n_fixed + 1) * sizeof(*grown));
	char *copy;

	if (grown == NULL)
		return err_nomem(err, owner);
	s->fixed = grown;
	copy = strdup(owner);
	if (copy == NULL)
		return err_nomem(err, owner);
	s->fixed[s->n_fixed++] = (struct zone_fixed){.owner = copy, .type = type, .what = what};
	return CR_OK;
}

int
zone_state_name_servers(struct zone_state *s, const char *zone, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < s->records.n && rc == CR_OK; i++) {
		const struct record *r = &s->records.items[i];
		struct name target;

		if (r->type == RECORD_NS && name_equal(r->owner, zone) && record_target(r, &target))
			rc = zone_state_add_server(s, target.text, err);
	}
	return rc;
}
