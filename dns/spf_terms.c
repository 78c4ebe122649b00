/*
 * spf_terms.c - SPF records taken apart into terms, strictly by the grammar.
 *
 * RFC 7208: s4.5 record selection, s4.6.1 term grammar, s5 mechanisms, s6 modifiers, s7 macro strings, s12 the grammar as a whole.
 * A term is held in one spelling (names lower-case outside of macros, addresses as inet_ntop writes them, default prefix lengths left out),
 * so that two terms are equal when their texts are.  The bytes may be anybody's: NULs, control and 8-bit bytes are faults of a term.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/spf_inside.h"

#define VERSION     "v=spf1"
#define VERSION_LEN (sizeof(VERSION) - 1)
#define TEXT_MAX    65535 /* the RDATA of one TXT record */
#define QUOTE_MAX   80
#define TERMS_FIRST 8
#define QUALIFIERS  "+?~-"

enum argument { ARG_NONE, ARG_DOMAIN, ARG_DOMAIN_OR_NONE, ARG_IP4, ARG_IP6 };

static const struct mechanism {
	const char *name;
	enum spf_kind kind;
	enum argument argument;
	bool prefixes; /* "/24//64" may follow (dual-cidr-length, s5.3) */
	bool counts;   /* to the limit of s4.6.4 */
} mechanisms[] = {
	{"all",     SPF_ALL,     ARG_NONE,           false, false},
        {"include", SPF_INCLUDE, ARG_DOMAIN,         false, true },
	{"a",       SPF_A,       ARG_DOMAIN_OR_NONE, true,  true },
        {"mx",      SPF_MX,      ARG_DOMAIN_OR_NONE, true,  true },
	{"ptr",     SPF_PTR,     ARG_DOMAIN_OR_NONE, false, true },
        {"ip4",     SPF_IP4,     ARG_IP4,            false, false},
	{"ip6",     SPF_IP6,     ARG_IP6,            false, false},
        {"exists",  SPF_EXISTS,  ARG_DOMAIN,         false, true },
};

bool
spf_is_record_bytes(const void *txt, size_t len)
{
	const char *at = txt;

	return len >= VERSION_LEN && strncasecmp(at, VERSION, VERSION_LEN) == 0 &&
	       (len == VERSION_LEN || at[VERSION_LEN] == ' ');
}

bool
spf_is_record(const char *txt)
{
	return spf_is_record_bytes(txt, strlen(txt));
}

/* Quoted with its odd bytes visible, so that what cannot be seen is named. */
static int
bad_term(struct err *err, struct span term, const char *why)
{
	char shown[QUOTE_MAX * 4 + 4];
	size_t len = 0;

	for (size_t i = 0; i < term.len && i < QUOTE_MAX; i++) {
		unsigned char c = (unsigned char)term.at[i];

		len += (size_t)snprintf(shown + len, sizeof(shown) - len, c < 0x21 || c > 0x7e ? "\\%03d" : "%c", c);
	}
	(void)snprintf(shown + len, sizeof(shown) - len, "%s", term.len > QUOTE_MAX ? "..." : "");
	return err_set(err, CR_EPARSE, "spf: '%s': %s", shown, why);
}

/* Append a macro string, literals in lower case, macros as they are (an upper-case letter in one asks for URL escaping). */
static bool
add_macro_string(struct span s, bool fold, bool *ends_in_macro_out, struct buf *out)
{
	struct spf_macro m;

	*ends_in_macro_out = false;
	for (size_t i = 0; i < s.len;) {
		size_t macro = 0;

		if (s.at[i] == '%' && (macro = spf_macro_read((struct span){s.at + i, s.len - i}, false, &m)) == 0)
			return false;
		*ends_in_macro_out = macro != 0;
		if (macro != 0) {
			buf_add(out, s.at + i, macro);
			i += macro;
			continue;
		}
		if (s.at[i] < 0x21 || s.at[i] > 0x7e)
			return false;
		buf_addc(out, fold ? spf_lower(s.at[i]) : s.at[i]);
		i++;
	}
	return true;
}

/* toplabel of s7.1: letters, digits and inner hyphens, not digits alone. */
static bool
is_toplabel(struct span s)
{
	bool named = false;

	if (s.len == 0 || s.at[0] == '-' || s.at[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!spf_is_digit(s.at[i]) && !spf_is_alpha(s.at[i]) && s.at[i] != '-')
			return false;
		named = named || !spf_is_digit(s.at[i]);
	}
	return named;
}

/* domain-spec: a macro string that ends in a macro or in ".toplabel", behind which a final dot may stand; it is left out here. */
static bool
add_domain(struct span s, struct buf *out)
{
	bool ends_in_macro, final_dot = s.len != 0 && s.at[s.len - 1] == '.';
	const char *dot;

	s.len -= final_dot;
	if (s.len == 0 || !add_macro_string(s, true, &ends_in_macro, out))
		return false;
	if (ends_in_macro)
		return !final_dot;
	dot = memrchr(s.at, '.', s.len);
	return dot != NULL && is_toplabel((struct span){dot + 1, (size_t)(s.at + s.len - dot) - 1});
}

