/*
 * test_authres.c - how Authentication-Results are read: what the grammar allows, what receivers write, and what must not be believed.
 */
#include "tests/lib/rows.h"

#include "dns/authres.h"

/* A field as one line: "ID[ VERSION] LENIENT? | method[/V]=result reason{R} comment{C} ptype.property{value} ... | ..." */
static void
describe(const struct authres *a, char *out, size_t size)
{
	FILE *f = fmemopen(out, size, "w");

	assert_non_null(f);
	(void)fprintf(f, "%s", a->invalid ? "invalid" : a->authserv_id != NULL ? a->authserv_id : "(nameless)");
	if (a->version != 0)
		(void)fprintf(f, " %d", a->version);
	if (a->lenient && !a->invalid)
		(void)fprintf(f, " lenient");
	for (size_t i = 0; i < a->n; i++) {
		const struct authres_result *r = &a->results[i];

		(void)fprintf(f, " | %s", r->method);
		if (r->method_version != 1)
			(void)fprintf(f, "/%d", r->method_version);
		(void)fprintf(f, "=%s", r->result);
		if (r->reason != NULL)
			(void)fprintf(f, " reason{%s}", r->reason);
		if (r->comment != NULL)
			(void)fprintf(f, " comment{%s}", r->comment);
		for (size_t k = 0; k < r->n_props; k++)
			(void)fprintf(f, " %s.%s{%s}", r->props[k].ptype, r->props[k].property, r->props[k].value);
	}
	(void)fclose(f);
}

