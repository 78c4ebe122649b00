/*
 * spf.c - SPF records taken apart into terms, joined with further terms, and written again.
 *
 * RFC 7208: s4.5 record selection, s4.6.1 term grammar, s5 mechanisms, s6 modifiers, s7 macro strings, s12 the grammar as a whole.
 * A term is held in one spelling (names lower-case outside of macros, addresses as inet_ntop writes them, default prefix lengths left out),
 * so that two terms are equal when their texts are.  A record that does not parse is never written back: what is not understood
 * belongs to somebody else.
 */
#include "dns/spf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/taglist.h"

#define VERSION       "v=spf1"
#define VERSION_LEN   (sizeof(VERSION) - 1)
#define TEXT_MAX      65535 /* the RDATA of one TXT record */
#define TERM_MAX      512   /* longer than any name with macros; quoted in errors only up to QUOTE_MAX */
#define QUOTE_MAX     80
#define QUALIFIERS    "+?~-"     /* weakest end of a record first */
#define MACRO_LETTERS "slodiphv" /* s7.2; c, r and t exist in explanations only */
#define DELIMITERS    ".-+,/_="

enum argument { ARG_NONE, ARG_DOMAIN, ARG_DOMAIN_OR_NONE, ARG_IP4, ARG_IP6 };

static const struct mechanism {
	const char *name;
	enum argument argument;
	bool prefixes; /* "/24//64" may follow (dual-cidr-length, s5.3) */
	bool counts;   /* to the limit of s4.6.4 */
} mechanisms[] = {
	{"all",     ARG_NONE,           false, false},
        {"include", ARG_DOMAIN,         false, true },
	{"a",       ARG_DOMAIN_OR_NONE, true,  true },
        {"mx",      ARG_DOMAIN_OR_NONE, true,  true },
	{"ptr",     ARG_DOMAIN_OR_NONE, false, true },
        {"ip4",     ARG_IP4,            false, false},
	{"ip6",     ARG_IP6,            false, false},
        {"exists",  ARG_DOMAIN,         false, true },
};

void
spf_release(struct spf *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->terms[i].text);
	free(s->terms);
	*s = (struct spf){0};
}

bool
spf_is_record(const char *txt)
{
	return strncasecmp(txt, VERSION, VERSION_LEN) == 0 && (txt[VERSION_LEN] == '\0' || txt[VERSION_LEN] == ' ');
}

static int
bad_term(struct err *err, struct span term, const char *why)
{
	int shown = (int)(term.len < QUOTE_MAX ? term.len : QUOTE_MAX);

	return err_set(err, CR_EPARSE, "spf: '%.*s': %s", shown, term.at, why);
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The length of the macro-expand at s ("%{d2r.}", "%%", "%_", "%-"), 0 when it is none (s7.1). */
static size_t
macro_len(struct span s)
{
	size_t i = 3;

	if (s.len < 2)
		return 0;
	if (s.at[1] == '%' || s.at[1] == '_' || s.at[1] == '-')
		return 2;
	if (s.len < 4 || s.at[1] != '{' || s.at[2] == '\0' || strchr(MACRO_LETTERS, lower(s.at[2])) == NULL)
		return 0;
	/* A count of labels of zero is an error, not "none". */
	if (is_digit(s.at[i]) && s.at[i] == '0')
		return 0;
	while (i < s.len && is_digit(s.at[i]))
		i++;
	if (i < s.len && lower(s.at[i]) == 'r')
		i++;
	while (i < s.len && s.at[i] != '\0' && strchr(DELIMITERS, s.at[i]) != NULL)
		i++;
	return i < s.len && s.at[i] == '}' ? i + 1 : 0;
}

/* Append a macro string, literals in lower case, macros as they are (an upper-case letter in one asks for URL escaping). */
static bool
add_macro_string(struct span s, bool fold, bool *ends_in_macro_out, struct buf *out)
{
	*ends_in_macro_out = false;
	for (size_t i = 0; i < s.len;) {
		size_t macro = 0;

		if (s.at[i] == '%' && (macro = macro_len((struct span){s.at + i, s.len - i})) == 0)
			return false;
		*ends_in_macro_out = macro != 0;
		if (macro != 0) {
			buf_add(out, s.at + i, macro);
			i += macro;
			continue;
		}
		if (s.at[i] < 0x21 || s.at[i] > 0x7e)
			return false;
		buf_addc(out, fold ? lower(s.at[i]) : s.at[i]);
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
		if (!is_digit(s.at[i]) && !is_alpha(s.at[i]) && s.at[i] != '-')
			return false;
		named = named || !is_digit(s.at[i]);
	}
	return named;
}

/* domain-spec: a macro string that ends in a macro or in ".toplabel", one final dot allowed and left out here. */
static bool
add_domain(struct span s, struct buf *out)
{
	bool ends_in_macro;
	const char *dot;

	if (s.len != 0 && s.at[s.len - 1] == '.')
		s.len--;
	if (s.len == 0 || !add_macro_string(s, true, &ends_in_macro, out))
		return false;
	if (ends_in_macro)
		return true;
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
		if (!is_digit(s.at[i]))
			return false;
		n = n * 10 + (s.at[i] - '0');
	}
	*out = n;
	return n <= max;
}

