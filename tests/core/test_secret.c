/*
 * test_secret.c - what secret.h promises: references, sealing, and a key that all processes agree on.
 */
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "core/secret.h"

#define PLAIN "hunter2-do-not-show"

static char dir[] = "/tmp/coldrelay-test-secret.XXXXXX";
static const uint8_t fixed_key[32] = {1, 2, 3};

static struct vault *
fixed_vault(uint8_t first)
{
	uint8_t key[32] = {first};
	struct vault *v = NULL;

	assert_int_equal(vault_from_bytes(key, &v, NULL), CR_OK);
	return v;
}

static void
assert_secret(const struct secret *s, const char *want)
{
	size_t len;
	const char *bytes = secret_bytes(s, &len);

	assert_int_equal(len, strlen(want));
	assert_string_equal(bytes, want);
}

static const struct reference {
	const char *name;
	const char *ref;      /* %s stands for the directory */
	const char *contents; /* of DIR/s; NULL: no file */
	mode_t mode;
	bool inline_allowed;
	int want_rc;
	const char *want; /* the secret, or a part of the error */
} references[] = {
	{"a variable is read",                      "env:CR_TEST_SET",   NULL,      0,    false, CR_OK,      PLAIN                       },
	{"an unset variable is named",              "env:CR_TEST_UNSET", NULL,      0,    false, CR_ECONFIG, "env:CR_TEST_UNSET: not set"},
	{"an empty variable is refused",            "env:CR_TEST_EMPTY", NULL,      0,    false, CR_ECONFIG, "env:CR_TEST_EMPTY: empty"  },
	{"a variable needs a name",                 "env:",              NULL,      0,    false, CR_ECONFIG, "env:"                      },
	{"a file is read",                          "file:%s/s",         PLAIN,     0600, false, CR_OK,      PLAIN                       },
	{"one line end of a file is cut off",       "file:%s/s",         "two\n\n", 0600, false, CR_OK,      "two\n"                     },
	{"a DOS line end of a file is cut off",     "file:%s/s",         "dos\r\n", 0400, false, CR_OK,      "dos"                       },
	{"an empty file is refused",                "file:%s/s",         "\n",      0600, false, CR_ECONFIG, "/s: empty"                 },
	{"a file others can read is refused",       "file:%s/s",         PLAIN,     0644, false, CR_ECONFIG, "chmod 600"                 },
	{"a missing file is a configuration error", "file:%s/s",         NULL,      0,    false, CR_ECONFIG, "No such file"              },
	{"a directory is refused",                  "file:%s",           NULL,      0,    false, CR_ECONFIG, "not a regular file"        },
	{"a file needs a path",                     "file:",             NULL,      0,    false, CR_ECONFIG, "file:"                     },
	{"a literal is refused",                    PLAIN,               NULL,      0,    false, CR_ECONFIG, "not a reference"           },
	{"a literal is taken where it is allowed",  PLAIN,               NULL,      0,    true,  CR_OK,      PLAIN                       },
	{"the empty reference is refused",          "",                  NULL,      0,    true,  CR_ECONFIG, "empty reference"           },
};

static void
check_reference(void **state)
{
	const struct reference *r = *state;
	struct secret *s = NULL;
	struct err err = {0};
	bool was_inline = false;
	char path[128], ref[128];
	const char *at = strstr(r->ref, "%s");

	(void)snprintf(path, sizeof(path), "%s/s", dir);
	(void)snprintf(ref, sizeof(ref), "%.*s%s%s", (int)(at != NULL ? at - r->ref : 0), r->ref, at != NULL ? dir : "",
	               at != NULL ? at + 2 : r->ref);
	if (r->contents != NULL)
		assert_ok(file_replace(path, r->contents, strlen(r->contents), r->mode, FILE_OWNER_SELF, &err), &err);
	assert_int_equal(secret_resolve(ref, r->inline_allowed, &was_inline, &s, &err), r->want_rc);
	if (r->want_rc == CR_OK)
		assert_secret(s, r->want);
	else
		assert_non_null(strstr(err.text, r->want));
	assert_null(strstr(err.text, PLAIN));
	assert_int_equal(was_inline, r->inline_allowed && r->want_rc == CR_OK);
	secret_drop(&s);
	assert_ok(file_remove(path, &err), &err);
}

