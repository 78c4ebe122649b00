/*
 * letter_text.c - base64, quoted-printable, encoded words and charsets: a part's bytes as UTF-8.
 *
 * RFC 2045 s6.7 and s6.8, RFC 2047.  iconv knows the charsets; what it does not know, or what does not follow its own charset, comes
 * through as it is.  This is the one door to iconv.
 */
#include "budget/letter.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"

static const unsigned char base64_of[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* Bytes that are none of the alphabet are passed over; '=' begins a new group.  Returns what was written, at most size. */
static size_t
base64(struct slice in, char *out, size_t size)
{
	unsigned long bits = 0;
	size_t n = 0;
	int have = 0;

	for (size_t i = 0; i < in.len && n < size; i++) {
		unsigned v = base64_of[(unsigned char)in.at[i]];
		if (v == 0) {
			if (in.at[i] == '=')
				have = 0;
			continue;
		}
		bits = (bits << 6 | (v - 1)) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have & 0xff);
		}
	}
	return n;
}

/* Where the line ends that a '=' at i breaks, behind its line end; 0: it is no soft break. */
static size_t
soft_break(struct slice in, size_t i)
{
	i++;
	while (i < in.len && (in.at[i] == ' ' || in.at[i] == '\t'))
		i++;
	size_t cr = i;
	while (i < in.len && in.at[i] == '\r' && i < cr + 2)
		i++;
	if (i < in.len && in.at[i] == '\n')
		return i + 1;
	return i > cr ? cr + 1 : 0;
}

static size_t
quoted_printable(struct slice in, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len && n < size;) {
		const char *eq = memchr(in.at + i, '=', in.len - i);
		size_t run = (eq != NULL ? (size_t)(eq - in.at) : in.len) - i, after;
		if (run > size - n)
			run = size - n;
		memcpy(out + n, in.at + i, run);
		n += run;
		i += run;
		if (i >= in.len || n == size)
			break;
		if (i + 2 < in.len && num_hex_digit(in.at[i + 1]) >= 0 && num_hex_digit(in.at[i + 2]) >= 0) {
			out[n++] = (char)(num_hex_digit(in.at[i + 1]) << 4 | num_hex_digit(in.at[i + 2]));
			i += 3;
		} else if ((after = soft_break(in, i)) > 0) {
			i = after;
		} else {
			out[n++] = in.at[i++];
		}
	}
	return n;
}

/* Names that senders use, and iconv does not know. */
static const struct {
	const char *name, *use;
} other_names[] = {
	{"unicode-1-1-utf-7", "UTF-7"       },
	{"ks_c_5601-1987",    "CP949"       },
	{"iso-8859-8-i",      "ISO-8859-8"  },
	{"shift_jis",         "CP932"       },
	{"gb2312",            "GB18030"     },
	{"iso-8859-1",        "WINDOWS-1252"}, /* as everybody reads it */
	{"cp-850",            "CP850"       },
	{"x-sjis",            "CP932"       },
	{"x-gbk",             "GBK"         },
};

size_t
letter_utf8_len(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80                   ? 1
	           : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
	           : (s[0] & 0xf0) == 0xe0       ? 3
	           : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
	                                         : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/*
 * What bytes beyond ASCII are, where the charset that is said has none: UTF-8, its last character perhaps cut; EUC-JP, where all of them
 * come in pairs, and not by chance; else Latin as everybody reads it.
 */
static const char *
guess(struct slice text, bool japanese)
{
	bool utf8 = true, euc = true;
	size_t wide = 0, pairs = 0;

	for (size_t i = 0, n; i < text.len && utf8; i += n > 0 ? n : 1) {
		n = letter_utf8_len(text.at + i, text.len - i);
		wide += n > 1;
		utf8 = n > 0 || (wide > 0 && text.len - i < 4);
	}
	for (size_t i = 0; i < text.len && euc; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c < 0x80)
			continue;
		euc = c >= 0x8e && ++i < text.len && (unsigned char)text.at[i] >= 0xa1;
		pairs++;
	}
	euc = euc && (japanese || pairs >= 4);
	return utf8 ? NULL : euc ? "EUC-JP" : japanese ? "CP932" : "WINDOWS-1252";
}