static bool
add_address(struct span s, int family, struct buf *out)
{
	int full = family == AF_INET ? 32 : 128;
	int prefix = full;
	const char *slash = memchr(s.at, '/', s.len);
	size_t len = slash != NULL ? (size_t)(slash - s.at) : s.len;
	char text[INET6_ADDRSTRLEN];
	unsigned char address[16];

	if (len >= sizeof(text) ||
	    (slash != NULL && !read_prefix((struct span){slash + 1, s.len - len - 1}, full, &prefix)))
		return false;
	memcpy(text, s.at, len);
	text[len] = '\0';
	/* A NUL cannot be inside: the record is a C string. */
	if (inet_pton(family, text, address) != 1 || inet_ntop(family, address, text, sizeof(text)) == NULL)
		return false;
	buf_adds(out, text);
	if (prefix != full)
		buf_addf(out, "/%d", prefix);
	return true;
}

/* Cut "/24", "//64" or "/24//64" off the end of s; s without a slash is left alone.  False: malformed. */
static bool
cut_prefixes(struct span *s, int *four_out, int *six_out)
{
	size_t end = s->len, start = s->len;

	while (start > 0 && is_digit(s->at[start - 1]))
		start--;
	if (start > 1 && s->at[start - 1] == '/' && s->at[start - 2] == '/') {
		if (!read_prefix((struct span){s->at + start, end - start}, 128, six_out))
			return false;
		end = start = start - 2;
		while (start > 0 && is_digit(s->at[start - 1]))
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
add_argument(const struct mechanism *m, struct span s, struct buf *out)
{
	int four = 32, six = 128;

	if (m->prefixes && !cut_prefixes(&s, &four, &six))
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
		if (m->argument == ARG_IP4 || m->argument == ARG_IP6) {
			if (!add_address(s, m->argument == ARG_IP4 ? AF_INET : AF_INET6, out))
				return false;
		} else if (!add_domain(s, out)) {
			return false;
		}
	}
	if (four != 32)
		buf_addf(out, "/%d", four);
	if (six != 128)
		buf_addf(out, "//%d", six);
	return true;
}

/* name "=" macro-string (s6): redirect and exp name a domain, others are kept as they are. */
static int
parse_modifier(struct span term, size_t name_len, struct spf_term *t, struct buf *text, struct err *err)
{
	struct span name = {term.at, name_len};
	struct span value = {term.at + name_len + 1, term.len - name_len - 1};
	bool redirect = span_is_nocase(name, "redirect"), ends_in_macro;

	if (name_len == 0 || !is_alpha(name.at[0]))
		return bad_term(err, term, "neither a mechanism nor a modifier");
	for (size_t i = 0; i < name_len; i++) {
		if (!is_alpha(name.at[i]) && !is_digit(name.at[i]) && strchr("-_.", name.at[i]) == NULL)
			return bad_term(err, term, "neither a mechanism nor a modifier");
		buf_addc(text, lower(name.at[i]));
	}
	buf_addc(text, '=');
	if (redirect || span_is_nocase(name, "exp")) {
		if (!add_domain(value, text))
			return bad_term(err, term, "not a domain");
	} else if (!add_macro_string(value, false, &ends_in_macro, text)) {
		return bad_term(err, term, "not a macro string");
	}
	t->qualifier = '\0';
	t->counts = redirect;
	return CR_OK;
}

static int
parse_mechanism(struct span term, struct spf_term *t, struct buf *text, struct err *err)
{
	struct span rest = term;
	size_t name_len = 0;

	t->qualifier = '+';
	if (strchr(QUALIFIERS, rest.at[0]) != NULL) {
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
		t->counts = m->counts;
		buf_adds(text, m->name);
		if (!add_argument(m, (struct span){rest.at + name_len, rest.len - name_len}, text))
			return bad_term(err, term, "malformed argument");
		return CR_OK;
	}
	return bad_term(err, term, "no such mechanism");
}

static int
parse_term(struct span term, struct spf_term *out, struct err *err)
{
	struct spf_term t = {0};
	struct buf text = {0};
	size_t mark = 0;
	int rc;

	if (term.len == 0)
		return bad_term(err, term, "empty");
	if (term.len > TERM_MAX)
		return bad_term(err, term, "longer than 512 bytes");
	while (mark < term.len && strchr(":/=", term.at[mark]) == NULL)
		mark++;
	if (mark < term.len && term.at[mark] == '=')
		rc = parse_modifier(term, mark, &t, &text, err);
	else
		rc = parse_mechanism(term, &t, &text, err);
	if (rc == CR_OK)
		rc = buf_take(&text, "spf term", &t.text, err);
	if (rc == CR_OK)
		*out = t;
	buf_release(&text);
	return rc;
}

static bool
is_all(const struct spf_term *t)
{
	return t->qualifier != '\0' && strcmp(t->text, "all") == 0;
}

/* Modifiers that may stand only once (s6): the length of "redirect=" or "exp=", else 0. */
static size_t
single_modifier(const struct spf_term *t)
{
	if (t->qualifier != '\0')
		return 0;
	if (strncmp(t->text, "redirect=", 9) == 0)
		return 9;
	return strncmp(t->text, "exp=", 4) == 0 ? 4 : 0;
}

static int
check_single(const struct spf *s, const struct spf_term *t, struct err *err)
{
	size_t len = single_modifier(t);

	for (size_t i = 0; len != 0 && i < s->n; i++) {
		if (s->terms[i].qualifier == '\0' && strncmp(s->terms[i].text, t->text, len) == 0)
			return err_set(err, CR_EPARSE, "spf: '%.*s' stands twice", (int)len, t->text);
	}
	return CR_OK;
}

/* Room for extra more terms. */
static int
reserve(struct spf *s, size_t extra, struct err *err)
{
	struct spf_term *grown = reallocarray(s->terms, s->n + extra, sizeof(*grown));

	if (grown == NULL)
		return err_nomem(err, "spf terms");
	s->terms = grown;
	return CR_OK;
}

/* Terms between blanks, appended to s. */
static int
parse_terms(const char *at, struct spf *s, struct err *err)
{
	int rc;

	for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
		struct span term = {at, strcspn(at, " ")};
		struct spf_term t = {0};

		rc = reserve(s, 1, err);
		if (rc != CR_OK)
			return rc;
		rc = parse_term(term, &t, err);
		if (rc != CR_OK)
			return rc;
		rc = check_single(s, &t, err);
		if (rc != CR_OK) {
			free(t.text);
			return rc;
		}
		s->terms[s->n++] = t;
		at += term.len;
	}
	return CR_OK;
}

