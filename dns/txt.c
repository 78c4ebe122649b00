/*
 * txt.c - TXT strings split at 255 bytes, quoted and escaped; and joined again (RFC 1035 s3.3, s5.1).
 *
 * RFC 7208 s3.3 and RFC 6376 s3.6.2.2: SPF and DKIM join the strings without a blank, and so does this.
 */
#include "dns/txt.h"

#include "dns/token.h"

int
txt_parse(const char *text, struct buf *out, struct err *err)
{
	const char *pos = text;
	size_t strings = 0;

	for (;; strings++) {
		struct token t;
		bool found;
		int rc = token_next(&pos, &t, &found, err);

		if (rc != CR_OK)
			return rc;
		if (!found)
			break;
		rc = token_decode(&t, out, err);
		if (rc != CR_OK)
			return rc;
	}
	if (strings == 0)
		return err_set(err, CR_EPARSE, "no text; empty text is \"\"");
	return CR_OK;
}

void
txt_format_byte(unsigned char c, struct buf *out)
{
	if (c < ' ' || c > '~') {
		buf_addf(out, "\\%03u", c);
		return;
	}
	if (c == '"' || c == '\\')
		buf_addc(out, '\\');
	buf_addc(out, (char)c);
}

void
txt_format(const void *data, size_t len, struct buf *out)
{
	const unsigned char *p = data;
	size_t done = 0;

	do {
		size_t n = len - done < TXT_STRING_MAX ? len - done : TXT_STRING_MAX;

		buf_adds(out, done > 0 ? " \"" : "\"");
		for (size_t i = 0; i < n; i++)
			txt_format_byte(p[done + i], out);
		buf_addc(out, '"');
		done += n;
	} while (done < len);
}

int
txt_from_wire(const uint8_t *rdata, size_t len, struct buf *out, struct err *err)
{
	if (len == 0)
		return err_set(err, CR_EPARSE, "no character string");
	for (size_t pos = 0; pos < len;) {
		size_t n = rdata[pos++];

		if (n > len - pos)
			return err_set(err, CR_EPARSE, "a character string is cut off");
		buf_add(out, rdata + pos, n);
		pos += n;
	}
	return buf_check(out, "text", err);
}

void
txt_to_wire(const void *data, size_t len, struct buf *out)
{
	const char *p = data;
	size_t done = 0;

	do {
		size_t n = len - done < TXT_STRING_MAX ? len - done : TXT_STRING_MAX;

		buf_addc(out, (char)n);
		buf_add(out, p + done, n);
		done += n;
	} while (done < len);
}
