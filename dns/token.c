/*
 * token.c - words of master-file text: blanks separate, '"' quotes, '\' escapes (RFC 1035 s5.1).
 */
#include "dns/token.h"

#include <stdint.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
quoted_next(const char **pos, struct token *out, struct err *err)
{
	const char *p = *pos + 1;
	const char *start = p;

	for (; *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '\0')
			return err_set(err, CR_EPARSE, "a quote is left open");
	}
	*out = (struct token){.text = start, .len = (size_t)(p - start), .quoted = true};
	*pos = p + 1;
	return CR_OK;
}

int
token_next(const char **pos, struct token *out, bool *found_out, struct err *err)
{
	const char *p = *pos + strspn(*pos, " \t");
	const char *start = p;

	*found_out = *p != '\0';
	if (*p == '"') {
		*pos = p;
		return quoted_next(pos, out, err);
	}
	for (; *p != '\0' && *p != ' ' && *p != '\t' && *p != '"'; p++) {
		if (*p == ';' || *p == '(' || *p == ')')
			return err_set(err, CR_EPARSE, "'%c' outside of quotes", *p);
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	*out = (struct token){.text = start, .len = (size_t)(p - start)};
	*pos = p;
	return CR_OK;
}

int
token_decode(const struct token *t, struct buf *out, struct err *err)
{
	const char *p = t->text;
	const char *end = t->text + t->len;

	for (; p < end; p++) {
		int value;

		if (*p != '\\') {
			buf_addc(out, *p);
			continue;
		}
		if (++p == end)
			return err_set(err, CR_EPARSE, "broken escape");
		if (!is_digit(*p)) {
			buf_addc(out, *p);
			continue;
		}
		if (end - p < 3 || !is_digit(p[1]) || !is_digit(p[2]))
			return err_set(err, CR_EPARSE, "broken escape");
		value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
		if (value > UINT8_MAX)
			return err_set(err, CR_EPARSE, "broken escape");
		buf_addc(out, (char)value);
		p += 2;
	}
	return buf_check(out, "text", err);
}

int
token_copy(const struct token *t, char *out, size_t size, struct err *err)
{
	if (t->len >= size)
		return err_set(err, CR_EPARSE, "'%.40s...' is too long", t->text);
	memcpy(out, t->text, t->len);
	out[t->len] = '\0';
	return CR_OK;
}
