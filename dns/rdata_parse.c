/*
 * rdata_parse.c - RDATA from master-file text (RFC 1035 s5.1), or from the \# form of any type (RFC 3597 s5).
 */
#include "dns/rdata.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/num.h"
#include "dns/coding.h"
#include "dns/name.h"
#include "dns/record.h"
#include "dns/svcb.h"
#include "dns/token.h"
#include "dns/ttl.h"
#include "dns/txt.h"

#define FIELD_MAX 2048 /* a name at its longest, escaped */

/* The line being read. */
struct line {
	const char *pos;
	const char *origin;
	struct buf *out;
};

static int
next_word(struct line *l, struct token *out, struct err *err)
{
	bool found;
	int rc = token_next(&l->pos, out, &found, err);

	if (rc == CR_OK && !found)
		rc = err_set(err, CR_EPARSE, "a field is missing");
	return rc;
}

static int
next_copy(struct line *l, char out[FIELD_MAX], struct err *err)
{
	struct token t;
	int rc = next_word(l, &t, err);

	return rc == CR_OK ? token_copy(&t, out, FIELD_MAX, err) : rc;
}

static void
put_number(struct buf *out, uint32_t value, size_t bytes)
{
	while (bytes-- > 0)
		buf_addc(out, (char)(value >> (8 * bytes) & 0xff));
}

static int
parse_number(struct line *l, size_t bytes, struct err *err)
{
	char word[FIELD_MAX];
	int64_t value;
	int rc = next_copy(l, word, err);

	if (rc == CR_OK)
		rc = num_parse(word, 0, (INT64_C(1) << (8 * bytes)) - 1, &value, err);
	if (rc == CR_OK)
		put_number(l->out, (uint32_t)value, bytes);
	return rc;
}

static int
parse_seconds(struct line *l, struct err *err)
{
	char word[FIELD_MAX];
	uint32_t value;
	int rc = next_copy(l, word, err);

	if (rc == CR_OK)
		rc = ttl_parse(word, &value, err);
	if (rc == CR_OK)
		put_number(l->out, value, 4);
	return rc;
}

static int
parse_address(struct line *l, int family, struct err *err)
{
	char word[FIELD_MAX];
	uint8_t ip[16];
	int rc = next_copy(l, word, err);

	if (rc != CR_OK)
		return rc;
	if (inet_pton(family, word, ip) != 1)
		return err_set(err, CR_EPARSE, "not an IPv%d address: '%.60s'", family == AF_INET ? 4 : 6, word);
	buf_add(l->out, ip, family == AF_INET ? 4 : 16);
	return CR_OK;
}

static int
parse_name(struct line *l, struct err *err)
{
	char word[FIELD_MAX];
	uint8_t wire[NAME_WIRE_MAX];
	struct name name;
	int rc = next_copy(l, word, err);

	/* RFC 1035 s5.1: a free-standing @ is the origin; nothing at all is a slip of the pen. */
	if (rc == CR_OK && *word == '\0')
		rc = err_set(err, CR_EPARSE, "a name is empty");
	if (rc == CR_OK)
		rc = name_under(word, l->origin, &name, err);
	if (rc == CR_OK)
		buf_add(l->out, wire, name_to_wire(name.text, wire));
	return rc;
}

static int
parse_type(struct line *l, struct err *err)
{
	char word[FIELD_MAX];
	uint16_t type;
	int rc = next_copy(l, word, err);

	if (rc == CR_OK)
		rc = record_type_parse(word, &type, err);
	if (rc == CR_OK)
		put_number(l->out, type, 2);
	return rc;
}

/* RFC 4034 s3.2: seconds since 1970, or YYYYMMDDHHmmSS, modulo 2^32 (serial arithmetic). */
static int
parse_time(struct line *l, struct err *err)
{
	char word[FIELD_MAX];
	char stamp[NUM_RFC3339_MAX];
	int64_t value;
	int rc = next_copy(l, word, err);

	if (rc == CR_OK && strlen(word) == 14) {
		(void)snprintf(stamp, sizeof(stamp), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", word, word + 4, word + 6,
		               word + 8, word + 10, word + 12);
		rc = num_parse_rfc3339(stamp, &value, err);
	} else if (rc == CR_OK) {
		rc = num_parse(word, 0, UINT32_MAX, &value, err);
	}
	if (rc == CR_OK)
		put_number(l->out, (uint32_t)((uint64_t)value & UINT32_MAX), 4);
	return rc;
}

/* One word behind its length byte. */
static int
parse_prefixed(struct line *l, char field, struct err *err)
{
	struct buf bytes = {.max_bytes = UINT8_MAX};
	struct token t;
	int rc = next_word(l, &t, err);

	if (rc != CR_OK)
		goto out;
	if (field == 'g' || field == 'q')
		rc = token_decode(&t, &bytes, err);
	else if (!(t.len == 1 && *t.text == '-'))
		rc = coding_decode(field == 's' ? CODING_HEX : CODING_BASE32HEX, t.text, t.len, &bytes, err);
	if (rc != CR_OK)
		goto out;
	buf_addc(l->out, (char)bytes.len);
	buf_add(l->out, buf_str(&bytes), bytes.len);
out:
	buf_release(&bytes);
	return rc;
}

