/*
 * test_keys.c - keys and passwords in a store of its own: sealed, found again, never overwritten.
 */
#include "tests/lib/rows.h"

#include <unistd.h>

#include "core/file.h"
#include "core/schema.h"
#include "provision/keys.h"
#include "tests/lib/fake_clock.h"

#define NOVEMBER_2026_S 1795608000

static char dir[] = "/tmp/coldrelay-test-keys.XXXXXX";
static struct fake_clock fake;
static struct db *db;
static struct vault *vault;

static const char *
text_of(const struct secret *s)
{
	size_t len;

	return secret_bytes(s, &len);
}

static struct key
make_key(const char *selector, enum dkim_algorithm a, enum key_state state, int64_t created_ms)
{
	struct key k = {.state = state, .created_ms = created_ms};
	struct err err = {0};

	(void)snprintf(k.selector, sizeof(k.selector), "%s", selector);
	assert_ok(dkim_generate(a, &k.pem, &k.public, &err), &err);
	return k;
}

static void
store(const char *domain, const struct key *k, int want)
{
	struct err err = {0};

	assert_ok(db_begin(db, &err), &err);
	assert_int_equal(keys_store(db, vault, domain, k, &err), want);
	if (want == CR_OK)
		assert_ok(db_commit(db, &err), &err);
	else
		db_rollback(db);
}

static void
keys__a_stored_key_comes_back_whole(void **state)
{
	struct key ed = make_key("cr202611ea", DKIM_ED25519, KEY_NEXT, 2000);
	struct key rsa = make_key("cr202611a", DKIM_RSA, KEY_ACTIVE, 1000);
	struct keys got = {0};
	struct err err = {0};

	(void)state;
	store("getx.example", &ed, CR_OK);
	store("getx.example", &rsa, CR_OK);
	assert_ok(keys_load(db, vault, "getx.example", &got, &err), &err);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.items[0].selector, "cr202611a");
	assert_int_equal(got.items[0].state, KEY_ACTIVE);
	assert_int_equal(got.items[0].created_ms, 1000);
	assert_int_equal(got.items[0].public.bits, DKIM_RSA_BITS);
	assert_true(dkim_same_key(&got.items[0].public, &rsa.public));
	assert_string_equal(text_of(got.items[0].pem), text_of(rsa.pem));
	assert_int_equal(got.items[1].public.algorithm, DKIM_ED25519);
	assert_true(dkim_same_key(&got.items[1].public, &ed.public));
	keys_release(&got);
	assert_ok(keys_load(db, NULL, "getx.example", &got, &err), &err);
	assert_int_equal(got.n, 2);
	assert_null(got.items[0].pem);
	keys_release(&got);
	assert_ok(keys_load(db, vault, "other.example", &got, &err), &err);
	assert_int_equal(got.n, 0);
	secret_drop(&ed.pem);
	secret_drop(&rsa.pem);
}

static void
keys__a_selector_is_never_used_twice(void **state)
{
	struct key k = make_key("cr202611a", DKIM_ED25519, KEY_ACTIVE, 1);

	(void)state;
	store("twice.example", &k, CR_OK);
	store("twice.example", &k, CR_ECONFLICT);
	store("once.example", &k, CR_OK);
	secret_drop(&k.pem);
}

static void
keys__a_stored_key_is_in_the_log(void **state)
{
	struct key k = make_key("cr202611a", DKIM_ED25519, KEY_NEXT, 7);
	struct err err = {0};
	int64_t rows = 0;

	(void)state;
	store("logged.example", &k, CR_OK);
	assert_ok(db_get_int(db,
	                     "SELECT count(*) FROM audit WHERE action = 'key.create' AND subject = 'logged.example'"
	                     " AND reason = 'cr202611a'",
	                     DB_NO_ARGS, 0, &rows, &err),
	          &err);
	assert_int_equal(rows, 1);
	secret_drop(&k.pem);
}

