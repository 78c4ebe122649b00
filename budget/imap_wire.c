/*
 * imap_wire.c - the grammar of IMAP's answers, as far as it is asked for.
 *
 * Sources: RFC 3501 s7.1 (status), s7.2.5 (SEARCH), s7.4.2 (FETCH), s4.3 (literals), s9; RFC 5530 (codes).
 * Invariants: no recursion, no copies, every number below 2^32 or refused; depth of lists at most DEPTH_MAX.
 */
#include "budget/imap_wire.h"

#include <string.h>
#include <strings.h>

#define DEPTH_MAX 32

struct cursor {
	char *at, *end;
};

static bool
is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(at, word, len) == 0;
}

/* A number of 32 bits; at least one digit, no zeros before it matter. */
static bool
take_number(const char **at, const char *end, uint32_t *out)
{
	uint64_t n = 0;
	const char *p = *at;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX)
			return false;
	}
	if (p == *at)
		return false;
	*at = p;
	*out = (uint32_t)n;
	return true;
}

static const struct {
	const char *name;
	enum imap_word word;
} words[] = {
	{"OK",      IMAP_OK    },
        {"NO",      IMAP_NO    },
        {"BAD",     IMAP_BAD   },
        {"BYE",     IMAP_BYE   },
	{"PREAUTH", IMAP_OK    },
        {"EXISTS",  IMAP_EXISTS},
        {"SEARCH",  IMAP_SEARCH},
        {"FETCH",   IMAP_FETCH },
};

static enum imap_word
word_of(const char *at, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is_word(at, len, words[i].name))
			return words[i].word;
	return IMAP_OTHER;
}

static size_t
word_length(const char *at, const char *end)
{
	const char *p = at;

	while (p < end && *p != ' ' && *p != '\r' && *p != '\n')
		p++;
	return (size_t)(p - at);
}

/*
 * Only an untagged answer that is no status has literals.  The words for people at the end of a status may look like one: "{5}" there
 * must not swallow what comes next.
 */
static bool
has_literals(const char *line, const char *end)
{
	enum imap_word word;

	if (end - line < 2 || line[0] != '*' || line[1] != ' ')
		return false;
	word = word_of(line + 2, word_length(line + 2, end));
	return word != IMAP_OK && word != IMAP_NO && word != IMAP_BAD && word != IMAP_BYE;
}

/* The length told by "{123}" (or "{123+}", "~{123}") at the end of a line; false: there is none. */
static bool
literal_at_end(const char *line, const char *end, const char **digits_out)
{
	const char *p = end;

	if (p > line && p[-1] == '\r')
		p--;
	if (p == line || p[-1] != '}')
		return false;
	p--;
	if (p > line && p[-1] == '+')
		p--;
	while (p > line && p[-1] >= '0' && p[-1] <= '9')
		p--;
	if (p == line || p[-1] != '{')
		return false;
	*digits_out = p;
	return true;
}

int
imap_measure(struct imap_measure *m, const char *data, size_t len, size_t line_max, size_t literal_max, bool *whole_out,
             struct err *err)
{
	*whole_out = false;
	while (m->at < len) {
		const char *line = data + m->at, *digits;
		const char *newline = memchr(line + m->blank, '\n', len - m->at - m->blank);
		uint32_t n = 0;

		if (m->in_line + (newline != NULL ? (size_t)(newline - line) : len - m->at) > line_max)
			return err_set(err, CR_EPARSE, "an answer of more than %zu bytes", line_max);
		m->blank = newline != NULL ? (size_t)(newline - line) : len - m->at;
		if (newline == NULL)
			return CR_OK;
		if (!m->kind_known) {
			m->plain = !has_literals(line, newline);
			m->kind_known = true;
		}
		if (m->plain || !literal_at_end(line, newline, &digits)) {
			m->at = (size_t)(newline + 1 - data);
			*whole_out = true;
			return CR_OK;
		}
		if (!take_number(&digits, newline, &n) || n > literal_max)
			return err_set(err, CR_EPARSE, "announces more bytes than the %zu that were asked for",
			               literal_max);
		/* Looked at again, with its line, until the literal is here whole. */
		if (len - (size_t)(newline + 1 - data) < n)
			return CR_OK;
		m->in_line += (size_t)(newline - line);
		m->blank = 0;
		m->at = (size_t)(newline + 1 - data) + n;
	}
	return CR_OK;
}

