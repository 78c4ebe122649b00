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

struct tree {
	const char *domain;
	struct spf_tree tree;
};

static int
walk(struct lookup *l, void *arg, struct err *err)
{
	struct tree *t = arg;

	return spf_walk(l, t->domain, true, &t->tree, err);
}

/* A figure, or one of a list; null says nothing. */
static bool
figure_says(const struct json_at *at, unsigned seen)
{
	int64_t want = 0;

	if (json_is_null(at))
		return true;
	for (size_t i = 0; json_is_array(at) && i < json_count(at); i++) {
		struct json_at one = json_item(at, i);

		if (figure_says(&one, seen))
			return true;
	}
	return !json_is_array(at) && json_want_int(at, 0, 100000, &want, NULL) == CR_OK && want == (int64_t)seen;
}

static void
check_walked(void **state)
{
	const struct one_case *c = *state;
	struct json_at zone = json_get(&c->at, "zone"), lookups = json_get(&c->expect, "lookups");
	struct json_at voids = json_get(&c->expect, "void"), result = json_get(&c->expect, "result");
	char sender[300];

	(void)snprintf(sender, sizeof(sender), "a@%s", case_text(&c->at, "domain"));
	for (int deferred = 0; deferred < 2; deferred++) {
		struct tree w = {.domain = case_text(&c->at, "domain")};
		struct ask a = {
			.query = {.ip = "203.100.51.1", .sender = sender, .helo = "helo.example"}
                };
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};

		zonetable_open_at(&zone, &t);
		l = zonetable_lookup(&t, deferred);
		assert_ok(lookup_settle_one(l, walk, &w, &err), &err);
		assert_ok(lookup_settle_one(l, evaluate, &a, &err), &err);
		if (!figure_says(&lookups, w.tree.lookups) || !figure_says(&voids, w.tree.voids) ||
		    (case_has(&c->expect, "lookups_over_10") && w.tree.lookups <= SPF_LOOKUPS_MAX))
			fail_msg("%u look-ups, %u voids", w.tree.lookups, w.tree.voids);
		if (!case_says(&result, spf_result_name(a.answer.result)))
			fail_msg("%s: %s", spf_result_name(a.answer.result), a.answer.why);
		spf_tree_release(&w.tree);
		spf_answer_release(&a.answer);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

int
main(void)
{
	static struct cases suite, walked;
	int failed;

	cases_open("spf.json", check_evaluated, &suite);
	add_sections(&suite);
	failed = rows_run("dns/spf_cases", suite.tests, suite.n_tests);
	cases_close(&suite);
	cases_open("spf_lookups.json", check_walked, &walked);
	failed += rows_run("dns/spf_lookups", walked.tests, walked.n_tests);
	cases_close(&walked);
	return failed;
}
