/*
 * svcb.c - SvcParams as text and on the wire.
 *
 * A value is written under its name only where reading it again gives the same bytes; else as keyNNN="...", which carries anything.
 */
#include "dns/svcb.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "dns/coding.h"
#include "dns/token.h"
#include "dns/txt.h"

#define PARAMS_MAX 64
#define ITEM_MAX   256

enum shape { SHAPE_OPAQUE, SHAPE_KEYS, SHAPE_ALPN, SHAPE_FLAG, SHAPE_PORT, SHAPE_IPV4, SHAPE_ECH, SHAPE_IPV6 };

static const struct {
	const char *name;
	enum shape shape;
} keys[] = {
	{"mandatory",       SHAPE_KEYS  },
        {"alpn",            SHAPE_ALPN  },
        {"no-default-alpn", SHAPE_FLAG  },
	{"port",            SHAPE_PORT  },
        {"ipv4hint",        SHAPE_IPV4  },
        {"ech",             SHAPE_ECH   },
	{"ipv6hint",        SHAPE_IPV6  },
        {"dohpath",         SHAPE_OPAQUE},
        {"ohttp",           SHAPE_FLAG  },
};

struct param {
	uint16_t key;
	struct buf value;
};

static unsigned
number(const uint8_t *data)
{
	return (unsigned)data[0] << 8 | data[1];
}

static void
put_number(struct buf *out, size_t value)
{
	buf_addc(out, (char)(value >> 8 & 0xff));
	buf_addc(out, (char)(value & 0xff));
}

/* A name of the table, or keyNNN.  shape_out: opaque for keyNNN even where the key has a name. */
static int
key_parse(const char *name, uint16_t *key_out, enum shape *shape_out, struct err *err)
{
	int64_t value;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcasecmp(keys[i].name, name) == 0) {
			*key_out = (uint16_t)i;
			*shape_out = keys[i].shape;
			return CR_OK;
		}
	if (strncasecmp(name, "key", 3) != 0 || num_parse(name + 3, 0, UINT16_MAX, &value, NULL) != CR_OK)
		return err_set(err, CR_EPARSE, "not a service parameter: '%.40s'", name);
	*key_out = (uint16_t)value;
	*shape_out = SHAPE_OPAQUE;
	return CR_OK;
}

static int
item_add(enum shape shape, const char *item, size_t len, struct buf *out, struct err *err)
{
	uint8_t ip[16];
	uint16_t key;
	enum shape ignored;
	int family = shape == SHAPE_IPV4 ? AF_INET : AF_INET6;

	if (len == 0)
		return err_set(err, CR_EPARSE, "an empty item in a list");
	if (shape == SHAPE_ALPN) {
		buf_addc(out, (char)len);
		buf_add(out, item, len);
		return CR_OK;
	}
	if (shape == SHAPE_KEYS) {
		int rc = key_parse(item, &key, &ignored, err);

		if (rc == CR_OK)
			put_number(out, key);
		return rc;
	}
	if (inet_pton(family, item, ip) != 1)
		return err_set(err, CR_EPARSE, "not an IPv%d address: '%.60s'", family == AF_INET ? 4 : 6, item);
	buf_add(out, ip, family == AF_INET ? 4 : 16);
	return CR_OK;
}

/* RFC 9460 appendix A.1: items between commas; a backslash, here behind the string's own escapes, keeps a comma. */
static int
list_parse(enum shape shape, const struct buf *text, struct buf *out, struct err *err)
{
	const char *p = buf_str(text);
	const char *end = p + text->len;

	for (;; p++) {
		char item[ITEM_MAX];
		size_t len = 0;
		int rc;

		for (; p < end && *p != ','; p++) {
			if (*p == '\\' && ++p == end)
				return err_set(err, CR_EPARSE, "broken escape");
			if (*p == '\0' || len == sizeof(item) - 1)
				return err_set(err, CR_EPARSE, "a broken item in a list");
			item[len++] = *p;
		}
		item[len] = '\0';
		rc = item_add(shape, item, len, out, err);
		if (rc != CR_OK || p == end)
			return rc;
	}
}

/* text: escapes of the master file taken out. */
static int
value_parse(enum shape shape, const struct buf *text, struct buf *out, struct err *err)
{
	int64_t port;
	int rc;

	switch (shape) {
	case SHAPE_KEYS:
	case SHAPE_ALPN:
	case SHAPE_IPV4:
	case SHAPE_IPV6:
		return list_parse(shape, text, out, err);
	case SHAPE_PORT:
		rc = num_parse(buf_str(text), 0, UINT16_MAX, &port, err);
		if (rc == CR_OK)
			put_number(out, (size_t)port);
		return rc;
	case SHAPE_ECH:
		return coding_decode(CODING_BASE64, buf_str(text), text->len, out, err);
	case SHAPE_FLAG:
		return text->len == 0 ? CR_OK : err_set(err, CR_EPARSE, "a value where none belongs");
	case SHAPE_OPAQUE:
		break;
	}
	buf_add(out, buf_str(text), text->len);
	return CR_OK;
}

/* KEY, KEY=VALUE or KEY="VALUE"; *pos stands behind t, the word, of which a quoted value is the next one without a blank between. */
static int
param_parse(const char **pos, const struct token *t, struct param *out, struct err *err)
{
	const char *equals = memchr(t->text, '=', t->len);
	size_t name_len = equals != NULL ? (size_t)(equals - t->text) : t->len;
	struct token name = {.text = t->text, .len = name_len};
	struct token value = {.text = t->text + t->len};
	struct buf text = {.max_bytes = UINT16_MAX};
	char name_text[32];
	enum shape shape;
	bool found;
	int rc = token_copy(&name, name_text, sizeof(name_text), err);

	if (rc == CR_OK)
		rc = key_parse(name_text, &out->key, &shape, err);
	if (rc == CR_OK && equals != NULL) {
		value.text = equals + 1;
		value.len = t->len - name_len - 1;
		if (value.len == 0 && **pos == '"')
			rc = token_next(pos, &value, &found, err);
	}
	if (rc == CR_OK)
		rc = token_decode(&value, &text, err);
	if (rc == CR_OK)
		rc = value_parse(shape, &text, &out->value, err);
	if (rc == CR_OK)
		rc = buf_check(&out->value, "service parameter", err);
	buf_release(&text);
	return rc;
}