/* Up to three digits without leading zeros, at most max; false for anything else. */
static bool
read_prefix(struct span s, int max, int *out)
{
	int n = 0;

	if (s.len == 0 || s.len > 3 || (s.len > 1 && s.at[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!spf_is_digit(s.at[i]))
			return false;
		n = n * 10 + (s.at[i] - '0');
	}
	*out = n;
	return n <= max;
}

static bool
add_address(struct span s, struct spf_term *t, struct buf *out)
{
	bool six = t->kind == SPF_IP6;
	int full = six ? 128 : 32, *prefix = six ? &t->prefix6 : &t->prefix4;
	const char *slash = memchr(s.at, '/', s.len);
	size_t len = slash != NULL ? (size_t)(slash - s.at) : s.len;
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text) || memchr(s.at, '\0', len) != NULL ||
	    (slash != NULL && !read_prefix((struct span){slash + 1, s.len - len - 1}, full, prefix)))
		return false;
	memcpy(text, s.at, len);
	text[len] = '\0';
	if (inet_pton(six ? AF_INET6 : AF_INET, text, t->address) != 1 ||
	    inet_ntop(six ? AF_INET6 : AF_INET, t->address, text, sizeof(text)) == NULL)
		return false;
	buf_adds(out, text);
	if (*prefix != full)
		buf_addf(out, "/%d", *prefix);
	return true;
}

/* Cut "/24", "//64" or "/24//64" off the end of s; s without a slash is left alone.  False: malformed. */
static bool
cut_prefixes(struct span *s, int *four_out, int *six_out)
{
	size_t end = s->len, start = s->len;

	while (start > 0 && spf_is_digit(s->at[start - 1]))
		start--;
	if (start > 1 && s->at[start - 1] == '/' && s->at[start - 2] == '/') {
		if (!read_prefix((struct span){s->at + start, end - start}, 128, six_out))
			return false;
		end = start = start - 2;
		while (start > 0 && spf_is_digit(s->at[start - 1]))
			start--;
	}
	if (start > 0 && s->at[start - 1] == '/') {
		if (!read_prefix((struct span){s->at + start, end - start}, 32, four_out))
			return false;
		end = start - 1;
	}
	s->len = end;
	return true;
}

/* What follows the name of mechanism m: ":domain", ":address", "/prefix". */
static bool
add_argument(const struct mechanism *m, struct span s, struct spf_term *t, struct buf *out)
{
	if (m->prefixes && !cut_prefixes(&s, &t->prefix4, &t->prefix6))
		return false;
	if (s.len == 0) {
		if (m->argument != ARG_NONE && m->argument != ARG_DOMAIN_OR_NONE)
			return false;
	} else {
		if (s.at[0] != ':' || m->argument == ARG_NONE)
			return false;
		s.at++;
		s.len--;
		buf_addc(out, ':');
		if (m->argument == ARG_IP4 || m->argument == ARG_IP6)
			return add_address(s, t, out);
		t->domain.len = out->len;
		if (!add_domain(s, out))
			return false;
		t->domain.len = out->len - t->domain.len;
	}
	if (t->prefix4 != 32)
		buf_addf(out, "/%d", t->prefix4);
	if (t->prefix6 != 128)
		buf_addf(out, "//%d", t->prefix6);
	return true;
}

/* name "=" macro-string (s6): redirect and exp name a domain, others are kept as they are. */
static int
parse_modifier(struct span term, size_t name_len, struct spf_term *t, struct buf *text, struct err *err)
{
	struct span name = {term.at, name_len};
	struct span value = {term.at + name_len + 1, term.len - name_len - 1};
	bool ends_in_macro;

	if (name_len == 0 || !spf_is_alpha(name.at[0]))
		return bad_term(err, term, "neither a mechanism nor a modifier");
	for (size_t i = 0; i < name_len; i++) {
		if (!spf_is_alpha(name.at[i]) && !spf_is_digit(name.at[i]) && !spf_is_one_of(name.at[i], "-_."))
			return bad_term(err, term, "neither a mechanism nor a modifier");
		buf_addc(text, spf_lower(name.at[i]));
	}
	buf_addc(text, '=');
	t->kind = span_is_nocase(name, "redirect") ? SPF_REDIRECT : span_is_nocase(name, "exp") ? SPF_EXP : SPF_UNKNOWN;
	t->counts = t->kind == SPF_REDIRECT;
	if (t->kind == SPF_UNKNOWN)
		return add_macro_string(value, false, &ends_in_macro, text) ? CR_OK
		                                                            : bad_term(err, term, "not a macro string");
	t->domain.len = text->len;
	if (!add_domain(value, text))
		return bad_term(err, term, "not a domain");
	t->domain.len = text->len - t->domain.len;
	return CR_OK;
}

