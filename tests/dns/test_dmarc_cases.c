/*
 * test_dmarc_cases.c - labelled DMARC cases from beside the project: records, policies and alignment, the walk, report addresses, and
 * the public suffix list; skipped where they are not at hand.
 */
#include "tests/lib/cases.h"
#include "tests/lib/zonetable.h"

#include "dns/dmarc_check.h"

#define TEXTS_MAX 8

static bool
is_true(const struct json_at *at, const char *key)
{
	struct json_at member = json_get(at, key);
	struct err err = {0};
	bool value = false;

	assert_ok(json_want_bool(&member, &value, &err), &err);
	return value;
}

static void
want_text(const struct json_at *at, const char *key, const char *got)
{
	if (case_has(at, key))
		assert_string_equal(got, case_text(at, key));
}

static void
want_flag(const struct json_at *at, const char *key, bool got)
{
	if (case_has(at, key))
		assert_int_equal(got, is_true(at, key));
}

static void
want_uris(const struct json_at *at, const char *key, char got[][DMARC_URI_MAX], size_t n)
{
	struct json_at list = json_get(at, key);

	if (!case_has(at, key))
		return;
	assert_int_equal(n, json_count(&list));
	for (size_t i = 0; i < n; i++) {
		struct json_at one = json_item(&list, i);

		assert_true(case_says(&one, got[i]));
	}
}

static void
want_findings(const struct json_at *expect, const struct findings *f)
{
	struct json_at list = json_get(expect, "warn");

	for (size_t i = 0; i < json_count(&list); i++) {
		struct json_at one = json_item(&list, i);
		const char *tag = NULL;
		const struct finding *found;
		char id[64];
		struct err err = {0};

		assert_ok(json_want_string(&one, &tag, &err), &err);
		(void)snprintf(id, sizeof(id), "dmarc-%s", tag);
		found = findings_find(f, id);
		if (found == NULL)
			found = findings_find(f, "dmarc-unknown-tag");
		if (found == NULL) {
			fail_msg("nothing is said of %s", tag);
			return;
		}
		assert_true(found->level != FINDING_NOTE);
		assert_non_null(strstr(found->text, strcmp(tag, "order") == 0 ? "p" : tag));
	}
}

static void
check_record(void **state)
{
	const struct one_case *c = *state;
	struct json_at txt = json_get(&c->at, "txt");
	const char *texts[TEXTS_MAX];
	struct buf joined[TEXTS_MAX] = {0};
	struct dmarc_reading r;
	struct findings f = {0};
	struct err err = {0};
	size_t n = json_count(&txt);
	const char *status = case_text(&c->expect, "status");

	assert_true(n <= TEXTS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct json_at strings = json_item(&txt, i);

		for (size_t k = 0; k < json_count(&strings); k++) {
			struct json_at s = json_item(&strings, k);
			const char *text = NULL;

			assert_ok(json_want_string(&s, &text, &err), &err);
			buf_adds(&joined[i], text);
		}
		texts[i] = buf_str(&joined[i]);
	}
	assert_ok(dmarc_read(texts, n, &r, &f, &err), &err);
	if (strcmp(status, "any") != 0)
		assert_string_equal(dmarc_status_name(r.status), status);
	want_text(&c->expect, "p", dmarc_policy_name(r.p));
	want_text(&c->expect, "sp", dmarc_policy_name(r.sp));
	want_text(&c->expect, "np", dmarc_policy_name(r.np));
	want_text(&c->expect, "adkim", r.record.adkim_strict ? "s" : "r");
	want_text(&c->expect, "aspf", r.record.aspf_strict ? "s" : "r");
	want_text(&c->expect, "t", r.record.testing ? "y" : "n");
	want_text(&c->expect, "psd", (char[]){r.psd, '\0'});
	want_text(&c->expect, "fo", r.fo);
	want_uris(&c->expect, "rua", r.record.rua, r.record.n_rua);
	want_uris(&c->expect, "ruf", r.ruf, r.n_ruf);
	want_flag(&c->expect, "enforced", r.enforced);
	want_findings(&c->expect, &f);
	findings_release(&f);
	for (size_t i = 0; i < n; i++)
		buf_release(&joined[i]);
}

struct judging {
	const char *from;
	struct dmarc_identifier spf, dkim[TEXTS_MAX];
	size_t n_dkim;
	struct dmarc_judgement got;
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct judging *j = arg;

	return dmarc_judge(l, j->from, &j->spf, j->dkim, j->n_dkim, &j->got, NULL, err);
}

