/*
 * instances.c - a ring in order of arrival, which is the order of expiry, and chains by id over it.
 */
#include "budget/instances.h"

#include "core/buf.h"
#include "core/own.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384 /* a power of two */
#define NONE    (-1)

struct instance {
	uint8_t id[INSTANCES_ID_BYTES];
	int64_t made_ms;
	struct buf recipients; /* each with its NUL */
	size_t n;
	int next; /* of the same bucket */
};

struct instances {
	struct instance ring[INSTANCES_MAX];
	size_t first, n; /* the oldest, and how many */
	size_t bytes;
	int bucket[BUCKETS];
};

int
instances_open(struct instances **out, struct err *err)
{
	struct instances *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_nomem(err, "messages");
	for (size_t i = 0; i < BUCKETS; i++)
		t->bucket[i] = NONE;
	*out = t;
	return CR_OK;
}

void
instances_drop(struct instances **t)
{
	if (*t == NULL)
		return;
	for (size_t i = 0; i < INSTANCES_MAX; i++)
		buf_release(&(*t)->ring[i].recipients);
	free(*t);
	*t = NULL;
}

/* An id is a digest already: any of its bytes will do. */
static int *
bucket_of(struct instances *t, const uint8_t *id)
{
	return &t->bucket[(id[0] | (size_t)id[1] << 8) % BUCKETS];
}

static void
forget_oldest(struct instances *t)
{
	struct instance *oldest = &t->ring[t->first];
	int *link = bucket_of(t, oldest->id);

	while (*link != (int)t->first) {
		assert(*link != NONE);
		link = &t->ring[*link].next;
	}
	*link = oldest->next;
	t->bytes -= oldest->recipients.cap;
	buf_release(&oldest->recipients);
	oldest->n = 0;
	t->first = (t->first + 1) % INSTANCES_MAX;
	t->n--;
}

static struct instance *
find(struct instances *t, const uint8_t *id, int64_t now_ms)
{
	while (t->n > 0 && now_ms - t->ring[t->first].made_ms >= INSTANCES_EXPIRE_MS)
		forget_oldest(t);
	for (int i = *bucket_of(t, id); i != NONE; i = t->ring[i].next) {
		if (memcmp(t->ring[i].id, id, INSTANCES_ID_BYTES) == 0)
			return &t->ring[i];
	}
	return NULL;
}

static struct instance *
make(struct instances *t, const uint8_t *id, int64_t now_ms)
{
	int *bucket = bucket_of(t, id);
	size_t at;

	if (t->n == INSTANCES_MAX)
		forget_oldest(t);
	at = (t->first + t->n++) % INSTANCES_MAX;
	t->ring[at] = (struct instance){.made_ms = now_ms, .next = *bucket};
	memcpy(t->ring[at].id, id, INSTANCES_ID_BYTES);
	*bucket = (int)at;
	return &t->ring[at];
}

static bool
has(const struct instance *m, const char *recipient)
{
	for (size_t i = 0; i < m->recipients.len; i += strlen(m->recipients.data + i) + 1) {
		if (strcmp(m->recipients.data + i, recipient) == 0)
			return true;
	}
	return false;
}

int
instances_add(struct instances *t, const uint8_t id[INSTANCES_ID_BYTES], const char *recipient, int64_t now_ms,
              struct err *err)
{
	struct instance *m = find(t, id, now_ms);
	size_t cap;

	if (m != NULL && has(m, recipient))
		return CR_OK;
	if (m != NULL && m->n == INSTANCES_RECIPIENTS)
		return err_set(err, CR_EREFUSED, "more than %d recipients of one message", INSTANCES_RECIPIENTS);
	if (m == NULL)
		m = make(t, id, now_ms);
	cap = m->recipients.cap;
	buf_add(&m->recipients, recipient, strlen(recipient) + 1);
	t->bytes += m->recipients.cap - cap;
	if (buf_check(&m->recipients, "recipients", err) != CR_OK)
		return CR_ENOMEM;
	m->n++;
	while (t->bytes > INSTANCES_BYTES && &t->ring[t->first] != m)
		forget_oldest(t);
	return CR_OK;
}

size_t
instances_get(struct instances *t, const uint8_t id[INSTANCES_ID_BYTES], int64_t now_ms,
              const char *recipients_out[INSTANCES_RECIPIENTS])
{
	const struct instance *m = find(t, id, now_ms);
	size_t n = 0;

	if (m == NULL)
		return 0;
	for (size_t i = 0; i < m->recipients.len; i += strlen(m->recipients.data + i) + 1)
		recipients_out[n++] = m->recipients.data + i;
	return n;
}
