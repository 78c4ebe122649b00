/*
 * test_tokens.c - packed spends and paces: what was packed comes back, what was damaged does not, and the rules hold at the edge.
 */
#include "budget/gate.h"
#include "budget/pace.h"
#include "budget/ticket.h"
#include "budget/tokens.h"
#include "tests/lib/rows.h"

static const struct tokens_rules rules = {
	.total = 4,
	.per_class = {2, 2},
	.window_ms = GATE_WINDOW_MS,
	.gap_ms = 1000,
	.org_per_hour = 1,
	.org_per_day = 3
};

static struct token
spend_at(int64_t ms, int class, uint8_t key)
{
	return (struct token){.spent_ms = TOKENS_FIRST_MS + ms, .class = class, .key = key};
}

static void
tokens__what_was_packed_comes_back(void **state)
{
	struct tokens t = {0}, back;
	uint8_t packed[TOKENS_PACKED];
	struct err err;

	(void)state;
	for (int i = 0; i < TOKENS_MAX; i++) {
		struct token s = spend_at(1000 - i, i % 2, (uint8_t)i);

		tokens_spend(&t, &rules, &s);
		tokens_pack(&t, packed);
		assert_ok(tokens_unpack(packed, sizeof(packed), &back, &err), &err);
		assert_int_equal(back.n, t.n);
		for (size_t k = 0; k < t.n; k++) { /* not the bytes: there is padding between the members */
			assert_int_equal(back.slot[k].spent_ms, t.slot[k].spent_ms);
			assert_int_equal(back.slot[k].class, t.slot[k].class);
			assert_int_equal(back.slot[k].key, t.slot[k].key);
		}
	}
	assert_int_equal(t.slot[0].spent_ms, TOKENS_FIRST_MS + 997);
	assert_ok(tokens_unpack(NULL, 0, &back, &err), &err);
	assert_int_equal(back.n, 0);
}

static const struct damage {
	const char *name;
	size_t len;
	size_t at;
	uint8_t value;
} damages[] = {
	{"a cut row is damaged",              TOKENS_PACKED - 1, 0,                 0x20},
	{"a longer row is damaged",           TOKENS_PACKED + 1, 0,                 0x20},
	{"another version is damaged",        TOKENS_PACKED,     0,                 0x30},
	{"a gap between spends is damaged",   TOKENS_PACKED,     1 + 4,             0   },
	{"a key without a time is damaged",   TOKENS_PACKED,     TOKENS_PACKED - 1, 1   },
	{"a class without a time is damaged", TOKENS_PACKED,     0,                 0x28},
	{"times out of order are damaged",    TOKENS_PACKED,     1 + 3,             9   },
	{"one byte is damaged",               1,                 0,                 0x20},
	{"an old row cut short is damaged",   TOKENS_PACKED,     0,                 1   },
};

static void
check_damage(void **state)
{
	const struct damage *r = *state;
	uint8_t packed[TOKENS_PACKED + 1] = {0};
	struct token a = spend_at(5, 0, 1), b = spend_at(6, 1, 2);
	struct tokens t = {0}, back = {.n = 77};
	struct err err;

	tokens_spend(&t, &rules, &a);
	tokens_spend(&t, &rules, &b);
	tokens_pack(&t, packed);
	packed[r->at] = r->value;
	assert_int_equal(tokens_unpack(packed, r->len, &back, &err), CR_ESTORE);
	assert_int_equal(back.n, 77);
}

/* Five slots of schema 1 are one more than there is room for. */
static void
tokens__an_old_row_of_five_is_damaged(void **state)
{
	uint8_t old[2 + 5 * 41] = {1, 5};
	struct tokens back = {.n = 77};
	struct err err;

	(void)state;
	assert_int_equal(tokens_unpack(old, sizeof(old), &back, &err), CR_ESTORE);
	assert_int_equal(back.n, 77);
}

