/*
 * test_dkim_cases.c - labelled cases of key records and of signed messages, where they are at hand.
 */
#include "tests/lib/cases.h"
#include "tests/lib/zonetable.h"

#include <time.h>

#include "dns/dkim_check.h"
#include "dns/signature.h"

#define NOW_S ((int64_t)1795600000) /* where a case does not fix it: November 2026 */

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

/* ---- messages ---- */

struct mail {
	struct message message;
	int64_t now_s;
	struct signatures got;
};

static int
verify(struct lookup *l, void *arg, struct err *err)
{
	struct mail *m = arg;

	return signatures_verify(l, &m->message, m->now_s, &m->got, err);
}

static int64_t
now_of(const struct one_case *c)
{
	const char *text = case_text(&c->at, "now");
	struct tm tm = {0};

	if (text == NULL)
		return NOW_S;
	assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm));
	return (int64_t)timegm(&tm);
}

static void
compare_text(const struct json_at *want, const char *key, const char *got)
{
	const char *text = case_text(want, key);

	/* Where the tag is missing, there is nothing to tell. */
	if (text != NULL && got[0] != '\0')
		assert_string_equal(got, text);
}

static void
compare_signature(const struct one_case *c, const struct json_at *want, const struct signature *s)
{
	const char *verdict = case_text(want, "verdict"), *word = signature_result_name(s->result);
	struct json_at class = json_get(want, "class");
	bool right = true;

	if (strcmp(verdict, "pass") == 0)
		right = s->result == SIGNATURE_PASS;
	else if (strcmp(verdict, "nopass") == 0)
		right = s->result != SIGNATURE_PASS && s->result != SIGNATURE_NONE && s->result != SIGNATURE_TEMPERROR;
	else if (strcmp(verdict, "temperror") == 0)
		right = s->result == SIGNATURE_TEMPERROR;
	if (!right || (class.node != NULL && !case_says(&class, word)))
		fail_msg("%s: %s, not %s: %s", c->id, word, verdict, s->why);
	assert_int_equal(s->reason == NULL, s->result == SIGNATURE_PASS);
	compare_text(want, "d", s->domain);
	compare_text(want, "s", s->selector);
	compare_text(want, "a", s->algorithm);
}

static void
check_mail(void **state)
{
	const struct one_case *c = *state;
	struct json_at dns = json_get(&c->at, "dns");
	struct mail m = {.now_s = now_of(c)};
	struct buf text = {0};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	cases_read(case_text(&c->at, "eml"), &text);
	assert_ok(message_read(text.data, text.len, &m.message, &err), &err);
	for (int deferred = 0; deferred < 2; deferred++) {
		zonetable_open_at(&dns, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, verify, &m, &err), &err);
		lookup_drop(&l);
		zonetable_close(&t);
		assert_int_equal(m.got.n, json_count(&c->expect));
		for (size_t i = 0; i < m.got.n; i++) {
			struct json_at want = json_item(&c->expect, i);

			compare_signature(c, &want, &m.got.items[i]);
		}
	}
	signatures_release(&m.got);
	message_release(&m.message);
	buf_release(&text);
}

int
main(void)
{
	static struct cases keys, mails;
	int failed;

	cases_open("dkim_keys.json", check_key, &keys);
	failed = rows_run("dns/dkim_cases: keys", keys.tests, keys.n_tests);
	cases_close(&keys);
	cases_open("dkim.json", check_mail, &mails);
	failed += rows_run("dns/dkim_cases: messages", mails.tests, mails.n_tests);
	cases_close(&mails);
	return failed;
}
