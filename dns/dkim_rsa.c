/*
 * dkim_rsa.c - the usual form of a published RSA key read by hand.
 *
 * Nearly every p= holds a SubjectPublicKeyInfo in DER, of which nothing but the modulus's length is wanted.  libcrypto needs a third of a
 * millisecond to decode it and write it again; a thousand keys are read in a tenth of that.  Whatever is not exactly what libcrypto
 * would write is left to libcrypto.
 *
 * Sources: RFC 8017 A.1 (rsaEncryption), A.1.1 (RSAPublicKey), X.690 s8.3 and s10.1 (DER: shortest lengths and integers).
 */
#include "dns/dkim_inside.h"

#include <string.h>

#define TAG_INTEGER    0x02
#define TAG_BIT_STRING 0x03
#define TAG_SEQUENCE   0x30

/* What is still to be read. */
struct der {
	const uint8_t *at, *end;
};

/* The contents of the next value, which has to have this tag and the shortest length. */
static bool
take(struct der *from, uint8_t tag, struct der *out)
{
	size_t len, more;

	if (from->end - from->at < 2 || from->at[0] != tag)
		return false;
	len = from->at[1];
	from->at += 2;
	if (len >= 0x80) {
		more = len - 0x80;
		if (more < 1 || more > 2 || (size_t)(from->end - from->at) < more)
			return false;
		len = more == 1 ? from->at[0] : (size_t)from->at[0] << 8 | from->at[1];
		from->at += more;
		if (len < (more == 1 ? 0x80U : 0x100U))
			return false;
	}
	if ((size_t)(from->end - from->at) < len)
		return false;
	*out = (struct der){from->at, from->at + len};
	from->at += len;
	return true;
}

/* A positive integer without a superfluous zero in front; its length in bits. */
static bool
take_positive(struct der *from, unsigned *bits_out)
{
	struct der value;
	unsigned bits;
	uint8_t top;

	if (!take(from, TAG_INTEGER, &value) || value.at == value.end || value.at[0] >= 0x80)
		return false;
	if (value.at[0] == 0) {
		if (value.end - value.at < 2 || value.at[1] < 0x80)
			return false;
		value.at++;
	}
	bits = (unsigned)(value.end - value.at) * 8;
	for (top = value.at[0]; top < 0x80; top = (uint8_t)(top << 1))
		bits--;
	*bits_out = bits;
	return true;
}

bool
dkim_rsa_is_plain(const uint8_t *der, size_t len, unsigned *bits_out)
{
	static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
	                                    0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	struct der all = {der, der + len}, info, bits, key;
	unsigned exponent;

	if (!take(&all, TAG_SEQUENCE, &info) || all.at != all.end)
		return false;
	if ((size_t)(info.end - info.at) < sizeof(algorithm) || memcmp(info.at, algorithm, sizeof(algorithm)) != 0)
		return false;
	info.at += sizeof(algorithm);
	/* A bit string begins with the number of its unused bits. */
	if (!take(&info, TAG_BIT_STRING, &bits) || info.at != info.end || bits.at == bits.end || *bits.at++ != 0)
		return false;
	return take(&bits, TAG_SEQUENCE, &key) && bits.at == bits.end && take_positive(&key, bits_out) &&
	       take_positive(&key, &exponent) && key.at == key.end;
}
