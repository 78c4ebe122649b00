/*
 * test_dkim_cases.c - labelled cases of key records, where they are at hand.
 */
#include "tests/lib/cases.h"
#include "tests/lib/zonetable.h"

#include "dns/dkim_check.h"

struct asked {
	const char *selector, *domain;
	struct dkim_public ours;
	struct dkim_key key;
	struct findings findings;
};

static int
ask(struct lookup *l, void *arg, struct err *err)
{
	struct asked *a = arg;

	findings_release(&a->findings);
	return dkim_key_check(l, a->selector, a->domain, &a->ours, &a->key, &a->findings, err);
}

static void
read_key(const char *file, struct dkim_public *out)
{
	struct secret *pem = NULL;
	struct buf text = {0};
	struct err err = {0};

	cases_read(file, &text);
	assert_ok(secret_make(text.data, text.len, &pem, &err), &err);
	assert_ok(dkim_public_of(pem, out, &err), &err);
	secret_drop(&pem);
	buf_release(&text);
}

static void
compare(const struct one_case *c, const struct asked *a)
{
	struct json_at status = json_get(&c->expect, "status"), warn = json_get(&c->expect, "warn");
	const char *why = case_text(&c->expect, "why"), *type = case_text(&c->expect, "type");
	int64_t bits = 0;

	if (!case_says(&status, dkim_key_status_name(a->key.status)) && !case_says(&status, "any"))
		fail_msg("%s: %s", c->id, dkim_key_status_name(a->key.status));
	if (why != NULL)
		assert_string_equal(a->key.why, why);
	if (type != NULL)
		assert_string_equal(dkim_algorithm_name(a->key.public.algorithm), type);
	if (case_has(&c->expect, "bits")) {
		struct json_at at = json_get(&c->expect, "bits");

		assert_int_equal(json_want_int(&at, 0, 65536, &bits, NULL), CR_OK);
		assert_int_equal(a->key.public.bits, bits);
	}
	if (case_has(&c->expect, "testing"))
		assert_true(a->key.testing);
	for (size_t i = 0; i < json_count(&warn); i++) {
		struct json_at one = json_item(&warn, i);
		const char *word = NULL;
		char id[64];

		assert_int_equal(json_want_string(&one, &word, NULL), CR_OK);
		(void)snprintf(id, sizeof(id), "dkim-%s", word);
		assert_non_null(findings_find(&a->findings, id));
	}
}

static void
check_key(void **state)
{
	const struct one_case *c = *state;
	struct json_at dns = json_get(&c->at, "dns");
	struct asked a = {.selector = case_text(&c->at, "selector"), .domain = case_text(&c->at, "domain")};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	read_key(case_text(&c->at, "key"), &a.ours);
	for (int deferred = 0; deferred < 2; deferred++) {
		zonetable_open_at(&dns, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, ask, &a, &err), &err);
		lookup_drop(&l);
		zonetable_close(&t);
		compare(c, &a);
	}
	findings_release(&a.findings);
}

int
main(void)
{
	static struct cases keys;
	int failed;

	cases_open("dkim_keys.json", check_key, &keys);
	failed = rows_run("dns/dkim_cases: keys", keys.tests, keys.n_tests);
	cases_close(&keys);
	return failed;
}
