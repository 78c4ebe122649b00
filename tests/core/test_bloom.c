/*
 * test_bloom.c - a filter never says "certainly not" of what was added, and seldom "maybe" of anything else.
 */
#include "tests/lib/rows.h"

#include "core/bloom.h"

#define MANY        100000
#define TEXT_OTHERS 50000

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool is_memory_out;

void *
__wrap_calloc(size_t n, size_t size)
{
	return is_memory_out ? NULL : __real_calloc(n, size);
}

/* splitmix64: the same numbers every time. */
static uint64_t
next_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
hash_number(const char *prefix, int i)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s%d.example", prefix, i);
	return bloom_hash(text);
}

static void
start(struct bloom *b, size_t n)
{
	struct err err = {0};

	assert_ok(bloom_start(b, n, &err), &err);
}

/* Names as alike as a tenant's domains are, and as unlike as others'. */
static const struct text_row {
	const char *name, *prefix, *others;
} texts[] = {
	{"names that differ at the end are never forgotten",      "getnorthwind",              "trynorthwind" },
	{"short names are never forgotten",                       "a",                         "b"            },
	{"names in A-labels are never forgotten",                 "xn--mnchen-3ya",            "xn--kln-sna"  },
	{"names that share a long beginning are never forgotten", "a-long-name.of-somebody.x", "another-one.y"},
	{"names without a beginning are never forgotten",         "",                          "-"            },
};

static void
check_texts(void **state)
{
	const struct text_row *r = *state;
	struct bloom b = {0};
	int alarms = 0;

	start(&b, MANY);
	for (int i = 0; i < MANY; i++)
		bloom_add(&b, hash_number(r->prefix, i));
	for (int i = 0; i < MANY; i++)
		assert_true(bloom_maybe(&b, hash_number(r->prefix, i)));
	for (int i = 0; i < TEXT_OTHERS; i++)
		alarms += bloom_maybe(&b, hash_number(r->others, i));
	assert_true(alarms < TEXT_OTHERS / 100);
	bloom_release(&b);
}

/* entries: as many as the filter is started for, or as full as it may become. */
static const struct room_row {
	const char *name;
	size_t room, entries;
	int alarms_per_10000;
} rooms[] = {
	{"no entry: no false alarm",					0,      0,      0  },
	{"room for none holds some hundred",                                0,      512,    30 },
	{"one entry: next to no false alarm",                               1,      1,      1  },
	{"the promised number: a false alarm in some four hundred at most", 65536,  65536,  30 },
	{"as many again: fewer than one in a hundred or so",                65536,  131072, 300},
	{"between two powers of two",				       100000, 100000, 30 },
};

static void
check_room(void **state)
{
	const struct room_row *r = *state;
	struct bloom b = {0};
	uint64_t seed = 20261125, again = seed;
	int alarms = 0;

	start(&b, r->room);
	for (size_t i = 0; i < r->entries; i++)
		bloom_add(&b, next_random(&seed));
	assert_false(bloom_is_full(&b));
	for (size_t i = 0; i < r->entries; i++)
		assert_true(bloom_maybe(&b, next_random(&again)));
	/* Later numbers of the same row are others. */
	for (int i = 0; i < 100000; i++)
		alarms += bloom_maybe(&b, next_random(&seed));
	if (alarms > r->alarms_per_10000 * 10)
		fail_msg("%d false alarms of 100000", alarms);
	bloom_release(&b);
}

static void
bloom__an_empty_one_says_maybe(void **state)
{
	struct bloom b = {0};

	(void)state;
	assert_true(bloom_maybe(&b, 0));
	assert_true(bloom_maybe(&b, bloom_hash("fabrikam.example")));
	assert_false(bloom_is_full(&b));
	bloom_release(&b);
	bloom_release(&b);
}

static void
bloom__a_new_start_forgets_everything(void **state)
{
	struct bloom b = {0};

	(void)state;
	start(&b, 1);
	bloom_add(&b, bloom_hash("fabrikam.example"));
	start(&b, 1);
	assert_false(bloom_maybe(&b, bloom_hash("fabrikam.example")));
	assert_int_equal(b.n, 0);
	bloom_release(&b);
	assert_true(bloom_maybe(&b, bloom_hash("fabrikam.example")));
}

/* Twice what it was started for, as the header has it, and never before. */
static void
bloom__is_full_behind_twice_its_promise(void **state)
{
	static const size_t promises[] = {1, 511, 512, 513, 5000, 65536};
	uint64_t seed = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(promises); i++) {
		struct bloom b = {0};
		size_t added = 0;

		start(&b, promises[i]);
		for (; added < 2 * promises[i]; added++) {
			assert_false(bloom_is_full(&b));
			bloom_add(&b, next_random(&seed));
		}
		assert_false(bloom_is_full(&b));
		/* The bits are a power of two: at most four times, and half a thousand, later. */
		while (!bloom_is_full(&b) && added < 8 * promises[i] + 2048) {
			bloom_add(&b, next_random(&seed));
			added++;
		}
		assert_true(bloom_is_full(&b));
		bloom_release(&b);
	}
}

static void
bloom__without_memory_it_is_empty(void **state)
{
	struct bloom b = {0};
	struct err err = {0};

	(void)state;
	start(&b, 1);
	bloom_add(&b, bloom_hash("fabrikam.example"));
	is_memory_out = true;
	assert_int_equal(bloom_start(&b, 1, &err), CR_ENOMEM);
	is_memory_out = false;
	/* Of a filter that is gone nothing may be said but maybe. */
	assert_true(bloom_maybe(&b, bloom_hash("contoso.example")));
	assert_null(b.bits);
	start(&b, 1);
	assert_false(bloom_maybe(&b, bloom_hash("fabrikam.example")));
	bloom_release(&b);
}

static void
bloom__more_than_can_be_is_no_memory(void **state)
{
	static const size_t promises[] = {SIZE_MAX / 32, SIZE_MAX / 32 + 1, SIZE_MAX / 2, SIZE_MAX};
	struct err err = {0};

	(void)state;
	is_memory_out = true; /* of an allocator that would die of the wish */
	for (size_t i = 0; i < ARRAY_LEN(promises); i++) {
		struct bloom b = {0};

		assert_int_equal(bloom_start(&b, promises[i], &err), CR_ENOMEM);
		assert_null(b.bits);
	}
	is_memory_out = false;
}

int
main(void)
{
	struct CMUnitTest tests[24];
	size_t n = 0;

	ROWS(tests, n, texts, check_texts);
	ROWS(tests, n, rooms, check_room);
	TEST(tests, n, bloom__an_empty_one_says_maybe);
	TEST(tests, n, bloom__a_new_start_forgets_everything);
	TEST(tests, n, bloom__is_full_behind_twice_its_promise);
	TEST(tests, n, bloom__without_memory_it_is_empty);
	TEST(tests, n, bloom__more_than_can_be_is_no_memory);
	return rows_run("core/bloom", tests, n);
}
