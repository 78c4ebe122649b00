/*
 * letter_type.c - Content-Type and Content-Transfer-Encoding: RFC 2045 s5, s6, and parameters in pieces or with a charset by RFC 2231.
 */
#include "budget/letter.h"

#include <string.h>

#include "core/num.h"

static const struct {
	struct slice name;
	enum letter_type type;
} types[] = {
	{SLICE_INIT("text/html"),                      LETTER_HTML    },
	{SLICE_INIT("text/xhtml"),                     LETTER_HTML    },
	{SLICE_INIT("text/rfc822-headers"),            LETTER_HEADERS },
	{SLICE_INIT("text/rfc822-header"),             LETTER_HEADERS }, /* of a complaint loop that misspells it */
	{SLICE_INIT("text/rfc822"),                    LETTER_HEADERS },
	{SLICE_INIT("message/global-headers"),         LETTER_HEADERS }, /* RFC 6533 */
	{SLICE_INIT("message/rfc822"),                 LETTER_MESSAGE },
	{SLICE_INIT("message/global"),                 LETTER_MESSAGE },
	{SLICE_INIT("message/news"),                   LETTER_MESSAGE },
	{SLICE_INIT("message/delivery-status"),        LETTER_STATUS  },
	{SLICE_INIT("message/global-delivery-status"), LETTER_STATUS  },
	{SLICE_INIT("message/xdelivery-status"),       LETTER_STATUS  },
	{SLICE_INIT("message/feedback-report"),        LETTER_FEEDBACK},
	{SLICE_INIT("application/octet-stream"),       LETTER_OCTETS  },
	{SLICE_INIT("application/octetstream"),        LETTER_OCTETS  },
};

static enum letter_type
type_of(struct slice name)
{
	if (slice_starts(name, SLICE("multipart/")))
		return LETTER_MULTI;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (slice_is(name, types[i].name))
			return types[i].type;
	if (slice_starts(name, SLICE("text")) || memchr(name.at, '/', name.len) == NULL)
		return LETTER_TEXT;
	return LETTER_OTHER;
}

static const char *
skip_blank(const char *p, const char *end)
{
	while (p < end && ((unsigned char)*p <= ' ' || *p == ';'))
		p++;
	return p;
}

/* A value added to what out holds already, %XX resolved where percent says so.  Longer ones are cut. */
static void
add_value(char *out, size_t size, size_t *len, struct slice value, bool percent)
{
	for (size_t i = 0; i < value.len && *len + 1 < size; i++) {
		char c = value.at[i];
		if (percent && c == '%' && i + 2 < value.len && num_hex_digit(value.at[i + 1]) >= 0 &&
		    num_hex_digit(value.at[i + 2]) >= 0) {
			c = (char)(num_hex_digit(value.at[i + 1]) << 4 | num_hex_digit(value.at[i + 2]));
			i += 2;
		} else if (!percent && c == '\\' && i + 1 < value.len) {
			c = value.at[++i];
		}
		out[(*len)++] = c;
	}
	out[*len] = '\0';
}

/* The value at p: quoted, or up to a blank or semicolon.  A quote that is not closed ends with its line. */
static const char *
value_at(const char *p, const char *end, struct slice *out)
{
	if (p < end && *p == '"') {
		const char *from = ++p;
		while (p < end && *p != '"' && *p != '\n' && *p != '\r')
			p += *p == '\\' && p + 1 < end ? 2 : 1;
		if (p > end)
			p = end;
		*out = (struct slice){from, (size_t)(p - from)};
		return p < end ? p + 1 : p;
	}
	const char *from = p;
	while (p < end && (unsigned char)*p > ' ' && *p != ';')
		p++;
	*out = (struct slice){from, (size_t)(p - from)};
	return p;
}

struct parameter {
	char *out;
	size_t size, len;
};

/* name, name*0, name*1*, name*: a piece of the parameter? */
static void
take(struct parameter *par, struct slice want, struct slice name, struct slice value)
{
	if (!slice_starts(name, want) || (name.len > want.len && name.at[want.len] != '*'))
		return;
	bool extended = name.len > want.len && name.at[name.len - 1] == '*';
	bool first = name.len <= want.len + 1 || (name.len > want.len + 1 && name.at[want.len + 1] == '0');

	if (name.len == want.len && par->len > 0)
		return; /* said twice: the first counts */
	if (first)
		par->len = 0;
	if (extended && first) {
		/* charset'language'value */
		const char *q = memchr(value.at, '\'', value.len);
		q = q != NULL ? memchr(q + 1, '\'', (size_t)(value.at + value.len - q - 1)) : NULL;
		if (q != NULL)
			value = (struct slice){q + 1, (size_t)(value.at + value.len - q - 1)};
	}
	add_value(par->out, par->size, &par->len, value, extended);
}

void
letter_type_read(struct slice value, struct letter_part *part, struct letter_boundary *boundary_out)
{
	const char *p = value.at, *end = value.at + value.len;
	char report[32] = "";
	struct parameter b = {boundary_out->text, sizeof(boundary_out->text), 0};
	struct parameter c = {part->charset, sizeof(part->charset), 0}, r = {report, sizeof(report), 0};

	while (p < end && (unsigned char)*p > ' ' && *p != ';' && *p != '(')
		p++;
	struct slice type = {value.at, (size_t)(p - value.at)};
	part->type = type_of(type);
	while ((p = skip_blank(p, end)) < end) {
		const char *from = p;
		while (p < end && *p != '=' && *p != ';')
			p++;
		struct slice name = slice_trim((struct slice){from, (size_t)(p - from)}), v;
		if (p == end || *p == ';')
			continue;
		p++;
		while (p < end && (unsigned char)*p <= ' ')
			p++;
		p = value_at(p, end, &v);
		take(&b, SLICE("boundary"), name, v);
		take(&c, SLICE("charset"), name, v);
		take(&r, SLICE("report-type"), name, v);
	}
	/* Blanks at its end are not part of a boundary (RFC 2046 s5.1.1). */
	while (b.len > 0 && b.out[b.len - 1] == ' ')
		b.len--;
	boundary_out->len = b.len;
	if (part->type == LETTER_MULTI)
		part->report = (unsigned char)(slice_is(type, SLICE("multipart/digest")) ? LETTER_DIGEST
		                               : r.len > 2                               ? report[2] | 0x20
		                                                                         : 0);
}

enum letter_coding
letter_coding_read(struct slice value)
{
	if (slice_starts(value, SLICE("base64")))
		return LETTER_BASE64;
	if (slice_starts(value, SLICE("quoted-printable")) || slice_starts(value, SLICE("quoted")))
		return LETTER_QUOTED;
	return LETTER_AS_IT_IS;
}
