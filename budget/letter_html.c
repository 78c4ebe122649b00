/*
 * letter_html.c - the words of an HTML notice: tags away, blocks on lines of their own, entities resolved.
 *
 * No browser: what is shown is looked for, not how.  One pass; what it writes is never longer than what it has read, so it may write
 * over its source.
 */
#include "budget/letter.h"

#include <string.h>

/* Elements that begin a line. */
static const struct slice blocks[] = {
	SLICE_INIT("br"), SLICE_INIT("p"),   SLICE_INIT("div"),        SLICE_INIT("tr"),
	SLICE_INIT("li"), SLICE_INIT("ul"),  SLICE_INIT("ol"),         SLICE_INIT("table"),
	SLICE_INIT("h1"), SLICE_INIT("h2"),  SLICE_INIT("h3"),         SLICE_INIT("h4"),
	SLICE_INIT("hr"), SLICE_INIT("pre"), SLICE_INIT("blockquote"), SLICE_INIT("td"),
};
/* Elements whose contents are not shown. */
static const struct {
	struct slice open, close;
} hidden[] = {
	{SLICE_INIT("style"),  SLICE_INIT("</style") },
	{SLICE_INIT("script"), SLICE_INIT("</script")},
	{SLICE_INIT("title"),  SLICE_INIT("</title") },
};
static const struct {
	struct slice name;
	const char *text;
} entities[] = {
	{SLICE_INIT("amp;"),    "&"     },
        {SLICE_INIT("lt;"),     "<"     },
        {SLICE_INIT("gt;"),     ">"     },
	{SLICE_INIT("quot;"),   "\""    },
        {SLICE_INIT("nbsp;"),   " "     },
        {SLICE_INIT("apos;"),   "'"     },
	{SLICE_INIT("rsquo;"),  "\u2019"},
        {SLICE_INIT("lsquo;"),  "\u2018"},
        {SLICE_INIT("shy;"),    ""      },
	{SLICE_INIT("auml;"),   "\u00e4"},
        {SLICE_INIT("ouml;"),   "\u00f6"},
        {SLICE_INIT("uuml;"),   "\u00fc"},
	{SLICE_INIT("szlig;"),  "\u00df"},
        {SLICE_INIT("eacute;"), "\u00e9"},
        {SLICE_INIT("egrave;"), "\u00e8"},
	{SLICE_INIT("agrave;"), "\u00e0"},
        {SLICE_INIT("ccedil;"), "\u00e7"},
        {SLICE_INIT("ntilde;"), "\u00f1"},
};

static size_t
utf8(unsigned long c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return n;
}

/* "&#8217;" or "&#x2019;" behind the '#'; returns how much of it was read, 0 when it is none. */
static size_t
number(struct slice s, char *out, size_t *len)
{
	unsigned long c = 0;
	bool hex = s.len > 0 && (s.at[0] | 0x20) == 'x';
	size_t i = hex ? 1 : 0, from = i;

	for (; i < s.len && i < 9; i++) {
		char d = (char)(s.at[i] | 0x20);
		if (s.at[i] >= '0' && s.at[i] <= '9')
			c = c * (hex ? 16 : 10) + (unsigned long)(s.at[i] - '0');
		else if (hex && d >= 'a' && d <= 'f')
			c = c * 16 + (unsigned long)(d - 'a' + 10);
		else
			break;
	}
	if (i == from || i >= s.len || s.at[i] != ';' || c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*len = utf8(c == 0xa0 ? ' ' : c, out);
	return i + 1;
}

/* What stands behind an '&'; returns how much of it was read, 0: it is a plain '&'. */
static size_t
entity(struct slice s, char *out, size_t *len)
{
	if (s.len > 1 && s.at[0] == '#') {
		size_t n = number((struct slice){s.at + 1, s.len - 1}, out, len);
		return n > 0 ? n + 1 : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		if (slice_starts(s, entities[i].name)) {
			*len = strlen(entities[i].text);
			memcpy(out, entities[i].text, *len);
			return entities[i].name.len;
		}
	return 0;
}

/* The tag at s ("<p class=...>"): behind it, or behind all that it hides.  A tag that is not closed hides the rest. */
static const char *
tag(struct slice s, bool *block_out)
{
	const char *end = s.at + s.len, *p = s.at + 1, *close;

	if (slice_starts(s, SLICE("<!--"))) {
		close = memmem(s.at, s.len, "-->", 3);
		return close != NULL ? close + 3 : end;
	}
	if (p < end && *p == '/')
		p++;
	const char *name = p;
	while (p < end && ((*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')))
		p++;
	struct slice n = {name, (size_t)(p - name)};
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (name[-1] != '/' && slice_is(n, hidden[i].open)) {
			close = slice_find((struct slice){p, (size_t)(end - p)}, hidden[i].close);
			p = close != NULL ? close : end;
		}
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		*block_out = *block_out || slice_is(n, blocks[i]);
	close = p < end ? memchr(p, '>', (size_t)(end - p)) : NULL;
	return close != NULL ? close + 1 : end;
}

size_t
letter_html(const char *html, size_t len, char *out)
{
	const char *p = html, *end = html + len;
	size_t n = 0;

	while (p < end) {
		struct slice rest = {p, (size_t)(end - p)};
		size_t wrote = 0, read = 0;
		if (*p == '<') {
			bool block = false;
			p = tag(rest, &block);
			if (block && n > 0 && out[n - 1] != '\n')
				out[n++] = '\n';
			continue;
		}
		if (*p == '&')
			read = entity((struct slice){p + 1, rest.len - 1}, out + n, &wrote);
		if (read > 0) {
			n += wrote;
			p += read + 1;
			continue;
		}
		/* Its own line ends are blanks. */
		char c = *p == '\n' || *p == '\r' || *p == '\t' ? ' ' : *p;
		p++;
		if (c != ' ' || (n > 0 && out[n - 1] != ' ' && out[n - 1] != '\n'))
			out[n++] = c;
	}
	return n;
}
