/*
 * coding.c - one loop for all three codings: each is an alphabet of 2^bits letters (RFC 4648).
 */
#include "dns/coding.h"

#include <string.h>

static const struct {
	const char *name;
	const char *alphabet;
	unsigned bits;
	bool folds_case, pads;
} codings[] = {
	[CODING_HEX] = {"hexadecimal", "0123456789ABCDEF",                                                 4, true,  false},
	[CODING_BASE32HEX] = {"base32hex",   "0123456789ABCDEFGHIJKLMNOPQRSTUV",                                 5, true,  false},
	[CODING_BASE64] = {"base64",      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6, false,
                        true											      },
};

int
coding_decode(enum coding c, const char *text, size_t len, struct buf *out, struct err *err)
{
	unsigned bits = 0;
	unsigned held = 0;

	for (unsigned pad = 0; codings[c].pads && pad < 2 && len > 0 && text[len - 1] == '='; pad++)
		len--;
	for (size_t i = 0; i < len; i++) {
		char letter = text[i];
		const char *at;

		if (codings[c].folds_case && letter >= 'a' && letter <= 'z')
			letter = (char)(letter - 'a' + 'A');
		at = letter != '\0' ? strchr(codings[c].alphabet, letter) : NULL;
		if (at == NULL)
			return err_set(err, CR_EPARSE, "not %s", codings[c].name);
		held = (held << codings[c].bits | (unsigned)(at - codings[c].alphabet)) & 0xffff;
		bits += codings[c].bits;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(held >> bits & 0xff));
		}
	}
	/* What is left must be less than a letter and all zero: else two texts would mean the same bytes. */
	if (bits >= codings[c].bits || (held & ((1U << bits) - 1)) != 0)
		return err_set(err, CR_EPARSE, "%s is cut off", codings[c].name);
	return buf_check(out, codings[c].name, err);
}

void
coding_encode(enum coding c, const uint8_t *data, size_t len, struct buf *out)
{
	const char *alphabet = codings[c].alphabet;
	unsigned width = codings[c].bits;
	unsigned mask = (1U << width) - 1;
	unsigned bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < len; i++) {
		held = (held << 8 | data[i]) & 0xffff;
		for (bits += 8; bits >= width; bits -= width)
			buf_addc(out, alphabet[held >> (bits - width) & mask]);
	}
	if (bits > 0)
		buf_addc(out, alphabet[held << (width - bits) & mask]);
	if (codings[c].pads)
		buf_adds(out, len % 3 == 1 ? "==" : len % 3 == 2 ? "=" : "");
}
