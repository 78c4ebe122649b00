/*
 * memo.h - what a driver remembers of a zone from a look to the change that follows it: record ids, sets to the letter.
 *
 * An entry belongs to whoever has taken it; threads that work on other zones do not meet.
 */
#ifndef DNS_ZONES_MEMO_H
#define DNS_ZONES_MEMO_H

#include <pthread.h>

/* The first member of what is remembered. */
struct memo_entry {
	char *zone; /* heap; freed by drop with the rest */
	struct memo_entry *next;
};
struct memo {
	pthread_mutex_t mutex;
	struct memo_entry *first;
	void (*drop)(struct memo_entry *e); /* NULL is fine for it */
};

void memo_open(struct memo *m, void (*drop)(struct memo_entry *e));
/* Drops all of it. */
void memo_close(struct memo *m);
/* Out of the memo: NULL when nothing is known of zone. */
struct memo_entry *memo_take(struct memo *m, const char *zone);
/* In place of what was known of e's zone. */
void memo_keep(struct memo *m, struct memo_entry *e);
/* What was known of zone is no longer right. */
void memo_forget(struct memo *m, const char *zone);

#endif
