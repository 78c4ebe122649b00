/*
 * memo.c - what a driver remembers of a zone.
 */
#include "dns/zones/memo.h"

#include <stddef.h>
#include <string.h>

void
memo_open(struct memo *m, void (*drop)(struct memo_entry *e))
{
	(void)pthread_mutex_init(&m->mutex, NULL);
	m->first = NULL;
	m->drop = drop;
}

void
memo_close(struct memo *m)
{
	while (m->first != NULL) {
		struct memo_entry *e = m->first;

		m->first = e->next;
		m->drop(e);
	}
	(void)pthread_mutex_destroy(&m->mutex);
}

struct memo_entry *
memo_take(struct memo *m, const char *zone)
{
	struct memo_entry *e = NULL;

	(void)pthread_mutex_lock(&m->mutex);
	for (struct memo_entry **at = &m->first; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->zone, zone) == 0) {
			e = *at;
			*at = e->next;
			break;
		}
	}
	(void)pthread_mutex_unlock(&m->mutex);
	return e;
}

void
memo_keep(struct memo *m, struct memo_entry *e)
{
	memo_forget(m, e->zone);
	(void)pthread_mutex_lock(&m->mutex);
	e->next = m->first;
	m->first = e;
	(void)pthread_mutex_unlock(&m->mutex);
}

void
memo_forget(struct memo *m, const char *zone)
{
	m->drop(memo_take(m, zone));
}
