/*
 * test_spf_cases.c - SPF evaluated and walked by labelled cases beside the project, where they are at hand.
 */
#include "tests/lib/cases.h"
#include "tests/lib/zonetable.h"

#include "dns/spf_check.h"

struct ask {
	struct spf_query query;
	struct spf_answer answer;
};

static int
evaluate(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	return spf_evaluate(l, &a->query, &a->answer, err);
}

static const struct json_at *zone_of(const struct one_case *c);

/* Both ways: all known at once, and one answer after the other. */
static void
check_evaluated(void **state)
{
	const struct one_case *c = *state;
	struct json_at want = json_get(&c->at, "result");
	const char *explanation = case_text(&c->at, "explanation");

	for (int deferred = 0; deferred < 2; deferred++) {
		struct ask a = {
			.query = {.ip = case_text(&c->at, "ip"),
		                  .sender = case_text(&c->at, "mailfrom"),
		                  .helo = case_text(&c->at, "helo")}
                };
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};

		zonetable_open_at(zone_of(c), &t);
		l = zonetable_lookup(&t, deferred);
		assert_ok(lookup_settle_one(l, evaluate, &a, &err), &err);
		if (!case_says(&want, spf_result_name(a.answer.result)))
			fail_msg("%s: %s", spf_result_name(a.answer.result), a.answer.why);
		if (explanation != NULL) {
			assert_non_null(a.answer.explanation);
			assert_string_equal(a.answer.explanation, explanation);
		}
		spf_answer_release(&a.answer);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

/* Of a case's section: the zone stands beside the list of its cases. */
static struct section {
	const struct one_case *first, *end;
	struct json_at zone;
} sections[64];
static size_t n_sections;

static const struct json_at *
zone_of(const struct one_case *c)
{
	for (size_t i = 0; i < n_sections; i++) {
		if (c >= sections[i].first && c < sections[i].end)
			return &sections[i].zone;
	}
	fail_msg("a case without a zone");
	return NULL;
}

static void
add_sections(struct cases *suite)
{
	struct json_at root, list;

	if (suite->json == NULL)
		return;
	root = json_root(suite->json);
	list = json_get(&root, "sections");
	for (size_t i = 0; i < json_count(&list) && n_sections < ARRAY_LEN(sections); i++) {
		struct json_at one = json_item(&list, i), tests = json_get(&one, "tests");
		struct section *s = &sections[n_sections++];

		s->first = &suite->items[suite->n];
		s->zone = json_get(&one, "zone");
		cases_add(suite, &tests, "", check_evaluated);
		s->end = &suite->items[suite->n];
	}
}

int
main(void)
{
	static struct cases suite;
	int failed;

	cases_open("spf.json", check_evaluated, &suite);
	add_sections(&suite);
	failed = rows_run("dns/spf_cases", suite.tests, suite.n_tests);
	cases_close(&suite);
	return failed;
}
