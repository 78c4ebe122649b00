/*
 * cfg_scan.c - a lexical pass over a configuration, following its includes.
 *
 * Source: libconfig 1.5, scanner.l and "The Configuration File Format" of its manual.
 */
#include "core/cfg_scan.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"

#define INCLUDE "@include"

/* What all files of one configuration share. */
struct scan {
	const char *dir;
	size_t bytes;
	unsigned depth;
};

struct place {
	const char *name;
	const char *p, *end; /* NUL-terminated at end */
	unsigned line;
};

static int
fault(const struct place *at, const char *what, struct err *err)
{
	return err_set(err, CR_ECONFIG, "%s:%u: %s", at->name, at->line, what);
}

static void
step(struct place *at, size_t n)
{
	for (; n > 0 && at->p < at->end; n--, at->p++)
		at->line += *at->p == '\n';
}

static bool
starts(const struct place *at, const char *word)
{
	return strncmp(at->p, word, strlen(word)) == 0;
}

/* Behind a comment; one without an end is for libconfig to report. */
static void
skip_comment(struct place *at)
{
	const char *close;

	if (starts(at, "/*")) {
		close = strstr(at->p + 2, "*/");
		step(at, close != NULL ? (size_t)(close + 2 - at->p) : (size_t)(at->end - at->p));
	} else {
		step(at, strcspn(at->p, "\n"));
	}
}

static int
skip_string(struct place *at, struct err *err)
{
	for (step(at, 1); at->p < at->end && *at->p != '"'; step(at, *at->p == '\\' ? 2 : 1))
		if (starts(at, "\\x00"))
			return fault(at, "NUL in a text", err);
	step(at, 1);
	return CR_OK;
}

/* A word is passed over whole, so that the digits in a name are no number. */
static void
skip_word(struct place *at)
{
	while (isalnum((unsigned char)*at->p) || *at->p == '_' || *at->p == '-' || *at->p == '*')
		at->p++;
}

/* A number: whole ones need an L behind them as soon as they do not fit 31 bits. */
static int
skip_number(struct place *at, struct err *err)
{
	bool hex = at->p[0] == '0' && (at->p[1] | 0x20) == 'x';
	size_t digits = hex ? 2 + strspn(at->p + 2, "0123456789abcdefABCDEF") : strspn(at->p, "0123456789");
	const char *tail = at->p + digits;
	long long v = strtoll(at->p, NULL, hex ? 16 : 10); /* saturates */
	int rc = CR_OK;

	if ((tail[0] | 0x20) == 'l')
		tail += (tail[1] | 0x20) == 'l' ? 2 : 1;
	else if (!hex && (tail[0] == '.' || (tail[0] | 0x20) == 'e'))
		tail += strspn(tail, "0123456789.eE+-");
	else if (v > INT32_MAX)
		rc = err_set(err, CR_ECONFIG, "%s:%u: number too large: '%.*s': write an L behind it if it is meant",
		             at->name, at->line, (int)(digits < 40 ? digits : 40), at->p);
	at->p = tail;
	return rc;
}

static int scan_text(struct scan *s, struct place *at, unsigned level, struct err *err);

/* @include "FILE": the file, then the rest of the line. */
static int
scan_include(struct scan *s, struct place *at, unsigned level, struct err *err)
{
	const char *word = at->p + strlen(INCLUDE);
	size_t blanks = strspn(word, " \t");
	const char *open = word + blanks;
	const char *close = *open == '"' ? strpbrk(open + 1, "\"\n\\") : NULL;
	struct buf text = {0};
	char *name = NULL, *path = NULL;
	struct place inner;
	int rc;

	if (blanks == 0 || close == NULL || *close != '"')
		return fault(at, "expected @include \"FILE\"", err);
	if (level == CFG_MAX_INCLUDE)
		return fault(at, "files include each other too deeply", err);
	name = strndup(open + 1, (size_t)(close - open - 1));
	if (name == NULL) {
		rc = err_nomem(err, at->name);
		goto out;
	}
	rc = *name == '/' ? file_join("", name + 1, &path, err) : file_join(s->dir, name, &path, err);
	if (rc != CR_OK)
		goto out;
	rc = file_read(path, CFG_MAX_BYTES - s->bytes, &text, err);
	if (rc != CR_OK && rc != CR_ENOMEM) {
		(void)err_wrap(err, "%s:%u: @include", at->name, at->line);
		if (err != NULL)
			err->code = CR_ECONFIG;
		rc = CR_ECONFIG;
	}
	if (rc != CR_OK)
		goto out;
	s->bytes += text.len;
	inner = (struct place){.name = path, .p = buf_str(&text), .end = buf_str(&text) + text.len, .line = 1};
	rc = scan_text(s, &inner, level + 1, err);
	step(at, (size_t)(close + 1 - at->p));
out:
	buf_release(&text);
	free(path);
	free(name);
	return rc;
}

/* Bytes libconfig does not look at: NUL would end the text unseen, and what is no UTF-8 would end up in JSON. */
static int
check_bytes(const struct place *whole, struct err *err)
{
	struct place at = *whole;

	while (at.p < at.end) {
		size_t n = json_utf8(at.p, (size_t)(at.end - at.p));

		if (n == 0 || *at.p == '\0')
			return fault(&at, n == 0 ? "not UTF-8" : "NUL byte", err);
		step(&at, n);
	}
	return CR_OK;
}

static int
scan_bracket(struct scan *s, struct place *at, struct err *err)
{
	if (strchr("({[", *at->p) != NULL) {
		if (s->depth == CFG_MAX_DEPTH)
			return fault(at, "nested too deeply", err);
		s->depth++;
	} else if (s->depth > 0) {
		s->depth--; /* one too many is for libconfig to report */
	}
	at->p++;
	return CR_OK;
}

/* libconfig knows an include only at the start of a line; elsewhere it is an error there, so looking everywhere loses nothing. */
static int
scan_token(struct scan *s, struct place *at, unsigned level, struct err *err)
{
	unsigned char c = (unsigned char)*at->p;

	if (c == '#' || starts(at, "//") || starts(at, "/*"))
		skip_comment(at);
	else if (c == '"')
		return skip_string(at, err);
	else if (starts(at, INCLUDE))
		return scan_include(s, at, level, err);
	else if (strchr("(){}[]", c) != NULL)
		return scan_bracket(s, at, err);
	else if (isdigit(c))
		return skip_number(at, err);
	else if (isalpha(c) || c == '*')
		skip_word(at);
	else
		step(at, 1);
	return CR_OK;
}

static int
scan_text(struct scan *s, struct place *at, unsigned level, struct err *err)
{
	int rc = check_bytes(at, err);

	while (rc == CR_OK && at->p < at->end)
		rc = scan_token(s, at, level, err);
	return rc;
}

int
cfg_scan(const char *text, size_t len, const char *name, const char *dir, struct err *err)
{
	struct scan s = {.dir = dir, .bytes = len};
	struct place at = {.name = name, .p = text, .end = text + len, .line = 1};

	if (len > CFG_MAX_BYTES)
		return err_set(err, CR_ECONFIG, "%s: longer than the limit of %zu bytes", name, CFG_MAX_BYTES);
	return scan_text(&s, &at, 0, err);
}