/* An empty slot between two spends: whoever wrote that row was not this program. */
static void
tokens__a_hole_between_spends_is_damaged(void **state)
{
	struct token a = spend_at(5, 0, 1), b = spend_at(6, 0, 2), c = spend_at(7, 0, 3);
	uint8_t packed[TOKENS_PACKED];
	struct tokens t = {0}, back = {.n = 77};
	struct err err;

	(void)state;
	tokens_spend(&t, &rules, &a);
	tokens_spend(&t, &rules, &b);
	tokens_spend(&t, &rules, &c);
	tokens_pack(&t, packed);
	memset(packed + 1 + 13, 0, 13);
	assert_int_equal(tokens_unpack(packed, sizeof(packed), &back, &err), CR_ESTORE);
	assert_int_equal(back.n, 77);
}

static void
tokens__the_gap_counts_from_the_latest_send(void **state)
{
	struct token a = spend_at(0, 0, 1), b = spend_at(500, 1, 2);
	struct tokens t = {0};

	(void)state;
	tokens_spend(&t, &rules, &a);
	tokens_spend(&t, &rules, &b);
	assert_int_equal(tokens_gap_at(&t, &rules), b.spent_ms + rules.gap_ms);
}

static void
tokens__what_is_left_is_bound_by_the_total(void **state)
{
	struct token a = spend_at(0, 0, 1), b = spend_at(0, 0, 2);
	struct tokens_rules lower = rules;
	struct tokens t = {0};

	(void)state;
	lower.total = 3;
	tokens_spend(&t, &lower, &a);
	tokens_spend(&t, &lower, &b);
	assert_int_equal(tokens_left(&t, &lower, 1, b.spent_ms), 1);
}

/* Where a window was lengthened an id may stand twice: the later spend is the answer that was given last. */
static void
tokens__an_id_spent_twice_is_its_later_spend(void **state)
{
	struct token a = spend_at(10, 0, 1), b = spend_at(20, 0, 1);
	struct tokens t = {0};

	(void)state;
	tokens_spend(&t, &rules, &a);
	tokens_spend(&t, &rules, &b);
	assert_ptr_equal(tokens_find(&t, &rules, 1, b.spent_ms), &t.slot[1]);
}

static void
tokens__a_lengthened_window_finds_old_spends_again(void **state)
{
	struct tokens_rules longer = rules;
	struct token a = spend_at(0, 0, 1), b = spend_at(0, 0, 2);
	struct tokens t = {0};

	(void)state;
	tokens_spend(&t, &rules, &a);
	tokens_spend(&t, &rules, &b);
	assert_int_equal(tokens_free_at(&t, &rules, 0), TOKENS_FIRST_MS + GATE_WINDOW_MS);
	longer.window_ms += 1000;
	assert_int_equal(tokens_free_at(&t, &longer, 0), TOKENS_FIRST_MS + GATE_WINDOW_MS + 1000);
	assert_int_equal(tokens_left(&t, &longer, 0, TOKENS_FIRST_MS + GATE_WINDOW_MS), 0);
}

static void
tokens__an_id_is_known_as_long_as_its_spend_is(void **state)
{
	struct token a = spend_at(10, 0, 1), none = spend_at(20, 0, 7);
	struct tokens t = {0};

	(void)state;
	tokens_spend(&t, &rules, &a);
	tokens_spend(&t, &rules, &none);
	assert_ptr_equal(tokens_find(&t, &rules, a.key, a.spent_ms + GATE_WINDOW_MS - 1), &t.slot[0]);
	assert_null(tokens_find(&t, &rules, a.key, a.spent_ms + GATE_WINDOW_MS));
	assert_null(tokens_find(&t, &rules, 8, a.spent_ms));
}

/* As schema 1 wrote it: version, count; time 8, class 1, key 16, ticket 16. */
static void
tokens__rows_of_schema_1_are_read(void **state)
{
	uint8_t old[2 + 41] = {1, 1};
	struct tokens back;
	struct err err;

	(void)state;
	for (int i = 0; i < 8; i++)
		old[2 + i] = (uint8_t)((uint64_t)(TOKENS_FIRST_MS + 5) >> (56 - 8 * i));
	old[2 + 8] = 1;
	old[2 + 9 + 7] = 0x2a;
	assert_ok(tokens_unpack(old, sizeof(old), &back, &err), &err);
	assert_int_equal(back.n, 1);
	assert_int_equal(back.slot[0].spent_ms, TOKENS_FIRST_MS + 5);
	assert_int_equal(back.slot[0].class, 1);
	assert_int_equal(back.slot[0].key, 0x2a);
	assert_int_equal(tokens_unpack(old, sizeof(old) - 1, &back, &err), CR_ESTORE);
}

