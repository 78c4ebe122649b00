/*
 * spf_client.c - who asks: the identity that is checked, the client's address, and the names that lead back to it.
 *
 * RFC 7208 s2.4 and s4.3 (identities), s5 (addresses), s5.5 (names); RFC 8616 s4 (U-labels).
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf_inside.h"

int
spf_client_read(const struct spf_query *q, struct spf_client *c, struct err *err)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (inet_pton(AF_INET, q->ip, c->address) != 1) {
		if (inet_pton(AF_INET6, q->ip, c->address) != 1)
			return err_set(err, CR_EPARSE, "spf: '%.100s' is no address", q->ip);
		c->six = memcmp(c->address, mapped, sizeof(mapped)) != 0;
		if (!c->six)
			memmove(c->address, c->address + 12, 4);
	}
	if (inet_ntop(c->six ? AF_INET6 : AF_INET, c->address, c->text, sizeof(c->text)) == NULL)
		return err_set(err, CR_EPARSE, "spf: '%.100s' is no address", q->ip);
	c->helo = q->helo != NULL ? q->helo : "";
	c->receiver = q->receiver != NULL ? q->receiver : "unknown";
	c->now_s = q->now_s;
	return CR_OK;
}

bool
spf_domain_read(const char *text, struct spf_name *out)
{
	size_t len = strlen(text);
	struct name ascii;
	bool eight_bit = false;

	for (size_t i = 0; i < len; i++)
		eight_bit = eight_bit || (unsigned char)text[i] >= 0x80;
	/* U-labels as RFC 8616 s4 has them: asked for as A-labels. */
	if (eight_bit) {
		if (name_parse(text, &ascii, NULL) != CR_OK)
			return false;
		text = ascii.text;
		len = strlen(text);
	}
	return len <= SPF_NAME_MAX + 1 && text[0] != '[' && spf_name_make(text, len, out) &&
	       name_labels(out->canonical.text) >= 2;
}

int
spf_sender_read(const struct spf_query *q, char **local_out, const char **domain_out, struct err *err)
{
	const char *sender = q->sender != NULL ? q->sender : "";
	const char *at = strrchr(sender, '@');
	size_t len = at != NULL ? (size_t)(at - sender) : 0;

	*domain_out = at != NULL ? at + 1 : *sender != '\0' ? sender : q->helo != NULL ? q->helo : "";
	*local_out = len > 0 ? strndup(sender, len) : strdup("postmaster");
	return *local_out != NULL ? CR_OK : err_nomem(err, "spf sender");
}

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
