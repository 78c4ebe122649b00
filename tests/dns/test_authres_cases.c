/*
 * test_authres_cases.c - labelled Authentication-Results: how each is read, and what a message that carries them is worth.
 */
#include "tests/lib/cases.h"

#include <strings.h>

#include "dns/authres.h"
#include "dns/name.h"
#include "dns/passed.h"
#include "tests/lib/zonetable.h"

static void
check_same(const char *what, const char *seen, const char *want, bool nocase)
{
	if ((seen == NULL) != (want == NULL) ||
	    (want != NULL && (nocase ? strcasecmp(seen, want) : strcmp(seen, want)) != 0))
		fail_msg("%s: '%s', not '%s'", what, seen != NULL ? seen : "(none)", want != NULL ? want : "(none)");
}

/* What a list of properties names it has to have, in that order; those without a ptype may stand between. */
static void
check_props(const struct authres_result *r, const struct json_at *props)
{
	size_t k = 0;

	for (size_t i = 0; i < json_count(props); i++) {
		struct json_at one = json_item(props, i);
		const char *ptype = case_text(&one, "ptype");

		while (k < r->n_props && r->props[k].ptype[0] == '\0' && ptype != NULL && ptype[0] != '\0')
			k++;
		if (k == r->n_props)
			fail_msg("%s has no property %zu", r->method, i);
		check_same("ptype", r->props[k].ptype, ptype != NULL ? ptype : "", true);
		check_same("property", r->props[k].property, case_text(&one, "property"), true);
		check_same("value", r->props[k].value, case_text(&one, "value"), false);
		k++;
	}
	for (; k < r->n_props; k++)
		if (r->props[k].ptype[0] != '\0')
			fail_msg("%s has %s.%s too", r->method, r->props[k].ptype, r->props[k].property);
}

static void
check_result(const struct authres_result *r, const struct json_at *want)
{
	struct json_at props = json_get(want, "props");

	check_same("method", r->method, case_text(want, "method"), true);
	check_same("result", r->result, case_text(want, "result"), true);
	if (case_has(want, "reason"))
		check_same("reason", r->reason, case_text(want, "reason"), false);
	if (props.node != NULL)
		check_props(r, &props);
}

static void
check_read(void **state)
{
	const struct one_case *c = *state;
	struct json_at results = json_get(&c->expect, "results"), version = json_get(&c->expect, "version");
	const char *value = case_text(&c->at, "value");
	struct authres a;
	struct err err = {0};
	int64_t want = 0;
	bool invalid = false;
	struct json_at flag = json_get(&c->expect, "invalid");

	assert_non_null(value);
	assert_ok(authres_read((struct span){value, strlen(value)}, &a, &err), &err);
	assert_ok(json_opt_bool(&flag, false, &invalid, &err), &err);
	/* Only that nothing in it may be believed is said of those. */
	if (invalid) {
		for (size_t i = 0; i < a.n; i++)
			assert_string_not_equal(a.results[i].result, "pass");
		authres_release(&a);
		return;
	}
	if (case_has(&c->expect, "authserv_id"))
		check_same("authserv-id", a.authserv_id, case_text(&c->expect, "authserv_id"), false);
	if (case_has(&c->expect, "version")) {
		assert_ok(json_opt_int(&version, 0, 1000, 0, &want, &err), &err);
		assert_int_equal(a.version, want);
	}
	if (results.node != NULL) {
		assert_int_equal(a.n, json_count(&results));
		for (size_t i = 0; i < a.n; i++) {
			struct json_at one = json_item(&results, i);

			check_result(&a.results[i], &one);
		}
	}
	authres_release(&a);
}

/* ---- verdicts ---- */

struct judging {
	const struct passed_query *query;
	struct passed passed;
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct judging *j = arg;

	return passed_check(l, j->query, &j->passed, err);
}