int
spf_parse(const char *txt, struct spf *out, struct err *err)
{
	struct spf s = {0};
	int rc;

	if (strnlen(txt, TEXT_MAX + 1) > TEXT_MAX)
		return err_set(err, CR_EPARSE, "spf: longer than %d bytes", TEXT_MAX);
	if (!spf_is_record(txt))
		return err_set(err, CR_EPARSE, "spf: does not start with 'v=spf1 '");
	rc = parse_terms(txt + VERSION_LEN, &s, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct spf){0};
	}
	spf_release(&s);
	return rc;
}

/* Rules are mechanisms other than all: what ends a record is the owner's policy, not a template's. */
static int
parse_rules(const char *rules, struct spf *out, struct err *err)
{
	int rc;

	if (strnlen(rules, TEXT_MAX + 1) > TEXT_MAX)
		return err_set(err, CR_EPARSE, "spf rules: longer than %d bytes", TEXT_MAX);
	rc = parse_terms(rules, out, err);
	for (size_t i = 0; rc == CR_OK && i < out->n; i++) {
		if (out->terms[i].qualifier == '\0' || is_all(&out->terms[i]))
			rc = err_set(err, CR_EPARSE, "spf rules: '%s' cannot be merged", out->terms[i].text);
	}
	return rc;
}

/* The index of "all", or n. */
static size_t
find_all(const struct spf *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (is_all(&s->terms[i]))
			return i;
	}
	return s->n;
}

