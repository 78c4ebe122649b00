/*
 * test_dkim.c - what dkim.h promises: keys that OpenSSL reads, records that receivers read, and one key whatever its spelling.
 */
#include "tests/lib/rows.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "dns/dkim.h"

/* Made for these tests only. */
#define RSA_2048_P                                                                                                     \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxpOvxiP0TnO7UfjvA7S6Mn7v4Q3dcdRCsJeCpkLvD5AKZC"                   \
	"of6dGYyPSmywDV3jy7GYcOTfQlM29tedeckHsW9jjXw63B/hPOrFb+6POTn3giMntxcdrsyh30NNwmKWIl9OQUOzK2"                   \
	"B760lfBRIosIL7SXutyyQVyHMVvWU+BZ5aRV9b6w34u4mOl3NydZWEfJLuUuSJ1yOPKr3/UjeiV3BrN+pQMhO4uoJb"                   \
	"IV2poWhk5ZIQNffG/QLB8/1X1VypaJ+bTmsKJrOfC/FNBow+b8AiaI+9UbKnSonrK2nwmy1JgpNs9Lkpy5Cs+rC6gk"                   \
	"wC3Z7RQpEPKz23VLck0wRPbcpwIDAQAB"
#define RSA_1024_P                                                                                                     \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCuYsu20ySVQkRl2wsA0av/d1HH/5b77p7FKBtEMYs2pXYK1Y3/8h"                   \
	"F2Xv9fWchmvyn23+IUXvWm5cA1o0QAJJtCarkWvyoFxWTFgFGta5rtMrnBsxtfjfs7ZxGAYXf8TynOkYnh/e6M4qHb"                   \
	"4ihyBnbnt81ENsjxocfCgavVxoiFOwIDAQAB"
#define RSA_1024_PKCS1_P                                                                                               \
	"MIGJAoGBAK5iy7bTJJVCRGXbCwDRq/93Ucf/lvvunsUoG0QxizaldgrVjf/yEXZe/19ZyGa/Kfbf4hRe9ablwDWjRA"                   \
	"Akm0JquRa/KgXFZMWAUa1rmu0yucGzG1+N+ztnEYBhd/xPKc6RieH97oziodviKHIGdue3zUQ2yPGhx8KBq9XGiIU7"                   \
	"AgMBAAE="
#define ED25519_P "gNUenG5QL/XKtYIFnH/zgstdsTTLyDT0QVWW0Xxpc5w="
static const char rsa_1024_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				   "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAK5iy7bTJJVCRGXb\n"
				   "CwDRq/93Ucf/lvvunsUoG0QxizaldgrVjf/yEXZe/19ZyGa/Kfbf4hRe9ablwDWj\n"
				   "RAAkm0JquRa/KgXFZMWAUa1rmu0yucGzG1+N+ztnEYBhd/xPKc6RieH97oziodvi\n"
				   "KHIGdue3zUQ2yPGhx8KBq9XGiIU7AgMBAAECgYBLUZyPIG8CkJaeL5d3CRhyxIRs\n"
				   "D3aU5aFpokL0lzl7psdvMoGcdF8aczl1Y3/s8NAdMuGgzsrnBQCZqiSqsyTjOcLC\n"
				   "SB1JKhL/XRSw7T82JBvC0h9LDRQHQ7RmZNk7YuQrbTfdEd69QV3ydnQys4I6lfFO\n"
				   "ee/tiT+fHRN6CMAtQQJBAOSpgLma6oUZn5oWL6walHRHEtYJYDbns3RpVFBwTVdQ\n"
				   "Jh9w4ffEmDZQWVu050ER/Qmf7cF4Yhuxlp9WRxmF/pECQQDDPBmtOI/MVGVn3m2d\n"
				   "NIbyanHRRp98/0Tzw2ltjb/4RTBBl4qZVHPUwJuumc5QgDqS3XmqF4ioY58CF2o1\n"
				   "UcULAkEA3wRPDzd/ykceedtvrYzTA8GaJnVIiORdC4n7eOS/GgyK0hl32v68ciTV\n"
				   "snLzJWzU/YElE5BFJ7uCK2+rssIUcQJBALc4b+BgdJMNoR0ZYUVnRj26J5Z+8K4d\n"
				   "4lfhy89EeCRGykLENQ4wc4P2PiRds4FY1Z9+ue8mptlgpJkR4FqpooECQEx21aHt\n"
				   "4jGdnG1sZBPqBvstyp0lJoZMuZzCwI7UeK/igLnRPFrRI7a/CPtPPJftgaex7cHR\n"
				   "0Fmm25NJ6WNppqc=\n"
				   "-----END PRIVATE KEY-----\n";