static void
secret__the_limit_holds_to_the_byte(void **state)
{
	char *big = calloc(1, SECRET_MAX_BYTES + 1);
	struct secret *s = NULL;
	size_t len;

	(void)state;
	assert_non_null(big);
	assert_int_equal(secret_make(big, SECRET_MAX_BYTES + 1, &s, NULL), CR_EPARSE);
	assert_null(s);
	assert_int_equal(secret_make(big, SECRET_MAX_BYTES, &s, NULL), CR_OK);
	(void)secret_bytes(s, &len);
	assert_int_equal(len, SECRET_MAX_BYTES);
	secret_drop(&s);
	secret_drop(&s);
	free(big);
}

static void
secret__a_file_at_the_limit_is_read_and_one_over_is_not(void **state)
{
	char *big = malloc(SECRET_MAX_BYTES + 1);
	struct secret *s = NULL;
	struct err err = {0};
	char ref[128];

	(void)state;
	assert_non_null(big);
	memset(big, 'x', SECRET_MAX_BYTES + 1);
	(void)snprintf(ref, sizeof(ref), "file:%s/big", dir);
	assert_ok(file_replace(ref + 5, big, SECRET_MAX_BYTES, 0600, FILE_OWNER_SELF, &err), &err);
	assert_ok(secret_resolve(ref, false, NULL, &s, &err), &err);
	secret_drop(&s);
	assert_ok(file_replace(ref + 5, big, SECRET_MAX_BYTES + 1, 0600, FILE_OWNER_SELF, &err), &err);
	assert_int_equal(secret_resolve(ref, false, NULL, &s, &err), CR_ECONFIG);
	free(big);
}

static void
secret__a_low_lock_limit_is_no_failure(void **state)
{
	struct rlimit old, none;
	struct secret *s = NULL;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	assert_int_equal(secret_make(PLAIN, strlen(PLAIN), &s, NULL), CR_OK);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &old), 0);
	assert_secret(s, PLAIN);
	secret_drop(&s);
}

static void
secret__a_wiped_buf_is_empty(void **state)
{
	struct buf b = {.max_bytes = 100};

	(void)state;
	buf_adds(&b, PLAIN);
	secret_wipe_buf(&b);
	assert_null(b.data);
	assert_int_equal(b.max_bytes, 100);
	secret_wipe_buf(&b);
	secret_wipe(NULL, 0);
}

static void
secret__random_ids_are_hex_and_differ(void **state)
{
	char a[81], b[81];

	(void)state;
	secret_random_hex(a, 40);
	secret_random_hex(b, 40);
	assert_int_equal(strlen(a), 80);
	assert_int_equal(strspn(a, "0123456789abcdef"), 80);
	assert_string_not_equal(a, b);
}

static void
vault__what_was_sealed_opens_again(void **state)
{
	struct vault *v = fixed_vault(1);
	struct secret *s = NULL, *back = NULL;
	struct buf sealed = {0}, again = {0};
	struct err err = {0};

	(void)state;
	assert_ok(secret_make(PLAIN, strlen(PLAIN), &s, &err), &err);
	assert_ok(vault_seal(v, "dkim:a.example:cr1", s, &sealed, &err), &err);
	assert_ok(vault_seal(v, "dkim:a.example:cr1", s, &again, &err), &err);
	assert_null(memmem(sealed.data, sealed.len, PLAIN, strlen(PLAIN)));
	assert_memory_not_equal(sealed.data, again.data, sealed.len);
	assert_ok(vault_unseal(v, "dkim:a.example:cr1", sealed.data, sealed.len, &back, &err), &err);
	assert_secret(back, PLAIN);
	secret_drop(&back);
	secret_drop(&s);
	buf_release(&sealed);
	buf_release(&again);
	vault_drop(&v);
}