/* Eight bytes at a time: nearly all mail is. */
static bool
is_ascii(struct slice s)
{
	uint64_t eight, all = 0;
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		memcpy(&eight, s.at + i, 8);
		all |= eight;
	}
	for (; i < s.len; i++)
		all |= (unsigned char)s.at[i];
	return (all & 0x8080808080808080U) == 0;
}

/* NULL: the text can stand as it is. */
static const char *
charset_of(const char *said, struct slice text)
{
	bool plain = is_ascii(text), escape = text.len > 0 && memchr(text.at, 0x1b, text.len) != NULL;
	struct slice name = {said, strlen(said)};
	if (slice_starts(name, SLICE("utf-16")) || slice_starts(name, SLICE("utf-32")))
		return said;
	if (slice_is(name, SLICE("unicode-1-1-utf-7")) || slice_is(name, SLICE("utf-7")))
		return memchr(text.at, '+', text.len) != NULL ? "UTF-7" : NULL;
	/* ISO 2022 shifts by escapes; said or not, nothing else of a mail has them. */
	if (plain)
		return !escape ? NULL : slice_starts(name, SLICE("iso-2022")) ? said : "ISO-2022-JP";
	if (slice_is(name, SLICE("utf-8")) || slice_is(name, SLICE("utf8")))
		return NULL;
	bool japanese = slice_starts(name, SLICE("iso-2022"));
	if (name.len == 0 || japanese || slice_is(name, SLICE("us-ascii")))
		return escape ? said : guess(text, japanese);
	for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
		if (slice_is(name, (struct slice){other_names[i].name, strlen(other_names[i].name)}))
			return other_names[i].use;
	return said;
}

/* In the charset, to UTF-8; a byte that does not belong is a question mark.  False: iconv does not know the charset. */
static bool
convert(const char *charset, struct slice in, char *out, size_t size, size_t *len_out)
{
	iconv_t cd = iconv_open("UTF-8", charset);
	char *from = (char *)(uintptr_t)in.at, *to = out;
	size_t left = in.len, room = size;

	if (cd == (iconv_t)-1)
		return false;
	while (left > 0 && iconv(cd, &from, &left, &to, &room) == (size_t)-1 && errno != E2BIG && room > 0 &&
	       left > 0) {
		*to++ = '?';
		room--;
		from++;
		left--;
	}
	iconv_close(cd);
	*len_out = (size_t)(to - out);
	return true;
}

static bool
room_for(char **at, size_t *room, size_t size)
{
	if (*room >= size)
		return true;
	free(*at);
	*room = 0;
	*at = malloc(size);
	if (*at != NULL)
		*room = size;
	return *at != NULL;
}

void
letter_room_release(struct letter_room *r)
{
	free(r->bytes);
	free(r->text);
	*r = (struct letter_room){0};
}

static struct slice
cut(struct slice s, bool *cut_out)
{
	if (s.len > LETTER_TEXT_MAX) {
		s.len = LETTER_TEXT_MAX;
		*cut_out = true;
	}
	return s;
}

/* What the transfer coding hides. */
static int
decode(const struct letter_part *p, struct letter_room *r, struct slice *out, bool *cut_out, struct err *err)
{
	*out = p->body;
	if (p->coding == LETTER_AS_IT_IS) {
		*out = cut(*out, cut_out);
		return CR_OK;
	}
	size_t size = out->len < LETTER_TEXT_MAX ? out->len : LETTER_TEXT_MAX;
	if (!room_for(&r->bytes, &r->bytes_room, size + 1))
		return err_nomem(err, "the text of a part");
	size_t n = p->coding == LETTER_BASE64 ? base64(*out, r->bytes, size + 1)
	                                      : quoted_printable(*out, r->bytes, size + 1);
	*out = cut((struct slice){r->bytes, n}, cut_out);
	return CR_OK;
}

