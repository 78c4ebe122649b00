/*
 * route53_text.c - names and values in Route 53's spelling.
 *
 * Source: "DNS domain name format" and "Supported DNS record types" in the Amazon Route 53 Developer Guide, read 2026-11-25: a byte that is none of
 * a-z 0-9 - _ . stands as \ and three octal digits in names, one outside of printable ASCII in a TXT; names come back so, "*" too.
 */
#include "dns/zones/route53.h"

#include <string.h>

/* Three digits of that base behind a backslash, as a byte. */
static bool
is_escape(const char *s, unsigned base, unsigned *byte_out)
{
	unsigned n = 0;

	if (s[0] != '\\')
		return false;
	for (int i = 1; i <= 3; i++) {
		if (s[i] < '0' || (unsigned)(s[i] - '0') >= base)
			return false;
		n = n * base + (unsigned)(s[i] - '0');
	}
	*byte_out = n;
	return n <= UINT8_MAX;
}

/* Escapes of one base into those of the other; \" and \\ stay as they are. */
static void
convert(const char *text, unsigned from, unsigned to, struct buf *out)
{
	for (unsigned byte; *text != '\0'; text++) {
		if (is_escape(text, from, &byte)) {
			buf_addf(out, "\\%u%u%u", byte / (to * to), byte / to % to, byte % to);
			text += 3;
			continue;
		}
		buf_addc(out, *text);
		if (text[0] == '\\' && text[1] != '\0')
			buf_addc(out, *++text);
	}
}

void
r53_text_read(const char *text, struct buf *out)
{
	convert(text, 8, 10, out);
}

void
r53_text_write(const char *text, struct buf *out)
{
	convert(text, 10, 8, out);
}

/* "/" and "=" are bytes like any other here (RFC 2317), and not there. */
static void
write_name(const char *text, struct buf *out)
{
	struct buf octal = {.max_bytes = out->max_bytes};

	r53_text_write(text, &octal);
	for (const char *s = buf_str(&octal); *s != '\0'; s++) {
		if (*s == '/' || *s == '=')
			buf_addf(out, "\\%03o", (unsigned char)*s);
		else
			buf_addc(out, *s);
	}
	if (octal.failed != CR_OK)
		out->failed = octal.failed;
	buf_release(&octal);
}

void
r53_name_write(const char *canonical, struct buf *out)
{
	write_name(canonical, out);
}

void
r53_value_write(const struct record *r, struct buf *out)
{
	struct buf text = {0};

	record_format_rdata(r, &text);
	if (r->type == RECORD_CNAME || r->type == RECORD_MX || r->type == RECORD_NS || r->type == RECORD_PTR ||
	    r->type == RECORD_SRV)
		write_name(buf_str(&text), out);
	else
		r53_text_write(buf_str(&text), out);
	if (text.failed != CR_OK)
		out->failed = text.failed;
	buf_release(&text);
}
