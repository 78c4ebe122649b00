/*
 * json_scan.c - is this text JSON?  One pass without recursion, without allocation, with the byte where it stops being so.
 *
 * Sources: RFC 8259 (grammar; s8.1 byte order mark), RFC 3629 s4 (UTF-8).
 * cJSON is laxer than the RFC (control characters, "01", NUL in strings), recursive, and reports neither a position nor
 * whether memory ran out.  What passes here it takes, so that whatever fails there is memory.
 */
#include "core/json.h"

#include <assert.h>
#include <string.h>

#define NEAR_BYTES       20
#define NUMBER_MAX_BYTES 63 /* cJSON reads a number through a buffer of 64 */

enum want { WANT_VALUE, WANT_VALUE_OR_CLOSE, WANT_KEY, WANT_KEY_OR_CLOSE, WANT_COLON, WANT_COMMA_OR_CLOSE, WANT_END };

struct scan {
	const unsigned char *text;
	size_t len;
	size_t at;
	uint64_t in_object; /* a bit for each depth */
	unsigned depth;
	const char *fault; /* NULL: none yet */
	bool in_string;    /* the fault: then nothing of the text is repeated, it might be a token */
};

static bool
is_continuation(unsigned char c)
{
	return (c & 0xc0U) == 0x80;
}

