/*
 * signature_body.c - a body hash that differs: which of the usual things was done to the body?
 *
 * What gateways, relays and mail stores do is undone, one thing at a time, until the hash fits.  Bounded: so many bytes a message.
 */
#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "dns/coding.h"
#include "dns/dkim_inside.h"
#include "dns/signature_inside.h"

#define SEARCH_BODY_MAX   ((size_t)4 << 20)
#define LINE_ENDS_MAX     20000 /* at which the signed body may have ended */
#define LINES_BEFORE_MAX  10    /* that may have been put in front */
#define QP_LINE_MAX       76    /* RFC 2045 s6.7 */
#define BASE64_LINE_BYTES 57    /* 76 letters */

struct search {
	const struct signature_fields *f;
	struct span body;
	size_t *left;
};

static bool
may_hash(struct search *s, size_t bytes)
{
	if (bytes > *s->left)
		return false;
	*s->left -= bytes;
	return true;
}

static bool
fits(struct search *s, struct span body, enum canon kind)
{
	uint8_t hash[HASH_BYTES];

	if (!may_hash(s, body.len))
		return false;
	(void)canon_body(body, kind, s->f->body_bytes, hash);
	return memcmp(hash, s->f->body_hash, HASH_BYTES) == 0;
}

/* ---- things undone: false, when there is nothing to undo ---- */

/* It went as 8bit, and came as quoted-printable. */
static void
decode_qp(struct span body, struct buf *out)
{
	struct span line;

	while (canon_cut_line(&body, &line)) {
		while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
			line.len--;
		for (size_t i = 0; i < line.len; i++) {
			int high = i + 2 < line.len ? num_hex_digit(line.at[i + 1]) : -1;
			int low = i + 2 < line.len ? num_hex_digit(line.at[i + 2]) : -1;

			if (line.at[i] != '=' || high < 0 || low < 0) {
				if (line.at[i] != '=' || i + 1 != line.len)
					buf_addc(out, line.at[i]);
				continue;
			}
			buf_addc(out, (char)(16 * high + low));
			i += 2;
		}
		if (line.len == 0 || line.at[line.len - 1] != '=')
			buf_adds(out, "\r\n");
	}
}

static void
add_with_crlf(const char *data, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
			buf_addc(out, '\r');
		buf_addc(out, data[i]);
	}
}

/* It went as 8bit, and came as base64. */
static void
decode_base64(struct span body, struct buf *out)
{
	uint8_t *data = malloc(body.len + 1);
	size_t len;

	if (data == NULL)
		out->failed = CR_ENOMEM;
	else if (dkim_base64(body, data, body.len, &len))
		add_with_crlf((const char *)data, len, out);
	free(data);
}

static void
encode_base64_of(const struct buf *text, struct buf *out)
{
	for (size_t i = 0; i < text->len; i += BASE64_LINE_BYTES) {
		size_t n = text->len - i < BASE64_LINE_BYTES ? text->len - i : BASE64_LINE_BYTES;

		coding_encode(CODING_BASE64, (const uint8_t *)text->data + i, n, out);
		buf_adds(out, "\r\n");
	}
}

/* It went as base64, of a text with CRLF or with LF, and came decoded. */
static void
encode_base64(struct span body, struct buf *out)
{
	struct buf text = {.max_bytes = 2 * SEARCH_BODY_MAX};

	buf_add(&text, body.at, body.len);
	encode_base64_of(&text, out);
	buf_release(&text);
}

static void
encode_base64_lf(struct span body, struct buf *out)
{
	struct buf text = {.max_bytes = 2 * SEARCH_BODY_MAX};
	struct span line;

	while (canon_cut_line(&body, &line)) {
		buf_add(&text, line.at, line.len);
		buf_addc(&text, '\n');
	}
	encode_base64_of(&text, out);
	buf_release(&text);
}

