/*
 * secret.c - guarded memory for secrets, references to them, and the installation's key.
 *
 * Sources: libsodium 1.0.18 documentation, "Securing memory allocations", "Secret-key authenticated encryption",
 * "Generic hashing".
 * Invariants: a secret's bytes live only in sodium_malloc memory; what passes through other memory is wiped before the
 * function returns; no error text holds a value.
 */
#include "core/secret.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "core/file.h"
#include "core/lazy.h"

/* clang-format off */
#define CALLS(X) \
	X(crypto_generichash) X(crypto_generichash_final) X(crypto_generichash_init) \
	X(crypto_generichash_update) X(crypto_shorthash) X(crypto_secretbox_easy) X(crypto_secretbox_open_easy) \
	X(randombytes_buf) X(sodium_base642bin) X(sodium_bin2base64) X(sodium_bin2hex) X(sodium_free) \
	X(sodium_init) X(sodium_malloc) X(sodium_mprotect_readonly)
/* clang-format on */
LAZY_LIBRARY(libsodium, "libsodium.so.23", "libsodium23", CALLS);
#define crypto_generichash         libsodium.crypto_generichash
#define crypto_generichash_final   libsodium.crypto_generichash_final
#define crypto_generichash_init    libsodium.crypto_generichash_init
#define crypto_generichash_update  libsodium.crypto_generichash_update
#define crypto_shorthash           libsodium.crypto_shorthash
#define crypto_secretbox_easy      libsodium.crypto_secretbox_easy
#define crypto_secretbox_open_easy libsodium.crypto_secretbox_open_easy
#define randombytes_buf            libsodium.randombytes_buf
#define sodium_base642bin          libsodium.sodium_base642bin
#define sodium_bin2base64          libsodium.sodium_bin2base64
#define sodium_bin2hex             libsodium.sodium_bin2hex
#define sodium_free                libsodium.sodium_free
#define sodium_init                libsodium.sodium_init
#define sodium_malloc              libsodium.sodium_malloc
#define sodium_mprotect_readonly   libsodium.sodium_mprotect_readonly

#define KEY_BYTES     32
#define KEY_FILE_MAX  128
#define SEAL_OVERHEAD (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)

static_assert(KEY_BYTES == crypto_secretbox_KEYBYTES, "a subkey is a secretbox key");
static_assert(KEY_BYTES <= crypto_generichash_KEYBYTES_MAX, "a subkey keys the hash");

#define ADDRESS_PURPOSE "address"

struct secret {
	size_t len;
	char *bytes; /* sodium_malloc'ed, len + 1 */
};

struct vault {
	uint8_t *key; /* sodium_malloc'ed, read-only: KEY_BYTES, and as many of the subkey that hashes addresses */
};

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;

static void
start_sodium(void)
{
	int rc = sodium_init();

	/* Fails only without a source of randomness, and then nothing here may run. */
	assert(rc >= 0);
	(void)rc;
}

static int
need_sodium(struct err *err)
{
	int rc = lazy_need(&libsodium_lazy, err);

	if (rc == CR_OK)
		(void)pthread_once(&sodium_once, start_sodium);
	return rc;
}

/* For what cannot fail. */
static void
must_sodium(void)
{
	lazy_must(&libsodium_lazy);
	(void)pthread_once(&sodium_once, start_sodium);
}

/*
 * Room for len bytes and the NUL, contents undefined.  sodium_malloc locks what RLIMIT_MEMLOCK allows and goes on without
 * the lock beyond it: guard pages, canary, exclusion from core dumps and wiping stay, only swapping is then possible.
 */
static int
allocate(size_t len, struct secret **out, struct err *err)
{
	struct secret *s;
	int rc;

	if (len > SECRET_MAX_BYTES)
		return err_set(err, CR_EPARSE, "secret is longer than the limit of %d bytes", SECRET_MAX_BYTES);
	rc = need_sodium(err);
	if (rc != CR_OK)
		return rc;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_nomem(err, "a secret");
	s->bytes = sodium_malloc(len + 1);
	if (s->bytes == NULL) {
		free(s);
		return err_nomem(err, "a secret");
	}
	s->len = len;
	s->bytes[len] = '\0';
	*out = s;
	return CR_OK;
}

