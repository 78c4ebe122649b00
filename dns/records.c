/*
 * records.c - the list of records: grown, sorted, searched.
 */
#include "dns/record.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"

void
records_release(struct records *l)
{
	for (size_t i = 0; i < l->n; i++)
		record_release(&l->items[i]);
	free(l->items);
	*l = (struct records){0};
}

int
records_take(struct records *l, struct record *r, struct err *err)
{
	struct record *items = list_grow(l->items, l->n, &l->cap, sizeof(*items));

	if (items == NULL) {
		record_release(r);
		return err_nomem(err, "records");
	}
	l->items = items;
	l->items[l->n++] = *r;
	*r = (struct record){0};
	return CR_OK;
}

int
records_add_copy(struct records *l, const struct record *r, struct err *err)
{
	struct record copy;
	int rc = record_copy(r, &copy, err);

	return rc == CR_OK ? records_take(l, &copy, err) : rc;
}

int
records_add(struct records *l, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata, struct err *err)
{
	struct record r;
	int rc = record_parse(owner, type, ttl_s, rdata, "", &r, err);

	return rc == CR_OK ? records_take(l, &r, err) : rc;
}

/* Of duplicates the lowest TTL comes first, and stays. */
static int
compare_items(const void *a, const void *b)
{
	const struct record *x = a;
	const struct record *y = b;
	int order = record_compare(x, y);

	return order != 0 ? order : (x->ttl_s > y->ttl_s) - (x->ttl_s < y->ttl_s);
}

void
records_sort(struct records *l)
{
	size_t kept = 0;

	if (l->n > 1)
		qsort(l->items, l->n, sizeof(*l->items), compare_items);
	for (size_t i = 0; i < l->n; i++) {
		if (kept > 0 && record_same(&l->items[kept - 1], &l->items[i])) {
			record_release(&l->items[i]);
			continue;
		}
		if (kept != i)
			l->items[kept] = l->items[i];
		kept++;
	}
	l->n = kept;
}

const struct record *
records_find(const struct records *l, const struct record *like)
{
	for (size_t i = 0; i < l->n; i++)
		if (record_same(&l->items[i], like))
			return &l->items[i];
	return NULL;
}

size_t
records_count(const struct records *l, const char *owner, uint16_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if ((type == 0 || l->items[i].type == type) && name_equal(l->items[i].owner, owner))
			n++;
	return n;
}
