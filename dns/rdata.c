/*
 * rdata.c - the table of types, and RDATA from the wire.
 *
 * Sources: RFC 1035 s3.3 (NS CNAME SOA PTR MX TXT), 3596 (AAAA), 2782 (SRV), 6672 (DNAME), 4034 (DS RRSIG NSEC DNSKEY), 4255 (SSHFP),
 * 5155 (NSEC3), 6698 (TLSA), 7344 (CDS CDNSKEY), 8162 (SMIMEA), 8659 (CAA), 9460 (SVCB HTTPS), and for neighbours 1183, 2230, 3403, 7553, 7929;
 * RFC 4034 s6.2 for the canonical form.
 */
#include "dns/rdata.h"

#include <string.h>

#include "dns/name.h"
#include "dns/record.h"
#include "dns/svcb.h"
#include "dns/txt.h"

/* Beyond what this program publishes: whatever people keep in a zone beside it, so that the zone can be read. */
static const struct rdata_type types[] = {
	{RECORD_A,          "A",          "a"        },
	{RECORD_NS,         "NS",         "n"        },
	{RECORD_CNAME,      "CNAME",      "n"        },
	{RECORD_SOA,        "SOA",        "nn4TTTT"  },
	{RECORD_PTR,        "PTR",        "n"        },
	{RECORD_MX,         "MX",         "2n"       },
	{RECORD_TXT,        "TXT",        "z"        },
	{13,		"HINFO",      "qq"       },
	{17,		"RP",         "nn"       },
	{18,		"AFSDB",      "2n"       },
	{RECORD_AAAA,       "AAAA",       "6"        },
	{RECORD_SRV,        "SRV",        "222n"     },
	{35,		"NAPTR",      "22qqqn"   },
	{36,		"KX",         "2n"       },
	{39,		"DNAME",      "n"        },
	{RECORD_DS,         "DS",         "211x"     },
	{44,		"SSHFP",      "11x"      },
	{RECORD_RRSIG,      "RRSIG",      "y114tt2nb"},
	{RECORD_NSEC,       "NSEC",       "nw"       },
	{RECORD_DNSKEY,     "DNSKEY",     "211b"     },
	{RECORD_NSEC3,      "NSEC3",      "112shw"   },
	{RECORD_NSEC3PARAM, "NSEC3PARAM", "112s"     },
	{RECORD_TLSA,       "TLSA",       "111x"     },
	{53,		"SMIMEA",     "111x"     },
	{RECORD_CDS,        "CDS",        "211x"     },
	{RECORD_CDNSKEY,    "CDNSKEY",    "211b"     },
	{61,		"OPENPGPKEY", "b"        },
	{64,		"SVCB",       "2np"      },
	{65,		"HTTPS",      "2np"      },
	{99,		"SPF",        "z"        },
	{256,	       "URI",        "22v"      },
	{RECORD_CAA,        "CAA",        "1gv"      },
};

