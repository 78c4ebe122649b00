/*
 * test_lookup.c - what lookup.h promises of the cache and of the checks that wait for it; the network is in test_lookup_live.c.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

static const char *const zone =
	"{\"a.example\": {\"TXT\": [[\"b.example\"]], \"A\": [\"192.0.2.1\"]}, \"b.example\": {\"TXT\": [[\"c.exam\", "
	"\"ple\"]]},"
	" \"c.example\": {\"TXT\": [[\"end\"]]}, \"alias.example\": {\"CNAME\": [\"a.example\"]},"
	" \"round.example\": {\"CNAME\": [\"round.example\"]}, \"ill.example\": {\"RCODE\": 2}, \"mute.example\": "
	"{\"TIMEOUT\": true},"
	" \"deep.below.example\": {\"A\": [\"192.0.2.2\"]}}";

/* Follows TXT records from name to name. */
struct walk {
	const char *from;
	char end[256];
	unsigned runs;
};

static int
follow(struct lookup *l, void *arg, struct err *err)
{
	struct walk *w = arg;
	const char *name = w->from;

	(void)err;
	w->runs++;
	w->end[0] = '\0';
	for (;;) {
		const struct lookup_answer *a = lookup_ask(l, name, RECORD_TXT);

		if (a->state != LOOKUP_FOUND)
			return CR_OK;
		name = record_text(&a->records.items[0]);
		(void)snprintf(w->end, sizeof(w->end), "%s", name);
	}
}

static void
lookup__a_check_is_run_again_until_it_wants_nothing_more(void **state)
{
	struct walk w = {.from = "a.example"};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	assert_ok(lookup_settle_one(l, follow, &w, &err), &err);
	assert_string_equal(w.end, "end");
	assert_int_equal(w.runs, 5);
	lookup_drop(&l);
	zonetable_close(&t);
}

static void
lookup__many_checks_share_answers(void **state)
{
	struct walk walks[700];
	struct lookup_job jobs[700];
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		walks[i] = (struct walk){.from = i % 2 == 0 ? "a.example" : "b.example"};
		jobs[i] = (struct lookup_job){.run = follow, .arg = &walks[i], .rc = CR_EBUG};
	}
	assert_ok(lookup_settle(l, jobs, ARRAY_LEN(jobs), NULL, NULL, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		assert_int_equal(jobs[i].rc, CR_OK);
		assert_string_equal(walks[i].end, "end");
	}
	assert_int_equal(t.n_asked, 4); /* a, b, c, end */
	assert_int_equal(lookup_sent(l), 4);
	lookup_drop(&l);
	zonetable_close(&t);
}

static int
fails(struct lookup *l, void *arg, struct err *err)
{
	const struct lookup_answer *a = lookup_ask(l, "a.example", RECORD_A);

	(void)arg;
	return err_set(err, a->state == LOOKUP_PENDING ? CR_EBUG : CR_EPARSE, "in the end");
}

static void
lookup__an_error_counts_only_once_all_is_known(void **state)
{
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	assert_int_equal(lookup_settle_one(l, fails, NULL, &err), CR_EPARSE);
	assert_string_equal(err.text, "in the end");
	lookup_drop(&l);
	zonetable_close(&t);
}

static int
greedy(struct lookup *l, void *arg, struct err *err)
{
	size_t *answered = arg;

	(void)err;
	*answered = 0;
	for (unsigned i = 0; i < LOOKUP_QUESTIONS_MAX + 10U; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "n%u.example", i);
		*answered += lookup_ask(l, name, RECORD_A)->state != LOOKUP_FAILED;
	}
	return CR_OK;
}

static int
nothing_there(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
              struct err *err)
{
	(void)ctx;
	(void)at;
	(void)name;
	(void)type;
	(void)err;
	out->state = LOOKUP_NONAME;
	return CR_OK;
}

static void
lookup__a_check_that_asks_without_end_is_stopped(void **state)
{
	struct lookup *l = NULL;
	struct err err = {0};
	size_t answered = 0;

	(void)state;
	assert_ok(lookup_open_table(nothing_there, NULL, true, &l, &err), &err);
	assert_ok(lookup_settle_one(l, greedy, &answered, &err), &err);
	assert_int_equal(answered, LOOKUP_QUESTIONS_MAX);
	lookup_drop(&l);
}

static void
lookup__forgotten_answers_are_asked_for_again(void **state)
{
	struct walk w = {.from = "c.example"};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	assert_ok(lookup_settle_one(l, follow, &w, &err), &err);
	lookup_forget(l);
	assert_ok(lookup_settle_one(l, follow, &w, &err), &err);
	assert_int_equal(t.n_asked, 4);
	lookup_drop(&l);
	zonetable_close(&t);
}

static const struct state_row {
	const char *name, *ask;
	uint16_t type;
	enum lookup_state want;
} states[] = {
	{"found",			     "a.example",     RECORD_A,  LOOKUP_FOUND },
	{"no data",			   "b.example",     RECORD_A,  LOOKUP_EMPTY },
	{"an empty non-terminal exists",      "below.example", RECORD_A,  LOOKUP_EMPTY },
	{"no name",			   "z.example",     RECORD_A,  LOOKUP_NONAME},
	{"through an alias",                  "alias.example", RECORD_A,  LOOKUP_FOUND },
	{"alias without the type at its end", "alias.example", RECORD_MX, LOOKUP_EMPTY },
	{"aliases in a circle",               "round.example", RECORD_A,  LOOKUP_FAILED},
	{"servfail",			  "ill.example",   RECORD_A,  LOOKUP_FAILED},
	{"silence",			   "mute.example",  RECORD_A,  LOOKUP_SILENT},
};

