/*
 * tokens.c - a mailbox's spends, packed; and how long each of them binds.
 *
 * Packed: version 1, count, then per spend, big-endian: time 8, class 1, key 16, ticket 8 + 8.  No counter is kept, so none
 * can drift; no job refills, so none can be late.  An expired spend stays until its place is needed: a lengthened window
 * finds it again.
 */
#include "budget/tokens.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION    1
#define SLOT_BYTES (8 + 1 + TOKENS_KEY_BYTES + 8 + 8)

static const uint8_t no_key[TOKENS_KEY_BYTES];

static void
put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t
get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void
pack_slot(const struct token *s, uint8_t *p)
{
	put_u64(p, (uint64_t)s->spent_ms);
	p[8] = (uint8_t)s->class;
	memcpy(p + 9, s->key, TOKENS_KEY_BYTES);
	put_u64(p + 9 + TOKENS_KEY_BYTES, (uint64_t)s->ticket.seq);
	put_u64(p + 17 + TOKENS_KEY_BYTES, s->ticket.nonce);
}

static void
unpack_slot(const uint8_t *p, struct token *s)
{
	s->spent_ms = (int64_t)get_u64(p);
	s->class = p[8];
	memcpy(s->key, p + 9, TOKENS_KEY_BYTES);
	s->ticket.seq = (int64_t)get_u64(p + 9 + TOKENS_KEY_BYTES);
	s->ticket.nonce = get_u64(p + 17 + TOKENS_KEY_BYTES);
}

size_t
tokens_pack(const struct tokens *t, uint8_t out[TOKENS_PACKED_MAX])
{
	assert(t->n <= TOKENS_MAX);
	out[0] = VERSION;
	out[1] = (uint8_t)t->n;
	for (size_t i = 0; i < t->n; i++)
		pack_slot(&t->slot[i], out + 2 + i * SLOT_BYTES);
	return 2 + t->n * SLOT_BYTES;
}

int
tokens_unpack(const void *data, size_t len, struct tokens *out, struct err *err)
{
	const uint8_t *p = data;
	struct tokens t = {0};

	if (len != 0) {
		if (len < 2 || p[0] != VERSION || p[1] > TOKENS_MAX || len != 2 + (size_t)p[1] * SLOT_BYTES)
			return err_set(err, CR_ESTORE, "spends of a mailbox are damaged (%zu bytes)", len);
		t.n = p[1];
	}
	for (size_t i = 0; i < t.n; i++) {
		unpack_slot(p + 2 + i * SLOT_BYTES, &t.slot[i]);
		/* Far beyond any date, so that adding a window cannot overflow. */
		if (t.slot[i].class > 1 || t.slot[i].spent_ms < 0 || t.slot[i].spent_ms > INT64_MAX / 4 ||
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

static bool
is_live(const struct token *s, const struct tokens_rules *r, int64_t now_ms)
{
	return now_ms < s->spent_ms + r->window_ms;
}

int
tokens_left(const struct tokens *t, const struct tokens_rules *r, int class, int64_t now_ms)
{
	int64_t own = r->per_class[class], all = r->total;

	for (size_t i = 0; i < t->n; i++) {
		if (!is_live(&t->slot[i], r, now_ms))
			continue;
		all--;
		own -= t->slot[i].class == class;
	}
	if (all < own)
		own = all;
	return own > 0 ? (int)own : 0;
}

const struct token *
tokens_find(const struct tokens *t, const struct tokens_rules *r, const uint8_t *key, int64_t now_ms)
{
	if (memcmp(key, no_key, sizeof(no_key)) == 0)
		return NULL;
	for (size_t i = 0; i < t->n; i++) {
		if (is_live(&t->slot[i], r, now_ms) && memcmp(t->slot[i].key, key, TOKENS_KEY_BYTES) == 0)
			return &t->slot[i];
	}
	return NULL;
}

static void
remove_slot(struct tokens *t, size_t at)
{
	memmove(&t->slot[at], &t->slot[at + 1], (t->n - at - 1) * sizeof(t->slot[0]));
	t->n--;
}

void
tokens_spend(struct tokens *t, const struct tokens_rules *r, const struct token *spend)
{
	size_t at;

	if (t->n == TOKENS_MAX) {
		assert(!is_live(&t->slot[0], r, spend->spent_ms));
		remove_slot(t, 0);
	}
	for (at = t->n; at > 0 && t->slot[at - 1].spent_ms > spend->spent_ms; at--)
		t->slot[at] = t->slot[at - 1];
	t->slot[at] = *spend;
	t->n++;
}

bool
tokens_release(struct tokens *t, const struct tokens_rules *r, const struct ticket *ticket, int64_t now_ms,
               struct token *released_out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->slot[i].ticket.seq != ticket->seq || t->slot[i].ticket.nonce != ticket->nonce ||
		    !is_live(&t->slot[i], r, now_ms))
			continue;
		*released_out = t->slot[i];
		remove_slot(t, i);
		return true;
	}
	return false;
}

void
ticket_format(const struct ticket *t, char out[TOKENS_TICKET_SIZE])
{
	(void)snprintf(out, TOKENS_TICKET_SIZE, "%" PRIx64 "-%016" PRIx64, (uint64_t)t->seq, t->nonce);
}

/* Lower-case hex up to the stop character; at most 16 digits. */
static bool
take_hex(const char **text, char stop, uint64_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = *text, *d;
	uint64_t v = 0;

	for (; *p != '\0' && p - *text < 16 && (d = strchr(digits, *p)) != NULL; p++)
		v = v << 4 | (uint64_t)(d - digits);
	if (p == *text || *p != stop)
		return false;
	*text = p + (stop != '\0');
	*out = v;
	return true;
}

int
ticket_parse(const char *text, struct ticket *out, struct err *err)
{
	const char *p = text;
	uint64_t seq, nonce;

	if (!take_hex(&p, '-', &seq) || !take_hex(&p, '\0', &nonce) || seq == 0 || seq > INT64_MAX)
		return err_set(err, CR_EPARSE, "not a ticket: '%s'", text);
	*out = (struct ticket){.seq = (int64_t)seq, .nonce = nonce};
	return CR_OK;
}
