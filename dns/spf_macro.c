/*
 * spf_macro.c - macro strings: read, and expanded for one client (RFC 7208 s7); names made of what comes out.
 *
 * Sources: RFC 7208 s7.1 (grammar), s7.2 (letters), s7.3 (what they stand for, 253 bytes), s4.8; RFC 8616 s4 (local parts beyond ASCII);
 * RFC 3986 s2.3 (what is not escaped).
 * Invariant: what is expanded is never expanded again, whatever a sender wrote into it.
 */
#include <stdio.h>
#include <string.h>

#include "dns/spf_inside.h"

#define EXPANDED_MAX ((size_t)16384) /* of one string: far beyond any name or explanation that is used */
#define KEEP_MAX     ((size_t)1000)  /* no name has as many parts */
#define DELIMITERS   ".-+,/_="
#define LETTERS      "slodiphv"
#define LETTERS_EXP  "slodiphvcrt"

size_t
spf_macro_read(struct span s, bool explanation, struct spf_macro *out)
{
	struct spf_macro m = {0};
	bool counted;
	size_t i = 3;

	if (s.len < 2 || s.at[0] != '%')
		return 0;
	if (spf_is_one_of(s.at[1], "%_-")) {
		*out = (struct spf_macro){.letter = s.at[1]};
		return 2;
	}
	if (s.len < 4 || s.at[1] != '{')
		return 0;
	m.letter = spf_lower(s.at[2]);
	m.url = m.letter != s.at[2];
	if (!spf_is_one_of(m.letter, explanation ? LETTERS_EXP : LETTERS))
		return 0;
	counted = spf_is_digit(s.at[i]);
	for (; i < s.len && spf_is_digit(s.at[i]); i++)
		m.keep = m.keep > KEEP_MAX ? m.keep : m.keep * 10 + (size_t)(s.at[i] - '0');
	/* A count of zero parts is an error, not "none" (s7.1). */
	if (counted && m.keep == 0)
		return 0;
	m.reverse = i < s.len && spf_lower(s.at[i]) == 'r';
	i += m.reverse;
	m.delimiters.at = s.at + i;
	while (i < s.len && spf_is_one_of(s.at[i], DELIMITERS))
		i++;
	m.delimiters.len = (size_t)(s.at + i - m.delimiters.at);
	if (i == s.len || s.at[i] != '}')
		return 0;
	*out = m;
	return i + 1;
}

bool
spf_macro_is_static(struct span s)
{
	struct spf_macro m;

	for (size_t i = 0; i < s.len; i++) {
		size_t used = s.at[i] == '%' ? spf_macro_read((struct span){s.at + i, s.len - i}, false, &m) : 0;

		if (used != 0 && !spf_is_one_of(m.letter, "do%_-"))
			return false;
		i += used > 0 ? used - 1 : 0;
	}
	return true;
}

/* Of what is longer than any name nothing is made. */
static enum spf_expansion
no_room(const struct buf *b)
{
	return b->failed == CR_ENOMEM ? SPF_EXPAND_NOMEM : SPF_EXPAND_NOTHING;
}

/* The dotted form of s7.3: IPv4 as ever, IPv6 as 32 nibbles, in upper case as the reference implementations write them. */
static void
add_dotted(const struct spf_client *c, struct buf *out)
{
	if (!c->six) {
		buf_adds(out, c->text);
		return;
	}
	for (size_t i = 0; i < 16; i++)
		buf_addf(out, "%s%X.%X", i > 0 ? "." : "", c->address[i] >> 4, c->address[i] & 0xf);
}

/* %{p}: the domain itself, else a name below it, else any (s7.3). */
static enum spf_expansion
add_validated(struct lookup *l, const struct spf_client *c, const char *domain, struct buf *out)
{
	struct spf_ptr ptr;
	struct spf_name d;
	const char *best = NULL;
	bool below = false;

	spf_ptr_names(l, c, &ptr);
	if (ptr.pending)
		return SPF_EXPAND_PENDING;
	if (!spf_name_make(domain, strlen(domain), &d))
		d.canonical.text[0] = '\0';
	for (size_t i = 0; i < ptr.n; i++) {
		const char *name = ptr.names[i].text;
		bool under = d.canonical.text[0] != '\0' && name_is_under(name, d.canonical.text);

		if (name_equal(name, d.canonical.text)) {
			best = name;
			break;
		}
		if (best == NULL || (under && !below))
			best = name;
		below = below || under;
	}
	buf_adds(out, best != NULL ? best : "unknown");
	return SPF_EXPANDED;
}

static bool
is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

/* What a letter stands for, before it is taken apart. */
static enum spf_expansion
add_value(struct lookup *l, const struct spf_client *c, const char *domain, char letter, struct buf *out)
{
	switch (letter) {
	case 's':
		buf_addf(out, "%s@%s", c->local, c->sender_domain);
		break;
	case 'l':
		buf_adds(out, c->local);
		break;
	case 'o':
		buf_adds(out, c->sender_domain);
		break;
	case 'd':
		buf_adds(out, domain);
		break;
	case 'i':
		add_dotted(c, out);
		break;
	case 'p':
		return add_validated(l, c, domain, out);
	case 'h':
		buf_adds(out, c->helo);
		break;
	case 'v':
		buf_adds(out, c->six ? "ip6" : "in-addr");
		break;
	case 'c':
		buf_adds(out, c->text);
		break;
	case 'r':
		buf_adds(out, c->receiver);
		break;
	default:
		buf_addf(out, "%lld", (long long)c->now_s);
		break;
	}
	/* RFC 8616 s4: such a local part is in no name, so the term matches nothing. */
	return spf_is_one_of(letter, "sl") && !is_ascii(c->local) ? SPF_EXPAND_NOTHING : SPF_EXPANDED;
}