/* The last term with this text, or n: what a merge added stands behind what was there. */
static size_t
find_text(const struct spf *s, const char *text)
{
	for (size_t i = s->n; i > 0; i--) {
		if (strcmp(s->terms[i - 1].text, text) == 0)
			return i - 1;
	}
	return s->n;
}

/* The same mechanism with another result stands there already, so ours would never be reached. */
static int
check_contradiction(const struct spf *s, const struct spf_term *t, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct spf_term *there = &s->terms[i];

		if (there->qualifier != t->qualifier && strcmp(there->text, t->text) == 0)
			return err_set(err, CR_ECONFLICT, "spf: '%c%s' contradicts '%c%s', which is there",
			               t->qualifier, t->text, there->qualifier, there->text);
	}
	return CR_OK;
}

static void
insert(struct spf *s, size_t at, struct spf_term t)
{
	memmove(&s->terms[at + 1], &s->terms[at], (s->n - at) * sizeof(*s->terms));
	s->terms[at] = t;
	s->n++;
}

static void
remove_at(struct spf *s, size_t at)
{
	free(s->terms[at].text);
	memmove(&s->terms[at], &s->terms[at + 1], (s->n - at - 1) * sizeof(*s->terms));
	s->n--;
}

/* The end asked for, unless the record's own is as strict.  A redirect is an end too, and all would switch it off (s6.1). */
static void
strengthen_end(struct spf *s, struct spf_term *end)
{
	size_t at = find_all(s);

	if (at < s->n) {
		if (strchr(QUALIFIERS, end->qualifier) > strchr(QUALIFIERS, s->terms[at].qualifier))
			s->terms[at].qualifier = end->qualifier;
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->terms[i].qualifier == '\0' && s->terms[i].counts)
			return;
	}
	insert(s, s->n, (struct spf_term){.text = TAKE(end->text), .qualifier = end->qualifier});
}

int
spf_merge(struct spf *s, const char *rules, const char *all, struct err *err)
{
	struct spf added = {0};
	struct spf_term end = {0};
	int rc = parse_rules(rules, &added, err);

	if (rc == CR_OK && all != NULL)
		rc = parse_term((struct span){all, strlen(all)}, &end, err);
	if (rc == CR_OK && all != NULL && !is_all(&end))
		rc = err_set(err, CR_EPARSE, "spf: '%s' is no form of all", all);
	for (size_t i = 0; rc == CR_OK && i < added.n; i++)
		rc = check_contradiction(s, &added.terms[i], err);
	/* From here on nothing fails, so that s is merged whole or left alone. */
	if (rc == CR_OK)
		rc = reserve(s, added.n + 1, err);
	if (rc != CR_OK)
		goto out;
	for (size_t i = 0; i < added.n; i++) {
		if (find_text(s, added.terms[i].text) == s->n)
			insert(s, find_all(s),
			       (struct spf_term){.text = TAKE(added.terms[i].text),
			                         .qualifier = added.terms[i].qualifier,
			                         .counts = added.terms[i].counts});
	}
	if (all != NULL)
		strengthen_end(s, &end);
out:
	free(end.text);
	spf_release(&added);
	return rc;
}

int
spf_unmerge(struct spf *s, const char *rules, struct err *err)
{
	struct spf gone = {0};
	int rc = parse_rules(rules, &gone, err);

	for (size_t i = 0; rc == CR_OK && i < gone.n; i++) {
		size_t at = find_text(s, gone.terms[i].text);

		if (at < s->n && s->terms[at].qualifier == gone.terms[i].qualifier)
			remove_at(s, at);
	}
	spf_release(&gone);
	return rc;
}

size_t
spf_lookups(const struct spf *s)
{
	size_t all = find_all(s), n = 0;

	for (size_t i = 0; i < s->n; i++) {
		bool modifier = s->terms[i].qualifier == '\0';

		/* Mechanisms behind all are never reached, and a redirect beside all is ignored (s5.1). */
		if (s->terms[i].counts && (modifier ? all == s->n : i < all))
			n++;
	}
	return n;
}

int
spf_format(const struct spf *s, char **out, struct err *err)
{
	struct buf text = {.max_bytes = TEXT_MAX};
	int rc;

	buf_adds(&text, VERSION);
	for (size_t i = 0; i < s->n; i++) {
		buf_addc(&text, ' ');
		if (s->terms[i].qualifier != '\0' && s->terms[i].qualifier != '+')
			buf_addc(&text, s->terms[i].qualifier);
		buf_adds(&text, s->terms[i].text);
	}
	rc = buf_take(&text, "spf record", out, err);
	buf_release(&text);
	return rc;
}