const struct rdata_type *
rdata_type(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

const char *
rdata_layout(uint16_t type)
{
	const struct rdata_type *row = rdata_type(type);

	return row != NULL ? row->layout : "";
}

const char *
record_type_name(uint16_t type, char out[16])
{
	const struct rdata_type *row = rdata_type(type);

	if (row != NULL)
		(void)snprintf(out, 16, "%s", row->name);
	else
		(void)snprintf(out, 16, "TYPE%u", type);
	return out;
}

/* RFC 3597 s5: TYPE and a number without leading zeros. */
static bool
type_number(const char *text, uint16_t *out)
{
	unsigned value = 0;

	if (strncasecmp(text, "TYPE", 4) != 0 || text[4] == '\0' || (text[4] == '0' && text[5] != '\0'))
		return false;
	for (const char *p = text + 4; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		value = value * 10 + (unsigned)(*p - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*out = (uint16_t)value;
	return true;
}

int
record_type_parse(const char *text, uint16_t *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcasecmp(types[i].name, text) == 0) {
			*out = types[i].type;
			return CR_OK;
		}
	if (type_number(text, out))
		return CR_OK;
	return err_set(err, CR_EPARSE, "not a record type: '%.40s'", text);
}

/* Windows in rising order, 1 to 32 bytes each, the last byte not zero (RFC 4034 s4.1.2). */
static bool
bitmap_is_sound(const uint8_t *data, size_t left)
{
	int last = -1;

	while (left > 0) {
		size_t n;

		if (left < 2 || data[0] <= last)
			return false;
		last = data[0];
		n = data[1];
		if (n == 0 || n > 32 || n > left - 2 || data[1 + n] == 0)
			return false;
		data += 2 + n;
		left -= 2 + n;
	}
	return true;
}

/* RFC 8659 s4.1: letters and digits. */
static bool
caa_tag_is_sound(const uint8_t *tag, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((tag[i] >= 'a' && tag[i] <= 'z') || (tag[i] >= 'A' && tag[i] <= 'Z') ||
		      (tag[i] >= '0' && tag[i] <= '9')))
			return false;
	return len > 0;
}

static size_t
prefixed_len(char field, const uint8_t *data, size_t left)
{
	if (left == 0 || data[0] > left - 1)
		return SIZE_MAX;
	if ((field == 'h' && data[0] == 0) || (field == 'g' && !caa_tag_is_sound(data + 1, data[0])))
		return SIZE_MAX;
	return 1U + data[0];
}

size_t
rdata_field_len(char field, const uint8_t *data, size_t left)
{
	static const struct {
		char field;
		uint8_t len;
	} fixed[] = {
		{'1', 1 },
                {'2', 2 },
                {'y', 2 },
                {'a', 4 },
                {'4', 4 },
                {'T', 4 },
                {'t', 4 },
                {'6', 16}
        };
	struct name name;
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i].field == field)
			return fixed[i].len <= left ? fixed[i].len : SIZE_MAX;
	switch (field) {
	case 'n':
		return name_from_wire(data, left, &name, &used, NULL) == CR_OK ? used : SIZE_MAX;
	case 's':
	case 'h':
	case 'g':
	case 'q':
		return prefixed_len(field, data, left);
	case 'p':
		return svcb_is_sound(data, left) ? left : SIZE_MAX;
	case 'w':
		return bitmap_is_sound(data, left) ? left : SIZE_MAX;
	case 'x':
	case 'b':
		return left > 0 ? left : SIZE_MAX;
	default: /* 'v': the rest, whatever it is */
		return left;
	}
}

/* Append one field in its canonical form: names lower-cased (RFC 4034 s6.2), and CAA tags (RFC 8659 s4.1: matched without case). */
static void
put_field(char field, const uint8_t *data, size_t len, struct buf *out)
{
	if (field != 'n' && field != 'g') {
		buf_add(out, data, len);
		return;
	}
	/* A length byte is at most 63 in a name; the one of a CAA tag is put as it is. */
	for (size_t i = 0; i < len; i++) {
		bool is_letter = data[i] >= 'A' && data[i] <= 'Z' && (field == 'n' || i > 0);

		buf_addc(out, (char)(is_letter ? data[i] + ('a' - 'A') : data[i]));
	}
}

int
rdata_from_wire(uint16_t type, const uint8_t *wire, size_t len, struct buf *out, struct err *err)
{
	const char *layout = rdata_layout(type);
	size_t pos = 0;

	if (*layout == 'z')
		return txt_from_wire(wire, len, out, err);
	for (const char *field = layout; *field != '\0'; field++) {
		size_t n = rdata_field_len(*field, wire + pos, len - pos);

		if (n == SIZE_MAX)
			return err_set(err, CR_EPARSE, "field %zu is broken", (size_t)(field - layout) + 1);
		put_field(*field, wire + pos, n, out);
		pos += n;
	}
	if (*layout == '\0')
		buf_add(out, wire, len);
	else if (pos != len)
		return err_set(err, CR_EPARSE, "%zu bytes too many", len - pos);
	return buf_check(out, "rdata", err);
}
