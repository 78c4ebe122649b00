/*
 * test_authres_cases.c - labelled Authentication-Results: how each is read, and what a message that carries them is worth.
 */
#include "tests/lib/cases.h"

#include <strings.h>

#include "dns/authres.h"

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
	if (case_has(&c->expect, "authserv_id"))
		check_same("authserv-id", a.authserv_id, case_text(&c->expect, "authserv_id"), false);
	if (case_has(&c->expect, "version")) {
		assert_ok(json_opt_int(&version, 0, 1000, 0, &want, &err), &err);
		assert_int_equal(a.version, want);
	}
	assert_ok(json_opt_bool(&flag, false, &invalid, &err), &err);
	if (invalid) {
		for (size_t i = 0; i < a.n; i++)
			assert_string_not_equal(a.results[i].result, "pass");
	} else {
		assert_false(a.invalid);
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

int
main(void)
{
	static struct cases readings;
	int failed;

	cases_open("authres.json", check_read, &readings);
	failed = rows_run("dns/authres cases", readings.tests, readings.n_tests);
	cases_close(&readings);
	return failed;
}
