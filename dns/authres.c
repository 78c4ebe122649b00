/*
 * authres.c - the grammar of RFC 8601 s2.2, and what receivers make of it.
 *
 *   [CFWS] authserv-id [CFWS version] ( ";" "none" / 1*( ";" method["/"version] "=" result ["reason" "=" value] *( ptype "." property "=" value ) ) )
 *
 * Read against the grammar, and told so by `lenient`: no authserv-id at all and `action=none` (Microsoft), a final ';' (Yahoo), properties
 * without a ptype (Fastmail), values that should be quoted (base64, IPv6, prvs= senders), words that belong nowhere.  A part that is no
 * result is passed over; what could hide a result in a comment or a quote makes the whole value invalid.
 */
#include "dns/authres.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/authres_scan.h"

/* Too many for a counter to hold; the field then means something else than what is known here. */
#define VERSION_MAX 999

/* Digits up to a word's end; 0: none there. */
static int
read_version(struct authres_scan *s)
{
	const char *from = s->at;
	int version = 0;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
		if (version <= VERSION_MAX)
			version = version * 10 + (*s->at - '0');
		s->at++;
	}
	return s->at == from ? 0 : version > VERSION_MAX ? VERSION_MAX : version == 0 ? VERSION_MAX : version;
}

/* Does a property begin here?  "smtp.mailfrom= header.from=x": the first has no value. */
static bool
is_property(const struct authres_scan *s)
{
	static const char *const ptypes[] = {"smtp", "header", "policy", "body", "dns"};
	struct authres_scan look = *s;
	char room[64];
	bool plain = true;
	const char *ptype;

	look.room = room;
	look.used = 0;
	look.size = sizeof(room);
	ptype = authres_scan_keyword(&look, &plain);
	if (ptype == NULL || !authres_scan_char(&look, '.') || authres_scan_keyword(&look, &plain) == NULL ||
	    !authres_scan_char(&look, '=') || look.broken)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ptypes); i++)
		if (strcmp(ptype, ptypes[i]) == 0)
			return true;
	return false;
}

/* Behind '='. */
static const char *
read_pvalue(struct authres_scan *s, bool *plain)
{
	if (authres_scan_cfws(s) && is_property(s)) {
		*plain = false;
		return "";
	}
	return authres_scan_value(s, plain);
}

/* "property" or, against the grammar, "property.of.more". */
static const char *
read_property(struct authres_scan *s, bool *plain)
{
	const char *property = authres_scan_keyword(s, plain);

	while (property != NULL && s->at + 1 < s->end && s->at[0] == '.' && s->at[1] != '=') {
		s->room[s->used - 1] = '.';
		s->at++;
		*plain = false;
		if (authres_scan_keyword(s, plain) == NULL)
			return NULL;
	}
	return property;
}

static void
add_prop(struct authres_scan *s, struct authres_result *r, const struct authres_prop *p)
{
	if (p->value == NULL)
		return;
	if (r->n_props == AUTHRES_PROPS_MAX)
		s->broken = true;
	else
		r->props[r->n_props++] = *p;
}

/* One reason or property behind the result.  false: it is neither. */
static bool
read_detail(struct authres_scan *s, struct authres_result *r, bool *plain)
{
	struct authres_prop p = {.ptype = authres_scan_keyword(s, plain)};

	if (p.ptype == NULL)
		return false;
	(void)authres_scan_cfws(s);
	if (authres_scan_char(s, '.')) {
		(void)authres_scan_cfws(s);
		p.property = read_property(s, plain);
		(void)authres_scan_cfws(s);
		if (p.property == NULL || !authres_scan_char(s, '='))
			return false;
		p.value = read_pvalue(s, plain);
	} else if (authres_scan_char(s, '=')) {
		p.property = p.ptype;
		p.ptype = "";
		p.value = read_pvalue(s, plain);
		if (strcmp(p.property, "reason") == 0) {
			if (r->reason != NULL || r->n_props > 0)
				*plain = false;
			if (r->reason == NULL)
				r->reason = p.value;
			return true;
		}
		*plain = false;
	} else {
		return false;
	}
	add_prop(s, r, &p);
	return true;
}

static void
read_details(struct authres_scan *s, struct authres_result *r, bool *plain)
{
	while (authres_scan_cfws(s), !s->broken && !authres_scan_is_end(s)) {
		if (read_detail(s, r, plain))
			continue;
		/* A word that belongs nowhere. */
		*plain = false;
		(void)authres_scan_value(s, plain);
	}
}

/* The result word: alone, since "pass=fail" and "pass,fail" say neither. */
static const char *
read_word(struct authres_scan *s, bool *plain)
{
	const bool quoted = s->at < s->end && *s->at == '"';
	const char *word;

	if (quoted) {
		s->at++;
		*plain = false;
	}
	word = authres_scan_keyword(s, plain);
	if (quoted && !authres_scan_char(s, '"'))
		return NULL;
	if (!authres_scan_is_end(s) && strchr(" \t\r\n(", *s->at) == NULL)
		return NULL;
	return word;
}