/* clang-format off */
static const struct row {
	const char *name, *value, *want;
} rows[] = {
	/* the grammar */
	{"nothing was checked", "mx.example; none", "mx.example"},
	{"nothing was checked, in any case, with comments", "mx.example (c) 1 (d) ; (e) NONE (f)", "mx.example 1"},
	{"a method and its property", "mx.example; spf=pass smtp.mailfrom=a.example", "mx.example | spf=pass smtp.mailfrom{a.example}"},
	{"several properties", "mx.example; dkim=pass header.d=a.example header.s=s1", "mx.example | dkim=pass header.d{a.example} header.s{s1}"},
	{"several results", "mx.example; spf=pass; dkim=fail", "mx.example | spf=pass | dkim=fail"},
	{"the same method twice", "mx.example; spf=fail smtp.mailfrom=a.example; spf=pass smtp.helo=b.example",
		"mx.example | spf=fail smtp.mailfrom{a.example} | spf=pass smtp.helo{b.example}"},
	{"the version of a method", "mx.example; spf/1=pass; dkim/2=pass", "mx.example | spf=pass | dkim/2=pass"},
	{"comments around everything",
		"(a) mx.example (b) 1 (c) ; (d) spf (e) / (f) 1 (g) = (h) pass (i) smtp (j) . (k) mailfrom (l) = (m) x.example (n)",
		"mx.example 1 | spf=pass comment{i} smtp.mailfrom{x.example}"},
	{"folding around everything",
		"\r\n mx.example\r\n\t1\r\n ;\r\n spf\r\n /\r\n 1\r\n =\r\n pass\r\n smtp\r\n .\r\n mailfrom\r\n =\r\n x.example\r\n",
		"mx.example 1 | spf=pass smtp.mailfrom{x.example}"},
	{"comments in comments", "mx.example; spf=pass (a (b; dkim=pass) (c (d)) e) smtp.helo=x",
		"mx.example | spf=pass comment{a (b; dkim=pass) (c (d)) e} smtp.helo{x}"},
	{"brackets behind backslashes", "mx.example; spf=fail (a \\) ; dkim=pass \\( b) smtp.helo=x",
		"mx.example | spf=fail comment{a ) ; dkim=pass ( b} smtp.helo{x}"},
	{"a quote within a comment opens nothing", "mx.example; spf=fail (say \"hello) smtp.helo=x",
		"mx.example | spf=fail comment{say \"hello} smtp.helo{x}"},
	{"a bracket within quotes opens nothing", "mx.example; spf=fail reason=\"a ( b\" smtp.helo=x",
		"mx.example | spf=fail reason{a ( b} smtp.helo{x}"},
	{"a folded comment is one line", "mx.example; spf=fail (a\r\n\t b) smtp.helo=x", "mx.example | spf=fail comment{a b} smtp.helo{x}"},
	{"a comment glued to the result", "mx.example; spf=pass(good) smtp.helo=x", "mx.example | spf=pass comment{good} smtp.helo{x}"},
	{"a comment glued to a value", "mx.example; spf=pass smtp.helo=x(good)", "mx.example | spf=pass comment{good} smtp.helo{x}"},
	{"a quoted authserv-id", "\"mx.example\" 1; spf=pass", "mx.example 1 | spf=pass"},
	{"a quoted value with what looks like a result", "mx.example; dkim=fail reason=\"x; spf=pass smtp.mailfrom=y\"",
		"mx.example | dkim=fail reason{x; spf=pass smtp.mailfrom=y}"},
	{"quoted pairs are undone", "mx.example; dkim=fail reason=\"a \\\"b\\\" \\\\ c\"", "mx.example | dkim=fail reason{a \"b\" \\ c}"},
	{"a quoted property", "mx.example; dkim=pass header.d=\"a.example\"", "mx.example | dkim=pass header.d{a.example}"},
	{"an empty quoted property", "mx.example; spf=none smtp.mailfrom=\"\"", "mx.example | spf=none smtp.mailfrom{}"},
	{"a mailbox", "mx.example; spf=pass smtp.mailfrom=a+b=c@x.example", "mx.example | spf=pass smtp.mailfrom{a+b=c@x.example}"},
	{"a domain with its @", "mx.example; dkim=pass header.i=@x.example", "mx.example | dkim=pass header.i{@x.example}"},
	{"a mailbox with a quoted local part", "mx.example; spf=pass smtp.mailfrom=\"a b; c\"@x.example",
		"mx.example | spf=pass smtp.mailfrom{a b; c@x.example}"},
	{"names in any case, values as they are", "MX.Example; SPF=PASS SMTP.MailFrom=A@X.Example", "MX.Example | spf=pass smtp.mailfrom{A@X.Example}"},
	{"a method nobody knows", "mx.example; x-own=maybe policy.level=3", "mx.example | x-own=maybe policy.level{3}"},
	{"letters beyond ASCII", "m\xc3\xbc.example; spf=pass smtp.mailfrom=\xc3\xa9@x.example",
		"m\xc3\xbc.example | spf=pass smtp.mailfrom{\xc3\xa9@x.example}"},

	/* receivers */
	{"Microsoft: no authserv-id, action without ptype",
		"spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.example; dkim=pass header.d=a.example;dmarc=pass action=none\r\n header.from=a.example;compauth=pass reason=100",
		"(nameless) lenient | spf=pass comment{sender IP is 192.0.2.1} smtp.mailfrom{a.example} | dkim=pass header.d{a.example} | dmarc=pass .action{none} header.from{a.example} | compauth=pass reason{100}"},
	{"Microsoft, formerly: the recipient's domain as a part",
		"spf=pass smtp.mailfrom=a.example; r.example; dkim=none (message not signed) header.d=none;r.example; dmarc=none action=none header.from=a.example;",
		"(nameless) lenient | spf=pass smtp.mailfrom{a.example} | dkim=none comment{message not signed} header.d{none} | dmarc=none .action{none} header.from{a.example}"},
	{"Yahoo: a final semicolon", "atlas.example; dkim=pass header.i=@a.example header.s=s; dmarc=pass(p=REJECT,sp=NONE) header.from=a.example;",
		"atlas.example lenient | dkim=pass header.i{@a.example} header.s{s} | dmarc=pass comment{p=REJECT,sp=NONE} header.from{a.example}"},
	{"Fastmail: properties without ptype",
		"mx6.example; dkim=pass (2048-bit rsa key sha256) header.d=a.example header.b=Ab/c+d= x-bits=2048; x-ptr=pass smtp.helo=h policy.ptr=h",
		"mx6.example lenient | dkim=pass comment{2048-bit rsa key sha256} header.d{a.example} header.b{Ab/c+d=} .x-bits{2048} | x-ptr=pass smtp.helo{h} policy.ptr{h}"},
	{"iCloud and others: none with a semicolon", "bimi.example; none;", "bimi.example lenient"},
	{"a sender of BATV, not quoted", "mx.example; spf=pass smtp.mailfrom=prvs=1234ab=user@x.example",
		"mx.example | spf=pass smtp.mailfrom{prvs=1234ab=user@x.example}"},
	{"an address that should be quoted", "mx.example; iprev=pass policy.iprev=2001:db8::1 smtp.remote-ip=[192.0.2.1]",
		"mx.example lenient | iprev=pass policy.iprev{2001:db8::1} smtp.remote-ip{[192.0.2.1]}"},
	{"angle brackets", "mx.example; spf=none smtp.mailfrom=<> smtp.helo=h", "mx.example lenient | spf=none smtp.mailfrom{<>} smtp.helo{h}"},
	{"a value that is not there", "mx.example; spf=none smtp.mailfrom=; dkim=none", "mx.example lenient | spf=none smtp.mailfrom{} | dkim=none"},
	{"a value that is not there before another", "mx.example; spf=none smtp.mailfrom= smtp.helo=h.example",
		"mx.example lenient | spf=none smtp.mailfrom{} smtp.helo{h.example}"},
	{"a reason behind the properties", "mx.example; dkim=fail header.d=x.example reason=\"no key\"",
		"mx.example lenient | dkim=fail reason{no key} header.d{x.example}"},
	{"an underscore in a name", "mx.example; x_own=pass a_b.c_d=e", "mx.example lenient | x_own=pass a_b.c_d{e}"},
	{"a property of several words", "mx.example; x=pass policy.a.b=c", "mx.example lenient | x=pass policy.a.b{c}"},
	{"words that belong nowhere", "mx.example; spf=pass by magic smtp.helo=h, [x]", "mx.example lenient | spf=pass smtp.helo{h,}"},
	{"empty parts", "mx.example;; spf=pass ;;; dkim=pass;", "mx.example lenient | spf=pass | dkim=pass"},
	{"a quoted result", "mx.example; spf=\"pass\" smtp.helo=h", "mx.example lenient | spf=pass smtp.helo{h}"},
	{"a part that is no result", "mx.example; spf; dkim==pass; dmarc=pass", "mx.example lenient | dmarc=pass"},
	{"a result of two words is none", "mx.example; spf=pass=fail; dkim=pass,fail; dmarc=pass/2; arc=none", "mx.example lenient | arc=none"},

	/* what must not be believed */
	{"nothing", "", "invalid"},
	{"blanks", " \r\n\t ", "invalid"},
	{"a name alone", "mx.example", "invalid"},
	{"semicolons", ";;;", "invalid"},
	{"no name before the first semicolon", "; spf=pass smtp.mailfrom=x.example", "invalid"},
	{"an open comment", "mx.example; spf=pass (good; dkim=pass", "invalid"},
	{"an open comment in a comment", "mx.example; spf=pass (a (b); dkim=pass", "invalid"},
	{"an open comment at the very end", "mx.example; spf=pass; dkim=pass (", "invalid"},
	{"a comment that a backslash keeps open", "mx.example; spf=pass (a\\); dkim=pass", "invalid"},
	{"an open comment before the name", "(mx.example; spf=pass", "invalid"},
	{"an open comment in place of none", "mx.example; none (", "invalid"},
	{"an open quote", "mx.example; spf=fail reason=\"x; dkim=pass", "invalid"},
	{"an open quote in a part that is no result", "mx.example; spf=pass; \"x; dkim=pass", "invalid"},
	{"an open quote around a result", "mx.example; spf=\"pass; dkim=pass", "invalid"},
	{"an open quote in a value", "mx.example; spf=pass smtp.mailfrom=a\"b@x.example; dkim=pass", "invalid"},
	{"an open quote in place of the name", "\"mx.example; spf=pass", "invalid"},
	{"a quote that a backslash keeps open", "mx.example; spf=pass reason=\"a\\\"; dkim=pass", "invalid"},
	{"a bracket too many", "mx.example; spf=fail (a) b); dkim=pass", "invalid"},
	{"more than a version behind the name", "mx.example other.example; spf=pass", "invalid"},
	{"none beside a result", "mx.example; none; spf=pass", "invalid"},
	{"a version that is no number", "mx.example one; spf=pass", "invalid"},
	{"a version beyond counting is not version 1", "mx.example 18446744073709551617; spf=pass", "mx.example 999 | spf=pass"},
	{"version 0 is not version 1", "mx.example; spf/0=pass", "mx.example | spf/999=pass"},
};
/* clang-format on */

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct authres a;
	struct err err = {0};
	char seen[2048];

	assert_ok(authres_read((struct span){r->value, strlen(r->value)}, &a, &err), &err);
	describe(&a, seen, sizeof(seen));
	assert_string_equal(seen, r->want);
	authres_release(&a);
}

