/*
 * tokens.c - a mailbox's spends, packed; and how long each of them binds.
 *
 * Packed, 53 bytes: the classes, one bit a slot under the version; then four slots, big-endian: time 5 (milliseconds since
 * TOKENS_FIRST_MS and one, so that an empty slot is zero), key 8.  A million mailboxes are 53 MB of it.  No counter is kept, so none
 * can drift; no job refills, so none can be late.  An expired spend stays until its place is needed: a lengthened window
 * finds it again.
 */
#include "budget/tokens.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define VERSION     0x20 /* in the upper half of the first byte */
#define TIME_BYTES  5
#define KEY_BYTES   8
#define SLOT_BYTES  (TIME_BYTES + KEY_BYTES)
#define OLD_VERSION 1 /* schema 1: version, count, and slots of time 8, class 1, key 16, ticket 16 */
#define OLD_SLOT    41
static_assert(TOKENS_PACKED == 1 + TOKENS_MAX * SLOT_BYTES, "four slots and their classes");

static void
put_be(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t
get_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

void
tokens_pack(const struct tokens *t, uint8_t out[TOKENS_PACKED])
{
	assert(t->n <= TOKENS_MAX);
	memset(out, 0, TOKENS_PACKED);
	out[0] = VERSION;
	for (size_t i = 0; i < t->n; i++) {
		uint8_t *p = out + 1 + i * SLOT_BYTES;

		assert(t->slot[i].spent_ms >= TOKENS_FIRST_MS && t->slot[i].spent_ms <= TOKENS_LAST_MS);
		out[0] |= (uint8_t)(t->slot[i].class << i);
		put_be(p, TIME_BYTES, (uint64_t)(t->slot[i].spent_ms - TOKENS_FIRST_MS + 1));
		put_be(p + TIME_BYTES, KEY_BYTES, t->slot[i].key);
	}
}

/* n slots as schema 1 packed them; what is left of the ids is enough to know them again. */
static bool
unpack_old(const uint8_t *p, size_t len, struct tokens *t)
{
	if (len < 2 || p[1] > TOKENS_MAX || len != 2 + (size_t)p[1] * OLD_SLOT)
		return false;
	t->n = p[1];
	for (size_t i = 0; i < t->n; i++) {
		const uint8_t *s = p + 2 + i * OLD_SLOT;
		uint64_t ms = get_be(s, 8);

		if (ms > (uint64_t)TOKENS_LAST_MS)
			return false;
		t->slot[i] = (struct token){.spent_ms = (int64_t)ms, .class = s[8], .key = get_be(s + 9, KEY_BYTES)};
	}
	return true;
}

static bool
unpack_new(const uint8_t *p, size_t len, struct tokens *t)
{
	if (len != TOKENS_PACKED || (p[0] & 0xf0) != VERSION)
		return false;
	for (size_t i = 0; i < TOKENS_MAX; i++) {
		const uint8_t *s = p + 1 + i * SLOT_BYTES;
		uint64_t since = get_be(s, TIME_BYTES), key = get_be(s + TIME_BYTES, KEY_BYTES);
		int class = p[0] >> i & 1;

		if (since == 0) {
			if (key != 0 || class != 0)
				return false;
			continue;
		}
		if (t->n != i)
			return false;
		t->slot[t->n++] =
			(struct token){.spent_ms = TOKENS_FIRST_MS - 1 + (int64_t)since, .class = class, .key = key};
	}
	return true;
}

int
tokens_unpack(const void *data, size_t len, struct tokens *out, struct err *err)
{
	const uint8_t *p = data;
	struct tokens t = {0};

	if (len != 0 && !(p[0] == OLD_VERSION ? unpack_old(p, len, &t) : unpack_new(p, len, &t)))
		return err_set(err, CR_ESTORE, "spends of a mailbox are damaged (%zu bytes)", len);
	for (size_t i = 0; i < t.n; i++) {
		if (t.slot[i].class > 1 || t.slot[i].spent_ms < TOKENS_FIRST_MS ||
		    (i > 0 && t.slot[i].spent_ms < t.slot[i - 1].spent_ms))
			return err_set(err, CR_ESTORE, "spend %zu of a mailbox is damaged", i + 1);
	}
	*out = t;
	return CR_OK;
}

/*
 * "Fewer than limit in the window" holds from the moment the limit-th latest has left it.  class -1: any.
 */
static int64_t
limit_holds_at(const struct tokens *t, int class, int64_t limit, int64_t window_ms)
{
	int64_t seen = 0;

	if (limit <= 0)
		return TOKENS_NEVER;
	for (size_t i = t->n; i-- > 0;) {
		if (class >= 0 && t->slot[i].class != class)
			continue;
		if (++seen == limit)
			return t->slot[i].spent_ms + window_ms;
	}
	return INT64_MIN;
}

int64_t
tokens_free_at(const struct tokens *t, const struct tokens_rules *r, int class)
{
	int64_t all = limit_holds_at(t, -1, r->total, r->window_ms);
	int64_t own = limit_holds_at(t, class, r->per_class[class], r->window_ms);

	return all > own ? all : own;
}

int64_t
tokens_gap_at(const struct tokens *t, const struct tokens_rules *r)
{
	if (r->gap_ms <= 0 || t->n == 0)
		return INT64_MIN;
	return t->slot[t->n - 1].spent_ms + r->gap_ms;
}

bool
tokens_is_live(const struct token *s, const struct tokens_rules *r, int64_t now_ms)
{
	return now_ms < s->spent_ms + r->window_ms;
}

int
tokens_left(const struct tokens *t, const struct tokens_rules *r, int class, int64_t now_ms)
{
	int64_t own = r->per_class[class], all = r->total;

	for (size_t i = 0; i < t->n; i++) {
		if (!tokens_is_live(&t->slot[i], r, now_ms))
			continue;
		all--;
		own -= t->slot[i].class == class;
	}
	if (all < own)
		own = all;
	return own > 0 ? (int)own : 0;
}

const struct token *
tokens_find(const struct tokens *t, const struct tokens_rules *r, uint64_t key, int64_t now_ms)
{
	/* From the latest: where a window was lengthened, an id may have been spent twice, and that answer was the last. */
	for (size_t i = t->n; i-- > 0;) {
		if (t->slot[i].key == key && tokens_is_live(&t->slot[i], r, now_ms))
			return &t->slot[i];
	}
	return NULL;
}

void
tokens_remove(struct tokens *t, size_t at)
{
	memmove(&t->slot[at], &t->slot[at + 1], (t->n - at - 1) * sizeof(t->slot[0]));
	t->n--;
}

void
tokens_spend(struct tokens *t, const struct tokens_rules *r, const struct token *spend)
{
	size_t at;

	if (t->n == TOKENS_MAX) {
		assert(!tokens_is_live(&t->slot[0], r, spend->spent_ms));
		tokens_remove(t, 0);
	}
	for (at = t->n; at > 0 && t->slot[at - 1].spent_ms > spend->spent_ms; at--)
		t->slot[at] = t->slot[at - 1];
	t->slot[at] = *spend;
	t->n++;
}