static const char rsa_1024_pkcs1_pem[] = "-----BEGIN RSA PRIVATE KEY-----\n"
					 "MIICXQIBAAKBgQCuYsu20ySVQkRl2wsA0av/d1HH/5b77p7FKBtEMYs2pXYK1Y3/\n"
					 "8hF2Xv9fWchmvyn23+IUXvWm5cA1o0QAJJtCarkWvyoFxWTFgFGta5rtMrnBsxtf\n"
					 "jfs7ZxGAYXf8TynOkYnh/e6M4qHb4ihyBnbnt81ENsjxocfCgavVxoiFOwIDAQAB\n"
					 "AoGAS1GcjyBvApCWni+XdwkYcsSEbA92lOWhaaJC9Jc5e6bHbzKBnHRfGnM5dWN/\n"
					 "7PDQHTLhoM7K5wUAmaokqrMk4znCwkgdSSoS/10UsO0/NiQbwtIfSw0UB0O0ZmTZ\n"
					 "O2LkK2033RHevUFd8nZ0MrOCOpXxTnnv7Yk/nx0TegjALUECQQDkqYC5muqFGZ+a\n"
					 "Fi+sGpR0RxLWCWA257N0aVRQcE1XUCYfcOH3xJg2UFlbtOdBEf0Jn+3BeGIbsZaf\n"
					 "VkcZhf6RAkEAwzwZrTiPzFRlZ95tnTSG8mpx0UaffP9E88NpbY2/+EUwQZeKmVRz\n"
					 "1MCbrpnOUIA6kt15qheIqGOfAhdqNVHFCwJBAN8ETw83f8pHHnnbb62M0wPBmiZ1\n"
					 "SIjkXQuJ+3jkvxoMitIZd9r+vHIk1bJy8yVs1P2BJROQRSe7gitvq7LCFHECQQC3\n"
					 "OG/gYHSTDaEdGWFFZ0Y9uieWfvCuHeJX4cvPRHgkRspCxDUOMHOD9j4kXbOBWNWf\n"
					 "frnvJqbZYKSZEeBaqaKBAkBMdtWh7eIxnZxtbGQT6gb7LcqdJSaGTLmcwsCO1Hiv\n"
					 "4oC50Txa0SO2vwj7TzyX7YGnse3B0dBZptuTSeljaaan\n"
					 "-----END RSA PRIVATE KEY-----\n";
static const char ed25519_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIFvaRMlnr8ycU7249h7Sa+39Jh5da0S4QsNtJE1SuUS8\n"
				  "-----END PRIVATE KEY-----\n";
static const char ec_pem[] = "-----BEGIN PRIVATE KEY-----\n"
			     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgytFjWZxWr0IIdqd+\n"
			     "XVxICwrO3VTfPx/MIwRqGQxnUl+hRANCAASlKVGEKriBqNrfMPuAoo12gNMLph2q\n"
			     "LPB6BXa9IqQQvAYhMnCLSjYy2MKRM5fegHADNuSdP1ZT7q9uE0fNC3Ph\n"
			     "-----END PRIVATE KEY-----\n";
