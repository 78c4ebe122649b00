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

#include "core/lazy.h"

#define IDN_CALLS(X) X(idn2_free) X(idn2_to_unicode_8z8z)
LAZY_LIBRARY(libidn2, "libidn2.so.0", "libidn2-0", IDN_CALLS);
#define idn2_free            libidn2.idn2_free
#define idn2_to_unicode_8z8z libidn2.idn2_to_unicode_8z8z

#define PSL_CALLS(X) X(psl_builtin) X(psl_latest) X(psl_registrable_domain)
LAZY_LIBRARY(libpsl, "libpsl.so.5", "libpsl5", PSL_CALLS);
#define psl_builtin            libpsl.psl_builtin
#define psl_latest             libpsl.psl_latest
#define psl_registrable_domain libpsl.psl_registrable_domain

static pthread_once_t list_once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *list; /* read once, kept for the life of the process */

/* The system's list is younger than the one built into the library; psl_latest falls back to that by itself, but not without memory. */
static void
list_load(void)
{
	/* Without the list every host would be an organisation of its own, and a refusal of one would not bind the next. */
	lazy_must(&libpsl_lazy);
	list = psl_latest(NULL);
	if (list == NULL)
		list = psl_builtin();
}

#define SEEN       128 /* a power of two */
#define SEEN_BYTES 62

/* Where the organisation begins in names that were looked up lately: a sender's recipients repeat, and the list is slow. */
static _Thread_local struct seen {
	char name[SEEN_BYTES]; /* "": nothing yet */
	uint8_t at;
} seen[SEEN];

static struct seen *
seen_place(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return &seen[(h ^ h >> 15) % SEEN];
}

static size_t
look_up(const char *name)
{
	const char *found = NULL;

	(void)pthread_once(&list_once, list_load);
	if (list == NULL)
		return 0;
	found = psl_registrable_domain(list, name);
	return found != NULL ? (size_t)(found - name) : 0;
}

void
name_organisation(const char *name, struct name *out)
{
	const char *dot = strchr(name, '.');
	struct seen *place;
	size_t len = strlen(name), at;

	/* Of two labels it is the name itself, whether that is a suffix or not: nothing has to be looked up. */
	if (dot == NULL || strchr(dot + 1, '.') == NULL) {
		memmove(out->text, name, len + 1);
		return;
	}
	place = seen_place(name);
	if (len > 0 && strcmp(place->name, name) == 0) {
		at = place->at;
	} else {
		at = look_up(name);
		if (len < SEEN_BYTES) {
			memcpy(place->name, name, len + 1);
			place->at = (uint8_t)at;
		}
	}
	/* memmove: name may be out's own text. */
	memmove(out->text, name + at, len - at + 1);
}

bool
name_is_public_suffix(const char *name)
{
	(void)pthread_once(&list_once, list_load);
	return list != NULL && name[0] != '\0' && psl_registrable_domain(list, name) == NULL;
}

void
name_display(const char *name, char *out, size_t size)
{
	char *letters = NULL;

	if (strstr(name, "xn--") != NULL && lazy_need(&libidn2_lazy, NULL) == CR_OK &&
	    idn2_to_unicode_8z8z(name, &letters, IDN2_NONTRANSITIONAL) == IDN2_OK && strlen(letters) < size)
		(void)snprintf(out, size, "%s", letters);
	else
		(void)snprintf(out, size, "%s", name);
	if (letters != NULL)
		idn2_free(letters);
}