int
secret_make(const void *data, size_t len, struct secret **out, struct err *err)
{
	struct secret *s;
	int rc = allocate(len, &s, err);

	if (rc != CR_OK)
		return rc;
	if (len > 0)
		memcpy(s->bytes, data, len);
	*out = s;
	return CR_OK;
}

int
secret_random(size_t len, struct secret **out, struct err *err)
{
	struct secret *s;
	int rc = allocate(len, &s, err);

	if (rc != CR_OK)
		return rc;
	randombytes_buf(s->bytes, len);
	*out = s;
	return CR_OK;
}

void
secret_drop(struct secret **s)
{
	if (*s == NULL)
		return;
	sodium_free((*s)->bytes); /* wipes, and aborts when the canary was overwritten */
	free(*s);
	*s = NULL;
}

const char *
secret_bytes(const struct secret *s, size_t *len_out)
{
	if (len_out != NULL)
		*len_out = s->len;
	return s->bytes;
}

void
secret_wipe(void *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
}

void
secret_wipe_buf(struct buf *b)
{
	secret_wipe(b->data, b->cap);
	buf_release(b);
}

/* A private file, whole, into the max_bytes + 1 bytes at to.  Errors: CR_ENOTFOUND, CR_ECONFIG, CR_EIO, CR_ENOMEM. */
static int
read_private(const char *path, size_t max_bytes, char *to, size_t *len_out, struct err *err)
{
	size_t used = 0;
	struct stat st = {0};
	int fd = -1, rc;

	rc = file_open(path, &fd, &st, err);
	if (rc != CR_OK)
		return rc;
	rc = file_check_private(path, &st, err);
	/* One byte more than allowed shows a file that is too long. */
	while (rc == CR_OK && used <= max_bytes) {
		ssize_t got = read(fd, to + used, max_bytes + 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = err_errno(err, CR_EIO, errno, path);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (rc == CR_OK && used > max_bytes)
		rc = err_set(err, CR_ECONFIG, "%s: longer than the limit of %zu bytes", path, max_bytes);
	if (rc == CR_OK)
		*len_out = used;
	(void)close(fd);
	return rc;
}

/* Editors and `echo` leave one line end behind; more than that belongs to the secret. */
static size_t
without_line_end(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	return len;
}

static int
resolve_env(const char *ref, const char *name, struct secret **out, struct err *err)
{
	const char *value = *name != '\0' ? getenv(name) : NULL;

	if (*name == '\0')
		return err_set(err, CR_ECONFIG, "%s: the name of a variable is missing", ref);
	if (value == NULL)
		return err_set(err, CR_ECONFIG, "%s: not set", ref);
	if (*value == '\0')
		return err_set(err, CR_ECONFIG, "%s: empty", ref);
	if (strlen(value) > SECRET_MAX_BYTES)
		return err_set(err, CR_ECONFIG, "%s: longer than the limit of %d bytes", ref, SECRET_MAX_BYTES);
	return secret_make(value, strlen(value), out, err);
}

static int
resolve_file(const char *ref, const char *path, struct secret **out, struct err *err)
{
	struct secret *s = NULL;
	size_t len = 0;
	int rc;

	if (*path == '\0')
		return err_set(err, CR_ECONFIG, "%s: the path is missing", ref);
	rc = allocate(SECRET_MAX_BYTES, &s, err);
	if (rc != CR_OK)
		return rc;
	rc = read_private(path, SECRET_MAX_BYTES, s->bytes, &len, err);
	if (rc == CR_ENOTFOUND || rc == CR_EIO) {
		/* To the reader of a reference it is all one: the configuration has to be mended. */
		if (err != NULL)
			err->code = CR_ECONFIG;
		rc = CR_ECONFIG;
	}
	if (rc == CR_OK && (len = without_line_end(s->bytes, len)) == 0)
		rc = err_set(err, CR_ECONFIG, "%s: empty", ref);
	if (rc == CR_OK)
		rc = secret_make(s->bytes, len, out, err);
	secret_drop(&s);
	return rc;
}

int
secret_resolve(const char *ref, bool inline_allowed, bool *inline_out, struct secret **out, struct err *err)
{
	int rc;

	if (inline_out != NULL)
		*inline_out = false;
	if (strncmp(ref, "env:", 4) == 0)
		return resolve_env(ref, ref + 4, out, err);
	if (strncmp(ref, "file:", 5) == 0)
		return resolve_file(ref, ref + 5, out, err);
	if (*ref == '\0')
		return err_set(err, CR_ECONFIG, "empty reference: write env:NAME or file:PATH");
	/* What is no reference may well be the secret itself: it is never repeated. */
	if (!inline_allowed)
		return err_set(err, CR_ECONFIG, "not a reference: write env:NAME or file:PATH");
	rc = secret_make(ref, strlen(ref), out, err);
	if (rc == CR_OK && inline_out != NULL)
		*inline_out = true;
	return rc;
}

/* A key for one use.  The NUL between label and name keeps ("ab", "c") and ("a", "bc") apart. */
static void
subkey(const struct vault *v, const char *label, const char *name, uint8_t out[KEY_BYTES])
{
	crypto_generichash_state st;

	(void)crypto_generichash_init(&st, v->key, KEY_BYTES, KEY_BYTES);
	(void)crypto_generichash_update(&st, (const unsigned char *)label, strlen(label) + 1);
	(void)crypto_generichash_update(&st, (const unsigned char *)name, strlen(name));
	(void)crypto_generichash_final(&st, out, KEY_BYTES);
	secret_wipe(&st, sizeof(st));
}

int
vault_from_bytes(const uint8_t key[32], struct vault **out, struct err *err)
{
	struct vault *v;
	int rc = need_sodium(err);

	if (rc != CR_OK)
		return rc;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return err_nomem(err, "the key");
	v->key = sodium_malloc((size_t)2 * KEY_BYTES);
	if (v->key == NULL) {
		free(v);
		return err_nomem(err, "the key");
	}
	memcpy(v->key, key, KEY_BYTES);
	/* The gate hashes an address for every question: the subkey is half of that work. */
	subkey(v, "coldrelay hash", ADDRESS_PURPOSE, v->key + KEY_BYTES);
	(void)sodium_mprotect_readonly(v->key);
	*out = v;
	return CR_OK;
}

void
vault_drop(struct vault **v)
{
	if (*v == NULL)
		return;
	sodium_free((*v)->key);
	free(*v);
	*v = NULL;
}

/* Not into guarded memory first: each piece of it is a dozen system calls, of every check that opens a store. */
static int
read_key_file(const char *path, struct vault **out, struct err *err)
{
	char text[KEY_FILE_MAX + 1];
	uint8_t key[KEY_BYTES];
	size_t len = 0, got = 0;
	int rc = need_sodium(err);

	if (rc == CR_OK)
		rc = read_private(path, KEY_FILE_MAX, text, &len, err);
	if (rc != CR_OK)
		goto out;
	if (sodium_base642bin(key, sizeof(key), text, without_line_end(text, len), NULL, &got, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    got == sizeof(key))
		rc = vault_from_bytes(key, out, err);
	else
		rc = err_set(err, CR_ECONFIG, "%s: not a key file: 32 bytes in base64 are expected", path);
out:
	secret_wipe(key, sizeof(key));
	secret_wipe(text, sizeof(text));
	return rc;
}

/* Write a new key unless another process was faster: then its key stands, and that is no error. */
static int
make_key_file(const char *path, struct err *err)
{
	uint8_t key[KEY_BYTES];
	char text[KEY_FILE_MAX];
	size_t len;
	int rc = need_sodium(err);

	if (rc != CR_OK)
		return rc;
	file_sweep(path);
	randombytes_buf(key, sizeof(key));
	(void)sodium_bin2base64(text, sizeof(text) - 1, key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	len = strlen(text);
	text[len++] = '\n';
	rc = file_create(path, text, len, 0600, FILE_OWNER_SELF, err);
	secret_wipe(text, sizeof(text));
	secret_wipe(key, sizeof(key));
	return rc == CR_ECONFLICT ? CR_OK : rc;
}

int
vault_open(const char *path, bool create, struct vault **out, struct err *err)
{
	int rc = read_key_file(path, out, err);

	if (rc != CR_ENOTFOUND || !create)
		return rc;
	rc = make_key_file(path, err);
	if (rc != CR_OK)
		return rc;
	/* Always the file's key, not the one in hand: that is what makes racing creators agree. */
	return read_key_file(path, out, err);
}

/* secretbox has no associated data, so the context goes into the key: every context has its own. */
int
vault_seal(const struct vault *v, const char *context, const struct secret *s, struct buf *sealed_out, struct err *err)
{
	size_t len = s->len + SEAL_OVERHEAD;
	uint8_t key[KEY_BYTES];
	unsigned char *sealed = malloc(len);

	if (sealed == NULL)
		return err_nomem(err, context);
	subkey(v, "coldrelay seal", context, key);
	randombytes_buf(sealed, crypto_secretbox_NONCEBYTES);
	(void)crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, (const unsigned char *)s->bytes, s->len,
	                            sealed, key);
	secret_wipe(key, sizeof(key));
	buf_add(sealed_out, sealed, len);
	free(sealed);
	return buf_check(sealed_out, context, err);
}

int
vault_unseal(const struct vault *v, const char *context, const void *sealed, size_t len, struct secret **out,
             struct err *err)
{
	const unsigned char *nonce = sealed;
	uint8_t key[KEY_BYTES];
	struct secret *s = NULL;
	int rc;

	if (len < SEAL_OVERHEAD || len - SEAL_OVERHEAD > SECRET_MAX_BYTES)
		return err_set(err, CR_ESTORE, "sealed value '%s': damaged", context);
	rc = allocate(len - SEAL_OVERHEAD, &s, err);
	if (rc != CR_OK)
		return rc;
	subkey(v, "coldrelay seal", context, key);
	if (crypto_secretbox_open_easy((unsigned char *)s->bytes, nonce + crypto_secretbox_NONCEBYTES,
	                               len - crypto_secretbox_NONCEBYTES, nonce, key) != 0) {
		secret_drop(&s);
		rc = err_set(err, CR_ESTORE, "sealed value '%s': damaged, or sealed under another key", context);
	} else {
		*out = TAKE(s);
	}
	secret_wipe(key, sizeof(key));
	return rc;
}

void
vault_hash(const struct vault *v, const char *purpose, const void *data, size_t len, uint8_t *out, size_t size)
{
	uint8_t key[KEY_BYTES];

	assert(size >= crypto_generichash_BYTES_MIN && size <= crypto_generichash_BYTES_MAX);
	if (strcmp(purpose, ADDRESS_PURPOSE) == 0) {
		(void)crypto_generichash(out, size, data, len, v->key + KEY_BYTES, KEY_BYTES);
		return;
	}
	subkey(v, "coldrelay hash", purpose, key);
	(void)crypto_generichash(out, size, data, len, key, sizeof(key));
	secret_wipe(key, sizeof(key));
}

void
vault_id(const struct vault *v, char out[VAULT_ID_MAX])
{
	uint8_t h[crypto_generichash_BYTES_MIN];

	vault_hash(v, "id", "", 0, h, sizeof(h));
	(void)sodium_bin2hex(out, VAULT_ID_MAX, h, VAULT_ID_MAX / 2);
}

uint64_t
secret_short_hash(const uint8_t key[SECRET_SHORT_KEY], const void *data, size_t len)
{
	uint8_t h[crypto_shorthash_BYTES];
	uint64_t out;

	static_assert(sizeof(h) == sizeof(out) && crypto_shorthash_KEYBYTES == SECRET_SHORT_KEY, "SipHash-2-4");
	(void)crypto_shorthash(h, data, len, key);
	memcpy(&out, h, sizeof(out));
	return out;
}

uint64_t
secret_random_u64(void)
{
	uint64_t out;

	must_sodium();
	randombytes_buf(&out, sizeof(out));
	return out;
}

void
secret_digest(const void *data, size_t len, uint8_t out[32])
{
	must_sodium();
	(void)crypto_generichash(out, 32, data, len, NULL, 0);
}

void
secret_random_hex(char *out, size_t n_bytes)
{
	uint8_t chunk[32];

	must_sodium();
	*out = '\0';
	while (n_bytes > 0) {
		size_t n = n_bytes < sizeof(chunk) ? n_bytes : sizeof(chunk);

		randombytes_buf(chunk, n);
		(void)sodium_bin2hex(out, 2 * n + 1, chunk, n);
		out += 2 * n;
		n_bytes -= n;
	}
	secret_wipe(chunk, sizeof(chunk));
}
