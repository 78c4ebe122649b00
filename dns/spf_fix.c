/*
 * spf_fix.c - the records that put SPF faults right, as exact text.
 *
 * What the owner wrote keeps its spelling where only a term is taken away; joined and ended records are written anew.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/spf_inside.h"

#define RECORD_TTL_S 3600

void
spf_walk_failed(struct spf_walk *w, int rc)
{
	if (w->rc == CR_OK)
		w->rc = rc;
}

static char *
take(struct spf_walk *w, struct buf *text)
{
	char *out = NULL;
	int rc = buf_take(text, "spf record", &out, &w->err);

	if (rc != CR_OK)
		spf_walk_failed(w, rc);
	buf_release(text);
	return out;
}

char *
spf_fix_line(struct spf_walk *w, const char *name, const char *text)
{
	struct record r = {0};
	struct buf line = {0};
	int rc = record_txt(name, RECORD_TTL_S, text, strlen(text), &r, &w->err);

	if (rc != CR_OK) {
		spf_walk_failed(w, rc);
		return NULL;
	}
	record_format(&r, &line);
	record_release(&r);
	return take(w, &line);
}

char *
spf_fix_printable(struct spf_walk *w, const void *data, size_t len)
{
	const unsigned char *at = data;
	struct buf text = {0};

	for (size_t i = 0; i < len; i++) {
		if (at[i] < 0x20 || at[i] > 0x7e)
			buf_addf(&text, "\\%03d", at[i]);
		else
			buf_addc(&text, (char)at[i]);
	}
	return take(w, &text);
}

char *
spf_fix_without(struct spf_walk *w, const struct record *r, const struct spf_term *t)
{
	const char *data = (const char *)r->data;
	size_t from = t->said_at, to = t->said_at + t->said_len;
	struct buf text = {0};

	while (from > 0 && data[from - 1] == ' ')
		from--;
	buf_add(&text, data, from);
	buf_add(&text, data + to, r->data_len - to);
	return take(w, &text);
}

/* What people write in place of what they mean. */
static const struct spelling {
	const char *wrong, *right;
} spellings[] = {
	{"ipv4:",     "ip4:"     },
	{"ipv6:",     "ip6:"     },
	{"ip:",       "ip4:"     },
	{"ip4=",      "ip4:"     },
	{"ip6=",      "ip6:"     },
	{"include=",  "include:" },
	{"includes:", "include:" },
	{"a=",        "a:"       },
	{"mx=",       "mx:"      },
	{"exists=",   "exists:"  },
	{"redirect:", "redirect="},
	{"exp:",      "exp="     },
};

const char *
spf_fix_spelling(struct span term, size_t *wrong_len_out)
{
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		size_t len = strlen(spellings[i].wrong);

		if (term.len >= len && strncasecmp(term.at, spellings[i].wrong, len) == 0) {
			*wrong_len_out = len;
			return spellings[i].right;
		}
	}
	return NULL;
}

/* Only where all of it can be read then. */
char *
spf_fix_spelt(struct spf_walk *w, const struct record *r)
{
	const char *data = (const char *)r->data;
	struct buf text = {0};
	struct spf s = {0};
	bool readable;

	for (size_t i = 0; i < r->data_len;) {
		bool begins = i > 0 && data[i - 1] == ' ';
		size_t sign = begins && spf_is_one_of(data[i], "+-~?"), wrong = 0;
		const char *right =
			begins ? spf_fix_spelling((struct span){data + i + sign, r->data_len - i - sign}, &wrong)
			       : NULL;

		if (right == NULL) {
			buf_addc(&text, data[i++]);
			continue;
		}
		buf_add(&text, data + i, sign);
		buf_adds(&text, right);
		i += sign + wrong;
	}
	readable = text.failed != CR_OK || spf_parse_bytes(buf_str(&text), text.len, &s, NULL) == CR_OK;
	spf_release(&s);
	if (readable)
		return take(w, &text);
	buf_release(&text);
	return NULL;
}

char *
spf_fix_closed(struct spf_walk *w, const char *record)
{
	struct spf s = {0};
	char *out = NULL;
	int rc = spf_parse(record, &s, &w->err);

	if (rc == CR_OK)
		rc = spf_merge(&s, "", "-all", &w->err);
	if (rc == CR_OK)
		rc = spf_format(&s, &out, &w->err);
	if (rc != CR_OK)
		spf_walk_failed(w, rc);
	spf_release(&s);
	return out;
}

/* The terms of one more record into sum.  A modifier of it would be lost, so that there is no sum then. */
static int
join(struct spf *sum, const struct record *r, struct err *err)
{
	struct spf one = {0};
	struct buf rules = {0};
	int rc = spf_parse_bytes(r->data, r->data_len, &one, err);

	for (size_t i = 0; rc == CR_OK && i < one.n; i++) {
		if (one.terms[i].qualifier == '\0')
			rc = err_set(err, CR_ECONFLICT, "spf: '%s' cannot be joined", one.terms[i].text);
		else if (one.terms[i].kind != SPF_ALL)
			buf_addf(&rules, "%c%s ", one.terms[i].qualifier, one.terms[i].text);
	}
	if (rc == CR_OK)
		rc = buf_check(&rules, "spf rules", err);
	if (rc == CR_OK)
		rc = spf_merge(sum, buf_str(&rules),
		               spf_all(&one) != NULL && spf_all(&one)->qualifier == '-' ? "-all" : "~all", err);
	buf_release(&rules);
	spf_release(&one);
	return rc;
}

char *
spf_fix_joined(struct spf_walk *w, const struct records *all)
{
	struct spf sum = {0};
	char *out = NULL;
	bool first = true;
	int rc = CR_OK;

	for (size_t i = 0; i < all->n && rc == CR_OK; i++) {
		const struct record *r = &all->items[i];

		if (!spf_is_record_bytes(r->data, r->data_len))
			continue;
		rc = first ? spf_parse_bytes(r->data, r->data_len, &sum, &w->err) : join(&sum, r, &w->err);
		first = false;
	}
	if (rc == CR_OK)
		rc = spf_format(&sum, &out, &w->err);
	/* Records that cannot be joined are the owner's to sort out. */
	if (rc == CR_ENOMEM)
		spf_walk_failed(w, rc);
	spf_release(&sum);
	return out;
}
