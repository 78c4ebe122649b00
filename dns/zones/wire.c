/*
 * wire.c - reading and writing the bytes of DNS messages.
 *
 * Sources: RFC 1035 s3.1, s4.1 (format, compression), RFC 3597 s4 (which types may hold compressed names).
 * Invariant: a pointer must lead backwards, so that reading a name ends (a loop has to go forward somewhere).
 */
#include "dns/zones/wire.h"

#include <string.h>

#include "dns/record.h"

#define LABEL_POINTER 0xc0U
#define TYPE_RP       17
#define TYPE_AFSDB    18
#define TYPE_RT       21
#define TYPE_NAPTR    35
#define TYPE_KX       36
#define TYPE_DNAME    39

uint16_t
wire_u16(const uint8_t *p)
{
	return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

uint32_t
wire_u32(const uint8_t *p)
{
	return (uint32_t)wire_u16(p) << 16 | wire_u16(p + 2);
}

void
wire_add_u16(struct buf *b, uint16_t v)
{
	uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	buf_add(b, bytes, sizeof(bytes));
}

void
wire_add_u32(struct buf *b, uint32_t v)
{
	wire_add_u16(b, (uint16_t)(v >> 16));
	wire_add_u16(b, (uint16_t)v);
}

void
wire_add_name(struct buf *b, const char *name)
{
	uint8_t bytes[NAME_WIRE_MAX];

	buf_add(b, bytes, name_to_wire(name, bytes));
}

void
wire_count_one(uint8_t *message, size_t where)
{
	uint16_t n = (uint16_t)(wire_u16(message + where) + 1);

	message[where] = (uint8_t)(n >> 8);
	message[where + 1] = (uint8_t)n;
}

int
wire_name(const uint8_t *message, size_t len, size_t *pos, struct name *out, struct err *err)
{
	uint8_t flat[NAME_WIRE_MAX];
	size_t n = 0, at = *pos, bound = *pos, after = 0, used;

	for (;;) {
		unsigned label;

		if (at >= len)
			return err_set(err, CR_EPARSE, "message: a name runs over the end");
		label = message[at];
		if ((label & LABEL_POINTER) == LABEL_POINTER) {
			size_t target;

			if (at + 1 >= len)
				return err_set(err, CR_EPARSE, "message: a name runs over the end");
			target = (label & ~LABEL_POINTER) << 8 | message[at + 1];
			if (after == 0)
				after = at + 2;
			if (target >= bound)
				return err_set(err, CR_EPARSE, "message: a name points forward");
			at = bound = target;
			continue;
		}
		if ((label & LABEL_POINTER) != 0)
			return err_set(err, CR_EPARSE, "message: an unknown kind of label");
		if (n + label + 1 > sizeof(flat) || at + label + 1 > len)
			return err_set(err, CR_EPARSE, "message: a name is too long");
		memcpy(flat + n, message + at, label + 1);
		n += label + 1;
		at += label + 1;
		if (label == 0)
			break;
	}
	*pos = after != 0 ? after : at;
	return name_from_wire(flat, n, out, &used, err);
}

int
wire_rr(const uint8_t *message, size_t len, size_t *pos, struct wire_rr *out, struct err *err)
{
	size_t at = *pos;
	int rc;

	out->offset = at;
	rc = wire_name(message, len, &at, &out->owner, err);
	if (rc != CR_OK)
		return rc;
	if (len - at < 10)
		return err_set(err, CR_EPARSE, "message: a record runs over the end");
	out->type = wire_u16(message + at);
	out->class = wire_u16(message + at + 2);
	out->ttl_s = wire_u32(message + at + 4);
	out->rdata_len = wire_u16(message + at + 8);
	out->rdata = at + 10;
	if (len - out->rdata < out->rdata_len)
		return err_set(err, CR_EPARSE, "message: a record runs over the end");
	*pos = out->rdata + out->rdata_len;
	return CR_OK;
}

int
wire_skip_questions(const uint8_t *message, size_t len, size_t *pos_out, struct err *err)
{
	size_t pos = WIRE_HEADER;
	struct name name;

	if (len < WIRE_HEADER)
		return err_set(err, CR_EPARSE, "message: %zu bytes are too few", len);
	for (unsigned i = wire_u16(message + WIRE_QUESTION); i > 0; i--) {
		int rc = wire_name(message, len, &pos, &name, err);

		if (rc != CR_OK)
			return rc;
		if (len - pos < 4)
			return err_set(err, CR_EPARSE, "message: a question runs over the end");
		pos += 4;
	}
	*pos_out = pos;
	return CR_OK;
}

/* How the RDATA of a type begins: n a name, s a character string, a digit so many bytes.  What follows is copied. */
static const char *
layout_of(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *layout;
	} rows[] = {
		{RECORD_NS,    "n"    },
                {RECORD_CNAME, "n"    },
                {RECORD_SOA,   "nn"   },
                {RECORD_PTR,   "n"    },
		{RECORD_MX,    "2n"   },
                {RECORD_SRV,   "6n"   },
                {TYPE_RP,      "nn"   },
                {TYPE_AFSDB,   "2n"   },
		{TYPE_RT,      "2n"   },
                {TYPE_KX,      "2n"   },
                {TYPE_DNAME,   "n"    },
                {TYPE_NAPTR,   "4sssn"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == type)
			return rows[i].layout;
	return "";
}

int
wire_rdata(const uint8_t *message, size_t len, const struct wire_rr *rr, struct buf *out, struct err *err)
{
	size_t pos = rr->rdata, end = rr->rdata + rr->rdata_len;
	struct name name;
	int rc;

	(void)len; /* what wire_rr has bounded already */
	for (const char *part = layout_of(rr->type); *part != '\0'; part++) {
		size_t n = 0;

		if (*part == 'n') {
			rc = wire_name(message, end, &pos, &name, err);
			if (rc != CR_OK)
				return rc;
			wire_add_name(out, name.text);
			continue;
		}
		if (*part != 's')
			n = (size_t)(*part - '0');
		else if (pos < end)
			n = (size_t)message[pos] + 1;
		if (n == 0 || end - pos < n)
			return err_set(err, CR_EPARSE, "message: the data of a record end too early");
		buf_add(out, message + pos, n);
		pos += n;
	}
	buf_add(out, message + pos, end - pos);
	return buf_check(out, "record", err);
}