static int
compare_params(const void *a, const void *b)
{
	return (int)((const struct param *)a)->key - (int)((const struct param *)b)->key;
}

int
svcb_parse(const char **pos, struct buf *out, struct err *err)
{
	struct param params[PARAMS_MAX] = {0};
	size_t n = 0;
	bool found;
	int rc;

	for (;;) {
		struct token t;

		rc = token_next(pos, &t, &found, err);
		if (rc != CR_OK || !found)
			break;
		if (n == PARAMS_MAX) {
			rc = err_set(err, CR_EPARSE, "more than %d service parameters", PARAMS_MAX);
			break;
		}
		params[n].value.max_bytes = UINT16_MAX;
		rc = param_parse(pos, &t, &params[n++], err);
		if (rc != CR_OK)
			break;
	}
	/* Two of one key come to light in svcb_is_sound, which sees every record. */
	qsort(params, n, sizeof(*params), compare_params);
	for (size_t i = 0; i < n; i++) {
		put_number(out, params[i].key);
		put_number(out, params[i].value.len);
		buf_add(out, buf_str(&params[i].value), params[i].value.len);
		buf_release(&params[i].value);
	}
	return rc;
}

bool
svcb_is_sound(const uint8_t *data, size_t len)
{
	int last = -1;

	while (len > 0) {
		size_t n;

		if (len < 4 || (int)number(data) <= last)
			return false;
		last = (int)number(data);
		n = number(data + 2);
		if (n > len - 4)
			return false;
		data += 4 + n;
		len -= 4 + n;
	}
	return true;
}

/* Items of equal size: addresses. */
static bool
format_addresses(int family, const uint8_t *data, size_t len, struct buf *out)
{
	size_t size = family == AF_INET ? 4 : 16;

	if (len == 0 || len % size != 0)
		return false;
	for (size_t i = 0; i < len; i += size) {
		char text[INET6_ADDRSTRLEN];

		buf_adds(out, i > 0 ? "," : "=");
		buf_adds(out, inet_ntop(family, data + i, text, sizeof(text)));
	}
	return true;
}

/* Protocol ids of letters, digits and "-./": all that are registered for web servers; others need escapes twice, and go as keyNNN. */
static bool
format_alpn(const uint8_t *data, size_t len, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./";

	for (size_t pos = 0; pos < len; pos += 1U + data[pos]) {
		if (data[pos] == 0 || data[pos] > len - pos - 1)
			return false;
		for (size_t i = 0; i < data[pos]; i++)
			if (data[pos + 1 + i] == '\0' || strchr(plain, data[pos + 1 + i]) == NULL)
				return false;
		buf_adds(out, pos > 0 ? "," : "=");
		buf_add(out, data + pos + 1, data[pos]);
	}
	return len > 0;
}

static void
format_key(unsigned key, struct buf *out)
{
	if (key < ARRAY_LEN(keys))
		buf_adds(out, keys[key].name);
	else
		buf_addf(out, "key%u", key);
}

static bool
format_keys(const uint8_t *data, size_t len, struct buf *out)
{
	if (len == 0 || len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		buf_adds(out, i > 0 ? "," : "=");
		format_key(number(data + i), out);
	}
	return true;
}

/* The value with its '='; false when the key's own shape does not fit it. */
static bool
format_shaped(enum shape shape, const uint8_t *data, size_t len, struct buf *out)
{
	switch (shape) {
	case SHAPE_KEYS:
		return format_keys(data, len, out);
	case SHAPE_ALPN:
		return format_alpn(data, len, out);
	case SHAPE_FLAG:
		return len == 0;
	case SHAPE_PORT:
		if (len == 2)
			buf_addf(out, "=%u", number(data));
		return len == 2;
	case SHAPE_IPV4:
		return format_addresses(AF_INET, data, len, out);
	case SHAPE_IPV6:
		return format_addresses(AF_INET6, data, len, out);
	case SHAPE_ECH:
		buf_addc(out, '=');
		coding_encode(CODING_BASE64, data, len, out);
		return len > 0;
	case SHAPE_OPAQUE:
		break;
	}
	return false;
}

static void
format_param(unsigned key, const uint8_t *data, size_t len, struct buf *out)
{
	struct buf shaped = {.max_bytes = out->max_bytes};

	if (key < ARRAY_LEN(keys) && format_shaped(keys[key].shape, data, len, &shaped)) {
		format_key(key, out);
		buf_add(out, buf_str(&shaped), shaped.len);
		/* A failure of the part is one of the whole. */
		if (shaped.failed != CR_OK)
			out->failed = shaped.failed;
	} else {
		buf_addf(out, "key%u=\"", key);
		for (size_t i = 0; i < len; i++)
			txt_format_byte(data[i], out);
		buf_addc(out, '"');
	}
	buf_release(&shaped);
}

void
svcb_format(const uint8_t *data, size_t len, struct buf *out)
{
	for (size_t pos = 0; pos < len;) {
		size_t n = number(data + pos + 2);

		if (pos > 0)
			buf_addc(out, ' ');
		format_param(number(data + pos), data + pos + 4, n, out);
		pos += 4 + n;
	}
}