static bool
take_char(struct cursor *c, char want)
{
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* A quoted string, unescaped in place. */
static bool
take_quoted(struct cursor *c, const char **out, size_t *len_out)
{
	char *from, *to;

	if (!take_char(c, '"'))
		return false;
	*out = to = c->at;
	for (from = c->at; from < c->end && *from != '"'; from++) {
		if (*from == '\r' || *from == '\n')
			return false;
		if (*from == '\\' && ++from == c->end)
			return false;
		*to++ = *from;
	}
	if (from == c->end)
		return false;
	*len_out = (size_t)(to - *out);
	c->at = from + 1;
	return true;
}

/* {123}CRLF and as many bytes. */
static bool
take_literal(struct cursor *c, const char **out, size_t *len_out)
{
	const char *digits;
	uint32_t n;

	(void)take_char(c, '~');
	if (!take_char(c, '{'))
		return false;
	digits = c->at;
	if (!take_number(&digits, c->end, &n))
		return false;
	c->at += digits - c->at;
	(void)take_char(c, '+');
	if (!take_char(c, '}'))
		return false;
	(void)take_char(c, '\r');
	if (!take_char(c, '\n') || (size_t)(c->end - c->at) < n)
		return false;
	*out = c->at;
	*len_out = n;
	c->at += n;
	return true;
}

static bool
at_literal(const struct cursor *c)
{
	return c->at < c->end && (*c->at == '{' || (*c->at == '~' && c->end - c->at > 1 && c->at[1] == '{'));
}

static bool
take_atom(struct cursor *c)
{
	char *from = c->at;

	while (c->at < c->end && strchr(" ()\"\r\n", *c->at) == NULL)
		c->at++;
	return c->at > from;
}

/* A string or NIL; NIL is *out NULL. */
static bool
take_nstring(struct cursor *c, const char **out, size_t *len_out)
{
	const char *atom = c->at;

	if (at_literal(c))
		return take_literal(c, out, len_out);
	if (c->at < c->end && *c->at == '"')
		return take_quoted(c, out, len_out);
	*out = NULL;
	*len_out = 0;
	return take_atom(c) && is_word(atom, (size_t)(c->at - atom), "NIL");
}

/* Any value, lists in lists: of an item that was not asked for. */
static bool
skip_value(struct cursor *c)
{
	const char *unused;
	size_t len, depth = 0;

	do {
		bool good = true;

		if (depth > 0)
			while (take_char(c, ' '))
				;
		if (take_char(c, '('))
			good = ++depth <= DEPTH_MAX;
		else if (depth > 0 && take_char(c, ')'))
			depth--;
		else if (at_literal(c))
			good = take_literal(c, &unused, &len);
		else if (c->at < c->end && *c->at == '"')
			good = take_quoted(c, &unused, &len);
		else
			good = take_atom(c);
		if (!good)
			return false;
	} while (depth > 0);
	return true;
}

/* "BODY[]" or "BODY[]<0>" of what was asked for as BODY.PEEK[]<0.N>. */
static bool
is_body(const char *name, size_t len)
{
	return len >= 6 && strncasecmp(name, "BODY[]", 6) == 0 && (len == 6 || is_word(name + 6, len - 6, "<0>"));
}

static bool
fetch_item(struct cursor *c, struct imap_answer *out)
{
	const char *name = c->at, *number;
	size_t len;

	if (!take_atom(c))
		return false;
	len = (size_t)(c->at - name);
	/* BODY[HEADER.FIELDS (FROM)]: the name goes on to its bracket. */
	if (memchr(name, '[', len) != NULL && memchr(name, ']', len) == NULL) {
		while (c->at < c->end && *c->at != ']' && *c->at != '\n')
			c->at++;
		if (!take_atom(c))
			return false;
	}
	if (!take_char(c, ' '))
		return false;
	if (is_body(name, len))
		return take_nstring(c, &out->body, &out->body_len);
	if (!is_word(name, len, "UID"))
		return skip_value(c);
	number = c->at;
	if (!take_number(&number, c->end, &out->uid))
		return false;
	c->at += number - c->at;
	return true;
}

static int
fetch(struct cursor *c, struct imap_answer *out, struct err *err)
{
	bool good = take_char(c, ' ') && take_char(c, '(');

	while (good && !take_char(c, ')')) {
		good = fetch_item(c, out);
		while (good && take_char(c, ' '))
			;
	}
	return good ? CR_OK : err_set(err, CR_EPARSE, "an answer to FETCH that is none");
}

bool
imap_has_code(const struct imap_answer *a, const char *name)
{
	size_t len = strlen(name);

	return a->text_len > len + 1 && a->text[0] == '[' && strncasecmp(a->text + 1, name, len) == 0 &&
	       (a->text[len + 1] == ']' || a->text[len + 1] == ' ');
}

static void
status_code(struct imap_answer *out)
{
	static const char validity[] = "UIDVALIDITY", next[] = "UIDNEXT";
	const char *end = out->text + out->text_len, *number;

	if (imap_has_code(out, validity)) {
		number = out->text + sizeof(validity) + 1;
		if (!take_number(&number, end, &out->uidvalidity))
			out->uidvalidity = 0;
	} else if (imap_has_code(out, next)) {
		number = out->text + sizeof(next) + 1;
		if (!take_number(&number, end, &out->uidnext))
			out->uidnext = 0;
	}
}

static int
tag(struct cursor *c, struct imap_answer *out, struct err *err)
{
	size_t len = word_length(c->at, c->end);

	if (len == 0 || len >= sizeof(out->tag) || len == (size_t)(c->end - c->at) || c->at[len] != ' ')
		return err_set(err, CR_EPARSE, "says what is not IMAP: '%.*s'",
		               (int)(c->end - c->at < 40 ? c->end - c->at : 40), c->at);
	if (len != 1 || c->at[0] != '*') {
		memcpy(out->tag, c->at, len);
		out->tag[len] = '\0';
	}
	c->at += len + 1;
	return CR_OK;
}

int
/* NOLINTNEXTLINE(readability-non-const-parameter): a quoted string is unescaped in it, by way of the cursor */
imap_parse(char *data, size_t len, struct imap_answer *out, struct err *err)
{
	struct cursor c = {data, data + len};
	const char *number;
	size_t n;
	int rc;

	memset(out, 0, sizeof(*out));
	if (len > 0 && data[0] == '+') {
		out->word = IMAP_CONTINUE;
		return CR_OK;
	}
	rc = tag(&c, out, err);
	if (rc != CR_OK)
		return rc;
	number = c.at;
	if (out->tag[0] == '\0' && take_number(&number, c.end, &out->number)) {
		c.at += number - c.at;
		if (!take_char(&c, ' '))
			return err_set(err, CR_EPARSE, "says what is not IMAP: a number alone");
	}
	n = word_length(c.at, c.end);
	out->word = word_of(c.at, n);
	c.at += n;
	if (out->word == IMAP_FETCH)
		return fetch(&c, out, err);
	(void)take_char(&c, ' ');
	while (c.end > c.at && (c.end[-1] == '\n' || c.end[-1] == '\r'))
		c.end--;
	out->text = c.at;
	out->text_len = (size_t)(c.end - c.at);
	status_code(out);
	return CR_OK;
}

int
imap_next_number(const char **text, size_t *len, uint32_t *out, struct err *err)
{
	const char *at = *text, *end = at + *len;

	*out = 0;
	while (at < end && *at == ' ')
		at++;
	/* RFC 7162: a MODSEQ in brackets may follow. */
	if (at < end && *at != '(' && (!take_number(&at, end, out) || *out == 0 || (at < end && *at != ' ')))
		return err_set(err, CR_EPARSE, "an answer to SEARCH that is none");
	*text = at;
	*len = (size_t)(end - at);
	return CR_OK;
}
