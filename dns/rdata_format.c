/*
 * rdata_format.c - RDATA as master-file text: absolute names, one line, readable by any server.
 */
#include "dns/rdata.h"

#include <arpa/inet.h>
#include <assert.h>

#include "core/num.h"
#include "dns/coding.h"
#include "dns/name.h"
#include "dns/record.h"
#include "dns/svcb.h"
#include "dns/txt.h"

static uint32_t
number(const uint8_t *data, size_t len)
{
	uint32_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | data[i];
	return value;
}

static void
format_address(int family, const uint8_t *data, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	buf_adds(out, inet_ntop(family, data, text, sizeof(text)));
}

static void
format_name(const uint8_t *data, size_t len, struct buf *out)
{
	struct name name;
	size_t used;
	int rc = name_from_wire(data, len, &name, &used, NULL);

	assert(rc == CR_OK);
	(void)rc;
	buf_adds(out, name.text);
	buf_addc(out, '.');
}

/* RFC 4034 s3.2: YYYYMMDDHHmmSS. */
static void
format_time(uint32_t value, struct buf *out)
{
	char stamp[NUM_RFC3339_MAX];

	num_format_rfc3339(value, stamp, sizeof(stamp));
	for (const char *p = stamp; *p != '\0'; p++)
		if (*p >= '0' && *p <= '9')
			buf_addc(out, *p);
}

static void
format_prefixed(char field, const uint8_t *data, size_t len, struct buf *out)
{
	if (field == 'g')
		buf_add(out, data + 1, len - 1);
	else if (len == 1)
		buf_addc(out, '-');
	else
		coding_encode(field == 's' ? CODING_HEX : CODING_BASE32HEX, data + 1, len - 1, out);
}

static void
format_bitmap(const uint8_t *data, size_t len, struct buf *out)
{
	const char *blank = "";
	char name[16];

	for (size_t pos = 0; pos < len; pos += 2U + data[pos + 1])
		for (unsigned bit = 0; bit < data[pos + 1] * 8U; bit++) {
			if ((data[pos + 2 + bit / 8] & 0x80 >> bit % 8) == 0)
				continue;
			buf_adds(out, blank);
			buf_adds(out, record_type_name((uint16_t)(data[pos] * 256U + bit), name));
			blank = " ";
		}
}

static void
format_value(const uint8_t *data, size_t len, struct buf *out)
{
	/* Not split at 255: a CAA or URI value is one string as long as RDATA allows (RFC 8659 s4.1.1). */
	buf_addc(out, '"');
	for (size_t i = 0; i < len; i++)
		txt_format_byte(data[i], out);
	buf_addc(out, '"');
}

static void
format_field(char field, const uint8_t *data, size_t len, struct buf *out)
{
	char name[16];

	switch (field) {
	case 'a':
		format_address(AF_INET, data, out);
		break;
	case '6':
		format_address(AF_INET6, data, out);
		break;
	case 'n':
		format_name(data, len, out);
		break;
	case '1':
	case '2':
	case '4':
	case 'T':
		buf_addf(out, "%u", number(data, len));
		break;
	case 'y':
		buf_adds(out, record_type_name((uint16_t)number(data, len), name));
		break;
	case 't':
		format_time(number(data, len), out);
		break;
	case 's':
	case 'h':
	case 'g':
		format_prefixed(field, data, len, out);
		break;
	case 'x':
		coding_encode(CODING_HEX, data, len, out);
		break;
	case 'b':
		coding_encode(CODING_BASE64, data, len, out);
		break;
	case 'q':
		format_value(data + 1, len - 1, out);
		break;
	case 'p':
		svcb_format(data, len, out);
		break;
	case 'w':
		format_bitmap(data, len, out);
		break;
	default: /* 'v' */
		format_value(data, len, out);
		break;
	}
}

void
rdata_format(uint16_t type, const uint8_t *data, size_t len, struct buf *out)
{
	const char *layout = rdata_layout(type);
	size_t pos = 0;

	if (*layout == 'z') {
		txt_format(data, len, out);
		return;
	}
	if (*layout == '\0') {
		buf_addf(out, "\\# %zu%s", len, len > 0 ? " " : "");
		coding_encode(CODING_HEX, data, len, out);
		return;
	}
	for (const char *field = layout; *field != '\0'; field++) {
		size_t n = rdata_field_len(*field, data + pos, len - pos);

		assert(n != SIZE_MAX);
		/* A bitmap may be empty: no blank hangs behind.  An empty text still shows its quotes. */
		if (field > layout && (n > 0 || *field == 'v'))
			buf_addc(out, ' ');
		format_field(*field, data + pos, n, out);
		pos += n;
	}
}
