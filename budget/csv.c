/*
 * csv.c - RFC 4180, with LF as well as CRLF, and a ceiling on the length of a row.
 */
#include "budget/csv.h"

#include <string.h>

struct csv
csv_on(const char *text, size_t len)
{
	/* A byte order mark is what spreadsheets put in front. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	return (struct csv){.text = text, .end = len > 0 ? text + len : text, .next_line = 1};
}

static bool
at_end_of_line(const struct csv *c)
{
	return c->text == c->end || *c->text == '\n' ||
	       (*c->text == '\r' && c->end - c->text > 1 && c->text[1] == '\n');
}

static void
take_end_of_line(struct csv *c)
{
	if (c->text < c->end && *c->text == '\r')
		c->text++;
	if (c->text < c->end) {
		c->text++;
		c->next_line++;
	}
}

static int
put_byte(struct csv *c, size_t *used, char byte, struct err *err)
{
	if (*used >= sizeof(c->bytes))
		return err_set(err, CR_EPARSE, "line %zu: longer than %d bytes", c->line, CSV_ROW_BYTES);
	c->bytes[(*used)++] = byte;
	return CR_OK;
}

static int
quoted_field(struct csv *c, size_t *used, struct err *err)
{
	int rc;

	for (c->text++; c->text < c->end; c->text++) {
		if (*c->text == '"') {
			if (c->end - c->text < 2 || c->text[1] != '"') {
				c->text++;
				return CR_OK;
			}
			c->text++;
		}
		if (*c->text == '\n')
			c->next_line++;
		if (*c->text == '\0')
			return err_set(err, CR_EPARSE, "line %zu: holds a NUL byte", c->line);
		if ((rc = put_byte(c, used, *c->text, err)) != CR_OK)
			return rc;
	}
	return err_set(err, CR_EPARSE, "line %zu: a quote is never closed", c->line);
}

static int
plain_field(struct csv *c, size_t *used, struct err *err)
{
	int rc;

	for (; !at_end_of_line(c) && *c->text != ','; c->text++) {
		if (*c->text == '"' || *c->text == '\0')
			return err_set(err, CR_EPARSE, "line %zu: a quote or NUL inside a bare field", c->line);
		if ((rc = put_byte(c, used, *c->text, err)) != CR_OK)
			return rc;
	}
	return CR_OK;
}

static int
take_field(struct csv *c, size_t *used, struct err *err)
{
	int rc;

	if (c->n == CSV_FIELDS)
		return err_set(err, CR_EPARSE, "line %zu: more than %d fields", c->line, CSV_FIELDS);
	c->field[c->n++] = c->bytes + *used;
	if (c->text < c->end && *c->text == '"') {
		rc = quoted_field(c, used, err);
		if (rc == CR_OK && !at_end_of_line(c) && *c->text != ',')
			rc = err_set(err, CR_EPARSE, "line %zu: text behind a closing quote", c->line);
	} else {
		rc = plain_field(c, used, err);
	}
	return rc == CR_OK ? put_byte(c, used, '\0', err) : rc;
}

int
csv_next(struct csv *c, bool *more_out, struct err *err)
{
	size_t used = 0;
	int rc;

	while (c->text < c->end && at_end_of_line(c))
		take_end_of_line(c);
	c->line = c->next_line;
	c->n = 0;
	*more_out = c->text < c->end;
	if (!*more_out)
		return CR_OK;
	for (;;) {
		if ((rc = take_field(c, &used, err)) != CR_OK)
			return rc;
		if (at_end_of_line(c))
			break;
		c->text++; /* the comma */
	}
	take_end_of_line(c);
	return CR_OK;
}

void
csv_put(struct buf *b, const char *field, char separator)
{
	if (field[strcspn(field, ",\"\r\n")] == '\0') {
		buf_adds(b, field);
	} else {
		buf_addc(b, '"');
		for (; *field != '\0'; field++) {
			if (*field == '"')
				buf_addc(b, '"');
			buf_addc(b, *field);
		}
		buf_addc(b, '"');
	}
	buf_addc(b, separator);
}
