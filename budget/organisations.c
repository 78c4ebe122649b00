/*
 * organisations.c - a sorted list of names, each with the name its organisation goes by.
 *
 * The gate asks with every send, so what is not declared costs nothing, and a look is a binary search.
 */
#include "budget/organisations.h"

#include "core/own.h"

#include <stdlib.h>
#include <string.h>

void
organisations_release(struct organisations *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->alias[i].name);
	free(o->alias);
	*o = (struct organisations){0};
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct organisation_alias *)a)->name, ((const struct organisation_alias *)b)->name);
}

static const struct organisation_alias *
find(const struct organisations *o, const char *name)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = strcmp(name, o->alias[mid].name);

		if (cmp == 0)
			return &o->alias[mid];
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* Put it in with its head, which is its own name where none is given. */
static int
put(struct organisations *o, const char *text, const char **head, struct err *err)
{
	struct organisation_alias *more;
	struct name n;
	int rc = name_parse_host(text, &n, err);

	if (rc == CR_EPARSE && err != NULL)
		err->code = CR_ECONFIG;
	if (rc != CR_OK)
		return rc == CR_EPARSE ? CR_ECONFIG : rc;
	name_organisation(n.text, &n);
	if (find(o, n.text) != NULL)
		return err_set(err, CR_ECONFIG, "%s is declared twice", n.text);
	more = reallocarray(o->alias, o->n + 1, sizeof(*more));
	if (more == NULL)
		return err_nomem(err, "organisations");
	o->alias = more;
	more[o->n].name = strdup(n.text);
	if (more[o->n].name == NULL)
		return err_nomem(err, "organisations");
	if (*head == NULL)
		*head = more[o->n].name;
	more[o->n].head = *head;
	o->n++;
	qsort(o->alias, o->n, sizeof(*o->alias), by_name);
	return CR_OK;
}

int
organisations_add(struct organisations *o, const char *name, const char *const *aliases, size_t n, struct err *err)
{
	const char *head = NULL;
	int rc;

	if (n >= ORGANISATION_NAMES)
		return err_set(err, CR_ECONFIG, "more than %d aliases of %s", ORGANISATION_NAMES - 1, name);
	rc = put(o, name, &head, err);
	for (size_t i = 0; rc == CR_OK && i < n; i++)
		rc = put(o, aliases[i], &head, err);
	return rc;
}

void
organisations_of(const struct organisations *o, const char *name, struct name *out)
{
	const struct organisation_alias *a;

	name_organisation(name, out);
	a = o->n > 0 ? find(o, out->text) : NULL;
	if (a != NULL && a->head != a->name)
		memcpy(out->text, a->head, strlen(a->head) + 1);
}

void
organisations_names(const struct organisations *o, const char *head, const char *out[ORGANISATION_NAMES + 1])
{
	const struct organisation_alias *own = o->n > 0 ? find(o, head) : NULL;
	size_t n = 0;

	for (size_t i = 0; own != NULL && i < o->n && n < ORGANISATION_NAMES; i++) {
		if (o->alias[i].head == own->head)
			out[n++] = o->alias[i].name;
	}
	out[n] = NULL;
}