static const char encrypted_pem[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjAbFRnX8HJTgICCAAw\n"
				    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEFhzdZqfb86AJ+u1wnbuTFkEQIHs\n"
				    "ZTXUGM8rbe2a55U8C4HEpHl/NGRpIbt+woYnJGtRHhQiHM6MeHAzcApOBVoJIh07\n"
				    "l8bDGGpEECz7dMf5qjE=\n"
				    "-----END ENCRYPTED PRIVATE KEY-----\n";

static const struct parsed {
	const char *name;
	const char *text;
	int want_rc;
	enum dkim_algorithm algorithm;
	unsigned bits;
	bool revoked, testing;
	const char *want_err;
} parsed[] = {
	{"an RSA key of 2048 bits",                "v=DKIM1; k=rsa; p=" RSA_2048_P,                                             CR_OK,     DKIM_RSA,     2048, false, false, NULL                  },
	{"RSA is the default",                     "p=" RSA_2048_P,							     CR_OK,     DKIM_RSA,     2048, false, false, NULL                  },
	{"an RSA key of 1024 bits tells its size", "v=DKIM1; k=rsa; p=" RSA_1024_P,                                             CR_OK,     DKIM_RSA,     1024, false, false,
         NULL																						      },
	{"a bare RSAPublicKey is read too",        "v=DKIM1; p=" RSA_1024_PKCS1_P,                                              CR_OK,     DKIM_RSA,     1024, false, false, NULL                  },
	{"an Ed25519 key",                         "v=DKIM1; k=ed25519; p=" ED25519_P,                                          CR_OK,     DKIM_ED25519, 256,  false, false, NULL                  },
	{"blanks inside p",                        "v=DKIM1; k=ed25519; p= gNUenG5QL/XKtYIFnH/z \t gstdsTTLyDT0QVWW0Xxpc5w= ;", CR_OK,
         DKIM_ED25519,																   256,  false, false, NULL                  },
	{"testing is told",                        "v=DKIM1; t=y:s; k=ed25519; p=" ED25519_P,                                   CR_OK,     DKIM_ED25519, 256,  false, true,  NULL                  },
	{"strict subdomains are no testing",       "v=DKIM1; t=s; k=ed25519; p=" ED25519_P,                                     CR_OK,     DKIM_ED25519, 256,  false,
         false,																			      NULL                  },
	{"an unknown tag is ignored",              "v=DKIM1; zz=1; n=note; k=ed25519; p=" ED25519_P,                            CR_OK,     DKIM_ED25519, 256,  false,
         false,																			      NULL                  },
	{"h may allow sha256 among others",        "v=DKIM1; h=sha1:sha256; s=email; k=ed25519; p=" ED25519_P,                  CR_OK,
         DKIM_ED25519,																   256,  false, false, NULL                  },
	{"an empty p is a revoked key",            "v=DKIM1; k=rsa; p=",                                                        CR_OK,     DKIM_RSA,     0,    true,  false, NULL                  },
	{"a missing p is named",                   "v=DKIM1; k=rsa",							    CR_EPARSE, 0,            0,    false, false, "p: missing"          },
	{"p that is no base64 is named",           "v=DKIM1; p=%%%%",                                                           CR_EPARSE, 0,            0,    false, false, "p: not base64"       },
	{"a key cut short is named",               "v=DKIM1; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxpOv",               CR_EPARSE, 0,            0,
         false,																		       false, "p: not an rsa key"   },
	{"the strings in the wrong order",         "uUuSJ1yOPKr3/UjeiV3AQABv=DKIM1; k=rsa; p=MIIBIjAN",                         CR_EPARSE, 0,            0,    false,
         false,																			      "not a tag"           },
	{"quotes left in",                         "\"v=DKIM1; k=rsa; p=MIIB\" \"IjAN\"",                                       CR_EPARSE, 0,            0,    false, false, "not a tag"           },
	{"backslashes left in",                    "v=DKIM1\\; k=rsa\\; p=MIIB",                                                CR_EPARSE, 0,            0,    false, false, "v: must be DKIM1"    },
	{"another version",                        "v=DKIM2; k=ed25519; p=" ED25519_P,                                          CR_EPARSE, 0,            0,    false, false, "v: must be DKIM1"    },
	{"a version that is not first",            "k=ed25519; v=DKIM1; p=" ED25519_P,                                          CR_EPARSE, 0,            0,    false, false,
         "v: must be DKIM1"																					},
	{"an SPF record at the selector",          "v=spf1 -all",							       CR_EPARSE, 0,            0,    false, false, "v: must be DKIM1"    },
	{"an Ed25519 key that says rsa",           "v=DKIM1; k=rsa; p=" ED25519_P,                                              CR_EPARSE, 0,            0,    false, false,
         "p: not an rsa key"																				       },
	{"an RSA key that says ed25519",           "v=DKIM1; k=ed25519; p=" RSA_2048_P,                                         CR_EPARSE, 0,            0,    false, false,
         "32 bytes, not 294"																				       },
	{"an Ed25519 key as SubjectPublicKeyInfo",
         "v=DKIM1; k=ed25519; p=MCowBQYDK2VwAyEAgNUenG5QL/XKtYIFnH/zgstdsTTLyDT0QVWW0Xxpc5w=",                                  CR_EPARSE, 0,            0,    false,
         false,																			      "SubjectPublicKeyInfo"},
	{"an algorithm nobody knows",              "v=DKIM1; k=dsa; p=AAAA",                                                    CR_EPARSE, 0,            0,    false, false, "k: neither"          },
	{"a key for SHA-1 only",                   "v=DKIM1; h=sha1; k=ed25519; p=" ED25519_P,                                  CR_EPARSE, 0,            0,    false, false,
         "h: sha256"																					       },
	{"a key for another service",              "v=DKIM1; s=tlsrpt; k=ed25519; p=" ED25519_P,                                CR_EPARSE, 0,            0,    false, false,
         "s: not for email"																					},
	{"a tag that stands twice",                "v=DKIM1; k=ed25519; p=; p=" ED25519_P,                                      CR_EPARSE, 0,            0,    false, false,
         "'p' stands twice"																					},
	{"bytes behind the key",                   "v=DKIM1; p=MCowBQYDK2VwAyEAgNUenG5QL/XKtYIFnH/zgstdsTTLyDT0QVWW0Xxpc5wA",   CR_EPARSE,
         0,																	      0,    false, false, "p: not an rsa key"   },
};

static void
check_parsed(void **state)
{
	const struct parsed *r = *state;
	bool revoked = false, testing = false;
	struct dkim_public k = {0};
	struct err err = {0};

	assert_int_equal(dkim_record_parse(r->text, &k, &revoked, &testing, &err), r->want_rc);
	if (r->want_rc != CR_OK) {
		assert_non_null(strstr(err.text, r->want_err));
		return;
	}
	assert_int_equal(k.algorithm, r->algorithm);
	assert_int_equal(k.bits, r->bits);
	assert_int_equal(revoked, r->revoked);
	assert_int_equal(testing, r->testing);
	assert_int_equal(k.len == 0, r->revoked);
}

static const struct made {
	const char *name;
	enum dkim_algorithm algorithm;
	size_t record_bytes; /* of "v=DKIM1; k=...; p=..." */
} made[] = {
	{"an RSA key is made, published and read back",     DKIM_RSA,     410},
	{"an Ed25519 key is made, published and read back", DKIM_ED25519, 66 },
};

static void
check_made(void **state)
{
	const struct made *r = *state;
	struct dkim_public public, derived, published;
	bool revoked = true, testing = true;
	struct secret *pem = NULL;
	struct buf text = {0};
	struct err err = {0};

	assert_ok(dkim_generate(r->algorithm, &pem, &public, &err), &err);
	assert_memory_equal(secret_bytes(pem, NULL), "-----BEGIN PRIVATE KEY-----\n", 28);
	assert_ok(dkim_public_of(pem, &derived, &err), &err);
	assert_true(dkim_same_key(&public, &derived));
	dkim_record_text(&public, NULL, &text);
	assert_int_equal(text.len, r->record_bytes);
	assert_ok(dkim_record_parse(buf_str(&text), &published, &revoked, &testing, &err), &err);
	assert_true(dkim_same_key(&public, &published));
	assert_false(revoked);
	assert_false(testing);
	secret_drop(&pem);
	buf_release(&text);
}

/* The other library verifies with the public half that ours took out of the key. */
static void
dkim__an_ed25519_signature_of_openssl_verifies_with_our_public_half(void **state)
{
	static const uint8_t message[] = "the hash of a mail";
	uint8_t signature[crypto_sign_BYTES];
	size_t len = sizeof(signature);
	struct dkim_public public;
	struct secret *pem = NULL;
	struct err err = {0};
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;
	BIO *bio;

	(void)state;
	assert_ok(dkim_generate(DKIM_ED25519, &pem, &public, &err), &err);
	bio = BIO_new_mem_buf(secret_bytes(pem, NULL), -1);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, message, sizeof(message)), 1);
	assert_int_equal(crypto_sign_verify_detached(signature, message, sizeof(message), public.data), 0);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(bio);
	secret_drop(&pem);
}

