/*
 * phrases.c - see phrases.h.
 */
#include "budget/phrases.h"

#include <assert.h>
#include <string.h>

#define BUCKETS    8192
#define INDEX_SIZE 16384 /* twice PHRASES_MAX: never full */
#define EDGE_LEFT  1U
#define EDGE_RIGHT 2U
#define NO_SLOT    UINT16_MAX

struct phrases_piece {
	uint32_t trigram;
	uint32_t at;          /* in bytes */
	uint16_t len, offset; /* offset: of the trigram in the piece */
	uint16_t phrase;
	uint16_t slot; /* of a phrase of several pieces: where its end is remembered */
	uint8_t edges;
	bool first, last;
};

static_assert(INDEX_SIZE >= 2 * PHRASES_MAX, "a place for each phrase, and free ones");

struct phrases_phrase {
	uint32_t at, len; /* its text in bytes, with * and ~: to find it again */
	uint32_t hash;
};

void
phrases_release(struct phrases *p)
{
	free(p->pieces);
	free(p->list);
	free(p->bytes);
	free(p->heads);
	free(p->index);
	*p = (struct phrases){0};
}

static uint32_t
trigram_at(const char *s)
{
	return (uint32_t)(unsigned char)s[0] | (uint32_t)(unsigned char)s[1] << 8 | (uint32_t)(unsigned char)s[2] << 16;
}

static uint32_t
bucket_of(uint32_t trigram)
{
	return trigram * 2654435761U >> 19;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
}

static MUST_CHECK int
grow(void **data, size_t *cap, size_t need, size_t size, struct err *err)
{
	size_t want = *cap == 0 ? 64 : *cap;
	void *more;

	while (want < need)
		want *= 2;
	if (want == *cap)
		return CR_OK;
	more = realloc(*data, want * size);
	if (more == NULL)
		return err_nomem(err, "phrases");
	*data = more;
	*cap = want;
	return CR_OK;
}

static MUST_CHECK int
keep_bytes(struct phrases *p, const char *text, size_t len, uint32_t *at_out, struct err *err)
{
	void *data = p->bytes;
	int rc = grow(&data, &p->cap_bytes, p->n_bytes + len, 1, err);

	if (rc != CR_OK)
		return rc;
	p->bytes = data;
	memcpy(p->bytes + p->n_bytes, text, len);
	*at_out = (uint32_t)p->n_bytes;
	p->n_bytes += len;
	return CR_OK;
}

/* One piece of text: without its ~ marks. */
static MUST_CHECK int
add_piece(struct phrases *p, const char *text, size_t len, uint16_t slot, struct phrases_piece **out, struct err *err)
{
	struct phrases_piece piece = {.phrase = (uint16_t)p->n, .slot = slot};
	void *data = p->pieces;
	int rc;

	/* "a * b" finds "a b" too */
	if (slot != NO_SLOT) {
		for (; len > 0 && text[0] == ' '; len--)
			text++;
		while (len > 0 && text[len - 1] == ' ')
			len--;
	}
	if (len > 0 && text[0] == '~') {
		piece.edges |= EDGE_LEFT;
		text++;
		len--;
	}
	if (len > 0 && text[len - 1] == '~') {
		piece.edges |= EDGE_RIGHT;
		len--;
	}
	if (len < PHRASES_PIECE_MIN)
		return err_set(err, CR_ECONFIG, "'%.*s' is shorter than three bytes", (int)len, text);
	if (len > UINT8_MAX)
		return err_set(err, CR_ECONFIG, "'%.40s...' is longer than %d bytes", text, UINT8_MAX);
	piece.len = (uint16_t)len;
	rc = keep_bytes(p, text, len, &piece.at, err);
	if (rc == CR_OK)
		rc = grow(&data, &p->cap_pieces, p->n_pieces + 1, sizeof(piece), err);
	if (rc != CR_OK)
		return rc;
	p->pieces = data;
	p->pieces[p->n_pieces] = piece;
	*out = &p->pieces[p->n_pieces++];
	return CR_OK;
}

static MUST_CHECK int
add_pieces(struct phrases *p, const char *text, size_t len, struct err *err)
{
	const bool several = memchr(text, '*', len) != NULL;
	const char *end = text + len;
	struct phrases_piece *piece = NULL;
	int rc = CR_OK;

	for (bool first = true; rc == CR_OK; first = false) {
		const char *star = memchr(text, '*', (size_t)(end - text));
		const char *stop = star == NULL ? end : star;

		if (p->n_pieces == UINT16_MAX || (several && p->n_slots == PHRASES_MAX))
			return err_set(err, CR_ECONFIG, "more than %d phrases", PHRASES_MAX);
		rc = add_piece(p, text, (size_t)(stop - text), several ? (uint16_t)p->n_slots++ : NO_SLOT, &piece, err);
		if (rc != CR_OK)
			return rc;
		piece->first = first;
		piece->last = star == NULL;
		if (star == NULL)
			break;
		text = star + 1;
	}
	return rc;
}

static uint32_t
hash_of(const char *text, size_t len)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619U;
	return h;
}

/* Where its id + 1 stands, or will. */
static uint16_t *
find_place(const struct phrases *p, const char *text, const struct phrases_phrase *phrase)
{
	size_t i = phrase->hash % INDEX_SIZE;

	for (; p->index[i] != 0; i = (i + 1) % INDEX_SIZE) {
		const struct phrases_phrase *known = &p->list[p->index[i] - 1];

		if (known->hash == phrase->hash && known->len == phrase->len &&
		    memcmp(p->bytes + known->at, text, known->len) == 0)
			break;
	}
	return &p->index[i];
}