static const struct ticket_row {
	const char *name, *text;
	bool ok;
} tickets[] = {
	{"a ticket is two hex numbers", "1f-00000000000000aa",                true },
	{"the first must not be 0",     "0-00000000000000aa",                 false},
	{"nor negative",                "ffffffffffffffff-00000000000000aa",  false},
	{"nor longer than 64 bits",     "11111111111111111-00000000000000aa", false},
	{"upper case is not written",   "1F-00000000000000AA",                false},
	{"half a ticket is none",       "1f-",                                false},
	{"text behind it is none",      "1f-00 ",                             false},
	{"empty is none",               "",				   false},
};

static void
check_ticket(void **state)
{
	const struct ticket_row *r = *state;
	char back[TICKET_SIZE];
	struct ticket t;
	struct err err;

	if (!r->ok) {
		assert_int_equal(ticket_parse(r->text, &t, &err), CR_EPARSE);
		return;
	}
	assert_ok(ticket_parse(r->text, &t, &err), &err);
	ticket_format(&t, back);
	assert_string_equal(back, r->text);
}

static void
pace__comes_back_and_forgets_after_a_day(void **state)
{
	static uint8_t packed[PACE_PACKED_MAX];
	static struct pace p, back;
	struct err err;

	(void)state;
	memset(&p, 0, sizeof(p));
	for (int64_t i = 0; i < PACE_MAX + 5; i++)
		pace_spend(&p, i);
	assert_int_equal(p.n, PACE_MAX);
	assert_int_equal(p.times_ms[0], 5);
	assert_ok(pace_unpack(packed, pace_pack(&p, packed), &back, &err), &err);
	assert_int_equal(back.n, p.n);
	assert_memory_equal(p.times_ms, back.times_ms, p.n * sizeof(p.times_ms[0]));
	assert_int_equal(pace_unpack(packed, 7, &back, &err), CR_ESTORE);
	packed[0] = 0xff;
	assert_int_equal(pace_unpack(packed, 8, &back, &err), CR_ESTORE);
	pace_spend(&p, 3 * GATE_WINDOW_MS);
	assert_int_equal(p.n, 1);
	pace_release(&p, 3 * GATE_WINDOW_MS);
	assert_int_equal(p.n, 0);
	assert_int_equal(pace_free_at(&p, &rules), INT64_MIN);
}

/* Three sends bind the day, and the latest of them the hour. */
static void
pace__the_hour_counts_from_the_latest_send(void **state)
{
	struct pace p = {0};

	(void)state;
	pace_spend(&p, 0);
	pace_spend(&p, 3600001);
	assert_int_equal(pace_free_at(&p, &rules), 2 * 3600001);
	pace_spend(&p, 2 * 3600001);
	assert_int_equal(pace_free_at(&p, &rules), PACE_DAY_MS);
}

/* A send is kept for as long as it binds, to the millisecond. */
static void
pace__forgets_no_send_before_its_day_is_over(void **state)
{
	struct tokens_rules two = rules;
	struct pace p = {0};

	(void)state;
	two.org_per_hour = 0;
	two.org_per_day = 2;
	pace_spend(&p, 0);
	pace_spend(&p, PACE_DAY_MS - 1);
	assert_int_equal(pace_free_at(&p, &two), PACE_DAY_MS);
	pace_spend(&p, PACE_DAY_MS);
	assert_int_equal(p.n, 2);
}

static void
pace__of_two_sends_of_one_moment_one_is_given_back(void **state)
{
	struct pace p = {0};

	(void)state;
	pace_spend(&p, 7);
	pace_spend(&p, 7);
	pace_release(&p, 7);
	assert_int_equal(p.n, 1);
	pace_release(&p, 8);
	assert_int_equal(p.n, 1);
}