static const struct private_key {
	const char *name;
	const char *pem;
	const char *record; /* NULL: refused */
} private_keys[] = {
	{"PKCS#8 of RSA",			      rsa_1024_pem,						     "v=DKIM1; p=" RSA_1024_P          },
	{"PKCS#1 of RSA",			      rsa_1024_pkcs1_pem,					       "v=DKIM1; p=" RSA_1024_PKCS1_P    },
	{"PKCS#8 of Ed25519",                          ed25519_pem,						      "v=DKIM1; k=ed25519; p=" ED25519_P},
	{"an elliptic curve key is refused",           ec_pem,							   NULL                              },
	{"an encrypted key is refused without asking", encrypted_pem,                                                    NULL                              },
	{"a text that is no key is refused",           "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL                              },
	{"an empty text is refused",                   "",							       NULL                              },
};

static void
check_private_key(void **state)
{
	const struct private_key *r = *state;
	struct dkim_public public = {0}, published;
	bool revoked, testing;
	struct secret *pem = NULL;
	struct err err = {0};

	assert_ok(secret_make(r->pem, strlen(r->pem), &pem, &err), &err);
	if (r->record == NULL) {
		assert_int_equal(dkim_public_of(pem, &public, &err), CR_EPARSE);
		assert_null(strstr(err.text, "AAAA"));
	} else {
		assert_ok(dkim_public_of(pem, &public, &err), &err);
		assert_ok(dkim_record_parse(r->record, &published, &revoked, &testing, &err), &err);
		assert_true(dkim_same_key(&public, &published));
	}
	secret_drop(&pem);
}

static void
dkim__a_revoked_key_is_the_same_as_none(void **state)
{
	struct dkim_public a = {0}, b = {0};

	(void)state;
	assert_false(dkim_same_key(&a, &b));
}

static void
dkim__flags_stand_in_front_of_the_key(void **state)
{
	struct dkim_public k = {
		.algorithm = DKIM_ED25519, .len = 3, .data = {1, 2, 3}
        };
	struct buf text = {0};

	(void)state;
	dkim_record_text(&k, "s", &text);
	assert_string_equal(buf_str(&text), "v=DKIM1; k=ed25519; t=s; p=AQID");
	buf_release(&text);
}

static void
dkim__algorithms_have_the_names_of_the_k_tag(void **state)
{
	enum dkim_algorithm a = DKIM_RSA;
	struct err err = {0};

	(void)state;
	assert_ok(dkim_algorithm_parse("ed25519", &a, &err), &err);
	assert_int_equal(a, DKIM_ED25519);
	assert_string_equal(dkim_algorithm_name(DKIM_RSA), "rsa");
	assert_int_equal(dkim_algorithm_parse("RSA", &a, &err), CR_EPARSE);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, parsed, check_parsed);
	ROWS(tests, n, made, check_made);
	ROWS(tests, n, private_keys, check_private_key);
	TEST(tests, n, dkim__an_ed25519_signature_of_openssl_verifies_with_our_public_half);
	TEST(tests, n, dkim__a_revoked_key_is_the_same_as_none);
	TEST(tests, n, dkim__flags_stand_in_front_of_the_key);
	TEST(tests, n, dkim__algorithms_have_the_names_of_the_k_tag);
	return rows_run("dns/dkim", tests, n);
}