static const struct tamper {
	const char *name;
	const char *context;
	uint8_t key;
	ssize_t flip; /* byte to change, -1: none; past the end counts back */
	size_t cut;   /* bytes cut off the end */
} tampers[] = {
	{"moved to another row it does not open",  "dkim:b.example:cr1", 1, -1, 0 },
	{"under another key it does not open",     "dkim:a.example:cr1", 2, -1, 0 },
	{"with a changed nonce it does not open",  "dkim:a.example:cr1", 1, 0,  0 },
	{"with a changed tag it does not open",    "dkim:a.example:cr1", 1, 24, 0 },
	{"with a changed byte it does not open",   "dkim:a.example:cr1", 1, 41, 0 },
	{"cut short it does not open",             "dkim:a.example:cr1", 1, -1, 1 },
	{"cut to less than a nonce it is damaged", "dkim:a.example:cr1", 1, -1, 40},
};

static void
check_tamper(void **state)
{
	const struct tamper *r = *state;
	struct vault *v = fixed_vault(1), *other = fixed_vault(r->key);
	struct secret *s = NULL, *back = NULL;
	struct buf sealed = {0};
	struct err err = {0};

	assert_ok(secret_make(PLAIN, strlen(PLAIN), &s, &err), &err);
	assert_ok(vault_seal(v, "dkim:a.example:cr1", s, &sealed, &err), &err);
	if (r->flip >= 0)
		sealed.data[r->flip] ^= 1;
	assert_int_equal(vault_unseal(other, r->context, sealed.data, sealed.len - r->cut, &back, &err), CR_ESTORE);
	assert_null(back);
	secret_drop(&s);
	buf_release(&sealed);
	vault_drop(&v);
	vault_drop(&other);
}

/* Neither a value that is too long nor what stands in a file that is no key. */
static void
secret__errors_never_repeat_a_value(void **state)
{
	static char value[SECRET_MAX_BYTES + 2];
	char path[96];
	struct secret *s = NULL;
	struct vault *v = NULL;
	struct err err = {0};
	int fd;

	(void)state;
	memset(value, 'q', sizeof(value) - 1);
	assert_int_equal(setenv("CR_TEST_LONG", value, 1), 0);
	assert_int_equal(secret_resolve("env:CR_TEST_LONG", false, NULL, &s, &err), CR_ECONFIG);
	assert_null(strstr(err.text, "qqqq"));
	(void)snprintf(path, sizeof(path), "%s/nokey", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, value, 40), 40);
	(void)close(fd);
	assert_int_equal(vault_open(path, false, &v, &err), CR_ECONFIG);
	assert_null(strstr(err.text, "qqqq"));
	assert_int_equal(unlink(path), 0);
	(void)unsetenv("CR_TEST_LONG");
}

