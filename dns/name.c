/*
 * name.c - domain names: read into the one canonical text form, taken to the wire and back, compared.
 *
 * Sources: RFC 1035 s2.3.4, s3.1, s5.1 (limits, wire, escapes); RFC 4343 (case is ASCII case only); RFC 4034 s6.1 (order);
 * RFC 5891 and UTS 46 through libidn2, non-transitional.
 * Invariant: in a canonical name a '.' always separates labels; a dot within a label stands as \046.
 */
#include "dns/name.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <idn2.h>

#include "core/lazy.h"

#define CALLS(X) X(idn2_free) X(idn2_lookup_u8) X(idn2_strerror)
LAZY_LIBRARY(libidn2, "libidn2.so.0", "libidn2-0", CALLS);
#define idn2_free      libidn2.idn2_free
#define idn2_lookup_u8 libidn2.idn2_lookup_u8
#define idn2_strerror  libidn2.idn2_strerror

#define LABEL_MAX   63
#define LABELS_MAX  128
#define U_LABEL_MAX 512 /* bytes of UTF-8; 63 bytes of A-label never need more */

/* A canonical name while it grows. wire counts the root's byte from the start, so that its limit bounds text too. */
struct name_writer {
	const char *source; /* for errors */
	size_t text_len, wire_len, label_len;
	struct name name;
};

static int
complain(const struct name_writer *w, struct err *err, const char *what)
{
	return err_set(err, CR_EPARSE, "name '%.100s': %s", w->source, what);
}

static bool
is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_/*=", c) != NULL);
}

static unsigned char
lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static int
put_byte(struct name_writer *w, unsigned char c, struct err *err)
{
	if (w->label_len == 0) {
		if (w->wire_len > 1)
			w->name.text[w->text_len++] = '.';
		w->wire_len++;
	}
	if (w->label_len == LABEL_MAX)
		return complain(w, err, "label longer than 63 bytes");
	if (w->wire_len >= NAME_WIRE_MAX)
		return complain(w, err, "longer than 253 bytes");
	w->label_len++;
	w->wire_len++;
	c = lower(c);
	if (is_plain(c)) {
		w->name.text[w->text_len++] = (char)c;
		return CR_OK;
	}
	w->name.text[w->text_len++] = '\\';
	w->name.text[w->text_len++] = (char)('0' + c / 100);
	w->name.text[w->text_len++] = (char)('0' + c / 10 % 10);
	w->name.text[w->text_len++] = (char)('0' + c % 10);
	return CR_OK;
}

/* Bytes of a dot at p, 0 for none.  UTS 46 s4 (and RFC 3490 s3.1) separate labels at three ideographic dots as well. */
static size_t
dot_len(const char *p)
{
	static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};

	if (*p == '.')
		return 1;
	if ((unsigned char)*p < 0x80)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		if (strncmp(p, wide[i], 3) == 0)
			return 3;
	return 0;
}

/* Length of the escape at p ("\DDD" or "\X") and its byte; 0 for a broken one. */
static size_t
escape_read(const char *p, unsigned char *byte_out)
{
	int value;

	if (p[1] < '0' || p[1] > '9') {
		*byte_out = (unsigned char)p[1];
		return p[1] != '\0' ? 2 : 0;
	}
	if (p[2] < '0' || p[2] > '9' || p[3] < '0' || p[3] > '9')
		return 0;
	value = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
	*byte_out = (unsigned char)value;
	return value <= UINT8_MAX ? 4 : 0;
}

/* The label's bytes up to the next dot; end_out points at the dot or the NUL.  utf8_out: it holds unescaped bytes above 0x7f. */
static const char *
label_end(const char *p, bool *utf8_out)
{
	*utf8_out = false;
	while (*p != '\0' && dot_len(p) == 0) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if ((unsigned char)*p >= 0x80)
			*utf8_out = true;
		p++;
	}
	return p;
}

static int
put_plain_label(struct name_writer *w, const char *p, const char *end, struct err *err)
{
	while (p < end) {
		unsigned char c = (unsigned char)*p;
		size_t used = 1;
		int rc;

		if (c == '\\')
			used = escape_read(p, &c);
		else if (c <= ' ' || c == 0x7f)
			return complain(w, err, "holds a blank or control byte");
		if (used == 0)
			return complain(w, err, "broken escape");
		rc = put_byte(w, c, err);
		if (rc != CR_OK)
			return rc;
		p += used;
	}
	return CR_OK;
}

