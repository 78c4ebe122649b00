/*
 * json_out.c - writing JSON into a buf: commas, escapes, and nothing a terminal or a parser could choke on.
 *
 * Source: RFC 8259 s7 (what must be escaped), s8.1 (UTF-8 without byte order mark).
 * A failure sits in the buf (core/buf.h): the caller checks once, at the end.
 */
#include "core/json.h"

#include <assert.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static uint64_t
bit(const struct json_out *j)
{
	return UINT64_C(1) << (j->depth - 1);
}

struct json_out
json_out_on(struct buf *b)
{
	return (struct json_out){.buf = b};
}

/* A comma, where one is due in front of the next key or value.  Values at the top stand alone, for lines of JSON. */
static void
separate(struct json_out *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth == 0)
		return;
	if ((j->has_item & bit(j)) != 0)
		buf_addc(j->buf, ',');
	j->has_item |= bit(j);
}

void
json_out_open(struct json_out *j, char bracket)
{
	assert(bracket == '{' || bracket == '[');
	assert(j->depth < JSON_MAX_DEPTH);
	separate(j);
	buf_addc(j->buf, bracket);
	j->depth++;
	j->has_item &= ~bit(j);
	j->is_object = bracket == '{' ? j->is_object | bit(j) : j->is_object & ~bit(j);
}

void
json_out_close(struct json_out *j)
{
	assert(j->depth > 0 && !j->after_key);
	buf_addc(j->buf, (j->is_object & bit(j)) != 0 ? '}' : ']');
	j->depth--;
}

static void
add_escaped(struct buf *b, unsigned char c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
		if (c == (unsigned char)letters[i]) {
			buf_addc(b, '\\');
			buf_addc(b, letters[i + 1]);
			return;
		}
	}
	buf_addf(b, "\\u%04x", (unsigned)c);
}

/* DEL needs no escape by the RFC, but this text is read on terminals too. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
add_string(struct buf *b, const char *s, size_t len)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < len;) {
		size_t n = i;

		while (n < len && is_plain((unsigned char)s[n]))
			n++;
		buf_add(b, s + i, n - i);
		i = n;
		if (i == len)
			break;
		n = json_utf8(s + i, len - i);
		if (n == 0)
			buf_adds(b, REPLACEMENT);
		else if (n == 1)
			add_escaped(b, (unsigned char)s[i]);
		else
			buf_add(b, s + i, n);
		i += n != 0 ? n : 1;
	}
	buf_addc(b, '"');
}

void
json_out_key(struct json_out *j, const char *key)
{
	assert(j->depth > 0 && (j->is_object & bit(j)) != 0 && !j->after_key);
	separate(j);
	add_string(j->buf, key, strlen(key));
	buf_addc(j->buf, ':');
	j->after_key = true;
}

void
json_out_string_n(struct json_out *j, const char *s, size_t len)
{
	separate(j);
	add_string(j->buf, s, len);
}

void
json_out_string(struct json_out *j, const char *s)
{
	if (s == NULL)
		json_out_null(j);
	else
		json_out_string_n(j, s, strlen(s));
}

void
json_out_int(struct json_out *j, int64_t v)
{
	separate(j);
	buf_addf(j->buf, "%lld", (long long)v);
}

void
json_out_raw(struct json_out *j, const char *json)
{
	separate(j);
	buf_adds(j->buf, json);
}

void
json_out_bool(struct json_out *j, bool v)
{
	json_out_raw(j, v ? "true" : "false");
}

void
json_out_null(struct json_out *j)
{
	json_out_raw(j, "null");
}

void
json_out_member(struct json_out *j, const char *key, const char *s)
{
	json_out_key(j, key);
	json_out_string(j, s);
}

void
json_out_member_int(struct json_out *j, const char *key, int64_t v)
{
	json_out_key(j, key);
	json_out_int(j, v);
}

void
json_out_member_bool(struct json_out *j, const char *key, bool v)
{
	json_out_key(j, key);
	json_out_bool(j, v);
}
