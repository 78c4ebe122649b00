/*
 * message.c - a message taken apart into header fields and body, without changing a byte that was signed.
 *
 * RFC 5322 s2.2 (fields), s2.2.3 (folding), s4.5 (blanks before the colon).
 */
#include "dns/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"

void
message_release(struct message *m)
{
	free(m->bytes);
	free(m->fields);
	*m = (struct message){0};
}

/* What mail stores put in front: a byte order mark, and the envelope line of an mbox ("From a@example.com Mon Jan ..."). */
static struct span
without_wrapping(struct span data)
{
	static const char bom[] = "\xef\xbb\xbf", envelope[] = "From ";
	const char *end;

	if (data.len >= strlen(bom) && memcmp(data.at, bom, strlen(bom)) == 0)
		data = (struct span){data.at + strlen(bom), data.len - strlen(bom)};
	if (data.len < strlen(envelope) || memcmp(data.at, envelope, strlen(envelope)) != 0)
		return data;
	end = memchr(data.at, '\n', data.len);
	/* "From : x" is a field, if an odd one. */
	if (end == NULL || data.at[strlen(envelope)] == ':')
		return data;
	return (struct span){end + 1, data.len - (size_t)(end + 1 - data.at)};
}

static size_t
count_bare(struct span data, char end)
{
	size_t n = 0;

	for (size_t i = 0; i < data.len; i++)
		n += data.at[i] == end && (end == '\r' || i == 0 || data.at[i - 1] != '\r');
	return n;
}

/*
 * The bytes with CRLF at the end of each line.  A CR alone ends a line only where nothing else does: within a message that has line
 * ends, it went through the signer as a byte like any other.
 */
static int
copy_lines(struct span data, struct message *m, struct err *err)
{
	char end = memchr(data.at, '\n', data.len) != NULL ? '\n' : '\r';
	size_t bare = count_bare(data, end);

	m->bytes = malloc(data.len + bare + 3); /* a last line may lack its end */
	if (m->bytes == NULL)
		return err_nomem(err, "message");
	for (size_t i = 0; i < data.len; i++) {
		if (data.at[i] == end && (end == '\r' || i == 0 || data.at[i - 1] != '\r')) {
			memcpy(m->bytes + m->len, "\r\n", 2);
			m->len += 2;
		} else {
			m->bytes[m->len++] = data.at[i];
		}
	}
	m->bytes[m->len] = '\0';
	m->converted = bare > 0;
	return CR_OK;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The line at the front, with its CRLF. */
static struct span
line_of(struct span rest)
{
	const char *at = rest.at, *end = rest.at + rest.len, *cr;

	while ((cr = memchr(at, '\r', (size_t)(end - at))) != NULL) {
		if (cr + 1 < end && cr[1] == '\n')
			return (struct span){rest.at, (size_t)(cr + 2 - rest.at)};
		at = cr + 1;
	}
	return rest;
}

/* field-name *WSP ":" (ftext is any printable ASCII but the colon). */
static bool
split_field(struct span whole, struct message_field *out)
{
	size_t name = 0, colon;

	while (name < whole.len && whole.at[name] > ' ' && whole.at[name] < 0x7f && whole.at[name] != ':')
		name++;
	colon = name;
	while (colon < whole.len && is_blank(whole.at[colon]))
		colon++;
	if (name == 0 || colon == whole.len || whole.at[colon] != ':')
		return false;
	assert(whole.len >= colon + 3); /* end_header */
	*out = (struct message_field){
		.name = {whole.at,             name                     },
		.value = {whole.at + colon + 1, whole.len - colon - 1 - 2},
		.whole = whole,
	};
	return true;
}

static int
add_field(struct message *m, const struct message_field *f, size_t *cap, struct err *err)
{
	struct message_field *grown;

	if (m->n_fields == MESSAGE_FIELDS_MAX)
		return err_set(err, CR_EPARSE, "message: more than %d header fields", MESSAGE_FIELDS_MAX);
	grown = list_grow(m->fields, m->n_fields, cap, sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "message fields");
	m->fields = grown;
	m->fields[m->n_fields++] = *f;
	return CR_OK;
}

/* A first line and those that continue it: the empty one is not continued, blanks behind it begin the body. */
static struct span
folded_line(struct span rest)
{
	struct span whole = line_of(rest);
	bool empty = whole.len == 2 && whole.at[0] == '\r';

	while (!empty && whole.len < rest.len && is_blank(rest.at[whole.len]))
		whole.len += line_of((struct span){rest.at + whole.len, rest.len - whole.len}).len;
	return whole;
}

/*
 * The header ends at the empty line, or in front of a line that cannot be a field: so it is read by the MTAs that mend such messages
 * on their way (RFC 5322 knows no answer).
 */
static int
split_header(struct message *m, struct err *err)
{
	struct span rest = {m->bytes, m->len}, whole;
	struct message_field f;
	size_t cap = 0;
	int rc;

	while (rest.len > 0) {
		whole = folded_line(rest);
		if (whole.len == 2 && memcmp(whole.at, "\r\n", 2) == 0) {
			rest = (struct span){rest.at + 2, rest.len - 2};
			break;
		}
		if (!split_field(whole, &f))
			break;
		rc = add_field(m, &f, &cap, err);
		if (rc != CR_OK)
			return rc;
		rest = (struct span){rest.at + whole.len, rest.len - whole.len};
		if ((size_t)(rest.at - m->bytes) > MESSAGE_HEADER_MAX)
			return err_set(err, CR_EPARSE, "message: a header of more than %zu bytes", MESSAGE_HEADER_MAX);
	}
	if (m->n_fields == 0)
		return err_set(err, CR_EPARSE, "message: the first line is no header field");
	m->body = rest;
	return CR_OK;
}

/* Does the last line lack its end, and is there no body that could do without? */
static void
end_header(struct message *m)
{
	static const char empty_line[] = "\r\n\r\n";

	if (memmem(m->bytes, m->len, empty_line, strlen(empty_line)) != NULL ||
	    (m->len >= 2 && memcmp(m->bytes + m->len - 2, "\r\n", 2) == 0))
		return;
	memcpy(m->bytes + m->len, "\r\n", 3);
	m->len += 2;
}

int
message_read(const char *data, size_t len, struct message *out, struct err *err)
{
	struct message m = {0};
	int rc;

	if (len > MESSAGE_BYTES_MAX)
		return err_set(err, CR_EPARSE, "message: more than %zu bytes", MESSAGE_BYTES_MAX);
	if (len == 0)
		return err_set(err, CR_EPARSE, "message: empty");
	rc = copy_lines(without_wrapping((struct span){data, len}), &m, err);
	if (rc != CR_OK)
		return rc;
	end_header(&m);
	rc = split_header(&m, err);
	if (rc == CR_OK) {
		*out = m;
		m = (struct message){0};
	}
	message_release(&m);
	return rc;
}

const struct message_field *
message_field(const struct message *m, const char *name, size_t n)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		if (span_is_nocase(m->fields[i].name, name) && n-- == 0)
			return &m->fields[i];
	}
	return NULL;
}

void
message_unfold(struct span value, char *out, size_t size)
{
	struct span v = span_trim(value);
	size_t n = 0;

	assert(size > 0);
	for (size_t i = 0; i < v.len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)v.at[i];

		if (c == '\r' && i + 1 < v.len && v.at[i + 1] == '\n') {
			i++; /* s2.2.3: only the line end goes, the blank behind it stays */
			continue;
		}
		if (c == '\t')
			c = ' ';
		out[n++] = (char)(c < ' ' || c == 0x7f ? '?' : c);
	}
	out[n] = '\0';
}