/* method[/version] = result.  false: it is not one. */
static bool
read_method(struct authres_scan *s, struct authres_result *r, bool *plain)
{
	(void)authres_scan_cfws(s);
	r->method = authres_scan_keyword(s, plain);
	if (r->method == NULL)
		return false;
	(void)authres_scan_cfws(s);
	r->method_version = 1;
	if (authres_scan_char(s, '/')) {
		(void)authres_scan_cfws(s);
		r->method_version = read_version(s);
		(void)authres_scan_cfws(s);
		if (r->method_version == 0)
			return false;
	}
	if (!authres_scan_char(s, '='))
		return false;
	(void)authres_scan_cfws(s);
	s->comment = NULL;
	r->result = read_word(s, plain);
	return r->result != NULL;
}

/* Is the part "none", and nothing else? */
static bool
is_no_result(struct authres_scan *s)
{
	const char *from = s->at;
	const size_t used = s->used;
	bool plain = true;
	const char *word;

	(void)authres_scan_cfws(s);
	word = authres_scan_keyword(s, &plain);
	(void)authres_scan_cfws(s);
	if (word != NULL && strcmp(word, "none") == 0 && authres_scan_is_end(s) && !s->broken)
		return true;
	s->at = from;
	s->used = used;
	return false;
}

/* Is there a method where the authserv-id should be?  Then there is none. */
static bool
is_nameless(const struct authres_scan *s)
{
	struct authres_scan look = *s;
	struct authres_result r = {0};
	bool plain = true;

	return read_method(&look, &r, &plain);
}

/* false: the field begins with nothing that could be a name. */
static bool
read_id(struct authres_scan *s, struct authres *out, bool *plain)
{
	(void)authres_scan_cfws(s);
	if (is_nameless(s)) {
		*plain = false;
		return true;
	}
	out->authserv_id = authres_scan_value(s, plain);
	if (s->broken || *out->authserv_id == '\0') {
		out->authserv_id = NULL;
		return false;
	}
	(void)authres_scan_cfws(s);
	out->version = read_version(s);
	(void)authres_scan_cfws(s);
	/* An id is compared whole: with more behind it, it is not the one that a receiver would have known as its own, and taken out. */
	if (!authres_scan_is_end(s))
		return false;
	(void)authres_scan_char(s, ';');
	return true;
}

/* One part between semicolons. */
static void
read_result(struct authres_scan *s, struct authres *out, bool *plain)
{
	struct authres_result r = {0};
	const char *from = s->at;

	if (!read_method(s, &r, plain)) {
		/* An empty part, or one that says nothing that could be understood: from its begin, or a quote in it stays unseen. */
		*plain = false;
		s->at = from;
		authres_scan_skip(s);
		return;
	}
	read_details(s, &r, plain);
	r.comment = s->comment;
	if (out->n == AUTHRES_RESULTS_MAX)
		s->broken = true;
	else if (!s->broken)
		out->results[out->n++] = r;
}

static void
read_field(struct authres_scan *s, struct authres *out)
{
	size_t parts = 0, nones = 0;
	bool plain = true;

	if (!read_id(s, out, &plain)) {
		s->broken = true;
		return;
	}
	for (; s->at < s->end && !s->broken; parts++) {
		if (is_no_result(s))
			nones++;
		else
			read_result(s, out, &plain);
		/* A final ';' is against the grammar, and common. */
		if (authres_scan_char(s, ';') && s->at == s->end)
			plain = false;
	}
	/* "none" says that nothing was checked: beside a result one of the two is not the receiver's. */
	if (nones > 0 && out->n > 0)
		s->broken = true;
	out->lenient = !plain || parts == 0 || nones > 1;
	if (out->n == 0 && nones == 0)
		out->invalid = true;
}

int
authres_read(struct span value, struct authres *out, struct err *err)
{
	struct authres_scan s = {.at = value.at, .end = value.at + value.len};

	*out = (struct authres){0};
	if (value.len > AUTHRES_BYTES_MAX || memchr(value.at, '\0', value.len) != NULL) {
		out->invalid = true;
		return CR_OK;
	}
	s.size = value.len * 2 + 64;
	s.room = malloc(s.size);
	if (s.room == NULL)
		return err_nomem(err, "authentication results");
	out->text = s.room;
	read_field(&s, out);
	if (s.broken) {
		out->invalid = true;
		out->n = 0;
	}
	return CR_OK;
}

void
authres_release(struct authres *a)
{
	free(a->text);
	*a = (struct authres){0};
}

const char *
authres_prop(const struct authres_result *r, const char *ptype, const char *property)
{
	for (size_t i = 0; i < r->n_props; i++)
		if (strcasecmp(r->props[i].ptype, ptype) == 0 && strcasecmp(r->props[i].property, property) == 0)
			return r->props[i].value;
	return NULL;
}