static void
pace__times_out_of_order_are_damaged(void **state)
{
	static uint8_t packed[PACE_PACKED_MAX];
	static struct pace p =
				   {
					   .n = 2, .times_ms = {9, 8}
        },
			   back;
	struct err err;

	(void)state;
	assert_int_equal(pace_unpack(packed, pace_pack(&p, packed), &back, &err), CR_ESTORE);
}

/* Of a row that is longer than this program writes, the latest count. */
static void
pace__of_too_many_the_latest_are_read(void **state)
{
	static uint8_t packed[PACE_PACKED_MAX + 8];
	static struct pace p, back;
	struct err err;

	(void)state;
	p.n = PACE_MAX;
	for (size_t i = 0; i < PACE_MAX; i++)
		p.times_ms[i] = (int64_t)i + 2;
	packed[7] = 1;
	(void)pace_pack(&p, packed + 8);
	assert_ok(pace_unpack(packed, sizeof(packed), &back, &err), &err);
	assert_int_equal(back.n, PACE_MAX);
	assert_int_equal(back.times_ms[0], 2);
}

/* Every rule, recounted by hand over random schedules: the naive reading of "no more than" against the slots. */
static int
count_in(const struct token *all, size_t n, int class, int64_t now)
{
	int seen = 0;

	for (size_t i = 0; i < n; i++)
		seen += now - all[i].spent_ms < GATE_WINDOW_MS && (class < 0 || all[i].class == class);
	return seen;
}

static void
tokens__decide_as_a_recount_of_all_spends_does(void **state)
{
	static struct token all[20000];
	struct tokens t = {0};
	int64_t now = TOKENS_FIRST_MS + 1000000;
	size_t n = 0;
	unsigned seed = 20251125;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		int class = rand_r(&seed) % 2;
		bool want = count_in(all, n, -1, now) < 4 && count_in(all, n, class, now) < 2;
		bool got = tokens_free_at(&t, &rules, class) <= now;

		assert_int_equal(got, want);
		assert_int_equal(tokens_left(&t, &rules, class, now) > 0, want);
		if (got) {
			all[n] = spend_at(now - TOKENS_FIRST_MS, class, 0);
			tokens_spend(&t, &rules, &all[n++]);
		} else if (rand_r(&seed) % 8 == 0) {
			/* At the very moment that was promised, and one before. */
			int64_t at = tokens_free_at(&t, &rules, class);

			assert_false(count_in(all, n, -1, at - 1) < 4 && count_in(all, n, class, at - 1) < 2);
			now = at;
			continue;
		}
		now += rand_r(&seed) % (int)(GATE_WINDOW_MS / 6);
	}
	assert_true(n > 1000);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	TEST(tests, n, tokens__what_was_packed_comes_back);
	ROWS(tests, n, damages, check_damage);
	TEST(tests, n, tokens__a_lengthened_window_finds_old_spends_again);
	TEST(tests, n, tokens__rows_of_schema_1_are_read);
	TEST(tests, n, tokens__an_old_row_of_five_is_damaged);
	TEST(tests, n, tokens__a_hole_between_spends_is_damaged);
	TEST(tests, n, tokens__the_gap_counts_from_the_latest_send);
	TEST(tests, n, tokens__what_is_left_is_bound_by_the_total);
	TEST(tests, n, tokens__an_id_spent_twice_is_its_later_spend);
	TEST(tests, n, tokens__an_id_is_known_as_long_as_its_spend_is);
	ROWS(tests, n, tickets, check_ticket);
	TEST(tests, n, pace__comes_back_and_forgets_after_a_day);
	TEST(tests, n, pace__the_hour_counts_from_the_latest_send);
	TEST(tests, n, pace__forgets_no_send_before_its_day_is_over);
	TEST(tests, n, pace__of_two_sends_of_one_moment_one_is_given_back);
	TEST(tests, n, pace__times_out_of_order_are_damaged);
	TEST(tests, n, pace__of_too_many_the_latest_are_read);
	TEST(tests, n, tokens__decide_as_a_recount_of_all_spends_does);
	return rows_run("budget/tokens", tests, n);
}