static void
read_identifiers(const struct json_at *at, struct judging *out)
{
	struct json_at spf = json_get(at, "spf"), dkim = json_get(at, "dkim");

	out->from = case_text(at, "from");
	if (spf.node != NULL)
		out->spf = (struct dmarc_identifier){case_text(&spf, "domain"),
		                                     strcmp(case_text(&spf, "result"), "pass") == 0};
	for (size_t i = 0; i < json_count(&dkim); i++) {
		struct json_at one = json_item(&dkim, i);

		assert_true(out->n_dkim < TEXTS_MAX);
		out->dkim[out->n_dkim++] =
			(struct dmarc_identifier){case_text(&one, "d"), strcmp(case_text(&one, "result"), "pass") == 0};
	}
}

static void
check_eval(void **state)
{
	const struct one_case *c = *state;
	struct json_at zone = json_get(&c->at, "zone"), result = json_get(&c->expect, "result");

	for (int deferred = 0; deferred < 2; deferred++) {
		struct judging j = {0};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};

		zonetable_open_at(&zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		read_identifiers(&c->at, &j);
		assert_ok(lookup_settle_one(l, judge, &j, &err), &err);
		if (!case_says(&result, dmarc_result_name(j.got.result)))
			fail_msg("%s: got %s", c->id, dmarc_result_name(j.got.result));
		want_text(&c->expect, "policy_domain", j.got.found.policy_domain);
		want_text(&c->expect, "policy", dmarc_policy_name(j.got.disposition));
		want_text(&c->expect, "org_domain", j.got.found.organisational);
		want_flag(&c->expect, "spf_aligned", j.got.spf_aligned);
		want_flag(&c->expect, "dkim_aligned", j.got.dkim_aligned);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

struct discovering {
	const char *domain;
	struct dmarc_policy_found got;
};

static int
discover(struct lookup *l, void *arg, struct err *err)
{
	struct discovering *d = arg;

	return dmarc_discover(l, d->domain, &d->got, NULL, err);
}

static void
check_walk(void **state)
{
	const struct one_case *c = *state;
	struct json_at queries = json_get(&c->at, "queries");

	for (int deferred = 0; deferred < 2; deferred++) {
		struct discovering d = {.domain = case_text(&c->at, "domain")};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};

		zonetable_open("{}", &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, discover, &d, &err), &err);
		assert_int_equal(t.n_asked, json_count(&queries));
		for (size_t i = 0; i < t.n_asked; i++) {
			struct json_at one = json_item(&queries, i);

			assert_true(strncmp(t.asked[i], "TXT ", 4) == 0);
			assert_true(case_says(&one, t.asked[i] + 4));
		}
		assert_string_equal(dmarc_status_name(d.got.status), "none");
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

struct reporting {
	const char *domain, *uri;
	enum dmarc_report got;
	char query[NAME_TEXT_MAX], override[DMARC_URI_MAX];
};

static int
report(struct lookup *l, void *arg, struct err *err)
{
	struct reporting *r = arg;

	return dmarc_report_allowed(l, r->domain, r->uri, &r->got, r->query, r->override, err);
}

static void
check_report(void **state)
{
	const struct one_case *c = *state;
	struct json_at zone = json_get(&c->at, "zone");

	for (int deferred = 0; deferred < 2; deferred++) {
		struct reporting r = {.domain = case_text(&c->at, "policy_domain"), .uri = case_text(&c->at, "uri")};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};

		zonetable_open_at(&zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, report, &r, &err), &err);
		assert_string_equal(dmarc_report_name(r.got), case_text(&c->expect, "status"));
		want_text(&c->expect, "query", r.query);
		if (case_has(&c->expect, "override"))
			assert_string_equal(r.override, case_text(&c->expect, "override") != NULL
			                                        ? case_text(&c->expect, "override")
			                                        : "");
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

static void
check_suffix(void **state)
{
	const struct one_case *c = *state;
	const char *want = case_text(&c->at, "registrable");
	struct name name, organisation;
	struct err err = {0};

	assert_ok(name_parse(case_text(&c->at, "name"), &name, &err), &err);
	name_organisation(name.text, &organisation);
	assert_int_equal(name_is_public_suffix(name.text), want == NULL);
	assert_string_equal(organisation.text, want != NULL ? want : name.text);
}

int
main(void)
{
	static struct cases cases;
	static const struct {
		const char *file;
		void (*fn)(void **state);
	} files[] = {
		{"dmarc_records.json",     check_record},
                {"dmarc_eval.json",        check_eval  },
		{"dmarc_walk.json",        check_walk  },
                {"dmarc_report_auth.json", check_report},
		{"psl.json",               check_suffix},
	};
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cases_open(files[i].file, files[i].fn, &cases);
		failed += rows_run(files[i].file, cases.tests, cases.n_tests);
		cases_close(&cases);
	}
	return failed > 255 ? 255 : failed;
}