/* head, n times body, tail. */
static char *
repeat(const char *head, const char *body, size_t n, const char *tail)
{
	char *text = malloc(strlen(head) + n * strlen(body) + strlen(tail) + 1), *p = text;

	assert_non_null(text);
	p = stpcpy(p, head);
	while (n-- > 0)
		p = stpcpy(p, body);
	(void)stpcpy(p, tail);
	return text;
}

static const struct ceiling {
	const char *name, *head, *body;
	size_t n;
	const char *tail;
	bool invalid;
	size_t results;
} ceilings[] = {
	{"64 results are read",          "m.example", "; dkim=fail", 64,    "",        false, 64},
	{"65 results are too many",      "m.example", "; dkim=fail", 65,    "",        true,  0 },
	{"16 properties are read",       "m; x=y",    " header.d=a", 16,    "",        false, 1 },
	{"17 properties are too many",   "m; x=y",    " header.d=a", 17,    "",        true,  0 },
	{"a comment of any depth",       "m; x=y ",   "(",           30000, "",        true,  0 },
	{"a very long comment",          "m; x=y (",  "0123456789",  6000,  ") a.b=c", false, 1 },
	{"a field above 64 KiB",         "m; x=y (",  "0123456789",  6600,  ") a.b=c", true,  0 },
	{"very many empty parts",        "m",         ";",           60000, "x=y",     false, 1 },
	{"very many words out of place", "m; x=y",    " a",          30000, " p.q=z",  false, 1 },
	{"very many small properties",   "m; x=y",    " a.b",        15000, " p.q=z",  false, 1 },
};

