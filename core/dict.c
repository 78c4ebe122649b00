/*
 * dict.c - linear probing over a power of two, at most half full.
 *
 * The hash begins elsewhere in every process: who chooses the keys cannot choose them to collide.
 */
#include "core/dict.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define CAP_FIRST 64

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static uint64_t start;

static void
choose_start(void)
{
	struct timespec t = {0};

	if (getrandom(&start, sizeof(start), GRND_NONBLOCK) == (ssize_t)sizeof(start))
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	start = (uint64_t)t.tv_nsec * UINT64_C(0x9e3779b97f4a7c15);
}

/* Both halves of a product, so that each bit of a and b tells in each of the result. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	__extension__ const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
hash_of(const char *key)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	size_t len = strlen(key);
	uint64_t h, word;

	(void)pthread_once(&start_once, choose_start);
	h = start ^ len;
	for (; len >= sizeof(word); len -= sizeof(word), key += sizeof(word)) {
		memcpy(&word, key, sizeof(word));
		h = fold(h ^ word, odd);
	}
	for (word = 0; len > 0; len--)
		word = word << 8 | (unsigned char)*key++;
	return fold(h ^ word, odd);
}

/* Where key stands, or the free place where it would. */
static struct dict_entry *
place_of(const struct dict *m, const char *key, uint64_t hash)
{
	for (size_t at = hash & (m->cap - 1);; at = (at + 1) & (m->cap - 1)) {
		struct dict_entry *e = &m->entries[at];

		if (e->key == NULL || (e->hash == hash && strcmp(e->key, key) == 0))
			return e;
	}
}

void *
dict_get(const struct dict *m, const char *key)
{
	return m->n == 0 ? NULL : place_of(m, key, hash_of(key))->value;
}

static int
grow(struct dict *m, struct err *err)
{
	struct dict wider = {.cap = m->cap == 0 ? CAP_FIRST : 2 * m->cap, .n = m->n};

	wider.entries = calloc(wider.cap, sizeof(wider.entries[0]));
	if (wider.entries == NULL)
		return err_nomem(err, "dictionary");
	for (size_t i = 0; i < m->cap; i++) {
		if (m->entries[i].key != NULL)
			*place_of(&wider, m->entries[i].key, m->entries[i].hash) = m->entries[i];
	}
	free(m->entries);
	*m = wider;
	return CR_OK;
}

int
dict_put(struct dict *m, const char *key, void *value, struct err *err)
{
	uint64_t hash = hash_of(key);
	int rc = 2 * (m->n + 1) > m->cap ? grow(m, err) : CR_OK;

	if (rc != CR_OK)
		return rc;
	*place_of(m, key, hash) = (struct dict_entry){.key = key, .value = value, .hash = hash};
	m->n++;
	return CR_OK;
}

void
dict_clear(struct dict *m, void (*drop)(void *value))
{
	if (m->n == 0)
		return;
	for (size_t i = 0; i < m->cap; i++) {
		if (m->entries[i].key != NULL && drop != NULL)
			drop(m->entries[i].value);
	}
	memset(m->entries, 0, m->cap * sizeof(m->entries[0]));
	m->n = 0;
}

void
dict_release(struct dict *m, void (*drop)(void *value))
{
	dict_clear(m, drop);
	free(m->entries);
	*m = (struct dict){0};
}

bool
dict_release_some(struct dict *m, size_t n, void (*drop)(void *value))
{
	for (; m->cap > 0 && n > 0; n--) {
		const struct dict_entry *e = &m->entries[--m->cap];

		if (e->key != NULL && drop != NULL)
			drop(e->value);
	}
	if (m->cap > 0)
		return false;
	free(m->entries);
	*m = (struct dict){0};
	return true;
}