/* Digests and keys may be broken up by blanks anywhere. */
static int
parse_coded(struct line *l, enum coding c, struct err *err)
{
	struct buf text = {.max_bytes = 2 * RECORD_DATA_MAX};
	bool found = true;
	int rc;

	while (found) {
		struct token t;

		rc = token_next(&l->pos, &t, &found, err);
		if (rc != CR_OK)
			goto out;
		if (found)
			buf_add(&text, t.text, t.len);
	}
	rc = buf_check(&text, "coded field", err);
	if (rc == CR_OK)
		rc = coding_decode(c, buf_str(&text), text.len, l->out, err);
out:
	buf_release(&text);
	return rc;
}

static int
parse_value(struct line *l, struct err *err)
{
	struct token t;
	int rc = next_word(l, &t, err);

	return rc == CR_OK ? token_decode(&t, l->out, err) : rc;
}

/* A set of types: 256 windows of 256 bits, of which only the used bytes are written (RFC 4034 s4.1.2). */
static int
parse_bitmap(struct line *l, struct err *err)
{
	uint8_t bits[65536 / 8] = {0};
	struct token t;
	bool found;
	int rc;

	while ((rc = token_next(&l->pos, &t, &found, err)) == CR_OK && found) {
		char word[16];
		uint16_t type;

		rc = token_copy(&t, word, sizeof(word), err);
		if (rc == CR_OK)
			rc = record_type_parse(word, &type, err);
		if (rc != CR_OK)
			return rc;
		bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
	}
	if (rc != CR_OK)
		return rc;
	for (unsigned window = 0; window < 256; window++) {
		size_t n = 32;

		while (n > 0 && bits[window * 32 + n - 1] == 0)
			n--;
		if (n == 0)
			continue;
		buf_addc(l->out, (char)window);
		buf_addc(l->out, (char)n);
		buf_add(l->out, bits + (size_t)window * 32, n);
	}
	return CR_OK;
}

static int
parse_field(struct line *l, char field, struct err *err)
{
	switch (field) {
	case 'a':
		return parse_address(l, AF_INET, err);
	case '6':
		return parse_address(l, AF_INET6, err);
	case 'n':
		return parse_name(l, err);
	case '1':
	case '2':
	case '4':
		return parse_number(l, (size_t)(field - '0'), err);
	case 'T':
		return parse_seconds(l, err);
	case 'y':
		return parse_type(l, err);
	case 't':
		return parse_time(l, err);
	case 's':
	case 'h':
	case 'g':
	case 'q':
		return parse_prefixed(l, field, err);
	case 'p':
		return svcb_parse(&l->pos, l->out, err);
	case 'x':
		return parse_coded(l, CODING_HEX, err);
	case 'b':
		return parse_coded(l, CODING_BASE64, err);
	case 'w':
		return parse_bitmap(l, err);
	default: /* 'v' */
		return parse_value(l, err);
	}
}

/* "\# LENGTH HEX ...": l stands behind the mark. */
static int
parse_generic(struct line *l, struct err *err)
{
	char word[FIELD_MAX];
	size_t start = l->out->len;
	int64_t len;
	int rc = next_copy(l, word, err);

	if (rc == CR_OK)
		rc = num_parse(word, 0, RECORD_DATA_MAX, &len, err);
	if (rc == CR_OK)
		rc = parse_coded(l, CODING_HEX, err);
	if (rc == CR_OK && l->out->len - start != (size_t)len)
		rc = err_set(err, CR_EPARSE, "\\# says %lld bytes, and %zu follow", (long long)len,
		             l->out->len - start);
	return rc;
}

static bool
is_generic(const char *text, const char **behind_out)
{
	text += strspn(text, " \t");
	*behind_out = text + 2;
	return strncmp(text, "\\#", 2) == 0 && (text[2] == '\0' || text[2] == ' ' || text[2] == '\t');
}

/* All fields in wire form; then the line must be over. */
static int
parse_line(struct line *l, const char *layout, struct err *err)
{
	struct token t;
	bool found;
	int rc;

	for (; *layout != '\0'; layout++) {
		rc = parse_field(l, *layout, err);
		if (rc != CR_OK)
			return rc;
	}
	rc = token_next(&l->pos, &t, &found, err);
	if (rc == CR_OK && found)
		rc = err_set(err, CR_EPARSE, "a field too many: '%.40s'", t.text);
	return rc;
}

int
rdata_parse(uint16_t type, const char *text, const char *origin, struct buf *out, struct err *err)
{
	struct buf wire = {.max_bytes = RECORD_DATA_MAX};
	struct line l = {.pos = text, .origin = origin, .out = &wire};
	const char *layout = rdata_layout(type);
	bool generic = is_generic(text, &l.pos);
	int rc;

	if (!generic)
		l.pos = text;
	if (!generic && *layout == 'z')
		return txt_parse(text, out, err);
	if (generic)
		rc = parse_generic(&l, err);
	else if (*layout != '\0')
		rc = parse_line(&l, layout, err);
	else
		rc = err_set(err, CR_EPARSE, "give it as \\# LENGTH HEX (RFC 3597)");
	if (rc == CR_OK)
		rc = buf_check(&wire, "rdata", err);
	/* One check for both ways in: what text can say, the wire form must allow. */
	if (rc == CR_OK)
		rc = rdata_from_wire(type, (const uint8_t *)buf_str(&wire), wire.len, out, err);
	buf_release(&wire);
	return rc;
}
