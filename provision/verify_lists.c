/*
 * verify_lists.c - is the domain, or an address that it sends from, on one of the configured block lists?
 *
 * Source: RFC 5782.  A key is a part of the question's name and stands in no line.
 */
#include "provision/verify_lists.h"

#include <stdlib.h>

#include "provision/verify_inside.h"

void
verify_lists_release(struct verify_lists *l)
{
	for (size_t i = 0; i < l->n; i++)
		secret_drop(&l->items[i].key);
	free(l->items);
	*l = (struct verify_lists){0};
}

static int
open_list(const struct intent_list *from, struct verify_list *out, struct err *err)
{
	struct name zone;
	int rc = name_parse_host(from->zone, &zone, err);

	if (rc != CR_OK)
		return err_wrap(err, "block_lists");
	buf_copy_text(out->zone, sizeof(out->zone), zone.text);
	out->list = (struct blocklist){.zone = out->zone, .kind = from->kind};
	if (from->key != NULL)
		rc = secret_resolve(from->key, false, NULL, &out->key, err);
	if (rc != CR_OK) {
		blocklist_zone(&out->list, &zone);
		return err_wrap(err, "block list %s", zone.text);
	}
	if (out->key != NULL)
		out->list.key = secret_bytes(out->key, NULL);
	return CR_OK;
}

int
verify_lists_open(const struct intent *i, struct verify_lists *out, struct err *err)
{
	struct verify_lists l = {.items = calloc(i->n_lists + 1, sizeof(*l.items))};
	int rc = l.items == NULL ? err_nomem(err, "block lists") : CR_OK;

	while (rc == CR_OK && l.n < i->n_lists) {
		rc = open_list(&i->lists[l.n], &l.items[l.n], err);
		l.n++;
	}
	if (rc == CR_OK)
		*out = l;
	else
		verify_lists_release(&l);
	return rc;
}

static int
check(struct lookup *l, struct verify_subject *s, const struct blocklist *list, const char *target, struct err *err)
{
	char name[600];
	const struct verify_check c = {.group = VERIFY_LISTS, .id = "blocklist", .name = name};
	struct blocklist_verdict verdict;
	struct findings f = {0};
	struct name zone;
	int rc;

	/* Without the key, should it stand in the zone's name. */
	blocklist_zone(list, &zone);
	(void)snprintf(name, sizeof(name), "%.255s on %.255s", target, zone.text);
	rc = blocklist_check(l, list, target, &verdict, &f, err);
	if (rc == CR_OK)
		rc = verify_add_findings(&s->report, &c, &f, err);
	findings_release(&f);
	return rc;
}

int
verify_blocklists(struct lookup *l, struct verify_subject *s, struct err *err)
{
	const size_t n = s->lists != NULL ? s->lists->n : 0;
	const struct verify_line none = {
		.group = VERIFY_LISTS,
		.topic = VERIFY_LISTS,
		.status = VERIFY_NOTE,
		.id = "blocklist-none",
		.name = s->domain,
		.text = (char[]){"no block list was looked into: none is configured (block_lists)"}};
	int rc = n == 0 && !s->parked ? verify_add(&s->report, &none, err) : CR_OK;

	for (size_t i = 0; rc == CR_OK && !s->parked && i < n; i++) {
		const struct blocklist *list = &s->lists->items[i].list;

		if (list->kind == BLOCKLIST_DOMAIN)
			rc = check(l, s, list, s->domain, err);
		for (size_t k = 0; rc == CR_OK && list->kind == BLOCKLIST_IP && k < s->n_addresses; k++)
			rc = check(l, s, list, s->addresses[k], err);
	}
	return rc;
}
