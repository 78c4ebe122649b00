/*
 * test_dkim_rsa.c - what is read of an RSA key by hand is what libcrypto reads of it, whatever byte is changed.
 */
#include "tests/lib/rows.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "dns/dkim_inside.h"

#define KEY_MAX 2048

static size_t
make_key(unsigned bits, uint8_t out[KEY_MAX])
{
	EVP_PKEY *key = EVP_RSA_gen(bits);
	uint8_t *at = out;
	int len = i2d_PUBKEY(key, NULL);

	assert_true(len > 0 && len <= KEY_MAX);
	(void)i2d_PUBKEY(key, &at);
	EVP_PKEY_free(key);
	return (size_t)len;
}

/* If it is taken by hand: does libcrypto read the same of all of it, and write it so? */
static bool
check_same(const uint8_t *der, size_t len)
{
	const uint8_t *at = der;
	uint8_t written[KEY_MAX + 64], *to = written;
	EVP_PKEY *key;
	unsigned bits;

	if (!dkim_rsa_is_plain(der, len, &bits))
		return false;
	key = d2i_PUBKEY(NULL, &at, (long)len);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_base_id(key), EVP_PKEY_RSA);
	assert_ptr_equal(at, der + len);
	assert_int_equal(EVP_PKEY_get_bits(key), bits);
	assert_int_equal(i2d_PUBKEY(key, NULL), len);
	(void)i2d_PUBKEY(key, &to);
	assert_memory_equal(written, der, len);
	EVP_PKEY_free(key);
	return true;
}

static const struct size_row {
	const char *name;
	unsigned bits;
} sizes[] = {
	{"a short key",			  512 },
        {"one of which no length fits a byte",   1024},
	{"the usual one",                        2048},
        {"one whose bits do not fill its bytes", 1031},
	{"a long one",			   4096},
};

static void
dkim_rsa__every_key_that_libcrypto_writes_is_plain(void **state)
{
	const struct size_row *r = *state;
	uint8_t der[KEY_MAX];
	size_t len = make_key(r->bits, der);
	unsigned bits = 0;

	assert_true(dkim_rsa_is_plain(der, len, &bits));
	assert_int_equal(bits, r->bits);
	assert_true(check_same(der, len));
}

static void
dkim_rsa__whatever_byte_is_changed(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x83, 0xff};
	uint8_t der[KEY_MAX];
	size_t len = make_key(1024, der), taken = 0;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		/* Within the modulus one byte is as good as another: only its ends. */
		if (i > 40 && i + 12 < len)
			continue;
		for (size_t v = 0; v < ARRAY_LEN(values); v++) {
			const uint8_t was = der[i];

			der[i] = values[v];
			taken += check_same(der, len);
			der[i] = was;
		}
	}
	assert_true(taken > 0);
}

static void
dkim_rsa__cut_off_or_longer_it_is_left_to_libcrypto(void **state)
{
	uint8_t der[KEY_MAX] = {0};
	size_t len = make_key(1024, der);
	unsigned bits;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		uint8_t *cut = malloc(i + 1);

		/* Its end is the end of its memory, so that a look beyond it is seen. */
		assert_non_null(cut);
		memcpy(cut, der, i);
		assert_false(dkim_rsa_is_plain(cut, i, &bits));
		free(cut);
	}
	assert_false(dkim_rsa_is_plain(der, len + 1, &bits));
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, sizes, dkim_rsa__every_key_that_libcrypto_writes_is_plain);
	TEST(tests, n, dkim_rsa__whatever_byte_is_changed);
	TEST(tests, n, dkim_rsa__cut_off_or_longer_it_is_left_to_libcrypto);
	return rows_run("dns/dkim_rsa", tests, n);
}
