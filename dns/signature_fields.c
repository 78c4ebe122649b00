/*
 * signature_fields.c - the tags of a DKIM-Signature field read, and what is wrong with them.
 *
 * RFC 6376 s3.5 (tags), s6.1.1 (what a verifier must refuse), RFC 8301 s3.1 (no SHA-1), RFC 8463 s3 (ed25519-sha256).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "dns/dkim_inside.h"
#include "dns/signature_inside.h"

#define LENGTH_DIGITS_MAX 76 /* s3.5: of l= */
#define TIME_DIGITS_MAX   12 /* s3.5: of t= and x= */

void
signature_say(struct signature *s, enum signature_result result, const char *reason, const char *fmt, ...)
{
	va_list args;

	s->result = result;
	s->reason = reason;
	va_start(args, fmt);
	(void)vsnprintf(s->why, sizeof(s->why), fmt, args);
	va_end(args);
	for (char *c = s->why; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

void
signature_fields_release(struct signature_fields *f)
{
	free(f->text);
	f->text = NULL;
}

/* A fault of the tags: the signature has no answer, now or later. */
#define FAULT(s, reason, ...) (signature_say((s), SIGNATURE_PERMERROR, (reason), __VA_ARGS__), false)

static void
copy_span(struct span from, char *to, size_t size)
{
	size_t n = from.len < size ? from.len : size - 1;

	memcpy(to, from.at, n);
	to[n] = '\0';
}

/* Whose signature it claims to be, however broken the rest is. */
static void
read_claims(const char *text, struct signature *s)
{
	struct span rest = {text, strlen(text)}, piece, name;

	while (span_cut(&rest, ';', &piece)) {
		if (memchr(piece.at, '=', piece.len) == NULL || !span_cut(&piece, '=', &name))
			continue;
		piece = span_trim(piece);
		if (span_is(name, "d") && s->domain[0] == '\0')
			copy_span(piece, s->domain, sizeof(s->domain));
		else if (span_is(name, "s") && s->selector[0] == '\0')
			copy_span(piece, s->selector, sizeof(s->selector));
		else if (span_is(name, "a") && s->algorithm[0] == '\0')
			copy_span(piece, s->algorithm, sizeof(s->algorithm));
	}
	for (char *c = s->algorithm; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
}

static bool
check_required(const struct signature_fields *f, struct signature *s)
{
	static const char *const required[] = {"v", "a", "b", "bh", "d", "h", "s"};

	for (size_t i = 0; i < ARRAY_LEN(required); i++) {
		const struct tag *t = taglist_find(&f->tags, required[i]);

		if (t == NULL || t->value.len == 0)
			return FAULT(s, "tag-missing", "the tag %s= is missing%s", required[i],
			             t != NULL ? ": it is empty" : "");
	}
	if (!span_is(taglist_find(&f->tags, "v")->value, "1"))
		return FAULT(s, "version", "v= is not 1");
	return true;
}

static bool
read_algorithm(struct signature_fields *f, struct signature *s)
{
	struct span a = taglist_find(&f->tags, "a")->value;

	if (span_is(a, "rsa-sha1")) /* not to be verified even (RFC 8301 s3.1): whether it would is not known */
		return FAULT(s, "sha1", "rsa-sha1 counts nowhere any more (RFC 8301)");
	if (span_is(a, "rsa-sha256"))
		f->algorithm = DKIM_RSA;
	else if (span_is(a, "ed25519-sha256"))
		f->algorithm = DKIM_ED25519;
	else
		return FAULT(s, "algorithm", "a=%.*s is no algorithm that is known", (int)(a.len < 40 ? a.len : 40),
		             a.at);
	return true;
}

static bool
read_form(struct span word, enum canon *out)
{
	if (span_is(word, "simple"))
		*out = CANON_SIMPLE;
	else if (span_is(word, "relaxed"))
		*out = CANON_RELAXED;
	else
		return false;
	return true;
}

/* c=header/body; one word is the header's, and the body's then is simple. */
static bool
read_forms(struct signature_fields *f, struct signature *s)
{
	const struct tag *c = taglist_find(&f->tags, "c"), *q = taglist_find(&f->tags, "q");
	struct span rest, header, body = {"simple", 6};

	f->header = f->body = CANON_SIMPLE;
	if (c != NULL) {
		bool two = memchr(c->value.at, '/', c->value.len) != NULL;

		rest = c->value;
		if (!span_cut(&rest, '/', &header))
			header = rest;
		if (two)
			body = span_trim(rest);
		if (!read_form(header, &f->header) || !read_form(body, &f->body))
			return FAULT(s, "canonicalization", "c=%.*s is not known",
			             (int)(c->value.len < 40 ? c->value.len : 40), c->value.at);
	}
	if (q != NULL && !dkim_in_list(q->value, "dns/txt"))
		return FAULT(s, "query", "q= has no way to the key that is known; dns/txt is the one");
	return true;
}

/* Nothing but letters, digits, dot, hyphen, underscore, in canonical form; a name that DNS can be asked for. */
static bool
read_name(struct span value, struct name *out)
{
	char text[256];

	if (value.len == 0 || value.len >= sizeof(text) || memchr(value.at, '\0', value.len) != NULL)
		return false;
	copy_span(value, text, sizeof(text));
	return name_parse(text, out, NULL) == CR_OK && strpbrk(out->text, "\\/*=") == NULL && out->text[0] != '\0';
}

/* i= is an address in d= or below it (s3.5); "@" and d= when it is not there. */
static bool
read_identity(struct signature_fields *f, const struct name *domain, struct signature *s)
{
	const struct tag *i = taglist_find(&f->tags, "i");
	const char *at;
	struct name name;

	(void)snprintf(s->identity, sizeof(s->identity), "@%.255s", domain->text);
	if (i == NULL)
		return true;
	at = memrchr(i->value.at, '@', i->value.len);
	copy_span(i->value, s->identity, sizeof(s->identity));
	if (at == NULL || !read_name((struct span){at + 1, (size_t)(i->value.at + i->value.len - at - 1)}, &name))
		return FAULT(s, "identity", "i=%s is no address", s->identity);
	if (!name_is_under(name.text, domain->text))
		return FAULT(s, "identity", "i=%s is outside of d=%s", s->identity, domain->text);
	f->elsewhere = !name_equal(name.text, domain->text);
	return true;
}

static bool
read_names(struct signature_fields *f, struct signature *s)
{
	struct name domain, selector;

	if (!read_name(taglist_find(&f->tags, "d")->value, &domain) || name_labels(domain.text) < 2 ||
	    strlen(domain.text) >= sizeof(s->domain))
		return FAULT(s, "domain", "d=%s is no domain", s->domain);
	if (!read_name(taglist_find(&f->tags, "s")->value, &selector) || strlen(selector.text) >= sizeof(s->selector))
		return FAULT(s, "selector", "s=%s is no selector", s->selector);
	buf_copy_text(s->domain, sizeof(s->domain), domain.text);
	buf_copy_text(s->selector, sizeof(s->selector), selector.text);
	return read_identity(f, &domain, s);
}

static bool
read_header_list(struct signature_fields *f, struct signature *s)
{
	struct span rest = taglist_find(&f->tags, "h")->value, piece;
	bool from = false;

	while (span_cut(&rest, ':', &piece)) {
		if (piece.len == 0)
			return FAULT(s, "header-list", "h= has an empty name");
		if (f->n_names == SIGNATURE_NAMES_MAX)
			return FAULT(s, "header-list", "h= has more than %d names", SIGNATURE_NAMES_MAX);
		f->names[f->n_names++] = piece;
		from = from || span_is_nocase(piece, "From");
	}
	if (!from)
		return FAULT(s, "from-not-signed", "h= does not list From");
	return true;
}

/* *1..n digits; what is larger than any message or time is that. */
static bool
read_number(struct span value, size_t digits_max, uint64_t *out)
{
	uint64_t n = 0;

	if (value.len == 0 || value.len > digits_max)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!isdigit((unsigned char)value.at[i]))
			return false;
		if (n > (UINT64_MAX / 2 - 9) / 10)
			n = (UINT64_MAX / 2 - 9) / 10;
		n = 10 * n + (uint64_t)(value.at[i] - '0');
	}
	*out = n;
	return true;
}

static bool
read_numbers(struct signature_fields *f, struct signature *s)
{
	const struct tag *l = taglist_find(&f->tags, "l"), *t = taglist_find(&f->tags, "t");
	const struct tag *x = taglist_find(&f->tags, "x");
	uint64_t signed_at = 0, expires_at = 0;

	f->body_bytes = UINT64_MAX;
	if (l != NULL && !read_number(l->value, LENGTH_DIGITS_MAX, &f->body_bytes))
		return FAULT(s, "number", "l= is no number");
	if (t != NULL && !read_number(t->value, TIME_DIGITS_MAX, &signed_at))
		return FAULT(s, "number", "t= is no time");
	if (x != NULL && !read_number(x->value, TIME_DIGITS_MAX, &expires_at))
		return FAULT(s, "number", "x= is no time");
	if (t != NULL && x != NULL && expires_at <= signed_at)
		return FAULT(s, "number", "x= is not behind t=: expired before it was signed");
	f->signed_at_s = (int64_t)signed_at;
	s->expires_at_s = (int64_t)expires_at;
	return true;
}

static bool
read_signature(struct signature_fields *f, struct signature *s)
{
	const struct tag *b = taglist_find(&f->tags, "b"), *bh = taglist_find(&f->tags, "bh");
	const char *from, *to, *end = f->text + strlen(f->text);
	size_t len;

	if (!dkim_base64(b->value, f->signature, sizeof(f->signature), &f->signature_len) || f->signature_len == 0)
		return FAULT(s, "base64", "b= is not base64");
	if (!dkim_base64(bh->value, f->body_hash, sizeof(f->body_hash), &len) || len != HASH_BYTES)
		return FAULT(s, "base64", "bh= is not the base64 of a SHA-256");
	from = strchr(b->name.at + b->name.len, '=') + 1;
	to = memchr(from, ';', (size_t)(end - from));
	f->b_from = (size_t)(from - f->text);
	f->b_to = (size_t)((to != NULL ? to : end) - f->text);
	return true;
}

int
signature_fields_read(struct span value, struct signature_fields *f, struct signature *out, struct err *err)
{
	struct err why = {0};

	*f = (struct signature_fields){0};
	f->text = strndup(value.at, value.len);
	if (f->text == NULL)
		return err_nomem(err, "signature");
	read_claims(f->text, out);
	/* What is not a tag list, or says two things at once, is refused whole (s3.2). */
	if (strlen(f->text) != value.len)
		signature_say(out, SIGNATURE_PERMERROR, "syntax", "a zero byte stands within the field");
	else if (taglist_parse(f->text, false, &f->tags, &why) != CR_OK)
		signature_say(out, SIGNATURE_PERMERROR, "syntax", "%s", why.text);
	else
		(void)(check_required(f, out) && read_algorithm(f, out) && read_forms(f, out) && read_names(f, out) &&
		       read_header_list(f, out) && read_numbers(f, out) && read_signature(f, out));
	return CR_OK;
}