static void
add_part(const char *at, size_t len, bool url, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)at[i];
		bool unreserved = (spf_lower(at[i]) >= 'a' && spf_lower(at[i]) <= 'z') || spf_is_digit(at[i]) ||
		                  spf_is_one_of(at[i], "-._~");

		if (url && !unreserved)
			buf_addf(out, "%%%02X", ch);
		else
			buf_addc(out, at[i]);
	}
}

/* Split at any delimiter, perhaps reversed, the rightmost parts kept, joined with dots (s7.3). */
static void
add_transformed(const struct spf_macro *m, const char *value, size_t len, struct buf *out)
{
	struct span by = m->delimiters.len > 0 ? m->delimiters : (struct span){".", 1};
	size_t n = 1, skip, seen = 0;

	for (size_t i = 0; i < len; i++)
		n += memchr(by.at, value[i], by.len) != NULL;
	skip = m->keep > 0 && m->keep < n ? n - m->keep : 0;
	for (size_t end = len, start = 0; seen < n; seen++) {
		if (m->reverse) {
			for (start = end; start > 0 && memchr(by.at, value[start - 1], by.len) == NULL; start--)
				;
		} else {
			for (end = start; end < len && memchr(by.at, value[end], by.len) == NULL; end++)
				;
		}
		if (seen >= skip) {
			if (seen > skip)
				buf_addc(out, '.');
			add_part(value + start, end - start, m->url, out);
		}
		if (m->reverse)
			end = start > 0 ? start - 1 : 0;
		else
			start = end + 1;
	}
}

static enum spf_expansion
add_macro(struct lookup *l, const struct spf_client *c, const char *domain, const struct spf_macro *m, struct buf *out)
{
	struct buf value = {.max_bytes = EXPANDED_MAX};
	enum spf_expansion e = SPF_EXPANDED;

	if (m->letter == '%' || m->letter == '_' || m->letter == '-') {
		buf_adds(out, m->letter == '%' ? "%" : m->letter == '_' ? " " : "%20");
		return SPF_EXPANDED;
	}
	e = add_value(l, c, domain, m->letter, &value);
	if (value.failed != CR_OK)
		e = no_room(&value);
	else if (m->keep > 0 || m->reverse || m->delimiters.len > 0)
		add_transformed(m, buf_str(&value), value.len, out);
	else
		add_part(buf_str(&value), value.len, m->url, out);
	buf_release(&value);
	return e;
}

enum spf_expansion
spf_expand(struct lookup *l, const struct spf_client *c, const char *domain, struct span text, bool explanation,
           struct buf *out)
{
	enum spf_expansion e = SPF_EXPANDED;

	out->max_bytes = EXPANDED_MAX;
	for (size_t i = 0; i < text.len && e == SPF_EXPANDED;) {
		struct spf_macro m;
		size_t used = 1;

		if (text.at[i] == '%') {
			used = spf_macro_read((struct span){text.at + i, text.len - i}, explanation, &m);
			if (used == 0)
				return SPF_EXPAND_BROKEN;
			e = add_macro(l, c, domain, &m, out);
		} else {
			buf_addc(out, text.at[i]);
		}
		i += used;
	}
	return e == SPF_EXPANDED && out->failed != CR_OK ? no_room(out) : e;
}

bool
spf_name_make(const char *text, size_t len, struct spf_name *out)
{
	char shown[SPF_NAME_MAX * 4 + 1];
	size_t n = 0;

	if (len > 0 && text[len - 1] == '.')
		len--;
	while (len > SPF_NAME_MAX) {
		const char *dot = memchr(text, '.', len);

		if (dot == NULL)
			return false;
		len -= (size_t)(dot - text) + 1;
		text = dot + 1;
	}
	/* A NUL would end what %{d} stands for. */
	if (len == 0 || text[len - 1] == '.' || memchr(text, '\0', len) != NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		/* Bytes, not characters: a backslash is no escape here, and 8-bit bytes are no U-label. */
		if (text[i] == '\\' || text[i] < 0x21 || text[i] > 0x7e)
			n += (size_t)snprintf(shown + n, sizeof(shown) - n, "\\%03d", (unsigned char)text[i]);
		else
			shown[n++] = text[i];
		out->text[i] = spf_lower(text[i]);
	}
	shown[n] = '\0';
	out->text[len] = '\0';
	return name_parse(shown, &out->canonical, NULL) == CR_OK;
}

enum spf_expansion
spf_term_name(struct lookup *l, const struct spf_client *c, const struct spf_name *domain, const struct spf_term *t,
              struct spf_name *out)
{
	struct buf text = {0};
	enum spf_expansion e;

	if (t->domain.len == 0) {
		*out = *domain;
		return SPF_EXPANDED;
	}
	e = spf_expand(l, c, domain->text, t->domain, false, &text);
	if (e == SPF_EXPANDED && !spf_name_make(buf_str(&text), text.len, out))
		e = SPF_EXPAND_NOTHING;
	buf_release(&text);
	return e;
}