int
letter_text(const struct letter_part *p, struct letter_room *r, struct slice *out, bool *cut_out, struct err *err)
{
	struct slice text;
	int rc = decode(p, r, &text, cut_out, err);

	if (rc != CR_OK)
		return rc;
	const char *charset = charset_of(p->charset, text);
	if (charset != NULL) {
		size_t size = 3 * text.len < LETTER_TEXT_MAX ? 3 * text.len : LETTER_TEXT_MAX, n;
		if (!room_for(&r->text, &r->text_room, size))
			return err_nomem(err, "the text of a part");
		if (convert(charset, text, r->text, size, &n))
			text = (struct slice){r->text, n};
	}
	if (p->type == LETTER_HTML && text.len > 0) {
		/* Never longer than what it is made of, so it can be written over itself. */
		if (text.at != r->text) {
			if (!room_for(&r->text, &r->text_room, text.len))
				return err_nomem(err, "the text of a part");
			memcpy(r->text, text.at, text.len);
		}
		text = (struct slice){r->text, letter_html(r->text, text.len, r->text)};
	}
	*out = text;
	return CR_OK;
}

/* "=?charset?B?...?=" at p: its decoded bytes are added.  Returns what stands behind it, NULL when it is none. */
static const char *
word_at(const char *p, const char *end, char *out, size_t size, size_t *len)
{
	const char *charset = p + 2;
	const char *q = end - p > 8 ? memchr(charset, '?', (size_t)(end - charset)) : NULL;
	char name[LETTER_CHARSET_MAX], raw[1024];
	size_t n;

	if (q == NULL || end - q < 4 || q[2] != '?' || strchr("BbQq", q[1]) == NULL)
		return NULL;
	const char *text = q + 3, *stop = text;
	while (stop + 1 < end && !(stop[0] == '?' && stop[1] == '='))
		stop++;
	if (stop + 1 >= end || (size_t)(q - charset) >= sizeof(name))
		return NULL;
	const char *star = memchr(charset, '*', (size_t)(q - charset)); /* RFC 2231 s5: a language */
	n = (size_t)((star != NULL ? star : q) - charset);
	memcpy(name, charset, n);
	name[n] = '\0';
	struct slice coded = {text, (size_t)(stop - text)};
	if (q[1] == 'B' || q[1] == 'b') {
		n = base64(coded, raw, sizeof(raw));
	} else {
		n = quoted_printable(coded, raw, sizeof(raw));
		for (size_t i = 0; i < n; i++)
			raw[i] = raw[i] == '_' ? ' ' : raw[i];
	}
	struct slice bytes = {raw, n};
	const char *use = charset_of(name, bytes);
	if (use == NULL || !convert(use, bytes, out + *len, size - *len, &n)) {
		n = n < size - *len ? n : size - *len;
		memcpy(out + *len, raw, n);
	}
	*len += n;
	return stop + 2;
}

size_t
letter_words(struct slice value, char *out, size_t size)
{
	size_t len = 0;
	bool word = false, blank = false;

	if (size == 0)
		return 0;
	size--;
	const char *p = value.len > 0 ? value.at : "", *end = p + value.len, *next;
	while (p < end && len < size) {
		if ((unsigned char)*p <= ' ') {
			blank = true;
			p++;
			continue;
		}
		bool is_word = end - p > 8 && p[0] == '=' && p[1] == '?';
		size_t before = len;
		/* Blanks between two encoded words are not there (RFC 2047 s6.2). */
		if (blank && len > 0 && !(word && is_word))
			out[len++] = ' ';
		next = is_word && len < size ? word_at(p, end, out, size, &len) : NULL;
		if (is_word && next == NULL) {
			len = before;
			if (blank && len > 0)
				out[len++] = ' ';
		}
		word = next != NULL;
		blank = false;
		if (next != NULL) {
			p = next;
		} else if (len < size) {
			out[len++] = *p++;
		}
	}
	out[len] = '\0';
	return len;
}
