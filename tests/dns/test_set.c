/*
 * test_set.c - what set.h promises: the smallest change, in an order that works, and neighbours that survive.
 */
#include "tests/lib/rows.h"

#include "core/num.h"
#include "dns/set.h"

/* A zone as lines "owner ttl type rdata", up to NULL. */
#define LINES_MAX 8

static void
fill(struct records *l, const char *const *lines)
{
	for (size_t i = 0; i < LINES_MAX && lines[i] != NULL; i++) {
		struct err err = {0};
		char owner[64], ttl[16], type_name[16];
		int64_t ttl_s = 0;
		int rdata = 0;
		uint16_t type;

		assert_int_equal(sscanf(lines[i], "%63s %15s %15s %n", owner, ttl, type_name, &rdata), 3);
		assert_ok(num_parse(ttl, 0, RECORD_TTL_MAX, &ttl_s, &err), &err);
		assert_ok(record_type_parse(type_name, &type, &err), &err);
		assert_ok(records_add(l, owner, type, (uint32_t)ttl_s, lines[i] + rdata, &err), &err);
	}
}

/* Release 14 of clang-format crashes on arrays within rows. */
/* clang-format off */
static const struct difference {
	const char *name;
	const char *have[LINES_MAX];
	const char *want[LINES_MAX];
	const char *changes[LINES_MAX]; /* "-", "~" or "+" and the record */
	const char *sets[LINES_MAX];    /* "owner type ttl n" with have as the zone */
} differences[] = {
	{.name = "equal sets need nothing",
	 .have = {"a.x 60 A 192.0.2.1", "x 60 TXT \"a\" \"b\""},
	 .want = {"X 60 TXT ab", "A.x. 60 A 192.0.2.1"}                                                },
	{ .name = "an empty zone is filled in canonical order",
	 .want = {"b.x 60 A 192.0.2.1", "x 60 MX 0 .", "a.x 60 A 192.0.2.1"},
	 .changes = {"+x. 60 IN MX 0 .", "+a.x. 60 IN A 192.0.2.1", "+b.x. 60 IN A 192.0.2.1"},
	 .sets = {"x 15 60 1", "a.x 1 60 1", "b.x 1 60 1"}},
	{			   .name = "all goes",
	 .have = {"x 60 A 192.0.2.1", "x 60 A 192.0.2.2"},
	 .changes = {"-x. 60 IN A 192.0.2.1", "-x. 60 IN A 192.0.2.2"},
	 .sets = {"x 1 0 0"}},
	{								     .name = "a TTL alone is told apart",
	 .have = {"x 60 A 192.0.2.1"},
	 .want = {"x 300 A 192.0.2.1"},
	 .changes = {"~x. 300 IN A 192.0.2.1"},
	 .sets = {"x 1 300 1"}},
	{							     .name = "a new TTL holds for the whole set",
	 .have = {"x 60 TXT b", "x 60 TXT a"},
	 .want = {"x 60 TXT b", "x 300 TXT a"},
	 .changes = {"~x. 300 IN TXT \"a\""},
	 .sets = {"x 16 300 2"}},
	{								     .name = "a CNAME goes before its A comes",
	 .have = {"z.x 60 CNAME y.x"},
	 .want = {"a.x 60 A 192.0.2.1", "z.x 60 A 192.0.2.1"},
	 .changes = {"-z.x. 60 IN CNAME y.x.", "+a.x. 60 IN A 192.0.2.1", "+z.x. 60 IN A 192.0.2.1"},
	 .sets = {"z.x 5 0 0", "a.x 1 60 1", "z.x 1 60 1"}},
	{					     .name = "deletes, then TTLs, then creates",
	 .have = {"b.x 60 A 192.0.2.1", "c.x 60 A 192.0.2.1"},
	 .want = {"a.x 60 A 192.0.2.1", "b.x 90 A 192.0.2.1"},
	 .changes = {"-c.x. 60 IN A 192.0.2.1", "~b.x. 90 IN A 192.0.2.1", "+a.x. 60 IN A 192.0.2.1"},
	 .sets = {"c.x 1 0 0", "b.x 1 90 1", "a.x 1 60 1"}},
	{					    .name = "a changed value is one set",
	 .have = {"x 60 TXT \"v=spf1 ~all\"", "x 60 TXT keep"},
	 .want = {"x 60 TXT \"v=spf1 -all\"", "x 60 TXT keep"},
	 .changes = {"-x. 60 IN TXT \"v=spf1 ~all\"", "+x. 60 IN TXT \"v=spf1 -all\""},
	 .sets = {"x 16 60 2"}},
};
/* clang-format on */