size_t
json_utf8(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte, RFC 3629 s4 */
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (s[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (len < n || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (!is_continuation(s[i]))
			return 0;
	return n;
}

static bool
fault(struct scan *s, const char *what)
{
	s->fault = what;
	return false;
}

/* The byte i places on, or NUL behind the end; NUL itself is nowhere allowed, so the two need no telling apart. */
static unsigned char
peek(const struct scan *s, size_t i)
{
	return i < s->len - s->at ? s->text[s->at + i] : '\0';
}

/* Four hexadecimal digits i places on, or -1. */
static int
peek_hex4(const struct scan *s, size_t i)
{
	int v = 0;

	for (size_t end = i + 4; i < end; i++) {
		unsigned char c = peek(s, i);

		if (c >= '0' && c <= '9')
			v = v * 16 + (c - '0');
		else if ((c | 0x20U) >= 'a' && (c | 0x20U) <= 'f')
			v = v * 16 + (int)((c | 0x20U) - 'a') + 10;
		else
			return -1;
	}
	return v;
}

static bool
scan_escape(struct scan *s)
{
	int unit, low;

	if (peek(s, 1) != 'u') {
		if (peek(s, 1) == '\0' || strchr("\"\\/bfnrt", peek(s, 1)) == NULL)
			return fault(s, "unknown escape in a string");
		s->at += 2;
		return true;
	}
	unit = peek_hex4(s, 2);
	if (unit < 0)
		return fault(s, "unknown escape in a string");
	if (unit == 0)
		return fault(s, "NUL in a string");
	s->at += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	low = peek(s, 0) == '\\' && peek(s, 1) == 'u' ? peek_hex4(s, 2) : -1;
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return fault(s, "half a surrogate pair in a string");
	s->at += 6;
	return true;
}

static bool
scan_string(struct scan *s)
{
	s->in_string = true;
	for (s->at++; s->at < s->len;) {
		unsigned char c = s->text[s->at];
		size_t n;

		if (c == '"') {
			s->at++;
			s->in_string = false;
			return true;
		}
		if (c < 0x20)
			return fault(s, "control character in a string");
		if (c == '\\') {
			if (!scan_escape(s))
				return false;
			continue;
		}
		n = json_utf8((const char *)s->text + s->at, s->len - s->at);
		if (n == 0)
			return fault(s, "invalid UTF-8 in a string");
		s->at += n;
	}
	return fault(s, "the text ends in a string");
}

/* At least one digit. */
static bool
scan_digits(struct scan *s)
{
	size_t start = s->at;

	while (peek(s, 0) >= '0' && peek(s, 0) <= '9')
		s->at++;
	return s->at > start || fault(s, "not a number");
}

static bool
scan_number(struct scan *s)
{
	size_t start = s->at;

	if (peek(s, 0) == '-')
		s->at++;
	if (peek(s, 0) == '0')
		s->at++;
	else if (!scan_digits(s))
		return false;
	if (peek(s, 0) == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (peek(s, 0) == 'e' || peek(s, 0) == 'E') {
		s->at++;
		if (peek(s, 0) == '+' || peek(s, 0) == '-')
			s->at++;
		if (!scan_digits(s))
			return false;
	}
	return s->at - start <= NUMBER_MAX_BYTES || fault(s, "a number of too many digits");
}

static bool
scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
		return fault(s, "not a value");
	s->at += len;
	return true;
}

/* What may follow a finished value. */
static enum want
after_value(const struct scan *s)
{
	return s->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
}

static bool
scan_open(struct scan *s, bool object, enum want *want)
{
	if (s->depth == JSON_MAX_DEPTH)
		return fault(s, "nested too deeply");
	s->in_object = object ? s->in_object | UINT64_C(1) << s->depth : s->in_object & ~(UINT64_C(1) << s->depth);
	s->depth++;
	s->at++;
	*want = object ? WANT_KEY_OR_CLOSE : WANT_VALUE_OR_CLOSE;
	return true;
}
static_assert(JSON_MAX_DEPTH <= 64, "a bit for each depth");

static bool
scan_value(struct scan *s, enum want *want)
{
	unsigned char c = peek(s, 0);
	bool ok;

	switch (c) {
	case '{':
	case '[':
		return scan_open(s, c == '{', want);
	case '"':
		ok = scan_string(s);
		break;
	case 't':
		ok = scan_word(s, "true");
		break;
	case 'f':
		ok = scan_word(s, "false");
		break;
	case 'n':
		ok = scan_word(s, "null");
		break;
	default:
		ok = c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : fault(s, "not a value");
		break;
	}
	*want = after_value(s);
	return ok;
}

static bool
is_in_object(const struct scan *s)
{
	return (s->in_object >> (s->depth - 1) & 1) != 0;
}

static bool
scan_comma_or_close(struct scan *s, enum want *want)
{
	unsigned char c = peek(s, 0);

	if (c == ',') {
		s->at++;
		*want = is_in_object(s) ? WANT_KEY : WANT_VALUE;
		return true;
	}
	if (c != (is_in_object(s) ? '}' : ']'))
		return fault(s, is_in_object(s) ? "expected ',' or '}'" : "expected ',' or ']'");
	s->at++;
	s->depth--;
	*want = after_value(s);
	return true;
}

/* One token, white space behind us.  False with a fault. */
static bool
scan_token(struct scan *s, enum want *want)
{
	unsigned char c = peek(s, 0);

	switch (*want) {
	case WANT_VALUE_OR_CLOSE:
	case WANT_KEY_OR_CLOSE:
		if (c == (*want == WANT_KEY_OR_CLOSE ? '}' : ']'))
			return scan_comma_or_close(s, want);
		*want = *want == WANT_KEY_OR_CLOSE ? WANT_KEY : WANT_VALUE;
		return true;
	case WANT_KEY:
		*want = WANT_COLON;
		return c == '"' ? scan_string(s) : fault(s, "expected a member's name");
	case WANT_COLON:
		if (c != ':')
			return fault(s, "expected ':'");
		*want = WANT_VALUE;
		s->at++;
		return true;
	case WANT_COMMA_OR_CLOSE:
		return scan_comma_or_close(s, want);
	case WANT_END:
		return fault(s, "more behind the end");
	case WANT_VALUE:
		break;
	}
	return scan_value(s, want);
}

static void
skip_space(struct scan *s)
{
	while (s->at < s->len && s->text[s->at] != '\0' && strchr(" \t\r\n", s->text[s->at]) != NULL)
		s->at++;
}

static int
report(const struct scan *s, struct err *err)
{
	char near[NEAR_BYTES + 1] = "";

	for (size_t i = 0; i < NEAR_BYTES && s->at + i < s->len && !s->in_string; i++) {
		unsigned char c = s->text[s->at + i];

		near[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	if (near[0] == '\0')
		return err_set(err, CR_EPARSE, "not JSON at byte %zu: %s", s->at, s->fault);
	return err_set(err, CR_EPARSE, "not JSON at byte %zu, near '%s': %s", s->at, near, s->fault);
}

int
json_check(const char *text, size_t len, struct err *err)
{
	struct scan s = {.text = (const unsigned char *)text, .len = len};
	enum want want = WANT_VALUE;

	if (len >= strlen(JSON_BOM) && memcmp(text, JSON_BOM, strlen(JSON_BOM)) == 0)
		s.at = strlen(JSON_BOM);
	for (;;) {
		skip_space(&s);
		if (s.at == s.len) {
			if (want == WANT_END)
				return CR_OK;
			(void)fault(&s, "the text ends early");
			return report(&s, err);
		}
		if (!scan_token(&s, &want))
			return report(&s, err);
	}
}