int
phrases_add(struct phrases *p, const char *text, size_t len, uint16_t *id_out, struct err *err)
{
	struct phrases_phrase phrase = {.len = (uint32_t)len, .hash = hash_of(text, len)};
	const size_t n_pieces = p->n_pieces, n_slots = p->n_slots;
	uint16_t *place;
	void *data = p->list;
	int rc;

	assert(!p->closed);
	if (p->index == NULL && (p->index = calloc(INDEX_SIZE, sizeof(*p->index))) == NULL)
		return err_nomem(err, "phrases");
	place = find_place(p, text, &phrase);
	if (*place != 0) {
		*id_out = (uint16_t)(*place - 1);
		return CR_OK;
	}
	if (p->n == PHRASES_MAX)
		return err_set(err, CR_ECONFIG, "more than %d phrases", PHRASES_MAX);
	rc = add_pieces(p, text, len, err);
	if (rc == CR_OK)
		rc = keep_bytes(p, text, len, &phrase.at, err);
	if (rc == CR_OK)
		rc = grow(&data, &p->cap, p->n + 1, sizeof(phrase), err);
	if (rc != CR_OK) {
		p->n_pieces = n_pieces;
		p->n_slots = n_slots;
		return rc;
	}
	p->list = data;
	p->list[p->n] = phrase;
	*id_out = (uint16_t)p->n++;
	*place = (uint16_t)p->n;
	return CR_OK;
}

/* Under which of its trigrams: the one under which fewest are kept so far. */
static void
choose_trigram(const struct phrases *p, struct phrases_piece *piece, const uint16_t *taken)
{
	const char *text = p->bytes + piece->at;
	uint16_t least = UINT16_MAX;

	for (uint16_t i = 0; i + 3 <= piece->len; i++) {
		uint32_t t = trigram_at(text + i);

		if (taken[bucket_of(t)] < least) {
			least = taken[bucket_of(t)];
			piece->trigram = t;
			piece->offset = i;
		}
	}
}

/* Stable: the pieces of one phrase stay in order under one trigram. */
static void
sort_pieces(struct phrases *p, struct phrases_piece *sorted)
{
	uint16_t next[BUCKETS];

	memcpy(next, p->heads, sizeof(next));
	for (size_t i = 0; i < p->n_pieces; i++)
		sorted[next[bucket_of(p->pieces[i].trigram)]++] = p->pieces[i];
}

int
phrases_close(struct phrases *p, struct err *err)
{
	struct phrases_piece *sorted = malloc((p->n_pieces + 1) * sizeof(*sorted));
	uint16_t taken[BUCKETS] = {0};
	int rc = CR_OK;

	p->heads = calloc(BUCKETS + 1, sizeof(*p->heads));
	if (sorted == NULL || p->heads == NULL) {
		rc = err_nomem(err, "phrases");
		goto out;
	}
	for (size_t i = 0; i < p->n_pieces; i++) {
		choose_trigram(p, &p->pieces[i], taken);
		taken[bucket_of(p->pieces[i].trigram)]++;
	}
	for (size_t b = 0; b < BUCKETS; b++)
		p->heads[b + 1] = (uint16_t)(p->heads[b] + taken[b]);
	sort_pieces(p, sorted);
	free(p->pieces);
	p->pieces = TAKE(sorted);
	free(p->index);
	p->index = NULL;
	p->closed = true;
out:
	free(sorted);
	return rc;
}

/* Where the pieces of longer phrases ended last.  Not cleared as a whole: set says which are. */
struct progress {
	uint64_t set[PHRASES_WORDS];
	uint16_t end[PHRASES_MAX];
};

static bool
stands_at(const struct phrases *p, const struct phrases_piece *piece, const char *text, size_t len, size_t start)
{
	const size_t end = start + piece->len;

	if (end > len || memcmp(text + start, p->bytes + piece->at, piece->len) != 0)
		return false;
	if ((piece->edges & EDGE_LEFT) != 0 && start > 0 && is_word(text[start - 1]))
		return false;
	return (piece->edges & EDGE_RIGHT) == 0 || end == len || !is_word(text[end]);
}

/* A piece of a longer phrase counts when the one before it ended shortly before. */
static bool
goes_on(const struct phrases_piece *piece, size_t start, struct progress *made)
{
	const uint16_t slot = piece->slot;

	if (!piece->first) {
		const size_t before = slot - 1U;

		if ((made->set[before / 64] >> (before % 64) & 1) == 0 || made->end[before] > start ||
		    start - made->end[before] > PHRASES_GAP)
			return false;
	}
	made->set[slot / 64] |= 1ULL << (slot % 64);
	made->end[slot] = (uint16_t)(start + piece->len);
	return piece->last;
}

void
phrases_find(const struct phrases *p, const char *text, size_t len, struct phrases_found *found)
{
	struct progress made;

	assert(p->closed);
	memset(made.set, 0, (p->n_slots + 63) / 64 * sizeof(made.set[0]));
	if (len > PHRASES_TEXT_MAX)
		len = PHRASES_TEXT_MAX;
	for (size_t at = 0; at + 3 <= len; at++) {
		const uint32_t t = trigram_at(text + at), b = bucket_of(t);

		for (size_t i = p->heads[b]; i < p->heads[b + 1]; i++) {
			const struct phrases_piece *piece = &p->pieces[i];

			if (piece->trigram != t || piece->offset > at ||
			    !stands_at(p, piece, text, len, at - piece->offset))
				continue;
			if (piece->slot == NO_SLOT || goes_on(piece, at - piece->offset, &made))
				found->bits[piece->phrase / 64] |= 1ULL << (piece->phrase % 64);
		}
	}
}