static int
put_u_label(struct name_writer *w, const char *p, const char *end, struct err *err)
{
	char source[U_LABEL_MAX];
	char *ascii = NULL;
	size_t len = (size_t)(end - p);
	uint8_t *result = NULL;
	int idn;
	int rc = CR_OK;

	if (len >= sizeof(source))
		return complain(w, err, "label longer than 63 bytes");
	memcpy(source, p, len);
	source[len] = '\0';
	/* An escape says "this very byte", a U-label says "these characters, normalised": both in one label mean nothing. */
	if (strchr(source, '\\') != NULL)
		return complain(w, err, "escapes and non-ASCII letters in one label");
	rc = lazy_need(&libidn2_lazy, err);
	if (rc != CR_OK)
		return rc;
	idn = idn2_lookup_u8((const uint8_t *)source, &result, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (idn == IDN2_MALLOC)
		return err_nomem(err, "internationalised name");
	if (idn != IDN2_OK)
		return complain(w, err, idn2_strerror(idn));
	ascii = (char *)result;
	if (*ascii == '\0' || strpbrk(ascii, ".\\") != NULL)
		rc = complain(w, err, "not an internationalised label");
	else
		rc = put_plain_label(w, ascii, ascii + strlen(ascii), err);
	idn2_free(ascii);
	return rc;
}

/* As name_parse; absolute_out: a final dot stood there.  An escaped one does not count, as label_end steps over it. */
static int
parse(const char *text, struct name *out, bool *absolute_out, struct err *err)
{
	struct name_writer w;
	const char *p = text;
	bool absolute = false;

	w.source = text;
	w.text_len = 0;
	w.wire_len = 1;
	if (dot_len(p) != 0 && p[dot_len(p)] == '\0') {
		absolute = true;
		p += dot_len(p);
	}
	while (*p != '\0') {
		bool utf8;
		const char *end = label_end(p, &utf8);
		int rc;

		if (end == p)
			return complain(&w, err, "empty label");
		w.label_len = 0;
		rc = utf8 ? put_u_label(&w, p, end, err) : put_plain_label(&w, p, end, err);
		if (rc != CR_OK)
			return rc;
		absolute = *end != '\0';
		p = end + dot_len(end);
	}
	w.name.text[w.text_len] = '\0';
	memcpy(out->text, w.name.text, w.text_len + 1);
	*absolute_out = absolute;
	return CR_OK;
}

int
name_parse(const char *text, struct name *out, struct err *err)
{
	bool absolute;

	return parse(text, out, &absolute, err);
}

/* Letters, digits, inner hyphens: RFC 1123 s2.1. */
static bool
label_is_ldh(const char *p, size_t len)
{
	if (len == 0 || p[0] == '-' || p[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)p[i]) && p[i] != '-')
			return false;
	return true;
}

/*
 * What nearly every name is: letters, digits, hyphens and dots, nothing else.  The gate reads four a question.  False: anything else,
 * and anything wrong; the long way finds out.
 */
static bool
parse_plain_host(const char *text, struct name *out)
{
	size_t at = 0, label = 0, labels = 1;
	bool digits = true;

	for (; at < NAME_WIRE_MAX - 1; at++) {
		const unsigned char c = (unsigned char)text[at], letter = c | ('a' - 'A');

		if (letter >= 'a' && letter <= 'z') {
			out->text[at] = (char)letter;
			digits = false;
		} else if ((c >= '0' && c <= '9') || c == '-') {
			out->text[at] = (char)c;
			digits = digits && c != '-';
		} else if (c != '.' && c != '\0') {
			return false;
		} else {
			if (at == label || at - label > LABEL_MAX || out->text[label] == '-' ||
			    out->text[at - 1] == '-')
				return false;
			out->text[at] = (char)c;
			if (c == '\0')
				return labels >= 2 && !digits;
			label = at + 1;
			labels++;
			digits = true;
		}
	}
	return false;
}

int
name_parse_host(const char *text, struct name *out, struct err *err)
{
	struct name parsed;
	const char *p = parsed.text;
	size_t labels = 0;
	size_t len = 0;
	int rc;

	if (parse_plain_host(text, &parsed)) {
		memcpy(out->text, parsed.text, strlen(parsed.text) + 1);
		return CR_OK;
	}
	rc = name_parse(text, &parsed, err);
	if (rc != CR_OK)
		return rc;
	for (;; p += len + 1) {
		len = strcspn(p, ".");
		if (!label_is_ldh(p, len))
			return err_set(err, CR_EPARSE, "name '%.100s': not a host name", text);
		labels++;
		if (p[len] == '\0')
			break;
	}
	/* No top-level domain is all digits: "192.0.2.10" is an address that lost its way (RFC 3696 s2). */
	if (labels < 2 || strspn(p, "0123456789") == len)
		return err_set(err, CR_EPARSE, "name '%.100s': not a registrable name", text);
	memcpy(out->text, parsed.text, strlen(parsed.text) + 1);
	return CR_OK;
}

/* Bytes on the wire of a canonical name. */
static size_t
wire_len(const char *canonical)
{
	size_t len = *canonical != '\0' ? 2 : 1;

	for (const char *p = canonical; *p != '\0'; p += *p == '\\' ? 4 : 1)
		len++;
	return len;
}

