/*
 * spf_ptr.c - the client's address: compared, and the names that lead back to it (RFC 7208 s5, s5.5).
 */
#include <string.h>

#include "dns/spf_inside.h"

uint16_t
spf_address_type(const struct spf_client *c)
{
	return c->six ? RECORD_AAAA : RECORD_A;
}

bool
spf_address_matches(const struct spf_client *c, const uint8_t *address, int prefix)
{
	int whole = prefix / 8, rest = prefix % 8;

	if (memcmp(c->address, address, (size_t)whole) != 0)
		return false;
	return rest == 0 || ((c->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool
spf_has_address(const struct spf_client *c, const struct records *r, int prefix)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->items[i].type == spf_address_type(c) && r->items[i].data_len == (c->six ? 16 : 4) &&
		    spf_address_matches(c, r->items[i].data, prefix))
			return true;
	}
	return false;
}

void
spf_ptr_names(struct lookup *l, const struct spf_client *c, struct spf_ptr *out)
{
	const struct lookup_answer *a;
	struct name reverse, name;
	size_t looked_at = 0;

	*out = (struct spf_ptr){0};
	if (name_reverse(c->text, &reverse, NULL) != CR_OK)
		return;
	a = lookup_ask(l, reverse.text, RECORD_PTR);
	out->pending = a->state == LOOKUP_PENDING;
	out->empty = lookup_is_void(a);
	/* Trouble is no match and no temperror here: the reverse zone is the client's, not the sender's (s5.5). */
	for (size_t i = 0; i < a->records.n && looked_at < SPF_ADDRESSES_MAX; i++, looked_at++) {
		const struct lookup_answer *back;

		if (!record_target(&a->records.items[i], &name) || name.text[0] == '\0')
			continue;
		back = lookup_ask(l, name.text, spf_address_type(c));
		out->pending = out->pending || back->state == LOOKUP_PENDING;
		if (back->state == LOOKUP_FOUND && spf_has_address(c, &back->records, c->six ? 128 : 32))
			out->names[out->n++] = name;
	}
}
