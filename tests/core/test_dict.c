/*
 * test_dict.c - what was put is found, what was not is not, however many there are.
 */
#include "core/dict.h"
#include "tests/lib/rows.h"

#define MANY 5000

struct thing {
	int number;
	char key[40];
};

static int dropped;

static void
drop(void *value)
{
	dropped++;
	free(value);
}

static struct thing *
make(int i)
{
	struct thing *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->number = i;
	(void)snprintf(t->key, sizeof(t->key), "m%d@contoso.example", i);
	return t;
}

static void
dict__many_are_found_again(void **state)
{
	struct dict d = {0};
	struct err err;
	char key[40];

	(void)state;
	assert_null(dict_get(&d, "nobody"));
	for (int i = 0; i < MANY; i++) {
		struct thing *t = make(i);

		assert_ok(dict_put(&d, t->key, t, &err), &err);
	}
	assert_int_equal(d.n, MANY);
	for (int i = 0; i < MANY; i++) {
		const struct thing *t;

		(void)snprintf(key, sizeof(key), "m%d@contoso.example", i);
		t = dict_get(&d, key);
		assert_non_null(t);
		assert_int_equal(t->number, i);
	}
	assert_null(dict_get(&d, "m5000@contoso.example"));
	assert_null(dict_get(&d, ""));
	dropped = 0;
	dict_release(&d, drop);
	assert_int_equal(dropped, MANY);
}

static void
dict__is_empty_after_a_clear_and_takes_the_same_again(void **state)
{
	struct dict d = {0};
	struct err err;
	int a = 1, b = 2;

	(void)state;
	assert_ok(dict_put(&d, "a", &a, &err), &err);
	dict_clear(&d, NULL);
	assert_int_equal(d.n, 0);
	assert_null(dict_get(&d, "a"));
	assert_ok(dict_put(&d, "a", &b, &err), &err);
	assert_ptr_equal(dict_get(&d, "a"), &b);
	dict_release(&d, NULL);
	dict_release(&d, NULL);
	assert_null(dict_get(&d, "a"));
}

static void
dict__is_released_a_few_places_at_a_time(void **state)
{
	struct dict d = {0};
	struct err err;
	size_t before = 0;
	int turns = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct thing *t = make(i);

		assert_ok(dict_put(&d, t->key, t, &err), &err);
	}
	for (dropped = 0; !dict_release_some(&d, 100, drop); turns++) {
		assert_true((size_t)dropped - before <= 100);
		before = (size_t)dropped;
	}
	assert_true(turns >= MANY / 100);
	assert_int_equal(dropped, MANY);
	assert_true(dict_release_some(&d, 100, drop));
	assert_null(dict_get(&d, "m1@contoso.example"));
	/* Begun so, and ended at once. */
	for (int i = 0; i < MANY; i++) {
		struct thing *t = make(i);

		assert_ok(dict_put(&d, t->key, t, &err), &err);
	}
	dropped = 0;
	assert_false(dict_release_some(&d, 1000, drop));
	dict_release(&d, drop);
	assert_int_equal(dropped, MANY);
}

int
main(void)
{
	struct CMUnitTest tests[4];
	size_t n = 0;

	TEST(tests, n, dict__many_are_found_again);
	TEST(tests, n, dict__is_empty_after_a_clear_and_takes_the_same_again);
	TEST(tests, n, dict__is_released_a_few_places_at_a_time);
	return rows_run("core/dict", tests, n);
}