int
name_under(const char *relative, const char *origin, struct name *out, struct err *err)
{
	struct name name;
	bool absolute;
	size_t len, origin_len;
	int rc;

	if (*relative == '\0' || strcmp(relative, "@") == 0)
		return name_parse(origin, out, err);
	rc = parse(relative, &name, &absolute, err);
	if (rc != CR_OK)
		return rc;
	len = strlen(name.text);
	origin_len = strlen(origin);
	if (!absolute && origin_len > 0) {
		if (wire_len(name.text) + wire_len(origin) - 1 > NAME_WIRE_MAX)
			return err_set(err, CR_EPARSE, "name '%.100s' below '%.100s': longer than 253 bytes", relative,
			               origin);
		name.text[len] = '.';
		memcpy(name.text + len + 1, origin, origin_len + 1);
		len += 1 + origin_len;
	}
	memcpy(out->text, name.text, len + 1);
	return CR_OK;
}

size_t
name_to_wire(const char *canonical, uint8_t out[NAME_WIRE_MAX])
{
	size_t len = 0;

	for (const char *p = canonical; *p != '\0'; p += *p == '.' ? 1 : 0) {
		size_t start = len++;

		while (*p != '\0' && *p != '.') {
			unsigned char c = (unsigned char)*p;

			p += c == '\\' ? escape_read(p, &c) : 1;
			assert(len < NAME_WIRE_MAX - 1);
			out[len++] = c;
		}
		assert(len - start - 1 > 0 && len - start - 1 <= LABEL_MAX);
		out[start] = (uint8_t)(len - start - 1);
	}
	out[len++] = 0;
	return len;
}

int
name_from_wire(const uint8_t *data, size_t len, struct name *out, size_t *used_out, struct err *err)
{
	struct name_writer w;
	size_t pos = 0;

	w.source = "(wire)";
	w.text_len = 0;
	w.wire_len = 1;
	for (;;) {
		size_t label;

		if (pos >= len || data[pos] > LABEL_MAX || data[pos] >= len - pos)
			return err_set(err, CR_EPARSE, "name: broken wire form");
		label = data[pos++];
		if (label == 0)
			break;
		w.label_len = 0;
		for (size_t i = 0; i < label; i++) {
			int rc = put_byte(&w, data[pos++], err);

			if (rc != CR_OK)
				return rc;
		}
	}
	w.name.text[w.text_len] = '\0';
	memcpy(out->text, w.name.text, w.text_len + 1);
	*used_out = pos;
	return CR_OK;
}

bool
name_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool
name_is_under(const char *name, const char *zone)
{
	size_t name_len = strlen(name);
	size_t zone_len = strlen(zone);

	if (zone_len == 0)
		return true;
	if (name_len < zone_len || strcmp(name + name_len - zone_len, zone) != 0)
		return false;
	return name_len == zone_len || name[name_len - zone_len - 1] == '.';
}

const char *
name_relative(const char *name, const char *zone, char out[NAME_TEXT_MAX])
{
	size_t name_len = strlen(name);
	size_t zone_len = strlen(zone);
	size_t keep = name_len;

	if (!name_is_under(name, zone))
		return NULL;
	if (name_len == zone_len) {
		memcpy(out, "@", 2);
		return out;
	}
	if (zone_len > 0)
		keep -= zone_len + 1;
	assert(keep < NAME_TEXT_MAX);
	memcpy(out, name, keep);
	out[keep] = '\0';
	return out;
}

const char *
name_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot != NULL ? dot + 1 : name + strlen(name);
}

size_t
name_labels(const char *name)
{
	size_t n = *name != '\0' ? 1 : 0;

	for (; *name != '\0'; name++)
		n += *name == '.';
	return n;
}

/* Offsets of the labels in wire; returns their number. */
static size_t
label_offsets(const uint8_t *wire, size_t offsets[LABELS_MAX])
{
	size_t n = 0;

	for (size_t pos = 0; wire[pos] != 0; pos += 1U + wire[pos])
		offsets[n++] = pos;
	return n;
}

int
name_compare(const char *a, const char *b)
{
	uint8_t wire_a[NAME_WIRE_MAX], wire_b[NAME_WIRE_MAX];
	size_t at_a[LABELS_MAX], at_b[LABELS_MAX];
	size_t n_a, n_b;

	if (strcmp(a, b) == 0)
		return 0;
	(void)name_to_wire(a, wire_a);
	(void)name_to_wire(b, wire_b);
	n_a = label_offsets(wire_a, at_a);
	n_b = label_offsets(wire_b, at_b);
	while (n_a > 0 && n_b > 0) {
		const uint8_t *label_a = wire_a + at_a[--n_a];
		const uint8_t *label_b = wire_b + at_b[--n_b];
		size_t shorter = *label_a < *label_b ? *label_a : *label_b;
		int order = memcmp(label_a + 1, label_b + 1, shorter);

		if (order == 0)
			order = *label_a - *label_b;
		if (order != 0)
			return order;
	}
	return (n_a > 0) - (n_b > 0);
}