static int
parse_mechanism(struct span term, struct spf_term *t, struct buf *text, struct err *err)
{
	struct span rest = term;
	size_t name_len = 0;

	t->qualifier = '+';
	if (spf_is_one_of(rest.at[0], QUALIFIERS)) {
		t->qualifier = rest.at[0];
		rest.at++;
		rest.len--;
	}
	while (name_len < rest.len && rest.at[name_len] != ':' && rest.at[name_len] != '/')
		name_len++;
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
		const struct mechanism *m = &mechanisms[i];

		if (!span_is_nocase((struct span){rest.at, name_len}, m->name))
			continue;
		t->kind = m->kind;
		t->counts = m->counts;
		buf_adds(text, m->name);
		if (!add_argument(m, (struct span){rest.at + name_len, rest.len - name_len}, t, text))
			return bad_term(err, term, "malformed argument");
		return CR_OK;
	}
	return bad_term(err, term, "no such mechanism");
}

int
spf_term_parse(struct span term, struct spf_term *out, struct err *err)
{
	struct spf_term t = {.prefix4 = 32, .prefix6 = 128, .said_len = term.len};
	struct buf text = {0};
	size_t mark = 0;
	int rc;

	if (term.len == 0)
		return bad_term(err, term, "empty");
	while (mark < term.len && !spf_is_one_of(term.at[mark], ":/="))
		mark++;
	if (mark < term.len && term.at[mark] == '=')
		rc = parse_modifier(term, mark, &t, &text, err);
	else
		rc = parse_mechanism(term, &t, &text, err);
	if (rc == CR_OK)
		rc = buf_take(&text, "spf term", &t.text, err);
	if (rc == CR_OK) {
		/* A domain-spec stands behind the first ':' or '='. */
		if (t.domain.len > 0)
			t.domain.at = t.text + strcspn(t.text, ":=") + 1;
		*out = t;
	}
	buf_release(&text);
	return rc;
}

const struct spf_term *
spf_modifier(const struct spf *s, enum spf_kind kind)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->terms[i].kind == kind)
			return &s->terms[i];
	}
	return NULL;
}

const struct spf_term *
spf_all(const struct spf *s)
{
	return spf_modifier(s, SPF_ALL);
}

/* Redirect and exp may stand only once (s6). */
static int
check_single(const struct spf *s, const struct spf_term *t, struct err *err)
{
	if ((t->kind == SPF_REDIRECT || t->kind == SPF_EXP) && spf_modifier(s, t->kind) != NULL)
		return err_set(err, CR_EPARSE, "spf: '%s=' stands twice", t->kind == SPF_EXP ? "exp" : "redirect");
	return CR_OK;
}

int
spf_reserve(struct spf *s, size_t extra, struct err *err)
{
	size_t cap = s->cap > 0 ? s->cap : TERMS_FIRST;
	struct spf_term *grown;

	if (s->n + extra <= s->cap)
		return CR_OK;
	while (cap < s->n + extra)
		cap *= 2;
	grown = reallocarray(s->terms, cap, sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "spf terms");
	s->terms = grown;
	s->cap = cap;
	return CR_OK;
}

/* t is taken, also on failure. */
static int
append(struct spf *s, struct spf_term *t, struct err *err)
{
	int rc = check_single(s, t, err);

	if (rc == CR_OK)
		rc = spf_reserve(s, 1, err);
	if (rc == CR_OK)
		s->terms[s->n++] = *t;
	else
		free(t->text);
	return rc;
}

int
spf_terms_parse(struct span text, struct spf *s, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < text.len && rc == CR_OK;) {
		struct span term = {text.at + i, 0};
		struct spf_term t;

		while (i + term.len < text.len && term.at[term.len] != ' ')
			term.len++;
		if (term.len > 0) {
			rc = spf_term_parse(term, &t, err);
			if (rc != CR_OK)
				return rc;
			t.said_at = i;
			rc = append(s, &t, err);
		}
		i += term.len + 1;
	}
	return rc;
}

int
spf_parse_bytes(const void *txt, size_t len, struct spf *out, struct err *err)
{
	struct spf s = {0};
	int rc;

	if (len > TEXT_MAX)
		return err_set(err, CR_EPARSE, "spf: longer than %d bytes", TEXT_MAX);
	if (!spf_is_record_bytes(txt, len))
		return err_set(err, CR_EPARSE, "spf: does not start with 'v=spf1 '");
	rc = spf_terms_parse((struct span){(const char *)txt + VERSION_LEN, len - VERSION_LEN}, &s, err);
	for (size_t i = 0; i < s.n; i++)
		s.terms[i].said_at += VERSION_LEN;
	if (rc == CR_OK) {
		*out = s;
		s = (struct spf){0};
	}
	spf_release(&s);
	return rc;
}

int
spf_parse(const char *txt, struct spf *out, struct err *err)
{
	return spf_parse_bytes(txt, strnlen(txt, TEXT_MAX + 1), out, err);
}

void
spf_release(struct spf *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->terms[i].text);
	free(s->terms);
	*s = (struct spf){0};
}