static void
keys__retiring_notes_the_time_and_activating_forgets_it(void **state)
{
	struct key k = make_key("cr202611a", DKIM_ED25519, KEY_ACTIVE, 1);
	struct keys got = {0};
	struct err err = {0};

	(void)state;
	store("state.example", &k, CR_OK);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(keys_set_state(db, "state.example", "cr202611a", KEY_RETIRED, 77, &err), &err);
	assert_int_equal(keys_set_state(db, "state.example", "absent", KEY_RETIRED, 77, &err), CR_ENOTFOUND);
	assert_ok(db_commit(db, &err), &err);
	assert_ok(keys_load(db, NULL, "state.example", &got, &err), &err);
	assert_int_equal(got.items[0].state, KEY_RETIRED);
	assert_int_equal(got.items[0].retired_ms, 77);
	keys_release(&got);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(keys_set_state(db, "state.example", "cr202611a", KEY_ACTIVE, 78, &err), &err);
	assert_ok(db_commit(db, &err), &err);
	assert_ok(keys_load(db, NULL, "state.example", &got, &err), &err);
	assert_int_equal(got.items[0].state, KEY_ACTIVE);
	assert_int_equal(got.items[0].retired_ms, 0);
	keys_release(&got);
	secret_drop(&k.pem);
}

static void
keys__a_sealed_key_moved_to_another_domain_does_not_open(void **state)
{
	struct key k = make_key("cr202611a", DKIM_ED25519, KEY_ACTIVE, 1);
	struct keys got = {0};
	struct err err = {0};

	(void)state;
	store("from.example", &k, CR_OK);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(db_exec(db, "UPDATE dkim_key SET domain = 'to.example' WHERE domain = 'from.example'", DB_NO_ARGS,
	                  NULL, &err),
	          &err);
	assert_ok(db_commit(db, &err), &err);
	assert_int_equal(keys_load(db, vault, "to.example", &got, &err), CR_ESTORE);
	assert_non_null(strstr(err.text, "cr202611a"));
	assert_null(strstr(err.text, "PRIVATE"));
	assert_int_equal(got.n, 0);
	secret_drop(&k.pem);
}

static void
keys__a_password_is_made_once_and_read_back(void **state)
{
	struct secret *made = NULL, *read = NULL, *again = NULL;
	struct err err = {0};
	const char *text;

	(void)state;
	assert_int_equal(keys_password(db, vault, "anna@getx.example", &read, &err), CR_ENOTFOUND);
	assert_ok(db_begin(db, &err), &err);
	assert_ok(keys_make_password(db, vault, "anna@getx.example", 5, &made, &err), &err);
	assert_ok(db_commit(db, &err), &err);
	assert_ok(keys_password(db, vault, "anna@getx.example", &read, &err), &err);
	text = text_of(made);
	assert_int_equal(strlen(text), 24);
	assert_string_equal(text_of(read), text);
	assert_true(strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL);
	assert_true(strpbrk(text, "abcdefghijklmnopqrstuvwxyz") != NULL);
	assert_true(strpbrk(text, "0123456789") != NULL);
	assert_ok(db_begin(db, &err), &err);
	assert_int_equal(keys_make_password(db, vault, "anna@getx.example", 6, &again, &err), CR_ECONFLICT);
	assert_null(strstr(err.text, text));
	assert_null(again);
	db_rollback(db);
	secret_drop(&made);
	secret_drop(&read);
}

static const struct selector_row {
	const char *name;
	const char *have[3];
	enum dkim_algorithm algorithm;
	int64_t now_s;
	const char *want;
} selector_rows[] = {
	{"the first key of a month is a",     {NULL},                     DKIM_RSA,     NOVEMBER_2026_S, "cr202611a" },
	{"an Ed25519 key says e",             {"cr202611a"},              DKIM_ED25519, NOVEMBER_2026_S, "cr202611ea"},
	{"the second of a month is b",        {"cr202611a"},              DKIM_RSA,     NOVEMBER_2026_S, "cr202611b" },
	{"a gap is filled",                   {"cr202611b"},              DKIM_RSA,     NOVEMBER_2026_S, "cr202611a" },
	{"another month's keys do not count", {"cr202610a", "cr202610b"}, DKIM_RSA,     NOVEMBER_2026_S, "cr202611a" },
	{"the algorithms count apart",        {"cr202611ea"},             DKIM_RSA,     NOVEMBER_2026_S, "cr202611a" },
	{"the month is the one of UTC",       {NULL},                     DKIM_RSA,     1798761599,      "cr202612a" },
};