static void
check_difference(void **state)
{
	static const char signs[] = {[SET_DELETE] = '-', [SET_TTL] = '~', [SET_CREATE] = '+'};
	const struct difference *r = *state;
	struct records have = {0}, want = {0};
	struct set_diff diff = {0};
	struct set_rrsets sets = {0};
	struct err err = {0};
	size_t n;

	fill(&have, r->have);
	fill(&want, r->want);
	assert_ok(set_diff_make(&have, &want, &diff, &err), &err);
	for (n = 0; n < diff.n; n++) {
		struct buf line = {0};

		buf_addc(&line, signs[diff.items[n].op]);
		record_format(&diff.items[n].record, &line);
		assert_non_null(r->changes[n]);
		assert_string_equal(buf_str(&line), r->changes[n]);
		buf_release(&line);
	}
	assert_null(r->changes[n]);
	assert_ok(set_rrsets_make(&have, &diff, &sets, &err), &err);
	for (n = 0; n < sets.n; n++) {
		const struct set_rrset *s = &sets.items[n];
		char line[128];

		(void)snprintf(line, sizeof(line), "%s %u %u %zu", s->owner, s->type, s->ttl_s, s->records.n);
		assert_non_null(r->sets[n]);
		assert_string_equal(line, r->sets[n]);
		for (size_t i = 0; i < s->records.n; i++)
			assert_int_equal(s->records.items[i].ttl_s, s->ttl_s);
	}
	assert_null(r->sets[n]);
	set_rrsets_release(&sets);
	set_diff_release(&diff);
	records_release(&have);
	records_release(&want);
}

/* The diff speaks of our records only; the zone holds others at the same name. */
static void
set__foreign_neighbours_survive(void **state)
{
	static const char *const zone_lines[LINES_MAX] = {"x 300 TXT google-site-verification=1",
	                                                  "x 300 TXT \"v=spf1 ~all\"", "x 60 MX 0 ."};
	static const char *const own_lines[LINES_MAX] = {"x 300 TXT \"v=spf1 ~all\""};
	struct records zone = {0}, own = {0}, none = {0};
	struct set_diff diff = {0};
	struct set_rrsets sets = {0};

	(void)state;
	fill(&zone, zone_lines);
	fill(&own, own_lines);
	assert_int_equal(set_diff_make(&own, &none, &diff, NULL), CR_OK);
	assert_int_equal(set_rrsets_make(&zone, &diff, &sets, NULL), CR_OK);
	assert_int_equal(sets.n, 1);
	assert_int_equal(sets.items[0].records.n, 1);
	assert_int_equal(sets.items[0].ttl_s, 300);
	assert_string_equal(record_text(&sets.items[0].records.items[0]), "google-site-verification=1");
	set_rrsets_release(&sets);
	set_diff_release(&diff);
	records_release(&zone);
	records_release(&own);
}

/* A run that was cut off: what it wanted is there already, what it would remove is gone. */
static void
set__a_repeated_change_is_harmless(void **state)
{
	static const char *const done[LINES_MAX] = {"x 60 A 192.0.2.2"};
	static const char *const before[LINES_MAX] = {"x 60 A 192.0.2.1"};
	struct records zone = {0}, have = {0}, want = {0};
	struct set_diff diff = {0};
	struct set_rrsets sets = {0};

	(void)state;
	fill(&zone, done);
	fill(&have, before);
	fill(&want, done);
	assert_int_equal(set_diff_make(&have, &want, &diff, NULL), CR_OK);
	assert_int_equal(diff.n, 2);
	assert_int_equal(set_rrsets_make(&zone, &diff, &sets, NULL), CR_OK);
	assert_int_equal(sets.n, 1);
	assert_int_equal(sets.items[0].records.n, 1);
	assert_true(record_same(&sets.items[0].records.items[0], &zone.items[0]));
	set_rrsets_release(&sets);
	set_diff_release(&diff);
	records_release(&zone);
	records_release(&have);
	records_release(&want);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, differences, check_difference);
	TEST(tests, n, set__foreign_neighbours_survive);
	TEST(tests, n, set__a_repeated_change_is_harmless);
	return rows_run("dns/set", tests, n);
}
