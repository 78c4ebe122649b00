/*
 * local_passwd.c - SHA512-CRYPT through crypt_r(3).
 *
 * Sources: crypt(5) "sha512crypt"; Dovecot "Password Schemes".  A hash is salted, so two hashes of one password differ: they are
 * compared by hashing again under the stored salt.
 */
#include "provision/mailhosts/local_passwd.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/lazy.h"

#define CALLS(X) X(crypt_r)
LAZY_LIBRARY(libcrypt, "libcrypt.so.1", "libcrypt1", CALLS);
#define crypt_r libcrypt.crypt_r

#define SCHEME   "{SHA512-CRYPT}"
#define METHOD   "$6$"
#define SALT_LEN 16
#define HASH_MAX 256

/* Hash under setting (a salt, or a whole old hash, of which the salt counts) into out. */
static int
hash_under(const char *setting, const struct secret *password, char out[HASH_MAX], struct err *err)
{
	struct crypt_data *data;
	const char *hash;
	size_t len;
	int rc = lazy_need(&libcrypt_lazy, err);

	if (rc != CR_OK)
		return rc;
	data = calloc(1, sizeof(*data)); /* 32 kB: too much for a thread's stack */
	if (data == NULL)
		return err_nomem(err, "password hash");
	hash = crypt_r(secret_bytes(password, &len), setting, data);
	/* libxcrypt tells of a failure by a text that starts with '*'. */
	if (hash == NULL || strncmp(hash, METHOD, strlen(METHOD)) != 0 || strlen(hash) >= HASH_MAX)
		rc = err_set(err, CR_EIO, "crypt: SHA-512 password hashes are not supported here");
	else
		(void)snprintf(out, HASH_MAX, "%s", hash);
	secret_wipe(data, sizeof(*data));
	free(data);
	return rc;
}

int
passwd_hash(const struct secret *password, struct buf *out, struct err *err)
{
	static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	char setting[sizeof(METHOD) + SALT_LEN + 1] = METHOD;
	char hash[HASH_MAX];
	struct secret *random = NULL;
	const char *bytes;
	size_t len;
	int rc;

	rc = secret_random(SALT_LEN, &random, err);
	if (rc != CR_OK)
		return rc;
	bytes = secret_bytes(random, &len);
	for (size_t i = 0; i < SALT_LEN; i++)
		setting[strlen(METHOD) + i] = alphabet[(unsigned char)bytes[i] & 63U];
	setting[strlen(METHOD) + SALT_LEN] = '$';
	secret_drop(&random);
	rc = hash_under(setting, password, hash, err);
	if (rc == CR_OK)
		buf_addf(out, SCHEME "%s", hash);
	return rc;
}

int
passwd_verify(const char *field, size_t len, const struct secret *password, bool *same_out, struct err *err)
{
	const size_t scheme = strlen(SCHEME);
	char stored[HASH_MAX], hash[HASH_MAX];
	int rc;

	*same_out = false;
	if (len <= scheme || strncasecmp(field, SCHEME METHOD, scheme + strlen(METHOD)) != 0 ||
	    len - scheme >= sizeof(stored))
		return CR_OK;
	memcpy(stored, field + scheme, len - scheme);
	stored[len - scheme] = '\0';
	rc = hash_under(stored, password, hash, err);
	/* A damaged salt is no hash of anything. */
	if (rc == CR_EIO)
		return CR_OK;
	if (rc == CR_OK)
		*same_out = strcmp(hash, stored) == 0;
	return rc;
}
