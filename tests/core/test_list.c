/*
 * test_list.c - what list.h promises: room for one more, and a list that outlives a failure.
 */
#include "tests/lib/rows.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/list.h"

static bool no_memory;

/* In place of the C library's: a sanitizer ends the process of whoever asks for more than there is. */
void *
reallocarray(void *items, size_t n, size_t size)
{
	return no_memory ? NULL : realloc(items, n * size);
}

static void
list__holds_what_was_put_in(void **state)
{
	size_t *items = NULL, cap = 0, moves = 0;

	(void)state;
	for (size_t n = 0; n < 1000; n++) {
		size_t before = cap, *grown = list_grow(items, n, &cap, sizeof(*items));

		assert_non_null(grown);
		assert_true(cap > n);
		moves += cap != before;
		items = grown;
		items[n] = n;
	}
	for (size_t n = 0; n < 1000; n++)
		assert_int_equal(items[n], n);
	/* It grows by doubling, so that many items cost few moves. */
	assert_in_range(moves, 2, 12);
	free(items);
}

static void
list__with_room_stays_where_it_is(void **state)
{
	int one[4] = {0};
	size_t cap = 4;

	(void)state;
	assert_ptr_equal(list_grow(one, 3, &cap, sizeof(*one)), one);
	assert_int_equal(cap, 4);
}

static void
list__without_memory_is_as_it_was(void **state)
{
	size_t cap = 0;
	char *items = list_grow(NULL, 0, &cap, 1);
	size_t room = cap;

	(void)state;
	assert_non_null(items);
	no_memory = true;
	assert_null(list_grow(items, room, &cap, 1));
	no_memory = false;
	assert_int_equal(cap, room);
	items[room - 1] = 'x';
	free(items);
}

int
main(void)
{
	struct CMUnitTest tests[4];
	size_t n = 0;

	TEST(tests, n, list__holds_what_was_put_in);
	TEST(tests, n, list__with_room_stays_where_it_is);
	TEST(tests, n, list__without_memory_is_as_it_was);
	return rows_run("core/list", tests, n);
}