static void
check_state(void **state)
{
	const struct state_row *r = *state;
	struct zonetable t;
	struct lookup *l;

	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, false);
	assert_int_equal(lookup_ask(l, r->ask, r->type)->state, r->want);
	lookup_drop(&l);
	zonetable_close(&t);
}

/* Who was asked, of a name with a TXT record that says so. */
static int
says_who(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
         struct err *err)
{
	char who[16];

	(void)ctx;
	(void)snprintf(who, sizeof(who), "%u", at != NULL ? at->port : 0U);
	out->state = LOOKUP_FOUND;
	return type == RECORD_TXT ? records_add(&out->records, name, type, 60, who, err) : CR_OK;
}

static const struct route_row {
	const char *name, *ask, *want; /* want NULL: nobody */
} route_rows[] = {
	{"a name without a route goes to the resolver",   "other.example",      "0" },
	{"the zone's own name takes its route",           "zone.example",       "1" },
	{"so do names below it",                          "a.b.zone.example",   "1" },
	{"the longest zone wins",                         "a.sub.zone.example", "2" },
	{"a name that only ends alike takes another way", "ozone.example",      "0" },
	{"nobody is asked where nobody can know",         "x.lab.example",      NULL},
	{"a server for a part of that is asked",          "x.our.lab.example",  "3" },
	{"what is said last of a zone holds",             "x.twice.example",    "2" },
};

static void
check_route(void **state)
{
	const struct route_row *r = *state;
	struct resolve_server s = {.address = "192.0.2.53", .port = 1};
	const struct lookup_answer *a;
	struct lookup *l = NULL;
	struct err err = {0};
	struct lookup_met met;

	assert_ok(lookup_open_table(says_who, NULL, false, &l, &err), &err);
	assert_ok(lookup_route(l, "zone.example", &s, false, &err), &err);
	assert_ok(lookup_route(l, "twice.example", &s, false, &err), &err);
	s.port = 2;
	assert_ok(lookup_route(l, "sub.zone.example", &s, false, &err), &err);
	assert_ok(lookup_nobody(l, "twice.example", "for a while", &err), &err);
	assert_ok(lookup_route(l, "twice.example", &s, false, &err), &err);
	assert_ok(lookup_nobody(l, "lab.example", "a laboratory's own name", &err), &err);
	s.port = 3;
	assert_ok(lookup_route(l, "our.lab.example", &s, true, &err), &err);
	a = lookup_ask(l, r->ask, RECORD_TXT);
	met = lookup_met(l);
	assert_int_equal(met.trouble, 0);
	assert_int_equal(met.nobody, r->want == NULL ? 1 : 0);
	assert_int_equal(lookup_met(l).nobody, 0);
	if (r->want == NULL) {
		assert_int_equal(a->state, LOOKUP_FAILED);
		assert_true(a->nobody);
		assert_string_equal(a->why, "a laboratory's own name");
		assert_int_equal(lookup_sent(l), 0);
	} else {
		assert_string_equal(record_text(&a->records.items[0]), r->want);
		assert_false(a->nobody);
	}
	lookup_drop(&l);
}

static void
lookup__trouble_is_counted_apart_from_nobody_to_ask(void **state)
{
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	struct lookup_met met;

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, false);
	assert_ok(lookup_nobody(l, "lab.example", "nobody", &err), &err);
	(void)lookup_ask(l, "ill.example", RECORD_A);
	(void)lookup_ask(l, "mute.example", RECORD_A);
	(void)lookup_ask(l, "a.lab.example", RECORD_A);
	(void)lookup_ask(l, "a.example", RECORD_A);
	met = lookup_met(l);
	assert_int_equal(met.trouble, 2);
	assert_int_equal(met.nobody, 1);
	lookup_drop(&l);
	zonetable_close(&t);
}

static void
lookup__no_such_name_is_doubted_where_the_resolver_cannot_know(void **state)
{
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	const struct resolve_server at = {.address = "192.0.2.53", .port = 53};

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, false);
	assert_ok(lookup_doubt(l, "example", "a laboratory", &err), &err);
	assert_int_equal(lookup_ask(l, "z.example", RECORD_A)->state, LOOKUP_FAILED);
	assert_true(lookup_ask(l, "z.example", RECORD_A)->nobody);
	assert_string_equal(lookup_ask(l, "z.example", RECORD_A)->why, "a laboratory");
	assert_int_equal(lookup_ask(l, "a.example", RECORD_A)->state, LOOKUP_FOUND);
	assert_int_equal(lookup_ask(l, "b.example", RECORD_A)->state, LOOKUP_EMPTY);
	assert_int_equal(lookup_ask(l, "z.test", RECORD_A)->state, LOOKUP_NONAME);
	/* Who is asked by name knows. */
	assert_int_equal(lookup_ask_at(l, &at, "z.example", RECORD_A)->state, LOOKUP_NONAME);
	lookup_drop(&l);
	zonetable_close(&t);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, states, check_state);
	ROWS(tests, n, route_rows, check_route);
	TEST(tests, n, lookup__no_such_name_is_doubted_where_the_resolver_cannot_know);
	TEST(tests, n, lookup__trouble_is_counted_apart_from_nobody_to_ask);
	TEST(tests, n, lookup__a_check_is_run_again_until_it_wants_nothing_more);
	TEST(tests, n, lookup__many_checks_share_answers);
	TEST(tests, n, lookup__an_error_counts_only_once_all_is_known);
	TEST(tests, n, lookup__a_check_that_asks_without_end_is_stopped);
	TEST(tests, n, lookup__forgotten_answers_are_asked_for_again);
	return rows_run("dns/lookup", tests, n);
}