/* It went as quoted-printable, and came decoded.  Most encoders fill their lines as this does. */
static void
encode_qp(struct span body, struct buf *out)
{
	struct span line;

	while (canon_cut_line(&body, &line)) {
		size_t column = 0;

		for (size_t i = 0; i < line.len; i++) {
			unsigned char c = (unsigned char)line.at[i];
			bool last = i + 1 == line.len;
			bool plain = (c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
			size_t n = plain ? 1 : 3;

			if (column + n > QP_LINE_MAX - (last ? 0U : 1U)) {
				buf_adds(out, "=\r\n");
				column = 0;
			}
			if (plain)
				buf_addc(out, (char)c);
			else
				buf_addf(out, "=%02X", c);
			column += n;
		}
		buf_adds(out, "\r\n");
	}
}

/* It went as UTF-8, and came as ISO-8859-1. */
static void
to_utf8(struct span body, struct buf *out)
{
	for (size_t i = 0; i < body.len; i++) {
		unsigned char c = (unsigned char)body.at[i];

		if (c >= 0x80)
			buf_addc(out, (char)(0xc0 | c >> 6));
		buf_addc(out, (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c));
	}
}

/* And the other way. */
static void
to_latin1(struct span body, struct buf *out)
{
	for (size_t i = 0; i < body.len; i++) {
		unsigned char c = (unsigned char)body.at[i],
			      next = i + 1 < body.len ? (unsigned char)body.at[i + 1] : 0;

		if ((c == 0xc2 || c == 0xc3) && (next & 0xc0) == 0x80) {
			buf_addc(out, (char)((c & 3) << 6 | (next & 0x3f)));
			i++;
		} else {
			buf_addc(out, (char)c);
		}
	}
}

/* Lines that begin with the first text have it replaced by the second. */
static void
replace_starts(struct span body, const char *from, const char *to, bool whole_line, struct buf *out)
{
	size_t n = strlen(from);
	struct span line;

	while (canon_cut_line(&body, &line)) {
		if (line.len >= n && memcmp(line.at, from, n) == 0 && (!whole_line || line.len == n)) {
			buf_adds(out, to);
			line = (struct span){line.at + n, line.len - n};
		}
		buf_add(out, line.at, line.len);
		buf_adds(out, "\r\n");
	}
}

static void
unquote_from(struct span body, struct buf *out)
{
	replace_starts(body, ">From ", "From ", false, out);
}

static void
unstuff_dots(struct span body, struct buf *out)
{
	replace_starts(body, "..", ".", false, out);
}

static void
stuff_dots(struct span body, struct buf *out)
{
	replace_starts(body, ".", "..", false, out);
}

static void
mend_dashes(struct span body, struct buf *out)
{
	replace_starts(body, "--", "-- ", true, out);
}

static void
single_line_ends(struct span body, struct buf *out)
{
	struct span line;

	while (canon_cut_line(&body, &line)) {
		while (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		buf_add(out, line.at, line.len);
		buf_adds(out, "\r\n");
	}
}

static const struct undoing {
	void (*undo)(struct span body, struct buf *out);
	const char *text; /* what was done */
} undoings[] = {
	{decode_qp,        "it was signed as 8bit text and turned into quoted-printable on the way" },
	{decode_base64,    "it was signed as 8bit text and turned into base64 on the way"           },
	{encode_qp,        "it was signed as quoted-printable and decoded on the way"               },
	{encode_base64,    "it was signed as base64 and decoded on the way"                         },
	{encode_base64_lf, "it was signed as base64 and decoded on the way"                         },
	{to_utf8,          "it was signed as UTF-8 and turned into ISO-8859-1 on the way"           },
	{to_latin1,        "it was signed as ISO-8859-1 and turned into UTF-8 on the way"           },
	{single_line_ends, "its line ends were doubled on the way (CR CR LF)"                       },
	{unquote_from,     "lines that begin with From were quoted by an mbox (>From)"              },
	{unstuff_dots,     "dots at the start of lines were doubled on the way (RFC 5321 s4.5.2)"   },
	{stuff_dots,       "dots at the start of lines were lost on the way (RFC 5321 s4.5.2)"      },
	{mend_dashes,      "the blank behind the dashes above a signature block was lost on the way"},
};

static int
try_undoings(struct search *s, const char **text_out, struct err *err)
{
	struct buf out = {.max_bytes = 4 * SEARCH_BODY_MAX};
	int rc = CR_OK;

	for (size_t i = 0; i < ARRAY_LEN(undoings) && rc == CR_OK && *text_out == NULL; i++) {
		if (!may_hash(s, s->body.len))
			break; /* it is work, too */
		buf_clear(&out);
		undoings[i].undo(s->body, &out);
		if (out.failed == CR_EPARSE)
			continue; /* too large to be worth it */
		rc = buf_check(&out, "body", err);
		if (rc != CR_OK || out.len == 0 ||
		    (out.len == s->body.len && memcmp(out.data, s->body.at, out.len) == 0))
			continue;
		if (fits(s, (struct span){out.data, out.len}, s->f->body))
			*text_out = undoings[i].text;
	}
	buf_release(&out);
	return rc;
}

/* ---- things added ---- */

/* Did the signed body end at an earlier line?  What was added is whatever follows. */
static bool
was_appended_to(struct search *s, struct span *added_out)
{
	struct span rest = s->body, line;
	struct canon_body c;
	struct hash hash;
	uint8_t got[HASH_BYTES];

	if (s->f->body_bytes != UINT64_MAX || !may_hash(s, s->body.len))
		return false;
	hash_start(&hash);
	canon_body_start(&c, s->f->body, UINT64_MAX, &hash);
	for (size_t n = 0; n < LINE_ENDS_MAX; n++) {
		struct canon_body end = c;
		struct hash sum = hash;

		/* Empty lines held back say nothing yet: the same hash as before them. */
		if (c.empty == 0) {
			end.hash = &sum;
			canon_body_end(&end);
			hash_peek(&sum, got);
			if (memcmp(got, s->f->body_hash, HASH_BYTES) == 0) {
				*added_out = rest;
				return true;
			}
		}
		if (!canon_cut_line(&rest, &line))
			return false;
		canon_body_line(&c, line);
	}
	return false;
}

static bool
was_prepended_to(struct search *s, size_t *lines_out)
{
	struct span rest = s->body, line;

	if (s->f->body_bytes != UINT64_MAX)
		return false;
	for (size_t n = 1; n <= LINES_BEFORE_MAX; n++) {
		if (!canon_cut_line(&rest, &line))
			return false;
		if (fits(s, rest, s->f->body)) {
			*lines_out = n;
			return true;
		}
	}
	return false;
}

/* The first line of text in what was added, to know it again. */
static struct span
first_text(struct span added)
{
	struct span line = {added.at, 0};

	while (canon_cut_line(&added, &line) && span_trim(line).len == 0)
		continue;
	return span_trim(line);
}

int
signature_explain_body(const struct message *m, const struct signature_fields *f, struct signature *s, size_t *left,
                       struct err *err)
{
	struct search search = {.f = f, .body = m->body};
	const char *text = NULL;
	struct span added, line;
	size_t n;
	int rc;

	search.left = left;
	if (m->body.len > SEARCH_BODY_MAX) {
		signature_say(s, SIGNATURE_FAIL, "body-changed",
		              "the body hash differs; the body is too large to look for what was changed");
		return CR_OK;
	}
	if (f->body == CANON_SIMPLE && fits(&search, m->body, CANON_RELAXED)) {
		signature_say(
			s, SIGNATURE_FAIL, "body-recoded",
			"the body hash differs: white space was changed on the way (c=%s/relaxed would have held)",
			f->header == CANON_SIMPLE ? "simple" : "relaxed");
		return CR_OK;
	}
	if (was_appended_to(&search, &added)) {
		line = first_text(added);
		signature_say(s, SIGNATURE_FAIL, "body-appended",
		              "the body hash differs: %zu bytes were appended on the way, from '%.*s'", added.len,
		              (int)(line.len < 60 ? line.len : 60), line.at);
		return CR_OK;
	}
	rc = try_undoings(&search, &text, err);
	if (rc != CR_OK)
		return rc;
	if (text != NULL)
		signature_say(s, SIGNATURE_FAIL, "body-recoded", "the body hash differs: %s", text);
	else if (was_prepended_to(&search, &n))
		signature_say(s, SIGNATURE_FAIL, "body-prepended",
		              "the body hash differs: %zu lines were put in front on the way", n);
	else
		signature_say(s, SIGNATURE_FAIL, "body-changed",
		              "the body hash differs: the text was changed, or the copy at hand was re-encoded");
	return CR_OK;
}