static void
check_selector(void **state)
{
	const struct selector_row *r = *state;
	struct key items[3] = {0};
	struct keys have = {.items = items};
	struct err err = {0};
	char out[64];

	for (; have.n < 3 && r->have[have.n] != NULL; have.n++)
		(void)snprintf(items[have.n].selector, sizeof(items[0].selector), "%s", r->have[have.n]);
	assert_ok(keys_next_selector(&have, r->algorithm, r->now_s, out, &err), &err);
	assert_string_equal(out, r->want);
}

static void
keys__a_month_has_26_selectors(void **state)
{
	struct key items[27] = {0};
	struct keys have = {.items = items};
	struct err err = {0};

	(void)state;
	for (; have.n < 26; have.n++)
		assert_ok(keys_next_selector(&have, DKIM_RSA, NOVEMBER_2026_S, items[have.n].selector, &err), &err);
	assert_string_equal(items[25].selector, "cr202611z");
	assert_int_equal(keys_next_selector(&have, DKIM_RSA, NOVEMBER_2026_S, items[26].selector, &err), CR_EREFUSED);
}

static void
keypool__gives_as_many_different_keys_as_were_ordered(void **state)
{
	enum { N = 50 }; /* more than may lie ready */
	struct dkim_public public[N];
	struct keypool *pool = NULL;
	struct secret *pem = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(keypool_open(DKIM_ED25519, N, 3, &pool, &err), &err);
	for (size_t i = 0; i < N; i++) {
		struct dkim_public again;

		assert_ok(keypool_take(pool, &pem, &public[i], &err), &err);
		assert_ok(dkim_public_of(pem, &again, &err), &err);
		assert_true(dkim_same_key(&again, &public[i]));
		secret_drop(&pem);
		for (size_t k = 0; k < i; k++)
			assert_false(dkim_same_key(&public[k], &public[i]));
	}
	assert_int_equal(keypool_take(pool, &pem, &public[0], &err), CR_EBUG);
	keypool_drop(&pool);
	assert_null(pool);
}

static void
keypool__is_dropped_in_the_middle_of_its_work(void **state)
{
	struct keypool *pool = NULL;
	struct secret *pem = NULL;
	struct dkim_public public;
	struct err err = {0};

	(void)state;
	assert_ok(keypool_open(DKIM_RSA, 100, 0, &pool, &err), &err);
	assert_ok(keypool_take(pool, &pem, &public, &err), &err);
	assert_int_equal(public.bits, DKIM_RSA_BITS);
	secret_drop(&pem);
	keypool_drop(&pool);
	assert_ok(keypool_open(DKIM_RSA, 0, 0, &pool, &err), &err);
	keypool_drop(&pool);
}

static void
open_store(void)
{
	static const uint8_t key[32] = {7};
	struct db_options o = {.mode = DB_CREATE, .schema = &schema_coldrelay, .clock = &fake.clock};
	struct err err = {0};
	char *path = NULL;

	fake_clock_init(&fake, (int64_t)NOVEMBER_2026_S * 1000);
	assert_ok(vault_from_bytes(key, &vault, &err), &err);
	assert_ok(file_join(dir, "store", &path, &err), &err);
	o.path = path;
	assert_ok(db_open(&o, &db, &err), &err);
	free(path);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	char command[128];
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	open_store();
	TEST(tests, n, keys__a_stored_key_comes_back_whole);
	TEST(tests, n, keys__a_selector_is_never_used_twice);
	TEST(tests, n, keys__a_stored_key_is_in_the_log);
	TEST(tests, n, keys__retiring_notes_the_time_and_activating_forgets_it);
	TEST(tests, n, keys__a_sealed_key_moved_to_another_domain_does_not_open);
	TEST(tests, n, keys__a_password_is_made_once_and_read_back);
	ROWS(tests, n, selector_rows, check_selector);
	TEST(tests, n, keys__a_month_has_26_selectors);
	TEST(tests, n, keypool__gives_as_many_different_keys_as_were_ordered);
	TEST(tests, n, keypool__is_dropped_in_the_middle_of_its_work);
	failed = rows_run("provision/keys", tests, n);
	db_drop(&db);
	vault_drop(&vault);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) != 0 || failed;
}
