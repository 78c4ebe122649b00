/*
 * dkim_mend.c - accidents of key records undone, to see whether a key comes out.
 *
 * A TXT is published as strings of at most 255 bytes (RFC 1035 s3.3.14), joined without a blank (RFC 6376 s3.6.2.2): web forms that quote
 * once more, escape the semicolons, sort the strings or drop all but the first are behind most broken records.
 */
#include "dns/dkim_mend.h"

#include <assert.h>
#include <string.h>

#include "dns/dkim_inside.h"
#include "dns/txt.h"

/* Two strings, quoted once more, have quote, blank, quote between them: all of it goes. */
static int
without_quoting(const char *txt, struct dkim_mended *m, struct buf *out, struct err *err)
{
	for (const char *c = txt; *c != '\0'; c++) {
		if (*c == '\\' && (c[1] == ';' || c[1] == '"')) {
			m->backslashes = m->backslashes || c[1] == ';';
		} else if (*c == '"') {
			const char *next = c + 1 + strspn(c + 1, " \t");

			m->quotes = true;
			if (next > c + 1 && *next == '"')
				c = next;
		} else {
			buf_addc(out, *c);
		}
	}
	return buf_check(out, "dkim record", err);
}

/* The next order of the first n numbers, by size (Narayana); false: that was the last. */
static bool
next_order(size_t *order, size_t n)
{
	size_t i = n - 1, j = n - 1, swap;

	while (i > 0 && order[i - 1] >= order[i])
		i--;
	if (i == 0)
		return false;
	while (order[j] <= order[i - 1])
		j--;
	swap = order[i - 1];
	order[i - 1] = order[j];
	order[j] = swap;
	for (j = n - 1; i < j; i++, j--) {
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	return true;
}

int
dkim_mend_order(const struct span *pieces, size_t n, const struct dkim_public *ours, struct dkim_record *out,
                bool *found_out, struct err *err)
{
	size_t order[DKIM_PIECES_MAX] = {0, 1, 2, 3};
	struct dkim_record record;
	struct buf text = {0};
	int rc = CR_OK;

	*found_out = false;
	if (n == 0 || n > DKIM_PIECES_MAX)
		return CR_OK;
	do {
		buf_clear(&text);
		for (size_t i = 0; i < n; i++)
			buf_add(&text, pieces[order[i]].at, pieces[order[i]].len);
		rc = buf_check(&text, "dkim record", err);
		if (rc == CR_OK)
			rc = dkim_record_read(buf_str(&text), &record, err);
		if (rc == CR_OK && record.fault == DKIM_FAULT_NONE && record.versioned && record.public.len > 0 &&
		    (ours == NULL || dkim_same_key(ours, &record.public))) {
			*out = record;
			*found_out = true;
		}
	} while (rc == CR_OK && !*found_out && next_order(order, n));
	buf_release(&text);
	return rc;
}

/* The record as strings of 255 bytes of which the short one, the last when they were cut, now is the at-th. */
static size_t
cut_at(const char *txt, size_t len, size_t at, struct span pieces[DKIM_PIECES_MAX])
{
	size_t n = 0, rest = len % TXT_STRING_MAX;

	for (size_t used = 0; used < len; n++) {
		assert(n < DKIM_PIECES_MAX);
		pieces[n] = (struct span){txt + used, n == at && rest > 0 ? rest : TXT_STRING_MAX};
		used += pieces[n].len;
	}
	return n;
}

/* Where the strings were cut is not known any more: in front of the version, or at 255 bytes each. */
static int
reorder(const char *txt, const struct dkim_public *ours, struct dkim_record *out, bool *found_out, struct err *err)
{
	const char *start = strstr(txt, "v=" DKIM_VERSION);
	struct span pieces[DKIM_PIECES_MAX];
	size_t len = strlen(txt), n = (len + TXT_STRING_MAX - 1) / TXT_STRING_MAX;
	int rc = CR_OK;

	*found_out = false;
	if (start == NULL)
		return CR_OK;
	if (start > txt) {
		pieces[0] = (struct span){txt, (size_t)(start - txt)};
		pieces[1] = (struct span){start, strlen(start)};
		rc = dkim_mend_order(pieces, 2, ours, out, found_out, err);
	}
	if (n > DKIM_PIECES_MAX)
		return rc;
	for (size_t at = 0; at < n && rc == CR_OK && !*found_out; at++) {
		/* All but the short one have 255 bytes: elsewhere than at the end it cannot have been, if nothing was moved. */
		size_t got = cut_at(txt, len, at, pieces);

		rc = dkim_mend_order(pieces, got, ours, out, found_out, err);
	}
	return rc;
}

int
dkim_mend(const char *txt, const struct dkim_public *ours, struct dkim_mended *out, struct err *err)
{
	struct dkim_mended m = {0};
	struct buf text = {.max_bytes = TAGLIST_TEXT_MAX_BYTES + 1};
	bool found = false;
	int rc = without_quoting(txt, &m, &text, err);

	if (rc == CR_OK)
		rc = dkim_record_read(buf_str(&text), &m.record, err);
	if (rc == CR_OK &&
	    (m.record.fault != DKIM_FAULT_NONE || (ours != NULL && !dkim_same_key(ours, &m.record.public))))
		rc = reorder(buf_str(&text), ours, &m.record, &found, err);
	/* Ours may not be there at all. */
	if (rc == CR_OK && !found && ours != NULL && m.record.fault != DKIM_FAULT_NONE)
		rc = reorder(buf_str(&text), NULL, &m.record, &found, err);
	m.order = found;
	if (rc == CR_OK)
		*out = m;
	buf_release(&text);
	return rc;
}

bool
dkim_mend_p(const char *txt, struct span *out)
{
	struct taglist tags;
	const struct tag *p = taglist_parse(txt, true, &tags, NULL) == CR_OK ? taglist_find(&tags, "p") : NULL;

	if (p != NULL)
		*out = p->value;
	return p != NULL;
}

/* SEQUENCE with a length of one or two bytes: the head of each RSA key. */
bool
dkim_mend_cut_off(const char *txt, size_t *have_out, size_t *want_out)
{
	uint8_t data[DKIM_PUBLIC_MAX];
	char packed[4 * (DKIM_PUBLIC_MAX / 3)];
	size_t n = 0, len;
	struct span p;

	if (!dkim_mend_p(txt, &p))
		return false;
	for (size_t i = 0; i < p.len && n < sizeof(packed); i++) {
		if (strchr(" \t\r\n", p.at[i]) == NULL)
			packed[n++] = p.at[i];
	}
	/* A cut falls anywhere: what is left of the last four letters says nothing. */
	n -= n % 4;
	if (!dkim_base64((struct span){packed, n}, data, sizeof(data), &len) || len < 4 || data[0] != 0x30)
		return false;
	*want_out = data[1] == 0x82 ? 4 + ((size_t)data[2] << 8 | data[3]) : data[1] == 0x81 ? 3 + (size_t)data[2] : 0;
	*have_out = len;
	return len < *want_out;
}
