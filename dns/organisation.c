/*
 * organisation.c - what a name means to people: the organisation that registered it, and its letters.
 *
 * Sources: publicsuffix.org/list (both its sections) through libpsl; RFC 5891 s5.2 through libidn2.
 */
#include "dns/name.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <idn2.h>
#include <libpsl.h>

static pthread_once_t list_once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *list; /* read once, kept for the life of the process */

/* The system's list is younger than the one built into the library; psl_latest falls back to that by itself, but not without memory. */
static void
list_load(void)
{
	list = psl_latest(NULL);
	if (list == NULL)
		list = psl_builtin();
}

void
name_organisation(const char *name, struct name *out)
{
	const char *found = NULL;

	(void)pthread_once(&list_once, list_load);
	if (list != NULL)
		found = psl_registrable_domain(list, name);
	if (found == NULL)
		found = name;
	/* memmove: name may be out's own text. */
	memmove(out->text, found, strlen(found) + 1);
}

void
name_display(const char *name, char *out, size_t size)
{
	char *letters = NULL;

	if (strstr(name, "xn--") != NULL && idn2_to_unicode_8z8z(name, &letters, IDN2_NONTRANSITIONAL) == IDN2_OK &&
	    strlen(letters) < size)
		(void)snprintf(out, size, "%s", letters);
	else
		(void)snprintf(out, size, "%s", name);
	idn2_free(letters);
}