static void
secret__wiped_memory_holds_nothing(void **state)
{
	char text[] = "hunter2";

	(void)state;
	secret_wipe(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
}

static void
vault__hashes_depend_on_key_and_purpose(void **state)
{
	struct vault *v = fixed_vault(1), *other = fixed_vault(2);
	char id[VAULT_ID_MAX], other_id[VAULT_ID_MAX];
	uint8_t a[16], b[16];

	(void)state;
	vault_hash(v, "address", "x", 1, a, sizeof(a));
	vault_hash(v, "address", "x", 1, b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	vault_hash(v, "audit", "x", 1, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	vault_hash(other, "address", "x", 1, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	vault_hash(v, "audit", "x", 1, a, sizeof(a));
	vault_hash(v, "audit-head", "x", 1, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	vault_id(v, id);
	vault_id(other, other_id);
	assert_string_not_equal(id, other_id);
	vault_drop(&v);
	vault_drop(&other);
}

static void
vault__the_digest_is_plain_blake2b(void **state)
{
	/* BLAKE2b-256 of the empty string, as b2sum -l 256 </dev/null prints it. */
	static const uint8_t want[4] = {0x0e, 0x57, 0x51, 0xc0};
	uint8_t got[32];

	(void)state;
	secret_digest(NULL, 0, got);
	assert_memory_equal(got, want, sizeof(want));
}

static const struct key_file {
	const char *name;
	const char *contents; /* NULL: none */
	mode_t mode;
	bool create;
	int want_rc;
} key_files[] = {
	{"a key file is read",                       "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",     0600, false, CR_OK       },
	{"a key file without line end is read",      "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",       0400, false, CR_OK       },
	{"a key file others can read is refused",    "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",     0640, true,
         CR_ECONFIG														 },
	{"a short key is refused",                   "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",         0600, true,  CR_ECONFIG  },
	{"a long key is refused",                    "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0600, true,  CR_ECONFIG  },
	{"an empty key file is never filled in",     "",                                                   0600, true,  CR_ECONFIG  },
	{"what is no base64 is refused",             "not base64 at all\n",                                0600, true,  CR_ECONFIG  },
	{"a missing key is not made without asking", NULL,                                                 0,    false, CR_ENOTFOUND},
	{"a missing key is made when asked",         NULL,                                                 0,    true,  CR_OK       },
};

static void
check_key_file(void **state)
{
	const struct key_file *r = *state;
	struct vault *v = NULL;
	struct err err = {0};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/key", dir);
	if (r->contents != NULL)
		assert_ok(file_replace(path, r->contents, strlen(r->contents), r->mode, FILE_OWNER_SELF, &err), &err);
	assert_int_equal(vault_open(path, r->create, &v, &err), r->want_rc);
	if (r->contents != NULL && r->want_rc == CR_OK) {
		struct vault *same = NULL;
		uint8_t a[32], b[32];

		assert_ok(vault_from_bytes(fixed_key, &same, &err), &err);
		vault_hash(v, "p", "x", 1, a, sizeof(a));
		vault_hash(same, "p", "x", 1, b, sizeof(b));
		assert_memory_equal(a, b, sizeof(a));
		vault_drop(&same);
	}
	vault_drop(&v);
	assert_ok(file_remove(path, &err), &err);
}

#define RACERS 8

static void
vault__processes_that_create_at_once_agree_on_one_key(void **state)
{
	uint8_t hash[RACERS][32] = {{0}};
	char path[128];
	int start[2], results[2];
	pid_t child[RACERS];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/raced", dir);
	assert_int_equal(pipe(start), 0);
	assert_int_equal(pipe(results), 0);
	for (int i = 0; i < RACERS; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			struct vault *v = NULL;
			char go;

			/* All wait for the pipe to be closed, and go at once. */
			(void)close(start[1]);
			if (read(start[0], &go, 1) != 0 || vault_open(path, true, &v, NULL) != CR_OK)
				_exit(1);
			vault_hash(v, "p", "x", 1, hash[i], sizeof(hash[i]));
			_exit(write(results[1], hash[i], sizeof(hash[i])) == (ssize_t)sizeof(hash[i]) ? 0 : 1);
		}
	}
	(void)close(start[0]);
	(void)close(start[1]);
	for (int i = 0; i < RACERS; i++) {
		int status = -1;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
		assert_int_equal(read(results[0], hash[i], sizeof(hash[i])), sizeof(hash[i]));
		assert_memory_equal(hash[i], hash[0], sizeof(hash[0]));
	}
	(void)close(results[0]);
	(void)close(results[1]);
}

static int
remove_dir(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;
	int failed;

	ROWS(tests, n, references, check_reference);
	ROWS(tests, n, tampers, check_tamper);
	ROWS(tests, n, key_files, check_key_file);
	TEST(tests, n, secret__the_limit_holds_to_the_byte);
	TEST(tests, n, secret__a_file_at_the_limit_is_read_and_one_over_is_not);
	TEST(tests, n, secret__a_low_lock_limit_is_no_failure);
	TEST(tests, n, secret__a_wiped_buf_is_empty);
	TEST(tests, n, secret__random_ids_are_hex_and_differ);
	TEST(tests, n, vault__what_was_sealed_opens_again);
	TEST(tests, n, secret__errors_never_repeat_a_value);
	TEST(tests, n, secret__wiped_memory_holds_nothing);
	TEST(tests, n, vault__hashes_depend_on_key_and_purpose);
	TEST(tests, n, vault__the_digest_is_plain_blake2b);
	TEST(tests, n, vault__processes_that_create_at_once_agree_on_one_key);
	(void)setenv("CR_TEST_SET", PLAIN, 1);
	(void)setenv("CR_TEST_EMPTY", "", 1);
	(void)unsetenv("CR_TEST_UNSET");
	if (mkdtemp(dir) == NULL)
		return EXIT_FAILURE;
	failed = rows_run("core/secret", tests, n);
	return remove_dir() == 0 ? failed : EXIT_FAILURE;
}
