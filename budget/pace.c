/*
 * pace.c - times of the last sends to an organisation: 8 bytes each, big-endian, oldest first.
 */
#include "budget/pace.h"

#include <string.h>

/* Closed windows, as for tokens. */
#define HOUR_MS ((int64_t)3600000 + 1)

int
pace_unpack(const void *data, size_t len, struct pace *out, struct err *err)
{
	const uint8_t *p = data;

	if (len % 8 != 0)
		return err_set(err, CR_ESTORE, "pace of an organisation is damaged (%zu bytes)", len);
	if (len > PACE_PACKED_MAX) {
		p += len - PACE_PACKED_MAX;
		len = PACE_PACKED_MAX;
	}
	out->n = len / 8;
	for (size_t i = 0; i < out->n; i++) {
		uint64_t v = 0;

		for (int b = 0; b < 8; b++)
			v = v << 8 | *p++;
		if (v > INT64_MAX / 4 || (i > 0 && (int64_t)v < out->times_ms[i - 1]))
			return err_set(err, CR_ESTORE, "pace of an organisation is damaged at %zu", i + 1);
		out->times_ms[i] = (int64_t)v;
	}
	return CR_OK;
}

size_t
pace_pack(const struct pace *p, uint8_t out[PACE_PACKED_MAX])
{
	for (size_t i = 0; i < p->n; i++) {
		uint64_t v = (uint64_t)p->times_ms[i];

		for (size_t b = 8; b-- > 0; v >>= 8)
			out[i * 8 + b] = (uint8_t)v;
	}
	return p->n * 8;
}

void
pace_copy(struct pace *to, const struct pace *from)
{
	to->n = from->n;
	memcpy(to->times_ms, from->times_ms, from->n * sizeof(from->times_ms[0]));
}

static int64_t
limit_holds_at(const struct pace *p, int64_t limit, int64_t window_ms)
{
	if (limit <= 0 || p->n < (size_t)limit)
		return INT64_MIN;
	return p->times_ms[p->n - (size_t)limit] + window_ms;
}

int64_t
pace_free_at(const struct pace *p, const struct tokens_rules *r)
{
	int64_t hour = limit_holds_at(p, r->org_per_hour, HOUR_MS);
	int64_t day = limit_holds_at(p, r->org_per_day, PACE_DAY_MS);

	return hour > day ? hour : day;
}

static void
remove_at(struct pace *p, size_t at)
{
	memmove(&p->times_ms[at], &p->times_ms[at + 1], (p->n - at - 1) * sizeof(p->times_ms[0]));
	p->n--;
}

void
pace_spend(struct pace *p, int64_t now_ms)
{
	size_t at;

	while (p->n > 0 && (p->n == PACE_MAX || p->times_ms[0] + PACE_DAY_MS <= now_ms))
		remove_at(p, 0);
	for (at = p->n; at > 0 && p->times_ms[at - 1] > now_ms; at--)
		p->times_ms[at] = p->times_ms[at - 1];
	p->times_ms[at] = now_ms;
	p->n++;
}

void
pace_release(struct pace *p, int64_t spent_ms)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->times_ms[i] == spent_ms) {
			remove_at(p, i);
			return;
		}
	}
}