/* A message with the fields of a case on top, and nothing that they do not speak of. */
static void
build(const struct one_case *c, const char *from, struct buf *out)
{
	struct json_at fields = json_get(&c->at, "authentication_results");
	struct err err = {0};

	for (size_t i = 0; i < json_count(&fields); i++) {
		struct json_at one = json_item(&fields, i);
		const char *value = NULL;

		assert_ok(json_want_string(&one, &value, &err), &err);
		buf_addf(out, "Authentication-Results: %s\r\n", value);
	}
	buf_addf(out, "From: Test <test@%s>\r\nSubject: test\r\n\r\ntest\r\n", from);
}

static void
check_flag(const struct one_case *c, const char *key, bool seen)
{
	struct json_at at = json_get(&c->expect, key);
	struct err err = {0};
	bool want = seen;

	assert_ok(json_opt_bool(&at, seen, &want, &err), &err);
	if (seen != want)
		fail_msg("%s: %d, not %d", key, seen, want);
}

static void
check_word(const struct one_case *c, const char *key, const char *seen)
{
	if (case_has(&c->expect, key))
		check_same(key, seen, case_text(&c->expect, key), false);
}

static void
check_warned(const struct one_case *c, const struct passed *p)
{
	struct json_at warn = json_get(&c->expect, "warn");

	for (size_t i = 0; i < json_count(&warn); i++) {
		struct json_at one = json_item(&warn, i);
		const char *word = NULL;
		const struct finding *f;
		struct err err = {0};
		char id[128];

		assert_ok(json_want_string(&one, &word, &err), &err);
		(void)snprintf(id, sizeof(id), "message-%s", word);
		f = findings_find(&p->findings, id);
		if (f == NULL || f->level != FINDING_WARN)
			fail_msg("no warning %s", id);
	}
}

static void
check_judged(const struct one_case *c, bool deferred)
{
	const char *from = case_text(&c->at, "from"), *trust = case_text(&c->at, "trust");
	const char *const trusted[] = {trust, NULL};
	struct message m = {0};
	struct passed_query q = {.message = &m, .trusted = trust != NULL ? trusted : NULL, .now_s = 1764000000};
	struct judging j = {.query = &q};
	struct zonetable t;
	struct lookup *l;
	struct buf bytes = {0};
	struct err err = {0};
	struct json_at given = json_get(&c->at, "dns");
	struct name organisation;
	char zone[2048];

	assert_non_null(from);
	name_organisation(from, &organisation);
	(void)snprintf(zone, sizeof(zone), "{\"_dmarc.%s\": {\"TXT\": [[\"v=DMARC1; p=reject\"]]}}", organisation.text);
	build(c, from, &bytes);
	assert_ok(message_read(buf_str(&bytes), bytes.len, &m, &err), &err);
	if (given.node != NULL)
		zonetable_open_at(&given, &t);
	else
		zonetable_open(zone, &t);
	l = zonetable_lookup(&t, deferred);
	assert_ok(lookup_settle_one(l, judge, &j, &err), &err);
	check_flag(c, "ok", j.passed.ok);
	check_flag(c, "spf_aligned", j.passed.spf_aligned);
	check_flag(c, "dkim_aligned", j.passed.dkim_aligned);
	check_word(c, "spf", j.passed.spf);
	check_word(c, "dkim", j.passed.dkim);
	check_word(c, "dmarc", j.passed.dmarc);
	check_warned(c, &j.passed);
	if (case_has(&c->expect, "status"))
		assert_int_equal(j.passed.no_trusted,
		                 strcmp(case_text(&c->expect, "status"), "no-trusted-results") == 0);
	lookup_drop(&l);
	zonetable_close(&t);
	passed_release(&j.passed);
	message_release(&m);
	buf_release(&bytes);
}

static void
check_verdict(void **state)
{
	check_judged(*state, false);
	check_judged(*state, true);
}

int
main(void)
{
	static struct cases readings, verdicts;
	int failed;

	cases_open("authres.json", check_read, &readings);
	cases_open("authres_verdict.json", check_verdict, &verdicts);
	failed = rows_run("dns/authres cases", readings.tests, readings.n_tests);
	failed += rows_run("dns/passed cases", verdicts.tests, verdicts.n_tests);
	cases_close(&readings);
	cases_close(&verdicts);
	return failed;
}
