/*
 * oracle.c - slide a closed window of 24 hours over the sends, and count.
 */
#include "tests/lib/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(struct oracle *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
complain(struct oracle *o, const char *fmt, ...)
{
	va_list ap;

	if (o->complaint[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(o->complaint, sizeof(o->complaint), fmt, ap);
	va_end(ap);
}

void
oracle_release(struct oracle *o)
{
	free(o->sends);
	*o = (struct oracle){0};
}

static bool
was_sent(const struct oracle_send *s)
{
	return !s->released && !s->unanswered;
}

/* The closed day that ends with this send. */
static void
count_day(struct oracle *o, size_t last)
{
	const struct oracle_send *end = &o->sends[last];
	int all = 0, own = 0;

	for (size_t i = last + 1; i-- > 0 && o->sends[i].at_ms >= end->at_ms - ORACLE_DAY_MS;) {
		const struct oracle_send *s = &o->sends[i];

		if (s->mailbox != end->mailbox || !was_sent(s))
			continue;
		all++;
		own += s->class == end->class;
	}
	if (all > ORACLE_TOTAL || own > ORACLE_PER_CLASS)
		complain(o, "mailbox %d: %d sends, %d of class %d, in the 24 h before %lld", end->mailbox, all, own,
		         end->class, (long long)end->at_ms);
}

void
oracle_recount(struct oracle *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (i > 0 && o->sends[i].at_ms < o->sends[i - 1].at_ms)
			complain(o, "send %zu is older than the one before it", i);
		if (was_sent(&o->sends[i]))
			count_day(o, i);
	}
}

static void
outdate(struct oracle *o, const struct oracle_rules *r, const struct oracle_send *by)
{
	for (size_t i = o->n; i-- > 0;) {
		struct oracle_send *s = &o->sends[i];

		if (s->mailbox == by->mailbox && s->at_ms + r->window_ms <= by->at_ms)
			s->outdated = true;
	}
}

struct oracle_send *
oracle_admit(struct oracle *o, const struct oracle_rules *r, const struct oracle_send *send)
{
	if (o->closed[send->mailbox])
		complain(o, "mailbox %d: a send was admitted after its domain was frozen", send->mailbox);
	if (oracle_by_ticket(o, send->ticket) != NULL)
		complain(o, "ticket %s was given to two sends", send->ticket);
	if (o->n == o->size) {
		size_t size = o->size == 0 ? 256 : o->size * 2;
		struct oracle_send *grown = realloc(o->sends, size * sizeof(*grown));

		if (grown == NULL)
			abort();
		o->sends = grown;
		o->size = size;
	}
	outdate(o, r, send);
	o->sends[o->n++] = *send;
	count_day(o, o->n - 1);
	return o->complaint[0] == '\0' ? &o->sends[o->n - 1] : NULL;
}

void
oracle_rewind(struct oracle *o, size_t n)
{
	if (n < o->n)
		o->n = n;
}

struct oracle_send *
oracle_by_key(struct oracle *o, int mailbox, const char *key)
{
	for (size_t i = o->n; key[0] != '\0' && i-- > 0;) {
		if (o->sends[i].mailbox == mailbox && strcmp(o->sends[i].key, key) == 0)
			return &o->sends[i];
	}
	return NULL;
}

struct oracle_send *
oracle_by_ticket(struct oracle *o, const char *ticket)
{
	for (size_t i = o->n; ticket[0] != '\0' && i-- > 0;) {
		if (strcmp(o->sends[i].ticket, ticket) == 0)
			return &o->sends[i];
	}
	return NULL;
}

enum oracle_room
oracle_room(const struct oracle *o, const struct oracle_rules *r, int mailbox, int class, int64_t now_ms)
{
	int64_t sure[2] = {0}, perhaps[2] = {0}; /* [0] any class, [1] this one */

	for (size_t i = 0; i < o->n; i++) {
		const struct oracle_send *s = &o->sends[i];

		if (s->mailbox != mailbox || s->released || s->at_ms + r->window_ms <= now_ms)
			continue;
		for (int k = 0; k < 1 + (s->class == class); k++) {
			perhaps[k]++;
			sure[k] += !s->unanswered && !s->outdated;
		}
	}
	if (perhaps[0] < r->total && perhaps[1] < r->per_class[class])
		return ORACLE_FREE;
	if (sure[0] >= r->total || sure[1] >= r->per_class[class])
		return ORACLE_FULL;
	return ORACLE_OPEN;
}