static void
check_ceiling(void **state)
{
	const struct ceiling *c = *state;
	char *text = repeat(c->head, c->body, c->n, c->tail);
	struct authres a;
	struct err err = {0};

	assert_ok(authres_read((struct span){text, strlen(text)}, &a, &err), &err);
	assert_int_equal(a.invalid, c->invalid);
	assert_int_equal(a.n, c->results);
	authres_release(&a);
	free(text);
}

/* However a field is cut off, it says no more than the whole; and never pass when the cut opened something. */
static void
authres__a_field_cut_anywhere_never_gains_a_pass(void **state)
{
	static const char whole[] =
		"mx.example; spf=fail (a \"b\" (c) pass) smtp.mailfrom=\"pass (\"@x.example; dkim=fail "
		"reason=\"dkim=pass; dmarc=pass\" header.d=x.example; dmarc = (pass) fail";
	struct err err = {0};

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		struct authres a;

		assert_ok(authres_read((struct span){whole, len}, &a, &err), &err);
		for (size_t i = 0; i < a.n; i++)
			assert_string_not_equal(a.results[i].result, "pass");
		authres_release(&a);
	}
}

static void
authres__a_nul_byte_makes_it_invalid(void **state)
{
	static const char value[] = "mx.example; spf=pass\0; dkim=fail";
	struct authres a;
	struct err err = {0};

	(void)state;
	assert_ok(authres_read((struct span){value, sizeof(value) - 1}, &a, &err), &err);
	assert_true(a.invalid);
	assert_int_equal(a.n, 0);
	authres_release(&a);
}

static void
authres__properties_are_found_without_case(void **state)
{
	static const char value[] = "mx.example; spf=pass smtp.mailfrom=a.example action=none";
	struct authres a;
	struct err err = {0};

	(void)state;
	assert_ok(authres_read((struct span){value, sizeof(value) - 1}, &a, &err), &err);
	assert_string_equal(authres_prop(&a.results[0], "SMTP", "MailFrom"), "a.example");
	assert_string_equal(authres_prop(&a.results[0], "", "action"), "none");
	assert_null(authres_prop(&a.results[0], "smtp", "action"));
	authres_release(&a);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, ceilings, check_ceiling);
	TEST(tests, n, authres__a_field_cut_anywhere_never_gains_a_pass);
	TEST(tests, n, authres__a_nul_byte_makes_it_invalid);
	TEST(tests, n, authres__properties_are_found_without_case);
	return rows_run("dns/authres", tests, n);
}
